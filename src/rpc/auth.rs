//! Who is calling: found out at the door, never taken from the request.

use std::sync::Arc;

use tonic::{Extensions, Status};

use super::certificate::Nameless;
use super::status;
use super::visit::Visit;
use crate::broker::terms::Principal;

/// Who is at the other end of a connection, as the system or the certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Peer {
    /// A process on this machine, by the credentials of its unix socket.
    User(u32),
    /// Whoever reaches the TCP port without TLS. All of them are one principal: nothing tells
    /// them apart.
    Tcp,
    /// Who has the key of a certificate with this name.
    Certificate(Arc<str>),
    /// Who has the key of a certificate that names nobody.
    Nameless(Nameless),
}

impl Peer {
    /// Who that is.
    pub(super) fn principal(&self) -> Result<Principal, Status> {
        match self {
            Self::User(uid) => Ok(Principal::new(format!("uid:{uid}"))),
            Self::Tcp => Ok(Principal::new("tcp")),
            Self::Certificate(name) => Ok(Principal::new(format!("cert:{name}"))),
            Self::Nameless(why) => Err(status::no_identity(&why.to_string())),
        }
    }
}

/// The principal of a request with these extensions.
pub(super) fn principal(extensions: &Extensions) -> Result<Principal, Status> {
    let visit = extensions.get::<Visit>();
    visit
        .ok_or_else(|| status::no_identity("the system does not tell who is calling"))?
        .peer()
        .principal()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_door_names_the_principal() {
        let mut extensions = Extensions::new();
        assert_eq!(
            principal(&extensions).unwrap_err().code(),
            tonic::Code::Unauthenticated
        );
        let cases = [
            (Peer::User(1000), "uid:1000"),
            (Peer::Tcp, "tcp"),
            (Peer::Certificate("backup".into()), "cert:backup"),
        ];
        for (peer, want) in cases {
            extensions.insert(Visit::new(peer, None));
            assert_eq!(principal(&extensions).unwrap().as_str(), want);
        }
        extensions.insert(Visit::new(Peer::Nameless(Nameless::NoName), None));
        let status = principal(&extensions).unwrap_err();
        assert_eq!(status.code(), tonic::Code::Unauthenticated);
        assert!(status.message().contains("names nobody"), "{status:?}");
    }
}
