//! What those see who watch: events for clients, figures for whoever scrapes them.

mod events;
pub mod metrics;
mod what;

pub(crate) use events::Events;
pub use what::{About, Event, Failing, OperationChange, Outcome, SessionChange, What};
