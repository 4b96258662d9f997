//! The state of the module's FTPS service between START and STOP.

use bytes::BytesMut;

use crate::request::TransferType;

/// The state of the FTPS service and its settings.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) state: SessionState,
    /// `AT+CFTPSSINGLEIP`; 0 by the example of the A76XX manual §17.
    pub(crate) single_ip: bool,
    /// `AT+CFTPSTYPE`. TODO-correctness: no document states the default. Binary is assumed, since
    /// binary files in every document arrive whole without the command.
    pub(crate) transfer_type: TransferType,
    /// `AT+CFTPSMODE`: passive. TODO-correctness: no document states the default.
    pub(crate) passive: bool,
    /// `AT+CFTPSSLCFG`: the SSL contexts of control and data. TODO-correctness: no document says
    /// which context a SIM7600 uses. 0 is assumed.
    pub(crate) contexts: [u8; 2],
    /// What a cached download has brought and `AT+CFTPSCACHERD` has not read.
    pub(crate) cache: BytesMut,
}

impl Default for Session {
    fn default() -> Self {
        Self {
            state: SessionState::Idle,
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
pub(crate) enum SessionState {
    /// Before START.
    Idle,
    /// After START or LOGOUT.
    Started,
    /// After LOGIN.
    LoggedIn,
    /// The server has gone; LOGOUT is needed (SIMCom manual §12.3.2, 421 in §12.3.1).
    Dead,
    /// The network has gone; START is needed.
    NoNetwork,
}
