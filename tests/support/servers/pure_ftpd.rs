//! pure-ftpd: plain and explicit TLS; virtual users; must be started by root.

use std::fs;
use std::process::Command;

use super::{OWNER, PASSWORD_HASH, Plan, Security, ServerKind, refuse};
use crate::support::tools;

pub(super) fn command(plan: &Plan<'_>) -> Command {
    let options = plan.options;
    refuse(
        ServerKind::PureFtpd,
        &[
            (!options.moods.is_empty(), "moods"),
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
        let mut shown = plan.certificate.with_key.clone();
        if options.asks_for_certificate {
            // The prefix asks for a client certificate. The server's own file holds the authorities
            // that may sign it.
            command.arg("--tlsciphersuite=-C:HIGH");
            let both = [&shown, &plan.client.public]
                .map(|file| fs::read_to_string(file).expect("we wrote it"))
                .concat();
            shown = plan.scratch.join("both.pem");
            fs::write(&shown, both).expect("a scratch directory is writable");
        }
        command.arg(format!("--certfile={}", shown.display()));
    }
    if let Some(address) = options.announced_address {
        command.arg(format!("--forcepassiveip={address}"));
    }
    command
}

/// Writes the database of users, with the one account in it.
fn add_user(plan: &Plan<'_>) {
    let users = plan.scratch.join("users");
    let entry = format!(
        "{name}:{PASSWORD_HASH}:{id}:{id}::{home}/./::::::::::::\n",
        name = ServerKind::PureFtpd.user(),
        id = OWNER.1,
        home = plan.root.display(),
    );
    // Written by hand, because `pure-pw useradd`, and each login after it, take seconds for a hash.
    fs::write(&users, entry).expect("a scratch directory is writable");
    let status = tools::unpacked("usr/bin/pure-pw")
        .arg("mkdb")
        .arg(plan.scratch.join("users.pdb"))
        .arg("-f")
        .arg(&users)
        .status()
        .expect("pure-pw starts");
    assert!(status.success(), "pure-pw: {status}");
}
