//! The module's level: the emulator sends what the transcript's module sends.

use std::time::Duration;

use bytes::Bytes;

use crate::cut::Cut;
use crate::format::{By, Given, HOST, Item, Transcript, Whose};
use simcom_emulator::request::{Answer, Ask, Event, Request, Security};
use simcom_emulator::uplink::memory::{Memory, Server};
use simcom_emulator::{Action, Effect, Emulator, Model};

/// How long the module may take to send something more.
const PATIENCE: Duration = Duration::from_secs(60);

/// Replays what the host says to an emulated module.
///
/// # Errors
/// Names the line that the module says otherwise.
pub(crate) fn replay(transcript: &Transcript, cut: Cut) -> Result<(), String> {
    let mut module = Module::new(transcript, cut);
    for item in &transcript.items {
        match item {
            Item::Said(said) if said.whose == Whose::Ours => {}
            Item::Said(said) if said.by == By::Host => {
                module.heard_all(said.number)?;
                module.hear(&said.bytes);
            }
            Item::Said(said) => module.say(said.number, &said.bytes)?,
            Item::Happens(effect) => module.strike(effect),
            Item::Urc(line) => module.emulator.inject_urc(module.now, line),
            Item::Do(_) | Item::Gives(_) => {}
        }
    }
    module.heard_all(0)?;
    for (path, want) in &transcript.server.after {
        let server = module.network.server_mut(HOST, transcript.server.port);
        let got = server.and_then(|server| server.files.get(path));
        if got != Some(want) {
            let path = String::from_utf8_lossy(path);
            return Err(format!("@after {path}: the server holds {got:?}"));
        }
    }
    Ok(())
}

struct Module<'a> {
    transcript: &'a Transcript,
    cut: Cut,
    emulator: Emulator,
    network: Memory,
    now: Duration,
    /// Bytes heard from the host in all.
    heard: usize,
    /// What the module said and the transcript has not been compared with.
    said: Vec<u8>,
    /// What is left of the listing that the transcript gives.
    listing: Option<Bytes>,
}

impl<'a> Module<'a> {
    fn new(transcript: &'a Transcript, cut: Cut) -> Self {
        let mut network = Memory::new();
        let settings = &transcript.server;
        let mut server = Server::with_user("user", "pass");
        server.security = settings.security;
        server.files.extend(settings.files.iter().cloned());
        server.directories.extend(settings.folders.iter().cloned());
        network.insert(HOST, settings.port, server);
        let emulator = Emulator::new(Model::of(transcript.family), transcript.knobs.clone());
        let mut module = Self {
            transcript,
            cut: Cut::Lines,
            emulator,
            network,
            now: Duration::ZERO,
            heard: 0,
            said: Vec::new(),
            listing: None,
        };
        let kind = match settings.security {
            Security::Plain => 0,
            Security::AuthSsl => 1,
            Security::AuthTls => 2,
            Security::Implicit => 3,
        };
        let login = format!(
            "AT+CFTPSLOGIN=\"{HOST}\",{},\"user\",\"pass\",{kind}\r",
            settings.port
        );
        let lines: &[&str] = match transcript.given {
            Given::Unknown | Given::Stopped => &[],
            Given::Started => &["AT+CFTPSSTART\r"],
            Given::LoggedIn => &["AT+CFTPSSTART\r", &login],
        };
        for line in lines {
            module.hear(line.as_bytes());
            while module.pass_time(PATIENCE) {}
            module.said.clear();
        }
        for fault in &transcript.faults {
            module.emulator.arm(fault.clone());
        }
        module.heard = 0;
        module.cut = cut;
        module
    }

    /// Types at the module.
    fn hear(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let len = self.cut.next(self.heard, rest.len());
            let (part, later) = rest.split_at_checked(len).unwrap_or((rest, &[]));
            self.heard += part.len();
            self.emulator.handle_bytes(self.now, part);
            self.settle();
            rest = later;
        }
    }

    fn strike(&mut self, effect: &Effect) {
        match effect {
            Effect::PeerClosed => {
                if let Some(event) = self.network.close_session() {
                    self.emulator.handle_uplink(self.now, event);
                }
            }
            effect => self.emulator.inject(self.now, effect.clone()),
        }
        self.settle();
    }

    /// Compares the next bytes that the module says.
    fn say(&mut self, number: usize, want: &[u8]) -> Result<(), String> {
        let until = self.now + PATIENCE;
        self.settle();
        while self.said.len() < want.len() && self.pass_time(until) {}
        let len = want.len().min(self.said.len());
        let got: Vec<u8> = self.said.drain(..len).collect();
        if got != want {
            let (got, want) = (String::from_utf8_lossy(&got), String::from_utf8_lossy(want));
            return Err(format!("line {number}: {got:?} instead of {want:?}"));
        }
        Ok(())
    }

    /// The module sent nothing beyond the transcript.
    fn heard_all(&mut self, number: usize) -> Result<(), String> {
        self.settle();
        if self.said.is_empty() {
            return Ok(());
        }
        let more = String::from_utf8_lossy(&self.said);
        Err(format!("line {number}: before it, {more:?} besides"))
    }

    /// Goes on to the next event of the module, if there is one until then.
    fn pass_time(&mut self, until: Duration) -> bool {
        let Some(at) = self.emulator.deadline().filter(|at| *at <= until) else {
            return false;
        };
        self.now = self.now.max(at);
        self.emulator.handle_deadline(self.now);
        self.settle();
        true
    }

    fn settle(&mut self) {
        loop {
            match self.emulator.poll() {
                Action::Send(bytes) => self.said.extend_from_slice(&bytes),
                Action::Uplink(request) => {
                    if let Some(event) = self.answer(request) {
                        self.emulator.handle_uplink(self.now, event);
                    }
                }
                Action::Wait { .. } | Action::Hangup => return,
            }
        }
    }

    /// The server's answers, with the transcript's own listing where it has one.
    fn answer(&mut self, request: Request) -> Option<Event> {
        let id = request.id;
        match (&request.ask, &mut self.listing) {
            (Ask::List(_), _) if !self.transcript.server.listing.is_empty() => {
                self.listing = Some(Bytes::copy_from_slice(&self.transcript.server.listing));
            }
            (Ask::Read { max }, Some(listing)) if !listing.is_empty() => {
                let part = listing.split_to(listing.len().min(*max));
                let answer = Ok(Answer::Data(part));
                return Some(Event::Answer { id, answer });
            }
            (Ask::Read { max }, Some(_)) => {
                // The server's own listing is read to its end, so that the transfer ends.
                let (max, ask) = (*max, |max| Request {
                    id,
                    ask: Ask::Read { max },
                });
                self.listing = None;
                loop {
                    match self.network.answer(ask(max))? {
                        Event::Answer {
                            answer: Ok(Answer::Data(_)),
                            ..
                        } => {}
                        end => return Some(end),
                    }
                }
            }
            _ => {}
        }
        self.network.answer(request)
    }
}
