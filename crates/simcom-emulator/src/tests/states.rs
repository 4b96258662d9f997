//! What each state allows, and what is wrong in every state.

use super::*;
use crate::Reaction;

#[test]
fn parameters_out_of_bounds_are_errors() {
    let mut bench = Bench::logged_in(Family::Sim7600);
    let long = format!("AT+CFTPSCWD=\"{}\"", "d".repeat(257));
    for line in [
        "AT+CFTPSMKD",
        "AT+CFTPSMKD=d",
        "AT+CFTPSMKD=\"\"",
        "AT+CFTPSMKD=\"d\",1",
        "AT+CFTPSMKD=\"d",
        &long,
        "AT+CFTPSTYPE=\"I\"",
        "AT+CFTPSTYPE=E",
        "AT+CFTPSSINGLEIP=2",
        "AT+CFTPSGET=\"f\",x",
        "AT+CFTPSGET=\"f\",0,2",
        "AT+CFTPSGET=\"f\",2147483648",
        "AT+CFTPSPUT=\"f\",0",
        "AT+CFTPSPUT=\"f\",2049",
        "AT+CFTPSGETFILE=\"f\",5",
        "AT+CFTPSPUTFILE=\"f\",4",
        "AT+CFTPSLOGIN=\"h\",0,\"u\",\"p\",0",
        "AT+CFTPSLOGIN=\"h\",65536,\"u\",\"p\",0",
        "AT+CFTPSLOGIN=\"h\",21,\"u\",\"p\",4",
        "AT+CFTPSLOGIN=\"h\",21,\"u\"",
        "AT+CFTPSNOSUCH",
        "AT+X",
        "ATQ9",
    ] {
        assert_eq!(bench.command(line), "\r\nERROR\r\n", "{line}");
    }
    assert!(
        bench.network.take_seen().is_empty(),
        "an error reached the server"
    );
}

#[test]
fn the_third_parameter_of_get_belongs_to_the_sim7600() {
    let mut bench = Bench::logged_in(Family::A7670).with_file("/f", b"x");
    assert_eq!(bench.command("AT+CFTPSGET=\"f\",0,0"), "\r\nERROR\r\n");
    assert_eq!(bench.command("AT+CFTPSCACHERD?"), "\r\nERROR\r\n");
    assert_eq!(bench.command("AT+CFTPSABORT"), "\r\nERROR\r\n");
}

#[test]
fn family_limits_differ() {
    let path = |n: usize| format!("AT+CFTPSCWD=\"{}\"", "d".repeat(n));
    for (family, limit) in [(Family::Sim7600, 256), (Family::A7670, 112)] {
        let mut bench = Bench::logged_in(family);
        assert!(bench.command(&path(limit)).ends_with("+CFTPSCWD: 9\r\n"));
        assert_eq!(bench.command(&path(limit + 1)), "\r\nERROR\r\n");
    }
}

#[test]
fn a_line_too_long_is_an_error() {
    let mut bench = Bench::quiet(Family::Sim7600);
    let line = format!("AT+CFTPSLOGIN=\"{}\"", "h".repeat(600));
    assert_eq!(bench.command(&line), "\r\nERROR\r\n");
    assert_eq!(bench.command("AT"), "\r\nOK\r\n");
}

#[test]
fn login_comes_between_start_and_everything_else() {
    let mut bench = Bench::quiet(Family::Sim7600);
    for line in [
        LOGIN,
        "AT+CFTPSPWD",
        "AT+CFTPSGET=\"f\"",
        "AT+CFTPSPUT=\"f\"",
        "AT+CFTPSSTOP",
    ] {
        assert_eq!(bench.command(line), "\r\nERROR\r\n", "{line}");
    }
    bench.command("AT+CFTPSSTART");
    for line in ["AT+CFTPSSTART", "AT+CFTPSPWD", "AT+CFTPSLOGOUT"] {
        assert_eq!(bench.command(line), "\r\nERROR\r\n", "{line}");
    }
    bench.command(LOGIN);
    for line in ["AT+CFTPSSTART", "AT+CFTPSSTOP", LOGIN] {
        assert_eq!(bench.command(line), "\r\nERROR\r\n", "{line}");
    }
}

#[test]
fn wrong_states_can_have_codes_or_be_let_through() {
    let knobs = Knobs {
        start_when_started: Reaction::Code(3),
        stop_while_logged_in: Reaction::Ok,
        login_when_logged_in: Reaction::Code(11),
        not_logged_in: Reaction::Code(11),
        ..quiet()
    };
    let mut bench = Bench::new(Family::A7670, knobs);
    transcript(
        &mut bench,
        &[
            (LOGIN, "\r\nOK\r\n\r\n+CFTPSLOGIN: 11\r\n"),
            ("AT+CFTPSSTART", "\r\nOK\r\n\r\n+CFTPSSTART: 0\r\n"),
            ("AT+CFTPSPWD", "\r\nOK\r\n\r\n+CFTPSPWD: 11\r\n"),
            ("AT+CFTPSSTART", "\r\nOK\r\n\r\n+CFTPSSTART: 3\r\n"),
            (LOGIN, "\r\nOK\r\n\r\n+CFTPSLOGIN: 0\r\n"),
            (LOGIN, "\r\nOK\r\n\r\n+CFTPSLOGIN: 11\r\n"),
            ("AT+CFTPSSTOP", "\r\nOK\r\n\r\n+CFTPSSTOP: 0\r\n"),
            ("AT+CFTPSSTART", "\r\nOK\r\n\r\n+CFTPSSTART: 0\r\n"),
        ],
    );
}

#[test]
fn the_server_leaving_is_announced_and_needs_a_logout() {
    for family in [Family::Sim7600, Family::A7670] {
        let mut bench = Bench::logged_in(family);
        let event = bench.network.close_session().unwrap();
        bench.emulator.handle_uplink(bench.now, event);
        assert_eq!(bench.settle().sent, b"\r\n+CFTPSNOTIFY: PEER CLOSED\r\n");
        assert_eq!(
            bench.command("AT+CFTPSCWD=\"/\""),
            "\r\nOK\r\n\r\n+CFTPSCWD: 4\r\n"
        );
        assert_eq!(bench.command(LOGIN), "\r\nERROR\r\n");
        assert!(
            bench
                .command("AT+CFTPSLOGOUT")
                .contains("+CFTPSLOGOUT: 0\r\n")
        );
        assert_eq!(bench.command(LOGIN), "\r\nOK\r\n\r\n+CFTPSLOGIN: 0\r\n");
    }
}

#[test]
fn the_network_leaving_needs_a_start() {
    let mut bench = Bench::logged_in(Family::Sim7600);
    bench.emulator.inject(bench.now, Effect::PdnDeactivated);
    assert_eq!(bench.settle().sent, b"\r\n+CGEV: ME PDN DEACT 1\r\n");
    assert_eq!(
        bench.command("AT+CFTPSMKD=\"d\""),
        "\r\nOK\r\n\r\n+CFTPSMKD: 10\r\n"
    );
    assert_eq!(
        bench.command("AT+CFTPSSTART"),
        "\r\nOK\r\n\r\n+CFTPSSTART: 0\r\n"
    );

    let mut bench = Bench::logged_in(Family::A7670);
    bench.emulator.inject(bench.now, Effect::PdnDeactivated);
    assert_eq!(
        bench.settle().sent,
        b"\r\n+CGEV: ME PDN DEACT 1\r\n\r\n+CFTPSNOTIFY: FTPS DISCONNECT\r\n"
    );
    assert_eq!(
        bench.command("AT+CFTPSSTART"),
        "\r\nOK\r\n\r\n+CFTPSSTART: 0\r\n"
    );
}

#[test]
fn start_needs_a_network() {
    let mut bench = Bench::new(
        Family::Sim7600,
        Knobs {
            registration: 2,
            ..quiet()
        },
    );
    assert_eq!(bench.command("AT+CREG?"), "\r\n+CREG: 0,2\r\n\r\nOK\r\n");
    assert_eq!(
        bench.command("AT+CFTPSSTART"),
        "\r\nOK\r\n\r\n+CFTPSSTART: 10\r\n"
    );
}

#[test]
fn abort_ends_a_download_the_login_and_the_network() {
    let mut bench = Bench::logged_in(Family::Sim7600).with_file("/f", &[1; 100_000]);
    bench
        .emulator
        .handle_bytes(bench.now, b"AT+CFTPSGET=\"f\"\r");
    let mut sent = Vec::new();
    while sent.len() < 3000 {
        match bench.emulator.poll() {
            crate::Action::Send(bytes) => sent.extend_from_slice(&bytes),
            crate::Action::Uplink(request) => {
                let event = bench.network.answer(request).unwrap();
                bench.emulator.handle_uplink(bench.now, event);
            }
            other => panic!("{other:?}"),
        }
    }
    let answer = bench.command("AT+CFTPSABORT");
    assert!(
        answer.ends_with("\r\nOK\r\n\r\n+CFTPSABORT: 0\r\n"),
        "{answer:?}"
    );
    assert!(answer.len() < 50_000, "the download went on");
    assert_eq!(bench.command("AT+CGACT?"), "\r\n+CGACT: 1,0\r\n\r\nOK\r\n");
    assert_eq!(
        bench.command("AT+CFTPSSTART"),
        "\r\nOK\r\n\r\n+CFTPSSTART: 0\r\n"
    );
    assert_eq!(bench.command(LOGIN), "\r\nOK\r\n\r\n+CFTPSLOGIN: 0\r\n");
}

#[test]
fn one_operation_at_a_time() {
    for (busy, answer) in [
        (Reaction::Code(3), "\r\nOK\r\n\r\n+CFTPSPWD: 3\r\n"),
        (Reaction::Error, "\r\nERROR\r\n"),
    ] {
        let knobs = Knobs { busy, ..quiet() };
        let mut bench = Bench::logged_in_with(Family::Sim7600, knobs).with_file("/f", b"x");
        bench.server().silent = true;
        assert_eq!(bench.command("AT+CFTPSGET=\"f\""), "\r\nOK\r\n");
        assert_eq!(bench.command("AT+CFTPSPWD"), answer);
        assert_eq!(bench.command("AT+CSQ"), "\r\n+CSQ: 23,99\r\n\r\nOK\r\n");
    }
}

#[test]
fn single_ip_type_and_contexts_reach_the_login() {
    use crate::request::{Ask, Security};
    let mut bench = Bench::quiet(Family::Sim7600);
    bench.command("AT+CFTPSSTART;+CFTPSSINGLEIP=1");
    bench.command("AT+CFTPSSTART");
    bench.command("AT+CFTPSSINGLEIP=1");
    bench.command("AT+CSSLCFG=\"enableSNI\",0,1");
    bench
        .emulator
        .handle_bytes(bench.now, b"AT+CFTPSLOGIN=\"h\",990,\"u\",\"p\"\r");
    let login = loop {
        match bench.emulator.poll_uplink().unwrap().ask {
            Ask::Login(login) => break login,
            _ => continue,
        }
    };
    assert_eq!((login.port, login.security), (990, Security::Implicit));
    assert!(login.single_ip && login.control_tls.sni && !login.control_tls.verify_server);
    assert!(!format!("{login:?}").contains("\"p\""));
    assert!(!format!("{:?}", bench.emulator).contains("\"u\",\"p\""));
}

#[test]
fn cme_errors_come_in_three_forms() {
    let knobs = Knobs {
        sim: crate::Sim::Absent,
        ..quiet()
    };
    let mut bench = Bench::new(Family::Sim7600, knobs);
    transcript(
        &mut bench,
        &[
            ("AT+CPIN?", "\r\n+CME ERROR: SIM not inserted\r\n"),
            ("AT+CMEE=1;+CPIN?", "\r\n+CME ERROR: 10\r\n"),
            ("AT+CMEE=0", "\r\nOK\r\n"),
            ("AT+CPIN?", "\r\nERROR\r\n"),
        ],
    );
}

#[test]
fn a_pin_unlocks_the_sim() {
    let knobs = Knobs {
        sim: crate::Sim::Pin,
        ..quiet()
    };
    let mut bench = Bench::new(Family::Sim7600, knobs);
    transcript(
        &mut bench,
        &[
            ("AT+CPIN?", "\r\n+CPIN: SIM PIN\r\n\r\nOK\r\n"),
            ("AT+CPIN=\"0000\"", "\r\n+CME ERROR: incorrect password\r\n"),
            ("AT+CPIN=\"1234\"", "\r\nOK\r\n"),
            ("AT+CPIN?", "\r\n+CPIN: READY\r\n\r\nOK\r\n"),
        ],
    );
}

#[test]
fn bring_up_commands() {
    let mut bench = Bench::new(Family::Sim7600, Knobs::default());
    assert_eq!(bench.command("ATE0"), "ATE0\r\r\nOK\r\n");
    transcript(
        &mut bench,
        &[
            ("AT", "\r\nOK\r\n"),
            ("ATV1;+CMEE=2", "\r\nOK\r\n"),
            (
                "ATI",
                "\r\nManufacturer: SIMCOM INCORPORATED\r\nModel: SIMCOM_SIM7600E\r\n\
                 Revision: LE20B04SIM7600M22\r\nIMEI: 001017001234567\r\n+GCAP: +CGSM\r\n\
                 \r\nOK\r\n",
            ),
            ("AT+CGMM", "\r\nSIMCOM_SIM7600E\r\n\r\nOK\r\n"),
            ("AT+CGMR", "\r\n+CGMR: LE20B04SIM7600M22\r\n\r\nOK\r\n"),
            ("AT+IFC=2,2", "\r\nOK\r\n"),
            ("AT+IFC?", "\r\n+IFC: 2,2\r\n\r\nOK\r\n"),
            ("AT+CREG=0;+CGREG=0;+CEREG=0", "\r\nOK\r\n"),
            ("AT+CEREG?", "\r\n+CEREG: 0,1\r\n\r\nOK\r\n"),
            ("AT+CGPADDR=1", "\r\n+CGPADDR: 1,100.64.0.2\r\n\r\nOK\r\n"),
            ("AT+CDNSGIP=\"nowhere\"", "\r\n+CDNSGIP: 0,10\r\n\r\nOK\r\n"),
        ],
    );
}
