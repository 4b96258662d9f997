//! Where the module stands between START and STOP, and what the network does to that.

use bytes::{Bytes, BytesMut};

use super::Emulator;
use super::faults::Stuck;
use super::input::Input;
use super::operation::Kind;
use super::uplink::{Ask, TransferType};

/// The FTPS service's state and its settings.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) standing: Standing,
    /// `AT+CFTPSSINGLEIP`; 0 by the example of the A76XX manual §17.
    pub(super) single_ip: bool,
    /// `AT+CFTPSTYPE`. TODO-correctness: no document states the default; binary, since every
    /// document's binary files arrive whole without the command.
    pub(super) transfer_type: TransferType,
    /// `AT+CFTPSMODE`: passive. TODO-correctness: no document states the default.
    pub(super) passive: bool,
    /// `AT+CFTPSSLCFG`: the SSL contexts of control and data. TODO-correctness: which context a
    /// SIM7600 uses is nowhere stated; 0 is presumed.
    pub(super) contexts: [u8; 2],
    /// What a cached download has brought and `AT+CFTPSCACHERD` has not taken.
    pub(super) cache: BytesMut,
}

impl Default for Session {
    fn default() -> Self {
        Self {
            standing: Standing::Idle,
            single_ip: false,
            transfer_type: TransferType::Binary,
            passive: true,
            contexts: [0, 0],
            cache: BytesMut::new(),
        }
    }
}

/// The states between START and STOP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Before START.
    Idle,
    /// After START or LOGOUT.
    Started,
    /// After LOGIN.
    LoggedIn,
    /// The server is gone; LOGOUT is needed (SIMCom manual §12.3.2, 421 in §12.3.1).
    Dead,
    /// The network is gone; START is needed.
    NoNetwork,
}

impl Emulator {
    /// The server closed the control connection.
    pub(super) fn peer_closed(&mut self) {
        if self.session.standing != Standing::LoggedIn {
            return;
        }
        self.session.standing = Standing::Dead;
        self.fail_running(4);
        self.say("+CFTPSNOTIFY: PEER CLOSED");
    }

    /// The network took the PDN connection away.
    pub(super) fn network_lost(&mut self) {
        self.say("+CGEV: ME PDN DEACT 1");
        self.settings.pdn_active = false;
        self.settings.net_open = false;
        if self.session.standing == Standing::Idle {
            return;
        }
        self.ask(Ask::DropAll);
        self.session.standing = Standing::NoNetwork;
        self.fail_running(10);
        if let Some(notice) = self.profile.disconnect_notice {
            self.session.standing = Standing::Idle;
            self.say(notice);
        }
    }

    /// Connections carry nothing any more, and nothing says so.
    pub(super) fn get_stuck(&mut self, what: Stuck) {
        self.stuck = Some(what);
        if self.session.standing == Standing::Idle {
            return;
        }
        self.ask(Ask::DropAll);
        self.session.standing = Standing::NoNetwork;
        self.fail_running(10);
    }

    /// A command let go of something: what was stuck there, or depends on it, is free.
    pub(super) fn let_go(&mut self, of: Stuck) {
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

    /// `<stat>` of `+CREG` and its kin as it is now.
    pub(super) fn registration(&self) -> u8 {
        let searches = self.stuck == Some(Stuck::Radio) || self.now < self.settings.registers_at;
        match (self.settings.functionality, self.knobs.registration) {
            (1, 1 | 5) if searches => 2,
            (1, stat) => stat,
            _ => 0,
        }
    }

    /// Ends the running command, if any, with a code.
    pub(super) fn fail_running(&mut self, code: u16) {
        let Some(operation) = &mut self.operation else {
            return;
        };
        if let Kind::Upload(upload) = &mut operation.kind
            && upload.prompted
            && !upload.complete
        {
            // SIMCom manual L1215 (c): a failure during input is reported after it; the first,
            // since those that follow are of its making.
            upload.failed.get_or_insert(code);
            if !self.knobs.failure_ends_prompt {
                return;
            }
            upload.complete = true;
            self.input = Input::Commands;
        }
        operation.waiting = None;
        self.fail(code);
    }

    /// Forgets the login: directory, type and cache go with it.
    pub(super) fn leave(&mut self, standing: Standing) {
        self.session.standing = standing;
        self.session.transfer_type = TransferType::Binary;
        self.session.cache = BytesMut::new();
    }

    /// Takes up to `max` bytes from the cache.
    pub(super) fn take_cache(&mut self, max: usize) -> Bytes {
        let len = self.session.cache.len().min(max);
        self.session.cache.split_to(len).freeze()
    }
}
