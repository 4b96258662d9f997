//! A reading of a file of which its caller knows something already.

use bytes::Bytes;
use tokio::sync::watch;

use super::{GetProgress, GetResult, Growth, Next, Reading};
use crate::broker::Broker;
use crate::broker::caller::{Caller, Target};
use crate::broker::error::{Cause, Error};
use crate::broker::tally::Tally;
use crate::modem::JobId;
use simcom_talk::dialogue::operation::Download;
use simcom_talk::ftps::value::{Offset, RemotePath};

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

/// What of a file is wanted.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The file.
    pub path: RemotePath,
    /// First byte.
    pub offset: Offset,
    /// Bytes from there on; `None`: to the end.
    pub length: Option<u64>,
    /// What the file must be.
    pub guards: Guards,
    /// What comes of a file that grows.
    pub growth: Growth,
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
    /// Bytes that came behind those that are wanted.
    beyond: u64,
    /// Of those that were handed over, where not all that comes is handed over; else the reading has counted them.
    tally: Option<Tally>,
    /// Bytes that are wanted.
    length: Option<u64>,
}

impl Broker {
    /// Admits the reading of a part of a file, as long as the file is what the caller takes it for. Returns at
    /// once.
    ///
    /// # Errors
    /// Why it was not admitted. Nothing of it reaches the module. [`Cause::WrongOffset`]: the tail is
    /// longer than what is before the offset.
    pub fn begin_guarded_get(
        &self,
        caller: &Caller,
        target: &Target,
        wanted: Wanted,
    ) -> Result<Guarded, Error> {
        let tail = wanted.guards.tail.len() as u64;
        let from = wanted.offset.get().checked_sub(tail);
        let from = from.ok_or(Cause::WrongOffset { committed: tail })?;
        let start = Offset::new(from).map_err(Cause::InvalidPath)?;
        let what = Download {
            growth: wanted.growth,
            ..Download::of(wanted.path, start)
        };
        Ok(Guarded {
            reading: self.begin_download(caller, target, what, true)?,
            tally: (tail > 0 || wanted.length.is_some()).then(Tally::default),
            guards: wanted.guards,
            from,
            same: 0,
            handed: 0,
            beyond: 0,
            length: wanted.length,
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
            if self.has_enough() {
                let result = self.reading.enough();
                return Ok(Next::End(self.told(result)));
            }
            match self.reading.next().await? {
                Next::Chunk(chunk) => {
                    let mut rest = self.behind_the_tail(chunk)?;
                    let beyond = rest.split_off(self.room().min(rest.len()));
                    self.beyond += beyond.len() as u64;
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

    /// Bytes that are still wanted, as far as they can be counted.
    fn room(&self) -> usize {
        let left = self.length.map(|length| length.saturating_sub(self.handed));
        left.map_or(usize::MAX, |left| {
            usize::try_from(left).unwrap_or(usize::MAX)
        })
    }

    /// Whether all that is wanted was handed over, and more would come. Where only the end of the file shows its
    /// size, and that is to be compared, it goes on to there.
    fn has_enough(&self) -> bool {
        let end = self.end_so_far();
        let size = self.reading.size();
        self.room() == 0 && size != Some(end) && (size.is_some() || self.guards.if_size.is_none())
    }

    fn end(&self, result: GetResult) -> Result<GetResult, Error> {
        let whole = self.end_so_far();
        if self.same < self.guards.tail.len() {
            // It ends within what the caller has already.
            return Err(self.error(Cause::WrongOffset { committed: whole }));
        }
        let result = self.told(result);
        let other_size = self.reading.size().is_none()
            && self.guards.if_size.is_some_and(|wanted| wanted != whole);
        let other_content = self
            .guards
            .sha256
            .is_some_and(|wanted| wanted != result.sha256);
        if other_size || other_content {
            return Err(self.changed());
        }
        Ok(result)
    }

    /// The byte behind the last that came.
    fn end_so_far(&self) -> u64 {
        self.from + self.same as u64 + self.handed + self.beyond
    }

    /// The result of a reading, of what was handed over.
    fn told(&self, result: GetResult) -> GetResult {
        GetResult {
            size: self.handed,
            sha256: self.tally.as_ref().map_or(result.sha256, Tally::sha256),
            ..result
        }
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
            beyond: 0,
            tally: None,
            length: None,
        }
    }
}
