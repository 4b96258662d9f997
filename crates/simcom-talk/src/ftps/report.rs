//! Reports: the lines that tell the outcome of an FTPS command.

use super::command_name::CommandName;
use super::non_ascii;

/// A line such as `+CFTPSGET: <body>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The command it belongs to.
    pub name: CommandName,
    /// What it says.
    pub body: Body,
}

/// What a report says. The meaning of a number depends on the command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Only a number: an error code or a size.
    Number(u64),
    /// `DATA,<n>`: this many bytes of content follow the line end.
    Data(u64),
    /// A size that cannot be an error code: `LEN,<n>` (SIM767XX AT manual V1.06 §15) or
    /// `0,<n>` (SIM5320).
    Length(u64),
    /// A string. It is decoded where it came as `{non-ascii}"<hex>"`.
    Text(String),
    /// None of these.
    Other(String),
}

impl Report {
    /// Reads a line. `None` where it is no report of a command.
    ///
    /// A blank after the colon is usual but may be missing (SIM7500/SIM7600 FTP(S) application note
    /// V3.00 §5.2.3). Numbers may have leading zeros, and blanks around them.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let (name, body) = line.split_once(':')?;
        let name = CommandName::ALL
            .into_iter()
            .find(|command| command.report() == name)?;
        Some(Self {
            name,
            body: Body::parse(body.trim()),
        })
    }
}

impl Body {
    fn parse(body: &str) -> Self {
        if let Some(number) = number(body) {
            return Self::Number(number);
        }
        if let Some((word, rest)) = body.split_once(',')
            && let Some(value) = number(rest)
        {
            match word.trim() {
                "DATA" => return Self::Data(value),
                "LEN" | "0" => return Self::Length(value),
                _ => {}
            }
        }
        non_ascii::text(body).map_or_else(|| Self::Other(body.to_owned()), Self::Text)
    }
}

fn number(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reports_are_read_in_every_spelling() {
        let cases = [
            ("+CFTPSSTART: 0", CommandName::Start, Body::Number(0)),
            (
                "+CFTPSSIZE:1261568",
                CommandName::Size,
                Body::Number(1_261_568),
            ),
            ("+CFTPSSIZE: LEN,9", CommandName::Size, Body::Length(9)),
            ("+CFTPSSIZE: 0,9", CommandName::Size, Body::Length(9)),
            ("+CFTPSGET: DATA,1480", CommandName::Get, Body::Data(1480)),
            ("+CFTPSGET:DATA, 015", CommandName::Get, Body::Data(15)),
            ("+CFTPSLIST: DATA,0", CommandName::List, Body::Data(0)),
            (
                "+CFTPSPWD: \"/test12\"",
                CommandName::WorkingDirectory,
                Body::Text("/test12".into()),
            ),
            (
                "+CFTPSPWD: \"9\"",
                CommandName::WorkingDirectory,
                Body::Text("9".into()),
            ),
            (
                "+CFTPSPWD: 9",
                CommandName::WorkingDirectory,
                Body::Number(9),
            ),
            (
                "+CFTPSPWD: {non-ascii}\"2FC3A4\"",
                CommandName::WorkingDirectory,
                Body::Text("/\u{e4}".into()),
            ),
            ("+CFTPSTYPE: I", CommandName::Type, Body::Other("I".into())),
            (
                "+CFTPSPUT: BEGIN",
                CommandName::Put,
                Body::Other("BEGIN".into()),
            ),
        ];
        for (line, name, body) in cases {
            assert_eq!(Report::parse(line), Some(Report { name, body }), "{line}");
        }
    }

    #[test]
    fn other_lines_are_no_reports() {
        for line in [
            "OK",
            "+CFTPSGETX: 0",
            "+CFTPS: RECV EVENT",
            "AT+CFTPSGET: 0",
            "+CFTPSGET",
        ] {
            assert_eq!(Report::parse(line), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_line_makes_the_reader_fail(line: String) {
            let _ = Report::parse(&line);
            let _ = Report::parse(&format!("+CFTPSPWD: {{non-ascii}}\"{line}\""));
        }
    }
}
