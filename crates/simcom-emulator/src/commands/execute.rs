//! Carries out a command line.

use super::Outcome;
use crate::emulator::{Emulator, Execution};
use crate::line::{Command, Form, unescaped};

impl Emulator {
    /// Carries out a line.
    pub(crate) fn execute(&mut self, commands: Vec<Command>) {
        self.queue = commands.into();
        self.current = Execution::default();
        while let Some(command) = self.queue.pop_front() {
            let name = command.name.clone();
            self.current = Execution {
                nth: self.faults.execution(&name),
                name,
            };
            match self.dispatch(&command) {
                Outcome::Ok => {}
                Outcome::Error => return self.refuse("ERROR"),
                Outcome::Cme(code) => {
                    let line = self.cme_error(code);
                    return self.refuse(&line);
                }
                Outcome::Cms(code) => {
                    let line = self.cms_error(code);
                    return self.refuse(&line);
                }
                Outcome::NoCarrier => return self.refuse("NO CARRIER"),
                Outcome::Later => return,
            }
        }
        let Execution { name, nth } = self.current.clone();
        self.final_code(&name, nth, "OK");
    }

    fn refuse(&mut self, line: &str) {
        self.queue.clear();
        let Execution { name, nth } = self.current.clone();
        self.final_code(&name, nth, line);
    }

    fn dispatch(&mut self, command: &Command) -> Outcome {
        let unescaped = self.knobs.decode_escapes.then(|| unescaped(command));
        let command = unescaped.as_ref().unwrap_or(command);
        if self.knobs.refuse.contains(&command.name) {
            return Outcome::Error;
        }
        if command.name == self.knobs.chatter_switch
            && let Form::Write(value) = &command.form
        {
            self.settings.hushed = ends_chatter(&command.name, value);
            return Outcome::Ok;
        }
        if command.name.starts_with("+CFTPS") {
            return self.ftps(command);
        }
        if command.name.starts_with('+') {
            return self.status(command);
        }
        self.basic(command)
    }

    /// `+CMS ERROR` as 3GPP TS 27.005 §3.2.5 words it.
    fn cms_error(&self, code: u16) -> String {
        let text = match code {
            302 => "operation not allowed",
            321 => "invalid memory index",
            _ => "unknown error",
        };
        match self.settings.cmee {
            2 => format!("+CMS ERROR: {text}"),
            _ => format!("+CMS ERROR: {code}"),
        }
    }

    /// `+CME ERROR` as 3GPP TS 27.007 §9.2 words it.
    fn cme_error(&self, code: u16) -> String {
        let text = match code {
            3 => "operation not allowed",
            10 => "SIM not inserted",
            11 => "SIM PIN required",
            12 => "SIM PUK required",
            13 => "SIM failure",
            14 => "SIM busy",
            16 => "incorrect password",
            30 => "no network service",
            _ => "unknown",
        };
        match self.settings.cmee {
            0 => "ERROR".to_owned(),
            1 => format!("+CME ERROR: {code}"),
            _ => format!("+CME ERROR: {text}"),
        }
    }
}

/// Whether a value of [`Knobs::chatter_switch`](crate::Knobs::chatter_switch) ends the chatter on the AT port.
/// The second value of the port switch says where sentences go: 1 to the UART, 0 to a USB port of their own
/// (A76XX AT manual V1.09, "AT+CGNSSPORTSWITCH").
fn ends_chatter(name: &str, value: &[u8]) -> bool {
    match name {
        "+CGNSSPORTSWITCH" => value.ends_with(b",0"),
        _ => value.starts_with(b"0"),
    }
}
