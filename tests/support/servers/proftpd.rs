//! proftpd, with mod_tls.

use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use super::{LOG, OWNER, PASSWORD_HASH, Plan, Security, ServerKind, refuse};
use crate::support::tools;

pub(super) fn command(plan: &Plan<'_>) -> Command {
    let options = plan.options;
    refuse(
        ServerKind::Proftpd,
        &[
            (!options.moods.is_empty(), "moods"),
            (options.cut_data_every.is_some(), "cut_data_every"),
            (options.space.is_some(), "space"),
        ],
    );
    let (user, group) = if plan.privileged {
        (OWNER.1, OWNER.1)
    } else {
        (
            rustix::process::geteuid().as_raw(),
            rustix::process::getegid().as_raw(),
        )
    };
    let users = plan.scratch.join("users");
    let name = ServerKind::Proftpd.user();
    let entry = format!(
        "{name}:{PASSWORD_HASH}:{user}:{group}::{}:/bin/sh\n",
        plan.root.display()
    );
    fs::write(&users, entry).expect("a scratch directory is writable");
    // It refuses a file of users that everyone may read.
    fs::set_permissions(&users, Permissions::from_mode(0o600)).expect("it is ours");

    let mut text = format!(
        "ServerType standalone\nServerName cellftpd\nDefaultAddress 127.0.0.1\nPort {port}\n\
         UseIPv6 off\nUseReverseDNS off\nModulePath {modules}\n\
         AuthOrder mod_auth_file.c\nAuthUserFile {users}\nRequireValidShell off\n\
         UseFtpUsers off\nWtmpLog off\nControlsEngine off\nTransferLog none\nSystemLog {scratch}/{LOG}\n\
         PidFile {scratch}/pid\nScoreboardFile {scratch}/scoreboard\nDelayEngine off\n\
         AllowOverwrite on\nAllowRetrieveRestart {restart}\nAllowStoreRestart {restart}\n",
        port = plan.port,
        modules = tools::path("servers/usr/lib/proftpd").display(),
        users = users.display(),
        scratch = plan.scratch.display(),
        restart = if options.refuse_rest { "off" } else { "on" },
    );
    if plan.privileged {
        let _ = write!(
            text,
            "User {owner}\nGroup {owner}\nDefaultRoot ~\n",
            owner = OWNER.0
        );
    } else {
        // Without names of its own it tries to become root.
        let _ = write!(
            text,
            "User {}\nGroup {}\n",
            own_name("-un"),
            own_name("-gn")
        );
    }
    if plan.security != Security::None {
        text += &tls(plan);
    }
    if let Some(timeout) = options.idle_timeout {
        let _ = writeln!(text, "TimeoutIdle {}", timeout.as_secs());
    }
    if let Some(rate) = options.bytes_per_second {
        let _ = writeln!(text, "TransferRate APPE,RETR,STOR {}", rate / 1024);
    }
    if let Some(address) = options.announced_address {
        let _ = writeln!(text, "MasqueradeAddress {address}");
    }
    let file = plan.scratch.join("proftpd.conf");
    fs::write(&file, text).expect("a scratch directory is writable");
    let mut command = tools::unpacked("usr/sbin/proftpd");
    command
        .args(["--nodaemon", "--quiet", "--config"])
        .arg(file);
    command
}

/// Name of the user (`-un`) or group (`-gn`) that runs this process.
fn own_name(which: &str) -> String {
    let output = Command::new("id")
        .arg(which)
        .output()
        .expect("id is on every system");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn tls(plan: &Plan<'_>) -> String {
    let mut flags = String::new();
    if !plan.options.require_session_reuse {
        flags += " NoSessionReuseRequired";
    }
    if plan.security == Security::Implicit {
        flags += " UseImplicitSSL";
    }
    let options = if flags.is_empty() {
        String::new()
    } else {
        format!("TLSOptions{flags}\n")
    };
    let clients = if plan.options.asks_for_certificate {
        let known = plan.client.public.display();
        format!("TLSVerifyClient on\nTLSCACertificateFile {known}\n")
    } else {
        "TLSVerifyClient off\n".to_owned()
    };
    format!(
        "LoadModule mod_tls.c\nTLSEngine on\nTLSRequired on\n{clients}\
         TLSLog {log}\nTLSECCertificateFile {certificate}\nTLSECCertificateKeyFile {key}\n{options}",
        log = plan.scratch.join(LOG).display(),
        certificate = plan.certificate.public.display(),
        key = plan.certificate.with_key.display(),
    )
}
