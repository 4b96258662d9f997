//! The radio, the network, and the module's own TCP/IP stack, as far as host programs ask about them.

use super::Outcome;
use crate::emulator::Emulator;
use crate::faults::Stuck;
use crate::knobs::Sim;
use crate::line::Form;

/// The address of the module on its network; RFC 6598 shared space, as carriers use.
const ADDRESS: &str = "100.64.0.2";
/// The test network of 3GPP TS 36.508 §4.4.2: its name in both lengths, and its code.
const OPERATOR: [&str; 3] = ["Test Network", "Test", "00101"];
/// Tracking area and cell, as `<lac>` or `<tac>`, and `<ci>` (3GPP TS 27.007 §7.2, §10.1.22).
const PLACE: &str = "\"0001\",\"00000001\"";

impl Emulator {
    /// Carries out the commands of this file. Any other command has nothing to do with the network.
    pub(super) fn network(&mut self, name: &str, form: &Form) -> Outcome {
        match (name, form) {
            ("+CSQ", Form::Execute(_)) => {
                // Without the radio nothing is received: 99 is "not known" (3GPP TS 27.007 §8.5).
                let rssi = if self.settings.functionality == 1 {
                    self.knobs.rssi
                } else {
                    99
                };
                self.say(&format!("+CSQ: {rssi},99"));
                Outcome::Ok
            }
            ("+CREG" | "+CGREG" | "+CEREG", Form::Read) => self.say_registration(name),
            ("+COPS", form) => self.operator(form),
            ("+CPSI", Form::Read) => self.system(),
            ("+CNSMOD", Form::Test) => {
                self.say("+CNSMOD: (0,1)");
                Outcome::Ok
            }
            ("+CNSMOD", Form::Write(_)) => Outcome::Ok,
            ("+CNSMOD", Form::Read) => {
                // SIM7500/SIM7600 AT manual V3.00, "AT+CNSMOD": 8 is LTE, 0 no service.
                let mode = if self.is_registered() { 8 } else { 0 };
                self.say(&format!("+CNSMOD: 0,{mode}"));
                Outcome::Ok
            }
            ("+CGPADDR", Form::Execute(_) | Form::Write(_)) => {
                let ghost = self.stuck == Some(Stuck::Context);
                let address = if self.settings.pdn_active && !ghost {
                    ADDRESS
                } else {
                    "0.0.0.0"
                };
                self.say(&format!("+CGPADDR: 1,{address}"));
                Outcome::Ok
            }
            ("+NETOPEN", form) => self.open_network(form),
            ("+NETCLOSE", Form::Execute(_)) => self.close_network(),
            ("+IPADDR", Form::Execute(_)) => {
                if !self.settings.net_open {
                    self.say("+IP ERROR: Network not opened");
                    return Outcome::Error;
                }
                self.say(&format!("+IPADDR: {ADDRESS}"));
                Outcome::Ok
            }
            ("+CFUN", form) => self.functionality(form),
            _ => self.card(name, form),
        }
    }

    pub(super) fn is_registered(&self) -> bool {
        matches!(self.registration(), 1 | 5)
    }

    /// `<n>,<stat>`, and with `<n>` 2 also the place of the module (3GPP TS 27.007 §7.2, §10.1.20, §10.1.22).
    fn say_registration(&mut self, name: &str) -> Outcome {
        let mode = self.stored_value(name);
        let stat = self.registration();
        let place = match (mode.as_str(), name) {
            ("2", _) if !self.is_registered() => String::new(),
            ("2", "+CEREG") => format!(",{PLACE},7"),
            ("2", _) => format!(",{PLACE}"),
            _ => String::new(),
        };
        self.say(&format!("{name}: {mode},{stat}{place}"));
        Outcome::Ok
    }

    /// The operator, in the format that `AT+COPS=3,<format>` chose (3GPP TS 27.007 §7.3).
    fn operator(&mut self, form: &Form) -> Outcome {
        let format = self.settings.operator_format;
        match form {
            Form::Read if self.is_registered() => {
                let name = OPERATOR.get(format).copied().unwrap_or_default();
                self.say(&format!("+COPS: 0,{format},\"{name}\",7"));
            }
            Form::Read => self.say("+COPS: 0"),
            Form::Test if self.settings.functionality != 1 => return Outcome::Cme(30),
            Form::Test => {
                let [long, short, code] = OPERATOR;
                self.say(&format!(
                    "+COPS: (2,\"{long}\",\"{short}\",\"{code}\",7),,(0-4),(0-2)"
                ));
            }
            Form::Write(text) => match text.as_slice() {
                [b'3', b',', format @ b'0'..=b'2'] => {
                    self.settings.operator_format = usize::from(format - b'0');
                }
                [b'0'..=b'4', ..] => {}
                _ => return Outcome::Error,
            },
            Form::Execute(_) => return Outcome::Error,
        }
        Outcome::Ok
    }

    /// SIM7500/SIM7600 AT manual V3.00, "AT+CPSI"; the same line on the A76xx.
    fn system(&mut self) -> Outcome {
        // TODO-correctness: the manual lists "Low Power Mode" among the modes of operation. It does not show
        // that a module without its radio prints it. A log at AT+CFUN=0 and AT+CFUN=4 would tell.
        let line = if self.is_registered() {
            "+CPSI: LTE,Online,001-01,0x0001,1,1,EUTRAN-BAND3,1650,5,5,-100,-900,-600,15"
        } else if self.settings.functionality == 1 {
            "+CPSI: NO SERVICE,Online"
        } else {
            "+CPSI: NO SERVICE,Low Power Mode"
        };
        self.say(line);
        Outcome::Ok
    }

    /// `OK`, and the result behind it: 0 for success. A network that is already open is answered by a line
    /// that says so (SIM7500/SIM7600 AT manual V3.00, "AT Commands for TCPIP"; TinyGSM and other hosts wait
    /// for these lines).
    fn open_network(&mut self, form: &Form) -> Outcome {
        match form {
            Form::Test => Outcome::Ok,
            Form::Read => {
                let open = u8::from(self.settings.net_open);
                self.say(&format!("+NETOPEN: {open}"));
                Outcome::Ok
            }
            Form::Write(_) => Outcome::Error,
            Form::Execute(_) if self.settings.net_open => {
                self.say("+IP ERROR: Network is already opened");
                Outcome::Error
            }
            Form::Execute(_) => {
                self.settings.net_open = self.settings.pdn_active && self.is_registered();
                let code = u8::from(!self.settings.net_open);
                self.ok_and_then(&format!("+NETOPEN: {code}"))
            }
        }
    }

    fn close_network(&mut self) -> Outcome {
        if std::mem::take(&mut self.settings.net_open) {
            return self.ok_and_then("+NETCLOSE: 0");
        }
        // TODO-correctness: hosts of A76xx modules wait for 2 where nothing was open. No complete log shows
        // whether `OK` or `ERROR` goes with it.
        self.say("+NETCLOSE: 2");
        Outcome::Error
    }

    /// `OK`, then a line that is no part of the answer. No document shows this behind several commands on one
    /// line.
    fn ok_and_then(&mut self, line: &str) -> Outcome {
        if !self.queue.is_empty() {
            return Outcome::Error;
        }
        let (name, nth) = (self.current.name.clone(), self.current.nth);
        self.final_code(&name, nth, "OK");
        self.result(&name, nth, line);
        Outcome::Later
    }

    /// `AT+CFUN` (3GPP TS 27.007 §8.2). With 0 the SIM has no power either: the module says that it is gone,
    /// and commands that need it fail (13). With 1 the SIM is read again. Owners of SIM7600 and A76xx boards
    /// report this. 4 leaves the SIM alone.
    fn functionality(&mut self, form: &Form) -> Outcome {
        match form {
            Form::Test => self.say("+CFUN: (0-1,4-7),(0-1)"),
            Form::Read => {
                let level = self.settings.functionality;
                self.say(&format!("+CFUN: {level}"));
            }
            Form::Write(level) => match level.as_slice() {
                b"1,1" | b"6" => return self.reset(),
                [level @ (b'0' | b'1' | b'4')] | [level @ (b'0' | b'1' | b'4'), b',', b'0'] => {
                    return self.set_functionality(level - b'0');
                }
                _ => return Outcome::Error,
            },
            Form::Execute(_) => return Outcome::Error,
        }
        Outcome::Ok
    }

    fn set_functionality(&mut self, level: u8) -> Outcome {
        let before = std::mem::replace(&mut self.settings.functionality, level);
        if before != 1 && level == 1 {
            self.let_go(Stuck::Radio);
            self.settings.registers_at = self.now + self.knobs.registration_time;
        }
        if before == 0 && level != 0 {
            self.settings.sim_read_at = self.now + self.knobs.sim_time;
        }
        self.settings.pdn_active = level == 1;
        if level != 1 {
            self.settings.net_open = false;
            self.network_lost();
        }
        let serves = self.settings.sim == Sim::Ready;
        match (before, level) {
            (1 | 4, 0) if serves => self.say("+SIMCARD: NOT AVAILABLE"),
            (0, 1 | 4) if serves && self.queue.is_empty() => {
                let (name, nth) = (self.current.name.clone(), self.current.nth);
                self.final_code(&name, nth, "OK");
                self.say("+CPIN: READY");
                for line in self.model.banner.1 {
                    self.say(line);
                }
                return Outcome::Later;
            }
            _ => {}
        }
        Outcome::Ok
    }
}
