//! The work of a Put, independent of its caller: upload, verification, sentinel.

use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::content::Content;
use super::{Fault, PutHeader, PutProgress, PutStage, Sentinel};
use crate::broker::catalogue::Location;
use crate::broker::names::Writer;
use crate::broker::operation::{Feed, Operation};
use crate::broker::terms::{
    Cause, Error, Hashed, Key, Patience, PutResult, PutState, Tally, Verify,
};
use simcom_talk::dialogue::failure::Ending;
use simcom_talk::dialogue::operation::{
    BegunUpload, Delivery, Doubt, Download, Output, Standing, Stored, Task, Upload,
};
use simcom_talk::ftps::value::{Offset, RemotePath, TransferType};

/// Deliveries between the module and a hash: as for a Get.
const DELIVERIES: usize = 8;

/// A Put that runs to its end whatever its caller does.
#[derive(Debug)]
pub(crate) struct Driver {
    pub(crate) operation: Arc<Operation>,
    pub(crate) standing: Standing,
    pub(crate) transfer_type: TransferType,
    pub(crate) path: RemotePath,
    pub(crate) must_be_new: bool,
    verify: Verify,
    pub(crate) delete_on_failure: bool,
    /// Number of bytes, if the caller knows it.
    pub(crate) size: Option<u64>,
    sentinel: Option<RemotePath>,
    /// The size is verified later, together with those of other files.
    pub(crate) later: bool,
    /// It is one of many files of its operation.
    pub(crate) many: bool,
    /// Bytes that its operation has moved for other files.
    pub(crate) moved_before: u64,
    pub(crate) content: Content,
    /// What an earlier operation has begun.
    pub(crate) begun: Option<BegunUpload>,
    /// The transfer whose attempt this is, if it is one's.
    pub(crate) own: Option<Key>,
    /// The claim on the name, once the upload has begun.
    pub(crate) writer: OnceLock<Arc<Writer>>,
    /// The fault of the source that ended the operation, if there was one.
    pub(crate) fault: Fault,
    pub(crate) report: watch::Sender<PutProgress>,
    pub(crate) stall: Duration,
    pub(crate) trickle: Duration,
}

/// A header resolved at a location.
#[derive(Debug)]
pub(crate) struct Place {
    standing: Standing,
    path: RemotePath,
    verify: Verify,
    sentinel: Option<RemotePath>,
}

impl Place {
    /// Resolves a header at a location, before the broker admits anything.
    ///
    /// # Errors
    /// [`Cause::NoVerifyInAscii`], [`Cause::InvalidPath`], [`Cause::OwnSentinel`].
    pub(crate) fn of(location: &Location, header: &PutHeader) -> Result<Self, Cause> {
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
    pub(crate) fn new(
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

    pub(crate) async fn run(mut self) -> Result<PutResult, Error> {
        let outcome = self.write().await;
        let outcome = outcome.map_err(|error| self.fault.explain(error));
        self.operation.log(&outcome);
        outcome
    }

    /// Writes the file and verifies it, except for what is verified later.
    pub(crate) async fn write(&mut self) -> Result<PutResult, Error> {
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
        // An ASCII transfer changes its bytes on the way, and so its size.
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
            // The server's file differs from the bytes sent, or nobody knows.
            Err(error) if matches!(error.cause, Cause::NameTaken(_)) => Err(error),
            Err(error) => Err(Error {
                committed: Some(result.size),
                reached: Some(Box::new(result)),
                ..error
            }),
        }
    }

    /// The error of a complete file whose evidence does not meet the request.
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

    /// Waits until there is something to send. It waits for all bytes of a file that is known to be
    /// short: the upload then needs fewer questions, and its caller does not keep the link waiting.
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

    /// The result that the upload alone proves.
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

    /// ASCII transfers may rewrite line ends, so the size on the server may rightly differ (RFC
    /// 3659 §4.1).
    pub(crate) fn compares_sizes(&self) -> bool {
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

    /// Reads the file back and compares it. If it cannot be read, the result stays as it is.
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
            // The file there would be another writer's.
            Ok(None) => Err(Error {
                committed: Some(result.size),
                ..self
                    .operation
                    .error(Cause::NameTaken(self.path.to_string()))
            }),
            // All its bytes agree, and more follow: it is not the file that was sent.
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
            // The content differs, so nothing proves that the file is ours to delete.
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

    /// Writes the sentinel, which tells readers that the first file is complete.
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
        // Otherwise the sentinel would describe a file that is no longer this one.
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

/// Why the server's size does not confirm an upload.
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
