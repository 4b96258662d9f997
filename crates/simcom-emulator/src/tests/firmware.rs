//! The knobs: what firmware versions do differently.

use super::*;
use crate::{CacheFull, FailureForm, OkOrder, Prompt};

#[test]
fn the_order_of_ok_and_result_is_free() {
    let with = |order, form| {
        let knobs = Knobs {
            ok_order: order,
            failure_form: form,
            ..quiet()
        };
        let mut bench = Bench::logged_in_with(Family::Sim7600, knobs);
        (
            bench.command("AT+CFTPSMKD=\"d\""),
            bench.command("AT+CFTPSMKD=\"d\""),
        )
    };
    let good = |text: &str| text.replace('E', "+CFTPSMKD: 0");
    let bad = |text: &str| text.replace('E', "+CFTPSMKD: 9");
    for (order, form, success, failure) in [
        (
            OkOrder::OkFirst,
            FailureForm::OkCode,
            "\r\nOK\r\n\r\nE\r\n",
            "\r\nOK\r\n\r\nE\r\n",
        ),
        (
            OkOrder::ResultFirst,
            FailureForm::OkCode,
            "\r\nE\r\n\r\nOK\r\n",
            "\r\nE\r\n\r\nOK\r\n",
        ),
    ] {
        assert_eq!(with(order, form), (good(success), bad(failure)));
    }
    for (form, failure) in [
        (FailureForm::CodeError, "\r\n+CFTPSMKD: 9\r\n\r\nERROR\r\n"),
        (FailureForm::ErrorCode, "\r\nERROR\r\n\r\n+CFTPSMKD: 9\r\n"),
        (FailureForm::Error, "\r\nERROR\r\n"),
    ] {
        let (success, failed) = with(OkOrder::OkFirst, form);
        assert_eq!(success, "\r\nOK\r\n\r\n+CFTPSMKD: 0\r\n");
        assert_eq!(failed, failure);
    }
}

#[test]
fn single_commands_can_differ() {
    let knobs = Knobs {
        ok_order_of: [("+CFTPSPWD".into(), OkOrder::OkFirst)].into(),
        failure_form_of: [("+CFTPSSIZE".into(), FailureForm::ErrorCode)].into(),
        ok_never: vec!["+CFTPSCWD".into()],
        result_never: vec!["+CFTPSTYPE".into()],
        refuse: vec!["+CFTPSRMD".into()],
        ..quiet()
    };
    transcript(
        &mut Bench::logged_in_with(Family::Sim7600, knobs),
        &[
            ("AT+CFTPSPWD", "\r\nOK\r\n\r\n+CFTPSPWD: \"/\"\r\n"),
            ("AT+CFTPSSIZE=\"f\"", "\r\nERROR\r\n\r\n+CFTPSSIZE: 9\r\n"),
            ("AT+CFTPSCWD=\"/\"", "\r\n+CFTPSCWD: 0\r\n"),
            ("AT+CFTPSTYPE=I", "\r\nOK\r\n"),
            ("AT+CFTPSRMD=\"d\"", "\r\nERROR\r\n"),
        ],
    );
}

#[test]
fn prompts_come_in_three_shapes() {
    for (prompt, bytes) in [
        (Prompt::Sign, "\r\n>"),
        (Prompt::SignBlank, "\r\n> "),
        (Prompt::SignLine, ">\r\n"),
    ] {
        let mut bench = Bench::logged_in_with(Family::A7670, Knobs { prompt, ..quiet() });
        assert_eq!(bench.command("AT+CFTPSPUT=\"f\",1"), bytes);
    }
}

#[test]
fn frames_can_be_cut_and_ended_differently() {
    let knobs = Knobs {
        chunk: 4,
        trailing_crlf: true,
        empty_last_frame: true,
        space_after_colon: false,
        ..quiet()
    };
    let mut bench = Bench::logged_in_with(Family::Sim7600, knobs).with_file("/f", b"012345");
    assert_eq!(
        bench.command("AT+CFTPSGET=\"f\""),
        "\r\nOK\r\n\r\n+CFTPSGET:DATA,4\r\n0123\r\n\r\n+CFTPSGET:DATA,2\r\n45\r\n\
         \r\n+CFTPSGET:DATA,0\r\n\r\n+CFTPSGET:0\r\n"
    );
}

#[test]
fn random_frames_hold_the_whole_file() {
    let knobs = Knobs {
        chunk_random: true,
        ..quiet()
    };
    let mut bench = Bench::logged_in_with(Family::Sim7600, knobs).with_file("/f", &[b'q'; 9999]);
    let answer = bench.command("AT+CFTPSGET=\"f\"");
    assert_eq!(answer.matches('q').count(), 9999);
    assert!(
        answer.matches("DATA").count() > 7,
        "more frames than full ones"
    );
}

#[test]
fn empty_files_and_directories_have_no_frames() {
    let mut bench = Bench::logged_in(Family::Sim7600).with_file("/d/f", b"");
    bench
        .server()
        .directories
        .extend([b"/d".to_vec(), b"/e".to_vec()]);
    assert_eq!(
        bench.command("AT+CFTPSLIST=\"/e\""),
        "\r\nOK\r\n\r\n+CFTPSLIST: 0\r\n"
    );
    assert_eq!(
        bench.command("AT+CFTPSGET=\"/d/f\""),
        "\r\nOK\r\n\r\n+CFTPSGET: 0\r\n"
    );
    assert_eq!(
        bench.command("AT+CFTPSGET=\"/d/f\",0,1"),
        "\r\nOK\r\n\r\n+CFTPSGET: 0\r\n"
    );
    assert_eq!(bench.command("AT+CFTPSPUT=\"/g\""), "\r\n>");
    assert_eq!(bench.type_bytes(b"\x1a"), b"\r\nOK\r\n\r\n+CFTPSPUT: 0\r\n");
    assert_eq!(bench.file("/g"), b"");
}

#[test]
fn a_full_cache_waits_or_fails() {
    let knobs = Knobs {
        cache_limit: 1500,
        ..quiet()
    };
    let mut bench =
        Bench::logged_in_with(Family::Sim7600, knobs.clone()).with_file("/f", &[b'z'; 2000]);
    let event = "\r\nOK\r\n\r\n+CFTPS: RECV EVENT\r\n";
    assert_eq!(bench.command("AT+CFTPSGET=\"f\",0,1"), event);
    assert_eq!(
        bench.command("AT+CFTPSCACHERD?"),
        "\r\n+CFTPSCACHERD: 1500\r\n\r\nOK\r\n"
    );
    let answer = bench.command("AT+CFTPSCACHERD");
    assert!(
        answer.ends_with("\r\nOK\r\n\r\n+CFTPSGET: 0\r\n"),
        "{answer:?}"
    );
    assert_eq!(
        bench.command("AT+CFTPSCACHERD?"),
        "\r\n+CFTPSCACHERD: 976\r\n\r\nOK\r\n"
    );

    let knobs = Knobs {
        cache_full: CacheFull::Fail,
        ..knobs
    };
    let mut bench = Bench::logged_in_with(Family::Sim7600, knobs).with_file("/f", &[b'z'; 2000]);
    let answer = bench.command("AT+CFTPSGET=\"f\",0,1");
    assert_eq!(answer, format!("{event}\r\n+CFTPSGET: 6\r\n"));
}

#[test]
fn a_cached_download_can_end_late() {
    let knobs = Knobs {
        cache_complete_early: false,
        ..quiet()
    };
    let mut bench = Bench::logged_in_with(Family::Sim7600, knobs).with_file("/f", &[b'z'; 1030]);
    let event = "\r\nOK\r\n\r\n+CFTPS: RECV EVENT\r\n";
    assert_eq!(bench.command("AT+CFTPSGET=\"f\",0,1"), event);
    assert!(bench.command("AT+CFTPSCACHERD").ends_with("z\r\nOK\r\n"));
    assert_eq!(
        bench.command("AT+CFTPSCACHERD"),
        "\r\n+CFTPSGET: DATA,6\r\nzzzzzz\r\nOK\r\n\r\n+CFTPSGET: 0\r\n"
    );
}

#[test]
fn answers_take_their_time() {
    let knobs = Knobs {
        command_latency: Duration::from_millis(20),
        result_latency: Duration::from_secs(5),
        ..quiet()
    };
    let mut bench = Bench::new(Family::Sim7600, knobs);
    assert_eq!(bench.command("AT+CFTPSSTART"), "");
    assert_eq!(bench.wait(Duration::from_millis(20)).sent, b"\r\nOK\r\n");
    assert_eq!(
        bench.wait(Duration::from_secs(5)).sent,
        b"\r\n+CFTPSSTART: 0\r\n"
    );
}

#[test]
fn early_data_is_lost_unless_kept() {
    for (keep, answer) in [(false, &b""[..]), (true, b"\r\nOK\r\n\r\n+CFTPSPUT: 0\r\n")] {
        let knobs = Knobs {
            keep_early_data: keep,
            ..quiet()
        };
        let mut bench = Bench::logged_in_with(Family::Sim7600, knobs);
        bench
            .emulator
            .handle_bytes(bench.now, b"AT+CFTPSPUT=\"f\",3\rabc");
        let sent = bench.settle().sent;
        assert_eq!(sent.strip_prefix(b"\r\n>").unwrap(), answer);
    }
}

#[test]
fn a_line_typed_during_a_command_is_answered_after_it() {
    let mut bench = Bench::logged_in(Family::Sim7600);
    bench
        .emulator
        .handle_bytes(bench.now, b"AT+CFTPSPWD\rAT+CSQ\r");
    assert_eq!(
        bench.settle().sent,
        b"\r\n+CFTPSPWD: \"/\"\r\n\r\nOK\r\n\r\n+CSQ: 23,99\r\n\r\nOK\r\n"
    );
}

#[test]
fn a_slow_line_slows_the_server() {
    let mut bench = Bench::logged_in(Family::Sim7600).with_file("/f", &vec![0; 1 << 20]);
    bench
        .emulator
        .handle_bytes(bench.now, b"AT+CFTPSGET=\"f\"\r");
    // The network is answered while nothing is sent to the host.
    let mut read = 0;
    for _ in 0..1000 {
        let Some(request) = bench.emulator.poll_uplink() else {
            break;
        };
        let event = bench.network.answer(request).unwrap();
        bench.emulator.handle_uplink(bench.now, event);
        read += 1;
    }
    assert!(read < 10, "{read} reads with a line that stands still");
    assert_eq!(
        bench.settle().sent.iter().filter(|b| **b == 0).count(),
        1 << 20
    );
}

#[test]
fn a_slow_server_slows_the_host() {
    let mut bench = Bench::logged_in(Family::Sim7600);
    assert_eq!(bench.command("AT+CFTPSPUT=\"f\""), "\r\n>");
    let mut taken = 0;
    while bench.emulator.wants_bytes() {
        bench.emulator.handle_bytes(bench.now, &[b'a'; 4096]);
        taken += 4096;
        assert!(taken < 1 << 20, "a host is never stopped");
    }
    bench.settle();
    assert!(bench.emulator.wants_bytes());
    assert_eq!(bench.type_bytes(b"\x1a"), b"\r\nOK\r\n\r\n+CFTPSPUT: 0\r\n");
    assert_eq!(bench.file("/f").len(), taken);
}

#[test]
fn a_cold_start_is_deaf_then_prints_the_banner() {
    let mut bench = Bench::new(
        Family::Sim7600,
        Knobs {
            cold_start: true,
            ..quiet()
        },
    );
    assert_eq!(bench.command("AT"), "");
    assert_eq!(bench.settle().until, Some(Duration::from_secs(10)));
    let banner = bench.wait(Duration::from_secs(10)).sent;
    assert_eq!(banner, b"\r\nRDY\r\n\r\n+CPIN: READY\r\n");
    assert_eq!(bench.command("AT"), "\r\nOK\r\n");
}
