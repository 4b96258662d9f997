//! What can go wrong with a module, when and how. Everything is deterministic, for tests and
//! demonstrations.

mod armed;
mod fault;

pub(crate) use armed::{Armed, Direction, Noise};
pub use fault::{Effect, Fault, Phase, Stuck, Trigger};
