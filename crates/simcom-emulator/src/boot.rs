//! How the module boots and hangs, and what faults do to it.

use std::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::emulator::{Emulator, Execution};
use crate::faults::{Direction, Effect};
use crate::input::Input;
use crate::line::LineBuffer;
use crate::outbox::Item;
use crate::power::Power;
use crate::request::Ask;
use crate::session::Session;
use crate::settings::Settings;

impl Emulator {
    /// Prints the parts of the banner whose time has come.
    pub(crate) fn boot(&mut self) {
        if let Power::Booting { until, settled } = self.power
            && until <= self.now
        {
            self.power = Power::Settling { until: settled };
            for line in self.model.banner.0 {
                self.say(line);
            }
        }
        if let Power::Settling { until } = self.power
            && until <= self.now
        {
            self.power = Power::On;
            for line in self.model.banner.1 {
                self.say(line);
            }
        }
    }

    /// Forgets everything that depends on power, closes every connection, and boots.
    pub(crate) fn reboot(&mut self) {
        self.forget();
        self.settings = Settings::new(&self.knobs);
        self.stuck = None;
        self.begin_to_read_and_search(self.now + self.knobs.boot_time);
        self.power = Power::booting(self.now, &self.knobs);
        self.boot();
    }

    /// From `from` on, the SIM is read and a network is searched for.
    pub(crate) fn begin_to_read_and_search(&mut self, from: Duration) {
        self.settings.sim_read_at = from + self.knobs.sim_time;
        self.settings.registers_at = from + self.knobs.registration_time;
    }

    /// AT+CRESET and AT+CFUN=1,1: a USB port vanishes and comes back, a UART stays.
    pub(crate) fn reset_now(&mut self) {
        self.reboot();
        self.hangup = self.knobs.reset_hangs_up;
    }

    /// Carries an effect out. `direction` is where its trigger was.
    pub(crate) fn strike(&mut self, effect: Effect, direction: Direction) {
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

    /// Sends bytes before everything that is waiting.
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
        self.pending = None;
        self.session = Session::default();
        self.requests.clear();
        self.ask(Ask::DropAll);
    }
}
