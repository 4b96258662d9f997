//! The reading of a file that its caller already knows in part.

use bytes::Bytes;
use tokio::sync::watch;

use super::{GetProgress, GetResult, Growth, Next, Reading};
use crate::broker::Broker;
use crate::broker::terms::{Caller, Cause, Error, Tally, Target};
use crate::modem::JobId;
use simcom_talk::dialogue::operation::Download;
use simcom_talk::ftps::value::{Offset, RemotePath};

/// Properties that the file must have, or it is another file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Guards {
    /// Bytes that the caller has from right before the first wanted byte; at most as many as there
    /// are before that byte. Empty: the caller has none.
    pub tail: Bytes,
    /// Its size.
    pub if_size: Option<u64>,
    /// SHA-256 of the whole file, if the whole file is read.
    pub sha256: Option<[u8; 32]>,
}

/// The wanted part of a file.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The file.
    pub path: RemotePath,
    /// First byte.
    pub offset: Offset,
    /// Number of bytes; `None`: to the end.
    pub length: Option<u64>,
    /// Properties that the file must have.
    pub guards: Guards,
    /// What happens if the file grows.
    pub growth: Growth,
}

/// A reading that ends with [`Cause::SourceChanged`] if the file is not the expected one. Dropping
/// it cancels the operation.
#[derive(Debug)]
pub struct Guarded {
    reading: Reading,
    guards: Guards,
    /// Where the reading begins: before the tail.
    from: u64,
    /// Bytes of the tail that agree so far.
    same: usize,
    /// Bytes delivered.
    handed: u64,
    /// Bytes that came behind the wanted ones.
    beyond: u64,
    /// Tally of the delivered bytes, if not all bytes that come are delivered; otherwise the
    /// reading counts them.
    tally: Option<Tally>,
    /// Number of wanted bytes.
    length: Option<u64>,
}

impl Broker {
    /// Admits the reading of a part of a file, which ends if the file is not the expected one.
    /// Returns at once.
    ///
    /// # Errors
    /// As [`Broker::begin_get`]; [`Cause::WrongOffset`]: the tail is longer than the bytes before
    /// the offset.
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
    /// As [`Reading::began`]; [`Cause::SourceChanged`]: the file has another size.
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
    /// As [`Reading::next`]; [`Cause::SourceChanged`] at the first different byte, or at the end;
    /// [`Cause::WrongOffset`]: the file ends within the tail.
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

    /// The bytes of a chunk that are not part of the tail.
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

    /// Number of bytes still wanted, capped to `usize`.
    fn room(&self) -> usize {
        let left = self.length.map(|length| length.saturating_sub(self.handed));
        left.map_or(usize::MAX, |left| {
            usize::try_from(left).unwrap_or(usize::MAX)
        })
    }

    /// Whether all wanted bytes are delivered and more would come. If only the end of the file
    /// shows a size that must be compared, the reading goes on to the end.
    fn has_enough(&self) -> bool {
        let end = self.end_so_far();
        let size = self.reading.size();
        self.room() == 0 && size != Some(end) && (size.is_some() || self.guards.if_size.is_none())
    }

    fn end(&self, result: GetResult) -> Result<GetResult, Error> {
        let whole = self.end_so_far();
        if self.same < self.guards.tail.len() {
            // The file ends within the bytes that the caller already has.
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

    /// Position behind the last byte that came.
    fn end_so_far(&self) -> u64 {
        self.from + self.same as u64 + self.handed + self.beyond
    }

    /// The result of a reading, for the delivered bytes.
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

    /// Identifies the operation.
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
    /// A reading without guards.
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
