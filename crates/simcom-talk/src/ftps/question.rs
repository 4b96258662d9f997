//! Lines that a person wrote for the module.

use super::command_name::CommandName;
use super::value::ValueError;
use crate::at::CommandLine;

/// One command line that asks or sets something, and is answered by lines and a final result code.
///
/// A question leaves the module in the state that the next job expects: not at a prompt, in data mode or
/// in another dialect. It also takes neither the FTPS session nor the network away from other users. The
/// read and test forms (`?`, `=?`) of every command are allowed, except the search for networks
/// (`+COPS=?`). Other forms are passed on only where they are known to do no harm. A module that does not
/// answer is brought up again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question(CommandLine);

/// Longest command line, in characters (SIM7500/SIM7600 AT manual V3.00 §1.4.4).
const MAX: usize = 559;

/// Basic commands (V.250 §5.3.1) that only return information.
const BASIC: [&str; 4] = ["", "I", "&V", "I0"];

/// Extended commands without a value that are passed on: each only returns information.
const TOLD: [&str; 12] = [
    "+CGMI",
    "+CGMM",
    "+CGMR",
    "+CGSN",
    "+CIMI",
    "+CICCID",
    "+CSUB",
    "+CSQ",
    "+CBC",
    "+CPMUTEMP",
    "+CGPADDR",
    "+FSMEM",
];

/// Extended commands that may set or ask something by value: the PIN, the clock, an address. The access
/// point and its password (`+CGDCONT=`, `+CGAUTH=`) and the operator (`+COPS=`) are not among them: they
/// decide how all users reach the network, and belong into the configuration.
const SET: [&str; 4] = ["+CPIN", "+CCLK", "+CGPADDR", "+CDNSGIP"];

impl Question {
    /// Takes a line, without its line end.
    ///
    /// # Errors
    /// [`ValueError::Empty`], [`ValueError::TooLong`] beyond 559 characters, [`ValueError::NotAscii`], and
    /// [`ValueError::NotPassedOn`] with the reason.
    pub fn new(text: &str) -> Result<Self, ValueError> {
        let text = text.trim_matches(' ');
        if text.is_empty() {
            return Err(ValueError::Empty);
        }
        if text.len() > MAX {
            return Err(ValueError::TooLong {
                len: text.len(),
                max: MAX,
            });
        }
        let line = CommandLine::typed(text).ok_or(ValueError::NotAscii)?;
        check(text).map_err(ValueError::NotPassedOn)?;
        Ok(Self(line))
    }

    /// The line for the port.
    pub(crate) const fn line(&self) -> &CommandLine {
        &self.0
    }

    /// The test form of every command of the FTPS service, and the read form of those that are
    /// documented with one: SINGLEIP (SIMCom manual L1216), CACHERD (L1217), TYPE (L1210), and
    /// LOGIN (A76XX AT manual V1.09 §17).
    #[must_use]
    pub fn forms() -> Vec<Self> {
        const READ: [CommandName; 4] = [
            CommandName::Login,
            CommandName::Type,
            CommandName::SingleIp,
            CommandName::CacheRead,
        ];
        let service = CommandName::ALL
            .into_iter()
            .filter(|name| !matches!(name, CommandName::Storage(_)));
        let test = service.map(|name| CommandLine::test(name.as_str()));
        let read = READ.map(|name| CommandLine::read(name.as_str()));
        test.chain(read).map(Self).collect()
    }
}

fn check(text: &str) -> Result<(), &'static str> {
    let bare: String = text.split('"').step_by(2).collect();
    if !text.matches('"').count().is_multiple_of(2) {
        return Err("a quotation mark is not closed");
    }
    if bare.contains(';') {
        return Err("only one command at a time");
    }
    // Blanks outside strings mean nothing (V.250 §5.2.1), and upper and lower case are the same.
    let bare = bare.replace(' ', "").to_ascii_uppercase();
    let Some(command) = bare.strip_prefix("AT") else {
        return Err("a command begins with AT");
    };
    if BASIC.contains(&command) {
        return Ok(());
    }
    let name = command.split(['=', '?']).next().unwrap_or_default();
    let rest = command.get(name.len()..).unwrap_or_default();
    let extended = name.strip_prefix('+').is_some_and(|word| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric())
    });
    if !extended {
        return Err("of the basic commands only AT, ATI and AT&V are passed on");
    }
    if name == "+COPS" && rest == "=?" {
        return Err("a search for networks takes minutes, and the module has no network meanwhile");
    }
    let passed_on = match rest {
        "?" | "=?" => true,
        "" => TOLD.contains(&name),
        value => value.starts_with('=') && SET.contains(&name),
    };
    if !passed_on {
        return Err("of this command only the questions (`?`, `=?`) are passed on");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_and_harmless_settings_are_passed_on() {
        for text in [
            "AT",
            "ATI",
            "at+csq",
            "AT+CFUN?",
            "AT+CFTPSPUT=?",
            "AT+CDNSGIP=\"a;b\"",
            "AT+CGDCONT?",
            " AT+CPSI? ",
            "AT+CFTPSTYPE?",
        ] {
            let question = Question::new(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            let written = question.line().bytes().clone();
            assert_eq!(written, format!("{}\r", text.trim()).as_bytes());
        }
    }

    #[test]
    fn what_steals_the_session_or_prompts_is_not() {
        for text in [
            "",
            "AT+CGDCONT=1,\"IP\",\"other\"",
            "at+cgauth=1,1,\"a\",\"b\"",
            "AT+COPS=1,2,\"26201\"",
            "at+cops =?",
            "ATD123;",
            "ATO",
            "ATE1",
            "ATZ",
            "AT&F",
            "+++",
            "CSQ",
            "AT+",
            "AT+CFTPSLOGOUT",
            "AT+CFTPSSTOP",
            "at + cftps put = \"f\"",
            "AT+CSQ;+CFTPSSTOP",
            "AT+CSQ;+CMGS=\"1\"",
            "ATI;+CFUN=0",
            "ATE1+CSQ",
            "AT+CMGS=\"1\"",
            "AT+CUNHEARDOF=1",
            "AT+CUNHEARDOF",
            "AT+CIPSEND=0,5",
            "AT+CFTRANRX=\"F:/x\",4",
            "AT+CCERTDOWN=\"c\",9",
            "AT+CFUN=1,1",
            "AT+CRESET",
            "AT+CGDATA",
            "AT+CMEE=0",
            "A/",
            "AT+CSQ\"",
            "AT+CSQ\r",
            "AT+CSQ\rAT+CFTPSSTOP",
            "AT+CSQ\u{1a}",
            "AT+CSQ\u{e4}",
            "AT+CFTPSDELE=\"?\"",
            "AT+CFTPSDELE=\"=?",
        ] {
            assert!(Question::new(text).is_err(), "{text:?}");
        }
        let long = format!("AT+X={}", "1".repeat(555));
        assert_eq!(
            Question::new(&long),
            Err(ValueError::TooLong { len: 560, max: 559 })
        );
    }

    #[test]
    fn every_command_has_its_test_form() {
        let forms = Question::forms();
        let lines: Vec<String> = forms.iter().map(|form| form.line().to_string()).collect();
        let service = CommandName::ALL
            .into_iter()
            .filter(|name| name.is_of_the_service());
        for name in service {
            let test = format!("{name}=?");
            assert!(lines.contains(&test), "{test}: {lines:?}");
        }
        for (form, text) in forms.into_iter().zip(lines) {
            assert_eq!(Question::new(&text), Ok(form), "{text}");
        }
    }
}
