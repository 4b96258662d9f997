//! The dialogue itself: it leads an operation through bring-up, resynchronisation, planning and
//! task.

mod abort_cost;
mod climb;
mod deliveries;
mod dialogue;
mod filling;
mod handle;
mod incoming;
mod notes;
mod outbox;
mod poll;
mod readiness;
mod redaction;
mod responses;
mod run;
mod secrets;
mod silent;
mod standing;
mod wait;
mod waiting;

pub use dialogue::{Busy, Dialogue, Patience};
pub use notes::Note;
