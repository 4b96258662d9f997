//! The wish that work on a transfer ends before its end, and why.

use std::sync::Arc;

use tokio::sync::SetOnce;

/// Why work on a transfer is to end before its end. It is told and never guessed: one wish must not
/// be taken for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// Its client ends the transfer.
    Cancel,
    /// What an earlier attempt left on the server is not to be deleted now: the transfer is tried
    /// again, or its client has it forgotten.
    StepAside,
    /// The time of the transfer is over.
    Expire,
    /// The daemon stops.
    Stop,
}

/// The wish, as whoever works hears of it. The first reason is the one that counts: all of them end
/// the work, and a cancel is remembered beside it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Halt(Arc<SetOnce<Why>>);

impl Halt {
    pub(crate) fn ask(&self, why: Why) {
        // It was asked before.
        let _ = self.0.set(why);
    }

    /// Why the work is to end, where it is.
    pub(crate) fn why(&self) -> Option<Why> {
        self.0.get().copied()
    }

    /// Completes when the work is to end.
    pub(crate) async fn asked(&self) -> Why {
        *self.0.wait().await
    }
}
