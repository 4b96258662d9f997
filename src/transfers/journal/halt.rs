//! The request to end work on a transfer early, and its reason.

use std::sync::Arc;

use tokio::sync::SetOnce;

/// Why work on a transfer must end early. The reason is always given and never guessed: one request
/// must not be taken for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HaltReason {
    /// Its client cancels the transfer.
    Cancel,
    /// The partial file of an earlier attempt must not be deleted now: the transfer is tried again,
    /// or its client deletes it.
    StepAside,
    /// The lifetime of the transfer has passed.
    Expire,
    /// The daemon stops.
    Stop,
}

/// The request, as the worker receives it. The first reason counts: each of them ends the work, and
/// a cancellation is also remembered elsewhere.
#[derive(Debug, Clone, Default)]
pub(crate) struct Halt(Arc<SetOnce<HaltReason>>);

impl Halt {
    pub(crate) fn ask(&self, why: HaltReason) {
        // It was requested before.
        let _ = self.0.set(why);
    }

    /// The reason to end the work, if there is one.
    pub(crate) fn why(&self) -> Option<HaltReason> {
        self.0.get().copied()
    }

    /// Completes when the work must end.
    pub(crate) async fn asked(&self) -> HaltReason {
        *self.0.wait().await
    }
}
