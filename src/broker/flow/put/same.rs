//! Whether the server already has a file that a Put would write.

use super::PutHeader;
use crate::broker::Broker;
use crate::broker::flow::get::Next;
use crate::broker::terms::{Caller, Cause, Error, Options, PutState, Verify};
use crate::modem::JobId;
use simcom_talk::dialogue::failure;
use simcom_talk::dialogue::operation::{Output, Task};
use simcom_talk::ftps::errcode::ErrCode;
use simcom_talk::ftps::value::Offset;

/// A file on the server that equals the one to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Same {
    /// The operation that found it.
    pub operation: JobId,
    /// The strength of the evidence.
    pub state: PutState,
    /// The evidence, in words.
    pub evidence: &'static str,
}

impl Broker {
    /// Whether the server already has the file of a header: compares the size and, with
    /// [`Verify::ReadBack`], the SHA-256. `None`: it has not, or does not tell.
    ///
    /// # Errors
    /// Those of [`Broker::size`], and with [`Verify::ReadBack`] of [`Broker::get`] and
    /// [`Reading::next`](crate::broker::flow::get::Reading::next); the Put itself would fail as
    /// well.
    pub async fn same_there(
        &self,
        caller: &Caller,
        header: &PutHeader,
        size: u64,
        sha256: Option<[u8; 32]>,
    ) -> Result<Option<Same>, Error> {
        // The request's name belongs to the Put itself; a caller that asks by it must not get this
        // lookup.
        let caller = &Caller {
            options: Options {
                request: None,
                ..caller.options.clone()
            },
            ..caller.clone()
        };
        let (location, session) = self.locate(caller, &header.target)?;
        let (standing, path) = location.locate(&header.path)?;
        let operation = self.admit(caller, "Put", location.about(&path), session)?;
        let id = operation.id.clone();
        match self.run(operation, standing, Task::Size(path)).await {
            Ok(Output::Size(found)) if found == size => {}
            Ok(Output::Size(_)) => return Ok(None),
            Ok(_) => return Err(Cause::WrongAnswer.into()),
            Err(error) if is_untold(&error) => return Ok(None),
            Err(error) => return Err(error),
        }
        if header.verify != Some(Verify::ReadBack) {
            return Ok(Some(Same {
                operation: id,
                state: PutState::VerifiedSize,
                evidence: "nothing was sent: the server has a file of this size",
            }));
        }
        let (target, path) = (&header.target, &header.path);
        let mut reading = self.get(caller, target, path, Offset::ZERO).await?;
        let found = loop {
            match reading.next().await? {
                Next::Chunk(_) => {}
                Next::End(result) => break result,
            }
        };
        let is_same = found.grown.is_none() && Some(found.sha256) == sha256;
        Ok(is_same.then(|| Same {
            operation: reading.operation().clone(),
            state: PutState::VerifiedHash,
            evidence: "nothing was sent: the file on the server was read and has this SHA-256",
        }))
    }
}

/// There is no such file, or the server does not tell its size.
fn is_untold(error: &Error) -> bool {
    error.failure().is_some_and(|failure| {
        matches!(
            failure.cause,
            failure::Cause::Reported(ErrCode::REJECTED)
                | failure::Cause::Refused(_)
                | failure::Cause::Undecided(_)
                | failure::Cause::ListingUnread(_)
        )
    })
}
