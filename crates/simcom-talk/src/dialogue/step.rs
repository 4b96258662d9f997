//! What the dialogue wants its owner to do.

use bytes::Bytes;

use super::failure::Failure;
use super::moment::Moment;
use super::operation::{Delivery, Output};
use super::repair::Repaired;

/// The next thing to do. Bytes that arrive at the port may be handed in at any time.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// No operation is under way. Begin one, or hand in unsolicited bytes.
    Idle,
    /// Write these bytes, then ask again. Call [`super::Dialogue::handle_write_deadline`] where they
    /// cannot all be written by `until`.
    Write {
        /// For the port.
        bytes: Bytes,
        /// When to give up.
        until: Moment,
    },
    /// Hand this to the receiver, then ask again. Call [`super::Dialogue::abandon`] where the receiver has
    /// gone or takes nothing for too long.
    Deliver(Delivery),
    /// Get the piece that begins at this byte of the content from the source and hand it to
    /// [`super::Dialogue::handle_piece`]. Listen meanwhile. Call [`super::Dialogue::abandon`] where the
    /// source has gone, does not hold that byte any more, or sends nothing for too long.
    Fetch {
        /// The position. It goes back where a broken transfer goes on.
        offset: u64,
    },
    /// Listen until then. Call [`super::Dialogue::handle_deadline`] if nothing came.
    Listen {
        /// When to give up.
        until: Moment,
    },
    /// Open the port again and call [`super::Dialogue::handle_port_opened`]. If it did not open by then, call
    /// [`super::Dialogue::handle_deadline`].
    AwaitPort {
        /// When to give up.
        until: Moment,
    },
    /// The standing of the operation cannot be reached, for this reason. Call
    /// [`super::Dialogue::handle_repair`] with the rung to try next, or without one.
    Repair(Failure),
    /// A rung was tried. Given once for each rung.
    Repaired(Repaired),
    /// The operation is over. Given once.
    Done(Result<Output, Failure>),
}

impl Step {
    /// Until when the owner waits in this step. `None` where it does not wait, or waits for its own source or
    /// receiver for as long as it likes.
    #[must_use]
    pub const fn deadline(&self) -> Option<Moment> {
        match self {
            Self::Write { until, .. } | Self::Listen { until } | Self::AwaitPort { until } => {
                Some(*until)
            }
            Self::Idle
            | Self::Deliver(_)
            | Self::Fetch { .. }
            | Self::Repair(_)
            | Self::Repaired(_)
            | Self::Done(_) => None,
        }
    }
}
