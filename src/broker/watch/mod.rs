//! What watchers see: events for clients, figures for scrapers.

mod events;
pub mod metrics;
mod what;

pub(crate) use events::Events;
pub use what::{About, Event, Failing, OperationChange, Outcome, SessionChange, What};
