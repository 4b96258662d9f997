//! Bytes that were read out of a spool and may be asked for again.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};

use super::budget::Purse;

/// Bytes before the reading position that the spool always keeps, whatever the bounds say: without
/// them no transfer that yielded could resume. They cover one piece that the dialogue holds at an
/// open prompt or between two blocks of 2048, and the 2560 bytes of overlap with the server's file.
pub(super) const TAIL: u64 = 10 * 1024;

/// After so many bytes behind the place where an upload yielded, it has shown whether its server
/// resumes a file: some bytes to settle, and the two blocks after which the dialogue asks for the
/// size.
const PROOF: u64 = 32 * 1024;

/// The last bytes that were read, as far back as memory allows.
#[derive(Debug)]
pub(super) struct Kept {
    /// The budget of its memory.
    pub(super) purse: Purse,
    /// Most bytes to keep.
    most: u64,
    /// Bytes of memory taken from the purse for what comes next.
    ahead: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    pieces: VecDeque<Bytes>,
    len: u64,
    /// Bytes of memory taken from the purse; the tail may exceed it.
    accounted: u64,
    /// Position behind the last piece.
    end: u64,
    /// Keeps everything until the end reaches this position.
    pinned: Option<u64>,
}

impl Kept {
    /// Nothing was read.
    pub(super) fn new(purse: Purse, most: u64) -> Self {
        Self {
            purse,
            most,
            ahead: AtomicU64::new(0),
            state: Mutex::default(),
        }
    }

    /// Takes `amount` bytes of memory from what was taken ahead, or from the purse: there `step` bytes at once, if that
    /// is more.
    pub(super) fn take_ahead(&self, amount: u64, step: u64) -> bool {
        let less = |ahead: u64| ahead.checked_sub(amount);
        let drawn = self
            .ahead
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        if drawn.is_ok() {
            return true;
        }
        let taken = amount < step && self.purse.take(step);
        if taken {
            self.ahead.fetch_add(step - amount, Ordering::Relaxed);
        }
        taken || self.purse.take(amount)
    }

    /// Takes over memory that is not needed, and gives back what is beyond `most` bytes of it.
    pub(super) fn give_beyond(&self, surplus: u64, most: u64) {
        let ahead = self.ahead.fetch_add(surplus, Ordering::Relaxed) + surplus;
        if ahead > most {
            self.give_ahead(ahead - most);
        }
    }

    /// Gives back up to `amount` bytes of memory that was taken ahead. Answers how many.
    pub(super) fn give_ahead(&self, amount: u64) -> u64 {
        let less = |ahead: u64| Some(ahead.saturating_sub(amount));
        let before = self
            .ahead
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        let given = before.unwrap_or_default().min(amount);
        self.purse.give(given);
        given
    }

    /// Position of the next byte to read.
    pub(super) fn end(&self) -> u64 {
        self.state().end
    }

    /// Bytes that are held, for tests of the bounds.
    #[cfg(test)]
    pub(super) fn len(&self) -> u64 {
        self.state().len
    }

    /// Takes a piece that was just read, and the memory accounted for it.
    pub(super) fn keep(&self, piece: Bytes, accounted: u64) {
        let mut state = self.state();
        let len = piece.len() as u64;
        state.end += len;
        state.len += len;
        state.accounted += accounted;
        state.pieces.push_back(piece);
        let end = state.end;
        state.pinned.take_if(|until| *until <= end);
        while (state.accounted < state.len || state.len > self.most) && state.pop() {}
        state.release(&self.purse);
    }

    /// Keeps everything for the next [`PROOF`] bytes; `false` where the first byte is gone already.
    pub(super) fn pin(&self) -> bool {
        let mut state = self.state();
        let whole = state.len == state.end;
        state.pinned = whole.then(|| state.end + PROOF);
        whole
    }

    /// The bytes at a position, up to the end of their piece; `None` where they are gone.
    pub(super) fn piece(&self, position: u64) -> Option<Bytes> {
        let state = self.state();
        let mut at = state.end - state.len;
        if position < at {
            return None;
        }
        for piece in &state.pieces {
            let behind = at + piece.len() as u64;
            if position < behind {
                let skipped = usize::try_from(position - at).ok()?;
                return Some(piece.slice(skipped..));
            }
            at = behind;
        }
        None
    }

    /// Drops the oldest pieces until `amount` is given back, as far as that is allowed. Answers
    /// whether it dropped any.
    pub(super) fn reclaim(&self, amount: u64) -> bool {
        let mut state = self.state();
        let before = state.accounted;
        while before.saturating_sub(state.len) < amount && state.pop() {}
        state.release(&self.purse);
        state.accounted < before
    }

    /// Drops everything.
    pub(super) fn clear(&self) {
        let mut state = self.state();
        state.pieces.clear();
        state.len = 0;
        state.pinned = None;
        state.release(&self.purse);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

impl State {
    /// Drops the oldest piece, unless it belongs to the tail.
    fn pop(&mut self) -> bool {
        let first = self.pieces.front().map_or(0, |piece| piece.len() as u64);
        if self.pinned.is_some() || first == 0 || self.len - first < TAIL {
            return false;
        }
        self.len -= first;
        self.pieces.pop_front();
        true
    }

    /// Gives back memory that holds nothing any more.
    fn release(&mut self, purse: &Purse) {
        let surplus = self.accounted.saturating_sub(self.len);
        if surplus > 0 {
            self.accounted -= surplus;
            purse.give(surplus);
        }
    }
}
