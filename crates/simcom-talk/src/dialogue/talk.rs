//! The conductor: carries an operation through bring-up, resynchronisation, planning and task.

mod abort_cost;
mod dialogue;
mod filling;
mod handle;
mod hearing;
mod outbox;
mod poll;
mod readiness;
mod redaction;
mod repairing;
mod run;
mod secrets;
mod settling;
mod silent;
mod standing;
mod wait;
mod waiting;

pub use dialogue::{Busy, Dialogue, Patience};
