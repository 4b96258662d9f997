//! The work of a Put behind its caller's back: upload, verification, sentinel.

use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::content::Content;
use super::{
    Fault, Patience, PutHeader, PutProgress, PutResult, PutStage, PutState, Sentinel, Verify,
};
use crate::broker::error::{Cause, Error, Hashed};
use crate::broker::location::Location;
use crate::broker::names::Writer;
use crate::broker::operation::{Feed, Operation};
use crate::broker::tally::Tally;
use crate::broker::transfers::Key;
use simcom_talk::dialogue::failure::Ending;
use simcom_talk::dialogue::operation::{
    BegunUpload, Delivery, Doubt, Download, Output, Standing, Stored, Task, Upload,
};
use simcom_talk::ftps::value::{Offset, RemotePath, TransferType};

/// Deliveries between the module and a hash: as for a Get.
const DELIVERIES: usize = 8;

/// A Put that runs to its end whatever becomes of its caller.
#[derive(Debug)]
pub(super) struct Driver {
    pub(super) operation: Arc<Operation>,
    pub(super) standing: Standing,
    pub(super) transfer_type: TransferType,
    pub(super) path: RemotePath,
    pub(super) must_be_new: bool,
    verify: Verify,
    pub(super) delete_on_failure: bool,
    /// Bytes to come, where the caller knows.
    pub(super) size: Option<u64>,
    sentinel: Option<RemotePath>,
    /// The size is made sure of later, together with those of other files.
    pub(super) later: bool,
    /// It is one of many files of its operation.
    pub(super) many: bool,
    /// Bytes that its operation has moved for other files.
    pub(super) moved_before: u64,
    pub(super) content: Content,
    /// What an earlier operation has begun.
    pub(super) begun: Option<BegunUpload>,
    /// The transfer whose attempt it is, where it is one's.
    pub(super) own: Option<Key>,
    /// The right to the name, once it was begun.
    pub(super) writer: OnceLock<Arc<Writer>>,
    /// Why the source ended the operation, where it did.
    pub(super) fault: Fault,
    pub(super) report: watch::Sender<PutProgress>,
    pub(super) stall: Duration,
    pub(super) trickle: Duration,
}

/// What a header comes to at a place.
#[derive(Debug)]
pub(in crate::broker) struct Place {
    standing: Standing,
    path: RemotePath,
    verify: Verify,
    sentinel: Option<RemotePath>,
}

impl Place {
    /// Reads a header there, before anything is admitted.
    ///
    /// # Errors
    /// It cannot be meant so.
    pub(in crate::broker) fn of(location: &Location, header: &PutHeader) -> Result<Self, Cause> {
        let transfer_type = location.transfer_type;
        let verify = header.verify.unwrap_or(Verify::usual(transfer_type));
        if transfer_type == TransferType::Ascii && matches!(verify, Verify::Size | Verify::ReadBack)
        {
            return Err(Cause::NoVerifyInAscii);
        }
        let (standing, path) = location.locate(&header.path)?;
        let sentinel = header.sentinel.as_ref();
        let sentinel = sentinel.map(|name| location.beside(&path, name));
        Ok(Self {
            standing,
            path,
            verify,
            sentinel: sentinel.transpose()?,
        })
    }
}

impl Driver {
    pub(super) fn new(
        operation: Arc<Operation>,
        location: &Location,
        header: &PutHeader,
        content: Content,
        report: watch::Sender<PutProgress>,
        patience: Patience,
    ) -> Result<Self, Cause> {
        let Place {
            standing,
            path,
            verify,
            sentinel,
        } = Place::of(location, header)?;
        Ok(Self {
            operation,
            standing,
            transfer_type: location.transfer_type,
            path,
            must_be_new: header.must_be_new,
            verify,
            delete_on_failure: header.delete_on_failure,
            size: header.size,
            sentinel,
            later: false,
            many: false,
            moved_before: 0,
            content,
            begun: None,
            own: None,
            writer: OnceLock::new(),
            fault: Fault::default(),
            report,
            stall: patience.stall,
            trickle: patience.trickle,
        })
    }

    pub(super) async fn run(mut self) -> Result<PutResult, Error> {
        let outcome = self.write().await;
        let outcome = outcome.map_err(|error| self.fault.explain(error));
        self.operation.log(&outcome);
        outcome
    }

    /// Writes the file and makes sure of it, as far as that is not done later.
    pub(super) async fn write(&mut self) -> Result<PutResult, Error> {
        self.first_bytes().await?;
        let stored = self.upload().await?;
        self.report
            .send_modify(|report| report.stage = PutStage::Verifying);
        let sha256 = match self.content.whole() {
            Some((size, sha256)) if size == stored.sent => sha256,
            Some((expected, _)) => {
                let found = stored.sent;
                return Err(self
                    .operation
                    .error(Cause::SizeMismatch { expected, found }));
            }
            None => return Err(self.operation.error(Cause::WrongAnswer)),
        };
        let mut result = self.judge(&stored, sha256)?;
        if self.later && result.state == PutState::Unverified {
            return Ok(result);
        }
        // The bytes of an ASCII transfer are rewritten on the way, as its size is.
        if self.verify == Verify::ReadBack && self.compares_sizes() {
            self.read_back(&mut result).await?;
        }
        let sentinel = match self.sentinel.clone() {
            Some(path) => self.write_sentinel(path, &mut result).await,
            None => Ok(()),
        };
        result.elapsed = self.operation.on_link();
        match self.unmet(&result).map_or(sentinel, Err) {
            Ok(()) => Ok(result),
            // What the server has is not what was sent, or not known to be.
            Err(error) if matches!(error.cause, Cause::NameTaken(_)) => Err(error),
            Err(error) => Err(Error {
                committed: Some(result.size),
                reached: Some(Box::new(result)),
                ..error
            }),
        }
    }

    /// Why a file that was handed over whole is not known to be there as it was asked for.
    fn unmet(&self, result: &PutResult) -> Option<Error> {
        if self.verify.is_met_by(result.state) {
            return None;
        }
        Some(self.operation.error(match result.state {
            PutState::Indeterminate => Cause::Indeterminate,
            PutState::Unverified | PutState::VerifiedSize | PutState::VerifiedHash => {
                Cause::Unverified {
                    evidence: result.evidence.clone(),
                }
            }
        }))
    }

    /// Waits until there is something to send. A file that is known to be short is waited for as a whole: it
    /// then goes with fewer questions, and its caller does not keep the link waiting.
    async fn first_bytes(&mut self) -> Result<(), Error> {
        let short = self.size.filter(|size| *size <= Upload::SHORT);
        let awaited = short.map_or(1, |size| size + 1);
        tokio::select! {
            biased;
            () = self.operation.cancelled() => {
                Err(self.operation.ended_by_caller(Ending::BeforeItBegan))
            }
            ready = self.content.ready(awaited, self.stall) => {
                ready.then_some(()).ok_or_else(|| self.operation.error(Cause::WriterTooSlow))
            }
        }
    }

    /// What is known after the upload alone.
    fn judge(&self, stored: &Stored, sha256: [u8; 32]) -> Result<PutResult, Error> {
        let acknowledged = if stored.acknowledged {
            "the module reported success"
        } else {
            "the module's report of success was lost"
        };
        let (state, about_size) = match stored.confirmed {
            _ if !self.compares_sizes() => (None, self.why_sizes_are_not_compared()),
            Some(found) if found == stored.sent => (
                Some(PutState::VerifiedSize),
                "the server names the size that was sent",
            ),
            Some(found) => {
                let cause = Cause::SizeMismatch {
                    expected: stored.sent,
                    found,
                };
                return Err(Error {
                    committed: Some(found),
                    ..self.operation.error(cause)
                });
            }
            None => (None, why_unconfirmed(stored.doubt)),
        };
        let state = state.unwrap_or(if stored.acknowledged {
            PutState::Unverified
        } else {
            PutState::Indeterminate
        });
        Ok(PutResult {
            size: stored.sent,
            sha256,
            state,
            evidence: format!("{acknowledged}; {about_size}"),
            resumes: stored.resumes,
            elapsed: Duration::ZERO,
            sentinel_written: false,
        })
    }

    /// In ASCII, line ends may be rewritten, and the size on the server is another one rightly
    /// (RFC 3659 §4.1).
    pub(super) fn compares_sizes(&self) -> bool {
        self.verify != Verify::Nothing && self.transfer_type == TransferType::Binary
    }

    const fn why_sizes_are_not_compared(&self) -> &'static str {
        match self.verify {
            Verify::Nothing => "nothing else was asked",
            Verify::Size | Verify::ReadBack | Verify::BestEffort => {
                "the sizes of an ASCII transfer do not compare"
            }
        }
    }

    /// Reads the file back and compares. What cannot be read leaves the result as it is.
    async fn read_back(&mut self, result: &mut PutResult) -> Result<(), Error> {
        let (delivery, mut deliveries) = mpsc::channel(DELIVERIES);
        let feed = Feed {
            delivery: Some(delivery),
            ..Feed::default()
        };
        let download = Download::of(self.path.clone(), Offset::ZERO);
        let may = || !self.has_lost_the_name();
        let standing = self.standing.clone();
        let job = self
            .operation
            .run_if(may, standing, Task::Download(download), feed);
        let (mut found, mut grown) = (Tally::default(), None);
        let hash = async {
            while let Some(delivery) = deliveries.recv().await {
                match delivery {
                    Delivery::Began { .. } => {}
                    Delivery::Chunk(chunk) => found.add(&chunk),
                    Delivery::Grown { size } => grown = Some(size),
                }
            }
        };
        let job = tokio::join!(job, hash).0;
        match job.map(|output| output.filter(|_| may())) {
            // What would be read is another's.
            Ok(None) => Err(Error {
                committed: Some(result.size),
                ..self
                    .operation
                    .error(Cause::NameTaken(self.path.to_string()))
            }),
            // Its first bytes are all there, and others follow: it is not the file that was sent.
            Ok(Some(Output::Delivered(_))) if grown.is_some() => {
                let (expected, found) = (result.size, grown.unwrap_or_default());
                Err(Error {
                    committed: Some(found),
                    left_behind: self.delete_on_failure,
                    ..self
                        .operation
                        .error(Cause::SizeMismatch { expected, found })
                })
            }
            Ok(Some(Output::Delivered(_))) if found.sha256() == result.sha256 => {
                result.state = PutState::VerifiedHash;
                result
                    .evidence
                    .push_str("; what was read back has the SHA-256 of what was sent");
                Ok(())
            }
            // It is not what was sent, so that it cannot be shown to be ours to delete.
            Ok(Some(Output::Delivered(_))) => Err(Error {
                committed: Some(found.size),
                left_behind: self.delete_on_failure,
                ..self.operation.error(Cause::HashMismatch(Hashed::ReadBack))
            }),
            Ok(Some(_)) => Err(self.operation.error(Cause::WrongAnswer)),
            Err(error) if error.cause.is_the_callers() => Err(Error {
                committed: Some(result.size),
                ..error
            }),
            Err(error) => {
                // Writing to a String does not fail.
                let _ = write!(result.evidence, "; reading it back failed: {error}");
                Ok(())
            }
        }
    }

    /// Writes the file that tells readers that the first is whole.
    async fn write_sentinel(&self, path: RemotePath, result: &mut PutResult) -> Result<(), Error> {
        if !matches!(
            result.state,
            PutState::VerifiedSize | PutState::VerifiedHash
        ) {
            result.evidence.push_str("; the sentinel was not written");
            return Err(self.operation.error(Cause::Unverified {
                evidence: result.evidence.clone(),
            }));
        }
        let sentinel = Sentinel {
            path,
            of: self.path.clone(),
            size: result.size,
            sha256: result.sha256,
        };
        // It would tell readers of a file that is not this one any more.
        let may = || !self.has_lost_the_name();
        let written = sentinel.write(&self.operation, &self.standing, may).await;
        written.map_err(|error| Error {
            committed: Some(result.size),
            ..error
        })?;
        result.sentinel_written = true;
        result.evidence.push_str("; the sentinel was written");
        Ok(())
    }
}

/// What the server's size shows of an upload, where it shows nothing for it.
const fn why_unconfirmed(doubt: Option<Doubt>) -> &'static str {
    match doubt {
        None => "the server does not tell the size",
        Some(Doubt::SameBefore) => {
            "the server names the size that was sent, and named the same one before"
        }
        Some(Doubt::BeforeUnknown) => {
            "the server names the size that was sent, and what it had before is not known"
        }
        Some(Doubt::EndUnread) => {
            "the server names the size that was sent, and the end of the file could not be read back"
        }
    }
}
