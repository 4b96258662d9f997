//! Who is calling: found out at the door, never taken from the request.

use std::sync::Arc;

use tonic::{Request, Status};

use super::status;
use crate::broker::Principal;

/// Who is at the other end of a connection, as the system says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Peer {
    /// A process on this machine, by the credentials of its unix socket.
    User(u32),
    /// Whoever reaches the TCP port. All of them are one principal: nothing tells them apart.
    Tcp,
}

impl Peer {
    fn principal(&self) -> Principal {
        match self {
            Self::User(uid) => Principal::new(Arc::from(format!("uid:{uid}"))),
            Self::Tcp => Principal::new("tcp"),
        }
    }
}

/// The principal of a request.
pub(super) fn principal<T>(request: &Request<T>) -> Result<Principal, Status> {
    let peer = request.extensions().get::<Peer>();
    peer.map(Peer::principal).ok_or_else(status::no_identity)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_door_names_the_principal() {
        let mut request = Request::new(());
        assert_eq!(
            principal(&request).unwrap_err().code(),
            tonic::Code::Unauthenticated
        );
        request.extensions_mut().insert(Peer::User(1000));
        assert_eq!(principal(&request).unwrap().as_str(), "uid:1000");
        request.extensions_mut().insert(Peer::Tcp);
        assert_eq!(principal(&request).unwrap().as_str(), "tcp");
    }
}
