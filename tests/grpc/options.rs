//! Options of calls: request names, validation only, labels, and acting for another principal.
//!
//! Above 400 lines because each option is tried with each kind of call that takes it.

use std::collections::HashMap;
use std::time::Duration;

use cellftp::client::{CallOptions, Client, Error, TransferFilter};
use cellftp::proto::put_request::Message as Put;
use cellftp::proto::put_response::Message as Told;
use cellftp::proto::watch_events_response::Event;
use cellftp::proto::watch_transfers_response::Event as Watched;
use cellftp::proto::{
    self, GetOperationRequest, Outcome, PutFinish, PutHeader, PutRequest, PutResponse, PutResult,
    TransferOptions, TransferRemoval, TransferState, operation_event,
};
use prost_reflect::{DynamicMessage, MessageDescriptor, MethodDescriptor, Value};
use sha2::{Digest, Sha256};
use tokio::time::{sleep, timeout};
use tokio_stream::iter;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;

use crate::house::{House, PATIENCE, content, here, kind, refused, target};
use crate::walk::{good, methods, question};
use crate::wire::Wire;

/// Only users of this machine are administrators. A client over TCP is another principal.
const ROLES: &str = "[roles]\nadminister = [\"uid:*\"]\n";

/// Between two tries of a request whose first work is being ended. HTTP/2 closes the connection of a client that has
/// more than a thousand uploads refused at once.
const AGAIN: Duration = Duration::from_millis(20);

fn named(id: &str) -> Option<CallOptions> {
    Some(CallOptions {
        request_id: id.into(),
        ..Default::default()
    })
}

fn labels(pairs: &[(&str, &str)]) -> HashMap<String, String> {
    let pairs = pairs.iter();
    pairs
        .map(|(key, value)| ((*key).into(), (*value).into()))
        .collect()
}

/// The messages of a Put that writes this under `/f`.
fn put(id: &str, content: &[u8]) -> Vec<PutRequest> {
    let header = PutHeader {
        target: target(),
        path: "/f".into(),
        options: named(id),
        ..Default::default()
    };
    let chunks = content.chunks(16 * 1024);
    let chunks = chunks.map(|chunk| Put::Chunk(chunk.to_vec().into()));
    let messages = std::iter::once(Put::Header(header)).chain(chunks);
    let messages = messages.chain([Put::Finish(PutFinish::default())]);
    messages
        .map(|message| PutRequest {
            message: Some(message),
        })
        .collect()
}

/// Reads a Put to its end.
async fn written(channel: &Channel, messages: Vec<PutRequest>) -> Result<PutResult, Status> {
    let mut ftps = proto::ftps_service_client::FtpsServiceClient::new(channel.clone());
    let mut stream = ftps.put(iter(messages)).await?.into_inner();
    let mut result = None;
    while let Some(response) = stream.message().await? {
        if let Some(Told::Result(told)) = response.message {
            result = Some(told);
        }
    }
    Ok(result.unwrap())
}

async fn over_tcp(house: &House) -> Client {
    Client::connect(&house.tcp.parse().unwrap()).await.unwrap()
}

async fn tcp(house: &House) -> Channel {
    let endpoint = tonic::transport::Endpoint::from_shared(house.tcp.clone());
    endpoint.unwrap().connect().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_whose_answer_was_lost_goes_on_and_is_told_of_and_writes_the_file_once() {
    let wire = Wire::slow();
    let house = House::at(wire.device(), "", "").await;
    wire.heard();
    let content = content(120_000);
    let mut events = house.client().await.events(Vec::new()).await.unwrap();
    // One connection sends all of it, and breaks while the file is on its way.
    let cut = house.channel().await;
    let mut ftps = proto::ftps_service_client::FtpsServiceClient::new(cut.clone());
    let mut stream = ftps
        .put(iter(put("lost", &content)))
        .await
        .unwrap()
        .into_inner();
    let operation = match stream.message().await.unwrap().unwrap().message {
        Some(Told::Progress(progress)) => progress.operation_id,
        other => panic!("progress comes first: {other:?}"),
    };
    // The last chunks are in the daemon by the time that most of them have gone to the module.
    loop {
        match stream.message().await.unwrap().unwrap().message {
            Some(Told::Progress(progress)) if progress.moved_bytes > 60_000 => break,
            Some(Told::Progress(_)) => {}
            other => panic!("it is slow: {other:?}"),
        }
    }
    drop((stream, ftps, cut));
    // Meanwhile nobody writes it a second time, and a caller that asks learns what it does.
    let channel = house.channel().await;
    let busy = written(&channel, put("lost", &content)).await;
    let busy = refused(busy, Code::Aborted, "REQUEST_RUNNING");
    assert!(busy.message().contains("GetOperation"), "{busy:?}");
    let mut operations = house.operations().await;
    let asked = GetOperationRequest {
        request_id: "lost".into(),
        ..Default::default()
    };
    let found = operations
        .get_operation(asked.clone())
        .await
        .unwrap()
        .into_inner();
    let live = found.live.unwrap().operation.unwrap();
    assert_eq!(live.operation_id, operation);
    let ended = async {
        loop {
            let event = events.next().await.unwrap().unwrap().event;
            if let Some(Event::Operation(event)) = event
                && event.operation.unwrap().operation_id == operation
                && let Some(operation_event::Change::Ended(ended)) = event.change
            {
                break ended.outcome();
            }
        }
    };
    assert_eq!(timeout(PATIENCE, ended).await.unwrap(), Outcome::Succeeded);
    let found = operations.get_operation(asked).await.unwrap().into_inner();
    assert_eq!(found.ended.unwrap().outcome(), Outcome::Succeeded);
    // The same request again gets the result, as often as it asks. Whether it is still running shows
    // whether the answer is kept yet.
    let again = async {
        loop {
            match written(&channel, put("lost", &content)).await {
                Err(status) if kind(&status).1 == "REQUEST_RUNNING" => sleep(AGAIN).await,
                told => break told.unwrap(),
            }
        }
    };
    let again = timeout(PATIENCE, again).await.unwrap();
    assert_eq!(again.sha256[..], Sha256::digest(&content)[..]);
    assert_eq!(again.size, 120_000);
    assert_eq!(written(&channel, put("lost", b"")).await.unwrap(), again);
    let heard = wire.heard();
    assert_eq!(heard.matches("AT+CFTPSPUT").count(), 1, "{heard:?}");
    assert_eq!(std::fs::read(house.root().join("f")).unwrap(), content);
    // Another request may not have the name. Another client may.
    let mut other = put("lost", b"x");
    if let Some(Put::Header(header)) = &mut other[0].message {
        header.path = "/g".into();
    }
    refused(
        written(&channel, other.clone()).await,
        Code::AlreadyExists,
        "REQUEST_ID_USED",
    );
    assert_eq!(written(&tcp(&house).await, other).await.unwrap().size, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_that_broke_before_its_end_may_be_sent_again() {
    let house = House::ready().await;
    let channel = house.channel().await;
    let mut half = put("half", &content(40_000));
    half.pop();
    // Its caller leaves, and the sending ends with that.
    let cut = house.channel().await;
    let mut ftps = proto::ftps_service_client::FtpsServiceClient::new(cut.clone());
    let (keep, open) = tokio::sync::mpsc::channel(16);
    for message in half {
        keep.send(message).await.unwrap();
    }
    let open = tokio_stream::wrappers::ReceiverStream::new(open);
    let mut stream = ftps.put(open).await.unwrap().into_inner();
    stream.message().await.unwrap().unwrap();
    drop((stream, ftps, cut, keep));
    let again = async {
        loop {
            match written(&channel, put("half", &content(40_000))).await {
                // The work that began is being ended.
                Err(status) if kind(&status).1 == "REQUEST_RUNNING" => sleep(AGAIN).await,
                told => break told.unwrap(),
            }
        }
    };
    assert_eq!(timeout(PATIENCE, again).await.unwrap().size, 40_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_repeated_by_its_name_is_carried_out_once_whatever_it_came_to() {
    let wire = Wire::new();
    let house = House::at(wire.device(), "", "").await;
    let channel = house.channel().await;
    let mut ftps = house.ftps().await;
    house.store("a", b"one");
    let delete = proto::DeleteFileRequest {
        target: target(),
        path: "/a".into(),
        options: named("d"),
        ..Default::default()
    };
    ftps.delete_file(delete.clone()).await.unwrap();
    house.store("a", b"two");
    let usual = {
        question(&channel, &wire).await;
        question(&channel, &wire).await
    };
    // Two calls of the same name, at once and after each other.
    let mut second = ftps.clone();
    let both = tokio::join!(ftps.delete_file(delete.clone()), second.delete_file(delete));
    assert!(both.0.is_ok() && both.1.is_ok());
    assert_eq!(std::fs::read(house.root().join("a")).unwrap(), b"two");
    assert_eq!(question(&channel, &wire).await, usual, "nothing was said");
    // A permanent failure is returned again, with all its details.
    let missing = proto::GetSizeRequest {
        target: target(),
        path: "/none".into(),
        options: named("s"),
        ..Default::default()
    };
    let first = refused(
        ftps.get_size(missing.clone()).await,
        Code::NotFound,
        "FILE_NOT_FOUND",
    );
    wire.heard();
    let again = refused(
        ftps.get_size(missing).await,
        Code::NotFound,
        "FILE_NOT_FOUND",
    );
    assert_eq!(
        (first.message(), first.details()),
        (again.message(), again.details())
    );
    assert_eq!(question(&channel, &wire).await, usual, "nothing was said");
    // A request that was refused before it began is not known.
    let nowhere = |profile: &str| proto::MakeDirectoryRequest {
        target: Some(proto::Target {
            destination: Some(proto::target::Destination::Profile(profile.into())),
        }),
        path: "/new".into(),
        options: named("m"),
        ..Default::default()
    };
    let answer = ftps.make_directory(nowhere("nowhere")).await;
    refused(answer, Code::NotFound, "PROFILE_NOT_FOUND");
    ftps.make_directory(nowhere("here")).await.unwrap();
    // The same session, and not a second one.
    let open = proto::OpenSessionRequest {
        destination: Some(proto::open_session_request::Destination::Profile(
            "here".into(),
        )),
        options: named("o"),
        ..Default::default()
    };
    let one = ftps.open_session(open.clone()).await.unwrap().into_inner();
    let two = ftps.open_session(open).await.unwrap().into_inner();
    assert_eq!(one, two);
}

/// An answer, as far as it says that nothing was done.
#[derive(Clone, PartialEq, prost::Message)]
struct Answer {
    #[prost(bool, tag = "15")]
    validated: bool,
}

/// The message of a method that has options, and the requests that set it.
fn headed(method: &MethodDescriptor) -> Option<(MessageDescriptor, bool)> {
    let input = method.input();
    if input.get_field_by_name("options").is_some() {
        return Some((input, false));
    }
    let header = input.get_field_by_name("header")?.kind();
    let header = header.as_message()?.clone();
    header.get_field_by_name("options")?;
    Some((header, true))
}

/// Sends a request of a method and reads its answers.
async fn answers(
    channel: &Channel,
    method: &MethodDescriptor,
    request: DynamicMessage,
) -> Result<Vec<Answer>, Status> {
    let mut grpc = Grpc::new(channel.clone());
    grpc.ready().await.unwrap();
    let service = method.parent_service().full_name();
    let path = PathAndQuery::try_from(format!("/{service}/{}", method.name())).unwrap();
    let codec = ProstCodec::<DynamicMessage, Answer>::default();
    let request = Request::new(iter(vec![request]));
    let answers = async {
        let mut stream = grpc.streaming(request, path, codec).await?.into_inner();
        let mut all = Vec::new();
        while let Some(answer) = stream.message().await? {
            all.push(answer);
        }
        Ok(all)
    };
    match timeout(PATIENCE, answers).await {
        Ok(answers) => answers,
        Err(_) => panic!("{} goes on and on", method.full_name()),
    }
}

/// FetchToModule and SendFromModule moved files of a server that was not for their caller.
#[tokio::test(flavor = "multi_thread")]
async fn a_profile_that_is_not_for_a_caller_is_refused_by_every_method_that_names_it() {
    let users = "[\"uid:*\", \"tcp\"]";
    let more = format!(
        "[access.here]\nread = [\"uid:*\"]\nwrite = [\"uid:*\"]\n[roles]\nadminister = {users}\n"
    );
    let house = House::with(&more).await;
    let stranger = tcp(&house).await;
    let mut refused = Vec::new();
    for method in methods() {
        let Some((message, in_header)) = headed(&method) else {
            continue;
        };
        let inner = good(&message);
        let names_it = ["target", "profile"].iter().any(|field| {
            let value = message
                .get_field_by_name(field)
                .map(|_| inner.get_field_by_name(field));
            value.is_some_and(|value| format!("{value:?}").contains("here"))
        });
        if !names_it {
            continue;
        }
        let mut request = inner.clone();
        if in_header {
            request = DynamicMessage::new(method.input());
            request.set_field_by_name("header", Value::Message(inner));
        }
        let name = method.full_name().to_owned();
        let status = answers(&stranger, &method, request)
            .await
            .map(drop)
            .unwrap_err();
        assert!(
            format!("{status:?}").contains("PROFILE_NOT_ALLOWED"),
            "{name}: {status:?}"
        );
        refused.push(name);
    }
    assert!(refused.len() > 15, "{refused:?}");
    for name in [
        "FetchToModule",
        "SendFromModule",
        "Get",
        "Put",
        "RemoveTree",
        "CreateUpload",
    ] {
        assert!(
            refused.iter().any(|refused| refused.ends_with(name)),
            "{name}: {refused:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_only_to_be_checked_says_so_and_the_module_hears_nothing() {
    let wire = Wire::new();
    let module = "allow_at_commands = true\n";
    let more = "[transfers]\nallow_inline_servers = true\n";
    let house = House::at(wire.device(), module, more).await;
    let (channel, client) = (house.channel().await, house.client().await);
    house.store("a", b"still here");
    let session = client.open_session("here", "/").await.unwrap().session_id;
    question(&channel, &wire).await;
    let usual = question(&channel, &wire).await;
    let mut checked = Vec::new();
    for method in methods() {
        let Some((message, in_header)) = headed(&method) else {
            continue;
        };
        let mut inner = good(&message);
        for field in ["session_id"] {
            if message.get_field_by_name(field).is_some() {
                inner.set_field_by_name(field, Value::String(session.clone()));
            }
        }
        let options = message.get_field_by_name("options").unwrap().kind();
        let mut options = DynamicMessage::new(options.as_message().unwrap().clone());
        options.set_field_by_name("validate_only", Value::Bool(true));
        inner.set_field_by_name("options", Value::Message(options));
        let mut request = inner.clone();
        if in_header {
            request = DynamicMessage::new(method.input());
            request.set_field_by_name("header", Value::Message(inner.clone()));
        }
        let answer = answers(&channel, &method, request).await;
        let answer = answer.unwrap_or_else(|status| panic!("{}: {status:?}", method.full_name()));
        assert_eq!(
            answer,
            [Answer { validated: true }],
            "{}",
            method.full_name()
        );
        assert_eq!(
            question(&channel, &wire).await,
            usual,
            "{}",
            method.full_name()
        );
        checked.push(method.name().to_owned());
    }
    for name in [
        "DeleteFile",
        "RemoveDirectory",
        "DeleteModuleFile",
        "Put",
        "Reset",
        "CreateUpload",
    ] {
        assert!(
            checked.iter().any(|checked| checked == name),
            "{name}: {checked:?}"
        );
    }
    assert!(checked.len() >= 25, "{checked:?}");
    assert_eq!(
        std::fs::read(house.root().join("a")).unwrap(),
        b"still here"
    );
    assert!(
        client.transfers().await.unwrap().is_empty(),
        "nothing is kept"
    );
    // A request with an error is still refused.
    let only = CallOptions {
        validate_only: true,
        ..Default::default()
    };
    let mut ftps = house.ftps().await;
    let delete = |profile: &str| proto::DeleteFileRequest {
        target: Some(proto::Target {
            destination: Some(proto::target::Destination::Profile(profile.into())),
        }),
        path: "/a".into(),
        options: Some(only.clone()),
        ..Default::default()
    };
    refused(
        ftps.delete_file(delete("nowhere")).await,
        Code::NotFound,
        "PROFILE_NOT_FOUND",
    );
    // A client of this package never takes it for done.
    let dry = client.with_options(only);
    let deleted = dry.delete_file(&here(), "/a").await;
    assert!(matches!(deleted, Err(Error::Validated)), "{deleted:?}");
    let options = cellftp::client::PutOptions::default();
    let put = dry
        .put(&here(), "/b", &options, &mut &b"x"[..], |_| ())
        .await;
    assert!(matches!(put, Err(Error::Validated)), "{put:?}");
    assert!(!house.root().join("b").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_that_could_not_be_verified_is_refused_when_it_is_checked() {
    let house = House::ready().await;
    let client = house.client().await;
    let session = client.open_session("here", "").await.unwrap().session_id;
    let mut ftps = house.ftps().await;
    let ascii = proto::SetTransferTypeRequest {
        session_id: session.clone(),
        transfer_type: proto::TransferType::Ascii.into(),
    };
    ftps.set_transfer_type(ascii).await.unwrap();
    let header = PutHeader {
        target: Some(proto::Target {
            destination: Some(proto::target::Destination::SessionId(session)),
        }),
        path: "/f".into(),
        verify: proto::Verify::Size.into(),
        options: Some(CallOptions {
            validate_only: true,
            ..Default::default()
        }),
        ..Default::default()
    };
    let request = PutRequest {
        message: Some(Put::Header(header)),
    };
    let answer: Result<tonic::Response<tonic::Streaming<PutResponse>>, Status> =
        ftps.put(iter(vec![request])).await;
    refused(answer, Code::InvalidArgument, "INVALID_FIELDS");
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_are_shown_to_whose_they_are_and_to_administrators() {
    let house = House::with(ROLES).await;
    house.store("f", b"12345");
    let job = labels(&[("job", "nightly")]);
    let options = CallOptions {
        request_id: "labelled".into(),
        labels: job.clone(),
        ..Default::default()
    };
    let stranger = over_tcp(&house).await;
    let (mut own, mut others) = (
        stranger.events(Vec::new()).await.unwrap(),
        house.client().await.events(Vec::new()).await.unwrap(),
    );
    stranger
        .with_options(options)
        .size(&here(), "/f")
        .await
        .unwrap();
    let seen = async |events: &mut cellftp::client::Events| loop {
        if let Some(Event::Operation(event)) = events.next().await.unwrap().unwrap().event {
            break event.operation.unwrap().labels;
        }
    };
    assert_eq!(seen(&mut own).await, job);
    assert_eq!(seen(&mut others).await, HashMap::new());
    let mut operations = house.operations().await;
    let asked = |principal: &str| GetOperationRequest {
        request_id: "labelled".into(),
        principal: principal.into(),
        ..Default::default()
    };
    let none = operations.get_operation(asked("")).await;
    refused(none, Code::NotFound, "OPERATION_NOT_FOUND");
    let found = operations
        .get_operation(asked("tcp"))
        .await
        .unwrap()
        .into_inner();
    let operation = found.ended.unwrap().operation.unwrap();
    assert_eq!((operation.labels, operation.principal), (job, "tcp".into()));
}

async fn ids(client: &Client, filter: &TransferFilter) -> Vec<String> {
    let transfers = client.transfers_where(filter).await.unwrap();
    transfers
        .into_iter()
        .map(|there| there.transfer_id)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn transfers_are_found_by_labels_and_watchers_see_them_come_change_and_go() {
    let house = House::ready().await;
    let client = house.client().await;
    let later = |job: &str| {
        client.clone().with_transfer_options(TransferOptions {
            start_delay: Some(prost_types::Duration {
                seconds: 3600,
                nanos: 0,
            }),
            lifetime: Some(prost_types::Duration {
                seconds: 7200,
                nanos: 0,
            }),
            labels: labels(&[("job", job), ("kind", "test")]),
        })
    };
    let made = later("a")
        .create_download("one", "here", "/f")
        .await
        .unwrap();
    assert_eq!(made.state(), TransferState::Queued);
    assert!(made.next_attempt_wait.unwrap().seconds > 3500);
    assert!(made.expire_wait.unwrap().seconds > 7100);
    assert_eq!(made.transfer_options.unwrap().labels["job"], "a");
    later("b")
        .create_download("two", "here", "/f")
        .await
        .unwrap();
    let with = |pairs: &[(&str, &str)]| TransferFilter {
        labels: labels(pairs),
        ..Default::default()
    };
    assert_eq!(ids(&client, &with(&[("job", "a")])).await, ["one"]);
    assert_eq!(
        ids(&client, &with(&[("kind", "test")])).await,
        ["one", "two"]
    );
    assert!(
        ids(&client, &with(&[("job", "a"), ("kind", "x")]))
            .await
            .is_empty()
    );

    let queued = TransferFilter {
        states: vec![TransferState::Queued],
        ..with(&[("kind", "test")])
    };
    let (mut all, mut waiting) = (
        client
            .watch_transfers(&with(&[("kind", "test")]))
            .await
            .unwrap(),
        client.watch_transfers(&queued).await.unwrap(),
    );
    for watch in [&mut all, &mut waiting] {
        for id in ["one", "two"] {
            match watch.next().await.unwrap().unwrap() {
                Watched::Transfer(there) => assert_eq!(there.transfer_id, id),
                other => panic!("{other:?}"),
            }
        }
        match watch.next().await.unwrap().unwrap() {
            Watched::Present(present) => assert_eq!(present.transfer_count, 2),
            other => panic!("{other:?}"),
        }
    }
    client.cancel_transfer("one").await.unwrap();
    match all.next().await.unwrap().unwrap() {
        Watched::Transfer(there) => assert_eq!(there.state(), TransferState::Cancelled),
        other => panic!("{other:?}"),
    }
    client.delete_transfer("one").await.unwrap();
    // What is neither labelled nor queued is passed over.
    client
        .create_download("plain", "here", "/none")
        .await
        .unwrap();
    later("c")
        .create_download("three", "here", "/f")
        .await
        .unwrap();
    let removed = |told: Watched| match told {
        Watched::Removed(removed) => (removed.transfer_id.clone(), removed.removal()),
        other => panic!("{other:?}"),
    };
    let gone = removed(all.next().await.unwrap().unwrap());
    assert_eq!(gone, ("one".into(), TransferRemoval::Deleted));
    // For the owner of the queued operation, either is true, depending on when it was checked.
    assert_eq!(removed(waiting.next().await.unwrap().unwrap()).0, "one");
    for watch in [&mut all, &mut waiting] {
        match watch.next().await.unwrap().unwrap() {
            Watched::Transfer(there) => assert_eq!(there.transfer_id, "three"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_sees_and_ends_what_is_others() {
    let house = House::with(ROLES).await;
    let (me, you) = (house.client().await, over_tcp(&house).await);
    let principal = me.server_info().await.unwrap().principal;
    let later = TransferOptions {
        start_delay: Some(prost_types::Duration {
            seconds: 3600,
            nanos: 0,
        }),
        ..Default::default()
    };
    for client in [&me, &you] {
        let client = client.clone().with_transfer_options(later.clone());
        for id in ["a", "b"] {
            client.create_download(id, "here", "/f").await.unwrap();
        }
    }
    let session = you.open_session("here", "").await.unwrap().session_id;
    // All of them, in pages, with their owners.
    let mut transfers =
        proto::transfer_service_client::TransferServiceClient::new(house.channel().await);
    let (mut found, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = proto::ListTransfersRequest {
            page_size: 1,
            page_token,
            principal: "-".into(),
            ..Default::default()
        };
        let page = transfers
            .list_transfers(request)
            .await
            .unwrap()
            .into_inner();
        let page_of = page.transfers.into_iter();
        found.extend(page_of.map(|there| (there.principal, there.transfer_id)));
        assert!(found.len() <= 4, "the pages do not end: {found:?}");
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let mut expected = Vec::new();
    for who in ["tcp", &principal] {
        expected.extend(["a", "b"].map(|id| (who.to_owned(), id.to_owned())));
    }
    assert_eq!(found, expected);
    let yours = me.clone().with_principal("tcp".into());
    yours.cancel_transfer("a").await.unwrap();
    yours.delete_transfer("a").await.unwrap();
    assert_eq!(ids(&you, &TransferFilter::default()).await, ["b"]);
    assert_eq!(ids(&me, &TransferFilter::default()).await, ["a", "b"]);
    let mut ftps = house.ftps().await;
    let list = proto::ListSessionsRequest {
        principal: "-".into(),
        ..Default::default()
    };
    let sessions = ftps
        .list_sessions(list)
        .await
        .unwrap()
        .into_inner()
        .sessions;
    assert_eq!(sessions.len(), 1);
    assert_eq!(
        (&*sessions[0].session_id, &*sessions[0].principal),
        (&*session, "tcp")
    );
    yours.close_session(&session).await.unwrap();
    assert!(you.close_session(&session).await.is_err(), "it is closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_administers_nothing_names_nobody_else_in_any_method() {
    let house = House::with(ROLES).await;
    let me = house.client().await;
    let principal = me.server_info().await.unwrap().principal;
    let later = TransferOptions {
        start_delay: Some(prost_types::Duration {
            seconds: 3600,
            nanos: 0,
        }),
        ..Default::default()
    };
    let mine = me.clone().with_transfer_options(later);
    mine.create_download("t", "here", "/f").await.unwrap();
    let session = me.open_session("here", "").await.unwrap().session_id;
    let channel = tcp(&house).await;
    let mut tried = Vec::new();
    for method in methods() {
        let input = method.input();
        if input.get_field_by_name("principal").is_none() {
            continue;
        }
        for who in [&*principal, "-"] {
            let mut request = good(&input);
            request.set_field_by_name("principal", Value::String(who.into()));
            if input.get_field_by_name("session_id").is_some() {
                request.set_field_by_name("session_id", Value::String(session.clone()));
            }
            let status = answers(&channel, &method, request).await.unwrap_err();
            let name = method.full_name();
            let one = kind(&status) == (Code::InvalidArgument, "INVALID_FIELDS".into());
            if !(one && who == "-") {
                assert_eq!(
                    kind(&status),
                    (Code::PermissionDenied, "ROLE_REQUIRED".into()),
                    "{name}"
                );
            }
        }
        tried.push(method.name().to_owned());
    }
    tried.sort();
    assert_eq!(
        tried,
        [
            "CancelOperation",
            "CancelTransfer",
            "CloseSession",
            "DeleteTransfer",
            "GetOperation",
            "GetTransfer",
            "ListOperations",
            "ListSessions",
            "ListTransfers",
            "RetryTransfer",
            "WatchEvents",
            "WatchTransfer",
            "WatchTransfers",
        ]
    );
    // One's own name is not another's.
    let own = over_tcp(&house).await.with_principal("tcp".into());
    assert!(own.transfers().await.unwrap().is_empty());
    let there = me.transfer("t").await.unwrap();
    assert_eq!(
        (there.state(), &*there.principal),
        (TransferState::Queued, &*principal)
    );
    me.close_session(&session).await.unwrap();
}

/// The operations that a watcher is told of until this one has ended: whose, where, and on what.
async fn seen(events: &mut cellftp::client::Events, method: &str) -> [String; 3] {
    loop {
        let event = timeout(PATIENCE, events.next()).await.unwrap().unwrap();
        let Some(Event::Operation(told)) = event.unwrap().event else {
            continue;
        };
        let about = told.operation.unwrap();
        let ended = matches!(told.change, Some(operation_event::Change::Ended(_)));
        if about.method == method && ended {
            return [about.principal, about.profile, about.path];
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_sees_who_did_what_and_others_do_not() {
    let house = House::with(ROLES).await;
    let me = house.client().await;
    let you = over_tcp(&house).await;
    let all = me.clone().with_principal("-".into());
    let yours = me.clone().with_principal("tcp".into());
    let mut audit = all.events(Vec::new()).await.unwrap();
    let mut of_one = yours.events(Vec::new()).await.unwrap();
    let mut plain = me.events(Vec::new()).await.unwrap();
    me.make_directory(&here(), "/mine").await.unwrap();
    you.make_directory(&here(), "/yours").await.unwrap();
    let told = ["tcp", "here", "/yours"].map(str::to_owned);
    let principal = me.server_info().await.unwrap().principal;
    let mine = seen(&mut audit, "MakeDirectory").await;
    assert_eq!(mine, [&*principal, "here", "/mine"].map(str::to_owned));
    assert_eq!(seen(&mut audit, "MakeDirectory").await, told);
    // Of one principal, the first that there is to see.
    assert_eq!(seen(&mut of_one, "MakeDirectory").await, told);
    assert_eq!(seen(&mut plain, "MakeDirectory").await, mine);
    assert_eq!(
        seen(&mut plain, "MakeDirectory").await,
        [""; 3].map(str::to_owned)
    );
}
