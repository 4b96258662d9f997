//! What a request may be, and what one is told who goes beyond it.

use cellftp::client::Client;
use cellftp::proto::create_upload_request::Message;
use cellftp::proto::transfer_service_client::TransferServiceClient;
use cellftp::proto::{self, CreateUploadRequest, GetRequest, PutFinish, UploadHeader};
use tokio_stream::iter;
use tonic::Code;

use crate::house::{House, content, here, refused, target};

fn profile(name: String) -> Option<proto::Target> {
    Some(proto::Target {
        target: Some(proto::target::Target::Profile(name)),
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

#[tokio::test(flavor = "multi_thread")]
async fn who_may_only_read_a_profile_does_not_write() {
    let house = House::with("[access.here]\nread = [\"tcp\"]\nwrite = [\"uid:*\"]\n").await;
    house.store("file", b"1234");
    let stranger = Client::connect(&house.tcp.parse().unwrap()).await.unwrap();
    assert_eq!(stranger.size(&here(), "/file").await.unwrap(), 4);
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
