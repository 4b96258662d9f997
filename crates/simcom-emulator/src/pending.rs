//! A command whose outcome the network decides.

use bytes::{Bytes, BytesMut};

use crate::knobs::{FailureForm, OkOrder};
use crate::request::TransferType;

/// The one command under way.
#[derive(Debug)]
pub(crate) struct PendingCommand {
    /// As on the wire, without `AT`.
    pub(crate) name: String,
    pub(crate) nth: u32,
    pub(crate) order: OkOrder,
    pub(crate) form: FailureForm,
    /// `OK` was sent, so the command line is free again.
    pub(crate) accepted: bool,
    /// The request whose answer it waits for.
    pub(crate) waiting: Option<u64>,
    /// Requests up to this one belonged to earlier commands.
    pub(crate) first_id: u64,
    pub(crate) kind: Kind,
}

/// What the answers of the network mean.
#[derive(Debug)]
pub(crate) enum Kind {
    /// The command is done when the network's answer says so.
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
    /// The server has accepted the command.
    pub(crate) opened: bool,
    /// The server has sent everything.
    pub(crate) ended: bool,
    /// Bytes of content that were framed.
    pub(crate) sent: u64,
    /// `+CFTPS: RECV EVENT` was sent.
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
    /// A module file. Content that was there before the download is kept.
    File(String),
}

/// PUT and PUTFILE.
#[derive(Debug, Default)]
pub(crate) struct Upload {
    /// `<data_len>`. `None` in stream mode.
    pub(crate) length: Option<u64>,
    /// The content of a module file, instead of what the host types.
    pub(crate) file: Option<Bytes>,
    /// The prompt was sent.
    pub(crate) prompted: bool,
    /// The last byte has been typed.
    pub(crate) complete: bool,
    /// Bytes handed to the network and not yet confirmed, and in how many pieces.
    pub(crate) unconfirmed: usize,
    pub(crate) pieces: usize,
    /// A failure to report once the host has finished typing.
    pub(crate) failed: Option<u16>,
}

impl PendingCommand {
    /// Marks `OK` as sent and returns its command, unless `OK` was sent or follows the result.
    pub(crate) fn accept(&mut self) -> Option<(String, u32)> {
        if self.accepted || self.order == OkOrder::ResultFirst {
            return None;
        }
        self.accepted = true;
        Some((self.name.clone(), self.nth))
    }
}
