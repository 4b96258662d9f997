//! One line from the module, classified without context.

use std::fmt;

/// A line without its line end: a final result code, or text whose meaning depends on the
/// command under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// Ends a command (V.250 §5.7.1).
    Final(FinalCode),
    /// Information, a report, an unsolicited line or an echo.
    Text(String),
}

impl Line {
    /// Classifies a line. Bytes that are not UTF-8 become replacement characters.
    #[must_use]
    pub fn classify(raw: &[u8]) -> Self {
        let text = String::from_utf8_lossy(raw);
        match FinalCode::parse(&text) {
            Some(code) => Self::Final(code),
            None => Self::Text(text.into_owned()),
        }
    }
}

/// Whether a line is a sentence of a satellite receiver. Many boards let such sentences out of the AT
/// port. A sentence is `$` or `#`, a body, `*` and the right checksum (NMEA 0183: the exclusive or of all
/// bytes in between, in hexadecimal).
#[must_use]
pub fn is_sentence(line: &[u8]) -> bool {
    let [b'$' | b'#', body @ .., b'*', high, low] = line else {
        return false;
    };
    let found = body.iter().fold(0, |sum, byte| sum ^ byte);
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let sum = digit(high)
        .zip(digit(low))
        .map(|(high, low)| high * 16 + low);
    sum == Some(u32::from(found))
}

/// A result code that ends a command.
///
/// `CONNECT`, `NO CARRIER` and the like end dialling commands, which this host never sends. A `NO
/// CARRIER` that arrives belongs to a voice call and is text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FinalCode {
    /// `OK`
    Ok,
    /// `ERROR`, `+CME ERROR: …` or `+CMS ERROR: …`, with the code where one was given.
    Error(Option<ErrorCode>),
}

impl FinalCode {
    fn parse(text: &str) -> Option<Self> {
        // Blanks at its end do not make it another line.
        match text.trim_end_matches(' ') {
            "OK" => return Some(Self::Ok),
            "ERROR" => return Some(Self::Error(None)),
            _ => {}
        }
        let detail = text
            .strip_prefix("+CME ERROR:")
            .or_else(|| text.strip_prefix("+CMS ERROR:"))?
            .trim();
        Some(Self::Error(Some(match detail.parse() {
            Ok(number) => ErrorCode::Number(number),
            Err(_) => ErrorCode::Text(detail.to_owned()),
        })))
    }
}

/// What `+CME ERROR:` or `+CMS ERROR:` gave as the reason (3GPP 27.007 §9.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrorCode {
    /// With `AT+CMEE=1`.
    Number(u16),
    /// With `AT+CMEE=2`.
    Text(String),
}

impl ErrorCode {
    /// Whether the code says that no SIM is in the module (3GPP 27.007 §9.2.1: 10).
    #[must_use]
    pub fn is_sim_missing(&self) -> bool {
        match self {
            Self::Number(number) => *number == 10,
            Self::Text(text) => {
                text.eq_ignore_ascii_case("SIM not inserted")
                    || text.eq_ignore_ascii_case("SIM REMOVED")
            }
        }
    }

    /// Whether the code says that the SIM does not serve (3GPP 27.007 §9.2.1: 13). The module says so
    /// without a card, with a broken card, and while the radio is switched off. It tells no more about
    /// the card.
    #[must_use]
    pub fn is_sim_failure(&self) -> bool {
        match self {
            Self::Number(number) => *number == 13,
            Self::Text(text) => text.eq_ignore_ascii_case("SIM failure"),
        }
    }

    /// Whether the code says that the SIM is busy and will serve soon (3GPP 27.007 §9.2.1: 14).
    #[must_use]
    pub fn is_sim_busy(&self) -> bool {
        match self {
            Self::Number(number) => *number == 14,
            Self::Text(text) => text.eq_ignore_ascii_case("SIM busy"),
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "CME error {number}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_lines_are_final_codes() {
        assert_eq!(Line::classify(b"OK"), Line::Final(FinalCode::Ok));
        assert_eq!(
            Line::classify(b"ERROR"),
            Line::Final(FinalCode::Error(None))
        );
        assert_eq!(Line::classify(b"OK "), Line::Final(FinalCode::Ok));
        for text in [
            " OK",
            "ok",
            "OKAY",
            "ERROR: 3",
            "NO CARRIER",
            "+CMEE: 2",
            "xOK",
        ] {
            assert_eq!(Line::classify(text.as_bytes()), Line::Text(text.into()));
        }
    }

    #[test]
    fn an_error_code_is_a_number_or_a_text() {
        let error = |code| Line::Final(FinalCode::Error(Some(code)));
        assert_eq!(
            Line::classify(b"+CME ERROR: 10"),
            error(ErrorCode::Number(10))
        );
        assert_eq!(
            Line::classify(b"+CME ERROR:SIM not inserted"),
            error(ErrorCode::Text("SIM not inserted".into()))
        );
        assert!(ErrorCode::Text("SIM not inserted".into()).is_sim_missing());
        assert!(ErrorCode::Number(14).is_sim_busy());
    }
}
