//! A dialogue and an emulated module joined in virtual time.
//!
//! More than 400 lines: this is the harness of all these tests.

use std::collections::VecDeque;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use simcom_emulator::uplink::memory::{Memory, Server as Peer};
use simcom_emulator::{Action, Emulator, Family, Knobs, Model};
use simcom_talk::dialogue::failure::Cause;
use simcom_talk::dialogue::ladder::Ladder;
use simcom_talk::dialogue::operation::{
    Delivery, Directory, Output, Piece, SessionTarget, Standing, Task,
};
use simcom_talk::dialogue::{
    Dialogue, DownloadForm, Failure, Moment, Operation, Patience, Repaired, Rung, Setup, Step,
    UploadForm,
};
use simcom_talk::ftps::tls::TlsPolicy;
use simcom_talk::ftps::value::{
    Host, Password, RemotePath, Server, ServerType, TransferType, Username,
};

/// Host name of the server that every [`Link`] has.
pub(crate) const HOST: &str = "ftp.example";

/// Bytes the line holds before flow control stops the module: a UART driver's buffer.
const LINE: usize = 4096;

/// One module, one network, one host.
pub(crate) struct Link {
    pub(crate) dialogue: Dialogue,
    pub(crate) module: Emulator,
    pub(crate) network: Memory,
    pub(crate) now: Duration,
    /// Most bytes that are handed from one side to the other at a time.
    pub(crate) cut: usize,
    /// The port exists.
    pub(crate) plugged: bool,
    /// How many bytes behind the last fetched one the source can give again.
    pub(crate) kept: usize,
    /// Bytes that an earlier operation took from the source.
    pub(crate) taken: usize,
    /// The ladder that says which rungs may be tried. `None`: no rung may.
    pub(crate) ladder: Option<Ladder>,
    /// The blocks of downloads that the module sends twice, counted from the first.
    pub(crate) doubled: Vec<usize>,
    blocks: usize,
    /// A block to be sent twice: the part that was sent, and how much is missing.
    block: Option<(usize, Vec<u8>)>,
    to_host: VecDeque<u8>,
    to_module: VecDeque<u8>,
    /// All bytes that went to the module.
    pub(crate) written: Vec<u8>,
    /// Called before each step of the operation.
    script: Option<Script>,
}

type Script = Box<dyn FnMut(&mut Link, &Seen)>;

/// What a script can see before each step.
pub(crate) struct Seen {
    /// Bytes of content delivered so far.
    pub(crate) delivered: usize,
    /// Pieces taken from the source so far.
    pub(crate) fetched: usize,
}

/// The content of an upload, as far as it is kept.
struct Source {
    content: Vec<u8>,
    /// Where each piece begins.
    starts: Vec<usize>,
    ended: bool,
    farthest: usize,
}

impl Source {
    fn new(pieces: Vec<Piece>) -> Self {
        let mut source = Self {
            content: Vec::new(),
            starts: Vec::new(),
            ended: false,
            farthest: 0,
        };
        for piece in pieces {
            match piece {
                Piece::Data(bytes) => {
                    source.starts.push(source.content.len());
                    source.content.extend_from_slice(&bytes);
                }
                Piece::End => source.ended = true,
            }
        }
        source
    }

    fn piece(&mut self, offset: u64, kept: usize) -> Result<Piece, Cause> {
        let offset = usize::try_from(offset).unwrap();
        if offset < self.farthest.saturating_sub(kept) {
            return Err(Cause::SourceForgotten);
        }
        if offset == self.content.len() {
            return if self.ended {
                Ok(Piece::End)
            } else {
                Err(Cause::SourceGone)
            };
        }
        let next = self.starts.iter().find(|start| **start > offset);
        let end = next.copied().unwrap_or(self.content.len());
        self.farthest = self.farthest.max(end);
        Ok(Piece::Data(Bytes::copy_from_slice(
            &self.content[offset..end],
        )))
    }
}

/// How an operation ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) result: Result<Output, Failure>,
    pub(crate) content: Vec<u8>,
    pub(crate) size: Option<u64>,
    /// The final size of a file that grew.
    pub(crate) grown: Option<u64>,
    pub(crate) took: Duration,
    /// The rungs of the repair ladder that were tried.
    pub(crate) repairs: Vec<Repaired>,
}

impl Link {
    pub(crate) fn new(family: Family, knobs: Knobs) -> Self {
        let mut network = Memory::new();
        network.insert(HOST, 21, Peer::with_user("user", "pass"));
        network.insert("other.example", 21, Peer::with_user("user", "pass"));
        let mut dialogue = Dialogue::new(Setup::default(), Patience::default());
        dialogue.handle_port_opened();
        Self {
            dialogue,
            module: Emulator::new(Model::of(family), knobs),
            network,
            now: Duration::ZERO,
            cut: 4096,
            plugged: true,
            kept: usize::MAX,
            taken: 0,
            ladder: None,
            doubled: Vec::new(),
            blocks: 0,
            block: None,
            to_host: VecDeque::new(),
            to_module: VecDeque::new(),
            written: Vec::new(),
            script: None,
        }
    }

    pub(crate) fn sim7600() -> Self {
        Self::new(Family::Sim7600, Knobs::default())
    }

    /// Uses another setup. Call it before anything is sent.
    pub(crate) fn with_setup(mut self, setup: Setup) -> Self {
        self.dialogue = Dialogue::new(setup, Patience::default());
        self.dialogue.handle_port_opened();
        self
    }

    /// Content that comes fast is gathered; before anything was said.
    pub(crate) fn gathering(mut self, gather: Duration) -> Self {
        let patience = Patience {
            gather,
            ..Patience::default()
        };
        self.dialogue = Dialogue::new(Setup::default(), patience);
        self.dialogue.handle_port_opened();
        self
    }

    /// Files are read through the cache and written in blocks, where the module can.
    pub(crate) fn piecewise(self) -> Self {
        self.with_setup(Setup {
            download: DownloadForm::Pull,
            upload: UploadForm::Blocks,
            ..Setup::default()
        })
    }

    /// An earlier program has typed this and has gone.
    pub(crate) fn typed_before(&mut self, bytes: &[u8]) {
        self.to_module.extend(bytes);
        self.exchange_with_nobody();
    }

    /// The module has sent this to an earlier program that has gone.
    pub(crate) fn said_before(&mut self, bytes: &[u8]) {
        self.to_host.extend(bytes);
    }

    fn exchange_with_nobody(&mut self) {
        while self.module.wants_bytes() && !self.to_module.is_empty() {
            let part: Vec<u8> = self.to_module.drain(..).collect();
            self.module.handle_bytes(self.now, &part);
            self.settle();
        }
        self.to_host.clear();
    }

    /// Nobody asks anything for this long. The host hears what the module sends meanwhile.
    pub(crate) fn rest(&mut self, span: Duration) {
        let until = self.now + span;
        while self.now < until {
            while self.exchange() {}
            let next = self.module.deadline().filter(|at| *at > self.now);
            self.now = next.map_or(until, |at| at.min(until));
        }
        while self.exchange() {}
    }

    pub(crate) fn peer(&mut self) -> &mut Peer {
        self.network.server_mut(HOST, 21).unwrap()
    }

    pub(crate) fn file(&mut self, path: &str) -> Option<Vec<u8>> {
        self.peer().files.get(path.as_bytes()).cloned()
    }

    pub(crate) fn with_file(mut self, path: &str, content: &[u8]) -> Self {
        self.peer().files.insert(path.into(), content.to_vec());
        self
    }

    /// The script is called before each step of the next operation.
    pub(crate) fn with_script(mut self, script: impl FnMut(&mut Link, &Seen) + 'static) -> Self {
        self.script = Some(Box::new(script));
        self
    }

    /// The same as [`Link::with_script`], later.
    pub(crate) fn set_script(&mut self, script: impl FnMut(&mut Link, &Seen) + 'static) {
        self.script = Some(Box::new(script));
    }

    /// Nobody waits for the operation under way any more.
    pub(crate) fn leave(&mut self) {
        let cause = Cause::Cancelled(simcom_talk::dialogue::failure::Ending::Drained);
        self.dialogue.abandon(cause, Moment::after(self.now));
    }

    /// Runs an operation to its end.
    pub(crate) fn run(&mut self, operation: Operation, pieces: Vec<Piece>) -> Outcome {
        let began = self.now;
        let mut source = Source::new(pieces);
        source.farthest = self.taken;
        let mut outcome = Outcome {
            result: Ok(Output::Done),
            content: Vec::new(),
            size: None,
            grown: None,
            took: began,
            repairs: Vec::new(),
        };
        let mut seen = Seen {
            delivered: 0,
            fetched: 0,
        };
        self.dialogue.begin(operation).unwrap();
        let mut steps = 0u64;
        loop {
            steps += 1;
            assert!(steps < 200_000, "no end in sight");
            assert!(self.now - began < Duration::from_secs(7200), "hangs");
            if let Some(mut script) = self.script.take() {
                script(self, &seen);
                self.script = Some(script);
            }
            let now = Moment::after(self.now);
            let step = self.dialogue.poll(now);
            match step {
                Step::Idle => panic!("idle in the middle of an operation"),
                Step::Write { bytes, .. } => {
                    self.written.extend_from_slice(&bytes);
                    self.to_module.extend(bytes);
                    self.exchange();
                }
                Step::Deliver(Delivery::Began { size }) => outcome.size = size,
                Step::Deliver(Delivery::Grown { size }) => outcome.grown = Some(size),
                Step::Deliver(Delivery::Chunk(bytes)) => {
                    outcome.content.extend_from_slice(&bytes);
                    seen.delivered += bytes.len();
                }
                // What the module sends first is heard first.
                Step::Fetch { .. } if self.exchange() => {}
                Step::Fetch { offset } => match source.piece(offset, self.kept) {
                    Ok(piece) => {
                        seen.fetched += 1;
                        self.dialogue.handle_piece(piece, now);
                    }
                    Err(cause) => self.dialogue.abandon(cause, now),
                },
                Step::Listen { until } => {
                    if !self.exchange() {
                        self.pass_time(Some(until.since_origin()));
                    }
                }
                Step::AwaitPort { until } => {
                    if self.plugged {
                        self.dialogue.handle_port_opened();
                    } else {
                        self.now = until.since_origin().min(self.now + Duration::from_secs(1));
                        self.dialogue.handle_deadline(Moment::after(self.now));
                    }
                }
                Step::Repair(failure) => {
                    let now = self.now;
                    let rung = self.ladder.as_mut().and_then(|ladder| {
                        let server = server(HOST);
                        ladder.next(&failure, Some(&server), now).ok()
                    });
                    self.dialogue.handle_repair(rung);
                }
                Step::Repaired(repaired) => {
                    if let (Ok(()), Some(ladder)) = (&repaired.outcome, &mut self.ladder)
                        && repaired.rung >= Rung::Context
                    {
                        ladder.served();
                    }
                    outcome.repairs.push(repaired);
                }
                Step::Done(result) => {
                    outcome.result = result;
                    outcome.took = self.now - began;
                    return outcome;
                }
            }
        }
    }

    /// Another program made the module echo after the host had switched echo off.
    pub(crate) fn switch_echo_on(&mut self) {
        self.module.handle_bytes(self.now, b"ATE1\r");
        self.settle();
        self.to_host.clear();
    }

    /// The module's port vanishes.
    pub(crate) fn unplug(&mut self) {
        self.plugged = false;
        self.to_host.clear();
        self.to_module.clear();
        self.dialogue.handle_port_lost(Moment::after(self.now));
    }

    /// Moves what waits on either side. Returns whether the host got anything.
    fn exchange(&mut self) -> bool {
        self.module.handle_deadline(self.now);
        loop {
            let mut moved = false;
            while self.module.wants_bytes() && !self.to_module.is_empty() {
                let len = self.cut.min(self.to_module.len());
                let part: Vec<u8> = self.to_module.drain(..len).collect();
                self.module.handle_bytes(self.now, &part);
                self.settle();
                moved = true;
            }
            self.settle();
            if !moved {
                break;
            }
        }
        if !self.plugged {
            self.to_host.clear();
        }
        let len = self.cut.min(self.to_host.len());
        let part: Vec<u8> = self.to_host.drain(..len).collect();
        if part.is_empty() {
            return false;
        }
        self.dialogue.handle_bytes(&part, Moment::after(self.now));
        true
    }

    /// Lets the module speak, as long as the line has room.
    fn settle(&mut self) {
        while self.to_host.len() < LINE {
            match self.module.poll() {
                Action::Send(bytes) => self.carry(&bytes),
                Action::Uplink(request) => {
                    if let Some(event) = self.network.answer(request) {
                        self.module.handle_uplink(self.now, event);
                    }
                }
                Action::Wait { .. } => return,
                Action::Hangup => return self.unplug(),
            }
        }
    }

    /// Hands what the module sends to the host. Headers of blocks are handed over separately.
    fn carry(&mut self, bytes: &[u8]) {
        self.to_host.extend(bytes);
        if let Some((left, mut block)) = self.block.take() {
            block.extend_from_slice(bytes);
            match left - bytes.len() {
                0 => self.to_host.extend(block),
                left => self.block = Some((left, block)),
            }
            return;
        }
        let length = bytes.strip_prefix(b"\r\n+CFTPSGET: DATA,");
        let length = length.and_then(|length| length.strip_suffix(b"\r\n"));
        let length = length.and_then(|length| std::str::from_utf8(length).ok()?.parse().ok());
        if let Some(length) = length {
            if self.doubled.contains(&self.blocks) {
                self.block = Some((length, bytes.to_vec()));
            }
            self.blocks += 1;
        }
    }

    /// Nothing moves: goes to the time of the next event.
    fn pass_time(&mut self, until: Option<Duration>) {
        let module = self.module.deadline().filter(|at| *at > self.now);
        let next = [until, module].into_iter().flatten().min();
        let Some(next) = next else {
            panic!("nothing will ever happen")
        };
        self.now = self.now.max(next);
        self.module.handle_deadline(self.now);
        self.settle();
        if self.to_host.is_empty() && until.is_some_and(|until| until <= self.now) {
            self.dialogue.handle_deadline(Moment::after(self.now));
        }
    }
}

pub(crate) fn server(host: &str) -> Arc<Server> {
    Arc::new(Server {
        host: Host::new(host).unwrap(),
        port: NonZeroU16::new(21).unwrap(),
        username: Username::new("user").unwrap(),
        password: Password::new("pass").unwrap(),
        server_type: ServerType::Ftp,
        single_ip: true,
        tls: TlsPolicy::unverified(),
    })
}

pub(crate) fn path(text: &str) -> RemotePath {
    RemotePath::new(text).unwrap()
}

/// An operation on the server that every link has.
pub(crate) fn on(task: Task) -> Operation {
    at(HOST, task)
}

/// An operation on a server.
pub(crate) fn at(host: &str, task: Task) -> Operation {
    Operation {
        standing: Standing::LoggedIn(SessionTarget {
            server: server(host),
            transfer_type: TransferType::Binary,
            directory: Directory::Any,
        }),
        task,
    }
}

/// An operation in a directory of the server that every link has.
pub(crate) fn inside(directory: &str, task: Task) -> Operation {
    let mut operation = on(task);
    if let Standing::LoggedIn(place) = &mut operation.standing {
        place.directory = Directory::At(path(directory));
    }
    operation
}

/// Content as pieces, with its end.
pub(crate) fn pieces(content: &[u8]) -> Vec<Piece> {
    let data = content
        .chunks(3000)
        .map(|part| Piece::Data(Bytes::copy_from_slice(part)));
    data.chain([Piece::End]).collect()
}

/// This many bytes that look like everything in the protocol.
pub(crate) fn nasty(len: usize) -> Vec<u8> {
    let parts: [&[u8]; 8] = [
        b"\r\nOK\r\n",
        b"\r\n+CFTPSGET: 0\r\n",
        b"\r\n+CFTPSPUT: 0\r\n",
        b"> ",
        &[0x03; 17],
        &[0x1A; 19],
        b"\r\n+CFTPSGET: DATA,5\r\n",
        b"\r\nERROR\r\nRDY\r\n",
    ];
    let mut content = Vec::with_capacity(len + 600);
    let mut turn = 0usize;
    while content.len() < len {
        content.extend_from_slice(parts[turn % parts.len()]);
        let value = u8::try_from(turn % 256).unwrap();
        content.extend((0..=255u8).map(|byte| byte.wrapping_add(value)));
        turn += 1;
    }
    content.truncate(len);
    content
}
