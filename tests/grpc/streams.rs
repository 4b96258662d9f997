//! Get and Put: content, the order of messages, and callers that leave.
//!
//! Above 400 lines because the order of messages is one subject for both directions.

use bytes::Bytes;
use cellftp::client::{Error, PutOptions, PutState, Verify};
use cellftp::proto::put_request::Message;
use cellftp::proto::{self, PutFinish, PutHeader, PutRequest, PutResponse, put_response};
use tokio::time::timeout;
use tokio_stream::iter;
use tonic::{Code, Status};

use crate::house::{House, PATIENCE, content, here, kind, refused, target};

fn header(path: &str) -> Message {
    Message::Header(PutHeader {
        target: target(),
        path: path.into(),
        ..Default::default()
    })
}

fn chunk(bytes: &[u8]) -> Message {
    Message::Chunk(Bytes::copy_from_slice(bytes))
}

fn finish() -> Message {
    Message::Finish(PutFinish::default())
}

/// Sends messages and then closes its side. Returns the last message.
async fn put(house: &House, messages: Vec<Message>) -> Result<Option<PutResponse>, Status> {
    let messages = messages.into_iter().map(|message| PutRequest {
        message: Some(message),
    });
    let mut stream = house
        .ftps()
        .await
        .put(iter(messages.collect::<Vec<_>>()))
        .await?
        .into_inner();
    let mut last = None;
    while let Some(response) = stream.message().await? {
        last = Some(response);
    }
    Ok(last)
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_every_size_come_back_as_they_went() {
    let house = House::ready().await;
    let client = house.client().await;
    for size in [
        0, 1, 17, 1023, 1024, 1025, 1480, 2048, 2049, 65_537, 700_000,
    ] {
        let sent = content(size);
        let path = format!("/file-{size}");
        let options = PutOptions {
            size: Some(size as u64),
            ..Default::default()
        };
        let result = client
            .put(&here(), &path, &options, &mut sent.as_slice(), |_| ())
            .await
            .unwrap();
        assert_eq!(
            result.state(),
            PutState::VerifiedSize,
            "{size}: {}",
            result.evidence
        );
        assert_eq!(std::fs::read(house.root().join(&path[1..])).unwrap(), sent);

        let mut back = Vec::new();
        let download = client.get(&here(), &path, 0).await.unwrap();
        assert_eq!(download.info().size, Some(size as i64));
        download.copy_to(&mut back, |_| ()).await.unwrap();
        assert!(back == sent, "{size} bytes came back different");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_get_begins_where_it_is_told() {
    let house = House::ready().await;
    let file = content(5000);
    house.store("file", &file);
    let mut back = Vec::new();
    let download = house
        .client()
        .await
        .get(&here(), "/file", 1234)
        .await
        .unwrap();
    assert_eq!(download.info().offset, 1234);
    let result = download.copy_to(&mut back, |_| ()).await.unwrap();
    assert_eq!(back, file[1234..]);
    assert_eq!(result.chunk_size, 5000 - 1234);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_whose_sentinel_is_refused_tells_its_result_and_then_why() {
    let house = House::ready().await;
    let client = house.client().await;
    let options = PutOptions {
        sentinel: "none/f.ok".into(),
        ..Default::default()
    };
    let put = client
        .put(&here(), "/f", &options, &mut &b"12345"[..], |_| ())
        .await;
    let Err(Error::Unmet { result, refusal }) = put else {
        panic!("the sentinel cannot be written")
    };
    assert_eq!(result.state(), PutState::VerifiedSize);
    assert!(!result.sentinel_written);
    assert_eq!(refusal.reason, "DIRECTORY_NOT_FOUND", "{refusal:?}");
    // The file is left where it is.
    assert_eq!(std::fs::read(house.root().join("f")).unwrap(), b"12345");
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_stay_small() {
    let house = House::ready().await;
    house.store("big", &content(1 << 20));
    let mut download = house.client().await.get(&here(), "/big", 0).await.unwrap();
    while let Some(chunk) = download.chunk().await.unwrap() {
        assert!(chunk.len() <= 64 * 1024, "{}", chunk.len());
    }
    assert_eq!(download.result().unwrap().chunk_size, 1 << 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_reports_its_operation_and_its_evidence() {
    let house = House::ready().await;
    let client = house.client().await;
    let sent = content(100_000);
    let mut operations = Vec::new();
    let options = PutOptions {
        verify: Verify::ReadBack,
        sentinel: "file.ok".into(),
        ..Default::default()
    };
    let result = client
        .put(&here(), "/file", &options, &mut sent.as_slice(), |report| {
            operations.push(report.operation_id.clone());
        })
        .await
        .unwrap();
    assert_eq!(
        result.state(),
        PutState::VerifiedHash,
        "{}",
        result.evidence
    );
    operations.dedup();
    assert_eq!(operations.len(), 1, "{operations:?}");
    let sentinel = std::fs::read_to_string(house.root().join("file.ok")).unwrap();
    assert!(sentinel.starts_with("size=100000\nsha256="), "{sentinel}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sentinel_never_replaces_the_file_that_it_vouches_for() {
    let house = House::ready().await;
    let client = house.client().await;
    for sentinel in [
        "file",
        "/file",
        "./file",
        "/x/../file",
        "/./file",
        "../file",
    ] {
        let options = PutOptions {
            sentinel: sentinel.into(),
            ..Default::default()
        };
        let (target, mut content) = (here(), &b"abc"[..]);
        let put = client.put(&target, "/file", &options, &mut content, |_| ());
        let error = put.await.unwrap_err().to_string();
        assert!(error.contains("names the file itself"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_a_put_have_an_order() {
    let house = House::ready().await;
    let cases = [
        ("chunk first", vec![chunk(b"x"), header("/a")], "header"),
        ("finish first", vec![finish()], "header"),
        ("two headers", vec![header("/b"), header("/b")], "header"),
        (
            "short hash",
            vec![
                header("/c"),
                Message::Finish(PutFinish {
                    sha256: Bytes::from_static(&[1; 31]),
                }),
            ],
            "finish.sha256",
        ),
        (
            "no target",
            vec![Message::Header(PutHeader::default())],
            "header.target",
        ),
    ];
    for (what, messages, field) in cases {
        let outcome = put(&house, messages).await;
        let status = refused(outcome, Code::InvalidArgument, "INVALID_FIELDS");
        assert!(
            status.message().contains(field),
            "{what}: {}",
            status.message()
        );
    }
    let outcome = put(&house, vec![header("/d"), chunk(b"x")]).await;
    refused(outcome, Code::Cancelled, "UNFINISHED");
    let outcome = put(&house, vec![]).await;
    refused(outcome, Code::Cancelled, "UNFINISHED");

    let outcome = put(&house, vec![header("/e"), chunk(b"x"), finish()])
        .await
        .unwrap()
        .unwrap();
    assert!(
        matches!(outcome.message, Some(put_response::Message::Result(_))),
        "{outcome:?}"
    );
    let names: Vec<_> = std::fs::read_dir(house.root())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(names, ["e"], "what was not finished is not there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chunk_after_finish_is_refused() {
    let house = House::slow().await;
    let big = content(60_000);
    let outcome = put(
        &house,
        vec![header("/a"), chunk(&big), finish(), chunk(b"more")],
    )
    .await;
    refused(outcome, Code::InvalidArgument, "INVALID_FIELDS");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_that_is_not_what_it_said_does_not_stay() {
    let house = House::ready().await;
    let wrong = Message::Finish(PutFinish {
        sha256: Bytes::from_static(&[1; 32]),
    });
    let outcome = put(&house, vec![header("/hash"), chunk(b"abc"), wrong]).await;
    refused(outcome, Code::Aborted, "HASH_MISMATCH");

    let sized = |size| {
        Message::Header(PutHeader {
            target: target(),
            path: "/size".into(),
            size: Some(size),
            ..Default::default()
        })
    };
    let outcome = put(&house, vec![sized(2), chunk(b"abc"), finish()]).await;
    refused(outcome, Code::Aborted, "SIZE_MISMATCH");
    let outcome = put(&house, vec![sized(4), chunk(b"abc"), finish()]).await;
    refused(outcome, Code::Aborted, "SIZE_MISMATCH");
    let outcome = put(&house, vec![sized(-4)]).await;
    refused(outcome, Code::InvalidArgument, "INVALID_FIELDS");

    assert_eq!(house.client().await.list(&here(), "/").await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_exists_is_kept_where_that_is_wished() {
    let house = House::ready().await;
    house.store("old", b"precious");
    let careful = Message::Header(PutHeader {
        target: target(),
        path: "/old".into(),
        if_exists: proto::IfExists::Fail.into(),
        ..Default::default()
    });
    let outcome = put(&house, vec![careful, chunk(b"new"), finish()]).await;
    refused(outcome, Code::AlreadyExists, "ALREADY_EXISTS");
    assert_eq!(
        std::fs::read(house.root().join("old")).unwrap(),
        b"precious"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_get_whose_caller_leaves_frees_the_link() {
    let house = House::slow().await;
    house.store("big", &content(20_000_000));
    let client = house.client().await;
    let mut download = client.get(&here(), "/big", 0).await.unwrap();
    download.chunk().await.unwrap().unwrap();
    drop(download);
    // The rest would take seven minutes.
    let size = timeout(PATIENCE, client.size(&here(), "/big"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(size, 20_000_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_whose_caller_leaves_is_taken_away() {
    let house = House::slow().await;
    let client = house.client().await;
    let big = content(20_000_000);
    let (begun, mut seen) = tokio::sync::mpsc::channel(1);
    let uploading = tokio::spawn({
        let client = client.clone();
        async move {
            let options = PutOptions::default();
            client
                .put(&here(), "/big", &options, &mut big.as_slice(), |report| {
                    if report.moved_bytes > 0 {
                        let _ = begun.try_send(());
                    }
                })
                .await
        }
    });
    timeout(PATIENCE, seen.recv()).await.unwrap().unwrap();
    uploading.abort();
    let names = timeout(PATIENCE, client.list(&here(), "/"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(names, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_can_be_cancelled_by_its_id() {
    let house = House::slow().await;
    house.store("big", &content(20_000_000));
    let client = house.client().await;
    let mut download = client.get(&here(), "/big", 0).await.unwrap();
    let operation = download.operation_id().to_owned();

    let status = client.status().await.unwrap();
    assert_eq!(status.running.unwrap().operation_id, operation);

    let cancelled = timeout(PATIENCE, client.cancel(&operation))
        .await
        .unwrap()
        .unwrap();
    assert_ne!(cancelled.ending(), proto::CancelEnding::Unspecified);
    let ended = loop {
        match download.chunk().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("a cancelled download is not whole"),
            Err(error) => break error,
        }
    };
    let Error::Refused(refusal) = ended else {
        panic!("{ended:?}")
    };
    assert_eq!(
        (refusal.code, refusal.reason.as_str()),
        (Code::Cancelled, "CANCELLED")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_callers_get_their_own_files() {
    let house = House::ready().await;
    let files = [
        content(150_000),
        content(90_000).into_iter().rev().collect(),
    ];
    house.store("0", &files[0]);
    house.store("1", &files[1]);
    let tasks: Vec<_> = (0..8)
        .map(|number| {
            let client = house.client();
            async move {
                let client = client.await;
                let mut back = Vec::new();
                let path = format!("/{}", number % 2);
                let download = client.get(&here(), &path, 0).await.unwrap();
                download.copy_to(&mut back, |_| ()).await.unwrap();
                (number % 2, back)
            }
        })
        .collect();
    for (number, back) in futures_util::future::join_all(tasks).await {
        assert!(back == files[number], "a caller got another's file");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_oversized_message_is_refused() {
    let house = House::ready().await;
    let huge = vec![0; 5 * 1024 * 1024];
    let status = put(&house, vec![header("/a"), chunk(&huge), finish()])
        .await
        .unwrap_err();
    let why = (Code::InvalidArgument, "MESSAGE_TOO_LONG".to_owned());
    assert_eq!(kind(&status), why, "{status:?}");
    assert_eq!(house.client().await.list(&here(), "/").await.unwrap(), []);
}
