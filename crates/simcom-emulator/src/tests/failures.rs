//! The reports of failures, and the faults.

use super::*;
use crate::uplink::memory::Rest;

#[test]
fn a_refused_upload_has_no_prompt() {
    for (family, answer) in [
        (Family::Sim7600, "\r\n+CFTPSPUT: 9\r\n\r\nERROR\r\n"),
        (Family::A7670, "\r\nERROR\r\n\r\n+CFTPSPUT: 9\r\n"),
    ] {
        let mut bench = Bench::logged_in(family);
        assert_eq!(bench.command("AT+CFTPSPUT=\"/no/such/dir\",5"), answer);
        assert_eq!(bench.command("AT"), "\r\nOK\r\n");
    }
}

#[test]
fn an_upload_that_breaks_is_reported_after_its_data_and_leaves_a_partial_file() {
    let mut bench = Bench::logged_in(Family::Sim7600);
    bench.server().room = Some(3);
    assert_eq!(bench.command("AT+CFTPSPUT=\"f\""), "\r\n>");
    assert_eq!(bench.type_bytes(b"abcdef"), b"");
    assert_eq!(bench.type_bytes(b"ghi"), b"");
    assert_eq!(bench.type_bytes(b"\x1a"), b"\r\nOK\r\n\r\n+CFTPSPUT: 9\r\n");
    assert_eq!(bench.file("/f"), b"abc");
}

#[test]
fn a_download_that_breaks_keeps_what_came() {
    let mut bench = Bench::logged_in(Family::A7670).with_file("/f", &[b'q'; 3000]);
    bench.server().close_after = Some(2048);
    let answer = bench.command("AT+CFTPSGET=\"f\"");
    let frame = format!("\r\n+CFTPSGET: DATA,1024\r\n{}", "q".repeat(1024));
    assert_eq!(
        answer,
        format!("\r\nOK\r\n{frame}{frame}\r\n+CFTPSGET: 4\r\n")
    );
}

#[test]
fn size_of_a_missing_file_is_ambiguous_on_one_family() {
    let script = [("AT+CFTPSSIZE=\"f\"", "\r\nOK\r\n\r\n+CFTPSSIZE: 9\r\n")];
    transcript(&mut Bench::logged_in(Family::Sim7600), &script);
    transcript(
        &mut Bench::logged_in(Family::Sim7600).with_file("/f", &[0; 9]),
        &script,
    );
    transcript(
        &mut Bench::logged_in(Family::A7670).with_file("/f", &[0; 9]),
        &script,
    );
    let script = [("AT+CFTPSSIZE=\"f\"", "\r\n+CFTPSSIZE: 9\r\n\r\nERROR\r\n")];
    transcript(&mut Bench::logged_in(Family::A7670), &script);
}

#[test]
fn servers_may_refuse_or_ignore_rest() {
    let mut bench = Bench::logged_in(Family::A7670).with_file("/f", b"abcdef");
    assert!(
        bench
            .command("AT+CFTPSGET=\"f\",4")
            .contains("DATA,2\r\nef\r\n")
    );
    bench.server().rest = Rest::Ignore;
    assert!(
        bench
            .command("AT+CFTPSGET=\"f\",4")
            .contains("DATA,6\r\nabcdef\r\n")
    );
    bench.server().rest = Rest::Refuse;
    assert_eq!(
        bench.command("AT+CFTPSGET=\"f\",4"),
        "\r\nOK\r\n\r\n+CFTPSGET: 9\r\n"
    );
}

#[test]
fn login_failures_have_their_codes() {
    let mut bench = Bench::quiet(Family::Sim7600);
    bench.command("AT+CFTPSSTART");
    for (host, port, password, server_type, code) in [
        ("nowhere", 21, "pass", 0, 12),
        ("ftp.example", 22, "pass", 0, 14),
        ("ftp.example", 21, "wrong", 0, 9),
        ("ftp.example", 21, "pass", 3, 1),
    ] {
        let line = format!("AT+CFTPSLOGIN=\"{host}\",{port},\"user\",\"{password}\",{server_type}");
        assert_eq!(
            bench.command(&line),
            format!("\r\nOK\r\n\r\n+CFTPSLOGIN: {code}\r\n"),
            "{line}"
        );
    }
}

#[test]
fn a_urc_can_land_inside_a_payload() {
    let mut bench = Bench::logged_in(Family::Sim7600).with_file("/f", b"0123456789");
    bench.fault(
        "+CFTPSGET",
        Phase::InBlock(4),
        Effect::Text("\r\nRING\r\n".into()),
    );
    assert_eq!(
        bench.command("AT+CFTPSGET=\"f\""),
        "\r\nOK\r\n\r\n+CFTPSGET: DATA,10\r\n0123\r\nRING\r\n456789\r\n+CFTPSGET: 0\r\n"
    );
}

#[test]
fn bytes_can_be_lost_doubled_and_made_up() {
    let with = |effect| {
        let mut bench = Bench::logged_in(Family::Sim7600).with_file("/f", b"0123456789");
        bench.fault("+CFTPSGET", Phase::InBlock(4), effect);
        bench.command("AT+CFTPSGET=\"f\"")
    };
    let whole =
        |payload| format!("\r\nOK\r\n\r\n+CFTPSGET: DATA,10\r\n{payload}\r\n+CFTPSGET: 0\r\n");
    assert_eq!(with(Effect::Lose(2)), whole("01236789"));
    assert_eq!(with(Effect::Duplicate(2)), whole("012344556789"));
    assert_ne!(with(Effect::Garbage(2)), whole("0123456789"));
}

#[test]
fn a_fault_can_be_counted_by_bytes_or_time() {
    let mut bench = Bench::quiet(Family::Sim7600);
    let arm = |bench: &mut Bench, trigger, text: &str| {
        bench.emulator.arm(Fault {
            trigger,
            effect: Effect::Text(text.into()),
        });
    };
    arm(&mut bench, Trigger::ToHost(3), "#");
    arm(
        &mut bench,
        Trigger::After(Duration::from_secs(5)),
        "\r\nRING\r\n",
    );
    assert_eq!(bench.command("AT"), "\r\nO#K\r\n");
    assert_eq!(bench.settle().until, Some(Duration::from_secs(5)));
    assert_eq!(bench.wait(Duration::from_secs(5)).sent, b"\r\nRING\r\n");

    let effect = Effect::Lose(1);
    bench.emulator.arm(Fault {
        trigger: Trigger::FromHost(5),
        effect,
    });
    assert_eq!(bench.command("ATX"), "\r\nOK\r\n", "the X was not lost");
}

#[test]
fn a_module_can_fall_silent() {
    let mut bench = Bench::logged_in(Family::Sim7600).with_file("/f", &[0; 5000]);
    bench.fault("+CFTPSGET", Phase::InHeader, Effect::Silence);
    let answer = bench.command("AT+CFTPSGET=\"f\"");
    assert_eq!(answer, "\r\nOK\r\n\r\n+CFTPSGET:");
    assert_eq!(bench.command("AT"), "");
    assert!(bench.emulator.is_hung());
    bench.emulator.power_cycle(bench.now);
    assert!(!bench.emulator.is_hung());
    assert!(
        bench
            .wait(Duration::from_secs(20))
            .sent
            .starts_with(b"\r\nRDY\r\n")
    );
    assert_eq!(bench.command("ATE0"), "\r\nOK\r\n");
}

#[test]
fn a_module_can_reboot_at_any_point_of_an_upload() {
    for (phase, typed) in [
        (Phase::AtPrompt, &b""[..]),
        (Phase::InData(3), b"abcdef"),
        (Phase::AfterData, b"abc\x1a"),
    ] {
        let knobs = Knobs {
            boot_time: Duration::from_secs(1),
            ..quiet()
        };
        let mut bench = Bench::logged_in_with(Family::A7670, knobs);
        bench.fault("+CFTPSPUT", phase, Effect::Reboot);
        assert_eq!(bench.command("AT+CFTPSPUT=\"f\""), "\r\n>", "{phase:?}");
        assert_eq!(bench.type_bytes(typed), b"", "{phase:?}");
        assert_eq!(bench.command("AT"), "", "deaf while booting");
        assert_eq!(
            bench.wait(Duration::from_secs(1)).sent,
            b"\r\n*ATREADY: 1\r\n\r\n+CPIN: READY\r\n\r\n+CGEV: EPS PDN ACT 1\r\n"
        );
        assert_eq!(bench.command("AT"), "\r\nOK\r\n");
        assert_eq!(
            bench.wait(Duration::from_secs(1)).sent,
            b"\r\nSMS DONE\r\n\r\nPB DONE\r\n"
        );
        assert_eq!(
            bench.command("AT+CFTPSSTOP"),
            "\r\nERROR\r\n",
            "it has forgotten START"
        );
    }
}

#[test]
fn the_port_can_vanish_and_the_module_stays_at_its_prompt() {
    let mut bench = Bench::logged_in(Family::Sim7600);
    bench.fault("+CFTPSPUT", Phase::InData(2), Effect::Hangup);
    assert_eq!(bench.command("AT+CFTPSPUT=\"f\",4"), "\r\n>");
    bench.emulator.handle_bytes(bench.now, b"ab");
    assert!(!bench.settle().hung_up);
    bench.emulator.handle_bytes(bench.now, b"c");
    assert!(bench.settle().hung_up);
    assert_eq!(bench.type_bytes(b"A"), b"\r\nOK\r\n\r\n+CFTPSPUT: 0\r\n");
    assert_eq!(bench.file("/f"), b"abcA");
}

#[test]
fn any_command_can_fail_with_any_code() {
    let mut bench = Bench::logged_in(Family::Sim7600);
    bench.fault("+CFTPSLOGOUT", Phase::BeforeResult, Effect::Fail(421));
    assert_eq!(
        bench.command("AT+CFTPSLOGOUT"),
        "\r\n+CFTPSLOGOUT: 421\r\n\r\nOK\r\n"
    );
}

#[test]
fn a_command_that_failed_has_not_happened() {
    let mut bench = Bench::quiet(Family::Sim7600);
    bench.fault("+CFTPSSTART", Phase::BeforeResult, Effect::Fail(10));
    bench.fault("+CFTPSLOGIN", Phase::BeforeResult, Effect::Fail(5));
    transcript(
        &mut bench,
        &[
            ("AT+CFTPSSTART", "\r\nOK\r\n\r\n+CFTPSSTART: 10\r\n"),
            ("AT+CFTPSSTART", "\r\nOK\r\n\r\n+CFTPSSTART: 0\r\n"),
            (LOGIN, "\r\nOK\r\n\r\n+CFTPSLOGIN: 5\r\n"),
            ("AT+CFTPSPWD", "\r\nERROR\r\n"),
            (LOGIN, "\r\nOK\r\n\r\n+CFTPSLOGIN: 0\r\n"),
        ],
    );
}

#[test]
fn the_server_can_leave_in_mid_download() {
    let mut bench = Bench::logged_in(Family::Sim7600).with_file("/f", &[b'q'; 2960]);
    bench.fault("+CFTPSGET", Phase::InBlock(1480), Effect::PeerClosed);
    let answer = bench.command("AT+CFTPSGET=\"f\"");
    assert!(answer.contains("\r\n+CFTPSNOTIFY: PEER CLOSED\r\n"));
}

#[test]
fn a_reset_takes_the_port_away_and_prints_the_banner() {
    let mut bench = Bench::logged_in(Family::Sim7600);
    bench.emulator.handle_bytes(bench.now, b"AT+CRESET\r");
    let settled = bench.settle();
    assert_eq!(
        (&settled.sent[..], settled.hung_up),
        (&b"\r\nOK\r\n"[..], true)
    );
    assert_eq!(bench.command("AT"), "");
    let banner = "\r\nRDY\r\n\r\n+CPIN: READY\r\n\r\nSMS DONE\r\n\r\nPB DONE\r\n";
    assert_eq!(bench.wait(Duration::from_secs(15)).sent, banner.as_bytes());
}

#[test]
fn noise_is_deterministic() {
    let run = || {
        let knobs = Knobs {
            lose_one_in: 50,
            duplicate_one_in: 50,
            seed: 9,
            ..quiet()
        };
        let mut bench = Bench::new(Family::Sim7600, knobs);
        (0..50).map(|_| bench.command("AT+CSQ")).collect::<String>()
    };
    assert_eq!(run(), run());
    assert_ne!(run(), "\r\n+CSQ: 23,99\r\n\r\nOK\r\n".repeat(50));
}
