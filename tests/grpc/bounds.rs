//! The bounds of a request, and the answer to a client that exceeds them.

use cellftp::client::operation_event::Change;
use cellftp::client::watch_events_response::Event;
use cellftp::client::{Client, ProfileAccess};
use cellftp::proto::create_upload_request::Message;
use cellftp::proto::transfer_service_client::TransferServiceClient;
use cellftp::proto::{
    self, CreateDownloadRequest, CreateUploadRequest, GetRequest, PutFinish, ReadTransferRequest,
    UploadHeader,
};
use prost::Message as _;
use tokio_stream::iter;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Code, Request};
use tonic_prost::ProstCodec;

use crate::house::{House, content, here, refused, target};

fn profile(name: String) -> Option<proto::Target> {
    Some(proto::Target {
        destination: Some(proto::target::Destination::Profile(name)),
    })
}

/// 20,000 bytes came back in trailers, which broke the client's whole connection.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_name_is_refused_and_not_repeated() {
    let house = House::ready().await;
    house.store("file", b"1234");
    let mut ftps = house.ftps().await;
    let request = proto::GetSizeRequest {
        target: profile("x".repeat(20_000)),
        path: "/file".into(),
        ..Default::default()
    };
    let status = refused(
        ftps.get_size(request).await,
        Code::InvalidArgument,
        "INVALID_FIELDS",
    );
    assert!(status.message().len() < 200, "{status:?}");
    let request = proto::GetSizeRequest {
        target: target(),
        path: "/file".into(),
        ..Default::default()
    };
    let size = ftps.get_size(request).await.unwrap().into_inner().size;
    assert_eq!(size, 4, "the connection is whole");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_get_that_begins_beyond_the_end_is_out_of_range() {
    let house = House::ready().await;
    house.store("file", &content(1000));
    let request = GetRequest {
        target: target(),
        path: "/file".into(),
        offset: 1001,
        ..Default::default()
    };
    let answers = async {
        let mut answers = house.ftps().await.get(request).await?.into_inner();
        while answers.message().await?.is_some() {}
        Ok(())
    };
    refused(answers.await, Code::OutOfRange, "WRONG_OFFSET");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_that_is_read_beyond_its_end_is_out_of_range() {
    let house = House::ready().await;
    house.store("file", &content(1000));
    let mut transfers = TransferServiceClient::new(house.channel().await);
    let wish = CreateDownloadRequest {
        transfer_id: "down".into(),
        profile: "here".into(),
        path: "/file".into(),
        ..Default::default()
    };
    transfers.create_download(wish).await.unwrap();
    let read = async |offset| {
        let request = ReadTransferRequest {
            transfer_id: "down".into(),
            offset,
        };
        let mut answers = transfers.clone().read_transfer(request).await?.into_inner();
        while answers.message().await?.is_some() {}
        Ok(())
    };
    // The first waits until all of it is there.
    read(1000).await.unwrap();
    refused(read(1001).await, Code::OutOfRange, "WRONG_OFFSET");
}

/// The library reports INTERNAL, as if the daemon were at fault.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_cannot_be_read_is_the_callers_fault() {
    let house = House::ready().await;
    // A text that is no target, in place of a target.
    let other = proto::CloseSessionRequest {
        session_id: "zzz".into(),
        ..Default::default()
    };
    assert!(proto::GetSizeRequest::decode(&*other.encode_to_vec()).is_err());
    let mut grpc = Grpc::new(house.channel().await);
    grpc.ready().await.unwrap();
    let path = PathAndQuery::from_static("/cellftp.v1.FtpsService/GetSize");
    let codec = ProstCodec::<_, proto::GetSizeResponse>::default();
    let answer = grpc.unary(Request::new(other), path, codec).await;
    let status = refused(answer, Code::InvalidArgument, "MALFORMED_MESSAGE");
    assert!(!status.message().is_empty());
}

/// Each costs the processor as much as a long one. The whole connection ended with a GOAWAY.
#[tokio::test(flavor = "multi_thread")]
async fn many_chunks_of_a_byte_end_with_a_reason_and_the_connection_stays() {
    let house = House::ready().await;
    let header = UploadHeader {
        transfer_id: "t".into(),
        profile: "here".into(),
        path: "/t".into(),
        ..Default::default()
    };
    let chunks = (0..5000).map(|_| Message::Chunk(b"x".as_slice().into()));
    let messages = std::iter::once(Message::Header(header)).chain(chunks);
    let messages = messages.map(|message| CreateUploadRequest {
        message: Some(message),
    });
    let mut transfers = TransferServiceClient::new(house.channel().await);
    let answer = transfers.create_upload(iter(messages)).await;
    let status = refused(answer, Code::InvalidArgument, "CHUNKS_TOO_SHORT");
    assert!(status.message().contains("256"), "{status:?}");
    let there = transfers.list_transfers(proto::ListTransfersRequest::default());
    there.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_follows_finish_is_refused() {
    let house = House::ready().await;
    let header = UploadHeader {
        transfer_id: "t".into(),
        profile: "here".into(),
        path: "/t".into(),
        ..Default::default()
    };
    let messages = [
        Message::Header(header),
        Message::Chunk(content(1000).into()),
        Message::Finish(PutFinish::default()),
        Message::Chunk(content(1000).into()),
    ];
    let messages = messages.map(|message| CreateUploadRequest {
        message: Some(message),
    });
    let mut transfers = TransferServiceClient::new(house.channel().await);
    let answer = transfers.create_upload(iter(messages)).await;
    refused(answer, Code::InvalidArgument, "INVALID_FIELDS");
}

/// A client that may not use the profile saw its host and port while another client was logged in.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_learns_of_a_server_that_it_may_not_use() {
    let more = "[access.here]\nwrite = [\"uid:*\"]\n[roles]\nadminister = [\"uid:*\"]\n";
    let house = House::with(more).await;
    house.store("file", b"1234");
    let client = house.client().await;
    let stranger = Client::connect(&house.tcp.parse().unwrap()).await.unwrap();
    let mut told = [
        client.events(Vec::new()).await.unwrap(),
        stranger.events(Vec::new()).await.unwrap(),
    ];
    assert_eq!(client.size(&here(), "/file").await.unwrap(), 4);
    let login = client.status().await.unwrap().login.unwrap();
    assert_eq!(
        (login.profile.as_str(), login.port),
        ("here", u32::from(house.ftp_port))
    );
    assert_eq!(stranger.status().await.unwrap().login, None);
    assert_eq!(client.profiles().await.unwrap().len(), 1);
    assert_eq!(stranger.profiles().await.unwrap(), []);
    let mut logins = [false, false];
    for (events, seen) in told.iter_mut().zip(&mut logins) {
        loop {
            let event = events.next().await.unwrap().unwrap().event.unwrap();
            match event {
                Event::Link(link) => *seen |= link.login.is_some(),
                Event::Operation(operation)
                    if matches!(operation.change, Some(Change::Ended(_))) =>
                {
                    break;
                }
                _ => {}
            }
        }
    }
    assert_eq!(logins, [true, false]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_only_read_a_profile_does_not_write() {
    let house = House::with("[access.here]\nread = [\"tcp\"]\nwrite = [\"uid:*\"]\n").await;
    house.store("file", b"1234");
    let stranger = Client::connect(&house.tcp.parse().unwrap()).await.unwrap();
    assert_eq!(stranger.size(&here(), "/file").await.unwrap(), 4);
    let access = |profiles: Vec<cellftp::client::Profile>| profiles[0].access();
    assert_eq!(
        access(stranger.profiles().await.unwrap()),
        ProfileAccess::Read
    );
    let error = stranger.delete_file(&here(), "/file").await.unwrap_err();
    assert!(
        format!("{error:?}").contains("PROFILE_NOT_ALLOWED"),
        "{error:?}"
    );
    house
        .client()
        .await
        .delete_file(&here(), "/file")
        .await
        .unwrap();
}
