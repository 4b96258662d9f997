//! vsftpd: the server that is strict about TLS session reuse.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use super::{LOG, OWNER, PASSWORD, Plan, Security, ServerKind, give_away, refuse};
use crate::support::tools;

pub(super) fn command(plan: &Plan<'_>) -> Command {
    let options = plan.options;
    refuse(
        ServerKind::Vsftpd,
        &[
            (!options.moods.is_empty(), "moods"),
            (options.refuse_rest, "refuse_rest"),
            (options.cut_data_every.is_some(), "cut_data_every"),
            (options.space.is_some(), "space"),
        ],
    );
    let empty = plan.scratch.join("empty");
    fs::create_dir_all(&empty).expect("a scratch directory is writable");
    let passwords = plan.scratch.join("passwords");
    fs::write(&passwords, format!("{PASSWORD}\n")).expect("a scratch directory is writable");

    // The anonymous account, because any other asks PAM and the system's users. Its "e-mail
    // address" is compared with a list, which makes it a password.
    let mut text = format!(
        "listen=YES\nlisten_address=127.0.0.1\nlisten_port={port}\nbackground=NO\n\
         anonymous_enable=YES\nlocal_enable=NO\nanon_root={root}\nwrite_enable=YES\n\
         anon_upload_enable=YES\nanon_mkdir_write_enable=YES\nanon_other_write_enable=YES\n\
         anon_world_readable_only=NO\nanon_umask=022\n\
         secure_email_list_enable=YES\nemail_password_file={passwords}\n\
         secure_chroot_dir={empty}\n\
         xferlog_enable=YES\nlog_ftp_protocol=YES\nxferlog_std_format=NO\n\
         vsftpd_log_file={log}\n",
        port = plan.port,
        root = plan.root.display(),
        passwords = passwords.display(),
        empty = empty.display(),
        log = plan.scratch.join(LOG).display(),
    );
    // Containers forbid what these need.
    text += "seccomp_sandbox=NO\nisolate=NO\nisolate_network=NO\n";
    // Started by root, it changes its root directory for the anonymous account, and then refuses a
    // root that can be written to.
    let _ = write!(
        text,
        "run_as_launching_user=YES\nftp_username={}\n",
        OWNER.0
    );
    if plan.security != Security::None {
        let key = plan.certificate.with_key.display();
        let _ = write!(
            text,
            "ssl_enable=YES\nallow_anon_ssl=YES\nforce_anon_logins_ssl=YES\n\
             force_anon_data_ssl=YES\nssl_ciphers=HIGH\nrsa_cert_file={key}\n\
             rsa_private_key_file={key}\n"
        );
        text += if options.require_session_reuse {
            "require_ssl_reuse=YES\n"
        } else {
            "require_ssl_reuse=NO\n"
        };
        if options.asks_for_certificate {
            let _ = write!(
                text,
                "require_cert=YES\nvalidate_cert=YES\nca_certs_file={}\n",
                plan.client.public.display()
            );
        }
    }
    if plan.security == Security::Implicit {
        text += "implicit_ssl=YES\n";
    }
    if let Some(timeout) = options.idle_timeout {
        let _ = writeln!(text, "idle_session_timeout={}", timeout.as_secs());
    }
    if let Some(rate) = options.bytes_per_second {
        let _ = writeln!(text, "anon_max_rate={rate}");
    }
    if let Some(address) = options.announced_address {
        let _ = writeln!(text, "pasv_address={address}");
    }
    let file = plan.scratch.join("vsftpd.conf");
    fs::write(&file, text).expect("a scratch directory is writable");
    // It reads only a file of the user that it runs as.
    give_away(&file);
    let mut command = tools::unpacked("usr/sbin/vsftpd");
    command.arg(file);
    if plan.privileged {
        command.uid(OWNER.1).gid(OWNER.1);
    }
    command
}
