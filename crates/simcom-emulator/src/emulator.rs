//! The module as a value: bytes, network events and times go in, actions come out.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::contexts::Contexts;
use crate::faults::{Armed, Direction, Effect, Fault, Noise, Stuck};
use crate::input::Input;
use crate::knobs::Knobs;
use crate::line::{Command, LineBuffer};
use crate::model::Model;
use crate::outbox::{Item, Outbox};
use crate::pending::PendingCommand;
use crate::power::Power;
use crate::request::{self, Ask, Request};
use crate::session::Session;
use crate::settings::Settings;
use crate::storage::Storage;

/// How much output may wait before the module stops reading, as a full buffer lowers RTS.
const OUTBOX_LIMIT: usize = 64 * 1024;
/// How much input is kept while a command runs, before the module stops reading.
pub(crate) const HELD_LIMIT: usize = 4 * 1024;

/// What to do next for an [`Emulator`].
#[derive(Debug)]
pub enum Action {
    /// Send these bytes to the host.
    Send(Bytes),
    /// Ask the network.
    Uplink(Request),
    /// Do nothing until the host or the network sends something, or the given time (since the
    /// origin) has come.
    Wait {
        /// When to call [`Emulator::handle_deadline`], if ever.
        until: Option<Duration>,
    },
    /// The port vanishes: the host's end reads end-of-file. The module stays up, or boots.
    Hangup,
}

/// One module: its command line, its FTPS session, its settings, its faults.
///
/// All times are durations since one origin of the caller's choice and must not go back.
/// Call [`poll`](Self::poll) after every `handle_*` until it returns [`Action::Wait`].
pub struct Emulator {
    pub(crate) model: Model,
    pub(crate) knobs: Knobs,
    pub(crate) now: Duration,
    pub(crate) power: Power,
    pub(crate) out: Outbox,
    pub(crate) input: Input,
    pub(crate) line: LineBuffer,
    pub(crate) held: BytesMut,
    pub(crate) queue: VecDeque<Command>,
    pub(crate) current: Execution,
    pub(crate) pending: Option<PendingCommand>,
    pub(crate) session: Session,
    pub(crate) settings: Settings,
    pub(crate) storage: Storage,
    pub(crate) contexts: Contexts,
    pub(crate) requests: VecDeque<Request>,
    pub(crate) last_id: u64,
    pub(crate) faults: Armed,
    pub(crate) hangup: bool,
    /// When [`Knobs::chatter`] comes next, where there is any.
    pub(crate) chatters_at: Duration,
    /// What keeps the module from its network.
    pub(crate) stuck: Option<Stuck>,
    /// The last byte was the end of a line, and the module has sent nothing since.
    pub(crate) after_line: bool,
}

/// Shows the state of the session, and nothing that was typed: a line may hold a password.
impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator")
            .field("family", &self.model.family)
            .field("power", &self.power)
            .field("state", &self.session.state)
            .finish_non_exhaustive()
    }
}

/// The command under way, as faults count it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Execution {
    pub(crate) name: String,
    pub(crate) nth: u32,
}

impl Emulator {
    /// A module that has been up for a while, or is just getting power
    /// ([`Knobs::cold_start`]).
    #[must_use]
    pub fn new(model: Model, knobs: Knobs) -> Self {
        let mut emulator = Self {
            now: Duration::ZERO,
            power: Power::On,
            out: Outbox::default(),
            input: Input::Commands,
            line: LineBuffer::default(),
            held: BytesMut::new(),
            queue: VecDeque::new(),
            current: Execution::default(),
            pending: None,
            session: Session::default(),
            settings: Settings::new(&knobs),
            storage: Storage::new(model.drives, model.file_name_limit),
            contexts: Contexts::default(),
            requests: VecDeque::new(),
            last_id: 0,
            faults: Armed::seeded(knobs.seed),
            hangup: false,
            chatters_at: Duration::ZERO,
            stuck: None,
            after_line: false,
            model,
            knobs,
        };
        if emulator.knobs.cold_start {
            emulator.power = Power::booting(Duration::ZERO, &emulator.knobs);
            emulator.begin_to_read_and_search(emulator.knobs.boot_time);
        }
        emulator
    }

    /// Takes bytes from the host. Call it while [`wants_bytes`](Self::wants_bytes) is true. The
    /// module takes them in any case, but a caller that asks first gives the host flow control.
    pub fn handle_bytes(&mut self, now: Duration, bytes: &[u8]) {
        self.advance(now);
        let mut rest = bytes;
        while !rest.is_empty() {
            let cut = self.faults.in_bytes(Direction::FromHost, rest.len());
            let at = cut.as_ref().map_or(rest.len(), |(at, _)| *at);
            let (head, tail) = rest.split_at_checked(at).unwrap_or((rest, &[]));
            let noise = self.noise();
            let head = self
                .faults
                .carry(Direction::FromHost, Bytes::copy_from_slice(head), noise);
            self.feed(&head);
            if let Some((_, effect)) = cut {
                self.strike(effect, Direction::FromHost);
            }
            rest = tail;
        }
    }

    /// Takes an event of the network.
    pub fn handle_uplink(&mut self, now: Duration, event: request::Event) {
        self.advance(now);
        match event {
            request::Event::Answer { id, answer } => self.answered(id, answer),
            request::Event::PeerClosed => self.peer_closed(),
        }
    }

    /// The time that [`Action::Wait`] named has come.
    pub fn handle_deadline(&mut self, now: Duration) {
        self.advance(now);
    }

    /// What to do next. Requests to the network come before bytes to the host.
    pub fn poll(&mut self) -> Action {
        self.feed_held();
        self.pull();
        loop {
            if let Some(request) = self.requests.pop_front() {
                return Action::Uplink(request);
            }
            if std::mem::take(&mut self.hangup) {
                return Action::Hangup;
            }
            match self.out.pop(self.now) {
                Some(Item::Bytes(bytes)) => {
                    let bytes = self.carry_out(bytes);
                    self.after_line = false;
                    if !bytes.is_empty() {
                        return Action::Send(bytes);
                    }
                }
                Some(Item::Effect(effect)) => self.strike(effect, Direction::ToHost),
                Some(Item::Reset) => self.reset_now(),
                None => break,
            }
            self.pull();
        }
        Action::Wait {
            until: self.deadline(),
        }
    }

    /// When to call [`handle_deadline`](Self::handle_deadline) next, if ever.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        let times = [
            self.out.due(),
            self.power.due(),
            self.faults.next_elapsed(),
            self.chatters().then_some(self.chatters_at),
        ];
        times.into_iter().flatten().min()
    }

    /// Only the next request, for a caller whose line to the host is busy.
    pub fn poll_uplink(&mut self) -> Option<Request> {
        self.requests.pop_front()
    }

    /// Whether the module is reading its line (RTS is up).
    #[must_use]
    pub fn wants_bytes(&self) -> bool {
        self.held.len() < HELD_LIMIT && self.out.len() < OUTBOX_LIMIT && !self.congested()
    }

    /// The knobs as they are now.
    #[must_use]
    pub const fn knobs(&self) -> &Knobs {
        &self.knobs
    }

    /// The knobs, to change one while the module runs.
    pub const fn knobs_mut(&mut self) -> &mut Knobs {
        &mut self.knobs
    }

    /// Arms a fault.
    pub fn arm(&mut self, fault: Fault) {
        self.faults.arm(fault);
    }

    /// Makes something happen now.
    pub fn inject(&mut self, now: Duration, effect: Effect) {
        self.advance(now);
        self.strike(effect, Direction::ToHost);
    }

    /// An unsolicited line, with the CR LF on both sides that V.250 gives it.
    pub fn inject_urc(&mut self, now: Duration, line: &str) {
        self.advance(now);
        self.say(line);
    }

    /// Takes the power away and gives it back: the module forgets everything, and its banner
    /// follows after [`Knobs::boot_time`].
    pub fn power_cycle(&mut self, now: Duration) {
        self.advance(now);
        self.reboot();
    }

    /// Whether the module is deaf until somebody cuts its power.
    #[must_use]
    pub const fn is_hung(&self) -> bool {
        matches!(self.power, Power::Hung)
    }

    pub(crate) fn advance(&mut self, now: Duration) {
        self.now = self.now.max(now);
        self.boot();
        for effect in self.faults.elapsed(self.now) {
            self.strike(effect, Direction::ToHost);
        }
        if self.chatters() && self.chatters_at <= self.now {
            self.chatters_at = self.now + self.knobs.chatter_every;
            self.send(self.knobs.chatter.clone());
        }
    }

    /// Whether the module sends lines by itself.
    pub(crate) fn chatters(&self) -> bool {
        let wanted = !self.knobs.chatter.is_empty() && !self.knobs.chatter_every.is_zero();
        wanted && !self.settings.hushed && self.power.listens()
    }

    pub(crate) fn ask(&mut self, ask: Ask) -> u64 {
        self.last_id += 1;
        self.requests.push_back(Request {
            id: self.last_id,
            ask,
        });
        self.last_id
    }

    pub(crate) const fn noise(&self) -> Noise {
        Noise {
            lose_one_in: self.knobs.lose_one_in,
            duplicate_one_in: self.knobs.duplicate_one_in,
        }
    }

    /// Splits outgoing bytes where a fault by byte count strikes, and lets the line spoil them.
    pub(crate) fn carry_out(&mut self, mut bytes: Bytes) -> Bytes {
        if let Some((at, effect)) = self.faults.in_bytes(Direction::ToHost, bytes.len()) {
            self.out.push_front(Item::Bytes(bytes.split_off(at)));
            self.out.push_front(Item::Effect(effect));
        }
        let noise = self.noise();
        self.faults.carry(Direction::ToHost, bytes, noise)
    }

    pub(crate) fn send(&mut self, bytes: impl Into<Bytes>) {
        self.out.push(self.now, Item::Bytes(bytes.into()));
    }

    /// One information line: CR LF text CR LF (V.250 §5.7.1).
    pub(crate) fn say(&mut self, text: &str) {
        let text = self.spaced(text);
        self.send(format!("\r\n{text}\r\n"));
    }

    /// Applies [`Knobs::space_after_colon`].
    pub(crate) fn spaced(&self, text: &str) -> String {
        if self.knobs.space_after_colon {
            text.to_owned()
        } else {
            text.replacen(": ", ":", 1)
        }
    }
}
