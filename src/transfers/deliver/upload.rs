//! One attempt to write a file of the spool to its server.

use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::{Attempt, Stop, is_refused};
use crate::broker::flow::get::Next;
use crate::broker::flow::put::{OnDisk, PutHeader, PutProgress, PutStage, Sentinel};
use crate::broker::names::{Name, Writer};
use crate::broker::terms::{Cause, Error, PutResult, PutState, Verify};
use crate::modem::{self, clock};
use crate::transfers::record::{Evidence, Record};
use crate::transfers::settle::{ServerFile, Settled};
use crate::transfers::wish::UploadWish;
use simcom_talk::dialogue::failure::{self, Finding, Stage};
use simcom_talk::dialogue::operation::{BegunUpload, Output, Task};
use simcom_talk::ftps::errcode::ErrCode;
use simcom_talk::ftps::value::Offset;

/// Bytes at the end of a file that are read back where its size is right and nobody saw it arrive:
/// up to 2048 that a bring-up may have added to fill up a block, and as many before.
const TAIL: u64 = 4096;

impl Attempt {
    pub(crate) async fn upload(&self) -> Result<(), Stop> {
        let record = self.hold.record()?;
        let Some(wish) = record.wish.upload() else {
            return Err(Cause::WrongAnswer.into());
        };
        let file = self.content(&record).await?;
        let guard = self.guard(&record)?;
        let now = self.look(&record).await?;
        match record.begun {
            Some(before) if before.settle(now, file.size) == Settled::There => {
                if let Some((state, words)) = self.found(&record, wish, &file).await? {
                    return self.complete(&record, wish, guard, state, words).await;
                }
            }
            Some(_) => {}
            None => self.begin(wish, now).await?,
        }
        let header = header(&record, wish);
        let begun = record
            .begun
            .and_then(|before| before.begun(now))
            .filter(|begun| begun.at <= file.size);
        let sent = match self.send(&header, file, begun).await {
            Err(Stop::Failed(error)) if record.begun.is_none() && took_nothing(&error) => {
                // The file there, and its fate, are not this transfer's.
                self.hold.change(|record, _| record.begun = None).await?;
                return Err(error.into());
            }
            sent => sent?,
        };
        let evidence = Evidence {
            state: sent.state,
            words: sent.evidence,
        };
        self.delivered(evidence).await
    }

    /// Learns of other writers of the name meanwhile.
    fn guard(&self, record: &Record) -> Result<Option<Arc<Writer>>, Stop> {
        let (location, _) = self.broker.locate(&self.caller, &Self::target(record))?;
        let name = Name::within(&location, &record.wish.path);
        let names = &self.broker.names();
        let own = self.hold.key.clone();
        Ok(name.map(|name| names.begin(name, Some(own), clock::now())))
    }

    /// The spool file, if it still is the accepted one.
    pub(crate) async fn content(&self, record: &Record) -> Result<OnDisk, Stop> {
        let (Some(id), Some(size), Some(sha256)) = (record.file, record.size, record.sha256) else {
            return Err(Cause::SpoolLost.into());
        };
        let files = &self.hold.journal.files;
        let read = files.run(move |files| match files.hash(id, size) {
            Ok(found) if found == sha256 => Ok(Some(files.reader(id)?)),
            Ok(_) => Ok(None),
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(error),
        });
        let file = self.unless_halted(read).await??.ok_or(Cause::SpoolLost)?;
        Ok(OnDisk {
            disk: Arc::clone(&files.disk),
            file,
            size,
            sha256,
        })
    }

    /// Records what the server had before the first byte goes to it.
    async fn begin(&self, wish: &UploadWish, now: ServerFile) -> Result<(), Stop> {
        if wish.must_be_new && matches!(now, ServerFile::Size(_)) {
            let exists = failure::Failure {
                finding: Some(Finding::NamePresent),
                ..failure::Failure::new(failure::Cause::Exists, None, Stage::Directory)
            };
            return Err(modem::Error::Failed(exists).into());
        }
        Ok(self
            .hold
            .change(move |record, _| record.begun = Some(now))
            .await?)
    }

    /// An attempt whose outcome nobody saw has brought the whole file there, by its size. Checks
    /// the end, or the whole file if the verification demands that, and returns the evidence in
    /// words: the next bring-up may have filled up a truncated file (SIMCom manual L1215).
    async fn found(
        &self,
        record: &Record,
        wish: &UploadWish,
        file: &OnDisk,
    ) -> Result<Option<(PutState, &'static str)>, Stop> {
        if wish.verify == Verify::ReadBack {
            let found = self.read_back(record, 0).await?;
            let same = found.is_some_and(|(sha256, _)| sha256 == file.sha256);
            let words = "what was read back has the SHA-256 of what was to be sent";
            return Ok(same.then_some((PutState::VerifiedHash, words)));
        }
        let from = file.size.saturating_sub(TAIL);
        let ours = file.read(from).await;
        let ours = ours.map_err(|error| Cause::Spool(Arc::new(error)))?;
        let found = self.read_back(record, from).await?;
        let same = found.is_some_and(|(_, theirs)| theirs == ours);
        let words = "its last bytes were read back and are those that were to be sent";
        Ok(same.then_some((PutState::VerifiedSize, words)))
    }

    /// The server's bytes from a position on: their SHA-256, and the first of them, at most
    /// [`TAIL`]. `None` if they cannot be read.
    async fn read_back(
        &self,
        record: &Record,
        from: u64,
    ) -> Result<Option<([u8; 32], Bytes)>, Stop> {
        let Ok(offset) = Offset::new(from) else {
            return Ok(None);
        };
        let (target, path) = (Self::target(record), &record.wish.path);
        let mut reading = self.broker.begin_get(&self.caller, &target, path, offset)?;
        let operation = reading.operation().clone();
        self.on_link(&operation);
        let mut first = BytesMut::new();
        loop {
            match self.unless_halted(reading.next()).await {
                Ok(Ok(Next::Chunk(chunk))) => {
                    let room = (TAIL as usize).saturating_sub(first.len());
                    first.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
                }
                // More bytes follow: it is not the file to send.
                Ok(Ok(Next::End(result))) if result.grown.is_some() => return Ok(None),
                Ok(Ok(Next::End(result))) => return Ok(Some((result.sha256, first.freeze()))),
                // More bytes came than there are behind the offset: the server ignores the offset.
                Ok(Err(error)) if is_refused(&error) || is_of_another_size(&error) => {
                    return Ok(None);
                }
                Ok(Err(error)) => return Err(error.into()),
                Err(stop) => {
                    drop(reading);
                    self.ended(&operation).await;
                    return Err(stop);
                }
            }
        }
    }

    /// Completes a file that was found on the server.
    async fn complete(
        &self,
        record: &Record,
        wish: &UploadWish,
        guard: Option<Arc<Writer>>,
        state: PutState,
        words: &str,
    ) -> Result<(), Stop> {
        let mut words = format!(
            "the outcome of the upload was not seen; afterwards the server names the size that was \
             to be sent, and named another one before; {words}"
        );
        if let (Some(name), Some(size), Some(sha256)) = (&wish.sentinel, record.size, record.sha256)
        {
            let (location, _) = self.broker.locate(&self.caller, &Self::target(record))?;
            let (standing, path) = location.locate(&record.wish.path)?;
            let sentinel = Sentinel {
                path: location.beside(&path, name)?,
                of: record.wish.path.clone(),
                size,
                sha256,
            };
            let priority = record.wish.priority;
            let there = Some(location.about(&sentinel.path));
            let operation =
                self.broker
                    .admit_allowed(&self.caller, "Put", priority, there, None)?;
            let id = operation.id.clone();
            let _cancel = operation.cancel.clone().drop_guard();
            self.on_link(&id);
            let teller = operation.teller();
            let job = async move {
                let may = || guard.is_none_or(|guard| !guard.is_taken_over());
                let written = sentinel.write(&operation, &standing, may).await;
                operation.log(&written);
                written
            };
            let written = self.unless_halted(tokio::spawn(teller.tells(job))).await;
            if written.is_err() {
                self.ended(&id).await;
            }
            written?.unwrap_or_else(|how| Err(Error::lost(&id, &how)))?;
            words += "; the sentinel was written";
        }
        let evidence = Evidence { state, words };
        self.delivered(evidence).await
    }

    /// What the server has under the name.
    pub(crate) async fn look(&self, record: &Record) -> Result<ServerFile, Stop> {
        let target = Self::target(record);
        let (location, _) = self.broker.locate(&self.caller, &target)?;
        let (standing, path) = location.locate(&record.wish.path)?;
        let operation = self.broker.admit_allowed(
            &self.caller,
            "GetSize",
            record.wish.priority,
            Some(location.about(&path)),
            None,
        )?;
        let id = operation.id.clone();
        let answer = self.broker.run(operation, standing, Task::Size(path));
        let answer = self.unless_halted(answer).await;
        if answer.is_err() {
            self.ended(&id).await;
        }
        match answer? {
            Ok(Output::Size(size)) => Ok(ServerFile::Size(size)),
            Ok(_) => Err(Cause::WrongAnswer.into()),
            Err(error) => told(&error).ok_or(Stop::Failed(error)),
        }
    }

    async fn send(
        &self,
        header: &PutHeader,
        file: OnDisk,
        begun: Option<BegunUpload>,
    ) -> Result<PutResult, Stop> {
        let journal = &self.hold.journal;
        let mut moved = Moved {
            at: begun.as_ref().map_or(0, |begun| begun.at),
            bytes: 0,
        };
        if moved.at > 0 {
            tracing::info!(transfer = %self.hold.key.id, at = moved.at, "an upload goes on");
        }
        let own = self.hold.key.clone();
        let sending = self.broker.send(&self.caller, header, file, begun, own)?;
        let operation = sending.operation().clone();
        let mut progress = sending.progress();
        self.on_link(&operation);
        let sent = {
            let sending = self.unless_halted(sending.finish());
            tokio::pin!(sending);
            loop {
                tokio::select! {
                    biased;
                    sent = &mut sending => break sent,
                    Ok(()) = progress.changed() => {
                        moved.follow(*progress.borrow_and_update());
                        journal.live(&self.hold.key, |live| live.moved = moved.bytes);
                    }
                }
            }
        };
        if sent.is_err() {
            self.ended(&operation).await;
        }
        match &sent {
            Ok(Ok(result)) => moved.reach(result.size),
            _ => moved.follow(*progress.borrow()),
        }
        let moved = moved.bytes;
        let spent = self.hold.change(move |record, _| record.spend(moved)).await;
        let sent = sent??;
        if let Err(error) = spent {
            // The file is there. That counts, and is recorded as soon as the disk accepts it.
            tracing::warn!(transfer = %self.hold.key.id, %error, "its bytes are not counted");
        }
        Ok(sent)
    }
}

/// The bytes that an attempt has moved; it may begin in the middle of the file, and go back.
struct Moved {
    at: u64,
    bytes: u64,
}

impl Moved {
    fn follow(&mut self, progress: PutProgress) {
        if progress.stage != PutStage::Queued {
            self.reach(progress.sent);
        }
    }

    fn reach(&mut self, at: u64) {
        self.bytes += at.saturating_sub(self.at);
        self.at = at;
    }
}

fn header(record: &Record, wish: &UploadWish) -> PutHeader {
    PutHeader {
        target: Attempt::target(record),
        path: record.wish.path.clone(),
        // Checked at every attempt: an earlier attempt does not make the file that is there now its
        // own.
        must_be_new: wish.must_be_new,
        verify: Some(wish.verify),
        // Another attempt may follow; the partial file is handled when none follows.
        delete_on_failure: false,
        size: record.size,
        sentinel: wish.sentinel.clone(),
    }
}

/// The file there is not the transfer's: the name was taken, or the server refused the file before
/// the first byte.
fn took_nothing(error: &Error) -> bool {
    let busy = matches!(error.cause, Cause::NameBusy(_));
    busy || error.failure().is_some_and(|failure| {
        failure.cause == failure::Cause::Exists || (is_refused(error) && !failure.touched)
    })
}

/// What the error of a question for the size shows about the file, if it shows anything.
fn told(error: &Error) -> Option<ServerFile> {
    let Cause::Modem(cause) = &error.cause else {
        return None;
    };
    let modem::Error::Failed(failure) = &**cause else {
        return None;
    };
    match (&failure.cause, failure.finding) {
        (_, Some(Finding::NameAbsent)) => Some(ServerFile::Absent),
        (failure::Cause::Reported(ErrCode::REJECTED), _) if failure.stage != Stage::Login => {
            Some(ServerFile::Unknown)
        }
        (failure::Cause::Undecided(_) | failure::Cause::ListingUnread(_), _) => {
            Some(ServerFile::Unknown)
        }
        _ => None,
    }
}

/// The spool file does not have the expected bytes, and never will.
fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof
    )
}

fn is_of_another_size(error: &Error) -> bool {
    matches!(error.cause, Cause::SizeMismatch { .. })
}
