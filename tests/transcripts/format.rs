//! The format of a transcript: who sent which bytes, and what is needed to replay them. `README.md`
//! beside this file describes it.

use std::collections::BTreeMap;
use std::str::FromStr;

use crate::read::read;
use simcom_emulator::request::Security;
use simcom_emulator::{Effect, Family, Fault, Knobs};

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
    /// The host reads through the cache and writes in blocks.
    pub(crate) pieces: bool,
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
    /// The server's answer to LIST, where that matters.
    pub(crate) listing: Vec<u8>,
    /// What it must hold afterwards.
    pub(crate) after: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Where the module stands before the first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Given {
    /// Stopped, and the host does not know that.
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
    /// Content that the host already has, sent again where a transfer goes on.
    Again,
    Prompt,
}

/// Which conversation a line belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// The source has it, and this host sends it so.
    Both,
    /// This host sends it in addition (`+`).
    Ours,
    /// The source has it, and this host would not send it so (`-`).
    Theirs,
}

impl Transcript {
    /// Reads a transcript.
    ///
    /// # Errors
    /// Names the line and what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let transcript = read(text)?;
        check_counts(&transcript)?;
        check_levels(&transcript)?;
        Ok(transcript)
    }

    /// What was sent, without the lines that belong to the other conversation.
    pub(crate) fn said(&self, not: Whose) -> impl Iterator<Item = &Said> {
        self.items.iter().filter_map(move |item| match item {
            Item::Said(said) if said.whose != not => Some(said),
            _ => None,
        })
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

/// A value that a directive or a line holds.
///
/// # Errors
/// It is missing, or of another kind.
pub(crate) fn parse<T: FromStr>(text: Option<&str>) -> Result<T, String> {
    let text = text.ok_or("a value is missing")?;
    text.parse()
        .map_err(|_| format!("`{text}` is no such value"))
}

/// n bytes of content must follow every `DATA,n`.
fn check_counts(transcript: &Transcript) -> Result<(), String> {
    for not in [Whose::Ours, Whose::Theirs] {
        let mut due = 0usize;
        let mut last = 0;
        for said in transcript.said(not).filter(|said| said.by == By::Module) {
            if matches!(said.form, Form::Content | Form::Again) {
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

/// A level that is not excluded must have something to compare.
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
    use crate::read::unescape;

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
