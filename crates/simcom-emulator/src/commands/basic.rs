//! The V.250 commands without `+`.

use super::Outcome;
use super::status::CAPABILITIES;
use crate::emulator::Emulator;
use crate::line::{Command, Form};
use crate::settings::Settings;

impl Emulator {
    pub(super) fn basic(&mut self, command: &Command) -> Outcome {
        let number = match &command.form {
            Form::Execute(number) => number,
            // V.250 §5.3.2: an S-parameter is set, or read in three digits.
            Form::Write(_) if command.name == "S" => return Outcome::Ok,
            Form::Read if command.name == "S" => {
                self.say("000");
                return Outcome::Ok;
            }
            _ => return Outcome::Error,
        };
        match (command.name.as_str(), number.as_slice()) {
            ("E", b"0" | b"") => self.settings.echo = false,
            ("E", b"1") => self.settings.echo = true,
            // Verbose answers only: no host of this family uses numeric ones.
            ("V", b"1") | ("Q", b"0" | b"") => {}
            ("&F" | "Z", b"" | b"0") => {
                // V.250 §6.1.1 and §6.1.2: the settings of the terminal return to their defaults.
                // Sessions are not settings.
                let defaults = Settings::new(&self.knobs);
                self.settings.echo = defaults.echo;
                self.settings.cmee = defaults.cmee;
            }
            ("&C" | "&D" | "&S" | "&W" | "S" | "X" | "L" | "M" | "H", _) => {}
            // Nobody answers calls of this module, neither of voice nor of data.
            ("D" | "A" | "O", _) => return Outcome::NoCarrier,
            ("I", b"" | b"0") => self.identify(true),
            _ => return Outcome::Error,
        }
        Outcome::Ok
    }

    /// The block of lines that `ATI` prints, with capabilities or without.
    pub(super) fn identify(&mut self, capabilities: bool) {
        let model = &self.model;
        let mut lines = vec![
            format!("Manufacturer: {}", model.manufacturer),
            format!("Model: {}", model.name),
            format!("Revision: {}", model.revision),
            format!("IMEI: {}", model.imei),
        ];
        if capabilities {
            lines.push(CAPABILITIES.to_owned());
        }
        // The colon knob is about result lines. This is one block of text.
        self.send(format!("\r\n{}\r\n", lines.join("\r\n")));
    }
}
