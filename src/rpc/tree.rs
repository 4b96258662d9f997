//! Walks and removals of trees, as streams of responses. The operation is cancelled when the stream is dropped
//! because its caller left.

use futures_util::stream::try_unfold;
use tokio::time::timeout;
use tokio_stream::Stream;
use tonic::Status;

use super::call::{given_up, within};
use super::convert::response::{kind, said, signed};
use super::once::Keep;
use super::progress::{LOOK, ProgressMessages};
use super::status;
use crate::broker::flow::get::{GetProgress, GetStage};
use crate::broker::flow::tree::{Removed, RemovedCount, Removing, Walk, WalkCount, Walked};
use crate::broker::terms::{Caller, Cause, Error};
use crate::proto::{
    Entry, OperationProgress, RemoveTreeResponse, RemoveTreeSummary, RemovedName, TreeFailure,
    WalkResponse, WalkSummary, WalkedEntries, remove_tree_response, walk_response,
};
use simcom_talk::ftps::ModuleProfile;
use simcom_talk::ftps::value::NameCode;

/// Entries of one message: some tens of kilobytes.
const ENTRIES: usize = 200;

/// A stream of progress, entries, failures and the summary. A status follows where there were failures.
pub(super) fn walk(
    walk: Walk,
    caller: Caller,
    profile: impl Fn() -> ModuleProfile + Send,
    code: NameCode,
) -> impl Stream<Item = Result<WalkResponse, Status>> + Send {
    let stream = WalkStream {
        messages: ProgressMessages::new(walk.operation(), None),
        walk,
        caller,
        profile,
        code,
        rest: None,
        state: State::New,
    };
    try_unfold(stream, async |mut stream| {
        let next = stream.next().await?;
        Ok(next.map(|response| (response, stream)))
    })
}

/// A stream of what was removed and what was not, and the summary. A status follows where something is left.
pub(super) fn remove(
    removing: Removing,
    caller: Caller,
    code: NameCode,
    keep: Keep,
) -> impl Stream<Item = Result<RemoveTreeResponse, Status>> + Send {
    let stream = RemovalStream {
        messages: ProgressMessages::new(removing.operation(), None),
        removing: Some(removing),
        caller,
        code,
        keep,
        state: State::New,
    };
    try_unfold(stream, async |mut stream| {
        let next = stream.next().await?;
        Ok(next.map(|response| (response, stream)))
    })
}

/// The state of a stream.
enum State {
    New,
    Running,
    /// The summary was sent; this comes after it.
    Ended(Result<(), Error>),
}

struct WalkStream<P> {
    walk: Walk,
    messages: ProgressMessages,
    caller: Caller,
    /// The profile of the module that lists the names, known once the module is ready.
    profile: P,
    code: NameCode,
    /// Entries that did not fit into one message.
    rest: Option<(String, Vec<Entry>)>,
    state: State,
}

impl<P: Fn() -> ModuleProfile> WalkStream<P> {
    async fn next(&mut self) -> Result<Option<WalkResponse>, Status> {
        match &self.state {
            State::New => {
                self.state = State::Running;
                let first = self.messages.next(GetProgress::default().into());
                return Ok(first.map(WalkResponse::from));
            }
            State::Ended(Err(error)) => return Err(status::of(error)),
            State::Ended(Ok(())) => return Ok(None),
            State::Running => {}
        }
        if let Some((directory, entries)) = self.rest.take() {
            return Ok(Some(self.part(directory, entries)));
        }
        loop {
            let walked = timeout(LOOK, within(&self.caller, self.walk.next())).await;
            let Ok(walked) = walked else {
                let progress = self.walk.progress();
                if progress.stage == GetStage::Queued
                    && let Some(report) = self.messages.next(progress.into())
                {
                    return Ok(Some(report.into()));
                }
                continue;
            };
            return Ok(Some(match walked? {
                Walked::Entries { directory, entries } => {
                    let profile = (self.profile)();
                    let entries = entries.into_iter();
                    let entries = entries
                        .map(|entry| Entry::of(entry, &profile, self.code))
                        .collect();
                    self.part(directory, entries)
                }
                Walked::Failed { directory, error } => {
                    walk_response::Message::Failure(TreeFailure::of(&directory, &error, self.code))
                        .into()
                }
                Walked::End(count) => {
                    self.state = State::Ended(count.outcome());
                    walk_response::Message::Summary(count.into()).into()
                }
            }));
        }
    }

    /// A message with as many entries as fit; the others follow.
    fn part(&mut self, directory: String, mut entries: Vec<Entry>) -> WalkResponse {
        let rest = entries.split_off(ENTRIES.min(entries.len()));
        let (text, raw_directory) = said(&directory, self.code);
        self.rest = (!rest.is_empty()).then_some((directory, rest));
        walk_response::Message::Entries(WalkedEntries {
            directory: text,
            entries,
            raw_directory,
        })
        .into()
    }
}

struct RemovalStream {
    /// `None` once the summary was sent.
    removing: Option<Removing>,
    messages: ProgressMessages,
    caller: Caller,
    code: NameCode,
    /// Keeps the end of a request that has a name. A request that was broken off is carried out anew, which
    /// removes the rest.
    keep: Keep,
    state: State,
}

impl RemovalStream {
    async fn next(&mut self) -> Result<Option<RemoveTreeResponse>, Status> {
        match &self.state {
            State::New => {
                self.state = State::Running;
                let first = self.messages.next(GetProgress::default().into());
                return Ok(first.map(RemoveTreeResponse::from));
            }
            State::Ended(Err(error)) => return Err(status::of(error)),
            State::Ended(Ok(())) => return Ok(None),
            State::Running => {}
        }
        loop {
            let Some(removing) = &mut self.removing else {
                return Ok(None);
            };
            let next = tokio::select! {
                biased;
                next = timeout(LOOK, removing.next()) => next,
                () = given_up(&self.caller) => return Err(status::of(&Cause::Expired.into())),
            };
            match next {
                Ok(Some(removed)) => return Ok(Some(told(removed, self.code))),
                Ok(None) => {}
                Err(_) => {
                    let place = removing.place();
                    let progress = GetProgress {
                        stage: GetStage::Queued,
                        place,
                    };
                    if let Some(report) = self.messages.next(progress.into()) {
                        return Ok(Some(report.into()));
                    }
                    continue;
                }
            }
            let Some(removing) = self.removing.take() else {
                return Ok(None);
            };
            let operation = removing.operation().clone();
            let count = within(&self.caller, removing.finish()).await?;
            let outcome = count.outcome().map_err(|error| Error {
                operation: Some(operation.clone()),
                ..error
            });
            let summary = remove_tree_response::Message::Summary(count.into()).into();
            let failed = outcome.as_ref().err().map(status::of);
            let keep = std::mem::take(&mut self.keep);
            keep.answer(Some(&operation), Some(&summary), failed.as_ref());
            self.state = State::Ended(outcome);
            return Ok(Some(summary));
        }
    }
}

impl TreeFailure {
    fn of(path: &str, error: &Error, code: NameCode) -> Self {
        let (path, raw_path) = said(path, code);
        Self {
            path,
            failure: Some(status::failure(error)),
            raw_path,
        }
    }
}

impl From<walk_response::Message> for WalkResponse {
    fn from(message: walk_response::Message) -> Self {
        Self {
            message: Some(message),
            ..Self::default()
        }
    }
}

impl From<OperationProgress> for WalkResponse {
    fn from(progress: OperationProgress) -> Self {
        walk_response::Message::Progress(progress).into()
    }
}

impl From<WalkCount> for WalkSummary {
    fn from(count: WalkCount) -> Self {
        Self {
            directory_count: signed(count.directories),
            file_count: signed(count.files),
            other_count: signed(count.others),
            total_bytes: signed(count.bytes),
            failure_count: signed(count.failed),
        }
    }
}

impl From<remove_tree_response::Message> for RemoveTreeResponse {
    fn from(message: remove_tree_response::Message) -> Self {
        Self {
            message: Some(message),
            ..Self::default()
        }
    }
}

impl From<OperationProgress> for RemoveTreeResponse {
    fn from(progress: OperationProgress) -> Self {
        remove_tree_response::Message::Progress(progress).into()
    }
}

fn told(removed: Removed, code: NameCode) -> RemoveTreeResponse {
    use remove_tree_response::Message;
    match removed.outcome {
        Ok(()) => {
            let (path, raw_path) = said(&removed.name, code);
            let kind = kind(removed.kind).into();
            Message::Removed(RemovedName {
                path,
                kind,
                raw_path,
            })
        }
        Err(error) => Message::Failure(TreeFailure::of(&removed.name, &error, code)),
    }
    .into()
}

impl From<RemovedCount> for RemoveTreeSummary {
    fn from(count: RemovedCount) -> Self {
        Self {
            directory_count: signed(count.directories),
            file_count: signed(count.files),
            failure_count: signed(count.failed),
        }
    }
}
