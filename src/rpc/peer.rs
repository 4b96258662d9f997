//! Who is calling, as the socket or the certificate says; never taken from the request.

use std::sync::Arc;

use tonic::Status;

use super::certificate::Nameless;
use super::status;
use crate::broker::terms::Principal;

/// Who is at the other end of a connection, as the system or the certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Peer {
    /// A process on this machine, by the credentials of its unix socket.
    User(u32),
    /// Whoever reaches the TCP port without TLS. All of them are one principal, since nothing distinguishes
    /// them.
    Tcp,
    /// Who has the key of a certificate with this name.
    Certificate(Arc<str>),
    /// Who has the key of a certificate that names nobody.
    Nameless(Nameless),
}

impl Peer {
    /// The principal.
    pub(super) fn principal(&self) -> Result<Principal, Status> {
        match self {
            Self::User(uid) => Ok(Principal::new(format!("uid:{uid}"))),
            Self::Tcp => Ok(Principal::new("tcp")),
            Self::Certificate(name) => Ok(Principal::new(format!("cert:{name}"))),
            Self::Nameless(why) => Err(status::no_identity(&why.to_string())),
        }
    }

    /// The principal that connections and calls are counted for. All that name nobody are counted together.
    pub(super) fn counted_as(&self) -> Principal {
        self.principal()
            .unwrap_or_else(|_| Principal::new("nobody"))
    }
}
