//! The module does the same however the host's bytes are cut.

use super::*;

/// What a host types, message by message, each after the answer to the one before.
const TYPED: &[&[u8]] = &[
    b"ATE0\r\n",
    b"AT+CFTPSSTART\r\n",
    b"AT+CFTPSLOGIN=\"ftp.example\",21,\"user\",\"pass\",0\r",
    b"AT+CFTPSPUT=\"s\"\r",
    b"AT\r\x03\x03OK\r\n\x03\x1a>\x1a",
    b"AT+CFTPSPUT=\"b\",7\r",
    b"\x03\x1a\x1a\r\nAT",
    b"AT+CFTPSGET=\"s\"\r",
    b"AT+CFTRANRX=\"C:/x\",3\r",
    b"\x1a\r\n",
    b"AT+CFTRANTX=\"C:/x\"\r",
    b"AT+CSQ;+CFTPSSINGLEIP?\r",
];

fn run(cut: impl Fn(&[u8]) -> Vec<&[u8]>) -> (String, Vec<u8>, Vec<u8>) {
    let mut bench = Bench::new(Family::Sim7600, Knobs::default());
    let mut sent = Vec::new();
    for message in TYPED {
        for piece in cut(message) {
            sent.extend(bench.type_bytes(piece));
        }
    }
    (
        String::from_utf8_lossy(&sent).into_owned(),
        bench.file("/s"),
        bench.file("/b"),
    )
}

#[test]
fn every_cut_gives_the_same_bytes() {
    let whole = run(|message| vec![message]);
    assert_eq!(whole.1, b"AT\r\x03OK\r\n\x1a>");
    assert_eq!(whole.2, b"\x03\x1a\x1a\r\nAT");
    let text = &whole.0;
    assert!(
        text.starts_with("ATE0\r\r\nOK\r\n\r\nOK\r\n\r\n+CFTPSSTART: 0\r\n"),
        "{text}"
    );
    assert!(text.contains("\r\n+CFTPSGET: DATA,10\r\nAT\r\x03OK\r\n\x1a>\r\n+CFTPSGET: 0\r\n"));
    assert!(
        text.ends_with("\r\n+CSQ: 23,99\r\n\r\n+CFTPSSINGLEIP: 0\r\n\r\nOK\r\n"),
        "{text}"
    );
    assert_eq!(run(|message| message.chunks(1).collect()), whole);
    let longest = TYPED.iter().map(|message| message.len()).max().unwrap();
    for at in 1..longest {
        let cut = |message: &[u8]| at.min(message.len());
        assert_eq!(
            run(|m| vec![&m[..cut(m)], &m[cut(m)..]]),
            whole,
            "cut at {at}"
        );
    }
}

#[test]
fn the_line_feed_of_a_command_is_not_data() {
    let mut bench = Bench::quiet(Family::Sim7600);
    assert_eq!(
        bench.command("AT+CFTRANRX=\"C:/x\",3\r\nabc"),
        "\r\n>\r\nOK\r\n"
    );
    // After the prompt a line feed is content.
    assert_eq!(bench.command("AT+CFTRANRX=\"C:/y\",3"), "\r\n>");
    assert_eq!(bench.type_bytes(b"\nab"), b"\r\nOK\r\n");
    let printed = bench.command("AT+CFTRANTX=\"C:/x\";+CFTRANTX=\"C:/y\"");
    assert!(
        printed.contains("DATA,3\r\nabc") && printed.contains("DATA,3\r\n\nab"),
        "{printed:?}"
    );
}

#[test]
fn nothing_a_host_types_can_break_it() {
    use proptest::prelude::*;
    proptest!(|(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..20))| {
        let mut bench = Bench::logged_in(Family::Sim7600);
        for piece in &pieces {
            bench.type_bytes(piece);
        }
    });
    let words = prop::sample::select(vec![
        "AT",
        "+CFTPSGET",
        "+CFTPSPUT",
        "=",
        "\"",
        "?",
        ",",
        "\r",
        "\x1a",
        "\x03",
        ";",
        "f",
        "0",
        "1",
        "+CFTPSABORT",
        "+CFTPSLIST",
        "+CFTRANRX=\"C:/x\",5",
        "+CSSLCFG",
        "2048",
        "{non-ascii}\"41\"",
        "AT+CFTPSSTART\r",
        "AT+CFTPSSTOP\r",
        "AT+CFTPSLOGOUT\r",
        "+FSLS",
        "+CRESET",
        "E1",
        "&F",
    ]);
    proptest!(|(words in prop::collection::vec(words, 0..60))| {
        let mut bench = Bench::logged_in(Family::Sim7600).with_file("/f", &[0; 5000]);
        for word in &words {
            bench.type_bytes(word.as_bytes());
        }
        // Whatever it was told, power brings it back.
        bench.emulator.power_cycle(bench.now);
        bench.wait(Duration::from_secs(20));
        prop_assert_eq!(bench.command("ATE0"), "ATE0\r\r\nOK\r\n".strip_prefix("ATE0\r").unwrap());
    });
}
