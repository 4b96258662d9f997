//! The V.250 commands without `+`.

use super::Outcome;
use super::settings::Settings;
use crate::emulator::Emulator;
use crate::emulator::line::{Command, Form};

impl Emulator {
    pub(super) fn basic(&mut self, command: &Command) -> Outcome {
        let Form::Execute(number) = &command.form else {
            return Outcome::Error;
        };
        match (command.name.as_str(), number.as_slice()) {
            ("E", b"0" | b"") => self.settings.echo = false,
            ("E", b"1") => self.settings.echo = true,
            // Verbose answers only: numeric ones are nowhere used with this family.
            ("V", b"1") | ("Q", b"0" | b"") => {}
            ("&F" | "Z", b"" | b"0") => {
                // V.250 §6.1.1 and §6.1.2: the settings of the terminal go back to default;
                // sessions are not settings.
                let defaults = Settings::new(&self.knobs);
                self.settings.echo = defaults.echo;
                self.settings.cmee = defaults.cmee;
            }
            ("&C" | "&D" | "&W" | "S" | "X" | "L" | "M", _) => {}
            ("I", b"" | b"0") => self.identify(),
            _ => return Outcome::Error,
        }
        Outcome::Ok
    }

    fn identify(&mut self) {
        let profile = &self.profile;
        let lines = [
            format!("Manufacturer: {}", profile.manufacturer),
            format!("Model: {}", profile.model),
            format!("Revision: {}", profile.revision),
            format!("IMEI: {}", profile.imei),
            "+GCAP: +CGSM".to_owned(),
        ];
        // The colon knob is about result lines; this is one block of text.
        self.send(format!("\r\n{}\r\n", lines.join("\r\n")));
    }
}
