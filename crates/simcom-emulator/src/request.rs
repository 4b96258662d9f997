//! What the module asks of the network, as values.
//!
//! The core sends [`Request`]s and takes [`Event`]s; it never sees a socket. Every request is
//! answered by exactly one [`Event::Answer`] with its number. The core itself paces a download by
//! asking one [`Ask::Read`] after another, so a slow serial line slows the server. An upload is
//! paced by the answers to [`Ask::StoreData`], of which only a bounded number is outstanding.

use std::fmt;
use std::net::IpAddr;

use bytes::Bytes;
use secrecy::SecretString;

/// One question to the network.
#[derive(Debug)]
pub struct Request {
    /// Comes back in the answer. It rises. An answer with an unknown number is ignored.
    pub id: u64,
    /// What is asked.
    pub ask: Ask,
}

/// What the module can ask. Paths are bytes, as FTP sends them.
#[derive(Debug)]
pub enum Ask {
    /// Connect and log in. Answered by [`Answer::Done`].
    Login(Box<Login>),
    /// Say goodbye and close. Always answered by [`Answer::Done`].
    Logout,
    /// Close every connection at once, whatever is running. Always answered by [`Answer::Done`].
    DropAll,
    /// CWD. [`Answer::Done`].
    Cwd(Bytes),
    /// PWD. [`Answer::Directory`].
    Pwd,
    /// MKD. [`Answer::Done`].
    Mkd(Bytes),
    /// RMD. [`Answer::Done`].
    Rmd(Bytes),
    /// DELE. [`Answer::Done`].
    Dele(Bytes),
    /// SIZE. [`Answer::Size`].
    Size(Bytes),
    /// TYPE. [`Answer::Done`].
    Type(TransferType),
    /// LIST, of the current directory where there is no path. [`Answer::Done`], then [`Ask::Read`].
    List(Option<Bytes>),
    /// RETR from an offset. [`Answer::Done`], then [`Ask::Read`].
    Retrieve {
        /// The remote file.
        path: Bytes,
        /// Sent as REST where not 0.
        offset: u64,
    },
    /// The next bytes of the running download or listing. Answered by [`Answer::Data`], at most
    /// `max` bytes and at least one, or by [`Answer::End`] once the server has confirmed the whole.
    Read {
        /// Most bytes wanted.
        max: usize,
    },
    /// STOR from an offset. From here on, the file exists on the server. [`Answer::Done`].
    StoreBegin {
        /// The remote file.
        path: Bytes,
        /// Sent as REST where not 0.
        offset: u64,
    },
    /// More content. [`Answer::Stored`].
    StoreData(Bytes),
    /// The content is complete. [`Answer::Done`] once the server has confirmed the file.
    StoreEnd,
    /// Give up the running transfer and keep the session. Always answered by [`Answer::Done`].
    DropTransfer,
    /// Look a name up. [`Answer::Address`].
    Resolve(String),
}

/// The login that LOGIN, SINGLEIP and the TLS settings describe.
#[derive(Clone, Debug)]
pub struct Login {
    /// Name or address of the server.
    pub host: String,
    /// Control port.
    pub port: u16,
    /// User name. `anonymous` where the command had none.
    pub user: String,
    /// Password.
    pub password: SecretString,
    /// How the connection is protected.
    pub security: Security,
    /// Data connections go to the address of the control connection, whatever PASV says.
    pub single_ip: bool,
    /// The module opens data connections (PASV), or the server does (PORT).
    pub passive: bool,
    /// TLS of the control connection.
    pub control_tls: TlsSettings,
    /// TLS of the data connections.
    pub data_tls: TlsSettings,
    /// Data connections resume the session of the control connection.
    pub session_reuse: bool,
}

/// `<server_type>` of `AT+CFTPSLOGIN`, SIMCom manual L1203.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// 0: none.
    Plain,
    /// 1: `AUTH SSL`, then TLS.
    AuthSsl,
    /// 2: `AUTH TLS`, then TLS.
    AuthTls,
    /// 3: TLS from the first byte.
    Implicit,
}

/// One SSL context of the module, with the bytes of its files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsSettings {
    /// Which versions are offered.
    pub versions: TlsVersions,
    /// The server must present a chain that ends at `ca`, for its host name.
    pub verify_server: bool,
    /// PEM of the trusted certificates.
    pub ca: Option<Bytes>,
    /// PEM of the client certificate and its key, where the server gets one.
    pub identity: Option<ClientCertificate>,
    /// Whether the host name is sent in the hello.
    pub sni: bool,
}

/// A client certificate with its key, both PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The chain, leaf first.
    pub chain: Bytes,
    /// The private key.
    pub key: Bytes,
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

/// `sslversion` of `AT+CSSLCFG`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsVersions {
    /// SSL 3.0, TLS 1.0 or TLS 1.1 only. No current TLS library offers them.
    Obsolete,
    /// TLS 1.2 only.
    #[default]
    Tls12,
    /// TLS 1.2 and 1.3.
    Tls12And13,
}

/// The two transfer types of `AT+CFTPSTYPE`, SIMCom manual L1210.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferType {
    /// `A`.
    Ascii,
    /// `I`.
    Binary,
}

/// What the network says.
#[derive(Debug)]
pub enum Event {
    /// The answer to a request.
    Answer {
        /// The request's number.
        id: u64,
        /// What came of it.
        answer: Result<Answer, Failure>,
    },
    /// The server closed the control connection while nothing was asked of it.
    PeerClosed,
}

/// The answer to a request that succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is done.
    Done,
    /// The current directory.
    Directory(Bytes),
    /// The size of a file.
    Size(u64),
    /// The next bytes of a download.
    Data(Bytes),
    /// The download is complete and confirmed.
    End,
    /// That many bytes of an upload were taken.
    Stored(usize),
    /// A looked-up address.
    Address(IpAddr),
}

/// Why a request failed, in the classes of the vendor's result codes (SIMCom manual §12.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// 1: the TLS handshake failed.
    #[error("TLS alert")]
    Tls,
    /// 2: any other failure, such as a reply that is not FTP.
    #[error("unknown error")]
    Unknown,
    /// 4: the server closed the connection.
    #[error("connection closed by the server")]
    Closed,
    /// 5: nothing came in time.
    #[error("timeout")]
    Timeout,
    /// 6: the transfer broke off.
    #[error("transfer failed")]
    Transfer,
    /// 9: the server refused (replies 4xx and 5xx, RFC 959 §4.2.1).
    #[error("operation rejected by the server")]
    Refused,
    /// 10: no network.
    #[error("network error")]
    Network,
    /// 11: there is no session.
    #[error("state error")]
    State,
    /// 12: the name does not resolve.
    #[error("server name not resolved")]
    Dns,
    /// 14: the TCP connection was refused or timed out.
    #[error("connect failed")]
    Connect,
    /// 421: the server ended the idle session.
    #[error("server response timeout")]
    ServerTimeout,
}

impl Failure {
    /// The number the module reports.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Tls => 1,
            Self::Unknown => 2,
            Self::Closed => 4,
            Self::Timeout => 5,
            Self::Transfer => 6,
            Self::Refused => 9,
            Self::Network => 10,
            Self::State => 11,
            Self::Dns => 12,
            Self::Connect => 14,
            Self::ServerTimeout => 421,
        }
    }

    /// Whether the control connection is closed by it.
    #[must_use]
    pub const fn ends_session(self) -> bool {
        matches!(
            self,
            Self::Closed | Self::Timeout | Self::Network | Self::ServerTimeout
        )
    }
}
