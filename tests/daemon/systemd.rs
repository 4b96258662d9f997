//! The daemon and systemd, beyond the start: passed sockets, new certificates, a notification socket
//! that nobody reads, and a quick end.

#![expect(
    clippy::disallowed_methods,
    reason = "how long a process takes to end is what is asked"
)]

use std::fs;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::authority::{Authority, Files};
use super::{CELLFTP, CELLFTPD, PATIENCE, Service, run, text};

/// `cellftp status` over TLS, as a client of `authority`.
fn over_tls(port: u16, ca: &Path, client: &Files) -> Output {
    let address = format!("https://127.0.0.1:{port}");
    let path = |path: &Path| path.display().to_string();
    run(
        CELLFTP,
        &[
            "--address",
            &address,
            "--ca",
            &path(ca),
            "--certificate",
            &path(&client.certificate),
            "--key",
            &path(&client.key),
            "status",
        ],
    )
}

/// An authority in a folder of its own, with its server's and client's certificates.
fn authority(folder: &Path) -> (std::path::PathBuf, Files, Files) {
    fs::create_dir(folder).unwrap();
    let authority = Authority::new();
    (
        authority.file(folder),
        authority.server().files(folder, "own"),
        authority.client("meter").files(folder, "meter"),
    )
}

#[test]
fn new_certificates_are_in_force_after_sighup_and_broken_ones_never() {
    let scratch = tempfile::tempdir().unwrap();
    let used = scratch.path().join("used");
    let (ca, own, old_client) = authority(&used);
    let (new_ca, new_own, new_client) = authority(&scratch.path().join("new"));
    let old_ca = scratch.path().join("old-ca.pem");
    fs::copy(&ca, &old_ca).unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let file = |path: &Path| path.display().to_string();
    let mut service = Service::with(&format!(
        "tcp = \"127.0.0.1:{port}\"\n[listen.tls]\ncert_file = \"{}\"\nkey_file = \"{}\"\n\
         client_ca_file = \"{}\"\n",
        file(&own.certificate),
        file(&own.key),
        file(&ca),
    ));
    service.hear("READY=1");
    let status = over_tls(port, &old_ca, &old_client);
    assert!(status.status.success(), "{}", text(&status.stderr));

    for (from, to) in [
        (&new_ca, &ca),
        (&new_own.certificate, &own.certificate),
        (&new_own.key, &own.key),
    ] {
        fs::copy(from, to).unwrap();
    }
    let reload = |service: &Service| {
        service.heard.borrow_mut().clear();
        service.signal(Signal::HUP);
        service.hear("RELOADING=1");
        service.hear("READY=1");
    };
    reload(&service);
    let status = over_tls(port, &new_ca, &new_client);
    assert!(status.status.success(), "{}", text(&status.stderr));
    let status = over_tls(port, &old_ca, &old_client);
    assert_eq!(status.status.code(), Some(5), "{}", text(&status.stderr));

    fs::write(&own.certificate, "no certificate").unwrap();
    reload(&service);
    let status = over_tls(port, &new_ca, &new_client);
    assert!(status.status.success(), "{}", text(&status.stderr));
    service.signal(Signal::TERM);
    assert_eq!(service.process.wait().unwrap().code(), Some(0));
}

#[test]
fn who_is_on_the_list_of_revoked_certificates_does_not_come_in_and_the_list_is_read_anew() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    let authority = Authority::new();
    let (ca, own) = (
        authority.file(folder),
        authority.server().files(folder, "own"),
    );
    let clients = [1, 2].map(|number| {
        let name = format!("meter-{number}");
        authority
            .numbered_client(&name, number)
            .files(folder, &name)
    });
    let crl = folder.join("crl.pem");
    fs::write(&crl, authority.revocation(&[2])).unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let file = |path: &Path| path.display().to_string();
    let service = Service::with(&format!(
        "tcp = \"127.0.0.1:{port}\"\n[listen.tls]\ncert_file = \"{}\"\nkey_file = \"{}\"\n\
         client_ca_file = \"{}\"\nclient_crl_file = \"{}\"\n",
        file(&own.certificate),
        file(&own.key),
        file(&ca),
        file(&crl),
    ));
    service.hear("READY=1");
    let come_in = || {
        let [first, second] = &clients;
        [first, second].map(|client| {
            let status = over_tls(port, &ca, client);
            let said = text(&status.stderr);
            match status.status.code() {
                Some(0) => true,
                Some(4 | 5) if said.contains("certificate") => false,
                code => panic!("{code:?} {said}"),
            }
        })
    };
    let reload = |list: &str| {
        fs::write(&crl, list).unwrap();
        service.heard.borrow_mut().clear();
        service.signal(Signal::HUP);
        service.hear("RELOADING=1");
        service.hear("READY=1");
    };
    assert_eq!(come_in(), [true, false]);
    reload(&authority.revocation(&[1]));
    assert_eq!(come_in(), [false, true]);
    reload("no list");
    assert_eq!(come_in(), [false, true], "the list that was read stays");
    // No list says that a certificate of this authority is not revoked.
    reload(&Authority::new().revocation(&[]));
    assert_eq!(come_in(), [false, false]);
    reload(&authority.revocation(&[]));
    assert_eq!(come_in(), [true, true]);
}

#[test]
fn sockets_that_were_passed_on_are_served_and_stay() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("activated");
    let unix: OwnedFd = UnixListener::bind(&path).unwrap().into();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = tcp.local_addr().unwrap().port();
    let tcp: OwnedFd = tcp.into();
    let config = scratch.path().join("x.toml");
    let unused = scratch.path().join("unused");
    let text_of = format!(
        "[module]\ndevice = \"emulator\"\n[durable]\ndirectory = \"\"\n[listen]\nunix = \"{}\"\n",
        unused.display()
    );
    fs::write(&config, text_of).unwrap();
    // As systemd does it: descriptors from 3 on, meant for this process.
    let script = "exec 3<&0 4<&1 </dev/null >/dev/null; LISTEN_PID=$$ LISTEN_FDS=2 exec \"$0\" --config \"$1\"";
    let mut daemon = Command::new("sh")
        .args(["-c", script, CELLFTPD])
        .arg(&config)
        .stdin(Stdio::from(unix))
        .stdout(Stdio::from(tcp))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // They listen already: clients that come wait for the daemon.
    let addresses = [
        format!("unix:{}", path.display()),
        format!("http://127.0.0.1:{port}"),
    ];
    let answers = addresses.map(|address| run(CELLFTP, &["--address", &address, "status"]));
    rustix::process::kill_process(rustix::process::Pid::from_child(&daemon), Signal::TERM).unwrap();
    assert_eq!(daemon.wait().unwrap().code(), Some(0));
    for answer in answers {
        assert!(answer.status.success(), "{}", text(&answer.stderr));
    }
    assert!(path.exists() && !unused.exists());
}

#[test]
fn a_socket_that_cannot_be_used_is_said_at_once() {
    let (read, _write) = std::io::pipe().unwrap();
    let script = "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\"";
    let output = Command::new("sh")
        .args(["-c", script, CELLFTPD])
        .env("CELLFTPD_MODULE__DEVICE", "emulator")
        .stdin(Stdio::from(OwnedFd::from(read)))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = text(&output.stderr);
    assert!(error.contains("LISTEN_FDS"), "{error}");
}

#[test]
fn a_notification_socket_that_nobody_reads_holds_up_neither_calls_nor_the_end() {
    let mut service = Service::start();
    service.hear("STATUS=ready");
    // As many messages as fit, so that the next one would have to wait.
    let filler = UnixDatagram::unbound().unwrap();
    filler.set_nonblocking(true).unwrap();
    let socket = service.scratch.path().join("notify");
    while filler.send_to(b"STATUS=full", &socket).is_ok() {}
    let door = service.door().display().to_string();
    for _ in 0..4 {
        let status = run(CELLFTP, &["--socket", &door, "status"]);
        assert!(status.status.success(), "{}", text(&status.stderr));
    }
    service.signal(Signal::TERM);
    let began = Instant::now();
    assert_eq!(service.process.wait().unwrap().code(), Some(0));
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
}

#[test]
fn a_second_signal_ends_the_wait_for_a_running_call() {
    // The login never ends.
    let more = "[servers.mute]\nhost = \"127.0.0.1\"\nport = 1\nsecurity = \"none\"\n\
                [module.emulator.knobs]\nresult_never = [\"+CFTPSLOGIN\"]\n";
    let mut service = Service::with(more);
    service.hear("STATUS=ready");
    let door = service.door().display().to_string();
    let mut ls = Command::new(CELLFTP)
        .args(["--socket", &door, "-p", "mute", "ls"])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let runs = || {
        let status = run(CELLFTP, &["--socket", &door, "status"]);
        text(&status.stdout).contains("running")
    };
    let began = Instant::now();
    while !runs() {
        assert!(began.elapsed() < PATIENCE, "it never began");
    }
    service.signal(Signal::TERM);
    service.hear("STOPPING=1");
    let began = Instant::now();
    service.signal(Signal::TERM);
    assert_eq!(service.process.wait().unwrap().code(), Some(0));
    // Running calls would have 30 s, and the module another 45 s.
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "{:?}",
        began.elapsed()
    );
    assert!(!ls.wait().unwrap().success());
}
