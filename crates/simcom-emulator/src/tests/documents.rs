//! Sequences that documents and public logs print.

use super::*;

/// SIM7500/SIM7600 FTP(S) application note V3.00 §5.1.
#[test]
fn sim7600_application_note() {
    let mut bench = Bench::quiet(Family::Sim7600).with_file("/n", b"0123456789");
    transcript(
        &mut bench,
        &[
            ("AT+CFTPSSTART", "\r\nOK\r\n\r\n+CFTPSSTART: 0\r\n"),
            ("AT+CFTPSSINGLEIP=1", "\r\nOK\r\n"),
            (LOGIN, "\r\nOK\r\n\r\n+CFTPSLOGIN: 0\r\n"),
            (
                "AT+CFTPSLIST",
                "\r\nOK\r\n\r\n+CFTPSLIST: DATA,40\r\n\
                 -rw-r--r-- 1 ftp ftp 10 Mar 19 13:51 n\r\n\r\n+CFTPSLIST: 0\r\n",
            ),
            ("AT+CFTPSPWD", "\r\n+CFTPSPWD: \"/\"\r\n\r\nOK\r\n"),
            ("AT+CFTPSPUT=\"m\",10", "\r\n>"),
        ],
    );
    assert_eq!(
        bench.type_bytes(b"abcdefghij"),
        b"\r\nOK\r\n\r\n+CFTPSPUT: 0\r\n"
    );
    transcript(
        &mut bench,
        &[
            (
                "AT+CFTPSGET=\"n\",0",
                "\r\nOK\r\n\r\n+CFTPSGET: DATA,10\r\n0123456789\r\n+CFTPSGET: 0\r\n",
            ),
            ("AT+CFTPSLOGOUT", "\r\n+CFTPSLOGOUT: 0\r\n\r\nOK\r\n"),
            ("AT+CFTPSSTOP", "\r\n+CFTPSSTOP: 0\r\n\r\nOK\r\n"),
        ],
    );
    assert_eq!(bench.file("/m"), b"abcdefghij");
}

/// A production log of an A7672S: the first STOP of a cycle fails, everything is `OK` first.
#[test]
fn a7672s_production_log() {
    let mut bench = Bench::quiet(Family::A7670);
    transcript(
        &mut bench,
        &[
            ("AT+CFTPSSTOP", "\r\nERROR\r\n"),
            ("AT+CFTPSSTART", "\r\nOK\r\n\r\n+CFTPSSTART: 0\r\n"),
            (
                "AT+CDNSGIP=\"ftp.example\"",
                "\r\n+CDNSGIP: 1,\"ftp.example\",\"127.0.0.1\"\r\n\r\nOK\r\n",
            ),
            (LOGIN, "\r\nOK\r\n\r\n+CFTPSLOGIN: 0\r\n"),
            ("AT+FSCD=C:/", "\r\n+FSCD: C:/\r\n\r\nOK\r\n"),
            ("AT+CFTRANRX=\"C:/log.txt\",63", "\r\n>"),
        ],
    );
    assert_eq!(bench.type_bytes(&[b'x'; 63]), b"\r\nOK\r\n");
    transcript(
        &mut bench,
        &[
            (
                "AT+CFTPSPUTFILE=\"/log.txt\",1",
                "\r\nOK\r\n\r\n+CFTPSPUTFILE: 0\r\n",
            ),
            ("AT+CFTPSLOGOUT", "\r\nOK\r\n\r\n+CFTPSLOGOUT: 0\r\n"),
            ("AT+CFTPSSTOP", "\r\nOK\r\n\r\n+CFTPSSTOP: 0\r\n"),
        ],
    );
    assert_eq!(bench.file("/log.txt"), [b'x'; 63]);
}

/// SIM7500/SIM7600 FTP(S) application note V3.00 §5.2.3.
#[test]
fn sim7600_resumed_getfile() {
    let knobs = Knobs {
        space_after_colon: false,
        ..quiet()
    };
    let mut bench = Bench::logged_in_with(Family::Sim7600, knobs).with_file("/f", &[7; 5000]);
    assert_eq!(
        bench.command("AT+CFTPSSIZE=\"f\""),
        "\r\nOK\r\n\r\n+CFTPSSIZE:5000\r\n"
    );
    bench.emulator.knobs_mut().space_after_colon = true;
    bench.fault("+CFTPSGETFILE", Phase::BeforeResult, Effect::Fail(6));
    transcript(
        &mut bench,
        &[
            (
                "AT+CFTPSGETFILE=\"none\",1,3",
                "\r\nOK\r\n\r\n+CFTPSGETFILE: 7\r\n",
            ),
            ("AT+CFTRANRX=\"F:/f\",3", "\r\n>"),
        ],
    );
    assert_eq!(bench.type_bytes(&[7; 3]), b"\r\nOK\r\n");
    transcript(
        &mut bench,
        &[
            (
                "AT+CFTPSGETFILE=\"f\",1,3",
                "\r\nOK\r\n\r\n+CFTPSGETFILE: 0\r\n",
            ),
            (
                "AT+FSCD=F:/;+FSATTRI=f",
                "\r\n+FSCD: F:/\r\n\r\n+FSATTRI: 5000, 2008/04/28 10:24:46 Tue\r\n\r\nOK\r\n",
            ),
        ],
    );
    assert!(
        bench
            .network
            .take_seen()
            .ends_with(&["REST 3".into(), "RETR f".into()])
    );
}

/// A76XX FTP(S) application note V1.02 §3.1.
#[test]
fn a76xx_application_note() {
    let mut bench = Bench::logged_in(Family::A7670).with_file("/321", b"321");
    transcript(
        &mut bench,
        &[
            ("AT+CFTPSLOGIN?", "\r\n+CFTPSLOGIN: 1\r\n\r\nOK\r\n"),
            (
                "AT+CFTPSGET=\"321\"",
                "\r\nOK\r\n\r\n+CFTPSGET: DATA,3\r\n321\r\n+CFTPSGET: 0\r\n",
            ),
            ("AT+CFTPSMKD=\"d\"", "\r\nOK\r\n\r\n+CFTPSMKD: 0\r\n"),
            ("AT+CFTPSCWD=\"/d\"", "\r\nOK\r\n\r\n+CFTPSCWD: 0\r\n"),
            ("AT+CFTPSPWD", "\r\nOK\r\n\r\n+CFTPSPWD: \"/d\"\r\n"),
            ("AT+CFTPSCWD=\"/\"", "\r\nOK\r\n\r\n+CFTPSCWD: 0\r\n"),
            ("AT+CFTPSCWD", "\r\nOK\r\n\r\n+CFTPSCWD: \"/\"\r\n"),
            ("AT+CFTPSRMD=\"d\"", "\r\nOK\r\n\r\n+CFTPSRMD: 0\r\n"),
            ("AT+CFTPSDELE=\"321\"", "\r\nOK\r\n\r\n+CFTPSDELE: 0\r\n"),
            ("AT+CFTPSPUT=\"p\"", "\r\n>"),
        ],
    );
    assert_eq!(
        bench.type_bytes(b"\x03\x03a\x03\x1a\x1a"),
        b"\r\nOK\r\n\r\n+CFTPSPUT: 0\r\n"
    );
    assert_eq!(bench.file("/p"), b"\x03a\x1a");
}

/// A SIM7600 library for ESP32: everything is ended first, then a file is read by the cache.
#[test]
fn sim7600_cache_reader() {
    let mut bench = Bench::quiet(Family::Sim7600).with_file("/f", &[b'z'; 1500]);
    transcript(
        &mut bench,
        &[
            ("AT+CFTPSABORT", "\r\nERROR\r\n"),
            ("AT+CFTPSLOGOUT", "\r\nERROR\r\n"),
            ("AT+CFTPSSTOP", "\r\nERROR\r\n"),
            ("AT+CFTPSSTART", "\r\nOK\r\n\r\n+CFTPSSTART: 0\r\n"),
            (LOGIN, "\r\nOK\r\n\r\n+CFTPSLOGIN: 0\r\n"),
            ("AT+CFTPSSIZE=\"f\"", "\r\nOK\r\n\r\n+CFTPSSIZE: 1500\r\n"),
            (
                "AT+CFTPSGET=\"f\",0,1",
                "\r\nOK\r\n\r\n+CFTPS: RECV EVENT\r\n\r\n+CFTPSGET: 0\r\n",
            ),
            ("AT+CFTPSCACHERD?", "\r\n+CFTPSCACHERD: 1500\r\n\r\nOK\r\n"),
        ],
    );
    let frame = |n: usize| format!("\r\n+CFTPSGET: DATA,{n}\r\n{}\r\nOK\r\n", "z".repeat(n));
    assert_eq!(bench.command("AT+CFTPSCACHERD"), frame(1024));
    assert_eq!(bench.command("AT+CFTPSCACHERD"), frame(476));
    assert_eq!(bench.command("AT+CFTPSCACHERD"), "\r\nOK\r\n");
}

/// Owners of A7670E boards configure TLS like this.
#[test]
fn a7670e_tls_settings() {
    let mut bench = Bench::quiet(Family::A7670);
    transcript(
        &mut bench,
        &[
            ("AT+CSSLCFG=\"sslversion\",3,4", "\r\nOK\r\n"),
            ("AT+CSSLCFG=\"authmode\",3,0", "\r\nOK\r\n"),
            ("AT+CSSLCFG=\"ignorelocaltime\",3,1", "\r\nOK\r\n"),
            ("AT+CFTPSSLCFG=0,3", "\r\nOK\r\n"),
            ("AT+CFTPSSLCFG=1,3", "\r\nOK\r\n"),
            ("AT+CFTPSMODE=0", "\r\nOK\r\n"),
            ("AT+CFTPSMODE?", "\r\n+CFTPSMODE: 0\r\n\r\nOK\r\n"),
            ("AT+CFTPSSLCFG=2,3", "\r\nERROR\r\n"),
            ("AT+CFTPSSLCFG=0,10", "\r\nERROR\r\n"),
        ],
    );
}

/// The test and read forms of the command description.
#[test]
fn test_and_read_forms() {
    let mut bench = Bench::quiet(Family::Sim7600);
    let script = [
        (
            "AT+CFTPSLOGIN=?",
            "+CFTPSLOGIN: \"ADDRESS\",(1-65535)[,\"USERNAME\",\"PASSWORD\"[,(0-3)]]",
        ),
        ("AT+CFTPSMKD=?", "+CFTPSMKD: \"DIR\""),
        ("AT+CFTPSTYPE=?", "+CFTPSTYPE: (A,I)"),
        ("AT+CFTPSTYPE?", "+CFTPSTYPE: I"),
        (
            "AT+CFTPSGETFILE=?",
            "+CFTPSGETFILE: [{non-ascii}]\"FILEPATH\"[,(1-4)]",
        ),
        (
            "AT+CFTPSGET=?",
            "+CFTPSGET: [{non-ascii}]\"FILEPATH\"[,<rest_size>[(0,1)]]",
        ),
        ("AT+CFTPSSINGLEIP=?", "+CFTPSSINGLEIP: (0,1)"),
        ("AT+CFTPSSINGLEIP?", "+CFTPSSINGLEIP: 0"),
        ("AT+CFTPSSIZE=?", "+CFTPSSIZE: \"<filepath>\""),
        ("AT+CFTPSCACHERD?", "+CFTPSCACHERD: 0"),
    ];
    for (line, information) in script {
        assert_eq!(
            bench.command(line),
            format!("\r\n{information}\r\n\r\nOK\r\n"),
            "{line}"
        );
    }
    assert_eq!(bench.command("AT+CFTPSLOGOUT=?"), "\r\nOK\r\n");
    for absent in [
        "AT+CFTPSMODE?",
        "AT+CFTPSSLCFG=?",
        "AT+CFTPSLOGIN?",
        "AT+CFTPSCFG=1",
    ] {
        assert_eq!(bench.command(absent), "\r\nERROR\r\n", "{absent}");
    }
}
