//! The bytes of a download from the spool to a caller.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;

use super::Transfer;
use super::journal::Journal;
use super::record::State;
use crate::broker::disk::DiskFile;
use crate::broker::spool::MAX_CHUNK;
use crate::broker::terms::{Birth, Cause, Error, Key};

/// The reading of a download, which may still be running.
#[derive(Debug)]
pub struct TransferReading {
    journal: Arc<Journal>,
    key: Key,
    birth: Birth,
    file: Arc<dyn DiskFile>,
    generation: u32,
    offset: u64,
    changed: watch::Receiver<u64>,
}

/// The next item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadNext {
    /// The next bytes, at least one.
    Chunk(Bytes),
    /// All bytes were delivered.
    End {
        /// Bytes of the whole file.
        size: u64,
        /// SHA-256 of the whole file.
        sha256: [u8; 32],
        /// The size of the server's file, if it was larger: these are its first bytes.
        grown: Option<u64>,
        /// Time from the creation of the transfer until it was complete.
        took: Duration,
    },
}

impl TransferReading {
    pub(crate) async fn begin(journal: Arc<Journal>, key: Key, offset: u64) -> Result<Self, Error> {
        let (there, changed) = journal.follow(&key).ok_or(Cause::TransferNotFound)?;
        let (record, birth) = (there.record, there.birth);
        if record.wish.upload().is_some() {
            return Err(Cause::WrongState("an upload").into());
        }
        let id = record.file.ok_or(Cause::TransferEnded)?;
        let file = journal.files.run(move |files| files.reader(id)).await?;
        Ok(Self {
            journal,
            key,
            birth,
            file,
            generation: record.generation,
            offset,
            changed,
        })
    }

    /// Waits for the next bytes or for the end. An error is the last item.
    ///
    /// # Errors
    /// [`Cause::TransferNotFound`]: it was deleted; [`Cause::SourceChanged`]: its bytes began anew;
    /// [`Cause::WrongOffset`]: the offset is beyond the file; [`Cause::TransferEnded`]: it failed
    /// or was cancelled; [`Cause::Spool`] or [`Cause::Store`] from the disk.
    pub async fn next(&mut self) -> Result<ReadNext, Error> {
        loop {
            self.changed.mark_unchanged();
            let there = self.there()?;
            let record = there.record;
            if there.live.written > self.offset {
                return self.read(there.live.written - self.offset).await;
            }
            match (record.state, record.size, record.sha256) {
                (State::Done, Some(size), _) if self.offset > size => {
                    return Err(Cause::WrongOffset { committed: size }.into());
                }
                (State::Done, Some(size), Some(sha256)) => {
                    self.mark_read(record.read).await?;
                    let took = record.since.since(record.born);
                    return Ok(ReadNext::End {
                        size,
                        sha256,
                        grown: record.grown,
                        took,
                    });
                }
                (state, ..) if state.is_over() => return Err(Cause::TransferEnded.into()),
                _ => {}
            }
            if self.changed.changed().await.is_err() {
                return Err(Cause::TransferNotFound.into());
            }
        }
    }

    /// The transfer, if its bytes are still the ones being read. Bytes of another transfer of the
    /// same name, or bytes that began anew, must not be mixed with those read before.
    fn there(&self) -> Result<Transfer, Error> {
        let there = self.journal.get_of(&self.key, self.birth);
        let there = there.ok_or(Cause::TransferNotFound)?;
        if there.record.generation != self.generation {
            return Err(Cause::SourceChanged.into());
        }
        Ok(there)
    }

    async fn read(&mut self, at_most: u64) -> Result<ReadNext, Error> {
        let len = usize::try_from(at_most).map_or(MAX_CHUNK, |len| len.min(MAX_CHUNK));
        let (file, offset) = (Arc::clone(&self.file), self.offset);
        let read = self.journal.files.run(move |_| {
            let mut chunk = vec![0; len];
            file.read_exact_at(&mut chunk, offset)?;
            Ok(chunk)
        });
        let chunk = read.await?;
        // During the read, other bytes may have replaced these.
        self.there()?;
        self.offset += len as u64;
        Ok(ReadNext::Chunk(Bytes::from(chunk)))
    }

    /// From now on the transfer may be deleted to make room.
    async fn mark_read(&self, already: bool) -> Result<(), Error> {
        if already {
            return Ok(());
        }
        self.journal
            .change_of(&self.key, self.birth, |record, _| {
                record.read = true;
                Ok(())
            })
            .await
    }
}
