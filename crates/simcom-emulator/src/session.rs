//! Where the module stands between START and STOP.

use bytes::BytesMut;

use crate::request::TransferType;

/// The FTPS service's state and its settings.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) standing: Standing,
    /// `AT+CFTPSSINGLEIP`; 0 by the example of the A76XX manual §17.
    pub(crate) single_ip: bool,
    /// `AT+CFTPSTYPE`. TODO-correctness: no document states the default; binary, since every
    /// document's binary files arrive whole without the command.
    pub(crate) transfer_type: TransferType,
    /// `AT+CFTPSMODE`: passive. TODO-correctness: no document states the default.
    pub(crate) passive: bool,
    /// `AT+CFTPSSLCFG`: the SSL contexts of control and data. TODO-correctness: which context a
    /// SIM7600 uses is nowhere stated; 0 is presumed.
    pub(crate) contexts: [u8; 2],
    /// What a cached download has brought and `AT+CFTPSCACHERD` has not taken.
    pub(crate) cache: BytesMut,
}

impl Default for Session {
    fn default() -> Self {
        Self {
            standing: Standing::Idle,
            single_ip: false,
            transfer_type: TransferType::Binary,
            passive: true,
            contexts: [0, 0],
            cache: BytesMut::new(),
        }
    }
}

/// The states between START and STOP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Before START.
    Idle,
    /// After START or LOGOUT.
    Started,
    /// After LOGIN.
    LoggedIn,
    /// The server is gone; LOGOUT is needed (SIMCom manual §12.3.2, 421 in §12.3.1).
    Dead,
    /// The network is gone; START is needed.
    NoNetwork,
}
