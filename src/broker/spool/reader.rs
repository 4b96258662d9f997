//! The end of a spool where bytes come out.

use std::io;
use std::sync::Arc;

use bytes::Bytes;

use super::ring::Ring;
use super::{End, Spool};

/// What comes out of a spool.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::broker) enum Spooled {
    /// The next bytes, at most [`MAX_CHUNK`], never none.
    Data(Bytes),
    /// There are no more.
    End,
    /// The writer left without saying that there are no more.
    Broken,
}

/// Where bytes come out.
#[derive(Debug)]
pub(in crate::broker) struct Reader {
    pub(super) spool: Arc<Spool>,
}

impl Reader {
    /// Waits for the next bytes, or for the end. Cancel-safe.
    pub(in crate::broker) async fn read(&mut self) -> io::Result<Spooled> {
        loop {
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
                (None, None) => self.spool.arrived.notified().await,
            }
        }
    }

    /// Waits until there is something to read, be it the end. Cancel-safe.
    pub(in crate::broker) async fn ready(&mut self) {
        loop {
            {
                let state = self.spool.state();
                if state.in_memory > 0 || state.on_disk() > 0 || state.end.is_some() {
                    return;
                }
            }
            self.spool.arrived.notified().await;
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
