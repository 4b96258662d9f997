//! What a name on a server is, and trees.

use std::ops::ControlFlow;

use super::options::unless;
use super::{Client, Error, ServerPath, Target};
use crate::proto::{
    Entry, RemoveTreeRequest, RemoveTreeSummary, RemovedName, StatRequest, TreeFailure,
    WalkRequest, WalkSummary, WalkedEntries, remove_tree_response, walk_response,
};

/// What is told of a tree while it is gone through.
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
    /// The call failed.
    pub async fn stat(&self, target: &Target, path: impl Into<ServerPath>) -> Result<Entry, Error> {
        let request = self.request_at(path, |path, raw_path| StatRequest {
            target: Some(target.to_proto()),
            path,
            raw_path,
            options: self.options(),
        });
        let response = self.unary(self.ftps.clone().stat(request)).await?;
        let entry = unless(response.validated, response.entry)?;
        entry.ok_or_else(|| Error::Protocol("an answer without an entry".into()))
    }

    /// Lists a directory and all below it, no deeper than `max_depth` says: 1 is the directory itself, 0 all. Tells
    /// entries and failures as they come; whoever is told may end it.
    ///
    /// # Errors
    /// The call failed. What was told before is true, and incomplete; so it is where the reason is
    /// `TREE_INCOMPLETE`.
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
            let mut stream = ftps.walk(request).await?.into_inner();
            let mut summary = None;
            while let Some(response) = stream.message().await? {
                unless(response.validated, ())?;
                let branch = match response.message {
                    Some(Message::Entries(entries)) => Branch::Entries(entries),
                    Some(Message::Failure(failure)) => Branch::Failure(failure),
                    Some(Message::Summary(all)) => {
                        summary = Some(all);
                        continue;
                    }
                    Some(Message::Progress(_)) | None => continue,
                };
                if tell(branch).is_break() {
                    return Err(Error::Incomplete);
                }
            }
            summary.ok_or(Error::Incomplete)
        })
        .await
    }

    /// Removes a directory with all that is below it. Tells what is gone and what stays as it comes; whoever is told
    /// may end it where it is.
    ///
    /// # Errors
    /// The call failed, or something is left: then the reason is `TREE_INCOMPLETE`.
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
            let mut stream = ftps.remove_tree(request).await?.into_inner();
            let mut summary = None;
            while let Some(response) = stream.message().await? {
                unless(response.validated, ())?;
                let branch = match response.message {
                    Some(Message::Removed(removed)) => Branch::Removed(removed),
                    Some(Message::Failure(failure)) => Branch::Failure(failure),
                    Some(Message::Summary(all)) => {
                        summary = Some(all);
                        continue;
                    }
                    Some(Message::Progress(_)) | None => continue,
                };
                if tell(branch).is_break() {
                    return Err(Error::Incomplete);
                }
            }
            summary.ok_or(Error::Incomplete)
        })
        .await
    }
}
