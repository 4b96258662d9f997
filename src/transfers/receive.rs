//! The bytes of an upload from a caller to the spool.

use bytes::Bytes;

use super::Transfer;
use super::files::Writer;
use super::journal::{HaltReason, Hold};
use super::record::{Record, State};
use crate::broker::terms::{Cause, Error, Hashed};

/// Bytes between two synchronisations: what a power cut costs the caller, and how often the record
/// alone costs a write to flash.
const SYNC: u64 = 1 << 20;

/// An upload that is being received. [`Receiving::finish`] accepts it; without that, the received
/// bytes can be resumed.
#[derive(Debug)]
pub struct Receiving {
    hold: Hold,
    file: Option<Writer>,
    written: u64,
    safe: u64,
    /// Number of bytes, if the caller knows it.
    declared: Option<u64>,
}

impl Receiving {
    /// Continues behind the synchronised bytes. If there are none and there is no room for any, the
    /// transfer is not kept either.
    pub(crate) async fn begin(hold: Hold) -> Result<Self, Error> {
        let record = hold.record()?;
        let fresh = record.committed == 0;
        let (declared, written) = (
            record.wish.upload().and_then(|upload| upload.size),
            record.committed,
        );
        match Self::open(&hold, record).await {
            Ok(file) => Ok(Self {
                hold,
                file: Some(file),
                written,
                safe: written,
                declared,
            }),
            Err(error) => {
                // While it is held, so that nobody else gets it in between.
                if fresh {
                    forget(&hold).await;
                }
                Err(error)
            }
        }
    }

    async fn open(hold: &Hold, record: Record) -> Result<Writer, Error> {
        let (id, written) = (record.file.ok_or(Cause::SpoolLost)?, record.committed);
        let declared = record.wish.upload().and_then(|upload| upload.size);
        if let Some(declared) = declared {
            hold.journal.grow(&hold.key, declared).await?;
        }
        let opened = hold.journal.files.run(move |files| {
            files.check_room(declared.unwrap_or_default().saturating_sub(written))?;
            files.writer(id, written)
        });
        opened.await
    }

    /// Completes when the transfer is cancelled; the caller must then call [`Receiving::pause`].
    pub async fn halted(&self) {
        self.hold.halt.asked().await;
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// [`Cause::SizeMismatch`]: more bytes than declared; [`Cause::SpoolFull`];
    /// [`Cause::TransferEnded`]: it was cancelled; [`Cause::SpoolLost`]: an earlier write failed;
    /// [`Cause::Spool`] or [`Cause::Store`] from the disk.
    pub async fn push(&mut self, bytes: Bytes) -> Result<(), Error> {
        if self.is_cancelled() {
            return Err(Cause::TransferEnded.into());
        }
        let found = self.written.saturating_add(bytes.len() as u64);
        if let Some(expected) = self.declared.filter(|declared| found > *declared) {
            return Err(self.reject(Cause::SizeMismatch { expected, found }).await);
        }
        self.hold.journal.grow(&self.hold.key, found).await?;
        let mut file = self.file.take().ok_or(Cause::SpoolLost)?;
        let sync = found - self.safe >= SYNC;
        let written = self.hold.journal.files.run(move |files| {
            files.check_room(bytes.len() as u64)?;
            file.write_all(&bytes)?;
            if sync {
                file.sync_all()?;
            }
            Ok(file)
        });
        self.file = Some(written.await?);
        self.written = found;
        if sync {
            self.keep().await?;
        }
        Ok(())
    }

    /// The caller stops halfway: synchronises the received bytes, so that the upload can resume.
    pub async fn pause(mut self) {
        let kept = async {
            if self.file.is_none() {
                return self.cut_back().await;
            }
            self.sync().await?;
            self.keep().await
        };
        if let Err(error) = kept.await {
            tracing::warn!(transfer = %self.hold.key.id, %error, "not all that came was kept");
        }
        self.hold.journal.shrink(&self.hold.key, self.safe);
        // The call that cancelled it waits for this.
        if self.is_cancelled() {
            self.cancelled().await;
        }
    }

    /// All bytes are there: returns when they are synchronised. Compares `sha256`, if given.
    ///
    /// # Errors
    /// [`Cause::SizeMismatch`]: fewer bytes than declared; [`Cause::HashMismatch`];
    /// [`Cause::SpoolLost`]: an earlier write failed; [`Cause::TransferNotFound`]; [`Cause::Spool`]
    /// or [`Cause::Store`] from the disk.
    pub async fn finish(mut self, sha256: Option<[u8; 32]>) -> Result<Transfer, Error> {
        let found = self.written;
        if let Some(expected) = self.declared.filter(|declared| found != *declared) {
            return Err(self.reject(Cause::SizeMismatch { expected, found }).await);
        }
        self.sync().await?;
        // The file is open, but may be in a directory that no later start finds.
        self.hold.journal.is_at_home().await?;
        let record = self.hold.record()?;
        let files = &self.hold.journal.files;
        let id = record.file.ok_or(Cause::SpoolLost)?;
        let have = files.run(move |files| files.hash(id, found)).await?;
        let named = record.wish.upload().and_then(|upload| upload.sha256);
        if [named, sha256]
            .into_iter()
            .flatten()
            .any(|hash| hash != have)
        {
            return Err(self.reject(Cause::HashMismatch(Hashed::Sent)).await);
        }
        let journal = &self.hold.journal;
        journal
            .change_of(&self.hold.key, self.hold.birth, move |record, now| {
                if record.state != State::Receiving {
                    return Err(Cause::TransferEnded);
                }
                record.accept(found, have, now);
                Ok(())
            })
            .await?;
        let key = &self.hold.key;
        tracing::info!(principal = %key.principal, transfer = %key.id, bytes = found, "an upload was accepted");
        let transfer = journal.get_of(&self.hold.key, self.hold.birth);
        transfer.ok_or_else(|| Cause::TransferNotFound.into())
    }

    fn is_cancelled(&self) -> bool {
        self.hold.halt.why() == Some(HaltReason::Cancel)
    }

    async fn sync(&mut self) -> Result<(), Error> {
        let file = self.file.take().ok_or(Cause::SpoolLost)?;
        let files = &self.hold.journal.files;
        let synced = files.run(move |_| file.sync_all().map(|()| file));
        self.file = Some(synced.await?);
        Ok(())
    }

    /// Records that all written bytes are synchronised.
    async fn keep(&mut self) -> Result<(), Error> {
        let written = self.written;
        self.hold
            .change(move |record, now| record.keep(written, now))
            .await?;
        self.safe = written;
        Ok(())
    }

    /// The disk failed: gives back the room of the bytes that are not synchronised.
    async fn cut_back(&mut self) -> Result<(), Error> {
        let (files, safe) = (&self.hold.journal.files, self.safe);
        let id = self.hold.record()?.file.ok_or(Cause::SpoolLost)?;
        files
            .run(move |files| files.writer(id, safe).map(drop))
            .await
    }

    /// Drops bytes that are not the declared ones.
    async fn reject(&mut self, cause: Cause) -> Error {
        forget(&self.hold).await;
        cause.into()
    }

    async fn cancelled(&mut self) {
        if let Err(error) = self.hold.change(|record, now| record.cancel(now)).await {
            tracing::warn!(transfer = %self.hold.key.id, %error, "it cannot be cancelled");
        }
    }
}

async fn forget(hold: &Hold) {
    if let Err(error) = hold.journal.forget_held(&hold.key, hold.birth).await {
        tracing::warn!(transfer = %hold.key.id, %error, "it cannot be forgotten");
    }
}
