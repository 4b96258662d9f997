//! One attempt to write a file of the spool to its server.

use bytes::Bytes;
use std::fs::File;
use std::io::Read;

use super::{Attempt, Stop};
use crate::broker::error::{Cause, Error};
use crate::broker::get::Next;
use crate::broker::put::{self, PutHeader, PutProgress, PutResult, PutState, Verify, Writing};
use crate::broker::spool::MAX_CHUNK;
use crate::broker::transfers::journal::blocking;
use crate::broker::transfers::record::{Evidence, Record};
use crate::broker::transfers::settle::{Before, Settled};
use crate::broker::transfers::wish::UploadWish;
use crate::ftps::errcode::ErrCode;
use crate::ftps::value::Offset;
use crate::modem;
use crate::modem::failure::{self, Finding, Stage};
use crate::modem::operation::{Output, Task};

impl Attempt {
    pub(super) async fn upload(&self) -> Result<(), Stop> {
        let record = self.hold.record()?;
        let Some(wish) = record.wish.upload() else {
            return Err(Cause::WrongAnswer.into());
        };
        let (Some(size), Some(sha256)) = (record.size, record.sha256) else {
            return Err(Cause::SpoolLost.into());
        };
        let now = self.look(&record).await?;
        match record.begun {
            Some(before) if before.settle(now, size) == Settled::There => {
                if let Some(state) = self.found(&record, wish, size, sha256).await? {
                    return self.complete(&record, wish, state).await;
                }
            }
            Some(_) => {}
            None => self.begin(wish, now).await?,
        }
        let header = header(&record, wish, now);
        let sent = self.send(&record, header, sha256).await?;
        if sent.state == PutState::Indeterminate {
            return Err(Cause::Indeterminate.into());
        }
        let evidence = Evidence {
            state: sent.state,
            words: sent.evidence,
        };
        Ok(self
            .hold
            .change(move |record, now| record.delivered(evidence, now))
            .await?)
    }

    /// Writes down, before a byte goes to the server, what it had.
    async fn begin(&self, wish: &UploadWish, now: Before) -> Result<(), Stop> {
        if wish.must_be_new && matches!(now, Before::Size(_)) {
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

    /// An attempt whose outcome was not seen had brought all of it there, by its size; whether that
    /// is so by what was wished for.
    async fn found(
        &self,
        record: &Record,
        wish: &UploadWish,
        size: u64,
        sha256: [u8; 32],
    ) -> Result<Option<PutState>, Stop> {
        tracing::info!(transfer = %self.hold.key.id, size, "the server has it already");
        if wish.verify != Verify::ReadBack {
            return Ok(Some(PutState::VerifiedSize));
        }
        let (target, path) = (Self::target(record), &record.wish.path);
        let reading = self.broker.get(&self.caller, &target, path, Offset::ZERO);
        let mut reading = self.unless_halted(reading).await??;
        let operation = reading.operation().clone();
        self.on_link(&operation);
        let found = loop {
            match self.unless_halted(reading.next()).await {
                Ok(Ok(Next::Chunk(_))) => {}
                Ok(Ok(Next::End(result))) => break result.sha256,
                Ok(Err(error)) => return Err(error.into()),
                Err(stop) => {
                    drop(reading);
                    self.ended(&operation).await;
                    return Err(stop);
                }
            }
        };
        Ok((found == sha256).then_some(PutState::VerifiedHash))
    }

    /// What is left to do for a file that was found on the server.
    async fn complete(
        &self,
        record: &Record,
        wish: &UploadWish,
        state: PutState,
    ) -> Result<(), Stop> {
        let mut words = "the outcome of the upload was not seen; afterwards the server names the                          size that was sent, and named another one before"
            .to_owned();
        if state == PutState::VerifiedHash {
            words += "; what was read back has the SHA-256 of what was to be sent";
        }
        if let (Some(name), Some(size), Some(sha256)) = (&wish.sentinel, record.size, record.sha256)
        {
            let content = put::sentinel(size, &sha256);
            let header = PutHeader {
                target: Self::target(record),
                path: put::beside(&record.wish.path, name).map_err(Error::from)?,
                must_be_new: false,
                verify: Verify::Size,
                delete_on_failure: true,
                size: Some(content.len() as u64),
                sentinel: None,
            };
            let mut writing = self.broker.put(&self.caller, header)?;
            let operation = writing.operation().clone();
            let sent = self
                .unless_halted(async move {
                    writing.push(Bytes::from(content)).await?;
                    writing.finish(None).await
                })
                .await;
            if sent.is_err() {
                self.ended(&operation).await;
            }
            sent??;
            words += "; the sentinel was written";
        }
        let evidence = Evidence { state, words };
        Ok(self
            .hold
            .change(move |record, now| record.delivered(evidence, now))
            .await?)
    }

    /// What the server has under the name.
    pub(super) async fn look(&self, record: &Record) -> Result<Before, Stop> {
        let target = Self::target(record);
        let (location, _) = self.broker.locate(&self.caller, &target)?;
        let (standing, path) = location.locate(&record.wish.path)?;
        let operation = self.broker.admit_at(
            &self.caller,
            "GetSize",
            record.wish.priority,
            Some(location),
            None,
        )?;
        let id = operation.id.clone();
        let answer = self.broker.run(operation, standing, Task::Size(path));
        let answer = self.unless_halted(answer).await;
        if answer.is_err() {
            self.ended(&id).await;
        }
        match answer? {
            Ok(Output::Size(size)) => Ok(Before::Size(size)),
            Ok(_) => Err(Cause::WrongAnswer.into()),
            Err(error) => told(&error).ok_or(Stop::Failed(error)),
        }
    }

    async fn send(
        &self,
        record: &Record,
        header: PutHeader,
        sha256: [u8; 32],
    ) -> Result<PutResult, Stop> {
        let journal = &self.hold.journal;
        let (files, id) = (journal.files.clone(), record.file.ok_or(Cause::SpoolLost)?);
        let file = blocking(move || files.reader(id)).await?;
        let writing = self.broker.put(&self.caller, header)?;
        let operation = writing.operation().clone();
        let mut progress = writing.progress();
        self.on_link(&operation);
        let mut moved = PutProgress::default();
        let sent = {
            let sending = self.unless_halted(feed(writing, file, sha256));
            tokio::pin!(sending);
            loop {
                tokio::select! {
                    biased;
                    sent = &mut sending => break sent,
                    Ok(()) = progress.changed() => {
                        moved = *progress.borrow_and_update();
                        journal.live(&self.hold.key, |live| live.moved = moved.sent);
                    }
                }
            }
        };
        let moved = match &sent {
            Ok(Ok(result)) => result.size,
            _ => moved.sent.max(progress.borrow().sent),
        };
        if sent.is_err() {
            self.ended(&operation).await;
        }
        self.hold
            .change(move |record, _| record.spend(moved))
            .await?;
        Ok(sent??)
    }
}

/// Takes the file to the link.
async fn feed(mut writing: Writing, mut file: File, sha256: [u8; 32]) -> Result<PutResult, Error> {
    loop {
        let (back, chunk) = blocking(move || {
            let mut chunk = Vec::with_capacity(MAX_CHUNK);
            let mut part = (&mut file).take(MAX_CHUNK as u64);
            part.read_to_end(&mut chunk)?;
            Ok((file, chunk))
        })
        .await?;
        if chunk.is_empty() {
            return writing.finish(Some(sha256)).await;
        }
        file = back;
        writing.push(Bytes::from(chunk)).await?;
    }
}

fn header(record: &Record, wish: &UploadWish, now: Before) -> PutHeader {
    PutHeader {
        target: Attempt::target(record),
        path: record.wish.path.clone(),
        // Where the size does not tell, the listing does; once it was begun, what is there is ours.
        must_be_new: wish.must_be_new && record.begun.is_none() && now == Before::Unknown,
        verify: wish.verify,
        // There may be another attempt, and what is left is dealt with when there is none.
        delete_on_failure: false,
        size: record.size,
        sentinel: wish.sentinel.clone(),
    }
}

/// What the error of a question for the size says of the file, where it says anything.
fn told(error: &Error) -> Option<Before> {
    let Cause::Modem(cause) = &error.cause else {
        return None;
    };
    let modem::Error::Failed(failure) = &**cause else {
        return None;
    };
    match (&failure.cause, failure.finding) {
        (_, Some(Finding::NameAbsent)) => Some(Before::Absent),
        (failure::Cause::Reported(ErrCode::REJECTED), _) if failure.stage != Stage::Login => {
            Some(Before::Unknown)
        }
        (failure::Cause::Undecided(_), _) => Some(Before::Unknown),
        _ => None,
    }
}
