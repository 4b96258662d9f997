//! What the network does to the session and to the command under way.

use bytes::{Bytes, BytesMut};

use crate::emulator::Emulator;
use crate::faults::Stuck;
use crate::input::Input;
use crate::pending::Kind;
use crate::request::{Ask, TransferType};
use crate::session::SessionState;

impl Emulator {
    /// The server closed the control connection.
    pub(crate) fn peer_closed(&mut self) {
        if self.session.state != SessionState::LoggedIn {
            return;
        }
        self.session.state = SessionState::Dead;
        self.fail_running(4);
        self.say("+CFTPSNOTIFY: PEER CLOSED");
    }

    /// The network took the PDN connection away.
    pub(crate) fn network_lost(&mut self) {
        self.say("+CGEV: ME PDN DEACT 1");
        self.settings.pdn_active = false;
        self.settings.net_open = false;
        if self.session.state == SessionState::Idle {
            return;
        }
        self.ask(Ask::DropAll);
        self.session.state = SessionState::NoNetwork;
        self.fail_running(10);
        if let Some(notice) = self.model.disconnect_notice {
            self.session.state = SessionState::Idle;
            self.say(notice);
        }
    }

    /// Connections carry no data any more, and no line says so.
    pub(crate) fn get_stuck(&mut self, what: Stuck) {
        self.stuck = Some(what);
        if self.session.state == SessionState::Idle {
            return;
        }
        self.ask(Ask::DropAll);
        self.session.state = SessionState::NoNetwork;
        self.fail_running(10);
    }

    /// A command freed something: what was stuck there, or depends on it, is free.
    pub(crate) fn let_go(&mut self, of: Stuck) {
        let free = match (of, self.stuck) {
            (_, None) => false,
            (Stuck::Context, Some(what)) => what == Stuck::Context,
            (Stuck::Radio, Some(what)) => matches!(what, Stuck::Context | Stuck::Radio),
            (Stuck::Stack, Some(_)) => true,
        };
        if free {
            self.stuck = None;
        }
    }

    /// The current `<stat>` of `+CREG` and the like.
    pub(crate) fn registration(&self) -> u8 {
        let searches = self.stuck == Some(Stuck::Radio) || self.now < self.settings.registers_at;
        match (self.settings.functionality, self.knobs.registration) {
            (1, 1 | 5) if searches => 2,
            (1, stat) => stat,
            _ => 0,
        }
    }

    /// Ends the running command, if any, with a code.
    pub(crate) fn fail_running(&mut self, code: u16) {
        let Some(pending) = &mut self.pending else {
            return;
        };
        if let Kind::Upload(upload) = &mut pending.kind
            && upload.prompted
            && !upload.complete
        {
            // SIMCom manual L1215 (c): a failure during input is reported after it. The first one
            // is reported, since it causes those that follow.
            upload.failed.get_or_insert(code);
            if !self.knobs.failure_ends_prompt {
                return;
            }
            upload.complete = true;
            self.input = Input::Commands;
        }
        pending.waiting = None;
        self.fail(code);
    }

    /// Ends the login. Its directory, type and cache are forgotten.
    pub(crate) fn leave(&mut self, state: SessionState) {
        self.session.state = state;
        self.session.transfer_type = TransferType::Binary;
        self.session.cache = BytesMut::new();
    }

    /// Takes up to `max` bytes from the cache.
    pub(crate) fn take_cache(&mut self, max: usize) -> Bytes {
        let len = self.session.cache.len().min(max);
        self.session.cache.split_to(len).freeze()
    }
}
