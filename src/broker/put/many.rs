//! Many small files on their way from a caller to the server.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use super::content::Content;
use super::drive::Driver;
use super::{Patience, PutHeader, PutProgress, PutResult, PutState, Verify};
use crate::broker::Broker;
use crate::broker::caller::{Caller, Principal, Target};
use crate::broker::error::{Cause, Error, Hashed};
use crate::broker::location::Location;
use crate::broker::many::{FILES, Located, Many, OfFile, Results, by_directory, survey};
use crate::broker::names::Writer;
use crate::broker::operation::Operation;
use crate::broker::spool::{Reader, Spools};
use crate::broker::tally::Tally;
use simcom_talk::dialogue::failure::Ending;
use simcom_talk::dialogue::operation::{Seen, Wanted};
use simcom_talk::ftps::value::{RemotePath, TransferType};

/// Files that wait to be written: the next is there when one is done. Their bytes are in spools, which are
/// bounded together.
const AHEAD: usize = 8;

/// So many files are made sure of at once: their names and what is known of them is kept until then.
const ROUND: usize = 500;

/// A caller that has nothing to send is waited for with the link for this part of what one may that brings a
/// file: those who wait have it then.
const MOMENTS: u32 = 20;

/// What many files shall be.
#[derive(Debug, Clone)]
pub struct PutFilesHeader {
    /// Where they go.
    pub target: Target,
    /// Refuse, without touching it, where a name exists.
    pub must_be_new: bool,
    /// How each is made sure of; `None`: as with [`PutHeader::verify`].
    pub verify: Option<Verify>,
    /// Delete what was begun of one that could not be written whole.
    pub delete_on_failure: bool,
}

/// One file that was written, or was not.
pub type FileWritten = OfFile<PutResult>;

/// The files that a caller brings.
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
    /// There are no more.
    End,
}

#[derive(Debug)]
struct File {
    index: usize,
    path: RemotePath,
    size: u64,
    /// The caller has said that it has another SHA-256.
    is_spoilt: bool,
    content: Content,
}

/// The operation is over, and takes no more files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Over;

impl Broker {
    /// Admits the writing of many small files. Returns at once; the files follow through [`Incoming`], and what
    /// each came to comes through [`Many`].
    ///
    /// # Errors
    /// Why it was not admitted. Nothing of it reaches the module.
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
    /// Files that were brought.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.count
    }

    /// Brings the next file, of which the caller knows the SHA-256, perhaps; waits while there is no room.
    ///
    /// # Errors
    /// The operation has ended, and its [`Many`] tells why.
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
        // First: who reads makes room.
        let sent = self.files.send(Brought::File(file)).await;
        sent.map_err(|_| Over)?;
        // A file that was not wanted is told of by its result.
        if writer.write(content).await.is_ok() {
            writer.end();
        }
        Ok(())
    }

    /// Says that there are no more. Dropped without that, the operation is cancelled.
    pub async fn end(self) {
        // Where it is over already, nobody needs to hear.
        let _ = self.files.send(Brought::End).await;
    }

    /// Completes when the operation is over.
    pub async fn over(&self) {
        self.files.closed().await;
    }
}

fn at_hand(reader: Reader, tally: Tally) -> Content {
    let (tell, whole) = oneshot::channel();
    // It is read by whoever has the other end.
    let _ = tell.send(tally);
    Content::Brought { reader, whole }
}

/// The operation itself, whatever becomes of its caller.
#[derive(Debug)]
struct Batch {
    operation: Arc<Operation>,
    location: Location,
    header: PutFilesHeader,
    verify: Verify,
    /// Sizes are made sure of for many files at once.
    later: bool,
    patience: Patience,
    brought: mpsc::Receiver<Brought>,
    /// Files that the module has reported as written, and of which nothing else is known yet.
    open: Vec<(Located, Open)>,
    results: Results<FileWritten>,
    /// Bytes of files that are over.
    moved: u64,
}

/// A file that is to be made sure of.
#[derive(Debug, Clone)]
struct Open {
    path: RemotePath,
    result: PutResult,
    /// The right to the name.
    writer: Option<Arc<Writer>>,
}

impl Batch {
    async fn run(mut self) -> Result<super::super::many::Counts, Error> {
        let outcome = self.write_all().await;
        // Where the link is gone, or nobody waits, nothing is asked any more.
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

    /// The next file. The link is not kept for a caller that has none.
    async fn next(&mut self) -> Result<Option<File>, Error> {
        let moment = self.operation.patience(self.patience.trickle) / MOMENTS;
        let mut brought = self.within(moment).await?;
        if brought.is_none() {
            self.operation.let_go();
            brought = self.within(self.patience.trickle).await?;
        }
        if brought.is_none() {
            // Who sends one after the other, each after the result of the one before, gets that now.
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

    /// What is brought within so long.
    async fn within(&mut self, span: Duration) -> Result<Option<Brought>, Error> {
        let brought = tokio::select! {
            biased;
            () = self.operation.cancelled() => None,
            brought = timeout(span, self.brought.recv()) => match brought {
                Ok(brought) => brought,
                Err(_) => return Ok(None),
            },
        };
        // One that leaves without having said the end wants no more either.
        brought
            .map(Some)
            .ok_or_else(|| self.operation.ended_by_caller(Ending::BeforeItBegan))
    }

    /// Writes one file. `None`: it is to be made sure of later.
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

    /// Compares the sizes of what was written with those in the listings of the directories.
    async fn make_sure(&mut self) -> Result<(), Error> {
        let mut end = Ok(());
        for group in by_directory(std::mem::take(&mut self.open)) {
            let Some((first, _)) = group.first() else {
                continue;
            };
            let names = group.iter().map(|(located, open)| Wanted {
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
                    // What is known of them is told all the same.
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

    /// What a listing, or SIZE, shows of a file that the module has reported as written.
    fn judge(&self, open: &Open, seen: Option<Seen>) -> Result<PutResult, Error> {
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
        // A file of a name that may be the same, in capitals perhaps, says nothing of this one.
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
            // It is not what was sent, so that it cannot be shown to be ours to delete.
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

    /// Nothing beside the module's report is known of a file.
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

    /// Tells what is known of files that nobody asks for any more.
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
