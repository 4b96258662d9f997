//! `cellftp` succeeds only where the work is known to be done.

use std::convert::Infallible;
use std::fs;
use std::pin::Pin;
use std::process::{Command, Output};
use std::task::{Context, Poll};

use cellftp::proto::{PutRequest, PutResponse, PutResult, PutState, put_response};
use tokio::net::UnixListener;
use tokio::runtime::Runtime;
use tokio_stream::wrappers::UnixListenerStream;
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::server::{Grpc, NamedService, StreamingService};
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_types::{ErrorDetails, StatusExt};

use crate::site::{Site, failed, succeeded};
use crate::{CELLFTP, text};

/// Answers each Put with this state, as a daemon does.
#[derive(Clone)]
struct Always(PutState);

type Answer<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;
type Answers = tokio_stream::Iter<std::vec::IntoIter<Result<PutResponse, Status>>>;

impl NamedService for Always {
    const NAME: &'static str = "cellftp.v1.FtpsService";
}

impl Service<http::Request<Body>> for Always {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Answer<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let answer = self.clone();
        Box::pin(async move {
            let mut grpc = Grpc::new(tonic_prost::ProstCodec::default());
            Ok(grpc.streaming(answer, request).await)
        })
    }
}

impl StreamingService<PutRequest> for Always {
    type Response = PutResponse;
    type ResponseStream = Answers;
    type Future = Answer<Response<Answers>, Status>;

    fn call(&mut self, request: Request<Streaming<PutRequest>>) -> Self::Future {
        let state = self.0;
        Box::pin(async move {
            let mut messages = request.into_inner();
            while messages.message().await?.is_some() {}
            let result = PutResult {
                state: state.into(),
                ..PutResult::default()
            };
            let message = Some(put_response::Message::Result(result));
            let mut answers = vec![Ok(PutResponse {
                message,
                ..Default::default()
            })];
            let unmet = match state {
                PutState::Unverified => Some((Code::Aborted, "UNVERIFIED")),
                PutState::Indeterminate => Some((Code::Unknown, "INDETERMINATE")),
                _ => None,
            };
            answers.extend(unmet.map(|(code, reason)| {
                let details = ErrorDetails::with_error_info(reason, "cellftp", []);
                Err(Status::with_error_details(code, "it is not sure", details))
            }));
            Ok(Response::new(tokio_stream::iter(answers)))
        })
    }
}

/// The result of `cellftp put` where the daemon answers so.
fn put(state: PutState, options: &[&str]) -> Output {
    let scratch = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let door = scratch.path().join("s");
    let listener = runtime.block_on(async { UnixListener::bind(&door).unwrap() });
    let server = tonic::transport::Server::builder().add_service(Always(state));
    runtime.spawn(server.serve_with_incoming(UnixListenerStream::new(listener)));
    let local = scratch.path().join("a.bin");
    fs::write(&local, "abc").unwrap();
    let mut command = Command::new(CELLFTP);
    command.args(["-p", "x", "--timeout", "60s", "--socket"]);
    command.arg(&door).args(options).arg("put").arg(&local);
    command.arg("/a.bin").output().unwrap()
}

#[test]
fn a_put_whose_outcome_was_lost_is_no_success() {
    let output = put(PutState::Indeterminate, &[]);
    assert!(text(&output.stdout).contains("outcome unknown"));
    let said = failed(9, output);
    let began =
        "cellftp: put /a.bin: sent, and nobody can tell whether it arrived\n  it is not sure\n";
    assert!(said.starts_with(began), "{said}");
    assert!(said.contains("`cellftp size`"), "{said}");

    let output = put(PutState::Indeterminate, &["--json"]);
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["state"], "PUT_STATE_INDETERMINATE");
    let told: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(told["error"]["exit_code"], 9);
    assert_eq!(output.status.code(), Some(9));
}

#[test]
fn a_put_that_nobody_confirms_is_a_success_only_where_that_was_not_asked() {
    let said = failed(9, put(PutState::Unverified, &[]));
    assert!(said.contains("--verify best-effort"), "{said}");
    succeeded(put(PutState::VerifiedSize, &[]));
}

/// A site that keeps transfers.
fn keeping(directory: &tempfile::TempDir) -> Site {
    let directory = directory.path().to_str().unwrap();
    let site = Site::with("", &[("CELLFTPD_DURABLE__DIRECTORY", directory)]);
    fs::write(site.local("up"), "abc").unwrap();
    site
}

#[test]
fn a_transfer_that_is_watched_ends_the_watch_with_its_own_end() {
    let directory = tempfile::tempdir().unwrap();
    let site = keeping(&directory);
    site.done(&["transfer", "put", "up", "/up", "--id", "good"]);
    let watched = site.done(&["transfer", "watch", "good"]);
    assert!(text(&watched.stdout).contains("done, 3 bytes, size verified"));

    site.done(&["transfer", "get", "/none", "--id", "none"]);
    let said = site.refused(3, &["transfer", "watch", "none"]);
    assert!(
        said.contains("none: ") && said.contains("FILE_NOT_FOUND"),
        "{said}"
    );
    let told = site.run(&["--json", "transfer", "watch", "none"]);
    let told: serde_json::Value = serde_json::from_slice(&told.stderr).unwrap();
    assert_eq!(told["error"]["reason"], "FILE_NOT_FOUND");
    // The same name is the same transfer, and that one has failed.
    site.refused(3, &["transfer", "get", "/none", "--id", "none"]);
    // Showing it succeeds: nothing else was asked.
    site.done(&["transfer", "show", "none"]);
}

#[test]
fn a_watch_keeps_to_its_time_and_a_cancelled_transfer_is_no_success() {
    let directory = tempfile::tempdir().unwrap();
    let site = keeping(&directory);
    let wish = ["-p", "gone", "transfer", "put", "up", "/up", "--id", "vain"];
    let mut command = Command::new(CELLFTP);
    let door = site.service.door().display().to_string();
    command.args(["--socket", &door]).args(wish);
    succeeded(command.current_dir(site.scratch.path()).output().unwrap());
    let limited = |words: &[&str]| {
        let mut command = Command::new(CELLFTP);
        command.args(["--socket", &door, "--timeout", "200ms"]);
        failed(6, command.args(words).output().unwrap())
    };
    let said = limited(&["transfer", "watch", "vain"]);
    assert!(said.contains("200ms"), "{said}");
    limited(&["events"]);
    site.done(&["transfer", "cancel", "vain"]);
    let said = site.refused(8, &["transfer", "watch", "vain"]);
    assert!(said.contains("vain: the transfer was cancelled"), "{said}");
}
