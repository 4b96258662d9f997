//! Files on the module, and the module's own service.
//!
//! Above 400 lines because each method of the two services has its answer and its errors here.

use bytes::Bytes;
use cellftp::client::{Client, Error, IfExists};
use cellftp::proto::diagnostics_service_client::DiagnosticsServiceClient;
use cellftp::proto::modem_service_client::ModemServiceClient;
use cellftp::proto::module_storage_service_client::ModuleStorageServiceClient;
use cellftp::proto::write_module_file_request::Message;
use cellftp::proto::{
    self, DataAddressMode, PutFinish, PutState, Stage, WriteModuleFileHeader,
    WriteModuleFileRequest,
};
use tokio_stream::iter;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::house::{House, content, here, refused, target};

async fn storage(house: &House) -> ModuleStorageServiceClient<Channel> {
    ModuleStorageServiceClient::new(house.channel().await)
}

async fn write(client: &Client, path: &str, content: &[u8]) -> Result<(), Error> {
    let size = content.len() as u64;
    let written = client
        .write_module_file(path, size, IfExists::Overwrite, &mut &*content, |_| ())
        .await?;
    assert_eq!(u64::try_from(written.size).unwrap(), size);
    Ok(())
}

async fn read(client: &Client, path: &str) -> Result<Vec<u8>, Error> {
    let mut back = Vec::new();
    client.read_module_file(path, &mut back, |_| ()).await?;
    Ok(back)
}

fn header(size: i64) -> Message {
    Message::Header(WriteModuleFileHeader {
        path: "F:/x".into(),
        size,
        ..Default::default()
    })
}

fn chunk(bytes: &'static [u8]) -> Message {
    Message::Chunk(Bytes::from_static(bytes))
}

fn finish() -> Message {
    Message::Finish(PutFinish::default())
}

async fn say(house: &House, messages: Vec<Message>) -> Result<(), Status> {
    let messages: Vec<_> = messages
        .into_iter()
        .map(|message| WriteModuleFileRequest {
            message: Some(message),
        })
        .collect();
    let answer = storage(house).await.write_module_file(iter(messages)).await;
    let mut answers = answer?.into_inner();
    while answers.message().await?.is_some() {}
    Ok(())
}

fn reason(error: Error) -> (Code, String) {
    let Error::Refused(refusal) = error else {
        panic!("{error}");
    };
    (refusal.code, refusal.reason)
}

#[tokio::test(flavor = "multi_thread")]
async fn files_go_to_the_module_and_come_back() {
    let house = House::ready().await;
    let client = house.client().await;
    for size in [0, 1, 512, 65_536, 65_537, 300_000] {
        let sent = content(size);
        write(&client, "F:/file.bin", &sent).await.unwrap();
        assert!(
            read(&client, "F:/file.bin").await.unwrap() == sent,
            "{size}"
        );
    }
    let entries = client.list_module_files("F:").await.unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!(
        (entries[0].name.as_str(), entries[0].size),
        ("file.bin", Some(300_000))
    );
    let drives = client.module_space("").await.unwrap();
    assert_eq!(drives.len(), 4);
    let cache = client.module_space("F:").await.unwrap();
    assert_eq!(cache[0].used_bytes, 300_000);
    client.delete_module_file("F:/file.bin").await.unwrap();
    let missing = (Code::NotFound, "FILE_NOT_FOUND".to_owned());
    let deleted = client.delete_module_file("F:/file.bin").await;
    assert_eq!(reason(deleted.unwrap_err()), missing);
    let unread = read(&client, "F:/file.bin").await.unwrap_err();
    assert_eq!(reason(unread), missing);
    assert_eq!(client.list_module_files("F:/").await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_module_fetches_and_sends_by_itself() {
    let house = House::ready().await;
    let client = house.client().await;
    let sent = content(200_000);
    house.store("report.bin", &sent);
    let fetched = client
        .fetch_to_module(
            &here(),
            ("/report.bin", "F:"),
            0,
            IfExists::Overwrite,
            |_| (),
        )
        .await
        .unwrap();
    assert_eq!(fetched.module_path, "F:/report.bin");
    assert_eq!(
        (fetched.size, fetched.state()),
        (200_000, PutState::VerifiedSize)
    );
    assert!(read(&client, "F:/report.bin").await.unwrap() == sent);

    std::fs::create_dir(house.root().join("up")).unwrap();
    let result = client
        .send_from_module(&here(), ("/up/report.bin", "F:"), 0, |_| ())
        .await
        .unwrap();
    assert_eq!(
        (result.size, result.state()),
        (200_000, PutState::VerifiedSize)
    );
    let arrived = std::fs::read(house.root().join("up/report.bin")).unwrap();
    assert!(arrived == sent);

    write(&client, "F:/report.bin", &sent[..70_000])
        .await
        .unwrap();
    client
        .fetch_to_module(
            &here(),
            ("/report.bin", "F:"),
            70_000,
            IfExists::Overwrite,
            |_| (),
        )
        .await
        .unwrap();
    assert!(read(&client, "F:/report.bin").await.unwrap() == sent);

    let exists = client
        .fetch_to_module(&here(), ("/report.bin", "F:"), 0, IfExists::Fail, |_| ())
        .await;
    assert_eq!(
        reason(exists.unwrap_err()),
        (Code::AlreadyExists, "ALREADY_EXISTS".to_owned())
    );
    for (path, drive, want) in [
        ("/none", "F:", (Code::NotFound, "FILE_NOT_FOUND")),
        (
            "/report.bin",
            "C:",
            (Code::InvalidArgument, "BAD_PARAMETER"),
        ),
        ("/a:b", "F:", (Code::InvalidArgument, "INVALID_FIELDS")),
        ("/a", "", (Code::InvalidArgument, "INVALID_FIELDS")),
    ] {
        let outcome = client
            .fetch_to_module(&here(), (path, drive), 0, IfExists::Overwrite, |_| ())
            .await;
        let (code, why) = reason(outcome.unwrap_err());
        assert_eq!((code, why.as_str()), want, "{path} {drive}");
    }
    let outcome = client
        .send_from_module(&here(), ("/none", "F:"), 0, |_| ())
        .await;
    assert_eq!(
        reason(outcome.unwrap_err()),
        (Code::NotFound, "FILE_NOT_FOUND".to_owned())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_is_not_finished_leaves_nothing() {
    let house = House::ready().await;
    let client = house.client().await;
    let cases = [
        (
            vec![header(6), chunk(b"abc"), chunk(b"def")],
            (Code::Cancelled, "UNFINISHED"),
        ),
        (
            vec![header(6), chunk(b"ab"), chunk(b"c"), finish()],
            (Code::Aborted, "SIZE_MISMATCH"),
        ),
        (
            vec![header(2), chunk(b"a"), chunk(b"bc"), finish()],
            (Code::Aborted, "SIZE_MISMATCH"),
        ),
        (
            vec![
                header(3),
                chunk(b"abc"),
                Message::Finish(PutFinish {
                    sha256: Bytes::from_static(&[7; 32]),
                }),
            ],
            (Code::Aborted, "HASH_MISMATCH"),
        ),
        (
            vec![chunk(b"abc")],
            (Code::InvalidArgument, "INVALID_FIELDS"),
        ),
        (
            vec![header(-1), finish()],
            (Code::InvalidArgument, "INVALID_FIELDS"),
        ),
        (
            vec![header(2_000_000_000), finish()],
            (Code::Aborted, "SIZE_MISMATCH"),
        ),
    ];
    for (messages, (code, reason)) in cases {
        refused(say(&house, messages).await, code, reason);
    }
    // Cancelled work is cleaned up before the next is done.
    assert_eq!(client.list_module_files("F:").await.unwrap(), []);
    write(&client, "F:/x", b"whole").await.unwrap();
    assert_eq!(read(&client, "F:/x").await.unwrap(), b"whole");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_without_room_is_refused_before_it_moves() {
    let house = House::ready().await;
    let client = house.client().await;
    let mut endless = tokio::io::repeat(7);
    let outcome = client
        .write_module_file("F:/x", 2_000_000_000, IfExists::Fail, &mut endless, |_| ())
        .await;
    assert_eq!(
        reason(outcome.unwrap_err()),
        (Code::FailedPrecondition, "MODULE_FULL".to_owned())
    );
    assert_eq!(client.list_module_files("F:").await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_paths_are_named() {
    let house = House::ready().await;
    let mut storage = storage(&house).await;
    for path in ["", "x", "Z:/x", "F:", "F:/a\"b", "F:/a\rAT", "F:/../x"] {
        let request = proto::DeleteModuleFileRequest {
            path: path.into(),
            ..Default::default()
        };
        let status = refused(
            storage.delete_module_file(request).await,
            Code::InvalidArgument,
            "INVALID_FIELDS",
        );
        let bad = status.get_details_bad_request().unwrap();
        assert_eq!(bad.field_violations[0].field, "path", "{path:?}");
    }
    let request = proto::FetchToModuleRequest {
        target: target(),
        path: "/".into(),
        drive: "F".into(),
        offset: -1,
        if_exists: 9,
        ..Default::default()
    };
    let status = refused(
        storage.fetch_to_module(request).await,
        Code::InvalidArgument,
        "INVALID_FIELDS",
    );
    let bad = status.get_details_bad_request().unwrap();
    let fields: Vec<&str> = bad
        .field_violations
        .iter()
        .map(|violation| violation.field.as_str())
        .collect();
    assert_eq!(fields, ["if_exists", "drive", "offset"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_leaves_frees_the_link() {
    let house = House::slow().await;
    let client = house.client().await;
    // Four seconds of the line at least.
    house.store("big", &content(200_000));
    client
        .fetch_to_module(&here(), ("/big", "F:"), 0, IfExists::Overwrite, |_| ())
        .await
        .unwrap();
    let request = proto::ReadModuleFileRequest {
        path: "F:/big".into(),
        ..Default::default()
    };
    let stream = storage(&house).await.read_module_file(request).await;
    drop(stream.unwrap());
    assert_eq!(client.list_module_files("F:").await.unwrap().len(), 1);
    assert_eq!(client.size(&here(), "/big").await.unwrap(), 200_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_is_started_stopped_and_set() {
    let house = House::ready().await;
    house.store("f", b"abc");
    let client = house.client().await;
    let mut modem = ModemServiceClient::new(house.channel().await);
    let mut diagnostics = DiagnosticsServiceClient::new(house.channel().await);
    modem
        .start_ftps(proto::StartFtpsRequest::default())
        .await
        .unwrap();
    assert_eq!(client.size(&here(), "/f").await.unwrap(), 3);
    assert!(client.status().await.unwrap().login.is_some());
    modem
        .stop_ftps(proto::StopFtpsRequest::default())
        .await
        .unwrap();
    assert!(client.status().await.unwrap().login.is_none());

    let mode = proto::GetDataAddressModeRequest::default();
    assert_eq!(client.size(&here(), "/f").await.unwrap(), 3);
    let told = diagnostics
        .get_data_address_mode(mode.clone())
        .await
        .unwrap();
    assert_eq!(told.into_inner().mode(), DataAddressMode::SameAsControl);
    let set = proto::SetDataAddressModeRequest {
        mode: DataAddressMode::FromReply.into(),
        ..Default::default()
    };
    diagnostics.set_data_address_mode(set).await.unwrap();
    let told = diagnostics
        .get_data_address_mode(mode.clone())
        .await
        .unwrap();
    assert_eq!(told.into_inner().mode(), DataAddressMode::FromReply);
    assert_eq!(client.size(&here(), "/f").await.unwrap(), 3);
    let told = diagnostics
        .get_data_address_mode(mode.clone())
        .await
        .unwrap();
    assert_eq!(told.into_inner().mode(), DataAddressMode::SameAsControl);
    let unset = proto::SetDataAddressModeRequest {
        mode: 0,
        ..Default::default()
    };
    refused(
        diagnostics.set_data_address_mode(unset).await,
        Code::InvalidArgument,
        "INVALID_FIELDS",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_long_tells_how_far_it_is() {
    let house = House::slow().await;
    let client = house.client().await;
    let sent = content(120_000);
    house.store("f", &sent);
    let mut told = Vec::new();
    client
        .fetch_to_module(&here(), ("/f", "F:"), 0, IfExists::Overwrite, |report| {
            told.push(report.clone());
        })
        .await
        .unwrap();
    assert!(!told.is_empty());
    let id = told[0].operation_id.clone();
    assert!(!id.is_empty() && told.iter().all(|report| report.operation_id == id));

    // Behind another operation, and then some two seconds on the line.
    let mut told = Vec::new();
    let mut source = sent.as_slice();
    let (reading, written) = tokio::join!(
        read(&client, "F:/f"),
        client.write_module_file("F:/g", 120_000, IfExists::Fail, &mut source, |report| {
            told.push(report.clone());
        })
    );
    assert!(reading.unwrap() == sent);
    written.unwrap();
    let moving: Vec<i64> = told
        .iter()
        .filter(|report| report.stage() == Stage::Transferring)
        .map(|report| report.moved_bytes)
        .collect();
    assert!(
        moving.is_sorted() && moving.first() < moving.last(),
        "{told:?}"
    );
    assert!(
        told.iter()
            .any(|report| report.elapsed.is_some_and(|time| time.seconds > 0))
    );

    let mut told = 0;
    client
        .send_from_module(&here(), ("/g", "F:"), 0, |_| told += 1)
        .await
        .unwrap();
    assert!(told > 0);
    assert!(std::fs::read(house.root().join("g")).unwrap() == sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_tells_its_forms() {
    let house = House::ready().await;
    let client = house.client().await;
    let forms = client.command_forms().await.unwrap();
    assert_eq!(forms.len(), 23);
    let form = |command: &str| forms.iter().find(|form| form.command == command).unwrap();
    let typed = form("AT+CFTPSTYPE=?");
    assert_eq!((typed.lines.len(), typed.result.as_str()), (1, "OK"));
    assert!(typed.lines[0].contains("(A,I)"), "{typed:?}");
    assert_eq!(form("AT+CFTPSCACHERD?").result, "OK");
    // A question about the module itself does not cost the login.
    house.store("f", b"abc");
    assert_eq!(client.size(&here(), "/f").await.unwrap(), 3);
    let forms = client.command_forms().await.unwrap();
    let read = forms.iter().find(|form| form.command == "AT+CFTPSTYPE?");
    assert_eq!(read.unwrap().lines, ["+CFTPSTYPE: I"]);
    assert!(client.status().await.unwrap().login.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_callers_need_leave_and_manners() {
    let house = House::ready().await;
    let client = house.client().await;
    let unasked = client.at_command("AT+CSQ").await.unwrap_err();
    assert_eq!(
        reason(unasked),
        (Code::PermissionDenied, "AT_COMMANDS_DISABLED".to_owned())
    );
    let house = House::with_module("allow_at_commands = true\n").await;
    house.store("f", b"abc");
    let client = house.client().await;
    let answer = client.at_command("AT+CSQ").await.unwrap();
    assert_eq!(answer.result, "OK");
    assert_eq!(answer.lines.len(), 1, "{answer:?}");
    assert!(answer.lines[0].starts_with("+CSQ:"), "{answer:?}");
    assert_eq!(client.size(&here(), "/f").await.unwrap(), 3);
    let refusal = client.at_command("AT+NOSUCHTHING?").await.unwrap();
    assert_eq!(refusal.lines, [""; 0]);
    assert_ne!(refusal.result, "OK");
    for line in [
        "",
        "AT+CFTPSSTOP",
        "AT+CMGS=\"1\"",
        "AT\rAT+CFTPSSTOP",
        "ATE1",
        // Settings that decide how all users reach the network.
        "AT+CGDCONT=1,\"IP\",\"other\"",
        "at + cgauth = 1,1,\"u\",\"p\"",
        "AT+COPS=2",
        "AT+COPS=1,2,\"26201\"",
        "AT+CSQ;+COPS=2",
        // Settings that the daemon itself restores.
        "AT+CFUN=0",
        "AT+IPR=9600",
        "AT+CFTPSTYPE=\"A\"",
        "AT&F",
        "ATZ",
    ] {
        let refused = client.at_command(line).await.unwrap_err();
        assert_eq!(
            reason(refused),
            (Code::InvalidArgument, "INVALID_FIELDS".to_owned()),
            "{line:?}"
        );
    }
    assert!(client.status().await.unwrap().login.is_some());
}
