//! A line that breaks: running work goes on by itself, or ends in time with an error that says so.
//! The next call works once the module is back, without a restart of the daemon.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::content::{assert_holds, traps};
use crate::support::failure::{Failure, failed};
use crate::support::servers::{Options, Security, Server, ServerKind};
use crate::support::site::{Family, Site};
use crate::support::{tools, wait};

/// How long after the break a call may end. The longest single wait of the daemon is that for the
/// next block of a transfer, and one repair may follow it.
const ERROR: Duration = Duration::from_secs(100);

/// How long the next bring-up of the module may take, including the daemon's back-off.
const BACK: Duration = Duration::from_secs(60);

/// How the line breaks, and how it is repaired.
struct Break {
    cause: fn(&mut Site),
    repair: fn(&mut Site),
    /// Reasons that say what happened.
    reasons: &'static [&'static str],
}

const UNPLUGGED: Break = Break {
    cause: |site| site.tap().unplug(),
    repair: |site| site.tap().plug(),
    reasons: &["PORT_LOST", "PORT_FAILED", "DEVICE_ABSENT"],
};

const REBOOTED: Break = Break {
    cause: Site::reboot_module,
    repair: |_| {},
    reasons: &["MODEM_REBOOTED"],
};

const SILENT: Break = Break {
    cause: |site| site.tap().silence(true),
    repair: |site| {
        // A module that hung does not finish its old work.
        site.reboot_module();
        site.tap().silence(false);
    },
    reasons: &["MODEM_SILENT"],
};

#[test]
fn unplugged_in_mid_transfer() {
    if tools::wanted("unplugged_in_mid_transfer") {
        in_mid_transfer(&UNPLUGGED);
    }
}

#[test]
fn a_reboot_in_mid_transfer() {
    if tools::wanted("a_reboot_in_mid_transfer") {
        in_mid_transfer(&REBOOTED);
    }
}

#[test]
fn silence_in_mid_transfer() {
    if tools::wanted("silence_in_mid_transfer") {
        in_mid_transfer(&SILENT);
    }
}

#[test]
fn unplugged_while_idle() {
    if tools::wanted("unplugged_while_idle") {
        while_idle(&UNPLUGGED);
    }
}

#[test]
fn a_reboot_while_idle() {
    if !tools::wanted("a_reboot_while_idle") {
        return;
    }
    // Nobody waits for anything then. The next call finds a module without a session, and must work
    // anyway.
    let (server, mut site) = installation();
    assert_eq!(size(&site, &server).expect("a size")["size"], "8388608");
    (REBOOTED.cause)(&mut site);
    wait::until("size of the file", BACK, || size(&site, &server).ok());
}

#[test]
fn silence_while_idle() {
    if tools::wanted("silence_while_idle") {
        while_idle(&SILENT);
    }
}

/// A running transfer either goes on by itself once the line is whole, or ends in an error that
/// says what happened.
fn in_mid_transfer(line: &Break) {
    let (server, mut site) = installation();
    let down = site.scratch("down");
    let remote = server.remote("file");
    let get = [
        "get",
        "--profile",
        "server",
        &remote,
        &down.to_string_lossy(),
    ]
    .map(str::to_owned);
    let mut python = site.python();
    let arguments = get.clone();
    let getting =
        std::thread::spawn(move || python.call(&arguments.each_ref().map(String::as_str)));
    // In the middle: the client has some of it, and the server has not sent all.
    wait::until("first megabyte", wait::START, || {
        let size = std::fs::metadata(&down).map_or(0, |file| file.len());
        (size > 1_000_000).then_some(())
    });

    (line.cause)(&mut site);
    let begin = Instant::now();
    match getting.join().expect("the thread ends") {
        Ok(got) => {
            assert!(got["resumes"].as_u64() >= Some(1), "nothing broke: {got:#}");
            assert_holds(&down, &traps(CONTENT));
        }
        Err(failure) => says_so(&failure, line, begin.elapsed()),
    }

    (line.repair)(&mut site);
    site.await_state("LINK_STATE_READY", BACK);
    let again = get.each_ref().map(String::as_str);
    site.python()
        .call(&again)
        .unwrap_or_else(|failure| panic!("{failure:#?}"));
    assert_holds(&down, &traps(CONTENT));
}

fn while_idle(line: &Break) {
    let (server, mut site) = installation();
    assert_eq!(size(&site, &server).expect("a size")["size"], "8388608");

    (line.cause)(&mut site);
    let begin = Instant::now();
    let failure = failed(size(&site, &server));
    says_so(&failure, line, begin.elapsed());

    (line.repair)(&mut site);
    site.await_state("LINK_STATE_READY", BACK);
    assert_eq!(size(&site, &server).expect("a size")["size"], "8388608");
}

/// Bytes of the file that every test here has on its server.
const CONTENT: usize = 8 * 1024 * 1024;

/// A server at 2 MB a second, so that a transfer has a middle, and a tapped site.
fn installation() -> (Server, Site) {
    let options = Options {
        bytes_per_second: Some(2_000_000),
        ..Options::default()
    };
    let server = Server::start_with(ServerKind::Pyftpdlib, Security::None, &options);
    server.place("file", &traps(CONTENT));
    let site = Site::start_tapped(Family::Sim7600, &[("server", &server)]);
    (server, site)
}

fn size(site: &Site, server: &Server) -> Result<Value, Failure> {
    let path = server.remote("file");
    site.ftps(
        "GetSize",
        &json!({"target": {"profile": "server"}, "path": path}),
    )
}

fn says_so(failure: &Failure, line: &Break, after: Duration) {
    assert!(
        matches!(failure.code.as_str(), "UNAVAILABLE" | "ABORTED"),
        "{failure:#?}"
    );
    assert!(
        line.reasons.contains(&failure.reason.as_str()),
        "{failure:#?}"
    );
    assert!(after < ERROR, "only after {after:?}: {failure:#?}");
}
