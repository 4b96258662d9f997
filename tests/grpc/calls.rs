//! The unary calls and listings.
//!
//! Above 400 lines because each unary method has its answer and its errors here.

use std::time::Duration;

use cellftp::client::{Client, EntryKind, LinkState, PutOptions, RegistrationState};
use cellftp::proto::{self, TransferType, open_session_request, target::Destination};
use tokio::time::timeout;
use tonic::{Code, Request};
use tonic_types::StatusExt;

use crate::house::{House, ended, here, refused, target};

fn session(id: &str) -> Option<proto::Target> {
    Some(proto::Target {
        destination: Some(Destination::SessionId(id.into())),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_has_a_directory_and_a_type_of_its_own() {
    let house = House::ready().await;
    let mut ftps = house.ftps().await;
    std::fs::create_dir_all(house.root().join("a/b")).unwrap();
    house.store("a/b/file", b"12345");

    let opened = house
        .client()
        .await
        .open_session("here", "/a")
        .await
        .unwrap();
    assert_eq!(opened.directory, "/a");
    assert!(opened.lease.unwrap().seconds > 0);
    let session_id = opened.session_id;

    let request = proto::ChangeDirectoryRequest {
        session_id: session_id.clone(),
        path: "b".into(),
        ..Default::default()
    };
    let moved = ftps.change_directory(request).await.unwrap().into_inner();
    assert_eq!(moved.directory, "/a/b");
    let request = proto::GetWorkingDirectoryRequest {
        session_id: session_id.clone(),
    };
    let directory = ftps
        .get_working_directory(request)
        .await
        .unwrap()
        .into_inner()
        .directory;
    assert_eq!(directory, "/a/b");

    let request = proto::GetTransferTypeRequest {
        session_id: session_id.clone(),
    };
    let before = ftps
        .get_transfer_type(request.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(before.transfer_type(), TransferType::Binary);
    let change = proto::SetTransferTypeRequest {
        session_id: session_id.clone(),
        transfer_type: TransferType::Ascii.into(),
    };
    ftps.set_transfer_type(change).await.unwrap();
    let after = ftps.get_transfer_type(request).await.unwrap().into_inner();
    assert_eq!(after.transfer_type(), TransferType::Ascii);

    let request = proto::GetSizeRequest {
        target: session(&session_id),
        path: "file".into(),
        ..Default::default()
    };
    assert_eq!(ftps.get_size(request).await.unwrap().into_inner().size, 5);

    let close = proto::CloseSessionRequest {
        session_id: session_id.clone(),
        ..Default::default()
    };
    ftps.close_session(close.clone()).await.unwrap();
    refused(
        ftps.close_session(close).await,
        Code::NotFound,
        "SESSION_NOT_FOUND",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_belongs_to_who_opened_it() {
    let house = House::ready().await;
    let opened = house.client().await.open_session("here", "").await.unwrap();
    let stranger = Client::connect(&house.tcp.parse().unwrap()).await.unwrap();
    let closed = stranger
        .close_session(&opened.session_id)
        .await
        .unwrap_err();
    assert!(closed.to_string().contains("no such session"), "{closed}");
    house
        .client()
        .await
        .close_session(&opened.session_id)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn directories_and_files_come_and_go() {
    let house = House::ready().await;
    let mut ftps = house.ftps().await;
    let path = || "/new".to_string();

    let make = proto::MakeDirectoryRequest {
        target: target(),
        path: path(),
        ..Default::default()
    };
    ftps.make_directory(make.clone()).await.unwrap();
    assert!(house.root().join("new").is_dir());
    refused(
        ftps.make_directory(make).await,
        Code::AlreadyExists,
        "ALREADY_EXISTS",
    );

    house.store("new/file one", b"x");
    let entries = house.client().await.list(&here(), "/new").await.unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].name, "file one");
    assert_eq!(entries[0].kind(), EntryKind::File);
    assert_eq!(entries[0].size, Some(1));
    assert!(entries[0].raw.ends_with(b"file one"));

    let delete = proto::DeleteFileRequest {
        target: target(),
        path: "/new/file one".into(),
        ..Default::default()
    };
    ftps.delete_file(delete.clone()).await.unwrap();
    refused(
        ftps.delete_file(delete).await,
        Code::NotFound,
        "FILE_NOT_FOUND",
    );

    let remove = proto::RemoveDirectoryRequest {
        target: target(),
        path: path(),
        ..Default::default()
    };
    ftps.remove_directory(remove).await.unwrap();
    assert!(!house.root().join("new").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_listing_is_whole() {
    let house = House::ready().await;
    for number in 0..300 {
        house.store(&format!("a file with a longer name, number {number}"), b"");
    }
    let entries = house.client().await.list(&here(), "").await.unwrap();
    assert_eq!(entries.len(), 300);
    assert!(
        entries
            .iter()
            .all(|entry| entry.name.starts_with("a file with"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_file_has_no_size() {
    let house = House::ready().await;
    let request = proto::GetSizeRequest {
        target: target(),
        path: "/none".into(),
        ..Default::default()
    };
    let status = refused(
        house.ftps().await.get_size(request).await,
        Code::NotFound,
        "FILE_NOT_FOUND",
    );
    let info = status.get_details_error_info().unwrap();
    assert!(info.metadata.contains_key("operation_id"), "{info:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_daemon_tells_what_it_is_and_whom_it_takes_the_caller_for() {
    let house = House::ready().await;
    let client = house.client().await;
    let info = client.server_info().await.unwrap();
    assert_eq!(info.version, env!("CARGO_PKG_VERSION"));
    assert!(info.principal.starts_with("uid:"), "{info:?}");
    assert_eq!(info.roles, ["transfer", "module_files", "administer"]);
    assert_eq!(info.limits.unwrap().max_chunk_bytes, 128 * 1024);
    assert!(info.features.contains(&"get_guards".to_owned()));
    let again = client.server_info().await.unwrap();
    assert_eq!(info.instance_id, again.instance_id);
    let profiles = client.profiles().await.unwrap();
    let [here] = profiles.as_slice() else {
        panic!("{profiles:?}")
    };
    assert_eq!(
        (here.name.as_str(), here.security()),
        ("here", proto::Security::None)
    );
    assert_eq!(here.access(), proto::ProfileAccess::Write);
    assert!(!here.host.is_empty() && here.port > 0, "{here:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_lost_an_answer_asks_what_became_of_the_operation() {
    let house = House::ready().await;
    let client = house.client().await;
    let mut operations = house.operations().await;
    let (mut id, options) = (String::new(), PutOptions::default());
    client
        .put(&here(), "/f", &options, &mut &b"12345"[..], |progress| {
            progress.operation_id.clone_into(&mut id);
        })
        .await
        .unwrap();
    let request = proto::GetOperationRequest {
        operation_id: id.clone(),
        ..Default::default()
    };
    let found = operations
        .get_operation(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(found.live, None);
    let ended = found.ended.unwrap();
    assert_eq!(ended.outcome(), proto::Outcome::Succeeded);
    assert_eq!((ended.failure, ended.moved_bytes), (None, 5));
    let operation = ended.operation.unwrap();
    assert_eq!(
        (operation.operation_id, operation.method),
        (id, "Put".into())
    );

    // Of one that failed, the whole failure.
    let request = proto::GetRequest {
        target: target(),
        path: "/none".into(),
        ..Default::default()
    };
    let mut stream = house.ftps().await.get(request).await.unwrap().into_inner();
    let first = stream.message().await.unwrap().unwrap().message.unwrap();
    let proto::get_response::Message::Progress(progress) = first else {
        panic!("progress comes first: {first:?}");
    };
    while let Ok(Some(_)) = stream.message().await {}
    let request = proto::GetOperationRequest {
        operation_id: progress.operation_id,
        ..Default::default()
    };
    let found = operations
        .get_operation(request)
        .await
        .unwrap()
        .into_inner();
    let ended = found.ended.unwrap();
    assert_eq!(ended.outcome(), proto::Outcome::Failed);
    assert_eq!(ended.failure.unwrap().reason, "FILE_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_finds_its_sessions_again() {
    let house = House::ready().await;
    std::fs::create_dir_all(house.root().join("a")).unwrap();
    let (client, mut ftps) = (house.client().await, house.ftps().await);
    let mut opened = Vec::new();
    for directory in ["/a", "", "/a"] {
        let session = client.open_session("here", directory).await.unwrap();
        opened.push((session.session_id, session.directory));
    }
    opened.sort();
    let mut found = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = proto::ListSessionsRequest {
            page_size: 2,
            page_token,
            ..Default::default()
        };
        let page = ftps.list_sessions(request).await.unwrap().into_inner();
        for session in page.sessions {
            assert_eq!(session.profile, "here");
            assert_eq!(session.transfer_type(), TransferType::Binary);
            assert!(session.remaining_lease.unwrap().seconds > 0);
            found.push((session.session_id, session.directory));
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(found, opened);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_is_not_empty_is_told_so() {
    let house = House::ready().await;
    std::fs::create_dir(house.root().join("full")).unwrap();
    house.store("full/file", b"1");
    let mut ftps = house.ftps().await;
    let request = || proto::RemoveDirectoryRequest {
        target: target(),
        path: "/full".into(),
        ..Default::default()
    };
    refused(
        ftps.remove_directory(request()).await,
        Code::FailedPrecondition,
        "DIRECTORY_NOT_EMPTY",
    );
    std::fs::remove_file(house.root().join("full/file")).unwrap();
    ftps.remove_directory(request()).await.unwrap();
}

/// The fields for which a call is refused.
fn bad_fields<T>(answer: Result<T, tonic::Status>) -> Vec<String> {
    let status = refused(answer, Code::InvalidArgument, "INVALID_FIELDS");
    let bad = status.get_details_bad_request().unwrap();
    let violations = bad.field_violations.into_iter();
    violations.map(|violation| violation.field).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_field_is_named() {
    let house = House::ready().await;
    let mut ftps = house.ftps().await;
    let request = proto::GetRequest {
        target: Some(proto::Target {
            destination: Some(Destination::Profile(String::new())),
        }),
        path: "a\"\r\nAT+CFTPSDELE=\"b".into(),
        offset: -1,
        ..Default::default()
    };
    let fields = bad_fields(ended(ftps.get(request).await).await);
    assert_eq!(fields, ["target.profile", "path", "offset"]);

    let request = proto::GetRequest {
        target: target(),
        path: "/a".into(),
        raw_path: "/a".into(),
        ..Default::default()
    };
    let fields = bad_fields(ended(ftps.get(request).await).await);
    assert_eq!(fields, ["raw_path"]);

    let server = proto::InlineServer {
        port: 70_000,
        password: "a\"b".into(),
        ..Default::default()
    };
    let request = proto::OpenSessionRequest {
        destination: Some(open_session_request::Destination::InlineServer(server)),
        transfer_type: 7,
        ..Default::default()
    };
    let fields = bad_fields(ftps.open_session(request).await);
    let want = [
        "inline_server.security",
        "inline_server.port",
        "inline_server.host",
        "inline_server.username",
        "inline_server.password",
    ];
    assert_eq!(fields, [&want[..], &["transfer_type"]].concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_exist_is_named() {
    let house = House::ready().await;
    let mut ftps = house.ftps().await;
    let nowhere = Some(proto::Target {
        destination: Some(Destination::Profile("nowhere".into())),
    });
    let request = proto::GetSizeRequest {
        target: nowhere,
        path: "/x".into(),
        ..Default::default()
    };
    refused(
        ftps.get_size(request).await,
        Code::NotFound,
        "PROFILE_NOT_FOUND",
    );
    let request = proto::GetSizeRequest {
        target: session("none"),
        path: "/x".into(),
        ..Default::default()
    };
    refused(
        ftps.get_size(request).await,
        Code::NotFound,
        "SESSION_NOT_FOUND",
    );
    let request = proto::CancelOperationRequest {
        operation_id: "none".into(),
        ..Default::default()
    };
    let mut operations = house.operations().await;
    refused(
        operations.cancel_operation(request).await,
        Code::NotFound,
        "OPERATION_NOT_FOUND",
    );
    let long = format!("/{}", "x".repeat(5000));
    let request = proto::DeleteFileRequest {
        target: target(),
        path: long,
        ..Default::default()
    };
    refused(
        ftps.delete_file(request).await,
        Code::InvalidArgument,
        "INVALID_FIELDS",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_in_a_request_is_served_only_where_allowed() {
    let inline = |port: u16| proto::GetSizeRequest {
        target: Some(proto::Target {
            destination: Some(Destination::InlineServer(proto::InlineServer {
                host: "127.0.0.1".into(),
                port: port.into(),
                username: "anyone".into(),
                security: proto::Security::None.into(),
                ..Default::default()
            })),
        }),
        path: "/x".into(),
        ..Default::default()
    };
    let house = House::ready().await;
    let outcome = house.ftps().await.get_size(inline(house.ftp_port)).await;
    refused(outcome, Code::PermissionDenied, "INLINE_SERVERS_DISABLED");

    let house = House::with("[transfers]\nallow_inline_servers = true\n").await;
    house.store("x", b"123");
    let answer = house
        .ftps()
        .await
        .get_size(inline(house.ftp_port))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(answer.size, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_tells_of_the_module() {
    let house = House::ready().await;
    let status = house.client().await.status().await.unwrap();
    assert_eq!(status.state(), LinkState::Ready);
    assert!(status.identity.unwrap().model.contains("7600"));
    let registration = status.registration.unwrap();
    assert_eq!(registration.state(), RegistrationState::Home);
    assert_eq!(status.session_count, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_module_calls_end_and_the_status_says_why() {
    let house = House::without_module().await;
    let request = proto::GetSizeRequest {
        target: target(),
        path: "/x".into(),
        ..Default::default()
    };
    let outcome = house.ftps().await.get_size(request).await;
    let status = refused(outcome, Code::Unavailable, "DEVICE_ABSENT");
    // Paths of the daemon's machine are for its log.
    assert!(
        !status.message().contains("/no/such/device") && status.message().contains("module.device"),
        "{}",
        status.message()
    );
    assert!(status.get_details_retry_info().is_some());

    let status = house.client().await.status().await.unwrap();
    assert_eq!(status.state(), LinkState::DeviceAbsent);
    assert!(
        status.detail.contains("module.device") && !status.detail.contains("/no/such"),
        "{}",
        status.detail
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_that_passes_is_the_callers_own() {
    let house = House::slow().await;
    house.store("big", &[7; 200_000]);
    let mut request = Request::new(proto::GetRequest {
        target: target(),
        path: "/big".into(),
        ..Default::default()
    });
    request.set_timeout(Duration::from_millis(1500));
    let mut stream = house.ftps().await.get(request).await.unwrap().into_inner();
    let ended = async {
        loop {
            match stream.message().await {
                Ok(Some(_)) => {}
                ended => break ended,
            }
        }
    };
    // Not only when the module has finished it, which takes four seconds.
    let ended = timeout(Duration::from_secs(3), ended).await.unwrap();
    refused(ended, Code::DeadlineExceeded, "DEADLINE_PASSED");
    house.client().await.size(&here(), "/big").await.unwrap();
}
