//! Many small files from a caller to the server.
//!
//! Above 400 lines because the batch is one state machine: files arrive, are written, and are
//! verified in rounds.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use super::content::Content;
use super::drive::Driver;
use super::{PutHeader, PutProgress};
use crate::broker::Broker;
use crate::broker::catalogue::Location;
use crate::broker::flow::many::{FILES, Located, Many, OfFile, Results, by_directory, survey};
use crate::broker::names::Writer;
use crate::broker::operation::Operation;
use crate::broker::spool::{Reader, Spools};
use crate::broker::terms::{
    Caller, Cause, Error, Hashed, Patience, Principal, PutResult, PutState, Tally, Target, Verify,
};
use simcom_talk::dialogue::failure::Ending;
use simcom_talk::dialogue::operation::{SurveyedName, WantedName};
use simcom_talk::ftps::value::{RemotePath, TransferType};

/// Files that wait to be written, so that the next is there when one is done. Their bytes are in
/// spools, which share one bound.
const AHEAD: usize = 8;

/// Files verified in one round: their names and evidence are kept until then.
const ROUND: usize = 500;

/// The link waits for a caller that has nothing to send for only this fraction of the time of a
/// caller that sends one file; then the waiting jobs get it.
const MOMENTS: u32 = 20;

/// The properties of a batch of files.
#[derive(Debug, Clone)]
pub struct PutFilesHeader {
    /// Where they go.
    pub target: Target,
    /// Fail a file, without touching it, if its name exists.
    pub must_be_new: bool,
    /// How the daemon verifies each file; `None`: as with [`PutHeader::verify`].
    pub verify: Option<Verify>,
    /// Delete the partial file of one that fails.
    pub delete_on_failure: bool,
}

/// The result of one file.
pub type FileWritten = OfFile<PutResult>;

/// The files that a caller sends.
#[derive(Debug)]
pub struct Incoming {
    files: mpsc::Sender<Brought>,
    spools: Arc<Spools>,
    principal: Principal,
    count: usize,
}

#[derive(Debug)]
enum Brought {
    File(File),
    /// There are no more files.
    End,
}

#[derive(Debug)]
struct File {
    index: usize,
    path: RemotePath,
    size: u64,
    /// The caller declared another SHA-256.
    is_spoilt: bool,
    content: Content,
}

/// The operation has ended, and takes no more files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Over;

impl Broker {
    /// Admits the writing of many small files. Returns at once; the files follow through
    /// [`Incoming`], and the results come through [`Many`].
    ///
    /// # Errors
    /// The target and admission causes of [`Broker`]; [`Cause::NoVerifyInAscii`]. Nothing has
    /// reached the module.
    pub fn put_files(
        &self,
        caller: &Caller,
        header: PutFilesHeader,
    ) -> Result<(Incoming, Many<FileWritten>), Error> {
        let (location, session) = self.locate(caller, &header.target)?;
        let transfer_type = location.transfer_type;
        let verify = header.verify.unwrap_or(Verify::usual(transfer_type));
        if transfer_type == TransferType::Ascii && matches!(verify, Verify::Size | Verify::ReadBack)
        {
            return Err(Cause::NoVerifyInAscii.into());
        }
        let operation = self.admit(caller, "PutFiles", location.clone(), session)?;
        let (files, brought) = mpsc::channel(AHEAD);
        let (results, told) = Results::new(FILES);
        let batch = Batch {
            operation: Arc::clone(&operation),
            later: matches!(verify, Verify::Size | Verify::BestEffort)
                && transfer_type == TransferType::Binary,
            location,
            header,
            verify,
            patience: self.patience(),
            brought,
            open: Vec::new(),
            results,
            moved: 0,
        };
        let incoming = Incoming {
            files,
            spools: Arc::clone(&self.shared.spools),
            principal: caller.principal.clone(),
            count: 0,
        };
        Ok((incoming, Many::begin(&operation, told, batch.run())))
    }
}

impl Incoming {
    /// Files sent so far.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.count
    }

    /// Sends the next file, with its SHA-256 if the caller knows it; waits while there is no room.
    ///
    /// # Errors
    /// `Over`: the operation has ended, and its [`Many`] says why.
    pub async fn bring(
        &mut self,
        path: RemotePath,
        content: Bytes,
        sha256: Option<[u8; 32]>,
    ) -> Result<(), Over> {
        let mut tally = Tally::default();
        tally.add(&content);
        let (mut writer, reader) = self.spools.to_link(&self.principal);
        let file = File {
            index: self.count,
            path,
            size: tally.size,
            is_spoilt: sha256.is_some_and(|sha256| sha256 != tally.sha256()),
            content: at_hand(reader, tally),
        };
        self.count += 1;
        // First, because the reader makes room.
        let sent = self.files.send(Brought::File(file)).await;
        sent.map_err(|_| Over)?;
        // The result of a file says if the operation did not want it.
        if writer.write(content).await.is_ok() {
            writer.end();
        }
        Ok(())
    }

    /// Says that there are no more files. Dropping it without that cancels the operation.
    pub async fn end(self) {
        // If the operation has ended already, nobody needs this.
        let _ = self.files.send(Brought::End).await;
    }

    /// Completes when the operation has ended.
    pub async fn over(&self) {
        self.files.closed().await;
    }
}

fn at_hand(reader: Reader, tally: Tally) -> Content {
    let (tell, whole) = oneshot::channel();
    // The other end of the spool reads it.
    let _ = tell.send(tally);
    Content::Brought { reader, whole }
}

/// The operation itself, independent of its caller.
#[derive(Debug)]
struct Batch {
    operation: Arc<Operation>,
    location: Location,
    header: PutFilesHeader,
    verify: Verify,
    /// The sizes of many files are verified at once.
    later: bool,
    patience: Patience,
    brought: mpsc::Receiver<Brought>,
    /// Files that the module reported as written, and that are not verified yet.
    open: Vec<(Located, Open)>,
    results: Results<FileWritten>,
    /// Bytes of files that have ended.
    moved: u64,
}

/// A file that is not verified yet.
#[derive(Debug, Clone)]
struct Open {
    path: RemotePath,
    result: PutResult,
    /// The claim on the name.
    writer: Option<Arc<Writer>>,
}

impl Batch {
    async fn run(mut self) -> Result<super::super::many::Counts, Error> {
        let outcome = self.write_all().await;
        // If the link is gone, or nobody waits, nothing more is asked.
        let outcome = match outcome {
            Ok(()) => self.make_sure().await,
            Err(error) => {
                self.leave_open(None);
                Err(error)
            }
        };
        let operation = Arc::clone(&self.operation);
        self.results.end(&operation, outcome)
    }

    async fn write_all(&mut self) -> Result<(), Error> {
        while let Some(file) = self.next().await? {
            let (index, path, size) = (file.index, file.path.clone(), file.size);
            let outcome = match self.write(file).await {
                Ok(Some(result)) => Ok(result),
                Ok(None) if self.open.len() >= ROUND => {
                    self.moved += size;
                    self.make_sure().await?;
                    continue;
                }
                Ok(None) => {
                    self.moved += size;
                    continue;
                }
                Err(error) => Err(error),
            };
            self.moved += size;
            let of = OfFile {
                index,
                path,
                outcome,
            };
            self.results.over(of, |of| of)?;
        }
        Ok(())
    }

    /// The next file. The operation passes the link on if the caller has none.
    async fn next(&mut self) -> Result<Option<File>, Error> {
        let moment = self.operation.patience(self.patience.trickle) / MOMENTS;
        let mut brought = self.within(moment).await?;
        if brought.is_none() {
            self.operation.let_go();
            brought = self.within(self.patience.trickle).await?;
        }
        if brought.is_none() {
            // A caller that waits for each result before it sends the next file gets the result
            // now.
            self.make_sure().await?;
            self.operation.let_go();
            brought = self.within(self.patience.stall).await?;
        }
        match brought {
            Some(Brought::File(file)) => Ok(Some(file)),
            Some(Brought::End) => Ok(None),
            None => Err(self.operation.error(Cause::WriterTooSlow)),
        }
    }

    /// The next item that comes within `span`.
    async fn within(&mut self, span: Duration) -> Result<Option<Brought>, Error> {
        let brought = tokio::select! {
            biased;
            () = self.operation.cancelled() => None,
            brought = timeout(span, self.brought.recv()) => match brought {
                Ok(brought) => brought,
                Err(_) => return Ok(None),
            },
        };
        // A caller that leaves before it said the end wants no more either.
        brought
            .map(Some)
            .ok_or_else(|| self.operation.ended_by_caller(Ending::BeforeItBegan))
    }

    /// Writes one file. `None`: it is verified later.
    async fn write(&mut self, file: File) -> Result<Option<PutResult>, Error> {
        let operation = &self.operation;
        if file.is_spoilt {
            return Err(operation.error(Cause::HashMismatch(Hashed::Sent)));
        }
        if let Some(allowance) = &operation.allowance {
            let read_back = self.verify == Verify::ReadBack;
            let allowed = allowance.upload(file.size, read_back);
            allowed.map_err(|cause| operation.error(cause))?;
        }
        let header = PutHeader {
            target: self.header.target.clone(),
            path: file.path.clone(),
            must_be_new: self.header.must_be_new,
            verify: Some(self.verify),
            delete_on_failure: self.header.delete_on_failure,
            size: Some(file.size),
            sentinel: None,
        };
        let mut driver = Driver::new(
            Arc::clone(operation),
            &self.location,
            &header,
            file.content,
            watch::Sender::new(PutProgress::default()),
            self.patience,
        )
        .map_err(|cause| operation.error(cause))?;
        driver.later = self.later;
        driver.many = true;
        driver.moved_before = self.moved;
        let result = driver.write().await?;
        if !self.later || result.state != PutState::Unverified {
            return Ok(Some(result));
        }
        let located = Located {
            index: file.index,
            standing: driver.standing.clone(),
            path: driver.path.clone(),
        };
        let open = Open {
            path: file.path,
            result,
            writer: driver.writer.get().cloned(),
        };
        self.open.push((located, open));
        Ok(None)
    }

    /// Compares the sizes of written files with those in the listings of their directories.
    async fn make_sure(&mut self) -> Result<(), Error> {
        let mut end = Ok(());
        for group in by_directory(std::mem::take(&mut self.open)) {
            let Some((first, _)) = group.first() else {
                continue;
            };
            let names = group.iter().map(|(located, open)| WantedName {
                path: located.path.clone(),
                size: Some(open.result.size),
            });
            let standing = first.standing.clone();
            let seen = match &end {
                Ok(()) => survey(&self.operation, &standing, names.collect(), true).await,
                Err(error) => Err(Error::clone(error)),
            };
            let seen = match seen {
                Ok(seen) => seen,
                Err(error) => {
                    // Their results are reported all the same.
                    self.open.extend(group);
                    self.leave_open(Some(&error));
                    end = end.and(self.results.fails(&error));
                    continue;
                }
            };
            let mut seen = seen.into_iter();
            for (located, open) in group {
                let outcome = self.judge(&open, seen.next());
                let of = OfFile {
                    index: located.index,
                    path: open.path,
                    outcome,
                };
                end = end.and(self.results.over(of, |of| of));
            }
        }
        end
    }

    /// What a listing, or SIZE, proves about a file that the module reported as written.
    fn judge(&self, open: &Open, seen: Option<SurveyedName>) -> Result<PutResult, Error> {
        let size = open.result.size;
        let committed = |error: Error| Error {
            committed: Some(size),
            ..error
        };
        if open
            .writer
            .as_ref()
            .is_some_and(|writer| writer.is_taken_over())
        {
            let taken = Cause::NameTaken(open.path.to_string());
            return Err(committed(self.operation.error(taken)));
        }
        // A file whose name may be the same, for example in another case, proves nothing about this
        // one.
        let doubtful = open
            .writer
            .as_ref()
            .is_some_and(|writer| writer.is_doubtful());
        match seen.map(|seen| seen.size).filter(|_| !doubtful) {
            Some(Ok(found)) if found == size => Ok(PutResult {
                state: PutState::VerifiedSize,
                evidence: "the module reported success; the server names the size that was sent"
                    .into(),
                ..open.result.clone()
            }),
            // The size differs, so nothing proves that the file is ours to delete.
            Some(Ok(found)) => Err(Error {
                committed: Some(found),
                left_behind: self.header.delete_on_failure,
                ..self.operation.error(Cause::SizeMismatch {
                    expected: size,
                    found,
                })
            }),
            Some(Err(_)) | None => self.unverified(open, None),
        }
    }

    /// The result of a file with no other evidence than the module's report.
    fn unverified(&self, open: &Open, why: Option<&Error>) -> Result<PutResult, Error> {
        let mut result = open.result.clone();
        if let Some(why) = why {
            result.evidence =
                format!("the module reported success; asking the server failed: {why}");
        }
        if self.verify == Verify::BestEffort {
            return Ok(result);
        }
        let evidence = result.evidence.clone();
        Err(Error {
            committed: Some(result.size),
            reached: Some(Box::new(result)),
            ..self.operation.error(Cause::Unverified { evidence })
        })
    }

    /// Reports the evidence of files that are not asked about any more.
    fn leave_open(&mut self, why: Option<&Error>) {
        for (located, open) in std::mem::take(&mut self.open) {
            let of = OfFile {
                index: located.index,
                outcome: self.unverified(&open, why),
                path: open.path,
            };
            self.results.over_with_others(of, |of| of);
        }
    }
}
