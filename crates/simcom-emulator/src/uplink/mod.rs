//! What the module asks of the network, as values.
//!
//! The core puts out [`Request`]s and takes [`Event`]s; it never sees a socket. Every request is
//! answered by exactly one [`Event::Answer`] with its number. The core itself paces a download by
//! asking for one [`Ask::Read`] after another, so a slow serial line slows the server; an upload
//! is paced by the answers to [`Ask::StoreData`], of which only a bounded number is outstanding.

pub mod ftp;
pub mod memory;
mod request;

pub use request::{
    Answer, Ask, Event, Failure, Identity, Login, Request, Security, TlsSettings, TlsVersions,
    TransferType,
};
