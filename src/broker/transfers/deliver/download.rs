//! One attempt to bring a file of a server to the spool.

use std::fs::File;
use std::io::Write;

use bytes::Bytes;

use super::{Attempt, Stop};
use crate::broker::error::{Cause, Error};
use crate::broker::get::{GetResult, Next, Reading};
use crate::broker::transfers::journal::blocking;
use crate::broker::transfers::record::Record;
use crate::broker::transfers::settle::Before;
use crate::ftps::errcode::ErrCode;
use crate::ftps::value::Offset;
use crate::modem;
use crate::modem::failure;

/// Bytes between two synchronisations: what a power cut costs on the link, some seconds of it.
const SYNC: u64 = 256 * 1024;

impl Attempt {
    pub(super) async fn download(&self) -> Result<(), Stop> {
        let mut record = self.hold.record()?;
        if record.committed > 0 && !self.goes_on(&record).await? {
            self.hold.change(|record, _| record.begin_anew()).await?;
            record = self.hold.record()?;
        }
        if record.committed == 0 || record.size != Some(record.committed) {
            self.fetch(&record).await?;
        }
        self.whole().await
    }

    /// Whether the file on the server is still the one of which a part is here, as far as its size
    /// tells.
    async fn goes_on(&self, record: &Record) -> Result<bool, Stop> {
        Ok(match self.look(record).await? {
            Before::Size(size) => record.size == Some(size),
            Before::Absent | Before::Unknown => false,
        })
    }

    /// Brings what is not here yet.
    async fn fetch(&self, record: &Record) -> Result<(), Stop> {
        let offset = Offset::new(record.committed).map_err(Cause::InvalidPath)?;
        let id = record.file.ok_or(Cause::SpoolLost)?;
        let files = self.hold.journal.files.clone();
        let start = record.committed;
        let file = blocking(move || files.writer(id, start)).await?;
        let target = Self::target(record);
        let path = &record.wish.path;
        let reading = self.broker.get(&self.caller, &target, path, offset);
        let reading = self.unless_halted(reading).await??;
        let operation = reading.operation().clone();
        self.on_link(&operation);
        if let (Some(known), Some(size)) = (record.size, reading.size())
            && known != size
            && start > 0
        {
            return Err(Cause::SourceChanged.into());
        }
        let size = reading.size();
        self.hold
            .change(move |record, _| record.size = size.or(record.size))
            .await?;
        let mut part = Part {
            file: Some(file),
            written: start,
            safe: start,
        };
        let fetched = self.follow(reading, &mut part).await;
        if fetched.is_err() {
            self.ended(&operation).await;
        }
        let moved = part.written.saturating_sub(start);
        part.sync().await?;
        let written = part.written;
        self.hold
            .change(move |record, _| {
                record.spend(moved);
                record.committed = written;
            })
            .await?;
        let result = match fetched {
            Err(Stop::Failed(error)) if start > 0 && moved == 0 && is_refused(&error) => {
                // A server that does not begin in the middle of a file may still give all of it.
                self.hold.change(|record, _| record.begin_anew()).await?;
                return Err(error.into());
            }
            fetched => fetched?,
        };
        if result.size != moved {
            let (expected, found) = (result.size, moved);
            return Err(Cause::SizeMismatch { expected, found }.into());
        }
        self.hold
            .change(move |record, _| record.size = Some(written))
            .await?;
        Ok(())
    }

    async fn follow(&self, mut reading: Reading, part: &mut Part) -> Result<GetResult, Stop> {
        let (journal, key) = (&self.hold.journal, &self.hold.key);
        let start = part.written;
        loop {
            // Broken off between chunks only: what is written is then known to a byte.
            let chunk = match self.unless_halted(reading.next()).await?? {
                Next::Chunk(chunk) => chunk,
                Next::End(result) => return Ok(result),
            };
            journal.grow(key, part.written + chunk.len() as u64).await?;
            part.write(chunk).await?;
            let written = part.written;
            if written - part.safe >= SYNC {
                part.sync().await?;
                self.hold
                    .change(move |record, _| record.committed = written)
                    .await?;
            }
            journal.live(key, |live| {
                live.written = written;
                live.moved = written - start;
            });
        }
    }

    /// All bytes are here.
    async fn whole(&self) -> Result<(), Stop> {
        let record = self.hold.record()?;
        let (id, size) = (record.file.ok_or(Cause::SpoolLost)?, record.committed);
        let files = self.hold.journal.files.clone();
        let sha256 = blocking(move || files.hash(id, size)).await?;
        self.hold
            .change(move |record, now| record.fetched(size, sha256, now))
            .await?;
        Ok(())
    }
}

/// The server said no.
fn is_refused(error: &Error) -> bool {
    let Cause::Modem(error) = &error.cause else {
        return false;
    };
    matches!(&**error, modem::Error::Failed(failure)
        if failure.cause == failure::Cause::Reported(ErrCode::REJECTED))
}

/// The file as far as it is here.
struct Part {
    file: Option<File>,
    written: u64,
    safe: u64,
}

impl Part {
    async fn write(&mut self, chunk: Bytes) -> Result<(), Error> {
        let len = chunk.len() as u64;
        let mut file = self.file.take().ok_or(Cause::SpoolLost)?;
        let file = blocking(move || file.write_all(&chunk).map(|()| file)).await?;
        self.file = Some(file);
        self.written += len;
        Ok(())
    }

    async fn sync(&mut self) -> Result<(), Error> {
        let file = self.file.take().ok_or(Cause::SpoolLost)?;
        let file = blocking(move || file.sync_all().map(|()| file)).await?;
        self.file = Some(file);
        self.safe = self.written;
        Ok(())
    }
}
