//! Findings about a server.

use super::*;
use simcom_talk::dialogue::failure::Failure;
use simcom_talk::ftps::tls::TlsPolicy;
use simcom_talk::ftps::value::{Host, Password, Username};

fn server(server_type: ServerType) -> Server {
    Server {
        host: Host::new("ftp.example").unwrap(),
        port: server_type.default_port(),
        username: Username::new("u").unwrap(),
        password: Password::new("hunter2").unwrap(),
        server_type,
        single_ip: true,
        tls: TlsPolicy::unverified(),
    }
}

#[test]
fn what_is_not_protected_is_said() {
    let said = |server_type| {
        let mut report = Report::new("x");
        posture(&mut report, &server(server_type));
        report.to_string()
    };
    assert!(said(ServerType::Ftp).contains("Nothing is encrypted"));
    let unverified = said(ServerType::Implicit);
    assert!(unverified.contains("warning") && unverified.contains("whoever answers is believed"));
}

#[test]
fn a_failed_login_says_what_to_look_at() {
    let of = |cause, stage| advice(&Error::Failed(Failure::new(cause, None, stage)));
    let reported = |code| of(Cause::Reported(code), Stage::Login);
    assert!(reported(ErrCode::REJECTED).contains("530"));
    assert!(reported(ErrCode::DNS).contains("resolve"));
    assert!(reported(ErrCode::CONNECT_SOCKET).contains("firewall"));
    assert!(of(Cause::Garbled, Stage::Device).contains("log.level"));
}

#[test]
fn a_file_whose_size_may_be_an_error_code_is_not_asked_for() {
    let mut lines = Lines::new();
    let mut entries = lines.push(
        b"drwxr-xr-x 2 u g 4096 Mar 19  2020 sub\r\n-rw-r--r-- 1 u g 9 Mar 19  2020 nine\r\n\
          -rw-r--r-- 1 u g 500 Mar 19  2020 big\r\n",
    );
    entries.extend(lines.finish());
    let found: Vec<_> = entries.iter().filter_map(file).collect();
    assert_eq!(found, [RemotePath::new("big").unwrap()]);
}
