//! Many files in one call.
//!
//! Above 400 lines because the four batch methods are held to one table of what each file may come to.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::iter;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;

use crate::house::{House, PATIENCE, content, here, refused, target};
use crate::wire::Wire;
use cellftp::client::{GetFilesItem, PutFilesOptions, PutState, SmallFile, Verify, small_files};
use cellftp::proto::put_files_request::Item;
use cellftp::proto::{IfExists, PutFile, PutFilesHeader, PutFilesRequest, put_files_response};

fn header(verify: Verify) -> PutFilesRequest {
    PutFilesRequest {
        item: Some(Item::Header(PutFilesHeader {
            target: target(),
            verify: verify.into(),
            ..Default::default()
        })),
    }
}

fn file(path: &str, content: &[u8]) -> PutFilesRequest {
    PutFilesRequest {
        item: Some(Item::File(PutFile {
            path: path.into(),
            content: Bytes::copy_from_slice(content),
            ..Default::default()
        })),
    }
}

/// How often the host has sent a command with a file name, or a listing.
fn said(heard: &str, verb: &str) -> usize {
    let named = heard.matches(&format!("AT+{verb}=\"")).count();
    named + heard.matches(&format!("AT+{verb}\r")).count()
}

/// Commands that went to the network for files.
fn network(heard: &str) -> usize {
    [
        "CFTPSPUT",
        "CFTPSSIZE",
        "CFTPSLIST",
        "CFTPSGET",
        "CFTPSDELE",
        "CFTPSCWD",
        "CFTPSPWD",
    ]
    .iter()
    .map(|verb| said(heard, verb))
    .sum()
}

async fn wired() -> (Wire, House) {
    let wire = Wire::new();
    let house = House::at(wire.device(), "", "").await;
    std::fs::create_dir(house.root().join("d")).unwrap();
    wire.heard();
    (wire, house)
}

#[tokio::test(flavor = "multi_thread")]
async fn many_small_files_of_one_directory_cost_a_put_each_and_one_listing() {
    let (wire, house) = wired().await;
    let client = house.client().await;
    let files: Vec<_> = (0..100)
        .map(|n| (format!("/d/file-{n}"), content(1 + n * 17)))
        .collect();
    let mut results = Vec::new();
    let summary = client
        .put_files(
            &here(),
            PutFilesOptions::default(),
            small_files(files.clone()),
            |_| (),
            |result| results.push(result),
        )
        .await
        .unwrap();
    assert_eq!((summary.succeeded_count, summary.failed_count), (100, 0));
    let heard = wire.heard();
    let cost = (
        said(&heard, "CFTPSPUT"),
        said(&heard, "CFTPSLIST"),
        network(&heard),
    );
    println!("{} network commands for 100 files", cost.2);
    // The module moves to the directory that it lists.
    assert!(cost.0 == 100 && cost.1 == 1 && cost.2 <= 103, "{cost:?}");
    results.sort_by_key(|result| result.index);
    for ((path, content), result) in files.iter().zip(&results) {
        assert_eq!((&result.path, result.failure.as_ref()), (path, None));
        assert_eq!(result.state(), PutState::VerifiedSize, "{path}");
        assert_eq!(result.size, content.len() as i64);
        let there = std::fs::read(house.root().join(&path[1..])).unwrap();
        assert!(there == *content, "{path}");
    }

    // Reading them costs one command each as well.
    let paths: Vec<_> = files.iter().map(|(path, _)| path.clone()).collect();
    let (mut got, mut now) = (vec![Vec::new(); 100], 0);
    let summary = client
        .get_files(&here(), paths.clone(), |item| {
            match item {
                GetFilesItem::Info(info) => now = info.index as usize,
                GetFilesItem::Chunk(chunk) => got[now].extend_from_slice(&chunk),
                GetFilesItem::Result(result) => assert_eq!(result.failure, None),
                GetFilesItem::Progress(_) | GetFilesItem::Summary(_) => {}
            }
            Ok(())
        })
        .await
        .unwrap();
    assert_eq!(summary.succeeded_count, 100);
    let heard = wire.heard();
    assert_eq!(said(&heard, "CFTPSGET"), 100);
    assert!(network(&heard) <= 103, "{}", network(&heard));
    assert!(files.iter().map(|(_, content)| content).eq(&got));

    // And so does deleting, and looking for them costs one in all.
    let mut sizes = vec![None; 101];
    let asked = paths.iter().cloned().chain(["/d/none".into()]);
    let summary = client
        .stat_files(&here(), asked, |result| {
            let index = result.index as usize;
            sizes[index] = result.entry.and_then(|entry| entry.size);
            let reason = result.failure.map(|failure| failure.reason);
            let absent = (index == 100).then(|| "FILE_NOT_FOUND".to_owned());
            assert_eq!(reason, absent, "{}", result.path);
        })
        .await
        .unwrap();
    assert_eq!((summary.succeeded_count, summary.failed_count), (100, 1));
    let wanted = files.iter().map(|(_, content)| Some(content.len() as i64));
    assert!(wanted.chain([None]).eq(sizes));
    let heard = wire.heard();
    let cost = (said(&heard, "CFTPSLIST"), said(&heard, "CFTPSSIZE"));
    assert_eq!(cost, (1, 1), "the name that is not listed was asked for");

    let mut deleted = 0;
    let asked = paths.into_iter().chain(["/d/none".into()]);
    let summary = client
        .delete_files(&here(), asked, |result| {
            deleted += usize::from(result.failure.is_none());
        })
        .await
        .unwrap();
    assert_eq!((summary.succeeded_count, deleted), (100, 100));
    assert_eq!(said(&wire.heard(), "CFTPSDELE"), 101);
    assert_eq!(
        std::fs::read_dir(house.root().join("d")).unwrap().count(),
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_verification_nothing_is_listed() {
    let (wire, house) = wired().await;
    let files = (0..20).map(|n| (format!("/d/{n}"), content(50)));
    let options = PutFilesOptions {
        verify: Verify::None,
        ..Default::default()
    };
    let told = |result: cellftp::client::PutFileResult| {
        assert_eq!(result.state(), PutState::Unverified);
    };
    let client = house.client().await;
    let summary = client
        .put_files(
            &here(),
            options,
            small_files(files.collect::<Vec<_>>()),
            |_| (),
            told,
        )
        .await
        .unwrap();
    assert_eq!(summary.succeeded_count, 20);
    let heard = wire.heard();
    assert_eq!((said(&heard, "CFTPSPUT"), network(&heard)), (20, 20));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_fails_does_not_stop_the_others() {
    let house = House::ready().await;
    house.store("old", b"theirs");
    let client = house.client().await;
    let files = [
        ("/a", b"one".to_vec()),
        ("/none/b", b"two".to_vec()),
        ("/c", Vec::new()),
        ("/e", b"four".to_vec()),
    ];
    let mut results = Vec::new();
    let summary = client
        .put_files(
            &here(),
            PutFilesOptions::default(),
            small_files(files),
            |_| (),
            |result| results.push(result),
        )
        .await
        .unwrap();
    assert_eq!((summary.succeeded_count, summary.failed_count), (3, 1));
    results.sort_by_key(|result| result.index);
    let reasons = results.iter().map(|result| {
        let failure = result.failure.as_ref();
        failure.map(|failure| (failure.code, failure.reason.as_str()))
    });
    let missing = Some((Code::NotFound as i32, "DIRECTORY_NOT_FOUND"));
    assert!(reasons.eq([None, missing, None, None]), "{results:#?}");

    // FAIL means that each such file fails by itself.
    let options = PutFilesOptions {
        if_exists: IfExists::Fail,
        ..Default::default()
    };
    let files = [("/old", b"ours".to_vec()), ("/new", b"ours".to_vec())];
    let mut failed = Vec::new();
    client
        .put_files(
            &here(),
            options,
            small_files(files),
            |_| (),
            |result| {
                failed.extend(result.failure.map(|failure| (result.index, failure.reason)));
            },
        )
        .await
        .unwrap();
    assert_eq!(failed, [(0, "ALREADY_EXISTS".to_owned())]);
    assert_eq!(std::fs::read(house.root().join("old")).unwrap(), b"theirs");
    assert_eq!(std::fs::read(house.root().join("new")).unwrap(), b"ours");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_what_its_caller_says_is_not_written() {
    let house = House::ready().await;
    let spoilt = PutFilesRequest {
        item: Some(Item::File(PutFile {
            path: "/spoilt".into(),
            content: Bytes::from_static(b"other"),
            sha256: Bytes::from_static(&[7; 32]),
            ..Default::default()
        })),
    };
    let messages = vec![header(Verify::Unspecified), spoilt, file("/good", b"good")];
    let mut stream = house
        .ftps()
        .await
        .put_files(iter(messages))
        .await
        .unwrap()
        .into_inner();
    let first = stream.message().await.unwrap().unwrap();
    assert!(matches!(
        first.item,
        Some(put_files_response::Item::Progress(_))
    ));
    let mut failed = Vec::new();
    while let Some(response) = stream.message().await.unwrap() {
        if let Some(put_files_response::Item::Result(result)) = response.item {
            failed.push((result.index, result.failure.map(|failure| failure.reason)));
        }
    }
    failed.sort();
    assert_eq!(failed, [(0, Some("HASH_MISMATCH".into())), (1, None)]);
    assert!(!house.root().join("spoilt").exists());
}

/// Of two files with one path, the last one counts.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_files_with_one_path_the_last_is_there() {
    let house = House::ready().await;
    let files = [("/f", b"the first".to_vec()), ("/f", b"last".to_vec())];
    let mut results = Vec::new();
    let client = house.client().await;
    client
        .put_files(
            &here(),
            PutFilesOptions::default(),
            small_files(files),
            |_| (),
            |result| results.push(result),
        )
        .await
        .unwrap();
    results.sort_by_key(|result| result.index);
    let reason = |at: usize| {
        results[at]
            .failure
            .as_ref()
            .map(|failure| &failure.reason[..])
    };
    assert_eq!((reason(0), reason(1)), (Some("NAME_TAKEN_OVER"), None));
    assert_eq!(std::fs::read(house.root().join("f")).unwrap(), b"last");
}

/// A caller that sends everything before it reads is served, and so is one that waits for each result.
#[tokio::test(flavor = "multi_thread")]
async fn a_caller_may_send_all_before_it_reads_or_read_after_each() {
    let house = House::ready().await;
    let mut messages = vec![header(Verify::None)];
    let name = "n".repeat(200);
    messages.extend((0..400).map(|n| file(&format!("/{name}{}", n % 7), b"x")));
    let (requests, outgoing) = mpsc::channel(1);
    let mut ftps = house.ftps().await;
    let sent = async {
        for message in messages {
            requests.send(message).await.unwrap();
        }
        drop(requests);
    };
    let answer = ftps.put_files(ReceiverStream::new(outgoing));
    let (answer, sent) = tokio::join!(answer, timeout(PATIENCE * 2, sent));
    sent.unwrap();
    let mut stream = answer.unwrap().into_inner();
    let mut results = 0;
    while let Some(response) = stream.message().await.unwrap() {
        results += usize::from(matches!(
            response.item,
            Some(put_files_response::Item::Result(_))
        ));
    }
    assert_eq!(results, 400);

    let (requests, outgoing) = mpsc::channel(1);
    requests.send(header(Verify::Size)).await.unwrap();
    let mut stream = ftps
        .put_files(ReceiverStream::new(outgoing))
        .await
        .unwrap()
        .into_inner();
    for n in 0..2 {
        requests.send(file(&format!("/g{n}"), b"y")).await.unwrap();
        let result = async {
            loop {
                let response = stream.message().await.unwrap().unwrap();
                if let Some(put_files_response::Item::Result(result)) = response.item {
                    return result;
                }
            }
        };
        let result = timeout(PATIENCE, result).await.unwrap();
        assert_eq!(result.state(), PutState::VerifiedSize);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_header_and_too_large_a_file_end_the_call_with_their_names() {
    let house = House::ready().await;
    for (message, field) in [
        (header(Verify::Size), "header"),
        (PutFilesRequest { item: None }, "item"),
        (file("/big", &vec![0; 128 * 1024 + 1]), "file.content"),
    ] {
        let messages = vec![header(Verify::Size), file("/a", b"a"), message];
        let answer = house.ftps().await.put_files(iter(messages)).await;
        let ended = crate::house::ended(answer).await;
        let status = refused(ended, Code::InvalidArgument, "INVALID_FIELDS");
        assert!(status.message().contains(field), "{status:?}");
    }
    let messages = vec![file("/a", b"a")];
    let answer = house.ftps().await.put_files(iter(messages)).await;
    refused(answer, Code::InvalidArgument, "INVALID_FIELDS");
}

/// Others have the link between two files of a long call. A caller that sends nothing does not hold the
/// link.
#[tokio::test(flavor = "multi_thread")]
async fn others_have_the_link_between_two_files() {
    let house = House::slow().await;
    house.store("small", b"12345");
    let client = house.client().await;
    let (more, files) = mpsc::channel::<SmallFile>(4);
    let many = tokio::spawn({
        let client = client.clone();
        async move {
            let files = ReceiverStream::new(files);
            let options = PutFilesOptions::default();
            client
                .put_files(&here(), options, files, |_| (), |_| ())
                .await
        }
    });
    let feeding = tokio::spawn(async move {
        for n in 0..60 {
            let file = SmallFile {
                path: format!("/f{n}").into(),
                content: content(20_000).into(),
            };
            more.send(file).await.unwrap();
        }
        more
    });
    // It is under way.
    written(&house, "f1").await;
    let asked = timeout(PATIENCE, client.size(&here(), "/small")).await;
    assert_eq!(asked.unwrap().unwrap(), 5);
    assert!(
        !house.root().join("f59").exists(),
        "it did not wait for all files"
    );
    let more = feeding.await.unwrap();
    // The caller sends nothing now, and has not ended either.
    let asked = timeout(PATIENCE, client.size(&here(), "/small")).await;
    assert_eq!(asked.unwrap().unwrap(), 5);
    drop(more);
    assert_eq!(many.await.unwrap().unwrap().succeeded_count, 60);
}

/// Waits until the server has a file. No event tells a test of that, so it checks.
async fn written(house: &House, name: &str) {
    let there = async {
        while !house.root().join(name).exists() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, there).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_were_written_stay_when_the_caller_leaves() {
    let house = House::ready().await;
    let (requests, outgoing) = mpsc::channel(1);
    requests.send(header(Verify::Size)).await.unwrap();
    let stream = house
        .ftps()
        .await
        .put_files(ReceiverStream::new(outgoing))
        .await
        .unwrap();
    requests.send(file("/kept", b"whole")).await.unwrap();
    written(&house, "kept").await;
    drop((stream, requests));
    // The next one has the link at once.
    let client = house.client().await;
    let size = timeout(PATIENCE, client.size(&here(), "/kept")).await;
    assert_eq!(size.unwrap().unwrap(), 5);
    assert_eq!(std::fs::read(house.root().join("kept")).unwrap(), b"whole");
}

#[tokio::test(flavor = "multi_thread")]
async fn large_files_come_with_small_ones_and_missing_ones_are_told() {
    let house = House::ready().await;
    let large = content(700_000);
    house.store("large", &large);
    house.store("empty", b"");
    house.store("small", b"small");
    let client = house.client().await;
    let paths = ["/large", "/none", "/empty", "/small"];
    let (mut got, mut now) = (vec![Vec::new(); 4], 0);
    let mut failed = Vec::new();
    let summary = client
        .get_files(&here(), paths, |item| {
            match item {
                GetFilesItem::Info(info) => now = info.index as usize,
                GetFilesItem::Chunk(chunk) => got[now].extend_from_slice(&chunk),
                GetFilesItem::Result(result) => {
                    failed.extend(result.failure.map(|failure| (result.index, failure.reason)));
                }
                GetFilesItem::Progress(_) | GetFilesItem::Summary(_) => {}
            }
            Ok(())
        })
        .await
        .unwrap();
    assert_eq!((summary.succeeded_count, summary.failed_count), (3, 1));
    assert_eq!(failed, [(1, "FILE_NOT_FOUND".to_owned())]);
    assert!(got[0] == large && got[1].is_empty() && got[2].is_empty() && got[3] == b"small");
}
