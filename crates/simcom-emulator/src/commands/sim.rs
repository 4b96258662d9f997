//! The SIM card (3GPP TS 27.007), and what the module says about it.

use super::Outcome;
use super::values::values;
use crate::emulator::Emulator;
use crate::knobs::Sim;
use crate::line::Form;

/// The number of the card: issuer 89, then digits that no operator has.
const ICCID: &str = "8901010000000000000";
/// A subscriber of the test network 001 01.
const IMSI: &str = "001010123456789";

impl Emulator {
    /// Carries out the commands of this file. Any other command has nothing to do with the card.
    pub(super) fn card(&mut self, name: &str, form: &Form) -> Outcome {
        if !matches!(name, "+CICCID" | "+CIMI" | "+CNUM" | "+CRSM" | "+CLCK") {
            return self.messages(name, form);
        }
        if matches!(form, Form::Test) {
            if name == "+CLCK" {
                self.say("+CLCK: (\"SC\",\"FD\",\"PN\",\"PU\",\"PP\")");
            }
            return Outcome::Ok;
        }
        if self.settings.functionality == 0 {
            return Outcome::Cme(13);
        }
        if self.now < self.settings.sim_read_at {
            return Outcome::Cme(14);
        }
        match self.settings.sim {
            Sim::Ready => {}
            Sim::Absent => return Outcome::Cme(10),
            Sim::Failed => return Outcome::Cme(13),
            Sim::Pin => return Outcome::Cme(11),
            Sim::Puk => return Outcome::Cme(12),
        }
        match (name, form) {
            // SIM7500/SIM7600 AT manual V3.00, "AT+CICCID": the answer has no C.
            ("+CICCID", Form::Execute(_)) => self.say(&format!("+ICCID: {ICCID}")),
            ("+CIMI", Form::Execute(_)) => self.say(IMSI),
            // The card has no phone number (3GPP TS 27.007 §7.1).
            ("+CNUM", Form::Execute(_)) => {}
            ("+CRSM", Form::Write(text)) => return self.sim_file(text),
            ("+CLCK", Form::Write(text)) if text.ends_with(b",2") => self.say("+CLCK: 0"),
            _ => return Outcome::Cme(3),
        }
        Outcome::Ok
    }

    /// `AT+CRSM`, which reads files of the card (3GPP TS 27.007 §8.18; the files are in 3GPP TS 31.102). Hosts
    /// read the number of the card (12258, two digits to a byte, the second first) and the length of the
    /// network's code (28589). For any other file the card answers that there is none (ETSI TS 102 221 §10.2:
    /// 6A82).
    fn sim_file(&mut self, text: &[u8]) -> Outcome {
        let Some(values) = values(text) else {
            return Outcome::Error;
        };
        let number = |at: usize| values.get(at).and_then(|value| value.number());
        let line = match (number(0), number(1)) {
            (Some(176), Some(12_258)) => {
                let digits = format!("{ICCID}F").into_bytes();
                let swapped = digits.chunks(2).flat_map(|pair| pair.iter().rev());
                let swapped: String = swapped.map(|byte| char::from(*byte)).collect();
                format!("+CRSM: 144,0,\"{swapped}\"")
            }
            (Some(176), Some(28_589)) => "+CRSM: 144,0,\"00000002\"".to_owned(),
            (Some(_), Some(_)) => "+CRSM: 106,130,\"\"".to_owned(),
            _ => return Outcome::Error,
        };
        self.say(&line);
        Outcome::Ok
    }

    /// The card has lost contact: from now on the module says that there is none.
    pub(crate) fn sim_removed(&mut self) {
        self.settings.sim = Sim::Absent;
        self.say("+SIMCARD: NOT AVAILABLE");
    }
}
