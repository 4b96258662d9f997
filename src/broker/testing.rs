//! What the tests of this floor share: values, and a module that does what it is told.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use crate::ftps::value::{Host, Password, RemotePath, Server, ServerType, Username};
use crate::modem::health::{Health, Identity, Link, Registration};
use crate::modem::{Job, Modem};

pub(super) fn path(text: &str) -> RemotePath {
    RemotePath::new(text).unwrap()
}

pub(super) fn server(host: &str) -> Arc<Server> {
    Arc::new(Server {
        host: Host::new(host).unwrap(),
        port: ServerType::Ftp.default_port(),
        username: Username::new("u").unwrap(),
        password: Password::new("p").unwrap(),
        server_type: ServerType::Ftp,
        single_ip: true,
    })
}

/// A module whose jobs the test takes itself.
pub(super) fn modem() -> (Modem, mpsc::Receiver<Job>) {
    let (jobs, taken) = mpsc::channel(1);
    let health = Health {
        link: Link::Ready,
        since: Duration::ZERO,
        identity: Identity::default(),
        registration: Registration::default(),
        logged_in: None,
        running: None,
    };
    (Modem::from_parts(jobs, watch::channel(health).1), taken)
}
