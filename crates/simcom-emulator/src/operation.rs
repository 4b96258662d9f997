//! A command whose outcome the network decides.

use bytes::{Bytes, BytesMut};

use crate::knobs::{FailureForm, OkOrder};
use crate::request::TransferType;

/// The one command in flight.
#[derive(Debug)]
pub(crate) struct Operation {
    /// As on the wire, without `AT`.
    pub(crate) name: String,
    pub(crate) nth: u32,
    pub(crate) order: OkOrder,
    pub(crate) form: FailureForm,
    /// `OK` has gone, so the command line is free again.
    pub(crate) accepted: bool,
    /// The request whose answer it waits for.
    pub(crate) waiting: Option<u64>,
    /// Requests up to this one belonged to others.
    pub(crate) first_id: u64,
    pub(crate) kind: Kind,
}

/// What the answers mean.
#[derive(Debug)]
pub(crate) enum Kind {
    /// Done is done.
    Plain,
    Login,
    Logout,
    Abort,
    Type(TransferType),
    Resolve(String),
    Download(Download),
    Upload(Upload),
}

/// GET, GETFILE and LIST.
#[derive(Debug, Default)]
pub(crate) struct Download {
    pub(crate) sink: Target,
    pub(crate) buffer: BytesMut,
    /// The server has accepted.
    pub(crate) opened: bool,
    /// The server has sent everything.
    pub(crate) ended: bool,
    /// Content bytes framed.
    pub(crate) sent: u64,
    /// `+CFTPS: RECV EVENT` has gone.
    pub(crate) announced: bool,
}

/// Where downloaded content goes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum Target {
    /// Frames on the port.
    #[default]
    Port,
    /// The cache, for CACHERD.
    Cache,
    /// A module file; content there before the download is kept.
    File(String),
}

/// PUT and PUTFILE.
#[derive(Debug, Default)]
pub(crate) struct Upload {
    /// `<data_len>`; none in stream mode.
    pub(crate) length: Option<u64>,
    /// A module file's content, instead of what the host types.
    pub(crate) file: Option<Bytes>,
    /// The prompt has gone.
    pub(crate) prompted: bool,
    /// The last byte has been typed.
    pub(crate) complete: bool,
    /// Bytes handed to the network and not yet confirmed, and in how many pieces.
    pub(crate) unconfirmed: usize,
    pub(crate) pieces: usize,
    /// A failure to report once the host has finished typing.
    pub(crate) failed: Option<u16>,
}

impl Operation {
    /// Marks `OK` as sent and says whose it is, unless it has gone or follows the result.
    pub(crate) fn accept(&mut self) -> Option<(String, u32)> {
        if self.accepted || self.order == OkOrder::ResultFirst {
            return None;
        }
        self.accepted = true;
        Some((self.name.clone(), self.nth))
    }
}
