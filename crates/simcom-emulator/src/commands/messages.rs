//! Short messages (3GPP TS 27.005), as far as host programs ask about them before anything else. The store
//! is empty, and nothing is sent.

use super::Outcome;
use crate::emulator::Emulator;
use crate::line::Form;

/// Messages that the SIM can hold: a usual number.
const ROOM: u8 = 50;

/// 3GPP TS 27.005 §3.2.5.
const NOT_ALLOWED: u16 = 302;
const INVALID_INDEX: u16 = 321;

impl Emulator {
    /// Carries out the commands of this file. Any other command is stored or unknown.
    pub(super) fn messages(&mut self, name: &str, form: &Form) -> Outcome {
        match (name, form) {
            ("+CPMS", Form::Test) => {
                let one = "(\"ME\",\"MT\",\"SM\",\"SR\")";
                self.say(&format!("+CPMS: {one},{one},{one}"));
                Outcome::Ok
            }
            ("+CPMS", Form::Read) => {
                let one = format!("\"SM\",0,{ROOM}");
                self.say(&format!("+CPMS: {one},{one},{one}"));
                Outcome::Ok
            }
            ("+CPMS", Form::Write(_)) => {
                self.say(&format!("+CPMS: 0,{ROOM},0,{ROOM},0,{ROOM}"));
                Outcome::Ok
            }
            ("+CSMS", Form::Test) => {
                self.say("+CSMS: (0,1)");
                Outcome::Ok
            }
            ("+CSMS", Form::Read) => {
                self.say("+CSMS: 0,1,1,1");
                Outcome::Ok
            }
            ("+CSMS", Form::Write(_)) => {
                self.say("+CSMS: 1,1,1");
                Outcome::Ok
            }
            ("+CMGL", Form::Test) => {
                self.say("+CMGL: (0-4)");
                Outcome::Ok
            }
            // There are none to be listed or deleted.
            ("+CMGL", Form::Execute(_) | Form::Write(_)) | ("+CMGD", Form::Write(_)) => Outcome::Ok,
            ("+CMGR", Form::Write(_)) => Outcome::Cms(INVALID_INDEX),
            ("+CMGS" | "+CMSS" | "+CMGW", Form::Write(_)) => Outcome::Cms(NOT_ALLOWED),
            ("+CMGS" | "+CMGR" | "+CMGD", Form::Test) => Outcome::Ok,
            _ => self.stored_command(name, form),
        }
    }
}
