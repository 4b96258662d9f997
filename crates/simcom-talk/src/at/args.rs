//! Builds command lines.

use std::fmt;
use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};

/// An encoded command line with its CR, ready for the port.
///
/// The types that the strings come from have checked each of them. [`CommandLineBuilder::quoted`]
/// checks once more, so that no string can end the line and begin another command.
#[derive(Clone, PartialEq, Eq)]
pub struct CommandLine {
    bytes: Bytes,
    /// Where the secret stands among the bytes.
    secret: Option<Range<usize>>,
}

/// A text that has this many bytes in a row in common with a secret does not have them by accident.
const TELLING: usize = 4;

impl CommandLine {
    /// A line without arguments, for example `AT+CGMM`.
    #[must_use]
    pub fn bare(name: &'static str) -> Self {
        CommandLineBuilder::new(name).finish()
    }

    /// A line with arguments: `<name>=<arguments>`.
    #[must_use]
    pub fn write(name: &'static str) -> CommandLineBuilder {
        let mut builder = CommandLineBuilder::new(name);
        builder.bytes.put_u8(b'=');
        builder
    }

    /// A read form: `<name>?`.
    #[must_use]
    pub fn read(name: &'static str) -> Self {
        let mut builder = CommandLineBuilder::new(name);
        builder.bytes.put_u8(b'?');
        builder.finish()
    }

    /// A test form: `<name>=?`.
    #[must_use]
    pub fn test(name: &'static str) -> Self {
        let mut builder = CommandLineBuilder::new(name);
        builder.bytes.put_slice(b"=?");
        builder.finish()
    }

    /// A line as a person typed it, without its CR. `None` where it holds anything but printable
    /// ASCII, which could end the line. The line counts as a secret: what a person sets may be one.
    #[must_use]
    pub fn typed(text: &str) -> Option<Self> {
        let printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        printable.then(|| {
            let mut bytes = BytesMut::from(text.as_bytes());
            bytes.put_u8(b'\r');
            let arguments = text.find('=').filter(|_| !text.ends_with("=?"));
            Self {
                bytes: bytes.freeze(),
                secret: arguments.map(|at| at + 1..text.len()),
            }
        })
    }

    /// The bytes for the port.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Characters up to the CR.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len().saturating_sub(1)
    }

    /// Whether the line is empty. It never is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the line holds something that no log may show.
    #[must_use]
    pub const fn is_secret(&self) -> bool {
        self.secret.is_some()
    }

    /// Whether a text has a part in common with the secret of the line: four bytes in a row, or the
    /// whole of a shorter one beside a quotation mark.
    #[must_use]
    pub fn shares_secret(&self, text: &str) -> bool {
        let secret = self.secret.clone().and_then(|range| self.bytes.get(range));
        let Some(secret) = secret.filter(|secret| !secret.is_empty()) else {
            return false;
        };
        let holds = |part: &[u8]| text.as_bytes().windows(part.len()).any(|at| at == part);
        if secret.len() < TELLING {
            return holds(&[b"\"", secret].concat()) || holds(&[secret, b"\""].concat());
        }
        secret.windows(TELLING).any(holds)
    }

    /// Whether a line from the module is the echo of this one (V.250 §6.2.4).
    #[must_use]
    pub fn is_echoed_by(&self, text: &str) -> bool {
        self.bytes
            .strip_suffix(b"\r")
            .is_some_and(|line| line == text.as_bytes())
    }
}

/// Shows the line; the arguments of a line with a secret are left out.
impl fmt::Display for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = String::from_utf8_lossy(&self.bytes);
        let text = text.trim_end_matches('\r');
        match text.split_once('=') {
            Some((name, _)) if self.is_secret() => write!(f, "{name}=***"),
            _ => f.write_str(text),
        }
    }
}

impl fmt::Debug for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CommandLine({self})")
    }
}

/// Collects the arguments of a [`CommandLine`]. Has no `Debug`: it may hold a secret.
pub struct CommandLineBuilder {
    bytes: BytesMut,
    arguments: usize,
    secret: Option<Range<usize>>,
}

impl CommandLineBuilder {
    fn new(name: &'static str) -> Self {
        Self {
            bytes: BytesMut::from(name.as_bytes()),
            arguments: 0,
            secret: None,
        }
    }

    fn separate(&mut self) {
        if self.arguments > 0 {
            self.bytes.put_u8(b',');
        }
        self.arguments += 1;
    }

    /// Adds a number.
    #[must_use]
    pub fn number(mut self, number: u64) -> Self {
        self.separate();
        self.bytes.put_slice(number.to_string().as_bytes());
        self
    }

    /// Adds a word without quotation marks, for example `I`.
    #[must_use]
    pub fn word(mut self, word: &'static str) -> Self {
        self.separate();
        self.bytes.put_slice(word.as_bytes());
        self
    }

    /// Adds a string without quotation marks, as the file-system commands take names. Characters
    /// that would end the argument or the line are left out. The types of the callers have refused
    /// them before.
    #[must_use]
    pub fn unquoted(mut self, text: &str) -> Self {
        let ends = |byte: u8| breaks_out(byte) || matches!(byte, b',' | b';');
        debug_assert!(!text.bytes().any(ends), "unchecked argument");
        self.separate();
        self.bytes.extend(text.bytes().filter(|byte| !ends(*byte)));
        self
    }

    /// Adds a string in quotation marks. Characters that would end the string or the line are left
    /// out. The types of the callers have refused them before.
    #[must_use]
    pub fn quoted(self, text: &str) -> Self {
        self.prefixed("", text)
    }

    /// Adds a string in quotation marks with a prefix outside them, as in `{non-ascii}"C3A4"`.
    #[must_use]
    pub fn prefixed(mut self, prefix: &'static str, text: &str) -> Self {
        debug_assert!(!text.bytes().any(breaks_out), "unchecked string argument");
        self.separate();
        self.bytes.put_slice(prefix.as_bytes());
        self.bytes.put_u8(b'"');
        self.bytes
            .extend(text.bytes().filter(|byte| !breaks_out(*byte)));
        self.bytes.put_u8(b'"');
        self
    }

    /// Adds a string that no log may show; the whole line is then shown without arguments.
    #[must_use]
    pub fn secret(self, text: &str) -> Self {
        let mut line = self.quoted(text);
        // Without the quotation marks.
        let end = line.bytes.len() - 1;
        line.secret = Some(end - text.len().min(end)..end);
        line
    }

    /// Ends the line.
    #[must_use]
    pub fn finish(mut self) -> CommandLine {
        self.bytes.put_u8(b'\r');
        CommandLine {
            bytes: self.bytes.freeze(),
            secret: self.secret,
        }
    }
}

/// Whether a byte inside a quoted string would end the string, the line or a prompt's data.
const fn breaks_out(byte: u8) -> bool {
    byte == b'"' || byte < 0x20 || byte == 0x7F
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_written_as_v250_has_them() {
        assert_eq!(CommandLine::bare("AT").bytes().as_ref(), b"AT\r");
        assert_eq!(CommandLine::read("AT+CMEE").bytes().as_ref(), b"AT+CMEE?\r");
        assert_eq!(
            CommandLine::test("AT+CFTPSGET").bytes().as_ref(),
            b"AT+CFTPSGET=?\r"
        );
        let line = CommandLine::write("AT+CFTPSGET")
            .quoted("/a b")
            .number(7)
            .word("I")
            .unquoted("F:/x")
            .finish();
        assert_eq!(line.bytes().as_ref(), b"AT+CFTPSGET=\"/a b\",7,I,F:/x\r");
        let line = CommandLine::write("AT+CFTPSCWD")
            .prefixed("{non-ascii}", "C3A4")
            .finish();
        assert_eq!(line.bytes().as_ref(), b"AT+CFTPSCWD={non-ascii}\"C3A4\"\r");
    }

    #[test]
    fn a_line_with_a_secret_never_shows_its_arguments() {
        let line = CommandLine::write("AT+CFTPSLOGIN")
            .quoted("h")
            .number(21)
            .secret("pw")
            .finish();
        assert_eq!(line.to_string(), "AT+CFTPSLOGIN=***");
        assert!(!format!("{line:?}").contains("pw"));
        assert!(line.bytes().ends_with(b"\"h\",21,\"pw\"\r"));
    }

    #[test]
    fn an_echo_is_known() {
        let line = CommandLine::bare("AT+CSQ");
        assert!(line.is_echoed_by("AT+CSQ"));
        assert!(!line.is_echoed_by("AT+CSQ?"));
    }
}
