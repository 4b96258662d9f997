//! Names and trees on a server.

use std::ops::ControlFlow;

use super::connection::{Client, Target};
use super::error::{Error, unless_validated};
use super::path::ServerPath;
use super::stream;
use crate::proto::{
    Entry, RemoveTreeRequest, RemoveTreeSummary, RemovedName, StatRequest, TreeFailure,
    WalkRequest, WalkSummary, WalkedEntries, remove_tree_response, walk_response,
};

/// A part of the answer to a walk or a removal of a tree.
#[derive(Debug, Clone, PartialEq)]
pub enum Branch {
    /// Some entries of a directory.
    Entries(WalkedEntries),
    /// A name that was removed.
    Removed(RemovedName),
    /// A name that could not be listed, or is still there.
    Failure(TreeFailure),
}

impl Client {
    /// What a name on the server is. Links are not followed.
    ///
    /// # Errors
    /// Those of every call ([`Client`]), and [`Error::Validated`], and [`Error::Protocol`] where the answer
    /// has no entry.
    pub async fn stat(&self, target: &Target, path: impl Into<ServerPath>) -> Result<Entry, Error> {
        let request = self.request_at(path, |path, raw_path| StatRequest {
            target: Some(target.to_proto()),
            path,
            raw_path,
            options: self.options(),
        });
        let response = self.unary(self.ftps.clone().stat(request)).await?;
        let entry = unless_validated(response.validated, response.entry)?;
        entry.ok_or_else(|| Error::Protocol("an answer without an entry".into()))
    }

    /// Lists a directory and all below it, down to `max_depth` levels: 1 is the directory itself, 0 is all.
    /// Calls `tell` with entries and failures as they arrive; `tell` may end the walk.
    ///
    /// # Errors
    /// Those of every call ([`Client`]), and [`Error::Validated`]. [`Error::Incomplete`] where `tell` ended
    /// the walk, or the stream ended before its summary. [`Error::Refused`] with the reason
    /// `TREE_INCOMPLETE` where a directory could not be listed. What was told before is true, and
    /// incomplete.
    pub async fn walk(
        &self,
        target: &Target,
        path: impl Into<ServerPath>,
        max_depth: u16,
        mut tell: impl FnMut(Branch) -> ControlFlow<()>,
    ) -> Result<WalkSummary, Error> {
        use walk_response::Message;
        let request = self.request_at(path, |path, raw_path| WalkRequest {
            target: Some(target.to_proto()),
            path,
            max_depth: max_depth.into(),
            raw_path,
            options: self.options(),
        });
        let mut ftps = self.ftps.clone();
        self.limited(async {
            let answers = ftps.walk(request).await?.into_inner();
            stream::result(answers, |response| {
                unless_validated(response.validated, ())?;
                match response.message {
                    Some(Message::Entries(entries)) => told(tell(Branch::Entries(entries))),
                    Some(Message::Failure(failure)) => told(tell(Branch::Failure(failure))),
                    Some(Message::Summary(summary)) => Ok(Some(summary)),
                    Some(Message::Progress(_)) | None => Ok(None),
                }
            })
            .await
        })
        .await
    }

    /// Removes a directory with all that is below it. Calls `tell` with what is removed and what is left as it
    /// happens; `tell` may end the removal at any point.
    ///
    /// # Errors
    /// Those of every call ([`Client`]), and [`Error::Validated`]. [`Error::Incomplete`] where `tell` ended
    /// the removal, or the stream ended before its summary. [`Error::Refused`] with the reason
    /// `TREE_INCOMPLETE` where something is left.
    pub async fn remove_tree(
        &self,
        target: &Target,
        path: impl Into<ServerPath>,
        mut tell: impl FnMut(Branch) -> ControlFlow<()>,
    ) -> Result<RemoveTreeSummary, Error> {
        use remove_tree_response::Message;
        let request = self.request_at(path, |path, raw_path| RemoveTreeRequest {
            target: Some(target.to_proto()),
            path,
            raw_path,
            options: self.options(),
        });
        let mut ftps = self.ftps.clone();
        self.limited(async {
            let answers = ftps.remove_tree(request).await?.into_inner();
            stream::result(answers, |response| {
                unless_validated(response.validated, ())?;
                match response.message {
                    Some(Message::Removed(removed)) => told(tell(Branch::Removed(removed))),
                    Some(Message::Failure(failure)) => told(tell(Branch::Failure(failure))),
                    Some(Message::Summary(summary)) => Ok(Some(summary)),
                    Some(Message::Progress(_)) | None => Ok(None),
                }
            })
            .await
        })
        .await
    }
}

/// Goes on with the stream, or ends the call where `tell` asked for that.
fn told<R>(flow: ControlFlow<()>) -> Result<Option<R>, Error> {
    match flow {
        ControlFlow::Continue(()) => Ok(None),
        ControlFlow::Break(()) => Err(Error::Incomplete),
    }
}
