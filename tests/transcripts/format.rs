//! The format of a transcript: who said which bytes, and what it takes to say them again.
//! `README.md` beside this file is its description.

use std::collections::BTreeMap;
use std::str::FromStr;

use cellftp::emulator::uplink::Security;
use cellftp::emulator::{Effect, Family, Fault, Knobs, Phase, Trigger};

/// Host name that stands for every real one.
pub(crate) const HOST: &str = "ftp.example";

/// One recorded or documented conversation.
#[derive(Debug)]
pub(crate) struct Transcript {
    pub(crate) title: String,
    pub(crate) family: Family,
    pub(crate) given: Given,
    /// Levels at which it cannot be replayed, with the reason.
    pub(crate) without: BTreeMap<Level, String>,
    pub(crate) knobs: Knobs,
    pub(crate) faults: Vec<Fault>,
    pub(crate) server: Server,
    pub(crate) items: Vec<Item>,
}

/// The server behind the module.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) port: u16,
    pub(crate) security: Security,
    pub(crate) single_ip: bool,
    pub(crate) ascii: bool,
    pub(crate) files: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) folders: Vec<Vec<u8>>,
    /// What the server says to LIST, where that matters.
    pub(crate) listing: Vec<u8>,
    /// What it must hold afterwards.
    pub(crate) after: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Where the module stands before the first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Given {
    /// Stopped, and the host does not know it.
    Unknown,
    Stopped,
    Started,
    LoggedIn,
}

/// What can be compared with a transcript.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Frames,
    Host,
    Module,
}

/// A part of a transcript, in order.
#[derive(Debug)]
pub(crate) enum Item {
    Said(Said),
    /// The host begins this; ends with [`Item::Gives`].
    Do(Vec<u8>),
    Gives(String),
    Happens(Effect),
    Urc(String),
}

/// Bytes on the wire.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) number: usize,
    pub(crate) by: By,
    pub(crate) form: Form,
    pub(crate) bytes: Vec<u8>,
    pub(crate) whose: Whose,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Host,
    Module,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Line,
    Raw,
    Content,
    Prompt,
}

/// Which conversation a line belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// The source has it, and our host says it so.
    Both,
    /// Our host says it besides (`+`).
    Ours,
    /// The source has it, our host would not say it so (`-`).
    Theirs,
}

impl Transcript {
    /// Reads a transcript.
    ///
    /// # Errors
    /// Names the line and what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader::default();
        for (index, line) in text.lines().enumerate() {
            let number = index + 1;
            reader
                .read(number, line.trim_end())
                .map_err(|problem| format!("line {number}: {problem}"))?;
        }
        reader.finish()
    }

    /// What was said, without the lines that belong to the other conversation.
    pub(crate) fn said(&self, not: Whose) -> impl Iterator<Item = &Said> {
        self.items.iter().filter_map(move |item| match item {
            Item::Said(said) if said.whose != not => Some(said),
            _ => None,
        })
    }
}

#[derive(Default)]
struct Reader {
    title: Option<String>,
    sources: Vec<String>,
    family: Option<Family>,
    given: Option<Given>,
    without: BTreeMap<Level, String>,
    knobs: String,
    faults: Vec<Fault>,
    server: Option<Server>,
    items: Vec<Item>,
}

impl Reader {
    fn read(&mut self, number: usize, line: &str) -> Result<(), String> {
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        if let Some(directive) = line.strip_prefix('@') {
            let (name, rest) = directive.split_once(' ').unwrap_or((directive, ""));
            return self.direct(name, rest.trim());
        }
        let (whose, line) = match line.split_at_checked(1) {
            Some(("+", rest)) => (Whose::Ours, rest),
            Some(("-", rest)) => (Whose::Theirs, rest),
            _ => (Whose::Both, line),
        };
        let (marker, text) = line.split_once(' ').unwrap_or((line, ""));
        let (by, form) = match marker {
            ">" => (By::Host, Form::Line),
            ">|" => (By::Host, Form::Content),
            ">~" => (By::Host, Form::Raw),
            "<" => (By::Module, Form::Line),
            "<|" => (By::Module, Form::Content),
            "<~" => (By::Module, Form::Raw),
            "<?" => (By::Module, Form::Prompt),
            _ => return Err(format!("`{marker}` is no marker")),
        };
        let text = unescape(text)?;
        let bytes = match (by, form) {
            (By::Host, Form::Line) => [text.as_slice(), b"\r"].concat(),
            (By::Module, Form::Line) => [b"\r\n", text.as_slice(), b"\r\n"].concat(),
            _ => text,
        };
        if bytes.is_empty() {
            return Err("says nothing".into());
        }
        if by == By::Host {
            check_login(&bytes)?;
        }
        self.items.push(Item::Said(Said {
            number,
            by,
            form,
            bytes,
            whose,
        }));
        Ok(())
    }

    fn direct(&mut self, name: &str, rest: &str) -> Result<(), String> {
        let server = self.server.get_or_insert_default();
        match name {
            "title" => self.title = Some(rest.to_owned()),
            "source" => self.sources.push(rest.to_owned()),
            "family" => {
                self.family = Some(match rest {
                    "sim7600" => Family::Sim7600,
                    "a7670" => Family::A7670,
                    _ => return Err(format!("unknown family `{rest}`")),
                });
            }
            "given" => {
                self.given = Some(match rest {
                    "unknown" => Given::Unknown,
                    "stopped" => Given::Stopped,
                    "started" => Given::Started,
                    "logged-in" => Given::LoggedIn,
                    _ => return Err(format!("unknown standing `{rest}`")),
                });
            }
            "without" => {
                let (level, reason) = rest.split_once(": ").ok_or("a level needs a reason")?;
                let level = match level {
                    "host" => Level::Host,
                    "module" => Level::Module,
                    _ => return Err(format!("unknown level `{level}`")),
                };
                self.without.insert(level, reason.to_owned());
            }
            "knob" => self.knobs.push_str(&format!("{rest}\n")),
            "fail" => self.faults.push(failure(rest)?),
            "server" => set_server(server, rest)?,
            "file" => server.files.push(named(rest)?),
            "folder" => server.folders.push(unescape(rest)?),
            "listing" => {
                server.listing.extend(unescape(rest)?);
                server.listing.extend(b"\r\n");
            }
            "after" => server.after.push(named(rest)?),
            "do" => self.items.push(Item::Do(unescape(rest)?)),
            "gives" => self.items.push(Item::Gives(rest.to_owned())),
            "happens" => self.items.push(Item::Happens(effect(rest)?)),
            "urc" => self.items.push(Item::Urc(rest.to_owned())),
            _ => return Err(format!("unknown directive `{name}`")),
        }
        Ok(())
    }

    fn finish(self) -> Result<Transcript, String> {
        if self.sources.is_empty() {
            return Err("no @source: where do these bytes come from?".into());
        }
        // A document prints the command itself, so echo would print it twice.
        let knobs = format!("echo = false\n{}", self.knobs);
        let knobs = if self.knobs.contains("echo =") {
            self.knobs
        } else {
            knobs
        };
        let transcript = Transcript {
            title: self.title.ok_or("no @title")?,
            family: self.family.ok_or("no @family")?,
            given: self.given.ok_or("no @given")?,
            without: self.without,
            knobs: toml::from_str(&knobs).map_err(|error| error.to_string())?,
            faults: self.faults,
            server: self.server.unwrap_or_default(),
            items: self.items,
        };
        check_counts(&transcript)?;
        check_levels(&transcript)?;
        Ok(transcript)
    }
}

impl Default for Server {
    fn default() -> Self {
        Self {
            port: 21,
            security: Security::Plain,
            single_ip: true,
            ascii: false,
            files: Vec::new(),
            folders: Vec::new(),
            listing: Vec::new(),
            after: Vec::new(),
        }
    }
}

/// Bytes of a text with C's escapes, and `\{n}` before a character that stands n times.
pub(crate) fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut rest = text;
    let mut times = 1;
    while let Some(first) = rest.chars().next() {
        let (len, unit) = if first == '\\' {
            match rest.as_bytes().get(1) {
                Some(b'r') => (2, vec![b'\r']),
                Some(b'n') => (2, vec![b'\n']),
                Some(b'\\') => (2, vec![b'\\']),
                Some(b'x') => {
                    let hex = rest.get(2..4).ok_or("two digits must follow \\x")?;
                    let byte = u8::from_str_radix(hex, 16).map_err(|error| error.to_string())?;
                    (4, vec![byte])
                }
                Some(b'{') => {
                    let end = rest.find('}').ok_or("\\{ without }")?;
                    times = parse(rest.get(2..end))?;
                    rest = rest.get(end + 1..).unwrap_or_default();
                    continue;
                }
                _ => return Err("unknown escape".into()),
            }
        } else {
            let len = first.len_utf8();
            (len, rest.as_bytes().get(..len).unwrap_or_default().to_vec())
        };
        bytes.extend(unit.repeat(times));
        times = 1;
        rest = rest.get(len..).unwrap_or_default();
    }
    Ok(bytes)
}

/// A name, a blank, and bytes.
fn named(text: &str) -> Result<(Vec<u8>, Vec<u8>), String> {
    let (name, content) = text.split_once(' ').unwrap_or((text, ""));
    Ok((unescape(name)?, unescape(content)?))
}

pub(crate) fn parse<T: FromStr>(text: Option<&str>) -> Result<T, String> {
    let text = text.ok_or("a value is missing")?;
    text.parse()
        .map_err(|_| format!("`{text}` is no such value"))
}

/// `+CFTPSGET 1 14`: command, which execution, code.
fn failure(text: &str) -> Result<Fault, String> {
    let mut words = text.split(' ');
    Ok(Fault {
        trigger: Trigger::Command {
            command: parse(words.next())?,
            nth: parse(words.next())?,
            phase: Phase::BeforeResult,
        },
        effect: Effect::Fail(parse(words.next())?),
    })
}

fn effect(text: &str) -> Result<Effect, String> {
    match text {
        "peer-closed" => Ok(Effect::PeerClosed),
        "network-lost" => Ok(Effect::PdnDeactivated),
        "reboot" => Ok(Effect::Reboot),
        _ => Err(format!("unknown event `{text}`")),
    }
}

fn set_server(server: &mut Server, text: &str) -> Result<(), String> {
    for setting in text.split(' ') {
        match setting.split_once('=') {
            Some(("port", port)) => server.port = parse(Some(port))?,
            Some(("single_ip", on)) => server.single_ip = on == "1",
            Some(("type", "A")) => server.ascii = true,
            Some(("server_type", number)) => {
                server.security = match number {
                    "0" => Security::Plain,
                    "1" => Security::AuthSsl,
                    "2" => Security::AuthTls,
                    "3" => Security::Implicit,
                    _ => return Err(format!("unknown server type `{number}`")),
                }
            }
            _ => return Err(format!("unknown setting `{setting}`")),
        }
    }
    Ok(())
}

/// Nobody's server, user or password is to be committed.
fn check_login(bytes: &[u8]) -> Result<(), String> {
    let line = String::from_utf8_lossy(bytes);
    let Some((_, values)) = line.split_once("CFTPSLOGIN=\"") else {
        return Ok(());
    };
    let mut texts = values.split('"').step_by(2);
    let known = [Some(HOST), Some("user"), Some("pass")];
    if known.iter().any(|known| texts.next() != *known) {
        return Err(format!("a login names {HOST}, user and pass, nobody else"));
    }
    Ok(())
}

/// Every `DATA,n` is followed by n bytes of content.
fn check_counts(transcript: &Transcript) -> Result<(), String> {
    for not in [Whose::Ours, Whose::Theirs] {
        let mut due = 0usize;
        let mut last = 0;
        for said in transcript.said(not).filter(|said| said.by == By::Module) {
            if said.form == Form::Content {
                due = due
                    .checked_sub(said.bytes.len())
                    .ok_or(format!("line {}: more content than announced", said.number))?;
                continue;
            }
            if due > 0 {
                return Err(format!("line {last}: {due} bytes of content are missing"));
            }
            let text = String::from_utf8_lossy(&said.bytes);
            if let Some((_, count)) = text.split_once("DATA,") {
                due = parse(Some(count.trim()))?;
            }
            last = said.number;
        }
        if due > 0 {
            return Err(format!("line {last}: {due} bytes of content are missing"));
        }
    }
    Ok(())
}

/// A level that is said to be possible has something to compare.
fn check_levels(transcript: &Transcript) -> Result<(), String> {
    let does = transcript
        .items
        .iter()
        .any(|item| matches!(item, Item::Do(_)));
    if does == transcript.without.contains_key(&Level::Host) {
        return Err("either an @do, or @without host and the reason".into());
    }
    let says = transcript
        .said(Whose::Ours)
        .any(|said| said.by == By::Module);
    if !says {
        return Err("the module says nothing".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "@title t\n@source s\n@family sim7600\n@given logged-in\n";

    fn problem(body: &str) -> String {
        Transcript::parse(&format!("{HEAD}{body}")).unwrap_err()
    }

    #[test]
    fn escapes_are_read() {
        assert_eq!(
            unescape(r"a\r\n\x1A\\\{3}b\{2}\x00").unwrap(),
            b"a\r\n\x1A\\bbb\0\0"
        );
        assert!(unescape(r"\q").is_err());
        assert!(unescape(r"\x1").is_err());
    }

    #[test]
    fn lines_get_the_ends_that_the_wire_has() {
        let text = format!("{HEAD}@do pwd\n> AT\n< OK\n<? \\r\\n>\n-< x\n@gives done\n");
        let transcript = Transcript::parse(&text).unwrap();
        let said: Vec<&[u8]> = transcript
            .said(Whose::Theirs)
            .map(|said| said.bytes.as_slice())
            .collect();
        assert_eq!(said, [&b"AT\r"[..], b"\r\nOK\r\n", b"\r\n>"]);
    }

    #[test]
    fn what_would_mislead_is_refused() {
        let login = "@do login\n> AT+CFTPSLOGIN=\"203.0.113.7\",21,\"user\",\"pass\",0\n";
        assert!(problem(login).contains("nobody else"));
        let short = "@do list\n< +CFTPSLIST: DATA,4\n<| abc\n< +CFTPSLIST: 0\n";
        assert!(problem(short).contains("1 bytes of content are missing"));
        let long = "@do list\n< +CFTPSLIST: DATA,2\n<| abc\n";
        assert!(problem(long).contains("more content than announced"));
        assert!(problem("< OK\n").contains("either an @do"));
        assert!(problem("@knob ecko = 1\n@do pwd\n< OK\n").contains("ecko"));
        assert!(problem("@do pwd\n= OK\n").contains("no marker"));
        let unsourced = Transcript::parse("@title t\n@family a7670\n@given unknown\n");
        assert!(unsourced.unwrap_err().contains("@source"));
    }
}
