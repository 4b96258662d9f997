//! The host's level: the dialogue sends what the transcript's host sends, and reaches the outcome
//! that the transcript names.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use crate::cut::Cut;
use crate::format::{By, Form, Given, Item, Transcript, Whose};
use crate::task::{logged_in, operation};
use simcom_emulator::Family;
use simcom_talk::dialogue::failure::{Cause, Failure, Finding};
use simcom_talk::dialogue::operation::{Delivery, Operation, Output, Piece, Standing, Task};
use simcom_talk::dialogue::{Dialogue, DownloadForm, Moment, Patience, Setup, Step, UploadForm};

/// A conversation that takes longer than this has no end.
const LONGEST: Duration = Duration::from_secs(3600);

/// Replays what the module says to a dialogue.
///
/// # Errors
/// Names the line where the dialogue did not do what the transcript says.
pub(crate) fn replay(transcript: &Transcript, cut: Cut) -> Result<(), String> {
    let mut replay = Replay::new(transcript, cut)?;
    while let Some(item) = replay.items.front() {
        match item {
            Item::Do(words) => {
                replay.items.pop_front();
                replay.begin(words)?;
            }
            Item::Gives(want) => {
                replay.items.pop_front();
                replay.finish(want)?;
            }
            Item::Said(said) if said.whose == Whose::Theirs => drop(replay.items.pop_front()),
            Item::Said(said) if replay.running => replay.converse(said.number)?,
            Item::Said(said) if said.by == By::Module => replay.deliver(),
            Item::Said(said) => {
                return Err(format!(
                    "line {}: our host says nothing unasked",
                    said.number
                ));
            }
            Item::Happens(_) | Item::Urc(_) => drop(replay.items.pop_front()),
        }
    }
    if replay.running {
        return Err("an @do without its @gives".into());
    }
    Ok(())
}

struct Replay<'a> {
    transcript: &'a Transcript,
    cut: Cut,
    dialogue: Dialogue,
    now: Duration,
    items: VecDeque<&'a Item>,
    /// Bytes of the line in front that were delivered, or heard from the dialogue.
    done: usize,
    /// Bytes delivered in all.
    delivered: usize,
    /// What the dialogue wrote and the transcript has not been compared with.
    written: VecDeque<u8>,
    running: bool,
    pieces: VecDeque<Piece>,
    /// Content handed over by the dialogue, and by the transcript, in this operation.
    content: Vec<u8>,
    printed: Vec<u8>,
    result: Option<Result<Output, Failure>>,
}

impl<'a> Replay<'a> {
    fn new(transcript: &'a Transcript, cut: Cut) -> Result<Self, String> {
        let mut replay = Self {
            transcript,
            cut,
            dialogue: Dialogue::new(setup(transcript), Patience::default()),
            now: Duration::ZERO,
            items: transcript.items.iter().collect(),
            done: 0,
            delivered: 0,
            written: VecDeque::new(),
            running: false,
            pieces: VecDeque::new(),
            content: Vec::new(),
            printed: Vec::new(),
            result: None,
        };
        replay.dialogue.handle_port_opened();
        let standings: &[Standing] = match transcript.given {
            Given::Unknown => &[Standing::Ready],
            Given::Stopped => &[Standing::Down],
            Given::Started => &[Standing::Started],
            Given::LoggedIn => &[logged_in(&transcript.server)?],
        };
        for standing in standings {
            replay.stand(standing.clone())?;
        }
        Ok(replay)
    }

    /// Brings the dialogue to a standing, with a module that accepts everything.
    fn stand(&mut self, standing: Standing) -> Result<(), String> {
        let task = Task::Stand;
        let begun = self.dialogue.begin(Operation { standing, task });
        begun.map_err(|busy| format!("{busy:?}"))?;
        loop {
            let now = Moment::after(self.now);
            match self.dialogue.poll(now) {
                Step::Write { bytes, .. } => {
                    let answer = agree(&bytes, self.transcript);
                    self.dialogue.handle_bytes(answer.as_bytes(), now);
                }
                Step::Listen { until } => {
                    self.now = until.since_origin();
                    self.dialogue.handle_deadline(until);
                }
                Step::Done(result) => {
                    return result.map(drop).map_err(|error| error.to_string());
                }
                step => return Err(format!("{step:?} on the way to the beginning")),
            }
        }
    }

    fn begin(&mut self, words: &[u8]) -> Result<(), String> {
        if self.running {
            return Err("an @do inside another".into());
        }
        let (operation, content) = operation(&self.transcript.server, words)?;
        let content = content
            .chunks(3)
            .map(|part| Piece::Data(Bytes::copy_from_slice(part)));
        self.pieces = content.chain([Piece::End]).collect();
        self.content.clear();
        self.printed.clear();
        self.running = true;
        let begun = self.dialogue.begin(operation);
        begun.map_err(|busy| format!("{busy:?}"))?;
        Ok(())
    }

    /// Lets the dialogue act until the line in front is over.
    fn converse(&mut self, number: usize) -> Result<(), String> {
        let before = self.items.len();
        while self.items.len() == before {
            let at = |problem: String| format!("line {number}: {problem}");
            if self.result.is_some() {
                return Err(at(format!("too late, the outcome is {:?}", self.result)));
            }
            if self.compare().map_err(at)? {
                continue;
            }
            self.act().map_err(at)?;
        }
        Ok(())
    }

    /// Compares what was written with the line in front. Returns whether the line is over.
    fn compare(&mut self) -> Result<bool, String> {
        let Some(Item::Said(said)) = self.items.front() else {
            return Ok(false);
        };
        if said.by == By::Module {
            let rest = said.bytes.get(self.done..).unwrap_or_default();
            if self.written.is_empty() {
                return Ok(false);
            }
            // The blank of a prompt and the last line end may come after the line that they belong
            // to.
            if self.done > 0 && rest.trim_ascii().is_empty() {
                self.deliver();
                return Ok(true);
            }
            let early = self.written.make_contiguous();
            return Err(format!(
                "says {:?} too early",
                String::from_utf8_lossy(early)
            ));
        }
        while let Some(want) = said.bytes.get(self.done) {
            match self.written.pop_front() {
                Some(byte) if byte == *want => self.done += 1,
                Some(byte) => {
                    let mut got = vec![byte];
                    got.extend(self.written.iter());
                    let got = String::from_utf8_lossy(&got).into_owned();
                    return Err(format!("says {got:?} after {} bytes of it", self.done));
                }
                None => return Ok(false),
            }
        }
        self.next_line();
        Ok(true)
    }

    /// Does what the dialogue wants next.
    fn act(&mut self) -> Result<(), String> {
        let now = Moment::after(self.now);
        let heard = matches!(self.items.front(), Some(Item::Said(said)) if said.by == By::Module);
        match self.dialogue.poll(now) {
            Step::Write { bytes, .. } => self.written.extend(bytes),
            Step::Deliver(Delivery::Chunk(bytes)) => self.content.extend_from_slice(&bytes),
            Step::Deliver(Delivery::Began { .. } | Delivery::Grown { .. }) => {}
            Step::Fetch { .. } | Step::Listen { .. } if heard => self.deliver(),
            Step::Fetch { .. } => match self.pieces.pop_front() {
                Some(piece) => self.dialogue.handle_piece(piece, now),
                None => return Err("wants more content than there is".into()),
            },
            Step::Listen { until } => {
                self.now = until.since_origin();
                if self.now > LONGEST {
                    return Err("nothing comes".into());
                }
                self.dialogue.handle_deadline(until);
            }
            Step::Repair(_) => self.dialogue.handle_repair(None),
            Step::Repaired(_) => {}
            Step::Done(result) => self.result = Some(result),
            step @ (Step::Idle | Step::AwaitPort { .. }) => return Err(format!("is {step:?}")),
        }
        Ok(())
    }

    /// Hands the dialogue the next bytes of the module.
    fn deliver(&mut self) {
        let mut bytes = Vec::new();
        while let Some(Item::Said(said)) = self.items.front()
            && said.by == By::Module
            && said.whose != Whose::Theirs
        {
            let rest = said.bytes.get(self.done..).unwrap_or_default();
            let len = self.cut.next(self.delivered, rest.len());
            bytes.extend_from_slice(rest.get(..len).unwrap_or(rest));
            self.delivered += len;
            self.done += len;
            if said.form == Form::Content {
                self.printed.extend(rest.iter().take(len));
            }
            if self.done == said.bytes.len() {
                self.next_line();
            }
            if self.cut != Cut::Joined {
                break;
            }
        }
        self.dialogue.handle_bytes(&bytes, Moment::after(self.now));
    }

    fn next_line(&mut self) {
        self.items.pop_front();
        self.done = 0;
    }

    /// Waits for the outcome and compares it.
    fn finish(&mut self, want: &str) -> Result<(), String> {
        while self.result.is_none() {
            self.act()
                .map_err(|problem| format!("@gives {want}: {problem}"))?;
            if !self.written.is_empty() {
                let more = self.written.make_contiguous();
                let more = String::from_utf8_lossy(more);
                return Err(format!("@gives {want}: says {more:?} besides"));
            }
        }
        self.running = false;
        let got = match self.result.take() {
            Some(Ok(output)) => self.succeeded(&output)?,
            Some(Err(failure)) => failed(&failure),
            None => String::new(),
        };
        if got != want {
            return Err(format!("@gives {want}: gives {got}"));
        }
        Ok(())
    }

    fn succeeded(&self, output: &Output) -> Result<String, String> {
        Ok(match output {
            Output::Done => "done".into(),
            Output::Directory(name) => format!("directory {name}"),
            Output::Size(size) => format!("size {size}"),
            Output::Found(found) => format!("found {found:?}"),
            Output::Surveyed(surveyed) => {
                let sizes = surveyed.names.iter().map(|seen| match &seen.size {
                    Ok(size) => format!(" {size}"),
                    Err(_) => " ?".into(),
                });
                format!("sizes{}", sizes.collect::<String>())
            }
            Output::Delivered(delivered) => {
                if self.content != self.printed {
                    return Err("the content is another".into());
                }
                let again = match delivered.resumes {
                    0 => String::new(),
                    resumes => format!(" resumed {resumes}"),
                };
                format!("content {}{again}", delivered.bytes)
            }
            Output::Stored(stored) => {
                let sent = stored.sent;
                match (stored.acknowledged, stored.confirmed) {
                    (true, None) => format!("stored {sent}"),
                    (true, Some(size)) => format!("stored {sent} confirmed {size}"),
                    (false, size) => format!("sent {sent}, the server says {size:?}"),
                }
            }
            Output::Moved(moved) => match moved.confirmed {
                None => format!("moved {}", moved.size),
                Some(size) => format!("moved {} confirmed {size}", moved.size),
            },
            Output::ModuleFiles(files) => {
                let names = files.iter().map(|(entry, size)| match size {
                    Some(size) => format!(" {} {size}", entry.name),
                    None => format!(" {}", entry.name),
                });
                format!("files{}", names.collect::<String>())
            }
            Output::Space(drives) => {
                let drives = drives
                    .iter()
                    .map(|space| format!(" {} {} {}", space.drive.name(), space.total, space.used));
                format!("room{}", drives.collect::<String>())
            }
            Output::SingleIp(on) => format!("mode {}", u8::from(*on)),
            Output::UploadYielded(begun) => format!("yielded at {}", begun.at),
            Output::Cleared(cleared) => format!("{cleared:?}").to_lowercase(),
            Output::DownloadYielded(begun) => format!("yielded at {}", begun.got),
            Output::Network(found) => format!("network {:?}", found.registered),
            Output::Answers(answers) => {
                let lines = answers.iter().flat_map(|answer| {
                    let info = answer.info.iter().map(|line| format!(" {line}"));
                    std::iter::once(format!(" {}", answer.result)).chain(info)
                });
                format!("answer{}", lines.collect::<String>())
            }
        })
    }
}

/// The words for a failure.
fn failed(failure: &Failure) -> String {
    let cause = match &failure.cause {
        Cause::Reported(code) => code.get().to_string(),
        Cause::Refused(None) => "refused".into(),
        Cause::Timeout(_) => "timeout".into(),
        cause => cause.to_string(),
    };
    let finding = match failure.finding {
        None => "",
        Some(Finding::NameAbsent) => " absent",
        Some(Finding::NamePresent) => " present",
        Some(Finding::DirectoryAbsent) => " no directory",
        Some(Finding::LeftBehind) => " left behind",
    };
    format!("failure {cause}{finding}")
}

fn setup(transcript: &Transcript) -> Setup {
    if !transcript.pieces {
        return Setup::default();
    }
    Setup {
        download: DownloadForm::Pull,
        upload: UploadForm::Blocks,
        ..Setup::default()
    }
}

/// The answer of a module without faults.
fn agree(bytes: &[u8], transcript: &Transcript) -> String {
    let line = String::from_utf8_lossy(bytes);
    let line = line.trim_end_matches('\r');
    if line.trim_matches('\x1A').is_empty() {
        return String::new();
    }
    let name = line.split(['=', '?']).next().unwrap_or(line);
    let answer = match (line, name.strip_prefix("AT+CFTPS")) {
        ("AT+CGMM", _) => match transcript.family {
            Family::Sim7600 => "SIMCOM_SIM7600E\r\n\r\nOK".into(),
            Family::A7670 => "A7670E\r\n\r\nOK".into(),
        },
        ("AT+CMEE?", _) => "+CMEE: 2\r\n\r\nOK".into(),
        ("AT+CPIN?", _) => "+CPIN: READY\r\n\r\nOK".into(),
        // Not every platform of the A76xx has MODE, and the SIM7600 has neither.
        ("AT+CFTPSMODE=?", _) => "ERROR".into(),
        ("AT+CFTPSSLCFG=?", _) if transcript.family == Family::Sim7600 => "ERROR".into(),
        (line, _) if line.ends_with("=?") => "OK".into(),
        (_, None | Some("SINGLEIP")) => "OK".into(),
        (_, Some(verb)) => format!("OK\r\n\r\n+CFTPS{verb}: 0"),
    };
    let echo = if transcript.knobs.echo { line } else { "" };
    let end = if echo.is_empty() { "" } else { "\r" };
    format!("{echo}{end}\r\n{answer}\r\n")
}
