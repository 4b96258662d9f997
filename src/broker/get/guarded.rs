//! A reading of a file of which its caller knows something already.

use bytes::Bytes;
use tokio::sync::watch;

use super::{GetProgress, GetResult, Growth, Next, Reading};
use crate::broker::caller::{Caller, Target};
use crate::broker::error::{Cause, Error};
use crate::broker::tally::Tally;
use crate::broker::{Broker, JobId};
use crate::ftps::value::{Offset, RemotePath};
use crate::modem::operation::Download;

/// What a file must be, or it is not the one that is meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Guards {
    /// Bytes that the caller has of it, right before the first that it wants; at most as many as there
    /// are before that one. Empty: nothing is known of them.
    pub tail: Bytes,
    /// Its size.
    pub if_size: Option<u64>,
    /// SHA-256 of all of it, where all of it is read.
    pub sha256: Option<[u8; 32]>,
}

/// A reading that ends with [`Cause::SourceChanged`] where the file is another than its caller takes
/// it for. Dropping it cancels the operation.
#[derive(Debug)]
pub struct Guarded {
    reading: Reading,
    guards: Guards,
    /// Where the reading begins: before the tail.
    from: u64,
    /// Bytes of the tail that were found to be the same.
    same: usize,
    /// Bytes that were handed over.
    handed: u64,
    /// Of them, where the tail is not handed over; else the reading has counted them.
    tally: Option<Tally>,
}

impl Broker {
    /// Admits the reading of a file from `offset` on, as long as it is what `guards` say, and of what is added to
    /// it meanwhile what `growth` says. Returns at once.
    ///
    /// # Errors
    /// Why it was not admitted. Nothing of it reaches the module. [`Cause::WrongOffset`]: the tail is
    /// longer than what is before the offset.
    pub fn begin_guarded_get(
        &self,
        caller: &Caller,
        target: &Target,
        path: &RemotePath,
        offset: Offset,
        guards: Guards,
        growth: Growth,
    ) -> Result<Guarded, Error> {
        let tail = guards.tail.len() as u64;
        let from = offset.get().checked_sub(tail);
        let from = from.ok_or(Cause::WrongOffset { committed: tail })?;
        let start = Offset::new(from).map_err(Cause::InvalidPath)?;
        let what = Download {
            growth,
            ..Download::of(path.clone(), start)
        };
        Ok(Guarded {
            reading: self.begin_download(caller, target, what, true)?,
            tally: (tail > 0).then(Tally::default),
            guards,
            from,
            same: 0,
            handed: 0,
        })
    }
}

impl Guarded {
    /// As [`Reading::began`].
    ///
    /// # Errors
    /// Why it did not begin, or [`Cause::SourceChanged`] where the size is another one.
    pub async fn began(&mut self) -> Result<(), Error> {
        self.reading.began().await?;
        match (self.guards.if_size, self.reading.size()) {
            (Some(wanted), Some(size)) if wanted != size => Err(self.changed()),
            _ => Ok(()),
        }
    }

    /// As [`Reading::next`].
    ///
    /// # Errors
    /// Likewise, and [`Cause::SourceChanged`] at the first byte that is another one, or at the end.
    pub async fn next(&mut self) -> Result<Next, Error> {
        loop {
            match self.reading.next().await? {
                Next::Chunk(chunk) => {
                    let rest = self.behind_the_tail(chunk)?;
                    if !rest.is_empty() {
                        self.handed += rest.len() as u64;
                        if let Some(tally) = &mut self.tally {
                            tally.add(&rest);
                        }
                        return Ok(Next::Chunk(rest));
                    }
                }
                Next::End(result) => return self.end(result).map(Next::End),
            }
        }
    }

    /// What of a chunk is no part of the tail.
    fn behind_the_tail(&mut self, mut chunk: Bytes) -> Result<Bytes, Error> {
        let tail = self.guards.tail.get(self.same..).unwrap_or_default();
        let known = tail.len().min(chunk.len());
        let found = chunk.split_to(known);
        if tail.get(..known) != Some(&found[..]) {
            return Err(self.changed());
        }
        self.same += known;
        Ok(chunk)
    }

    fn end(&self, result: GetResult) -> Result<GetResult, Error> {
        let whole = self.from + self.same as u64 + self.handed;
        if self.same < self.guards.tail.len() {
            // It ends within what the caller has already.
            return Err(self.error(Cause::WrongOffset { committed: whole }));
        }
        let sha256 = self.tally.as_ref().map_or(result.sha256, Tally::sha256);
        let other_size = self.reading.size().is_none()
            && self.guards.if_size.is_some_and(|wanted| wanted != whole);
        let other_content = self.guards.sha256.is_some_and(|wanted| wanted != sha256);
        if other_size || other_content {
            return Err(self.changed());
        }
        Ok(GetResult {
            size: self.handed,
            sha256,
            ..result
        })
    }

    fn changed(&self) -> Error {
        self.error(Cause::SourceChanged)
    }

    fn error(&self, cause: Cause) -> Error {
        Error {
            operation: Some(self.operation().clone()),
            committed: Some(self.handed),
            ..cause.into()
        }
    }

    /// As [`Reading::progress`].
    #[must_use]
    pub fn progress(&self) -> watch::Receiver<GetProgress> {
        self.reading.progress()
    }

    /// Names the operation.
    #[must_use]
    pub const fn operation(&self) -> &JobId {
        self.reading.operation()
    }

    /// As [`Reading::size`].
    #[must_use]
    pub const fn size(&self) -> Option<u64> {
        self.reading.size()
    }
}

impl From<Reading> for Guarded {
    /// Nothing is known of it.
    fn from(reading: Reading) -> Self {
        Self {
            reading,
            guards: Guards::default(),
            from: 0,
            same: 0,
            handed: 0,
            tally: None,
        }
    }
}
