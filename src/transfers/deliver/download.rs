//! One attempt to read a server's file into the spool.

use bytes::Bytes;

use super::{Attempt, Stop};
use crate::broker::flow::get::{GetResult, Next, Reading};
use crate::broker::spool::MAX_CHUNK;
use crate::broker::terms::{Cause, Error};
use crate::modem;
use crate::transfers::files::{Files, Writer};
use crate::transfers::record::Record;
use simcom_talk::dialogue::failure;
use simcom_talk::dialogue::operation::{BegunDownload, Download};
use simcom_talk::ftps::value::Offset;

/// Bytes between two synchronisations: what a power cut costs is some seconds of the link.
const SYNC: u64 = 256 * 1024;

impl Attempt {
    pub(crate) async fn download(&self) -> Result<(), Stop> {
        let record = self.hold.record()?;
        // All bytes that the server announced may be here, and the file may have grown by now: only
        // the end of a reading tells.
        if !record.is_fetched {
            match self.fetch(&record).await {
                Err(Stop::Failed(error)) if record.committed > 0 && is_another(&error) => {
                    self.hold.change(|record, _| record.begin_anew()).await?;
                    self.fetch(&self.hold.record()?).await?;
                }
                fetched => fetched?,
            }
        }
        self.whole().await
    }

    /// Reads the missing bytes. Compares the bytes that are here, by size and at their ends, with
    /// the server's file.
    async fn fetch(&self, record: &Record) -> Result<(), Stop> {
        let id = record.file.ok_or(Cause::SpoolLost)?;
        let (start, size) = (record.committed, record.size);
        let opened = self.hold.journal.files.run(move |files| {
            // It does not read bytes over the link that there is no room for.
            let left = size.map_or(0, |size| size.saturating_sub(start));
            files.check_room(left.max(MAX_CHUNK as u64))?;
            let file = files.writer(id, start)?;
            let (first, last) = files.ends(id, start, BegunDownload::ENDS)?;
            Ok((file, BegunDownload::of(start, size, &first, &last)))
        });
        let (file, begun) = opened.await?;
        let begun = Some(begun).filter(|begun| begun.got > 0);
        let target = Self::target(record);
        let path = &record.wish.path;
        let what = Download {
            begun,
            ..Download::of(path.clone(), Offset::ZERO)
        };
        let mut reading = self
            .broker
            .begin_download(&self.caller, &target, what, false)?;
        let operation = reading.operation().clone();
        self.on_link(&operation);
        match self.unless_halted(reading.began()).await {
            Ok(began) => began?,
            Err(stop) => {
                drop(reading);
                self.ended(&operation).await;
                return Err(stop);
            }
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
        // A file that failed keeps the bytes that were safe before.
        if part.file.is_some() {
            part.sync(&self.hold.journal.files).await?;
        }
        let moved = part.written.saturating_sub(start);
        let written = part.safe;
        let ended = fetched.and_then(|result| {
            let (expected, found) = (result.size, moved);
            if expected == found {
                Ok(result)
            } else {
                Err(Cause::SizeMismatch { expected, found }.into())
            }
        });
        let end = ended.as_ref().ok().map(|result| result.grown);
        // At once: the bytes that are here, and whether they are all.
        self.hold
            .change(move |record, _| {
                record.spend(moved);
                record.committed = written;
                if let Some(grown) = end {
                    record.is_fetched = true;
                    record.size = Some(written);
                    record.grown = grown;
                }
            })
            .await?;
        ended.map(drop)
    }

    async fn follow(&self, mut reading: Reading, part: &mut Part) -> Result<GetResult, Stop> {
        let (journal, key) = (&self.hold.journal, &self.hold.key);
        let start = part.written;
        loop {
            // It breaks off only between chunks, so that the written bytes are known exactly.
            let chunk = match self.unless_halted(reading.next()).await?? {
                Next::Chunk(chunk) => chunk,
                Next::End(result) => return Ok(result),
            };
            journal.grow(key, part.written + chunk.len() as u64).await?;
            part.write(chunk, &journal.files).await?;
            let written = part.written;
            if written - part.safe >= SYNC {
                part.sync(&journal.files).await?;
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
        let files = &self.hold.journal.files;
        let sha256 = files.run(move |files| files.hash(id, size)).await?;
        self.ended_well(move |record, now| record.fetched(size, sha256, now))
            .await
    }
}

/// The server's file is not the one that a part of is here.
fn is_another(error: &Error) -> bool {
    let Cause::Modem(error) = &error.cause else {
        return false;
    };
    matches!(&**error, modem::Error::Failed(failure)
        if failure.cause == failure::Cause::SourceChanged)
}

/// The part of the file that is here.
struct Part {
    file: Option<Writer>,
    written: u64,
    safe: u64,
}

impl Part {
    async fn write(&mut self, chunk: Bytes, files: &Files) -> Result<(), Error> {
        let len = chunk.len() as u64;
        files.run(move |files| files.check_room(len)).await?;
        let mut file = self.file.take().ok_or(Cause::SpoolLost)?;
        let written = files.run(move |_| file.write_all(&chunk).map(|()| file));
        self.file = Some(written.await?);
        self.written += len;
        Ok(())
    }

    async fn sync(&mut self, files: &Files) -> Result<(), Error> {
        let file = self.file.take().ok_or(Cause::SpoolLost)?;
        let synced = files.run(move |_| file.sync_all().map(|()| file));
        self.file = Some(synced.await?);
        self.safe = self.written;
        Ok(())
    }
}
