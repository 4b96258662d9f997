//! Floor 2, the talk: the host's side of the conversation, without I/O and without a clock.
//!
//! [`Dialogue`] decides. Its owner asks [`Dialogue::poll`] what to do next, does exactly that, and
//! tells the dialogue what came of it.

mod ask;
mod bring_up;
mod cache;
mod completeness;
mod download;
mod echo;
mod exchange;
pub mod facts;
pub mod failure;
mod hush;
mod inquiry;
mod known;
pub mod ladder;
mod list;
mod moment;
pub mod operation;
mod procedure;
mod repair;
mod resume_window;
mod resync;
mod route;
mod rung;
pub mod session;
mod setup;
mod sign;
mod simple;
mod size;
mod sought;
mod stat;
mod step;
mod storage;
mod survey;
mod talk;
mod tls;
mod trail;
mod upload;

pub use facts::{Capabilities, Facts};
pub use failure::Failure;
pub use moment::Moment;
pub use operation::{Operation, Output};
pub use repair::Repaired;
pub use rung::Rung;
pub use session::Session;
pub use setup::{Apn, DownloadForm, Setup, UploadForm};
pub use sign::Sign;
pub use step::Step;
pub use talk::{Busy, Dialogue, Note, Patience};
