//! Reading the text of a transcript, line by line.

use std::collections::BTreeMap;

use crate::format::{By, Form, Given, HOST, Item, Level, Said, Server, Transcript, Whose, parse};
use simcom_emulator::request::Security;
use simcom_emulator::{Effect, Family, Fault, Phase, Trigger};

/// Reads a transcript, without checking whether it makes sense.
///
/// # Errors
/// Names the line and what is wrong with it.
pub(crate) fn read(text: &str) -> Result<Transcript, String> {
    let mut reader = Reader::default();
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        reader
            .read(number, line.trim_end())
            .map_err(|problem| format!("line {number}: {problem}"))?;
    }
    reader.finish()
}

#[derive(Default)]
struct Reader {
    title: Option<String>,
    sources: Vec<String>,
    family: Option<Family>,
    given: Option<Given>,
    without: BTreeMap<Level, String>,
    pieces: bool,
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
            "<=" => (By::Module, Form::Again),
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
            "pieces" => self.pieces = true,
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
        Ok(Transcript {
            title: self.title.ok_or("no @title")?,
            family: self.family.ok_or("no @family")?,
            given: self.given.ok_or("no @given")?,
            without: self.without,
            pieces: self.pieces,
            knobs: toml::from_str(&knobs).map_err(|error| error.to_string())?,
            faults: self.faults,
            server: self.server.unwrap_or_default(),
            items: self.items,
        })
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

/// No server, user or password of a real person may be committed.
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
