//! Transfers that outlive their caller.

use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio_stream::iter;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::house::{House, PATIENCE, content, refused};
use cellftp::client::{Client, Error, Transfer, TransferState, UploadHeader};
use cellftp::modem::clock;
use cellftp::proto::create_upload_request::Message;
use cellftp::proto::transfer_service_client::TransferServiceClient;
use cellftp::proto::{
    self, CreateDownloadRequest, CreateUploadRequest, GetTransferRequest, ListTransfersRequest,
    PutFinish, PutState, ReadTransferRequest,
};

async fn transfers(house: &House) -> TransferServiceClient<Channel> {
    TransferServiceClient::new(house.channel().await)
}

fn header(id: &str) -> UploadHeader {
    UploadHeader {
        transfer_id: id.into(),
        profile: "here".into(),
        path: format!("/{id}"),
        ..Default::default()
    }
}

/// Hands a file to the daemon.
async fn upload(client: &Client, id: &str, content: &[u8]) -> Result<Transfer, Error> {
    let mut source = content;
    client.create_upload(header(id), &mut source, |_| ()).await
}

async fn over(client: &Client, id: &str) -> Transfer {
    let mut watch = client.watch_transfer(id).await.unwrap();
    let mut last = None;
    while let Some(transfer) = watch.next().await.unwrap() {
        last = Some(transfer);
    }
    last.unwrap()
}

/// Sends these messages, and then keeps the stream open or ends it.
async fn say(house: &House, messages: Vec<Message>) -> Result<Transfer, Status> {
    let messages: Vec<_> = messages
        .into_iter()
        .map(|message| CreateUploadRequest {
            message: Some(message),
        })
        .collect();
    let answer = transfers(house).await.create_upload(iter(messages)).await?;
    Ok(answer.into_inner().transfer.unwrap())
}

#[tokio::test]
async fn what_is_handed_over_arrives_and_is_told_of() {
    let house = House::ready().await;
    let client = house.client().await;
    let content = content(100_000);
    let accepted = upload(&client, "up", &content).await.unwrap();
    assert_eq!(
        accepted.sha256,
        Bytes::copy_from_slice(&Sha256::digest(&content))
    );
    let done = over(&client, "up").await;
    assert_eq!(done.state(), TransferState::Done, "{done:?}");
    assert_eq!(done.put_state(), PutState::VerifiedSize);
    assert_eq!(std::fs::read(house.root().join("up")).unwrap(), content);
    // The same again is the same.
    let again = upload(&client, "up", &content).await.unwrap();
    assert_eq!(again.state(), TransferState::Done);

    client.create_download("down", "here", "/up").await.unwrap();
    let mut read = Vec::new();
    let result = client
        .read_transfer("down", &mut read, |_| ())
        .await
        .unwrap();
    assert_eq!((read, result.file_size), (content, 100_000));

    let mut service = transfers(&house).await;
    let mut names = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListTransfersRequest {
            page_size: 1,
            page_token,
            ..Default::default()
        };
        let page = service.list_transfers(request).await.unwrap().into_inner();
        names.extend(page.transfers.into_iter().map(|t| t.transfer_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(names, ["down", "up"]);
    for (states, prefix, want) in [
        (vec![TransferState::Failed], "", vec![]),
        (
            vec![TransferState::Failed, TransferState::Done],
            "u",
            vec!["up"],
        ),
        (vec![], "do", vec!["down"]),
    ] {
        let request = ListTransfersRequest {
            states: states.iter().map(|state| i32::from(*state)).collect(),
            transfer_id_prefix: prefix.into(),
            ..Default::default()
        };
        let page = service.list_transfers(request).await.unwrap().into_inner();
        let found: Vec<_> = page.transfers.into_iter().map(|t| t.transfer_id).collect();
        assert_eq!(found, want, "{states:?} {prefix:?}");
    }
    for name in names {
        client.delete_transfer(&name).await.unwrap();
    }
    assert!(client.transfers().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_upload_whose_stream_broke_goes_on_where_it_was() {
    let house = House::ready().await;
    let client = house.client().await;
    let content = content(200_000);
    let part = Bytes::copy_from_slice(&content[..70_000]);
    let broken = say(
        &house,
        vec![Message::Header(header("up")), Message::Chunk(part)],
    );
    refused(broken.await, Code::Cancelled, "UNFINISHED");
    let half = client.transfer("up").await.unwrap();
    assert_eq!(half.state(), TransferState::Receiving);
    assert_eq!(half.committed_size, 70_000);
    client
        .resume_upload("up", &mut content.as_slice(), |_| ())
        .await
        .unwrap();
    assert_eq!(over(&client, "up").await.state(), TransferState::Done);
    assert_eq!(std::fs::read(house.root().join("up")).unwrap(), content);
}

#[tokio::test]
async fn a_daemon_that_stops_waits_neither_for_a_transfer_nor_for_its_watchers() {
    let mut house = House::slow().await;
    let client = house.client().await;
    // Half a minute of this line.
    house.store("big", &content(1_500_000));
    client.create_download("x", "here", "/big").await.unwrap();
    let mut watch = client.watch_transfer("x").await.unwrap();
    while watch.next().await.unwrap().unwrap().attempt_moved_bytes == 0 {}
    let begin = clock::now();
    house.stop.cancel();
    let ended = async { while let Ok(Some(_)) = watch.next().await {} };
    tokio::time::timeout(PATIENCE, ended).await.unwrap();
    let serving = std::mem::replace(&mut house.serving, tokio::spawn(async {}));
    tokio::time::timeout(PATIENCE, serving)
        .await
        .unwrap()
        .unwrap();
    let took = clock::now() - begin;
    println!("stopped in mid-transfer after {took:?}");
    assert!(took < Duration::from_secs(20));
}

#[tokio::test]
async fn what_is_wrong_is_told_and_nothing_is_kept() {
    let house = House::ready().await;
    let mut service = transfers(&house).await;
    let nameless = UploadHeader::default();
    let status = say(&house, vec![Message::Header(nameless)]).await;
    let status = refused(status, Code::InvalidArgument, "INVALID_FIELDS");
    for field in ["header.transfer_id", "header.profile", "header.path"] {
        assert!(status.message().contains(field), "{status:?}");
    }
    let elsewhere = UploadHeader {
        profile: "nowhere".into(),
        ..header("x")
    };
    let status = say(&house, vec![Message::Header(elsewhere)]).await;
    refused(status, Code::NotFound, "PROFILE_NOT_FOUND");
    let lie = Message::Finish(PutFinish {
        sha256: vec![0; 32].into(),
    });
    let status = say(&house, vec![Message::Header(header("x")), lie]).await;
    refused(status, Code::Aborted, "HASH_MISMATCH");
    let request = GetTransferRequest {
        transfer_id: "x".into(),
        ..Default::default()
    };
    let status = service.get_transfer(request).await;
    refused(status, Code::NotFound, "TRANSFER_NOT_FOUND");
}

#[tokio::test]
async fn a_file_that_is_not_there_fails_for_good_and_says_why() {
    let house = House::ready().await;
    let client = house.client().await;
    client.create_download("x", "here", "/none").await.unwrap();
    let failed = over(&client, "x").await;
    assert_eq!(failed.state(), TransferState::Failed);
    let why = failed.last_failure.unwrap();
    assert_eq!(why.reason, "FILE_NOT_FOUND", "{why:?}");
    assert_eq!(why.code, i32::from(Code::NotFound));
    let mut service = transfers(&house).await;
    let request = ReadTransferRequest {
        transfer_id: "x".into(),
        offset: 0,
    };
    let mut stream = service.read_transfer(request).await.unwrap().into_inner();
    refused(stream.message().await, Code::Aborted, "TRANSFER_ENDED");
    house.store("none", b"now it is");
    client.retry_transfer("x").await.unwrap();
    assert_eq!(over(&client, "x").await.state(), TransferState::Done);
    let again = client.retry_transfer("x").await.unwrap_err();
    let Error::Refused(refusal) = again else {
        panic!("{again:?}")
    };
    assert_eq!(refusal.reason, "WRONG_STATE");
}

#[tokio::test]
async fn interactive_work_writes_nothing_and_a_daemon_without_a_directory_says_so() {
    let house = House::ready().await;
    // Interactive work leaves nothing on the disk.
    let client = house.client().await;
    house.store("f", &content(10_000));
    client.size(&crate::house::here(), "/f").await.unwrap();
    assert_eq!(std::fs::read_dir(house.durable()).unwrap().count(), 0);

    let house = House::without_transfers().await;
    let mut service = transfers(&house).await;
    let request = CreateDownloadRequest {
        transfer_id: "x".into(),
        profile: "here".into(),
        path: "/f".into(),
        priority: proto::Priority::Unspecified.into(),
        ..Default::default()
    };
    let status = service.create_download(request).await;
    refused(status, Code::FailedPrecondition, "TRANSFERS_OFF");
}
