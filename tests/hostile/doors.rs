//! Attacks on the doors, before anybody calls a method.

use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;

use crate::frames::{HEALTH, Wire, asked};
use crate::{CALLS, LASTS, MANY, Siege, over_and_over};

/// A daemon whose port wants certificates, and what a client without one has.
fn behind_tls() -> (Siege, TlsConnector, TempDir) {
    let files = tempfile::tempdir().unwrap();
    // It is its own authority.
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let own = files.path().join("own.pem");
    let both = made.cert.pem() + &made.signing_key.serialize_pem();
    std::fs::write(&own, both).unwrap();
    let more = format!(
        "[listen.tls]\ncert_file = {own:?}\nkey_file = {own:?}\nclient_ca_file = {own:?}\n"
    );
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (
        Siege::of(MANY, &more),
        TlsConnector::from(Arc::new(config)),
        files,
    )
}

/// Connections that end as soon as they are there. At the unix socket the neighbour is the same user, and the
/// attack would use up that user's rate.
#[test]
fn connections_that_come_and_go() {
    let siege = Siege::of(MANY, "");
    let tcp = siege.tcp.clone();
    siege.beside("connections that come and go", CALLS, async {
        over_and_over(async || {
            for _ in 0..16 {
                drop(TcpStream::connect(&tcp).await);
                let mut wire = Wire::open(&tcp).await;
                wire.write(&asked(1, HEALTH, &[])).await;
                let mut other = TcpStream::connect(&tcp).await.unwrap();
                let _ = other.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
            }
        })
        .await;
    });
}

/// Handshakes of a client that has no certificate: each costs the daemon a signature.
#[test]
fn handshakes_at_full_speed() {
    let (siege, connector, _files) = behind_tls();
    let tcp = siege.tcp.clone();
    siege.beside("TLS handshakes at full speed", CALLS, async {
        let mut many = Vec::new();
        for _ in 0..8 {
            let (connector, tcp) = (connector.clone(), tcp.clone());
            many.push(tokio::spawn(async move {
                loop {
                    let stream = TcpStream::connect(&tcp).await.unwrap();
                    let name = ServerName::try_from("localhost").unwrap();
                    let _ =
                        timeout(Duration::from_millis(500), connector.connect(name, stream)).await;
                }
            }));
        }
        sleep(LASTS).await;
        many.iter().for_each(tokio::task::JoinHandle::abort);
    });
}

/// Certificates that are reloaded all the time, while clients connect.
#[test]
fn hangups_under_load() {
    let (siege, connector, _files) = behind_tls();
    let (tcp, pid) = (siege.tcp.clone(), Pid::from_child(&siege.program.process));
    siege.beside("SIGHUP all the time", CALLS, async {
        over_and_over(async || {
            kill_process(pid, Signal::HUP).unwrap();
            let stream = TcpStream::connect(&tcp).await.unwrap();
            let name = ServerName::try_from("localhost").unwrap();
            let _ = timeout(Duration::from_millis(50), connector.connect(name, stream)).await;
            sleep(Duration::from_millis(5)).await;
        })
        .await;
    });
}
