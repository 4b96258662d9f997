//! Command lines as the module reads them: assembling, splitting, parameters.
//!
//! V.250 §5.2: a line is `AT`, a body and CR. Extended commands (`+NAME`) are separated by `;`;
//! basic ones may follow each other directly.
//!
//! More than 400 lines: this is one grammar, with the tests of each of its rules.

/// Longest body that the module takes. SIMCom manual §1.4.4: 559 characters, else `ERROR`.
const LINE_LIMIT: usize = 559;
/// Most commands on one line, SIMCom manual §1.4.4.
const COMMAND_LIMIT: usize = 39;

/// Collects typed bytes until CR.
#[derive(Debug, Default)]
pub(crate) struct LineBuffer {
    typed: Vec<u8>,
    overflow: bool,
}

impl LineBuffer {
    /// Takes one byte. A CR returns the line.
    pub(crate) fn push(&mut self, byte: u8) -> Option<Typed> {
        match byte {
            b'\r' => {
                let typed = std::mem::take(&mut self.typed);
                let overflow = std::mem::take(&mut self.overflow);
                Some(if overflow {
                    Typed::TooLong
                } else {
                    Typed::of(&typed)
                })
            }
            // V.250 §5.2.2: S5, backspace, deletes the last character.
            0x08 => {
                self.typed.pop();
                None
            }
            _ => {
                // Two more for `AT` itself: the limit counts the characters after it.
                if self.typed.len() < LINE_LIMIT + 2 {
                    self.typed.push(byte);
                } else {
                    self.overflow = true;
                }
                None
            }
        }
    }
}

/// What a finished line is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Typed {
    /// It is no command line: V.250 §5.2.1 discards everything before `AT`.
    Noise,
    /// It is longer than the module holds.
    TooLong,
    /// It has these commands, or a syntax error.
    Commands(Result<Vec<Command>, SyntaxError>),
}

impl Typed {
    fn of(typed: &[u8]) -> Self {
        let start = typed
            .windows(2)
            .position(|pair| pair.eq_ignore_ascii_case(b"AT"));
        match start.and_then(|at| typed.get(at + 2..)) {
            Some(body) => Self::Commands(split(body)),
            None => Self::Noise,
        }
    }
}

/// One command of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Command {
    /// Upper case; with `+` for extended commands, `&F` or a letter for basic ones.
    pub(crate) name: String,
    /// How it is used.
    pub(crate) form: Form,
}

/// The four forms of V.250 §5.4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `+NAME`, or a basic command with its number.
    Execute(Vec<u8>),
    /// `+NAME?`
    Read,
    /// `+NAME=?`
    Test,
    /// `+NAME=...`
    Write(Vec<u8>),
}

/// The line cannot be read; the answer is `ERROR`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("syntax error in a command line")]
pub(crate) struct SyntaxError;

fn split(body: &[u8]) -> Result<Vec<Command>, SyntaxError> {
    let mut commands = Vec::new();
    let mut rest = body.trim_ascii();
    while let Some(&first) = rest.first() {
        let (command, tail) = match first {
            b';' => {
                rest = rest.get(1..).unwrap_or_default().trim_ascii_start();
                continue;
            }
            b'+' | b'*' | b'$' | b'^' => extended(rest)?,
            _ => basic(rest)?,
        };
        commands.push(command);
        if commands.len() > COMMAND_LIMIT {
            return Err(SyntaxError);
        }
        rest = tail.trim_ascii_start();
    }
    Ok(commands)
}

fn extended(text: &[u8]) -> Result<(Command, &[u8]), SyntaxError> {
    let mut quoted = false;
    let end = text
        .iter()
        .position(|&byte| {
            quoted ^= byte == b'"';
            byte == b';' && !quoted
        })
        .unwrap_or(text.len());
    let (text, tail) = text.split_at_checked(end).ok_or(SyntaxError)?;
    let name_end = text
        .iter()
        .skip(1)
        .position(|byte| !byte.is_ascii_alphanumeric())
        .map_or(text.len(), |at| at + 1);
    let (name, usage) = text.split_at_checked(name_end).ok_or(SyntaxError)?;
    let name = String::from_utf8_lossy(name).to_ascii_uppercase();
    let form = match usage.trim_ascii_end() {
        b"" => Form::Execute(Vec::new()),
        b"?" => Form::Read,
        b"=?" => Form::Test,
        [b'=', values @ ..] => Form::Write(values.to_vec()),
        _ => return Err(SyntaxError),
    };
    Ok((Command { name, form }, tail))
}

fn basic(text: &[u8]) -> Result<(Command, &[u8]), SyntaxError> {
    let letters = if text.first() == Some(&b'&') { 2 } else { 1 };
    let (name, rest) = text.split_at_checked(letters).ok_or(SyntaxError)?;
    if !name.last().is_some_and(u8::is_ascii_alphabetic) {
        return Err(SyntaxError);
    }
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, tail) = rest.split_at_checked(digits).ok_or(SyntaxError)?;
    let name = String::from_utf8_lossy(name).to_ascii_uppercase();
    let (form, tail) = match (name.as_str(), tail) {
        // V.250 §6.3.1: everything that follows is the number to be called.
        ("D", _) => (Form::Execute(rest.to_vec()), &[][..]),
        // V.250 §5.3.2.
        ("S", [b'?', tail @ ..]) => (Form::Read, tail),
        ("S", [b'=', tail @ ..]) => {
            let digits = tail.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let (value, tail) = tail.split_at_checked(digits).ok_or(SyntaxError)?;
            (Form::Write(value.to_vec()), tail)
        }
        _ => (Form::Execute(number.to_vec()), tail),
    };
    Ok((Command { name, form }, tail))
}

/// The command with the escapes of V.250 §5.4.2.2 decoded: a backslash and two hexadecimal digits.
/// A quotation mark stays escaped, since parameters are split later.
pub(crate) fn unescaped(command: &Command) -> Command {
    let Form::Write(values) = &command.form else {
        return command.clone();
    };
    let mut decoded = Vec::with_capacity(values.len());
    let mut rest = values.as_slice();
    while let Some((&first, tail)) = rest.split_first() {
        let byte = match tail {
            [high, low, ..] if first == b'\\' => from_hex(&[*high, *low]),
            _ => None,
        };
        match byte.as_deref() {
            Some(&[byte]) if byte != b'"' => {
                decoded.push(byte);
                rest = rest.get(3..).unwrap_or_default();
            }
            _ => {
                decoded.push(first);
                rest = tail;
            }
        }
    }
    Command {
        name: command.name.clone(),
        form: Form::Write(decoded),
    }
}

/// One parameter of a write form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Parameter {
    /// Nothing between two commas.
    Missing,
    /// `"text"`, or `{non-ascii}"hex"` decoded.
    Text(Vec<u8>),
    /// Anything without quotes.
    Word(Vec<u8>),
}

impl Parameter {
    /// The text of a quoted parameter, within a limit.
    pub(crate) fn text(&self, limit: usize) -> Option<&[u8]> {
        match self {
            Self::Text(text) if !text.is_empty() && text.len() <= limit => Some(text),
            _ => None,
        }
    }

    /// The bare word.
    pub(crate) fn word(&self) -> Option<&[u8]> {
        match self {
            Self::Word(word) => Some(word),
            _ => None,
        }
    }

    /// The text or the word: some file-system commands take names in either form.
    pub(crate) fn name(&self) -> Option<&[u8]> {
        match self {
            Self::Text(name) | Self::Word(name) if !name.is_empty() => Some(name),
            _ => None,
        }
    }

    /// A decimal number.
    pub(crate) fn number(&self) -> Option<u64> {
        let word = self.word()?;
        (!word.is_empty() && word.iter().all(u8::is_ascii_digit))
            .then(|| std::str::from_utf8(word).ok()?.parse().ok())
            .flatten()
    }
}

/// Splits the values of a write form.
pub(crate) fn parameters(values: &[u8]) -> Result<Vec<Parameter>, SyntaxError> {
    let mut parameters = Vec::new();
    let mut rest = values;
    loop {
        let (parameter, tail) = parameter(rest)?;
        parameters.push(parameter);
        match tail.trim_ascii_start() {
            b"" => return Ok(parameters),
            [b',', more @ ..] => rest = more,
            _ => return Err(SyntaxError),
        }
    }
}

/// SIMCom manual §10.2 and L1206: names outside ASCII are `{non-ascii}"<hex of UTF-8>"`.
const NON_ASCII: &[u8] = b"{non-ascii}";

fn parameter(text: &[u8]) -> Result<(Parameter, &[u8]), SyntaxError> {
    let text = text.trim_ascii_start();
    if let Some(hex) = text.strip_prefix(NON_ASCII) {
        let (hex, tail) = quoted(hex)?;
        return Ok((Parameter::Text(from_hex(hex).ok_or(SyntaxError)?), tail));
    }
    if text.first() == Some(&b'"') {
        let (text, tail) = quoted(text)?;
        return Ok((Parameter::Text(text.to_vec()), tail));
    }
    let end = text
        .iter()
        .position(|&byte| byte == b',')
        .unwrap_or(text.len());
    let (word, tail) = text.split_at_checked(end).ok_or(SyntaxError)?;
    let word = word.trim_ascii_end();
    if word.contains(&b'"') {
        return Err(SyntaxError);
    }
    let parameter = if word.is_empty() {
        Parameter::Missing
    } else {
        Parameter::Word(word.to_vec())
    };
    Ok((parameter, tail))
}

fn quoted(text: &[u8]) -> Result<(&[u8], &[u8]), SyntaxError> {
    let inner = text.strip_prefix(b"\"").ok_or(SyntaxError)?;
    let end = inner
        .iter()
        .position(|&byte| byte == b'"')
        .ok_or(SyntaxError)?;
    let (text, tail) = inner.split_at_checked(end).ok_or(SyntaxError)?;
    Ok((text, tail.get(1..).unwrap_or_default()))
}

fn from_hex(hex: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    let mut bytes = Vec::with_capacity(hex.len() / 2);
    let mut pairs = hex.chunks_exact(2);
    for pair in &mut pairs {
        let [high, low] = pair else { return None };
        bytes.push(digit(*high)? << 4 | digit(*low)?);
    }
    pairs.remainder().is_empty().then_some(bytes)
}

/// A path as the module prints it: in quotes, or as `{non-ascii}` hex.
pub(crate) fn printed_path(path: &[u8]) -> String {
    match std::str::from_utf8(path) {
        Ok(text) if text.bytes().all(|b| (0x20..0x7F).contains(&b) && b != b'"') => {
            format!("\"{text}\"")
        }
        _ => {
            let hex: String = path.iter().map(|byte| format!("{byte:02X}")).collect();
            format!("{{non-ascii}}\"{hex}\"")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(line: &[u8]) -> Typed {
        let mut buffer = LineBuffer::default();
        let mut lines = line.iter().filter_map(|&byte| buffer.push(byte));
        lines.next().unwrap()
    }

    fn commands(line: &[u8]) -> Vec<(String, Form)> {
        match typed(line) {
            Typed::Commands(Ok(commands)) => {
                commands.into_iter().map(|c| (c.name, c.form)).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn forms_and_concatenation() {
        assert_eq!(
            commands(b"AT+CREG=0;+cgreg?;+X=?;E0V1&F\r"),
            [
                ("+CREG".into(), Form::Write(b"0".to_vec())),
                ("+CGREG".into(), Form::Read),
                ("+X".into(), Form::Test),
                ("E".into(), Form::Execute(b"0".to_vec())),
                ("V".into(), Form::Execute(b"1".to_vec())),
                ("&F".into(), Form::Execute(Vec::new())),
            ]
        );
    }

    #[test]
    fn the_first_lines_of_minicom_and_wvdial_are_read() {
        let line = b"AT S7=45 S0? L1 V1 X4 &c1 E1 Q0\r";
        let names: Vec<String> = commands(line).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["S", "S", "L", "V", "X", "&C", "E", "Q"]);
        let dial = [("D".into(), Form::Execute(b"*99#".to_vec()))];
        assert_eq!(commands(b"ATD*99#\r"), dial);
    }

    #[test]
    fn a_semicolon_in_quotes_does_not_separate() {
        let line = b"AT+CFTPSCWD=\"a;b\"\r";
        assert_eq!(
            commands(line),
            [("+CFTPSCWD".into(), Form::Write(b"\"a;b\"".to_vec()))]
        );
    }

    #[test]
    fn noise_before_at_is_discarded_and_noise_alone_is_silent() {
        assert_eq!(commands(b"\x1a\x00at\r"), []);
        assert_eq!(typed(b"123457860\r"), Typed::Noise);
        assert_eq!(typed(b"\r"), Typed::Noise);
    }

    #[test]
    fn a_line_holds_559_characters() {
        let line = |n: usize| [b"AT+X=".to_vec(), vec![b'a'; n - 3], b"\r".to_vec()].concat();
        assert_eq!(commands(&line(559)).len(), 1);
        assert_eq!(typed(&line(560)), Typed::TooLong);
    }

    #[test]
    fn parameters_are_strings_words_or_missing() {
        assert_eq!(
            parameters(b"\"a,b\", 21,,{non-ascii}\"C3A4\"").unwrap(),
            [
                Parameter::Text(b"a,b".to_vec()),
                Parameter::Word(b"21".to_vec()),
                Parameter::Missing,
                Parameter::Text("ä".as_bytes().to_vec()),
            ]
        );
        for broken in [
            &b"\"a"[..],
            b"\"a\"b",
            b"a\"b",
            b"{non-ascii}\"C3A\"",
            b"{non-ascii}\"G0\"",
        ] {
            assert_eq!(parameters(broken), Err(SyntaxError), "{broken:?}");
        }
    }

    #[test]
    fn paths_outside_ascii_are_printed_as_hex() {
        assert_eq!(printed_path(b"/test12"), "\"/test12\"");
        assert_eq!(printed_path("/ä".as_bytes()), "{non-ascii}\"2FC3A4\"");
    }
}
