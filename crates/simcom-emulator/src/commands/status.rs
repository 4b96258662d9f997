//! The module's identity, SIM, registration and packet-data commands (3GPP TS 27.007), and the
//! vendor's commands that a host uses to set up the port.

use super::Outcome;
use super::values::values;
use crate::emulator::Emulator;
use crate::faults::Stuck;
use crate::knobs::Sim;
use crate::line::{Command, Form, Parameter};
use crate::outbox::Item;
use crate::pending::Kind;
use crate::request::Ask;
use crate::session::SessionState;

/// Commands that store a written value and print it when read: name, value at power-up, and the
/// line of the test form. UART: SIMCom manual §3.2; `+CATR` §10.2; the rest 3GPP TS 27.007.
const STORED: &[(&str, &str, &str)] = &[
    ("+IFC", "0,0", "+IFC: (0,2),(0,2)"),
    (
        "+IPR",
        "115200",
        "+IPR: (0,9600,19200,38400,57600,115200,230400,460800,921600,3000000)",
    ),
    ("+CREG", "0", "+CREG: (0-2)"),
    ("+CGREG", "0", "+CGREG: (0-2)"),
    ("+CEREG", "0", "+CEREG: (0-2)"),
    ("+CATR", "0,0", "+CATR: (0-4)"),
    ("+CGEREP", "0,0", "+CGEREP: (0-2),(0,1)"),
    (
        "+CNMI",
        "2,1,0,0,0",
        "+CNMI: (0,1,2),(0,1,2,3),(0,2,3),(0,1,2),(0,1)",
    ),
    (
        "+CGDCONT",
        "1,\"IP\",\"\",\"0.0.0.0\",0,0",
        "+CGDCONT: (1-24),\"IP\",,,(0-2),(0-4)",
    ),
    ("+CGAUTH", "1,0", "+CGAUTH: (1-24),(0-3),,"),
    ("+CCLK", "\"80/01/06,00:00:00+00\"", ""),
    ("+CTZR", "0", "+CTZR: (0,1)"),
    // Programs for short messages set these first (3GPP TS 27.005 §3, 27.007 §5.5, §7.6, §7.15).
    ("+CMGF", "0", "+CMGF: (0,1)"),
    ("+CSDH", "0", "+CSDH: (0,1)"),
    ("+CSCA", "\"+15550100\",145", ""),
    ("+CSCS", "\"IRA\"", "+CSCS: (\"IRA\",\"UCS2\",\"GSM\")"),
    ("+CLIP", "0,1", "+CLIP: (0,1)"),
    ("+CUSD", "0", "+CUSD: (0-2)"),
    ("+CRC", "0", "+CRC: (0,1)"),
    // SIM7500/SIM7600 AT manual V3.00, "AT+AUTOCSQ".
    ("+AUTOCSQ", "0,0", "+AUTOCSQ: (0,1),(0,1)"),
    ("+CTZU", "0", "+CTZU: (0,1)"),
];

/// V.250 §6.1.9; as `ATI` prints it.
pub(super) const CAPABILITIES: &str = "+GCAP: +CGSM";

impl Emulator {
    pub(super) fn status(&mut self, command: &Command) -> Outcome {
        let name = command.name.as_str();
        match (name, &command.form) {
            ("+CGMI" | "+CGMM" | "+CGSN" | "+CGMR" | "+CSUB", _)
            | ("+GMI" | "+GMM" | "+GSN" | "+GMR" | "+GCAP" | "+SIMCOMATI", _) => {
                self.identity(name, &command.form)
            }
            ("+CMEE", form) => self.cmee(form),
            ("+CPIN", form) => self.pin(form),
            ("+CGATT", form) => self.switch(form, |e| &mut e.settings.attached),
            ("+CGACT", form) => self.activation(form),
            ("+CDNSGIP", Form::Write(text)) => self.resolve(text),
            ("+CRESET", Form::Execute(_)) => self.reset(),
            ("+CPOF", Form::Execute(_)) => Outcome::Error,
            _ => self.network(name, &command.form),
        }
    }

    /// The commands of 3GPP TS 27.007 §5, also by their names of V.250 §6.1.
    fn identity(&mut self, name: &str, form: &Form) -> Outcome {
        let model = &self.model;
        let line = match (name, form) {
            (_, Form::Test) => return Outcome::Ok,
            (_, Form::Read | Form::Write(_)) => return Outcome::Error,
            ("+CGMI" | "+GMI", _) => model.manufacturer.to_owned(),
            ("+CGMM" | "+GMM", _) => model.name.to_owned(),
            ("+CGSN" | "+GSN", _) => model.imei.to_owned(),
            ("+CGMR" | "+GMR", _) => format!("+CGMR: {}", model.revision),
            ("+GCAP", _) => CAPABILITIES.to_owned(),
            ("+SIMCOMATI", _) => {
                // Logs of A7670 modules show these lines, without the last of ATI.
                self.identify(false);
                return Outcome::Ok;
            }
            _ => format!("+CSUB: {}", model.sub_version),
        };
        self.say(&line);
        Outcome::Ok
    }

    fn cmee(&mut self, form: &Form) -> Outcome {
        match form {
            Form::Test => self.say("+CMEE: (0-2)"),
            Form::Read => {
                let mode = self.settings.cmee;
                self.say(&format!("+CMEE: {mode}"));
            }
            Form::Write(mode) => match mode.as_slice() {
                [mode @ b'0'..=b'2'] => self.settings.cmee = mode - b'0',
                _ => return Outcome::Error,
            },
            Form::Execute(_) => self.settings.cmee = 0,
        }
        Outcome::Ok
    }

    fn pin(&mut self, form: &Form) -> Outcome {
        match (form, self.settings.sim) {
            (Form::Test, _) => Outcome::Ok,
            // Without the radio the SIM has no power either, as owners of SIM7600 boards report.
            (_, _) if self.settings.functionality == 0 => Outcome::Cme(13),
            (_, _) if self.now < self.settings.sim_read_at => Outcome::Cme(14),
            (_, Sim::Absent) => Outcome::Cme(10),
            (_, Sim::Failed) => Outcome::Cme(13),
            (Form::Read, sim) => {
                self.say(match sim {
                    Sim::Pin => "+CPIN: SIM PIN",
                    Sim::Puk => "+CPIN: SIM PUK",
                    Sim::Ready | Sim::Absent | Sim::Failed => "+CPIN: READY",
                });
                Outcome::Ok
            }
            (Form::Write(pin), Sim::Pin) => {
                let pin = values(pin).and_then(|v| v.into_iter().next());
                if pin.as_ref().and_then(Parameter::name) == Some(b"1234") {
                    self.settings.sim = Sim::Ready;
                    Outcome::Ok
                } else {
                    Outcome::Cme(16)
                }
            }
            _ => Outcome::Cme(3),
        }
    }

    fn switch(&mut self, form: &Form, value: fn(&mut Self) -> &mut bool) -> Outcome {
        let name = self.current.name.clone();
        match form {
            Form::Test => self.say(&format!("{name}: (0,1)")),
            Form::Read => {
                let on = u8::from(*value(self));
                self.say(&format!("{name}: {on}"));
            }
            Form::Write(on) => match on.as_slice() {
                b"0" => *value(self) = false,
                b"1" => *value(self) = true,
                _ => return Outcome::Error,
            },
            Form::Execute(_) => return Outcome::Error,
        }
        Outcome::Ok
    }

    fn activation(&mut self, form: &Form) -> Outcome {
        match form {
            Form::Test => self.say("+CGACT: (0,1)"),
            Form::Read => {
                let active = u8::from(self.settings.pdn_active);
                self.say(&format!("+CGACT: 1,{active}"));
            }
            Form::Write(text) => match text.as_slice() {
                b"1,1" | b"1" if !self.is_registered() => {
                    return Outcome::Cme(30);
                }
                b"1,1" | b"1" => self.settings.pdn_active = true,
                b"0,1" | b"0" => {
                    self.settings.pdn_active = false;
                    self.let_go(Stuck::Context);
                    if self.session.state != SessionState::Idle {
                        self.ask(Ask::DropAll);
                        self.session.state = SessionState::NoNetwork;
                        self.fail_running(10);
                    }
                }
                _ => return Outcome::Error,
            },
            Form::Execute(_) => return Outcome::Error,
        }
        Outcome::Ok
    }

    fn resolve(&mut self, text: &[u8]) -> Outcome {
        let Some(host) = values(text).and_then(|values| {
            let host = values.first()?.text(254)?;
            String::from_utf8(host.to_vec()).ok()
        }) else {
            return Outcome::Error;
        };
        if self.pending.is_some() {
            return Outcome::Error;
        }
        self.begin(Kind::Resolve(host.clone()), Some(Ask::Resolve(host)))
    }

    /// `OK`, then the module is gone for a while (SIMCom manual, AT+CRESET).
    pub(super) fn reset(&mut self) -> Outcome {
        if !self.queue.is_empty() {
            return Outcome::Error;
        }
        let (name, nth) = (self.current.name.clone(), self.current.nth);
        self.final_code(&name, nth, "OK");
        self.out.push(self.now, Item::Reset);
        Outcome::Later
    }

    pub(super) fn stored_value(&self, name: &str) -> String {
        self.settings.stored.get(name).cloned().unwrap_or_else(|| {
            let row = STORED.iter().find(|(known, ..)| *known == name);
            row.map_or_else(String::new, |(_, value, _)| (*value).to_owned())
        })
    }

    pub(super) fn stored_command(&mut self, name: &str, form: &Form) -> Outcome {
        let Some(&(name, _, test)) = STORED.iter().find(|(known, ..)| *known == name) else {
            return self.module_command(name, form);
        };
        match form {
            Form::Test if test.is_empty() => {}
            Form::Test => self.say(test),
            Form::Read => {
                let value = self.stored_value(name);
                self.say(&format!("{name}: {value}"));
            }
            Form::Write(value) => {
                let value = String::from_utf8_lossy(value).into_owned();
                self.settings.stored.insert(name, value);
            }
            Form::Execute(_) => return Outcome::Error,
        }
        Outcome::Ok
    }
}
