//! The module against the documents, byte for byte, in virtual time.

use std::time::Duration;

use super::uplink::memory::{Memory, Rest, Server, Settled};
use super::{Action, Effect, Emulator, Family, Fault, Knobs, Phase, Profile, Trigger, Verdict};

const LOGIN: &str = "AT+CFTPSLOGIN=\"ftp.example\",21,\"user\",\"pass\",0";

/// An emulator with a network, typed at.
struct Bench {
    emulator: Emulator,
    network: Memory,
    now: Duration,
}

impl Bench {
    fn new(family: Family, knobs: Knobs) -> Self {
        let mut network = Memory::new();
        network.insert("ftp.example", 21, Server::with_user("user", "pass"));
        Self {
            emulator: Emulator::new(Profile::of(family), knobs),
            network,
            now: Duration::ZERO,
        }
    }

    fn quiet(family: Family) -> Self {
        Self::new(
            family,
            Knobs {
                echo: false,
                ..Knobs::default()
            },
        )
    }

    /// Started and logged in, echo off.
    fn logged_in(family: Family) -> Self {
        Self::logged_in_with(
            family,
            Knobs {
                echo: false,
                ..Knobs::default()
            },
        )
    }

    fn logged_in_with(family: Family, knobs: Knobs) -> Self {
        let mut bench = Self::new(family, knobs);
        bench.command("AT+CFTPSSTART");
        bench.command(LOGIN);
        assert_eq!(bench.network.take_seen(), ["LOGIN user"]);
        bench
    }

    fn server(&mut self) -> &mut Server {
        self.network.server_mut("ftp.example", 21).unwrap()
    }

    fn with_file(mut self, path: &str, content: &[u8]) -> Self {
        self.server().files.insert(path.into(), content.to_vec());
        self
    }

    fn type_bytes(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.emulator.handle_bytes(self.now, bytes);
        self.settle().sent
    }

    fn settle(&mut self) -> Settled {
        self.network.settle(&mut self.emulator, self.now)
    }

    fn command(&mut self, line: &str) -> String {
        let sent = self.type_bytes(format!("{line}\r").as_bytes());
        String::from_utf8(sent).unwrap()
    }

    fn wait(&mut self, time: Duration) -> Settled {
        self.now += time;
        self.emulator.handle_deadline(self.now);
        self.settle()
    }
}

/// Runs a script of (typed line, whole answer).
fn transcript(bench: &mut Bench, script: &[(&str, &str)]) {
    for (line, answer) in script {
        assert_eq!(bench.command(line), *answer, "after {line}");
    }
}

#[test]
fn sim7600_application_note_session() {
    // SIM7500/SIM7600 FTP(S) application note V3.00 §5.1.
    let mut bench = Bench::quiet(Family::Sim7600).with_file("/n", b"0123456789");
    transcript(
        &mut bench,
        &[
            ("AT+CFTPSSTART", "\r\nOK\r\n\r\n+CFTPSSTART: 0\r\n"),
            ("AT+CFTPSSINGLEIP=1", "\r\nOK\r\n"),
            (LOGIN, "\r\nOK\r\n\r\n+CFTPSLOGIN: 0\r\n"),
            (
                "AT+CFTPSLIST",
                "\r\nOK\r\n\r\n+CFTPSLIST: DATA,45\r\n\
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
    assert_eq!(bench.server().files[&b"/m"[..]], b"abcdefghij");
}
