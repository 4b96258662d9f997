//! pyftpdlib, by a script beside this: the server that fails on request.

use std::process::Command;

use super::{PASSWORD, Plan, REPLIES, Security, ServerKind, refuse};
use crate::support::tools;

pub(super) fn command(plan: &Plan<'_>) -> Command {
    let options = plan.options;
    refuse(
        ServerKind::Pyftpdlib,
        &[(options.require_session_reuse, "require_session_reuse")],
    );
    let mut command = tools::python();
    command
        .arg(tools::source("tests/support/pyftpdlib_server.py"))
        .args(["--port", &plan.port.to_string()])
        .args([
            "--user",
            ServerKind::Pyftpdlib.user(),
            "--password",
            PASSWORD,
        ])
        .arg("--root")
        .arg(plan.root);
    let security = match plan.security {
        Security::None => "none",
        Security::AuthSsl | Security::AuthTls => "explicit",
        Security::Implicit => "implicit",
    };
    command.args(["--security", security]);
    command.arg("--certificate").arg(&plan.certificate.with_key);
    if options.asks_for_certificate {
        command.arg("--client-ca").arg(&plan.client.public);
    }
    for mood in &options.moods {
        command.args(["--mood", mood]);
    }
    command.arg("--replies").arg(plan.scratch.join(REPLIES));
    if options.refuse_rest {
        command.arg("--refuse-rest");
    }
    let numbers = [
        ("--cut-data-every", options.cut_data_every),
        ("--space", options.space),
        (
            "--idle-timeout",
            options.idle_timeout.map(|timeout| timeout.as_secs()),
        ),
        ("--bytes-per-second", options.bytes_per_second),
    ];
    for (flag, value) in numbers {
        if let Some(value) = value {
            command.args([flag, &value.to_string()]);
        }
    }
    if let Some(address) = options.announced_address {
        command.args(["--announced-address", &address.to_string()]);
    }
    command
}
