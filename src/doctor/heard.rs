//! What goes over the port, as far as it shows the state of the port.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use simcom_talk::at::line::is_sentence;
use simcom_talk::at::{FinalCode, Line};
use simcom_talk::ftps::unsolicited;

/// Names of commands, their final result codes, and names of unsolicited lines. Nothing is kept of file
/// content, of values of commands, or of values of unsolicited lines.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// Bytes from the module.
    pub(super) received: u64,
    /// Lines from the module, and how many of them have bytes that no line may have.
    pub(super) lines: u64,
    pub(super) garbled: u64,
    /// Commands and answers in order, the first [`EXCHANGES`].
    pub(super) exchanges: Vec<Exchange>,
    /// Sentences of a satellite receiver, by their first characters: before the commands that stop them, and
    /// since.
    pub(super) sentences: BTreeMap<String, u64>,
    pub(super) since_told: BTreeMap<String, u64>,
    /// Other unsolicited lines.
    pub(super) unsolicited: BTreeMap<String, u64>,
    line: Vec<u8>,
}

/// A command and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Exchange {
    /// The name of the command, such as `AT+CFUN`.
    pub(super) name: String,
    /// The module has echoed the line.
    pub(super) echoed: bool,
    /// Lines of the answer, for the commands that [`KEPT`] names.
    pub(super) answer: Vec<String>,
    /// The final result code, where there was one.
    pub(super) end: Option<End>,
}

/// A final result code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Ok,
    Refused,
    /// A numeric result code (`ATV0`, V.250 §6.2.6).
    Number,
}

/// The last of the commands that stop the sentences of a satellite receiver.
const HUSHED: &str = "AT+CGPSINFOCFG";

/// The commands among them that a receiver may know.
const HUSH: [&str; 3] = ["AT+CGNSSTST", "AT+CGNSSPORTSWITCH", HUSHED];

/// Commands whose answers are kept: none has the number of a card or a telephone.
const KEPT: [&str; 2] = ["AT+CFUN", "AT+CFTPSSIZE"];

/// Commands that are answered with file content, which may look like any line.
const CONTENT: [&str; 3] = ["AT+CFTPSLIST", "AT+CFTPSGET", "AT+CFTPSCACHERD"];

/// Some fifty commands are sent for the module, and twenty for each server.
const EXCHANGES: usize = 2048;
/// Lines of one answer.
const ANSWER: usize = 8;
/// Names of unsolicited lines that are kept.
const NAMES: usize = 32;
/// Longest line that is kept: no line of a module is longer.
const LINE: usize = 1024;

impl Heard {
    /// Notes bytes to the module. A command line is sent in one piece; certificates are no command lines.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        let Some(name) = name_of_command(bytes) else {
            return;
        };
        if self.exchanges.len() < EXCHANGES {
            self.exchanges.push(Exchange {
                name,
                echoed: false,
                answer: Vec::new(),
                end: None,
            });
        }
    }

    /// Notes bytes from the module.
    pub(super) fn read(&mut self, bytes: &[u8]) {
        self.received += bytes.len() as u64;
        for byte in bytes {
            if matches!(byte, b'\r' | b'\n') {
                let line = std::mem::take(&mut self.line);
                if !line.is_empty() {
                    self.take(&line);
                }
            } else if self.line.len() < LINE {
                self.line.push(*byte);
            }
        }
    }

    /// Whether sentences of a satellite receiver came.
    pub(super) fn has_sentences(&self) -> bool {
        !self.sentences.is_empty() || !self.since_told.is_empty()
    }

    /// The commands that stop them and were not refused.
    pub(super) fn hushed_by(&self) -> Vec<&str> {
        let done = self
            .exchanges
            .iter()
            .filter(|said| HUSH.contains(&said.name.as_str()) && said.end == Some(End::Ok));
        done.map(|said| said.name.as_str()).collect()
    }

    /// The commands of this name.
    pub(super) fn said(&self, name: &str) -> impl Iterator<Item = &Exchange> {
        let said = self.exchanges.iter();
        said.filter(move |said| said.name == name)
    }

    fn take(&mut self, line: &[u8]) {
        let open = self.exchanges.last_mut().filter(|said| said.end.is_none());
        let content = |said: &&mut Exchange| CONTENT.contains(&said.name.as_str());
        if open.as_ref().is_some_and(content) {
            return;
        }
        self.lines += 1;
        if line.iter().any(|byte| !matches!(byte, b' '..=b'~')) {
            self.garbled += 1;
            return;
        }
        let text = String::from_utf8_lossy(line).into_owned();
        let Some(said) = open else {
            // Reports of the FTPS service come after `OK` as a rule.
            return match self.exchanges.last_mut() {
                Some(said) if said.reports(&text) => said.keep(text),
                _ => self.unasked(&text),
            };
        };
        if text.starts_with(said.name.as_str()) {
            said.echoed = true;
        } else if let Line::Final(code) = Line::classify(line) {
            said.end = Some(match code {
                FinalCode::Ok => End::Ok,
                FinalCode::Error(_) => End::Refused,
            });
        } else if matches!(text.as_str(), "0" | "4") {
            said.end = Some(End::Number);
        } else if is_answer(&said.name, &text) {
            said.keep(text);
        } else {
            self.unasked(&text);
        }
    }

    /// An unsolicited line.
    fn unasked(&mut self, text: &str) {
        let table = if is_sentence(text.as_bytes()) {
            let told = self.said(HUSHED).any(|said| said.end.is_some());
            if told {
                &mut self.since_told
            } else {
                &mut self.sentences
            }
        } else if unsolicited::is_unsolicited(text) {
            &mut self.unsolicited
        } else {
            return;
        };
        let name = text.split([',', ':', '*']).next().unwrap_or_default();
        let name = name.chars().filter(|c| !c.is_ascii_digit()).take(24);
        let name: String = name.collect();
        if table.len() < NAMES || table.contains_key(&name) {
            *table.entry(name).or_default() += 1;
        }
    }
}

impl Exchange {
    fn keep(&mut self, line: String) {
        if KEPT.contains(&self.name.as_str()) && self.answer.len() < ANSWER {
            self.answer.push(line);
        }
    }

    /// Whether a line begins with the name of the command, as its information text does.
    fn reports(&self, line: &str) -> bool {
        let own = self.name.strip_prefix("AT");
        own.and_then(|own| line.strip_prefix(own))
            .is_some_and(|rest| rest.starts_with(':'))
    }
}

/// The command name of a line: `AT`, a sign and letters. What follows is a value.
fn name_of_command(bytes: &[u8]) -> Option<String> {
    let line = std::str::from_utf8(bytes).ok()?.strip_suffix('\r')?;
    if !line.starts_with("AT") || line.contains(['\r', '\n']) {
        return None;
    }
    let name = line.split(['=', '?', '"']).next()?;
    let is_plain = name.len() <= 24
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '&'));
    is_plain.then(|| name.to_owned())
}

/// Whether a line can belong to the answer to this command.
fn is_answer(name: &str, text: &str) -> bool {
    let own = name.strip_prefix("AT").unwrap_or(name);
    !unsolicited::is_unsolicited(text) || (!own.is_empty() && text.starts_with(own))
}
