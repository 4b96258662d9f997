//! LIST, GET, PUT and the download cache.

use bytes::{Bytes, BytesMut};

use super::Outcome;
use super::values::{Optional, optional, values};
use crate::emulator::{Emulator, Execution};
use crate::faults::Phase;
use crate::knobs::CacheFull;
use crate::line::Parameter;
use crate::outbox::Item;
use crate::pending::{Download, Kind, PendingCommand, Target, Upload};
use crate::request::{Answer, Ask};

/// Largest `<data_len>`, SIMCom manual L1215.
const PUT_LIMIT: u64 = 2048;
/// Largest `<rest_size>`, SIMCom manual L1214.
const REST_LIMIT: u64 = 2_147_483_647;
/// Most bytes one CACHERD prints, SIMCom manual L1217.
const CACHE_READ: usize = 1024;

impl Emulator {
    pub(super) fn list(&mut self, path: Option<Bytes>) -> Outcome {
        if let Some(refusal) = self.logged_in() {
            return refusal;
        }
        self.begin(Kind::Download(Download::default()), Some(Ask::List(path)))
    }

    /// `"path"[,rest[,cache]]`, SIMCom manual L1214.
    pub(super) fn get(&mut self, text: &[u8]) -> Outcome {
        let Some(values) = values(text) else {
            return Outcome::Error;
        };
        let most = if self.model.get_takes_cache { 3 } else { 2 };
        let Some(path) = values.first().and_then(|path| self.path_of(path)) else {
            return Outcome::Error;
        };
        let Some(offset) = rest_size(values.get(1)) else {
            return Outcome::Error;
        };
        let sink = match optional(values.get(2)) {
            Optional::Absent | Optional::Given(0) => Target::Port,
            Optional::Given(1) => Target::Cache,
            _ => return Outcome::Error,
        };
        if values.len() > most {
            return Outcome::Error;
        }
        if let Some(refusal) = self.logged_in() {
            return refusal;
        }
        self.session.cache = BytesMut::new();
        let download = Download {
            sink,
            ..Download::default()
        };
        self.begin(
            Kind::Download(download),
            Some(Ask::Retrieve { path, offset }),
        )
    }

    /// `"path"[,length[,rest]]`, SIMCom manual L1215.
    pub(super) fn put(&mut self, text: &[u8]) -> Outcome {
        let Some(values) = values(text) else {
            return Outcome::Error;
        };
        let Some(path) = values.first().and_then(|path| self.path_of(path)) else {
            return Outcome::Error;
        };
        // TODO-correctness: by V.250 §5.4.2 (a value left out is the default), an empty length
        // before a `<rest_size>` means stream mode. No document shows it.
        let length = match optional(values.get(1)) {
            Optional::Absent => None,
            Optional::Given(length @ 1..=PUT_LIMIT) => Some(length),
            _ => return Outcome::Error,
        };
        let Some(offset) = rest_size(values.get(2)) else {
            return Outcome::Error;
        };
        if values.len() > 3 {
            return Outcome::Error;
        }
        if let Some(refusal) = self.logged_in() {
            return refusal;
        }
        let upload = Upload {
            length,
            ..Upload::default()
        };
        self.begin(Kind::Upload(upload), Some(Ask::StoreBegin { path, offset }))
    }

    /// The server has opened the file of an upload, or confirmed it.
    pub(crate) fn upload_opened_or_done(&mut self) {
        let command = self.execution_of_pending();
        let Some(PendingCommand {
            kind: Kind::Upload(upload),
            ..
        }) = &mut self.pending
        else {
            return;
        };
        if upload.complete {
            self.succeed(None);
            return;
        }
        let length = upload.length;
        let from_file = upload.file.is_some();
        upload.prompted = !from_file;
        if from_file {
            self.upload_file_on();
        } else {
            self.prompt(length, None, command);
        }
    }

    /// The host has typed everything: `OK` is sent, then the server is asked to confirm.
    pub(crate) fn upload_complete(&mut self) {
        let Some(PendingCommand {
            kind: Kind::Upload(upload),
            ..
        }) = &mut self.pending
        else {
            return;
        };
        upload.complete = true;
        if let Some(code) = upload.failed {
            return self.fail(code);
        }
        self.accept();
        self.wait_for(Ask::StoreEnd);
    }

    /// Sends `OK` now, unless it was sent or follows the result.
    pub(super) fn accept(&mut self) {
        if let Some((name, nth)) = self.pending.as_mut().and_then(PendingCommand::accept) {
            self.final_code(&name, nth, "OK");
        }
    }

    /// More of a download has come.
    pub(crate) fn downloaded(&mut self, answer: Answer) {
        let Some(PendingCommand {
            kind: Kind::Download(download),
            ..
        }) = &mut self.pending
        else {
            return;
        };
        match answer {
            Answer::Data(bytes) => self.deliver(bytes),
            Answer::End => {
                download.ended = true;
                self.downloaded_all();
            }
            _ => {
                download.opened = true;
                self.accept();
            }
        }
    }

    fn deliver(&mut self, bytes: Bytes) {
        let Some(PendingCommand {
            kind: Kind::Download(download),
            ..
        }) = &mut self.pending
        else {
            return;
        };
        match &download.sink {
            Target::Port => {
                download.buffer.extend_from_slice(&bytes);
                self.frames();
            }
            Target::Cache => {
                let first = !std::mem::replace(&mut download.announced, true);
                self.session.cache.extend_from_slice(&bytes);
                if first {
                    self.say("+CFTPS: RECV EVENT");
                }
                let full = self.session.cache.len() >= self.knobs.cache_limit;
                if full && self.knobs.cache_full == CacheFull::Fail {
                    self.ask(Ask::DropTransfer);
                    self.fail(6);
                }
            }
            Target::File(path) => {
                let path = path.clone();
                if self.append_file(&path, &bytes).is_err() {
                    self.ask(Ask::DropTransfer);
                    self.fail(7);
                }
            }
        }
    }

    fn downloaded_all(&mut self) {
        self.frames();
        let Some(PendingCommand {
            kind: Kind::Download(download),
            name,
            ..
        }) = &mut self.pending
        else {
            return;
        };
        if download.sink == Target::Port && self.knobs.empty_last_frame {
            let line = format!("{name}: DATA,0");
            self.say(&line);
        }
        let Some(PendingCommand {
            kind: Kind::Download(download),
            ..
        }) = &self.pending
        else {
            return;
        };
        let late = download.sink == Target::Cache
            && !self.knobs.cache_complete_early
            && !self.session.cache.is_empty();
        if !late {
            self.succeed(None);
        }
    }

    /// Cuts the content that has come into frames. The last frame may be short.
    fn frames(&mut self) {
        let largest = if self.knobs.chunk == 0 {
            self.model.chunk
        } else {
            self.knobs.chunk
        };
        loop {
            let size = if self.knobs.chunk_random {
                self.faults.up_to(largest)
            } else {
                largest
            };
            let Some(PendingCommand {
                kind: Kind::Download(download),
                name,
                ..
            }) = &mut self.pending
            else {
                return;
            };
            let size = if download.buffer.len() >= size || !download.ended {
                size
            } else {
                download.buffer.len()
            };
            if size == 0 || download.buffer.len() < size {
                return;
            }
            let payload = download.buffer.split_to(size).freeze();
            let start = download.sent;
            download.sent = download.sent.saturating_add(size as u64);
            let name = name.clone();
            self.frame(&name, start, payload);
        }
    }

    fn frame(&mut self, name: &str, start: u64, mut payload: Bytes) {
        let (command, nth) = self.execution_of_pending();
        let due = self.now + self.knobs.result_latency;
        let text = self.spaced(&format!("{name}: DATA,{}", payload.len()));
        let mut header = Bytes::from(format!("\r\n{text}\r\n"));
        for effect in self.faults.at(&command, nth, Phase::InHeader) {
            let head = header.split_to(header.len() / 2);
            self.out.push(due, Item::Bytes(head));
            self.out.push(due, Item::Effect(effect));
        }
        self.out.push(due, Item::Bytes(header));
        let mut from = start;
        while let Some((at, effect)) = self.faults.in_block(&command, nth, from, payload.len()) {
            let head = payload.split_to(at);
            self.out.push(due, Item::Bytes(head));
            self.out.push(due, Item::Effect(effect));
            from = from.saturating_add(at as u64);
        }
        self.out.push(due, Item::Bytes(payload));
        if self.knobs.trailing_crlf {
            self.out.push(due, Item::Bytes(Bytes::from_static(b"\r\n")));
        }
    }

    /// How many bytes the target of a download can take now.
    pub(crate) fn room_in_target(&self) -> usize {
        match &self.pending {
            Some(PendingCommand {
                kind:
                    Kind::Download(Download {
                        sink: Target::Cache,
                        ..
                    }),
                ..
            }) => self
                .knobs
                .cache_limit
                .saturating_sub(self.session.cache.len()),
            _ => usize::MAX,
        }
    }

    pub(super) fn cache_length(&mut self) -> Outcome {
        let len = self.session.cache.len();
        self.say(&format!("+CFTPSCACHERD: {len}"));
        Outcome::Ok
    }

    /// SIMCom manual L1217: one frame under the name of GET, then `OK`. An empty cache prints only
    /// `OK`. TODO-correctness: the SIM5320 does the latter; no document shows it for this family.
    pub(super) fn cache_read(&mut self) -> Outcome {
        let bytes = self.take_cache(CACHE_READ);
        if !bytes.is_empty() {
            self.frame("+CFTPSGET", 0, bytes);
        }
        let Execution { name, nth } = self.current.clone();
        self.final_code(&name, nth, "OK");
        let drained = self.session.cache.is_empty();
        let ended = matches!(&self.pending,
            Some(PendingCommand { kind: Kind::Download(d), .. }) if d.ended && d.sink == Target::Cache);
        if drained && ended {
            self.succeed(None);
        }
        Outcome::Later
    }
}

/// `<rest_size>`, 0 where absent; `None` where it is wrong.
pub(super) fn rest_size(parameter: Option<&Parameter>) -> Option<u64> {
    match optional(parameter) {
        Optional::Absent => Some(0),
        Optional::Given(offset @ 0..=REST_LIMIT) => Some(offset),
        _ => None,
    }
}
