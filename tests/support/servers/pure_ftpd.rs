//! pure-ftpd: plain and explicit TLS; virtual users; must be started by root.

use std::io::Write as _;
use std::process::{Command, Stdio};

use super::{OWNER, PASSWORD, Plan, Security, ServerKind, refuse};
use crate::support::tools;

pub(super) fn command(plan: &Plan<'_>) -> Command {
    let options = plan.options;
    refuse(
        ServerKind::PureFtpd,
        &[
            (plan.security == Security::Implicit, "implicit TLS"),
            (options.refuse_rest, "refuse_rest"),
            (options.cut_data_every.is_some(), "cut_data_every"),
            (options.space.is_some(), "space"),
            (options.require_session_reuse, "require_session_reuse"),
            // It counts in minutes.
            (options.idle_timeout.is_some(), "idle_timeout"),
            (options.bytes_per_second.is_some(), "bytes_per_second"),
        ],
    );
    add_user(plan);
    let mut command = tools::unpacked("usr/sbin/pure-ftpd");
    command
        .arg(format!("--bind=127.0.0.1,{}", plan.port))
        .arg(format!(
            "--login=puredb:{}",
            plan.scratch.join("users.pdb").display()
        ))
        .arg(format!("--pidfile={}", plan.scratch.join("pid").display()))
        .args(["--ipv4only", "--noanonymous", "--dontresolve", "--minuid=1"]);
    if plan.security == Security::None {
        command.arg("--tls=0");
    } else {
        // 3: control and data connections without TLS are both refused.
        command.arg("--tls=3");
        command.arg(format!(
            "--certfile={}",
            plan.certificate.with_key.display()
        ));
    }
    if let Some(address) = options.announced_address {
        command.arg(format!("--forcepassiveip={address}"));
    }
    command
}

/// Writes the database of users, with the one account in it.
fn add_user(plan: &Plan<'_>) {
    let mut child = tools::unpacked("usr/bin/pure-pw")
        .args(["useradd", ServerKind::PureFtpd.user(), "-m"])
        .args(["-u", &OWNER.1.to_string(), "-g", &OWNER.1.to_string()])
        .arg("-d")
        .arg(plan.root)
        .arg("-f")
        .arg(plan.scratch.join("users"))
        .arg("-F")
        .arg(plan.scratch.join("users.pdb"))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("pure-pw starts");
    let mut input = child.stdin.take().expect("a pipe");
    // Twice: it asks again to be sure.
    write!(input, "{PASSWORD}\n{PASSWORD}\n").expect("pure-pw reads");
    drop(input);
    let status = child.wait().expect("the child is ours");
    assert!(status.success(), "pure-pw: {status}");
}
