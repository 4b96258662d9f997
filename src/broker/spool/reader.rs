//! The end of a spool where bytes come out.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;

use super::ring::Ring;
use super::{End, Replay, Spool, State};

/// What comes out of a spool.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Spooled {
    /// The next bytes: at least one, at most [`super::MAX_CHUNK`].
    Data(Bytes),
    /// There are no more bytes.
    End,
    /// The writer left before it said that there are no more bytes.
    Broken,
}

/// The end of a spool where bytes come out: by [`Reader::read`] or by [`Reader::source`], not by
/// both.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(super) spool: Arc<Spool>,
}

impl Reader {
    /// Waits for the next bytes, or for the end. Cancel-safe.
    pub(crate) async fn read(&mut self) -> io::Result<Spooled> {
        loop {
            let mut arrived = pin!(self.spool.arrived.notified());
            arrived.as_mut().enable();
            let (slot, end) = {
                let mut state = self.spool.state();
                if let Some(chunk) = self.spool.recall(&mut state) {
                    self.spool.taken.notify_one();
                    return Ok(Spooled::Data(chunk));
                }
                (state.ring.as_ref().and_then(Ring::next), state.end)
            };
            match (slot, end) {
                (Some(slot), _) => {
                    let chunk = slot.read().await?;
                    if let Some(ring) = self.spool.state().ring.as_mut() {
                        ring.commit_read(chunk.len() as u64);
                    }
                    self.spool.taken.notify_one();
                    self.spool.spools.freed.notify_waiters();
                    return Ok(Spooled::Data(chunk));
                }
                (None, Some(End::Whole)) => return Ok(Spooled::End),
                (None, Some(End::Broken)) => return Ok(Spooled::Broken),
                (None, None) => arrived.await,
            }
        }
    }

    /// The bytes as the content of an upload.
    pub(crate) fn source(&self) -> Replay {
        Replay {
            spool: Arc::clone(&self.spool),
        }
    }

    /// Keeps the bytes read so far, whoever needs the memory, until the upload has gone on, so that
    /// it can start over. Answers `false` where the first byte is gone already.
    pub(crate) fn pin(&self) -> bool {
        self.spool.kept.pin()
    }

    /// The number of all bytes, once the last has come.
    pub(crate) fn size(&self) -> Option<u64> {
        let state = self.spool.state();
        let whole = state.end == Some(End::Whole);
        whole.then(|| self.spool.kept.end() + state.in_memory)
    }

    /// Says that nobody asks for these bytes again.
    pub(crate) fn forget(&self) {
        self.spool.kept.clear();
        self.spool.spools.freed.notify_waiters();
    }

    /// Waits until `bytes` bytes can be read, or all there are, or all there is room for, and
    /// answers `true`; `false` where no more came for `stall`. Cancel-safe.
    pub(crate) async fn ready(&self, bytes: u64, stall: Duration) -> bool {
        loop {
            let mut arrived = pin!(self.spool.arrived.notified());
            arrived.as_mut().enable();
            {
                let state = self.spool.state();
                if state.in_memory >= bytes || state.full || state.end.is_some() {
                    return true;
                }
            }
            if timeout(stall, arrived).await.is_err() {
                return false;
            }
        }
    }

    /// Waits until everything is read although more will come. Cancel-safe.
    pub(crate) async fn drained(&self) {
        self.when(|state| state.in_memory == 0 && state.end.is_none())
            .await;
    }

    /// Whether `least` bytes, or the last byte, come within `span`.
    pub(crate) async fn comes(&self, span: Duration, least: u64) -> bool {
        let before = self.arrived();
        let _ = timeout(span, self.when(|state| state.in_memory >= least)).await;
        let state = self.spool.state();
        let enough = state.end.is_some() || state.in_memory >= least;
        drop(state);
        enough || self.arrived() - before >= least
    }

    /// Waits until `bytes` bytes can be read, or all there are. Cancel-safe.
    pub(crate) async fn enough(&self, bytes: u64) {
        self.when(|state| state.in_memory >= bytes || state.end.is_some())
            .await;
    }

    /// Bytes that have come so far.
    fn arrived(&self) -> u64 {
        let state = self.spool.state();
        self.spool.kept.end() + state.in_memory
    }

    /// Waits until `holds` is true of the state.
    async fn when(&self, holds: impl Fn(&State) -> bool) {
        loop {
            let mut arrived = pin!(self.spool.arrived.notified());
            arrived.as_mut().enable();
            let mut read = pin!(self.spool.spools.freed.notified());
            read.as_mut().enable();
            if holds(&self.spool.state()) {
                return;
            }
            tokio::select! {
                biased;
                () = arrived => {}
                () = read => {}
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.spool.state().reader_gone = true;
        self.spool.clear();
        self.spool.taken.notify_one();
    }
}
