//! Bringing the module from any state to one that serves.

mod answers;
mod card;
mod procedure;
mod state;
mod steps;

pub(crate) use state::BringUp;
