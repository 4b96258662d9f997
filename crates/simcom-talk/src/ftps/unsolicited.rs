//! Unsolicited result codes: the list of them, and those that change where the module stands.

use crate::at::Line;
use crate::at::line::is_sentence;

/// An unsolicited result code (V.250 §5.7.1). Most of them mean nothing to the daemon; these do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Urc {
    /// The module has started: all its state is lost.
    Boot,
    /// `+CFTPSNOTIFY: PEER CLOSED`: the control connection is closed. Log out and log in again.
    PeerClosed,
    /// `+CFTPSNOTIFY: FTPS DISCONNECT` (A76XX AT manual V1.09 §17): start the service again.
    ServiceLost,
    /// The data connection to the network is down.
    NetworkLost,
    /// `+CFTPS: RECV EVENT`: content has come into the cache (SIMCom manual L1214 b).
    Received,
    /// `+CFTPSERRORBUF:` the server's own text (A76xx).
    ServerText(String),
    /// Anything else.
    Other(String),
}

impl Urc {
    /// All names that [`Urc::name`] gives.
    pub const NAMES: [&'static str; 7] = [
        "boot",
        "peer_closed",
        "service_lost",
        "network_lost",
        "received",
        "server_text",
        "other",
    ];

    /// One word for programs.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Boot => "boot",
            Self::PeerClosed => "peer_closed",
            Self::ServiceLost => "service_lost",
            Self::NetworkLost => "network_lost",
            Self::Received => "received",
            Self::ServerText(_) => "server_text",
            Self::Other(_) => "other",
        }
    }

    /// Whether the line has no room for free text, so that a log may always show it.
    #[must_use]
    pub const fn has_no_free_text(&self) -> bool {
        match self {
            Self::Boot
            | Self::PeerClosed
            | Self::ServiceLost
            | Self::NetworkLost
            | Self::Received => true,
            Self::ServerText(_) | Self::Other(_) => false,
        }
    }

    /// Reads a line that belongs to no command.
    #[must_use]
    pub fn parse(line: &str) -> Self {
        if is_boot(line) {
            return Self::Boot;
        }
        let other = || Self::Other(line.to_owned());
        let Some((name, body)) = line.split_once(':') else {
            return other();
        };
        match (name, body.trim()) {
            // Both forms are seen, with and without the blank.
            ("+CFTPSNOTIFY", "PEER CLOSED" | "PEERCLOSED") => Self::PeerClosed,
            ("+CFTPSNOTIFY", "FTPS DISCONNECT" | "FTPSDISCONNECT") => Self::ServiceLost,
            ("+CFTPS", "RECV EVENT") => Self::Received,
            ("+CFTPSERRORBUF", text) => Self::ServerText(text.trim_matches('"').to_owned()),
            ("+CGEV", event) if is_network_lost(event) => Self::NetworkLost,
            _ => other(),
        }
    }
}

/// Whether a line is an unsolicited one. No answer, name or content looks like such a line, unless somebody made it
/// so on purpose.
///
/// This is the one list of such lines. Other rooms ask the functions of this file about a line. Lines that begin with
/// a sign are recognised by their form. Reports of the FTPS service do not count.
#[must_use]
pub fn is_unsolicited(line: &str) -> bool {
    is_unsolicited_word(line) || is_sentence(line.as_bytes()) || has_name_of_its_own(line)
}

/// Whether a line can be an answer without a prefix, as that to `AT+CGMM`: it begins with no sign, is no echo of a
/// command, and is not unsolicited.
#[must_use]
pub fn may_be_bare_information(line: &str) -> bool {
    !line.starts_with(['+', '*', '^', '$', '#']) && !line.starts_with("AT") && !is_unsolicited(line)
}

/// Whether a line can be content that has lost the line with its count.
#[must_use]
pub fn may_be_content(line: &str) -> bool {
    !line.starts_with(['+', '*']) && !line.starts_with("AT") && !is_unsolicited(line)
}

/// Whether a line can only be the name of a file on the module. Such a name holds no colon.
#[must_use]
pub fn is_only_a_file_name(line: &str) -> bool {
    !line.starts_with(['+', '*']) && !line.contains(':') && !is_unsolicited(line)
}

/// Whether a text could be taken for a line that the module itself sends: an unsolicited line, a final result code
/// (V.250 §5.7.1, and 3GPP 27.007 §9.2), or the echo of a command.
#[must_use]
pub fn is_said_by_modules(text: &str) -> bool {
    let upper = text.trim().to_ascii_uppercase();
    upper.strip_prefix("AT").is_some_and(is_body)
        || matches!(Line::classify(upper.as_bytes()), Line::Final(_))
        || RESULT_CODES.contains(&upper.as_str())
        || is_unsolicited(text)
        || is_unsolicited(&upper)
}

/// Whether the text behind `AT` is empty, or begins with a command that has a sign and a letter: `&` and `+` (V.250
/// §5.3.1 and §5.4.1), and the signs that makers of modules use. Blanks before it do not count (§5.2.1). Commands of
/// letters only do not count, since too many names begin like them, as in `ATTACHED.TXT`.
fn is_body(text: &str) -> bool {
    let mut body = text.trim_start().chars();
    match (body.next(), body.next()) {
        (None, _) => true,
        (Some(sign), Some(letter)) => "&+*^$%#@!\\".contains(sign) && letter.is_ascii_alphabetic(),
        (Some(_), None) => false,
    }
}

/// Result codes in words, besides those that [`Line`] knows (V.250 §5.7.1).
const RESULT_CODES: [&str; 5] = [
    "CONNECT",
    "NO DIALTONE",
    "NO DIAL TONE",
    "NO ANSWER",
    "BUSY",
];

/// Whether a line without a sign in front is an unsolicited one.
#[must_use]
pub fn is_unsolicited_word(line: &str) -> bool {
    WORDS.contains(&line)
        || BEGINNINGS.iter().any(|word| {
            let rest = line.strip_prefix(word);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', ':']))
        })
        || ["UNDER-VOLTAGE WARN", "OVER-VOLTAGE WARN"]
            .iter()
            .any(|warning| line.starts_with(warning))
}

/// Lines of fixed words: those after power-on and after the SIM was read (SIM7500/ SIM7600 AT manual V3.00), those
/// about network names on the SIM (§4.24 there, "Indication of EONS"), and those about calls (V.250 §5.7.1).
const WORDS: [&str; 20] = [
    "START",
    "RDY",
    "SMS DONE",
    "SMS READY",
    "SMS Ready",
    "PB DONE",
    "CALL READY",
    "Call Ready",
    "SIM REMOVED",
    "SIM INSERTED",
    "OPL INIT",
    "OPL DONE",
    "OPL UPDATING",
    "PNN INIT",
    "PNN DONE",
    "PNN UPDATING",
    "RING",
    "NO CARRIER",
    "NORMAL POWER DOWN",
    "POWER DOWN",
];

/// Words with more text behind them.
const BEGINNINGS: [&str; 4] = ["VOICE CALL", "MISSED_CALL", "Autobaud", "RECV FROM"];

/// `+CMTI: "SM",4`, `*PSUTTZ: ..`, `^MODE:..`: a sign, a name and a colon, but no report of the service.
fn has_name_of_its_own(line: &str) -> bool {
    let Some((name, _)) = line.split_once(':') else {
        return false;
    };
    let Some(word) = name.strip_prefix(['+', '*', '^']) else {
        return false;
    };
    let named = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b' ');
    !word.is_empty()
        && word.bytes().all(named)
        && !word.starts_with("CFT")
        && !matches!(word, "CME ERROR" | "CMS ERROR")
}

/// The first line after power-on: `RDY` of the SIM7600 at a fixed baud rate, `Autobaud: OK` otherwise, `*ATREADY: 1`
/// of the A76xx. The lines after it (`+CPIN: READY`, `SMS DONE`, `PB DONE`) come many seconds later, when the module
/// may already be in use.
fn is_boot(line: &str) -> bool {
    matches!(line, "RDY" | "Autobaud: OK") || line.starts_with("*ATREADY")
}

/// 3GPP 27.007 §10.1.19: the context was deactivated or the module was detached. An event of a context other than 1,
/// which the FTPS service uses by default, says nothing about it.
fn is_network_lost(event: &str) -> bool {
    let deactivated = ["ME PDN DEACT", "NW PDN DEACT"];
    match deactivated
        .iter()
        .find_map(|prefix| event.strip_prefix(prefix))
    {
        Some(context) => matches!(context.trim(), "" | "1"),
        None => matches!(event, "NW DETACH" | "ME DETACH"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_change_the_standing_are_known() {
        for (line, urc) in [
            ("RDY", Urc::Boot),
            ("*ATREADY: 1", Urc::Boot),
            ("+CFTPSNOTIFY: PEER CLOSED", Urc::PeerClosed),
            ("+CFTPSNOTIFY:PEER CLOSED", Urc::PeerClosed),
            ("+CFTPSNOTIFY: FTPS DISCONNECT", Urc::ServiceLost),
            ("+CGEV: ME PDN DEACT 1", Urc::NetworkLost),
            ("+CGEV: NW DETACH", Urc::NetworkLost),
            ("+CFTPS: RECV EVENT", Urc::Received),
            (
                "+CFTPSERRORBUF: \"550 no\"",
                Urc::ServerText("550 no".into()),
            ),
        ] {
            assert_eq!(Urc::parse(line), urc, "{line}");
        }
    }

    #[test]
    fn gnss_sentences_with_their_checksum_and_the_lines_of_chapter_4_24_are_nobodys_answer() {
        for line in [
            "$GNRMC,,V,,,,,,,,,,N,V*37",
            "$GNGGA,,,,,,0,00,99.99,,,,,,*56",
            "$GPGSV,1,1,00,0*65",
            "$OK*04",
            "OPL UPDATING",
            "PNN DONE",
            "CALL READY",
            "SMS DONE",
            "MISSED_CALL: 09:10AM 10086",
            "MISSED_CALL 09:10AM",
            "VOICE CALL: BEGIN",
            "UNDER-VOLTAGE WARNNING",
            "+CREG: 1",
            "+CMTI: \"SM\",4",
            "*PSUTTZ: 24,1,1",
        ] {
            assert!(is_unsolicited(line), "{line}");
        }
        for line in [
            "$GNRMC,,V,,,,,,,,,,N,V*38",
            "$GNRMC",
            "OK",
            "+CME ERROR: 3",
            "+CFTPSGET: 0",
            "+CFTPS: RECV EVENT",
            "SIMCOM INCORPORATED",
            "MISSED_CALLS.txt",
            "STARTUP",
            "",
        ] {
            assert!(!is_unsolicited(line), "{line}");
        }
    }

    /// `AT-report.txt`, `at (1).txt` and `AT 2024.csv` were refused as names for a file on the module.
    #[test]
    fn a_name_that_begins_as_a_command_line_does_is_one_only_where_a_command_follows() {
        for line in [
            "AT",
            "at",
            "AT ",
            "AT+CFUN=1,1",
            "at+cfun",
            "AT&F",
            "AT &f.txt",
            "AT$QCPWRDN",
            "AT^RESET",
            "at#x.txt",
            "AT%log",
            "AT!BOOT",
        ] {
            assert!(is_said_by_modules(line), "{line}");
        }
        for name in [
            "AT-report.txt",
            "at (1).txt",
            "AT 2024.csv",
            "AT 2024 report.csv",
            "AT+1.txt",
            "at#1.txt",
            "AT'n'.txt",
            "AT=x",
            "attached.txt",
            "AT_1.txt",
            "AT.txt",
            "AT\u{e9}.txt",
            "AT +.txt",
        ] {
            assert!(!is_said_by_modules(name), "{name}");
        }
    }

    #[test]
    fn others_do_not() {
        for line in [
            "RING",
            "SMS DONE",
            "+CMTI: \"SM\",4",
            "+CGEV: ME PDN DEACT 8",
            "+CREG: 1",
        ] {
            assert_eq!(Urc::parse(line), Urc::Other(line.into()), "{line}");
        }
    }
}
