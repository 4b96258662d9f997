//! The content of an upload out of a spool, read by position.

use std::pin::pin;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use futures_util::future::BoxFuture;

use super::{End, Spool, State};
use crate::modem::source::{Source, Supply};
use simcom_talk::dialogue::operation::Piece;

/// Bytes handed to the link at once: two blocks (SIMCom manual L1215). An upload yields only
/// between two pieces, and one of this size takes a third of a second at 115200 baud.
pub(crate) const PIECE: usize = 4096;

/// Reads the spool from its reader's position on, and the kept bytes before it.
#[derive(Debug)]
pub(crate) struct Replay {
    pub(super) spool: Arc<Spool>,
}

impl Source for Replay {
    fn piece(&mut self, offset: u64) -> BoxFuture<'_, Supply> {
        Box::pin(async move {
            loop {
                let mut arrived = pin!(self.spool.arrived.notified());
                arrived.as_mut().enable();
                if let Some(supply) = self.spool.supply(offset) {
                    return supply;
                }
                arrived.await;
            }
        })
    }
}

impl Spool {
    /// The bytes at a position; `None` where they have not come yet.
    fn supply(&self, offset: u64) -> Option<Supply> {
        let mut state = self.state();
        let position = self.kept.end();
        if offset != position {
            let kept = self.kept.piece(offset).map(Piece::Data);
            return Some(kept.map_or(Supply::Forgotten, Supply::Piece));
        }
        if let Some(bytes) = self.read_on(&mut state) {
            return Some(Supply::Piece(Piece::Data(bytes)));
        }
        state.end.map(|end| match end {
            End::Whole => Supply::Piece(Piece::End),
            End::Broken => Supply::Gone,
        })
    }

    /// Takes the next piece out of the memory, and keeps a copy.
    fn read_on(&self, state: &mut State) -> Option<Bytes> {
        let first = state.memory.front_mut()?;
        // A copy: a slice would keep the whole chunk that it was cut from in memory.
        let piece = Bytes::copy_from_slice(first.get(..PIECE).unwrap_or(first));
        first.advance(piece.len());
        if first.is_empty() {
            state.memory.pop_front();
        }
        state.in_memory -= piece.len() as u64;
        let accounted = state.accounted.saturating_sub(state.in_memory);
        state.accounted -= accounted;
        self.kept.keep(piece.clone(), accounted);
        // Another spool can reclaim what this one keeps.
        self.spools.freed.notify_waiters();
        Some(piece)
    }
}
