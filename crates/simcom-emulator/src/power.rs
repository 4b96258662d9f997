//! Power, booting, hanging, and what faults do to them.

use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::commands::settings::Settings;
use super::faults::{Direction, Effect};
use super::input::Input;
use super::knobs::Knobs;
use super::line::LineBuffer;
use super::outbox::Item;
use super::session::Session;
use super::uplink::Ask;
use super::{Emulator, Execution};

/// Whether the module listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Power {
    /// Up.
    On,
    /// Up, and the lines that follow the reading of the SIM are still to come.
    Settling { until: Duration },
    /// Deaf until then.
    Booting { until: Duration, settled: Duration },
    /// Deaf until power is cut.
    Hung,
}

impl Power {
    /// The SIM lines come half a boot time after the first: they trail by seconds in field logs.
    pub(super) fn booting(now: Duration, knobs: &Knobs) -> Self {
        let until = now + knobs.boot_time;
        Self::Booting {
            until,
            settled: until + knobs.boot_time / 2,
        }
    }

    pub(super) const fn due(self) -> Option<Duration> {
        match self {
            Self::On | Self::Hung => None,
            Self::Settling { until } | Self::Booting { until, .. } => Some(until),
        }
    }

    pub(super) const fn listens(self) -> bool {
        matches!(self, Self::On | Self::Settling { .. })
    }
}

impl Emulator {
    /// Prints the parts of the banner whose time has come.
    pub(super) fn boot(&mut self) {
        if let Power::Booting { until, settled } = self.power
            && until <= self.now
        {
            self.power = Power::Settling { until: settled };
            for line in self.profile.banner.0 {
                self.say(line);
            }
        }
        if let Power::Settling { until } = self.power
            && until <= self.now
        {
            self.power = Power::On;
            for line in self.profile.banner.1 {
                self.say(line);
            }
        }
    }

    /// Forgets everything that power keeps, closes every connection, and boots.
    pub(super) fn reboot(&mut self) {
        self.forget();
        self.settings = Settings::new(&self.knobs);
        self.stuck = None;
        self.begin_to_read_and_search(self.now + self.knobs.boot_time);
        self.power = Power::booting(self.now, &self.knobs);
        self.boot();
    }

    /// From then on the SIM is read and a network is searched for.
    pub(super) fn begin_to_read_and_search(&mut self, from: Duration) {
        self.settings.sim_read_at = from + self.knobs.sim_time;
        self.settings.registers_at = from + self.knobs.registration_time;
    }

    /// AT+CRESET and AT+CFUN=1,1: USB ports vanish and come back, a UART stays.
    pub(super) fn reset_now(&mut self) {
        self.reboot();
        self.hangup = self.knobs.reset_hangs_up;
    }

    /// Carries an effect out. `direction` is where its trigger lay.
    pub(super) fn strike(&mut self, effect: Effect, direction: Direction) {
        match effect {
            Effect::Silence => {
                self.forget();
                self.power = Power::Hung;
            }
            Effect::Reboot => self.reboot(),
            Effect::Hangup => {
                self.out.clear();
                self.hangup = true;
            }
            Effect::Text(text) => self.slip_in(Bytes::from(text)),
            Effect::Lose(_) | Effect::Duplicate(_) => self.faults.spoil(direction, &effect),
            Effect::Garbage(count) => {
                let garbage = self.faults.garbage(count);
                match direction {
                    Direction::ToHost => self.slip_in(garbage),
                    Direction::FromHost => self.feed(&garbage),
                }
            }
            Effect::PeerClosed => self.peer_closed(),
            Effect::PdnDeactivated => self.network_lost(),
            Effect::SimRemoved => self.sim_removed(),
            Effect::Fail(code) => self.fail_running(code),
            Effect::Stuck(what) => self.get_stuck(what),
        }
    }

    /// Bytes that come before whatever is waiting.
    fn slip_in(&mut self, bytes: Bytes) {
        self.out.push_front(Item::Bytes(bytes));
    }

    fn forget(&mut self) {
        self.out.clear();
        self.input = Input::Commands;
        self.line = LineBuffer::default();
        self.held = BytesMut::new();
        self.queue.clear();
        self.current = Execution::default();
        self.operation = None;
        self.session = Session::default();
        self.requests.clear();
        self.ask(Ask::DropAll);
    }
}
