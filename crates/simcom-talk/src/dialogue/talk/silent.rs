//! Commands to which a module answers `OK` and nothing else.

use std::time::Duration;

use crate::ftps::{Command, CommandName};

/// What is known about results that never come. Waiting for one costs the whole time that it may take,
/// 20 to 75 s. Once a result was missing twice, and the next command of the plan showed both times that
/// this one had been carried out, the wait for it becomes short. One result that comes is enough to wait
/// for all of them fully again.
#[derive(Debug, Default)]
pub(super) struct Silent {
    login: Missed,
    logout: Missed,
    stop: Missed,
}

#[derive(Debug, Default)]
struct Missed {
    /// The last result did not come, and whether the command was carried out is not known yet.
    doubtful: bool,
    times: u32,
}

/// One missing result may be a line that was lost.
const ENOUGH: u32 = 2;

/// How long an unexpected result is waited for. A server that is near has answered by then. The next
/// command shows whether the login was done. Where it was not yet, that command is repeated for a while.
pub(super) const SHORT: Duration = Duration::from_secs(4);

impl Silent {
    /// The result of a command did not come.
    pub(super) fn missed(&mut self, command: &Command) {
        if let Some(missed) = self.of(command.name()) {
            missed.doubtful = true;
        }
    }

    /// The result came.
    pub(super) fn came(&mut self, name: CommandName) {
        if let Some(missed) = self.of(name) {
            *missed = Missed::default();
        }
    }

    /// A command was carried out, which proves that those before it were.
    pub(super) fn proved(&mut self, command: &Command) {
        let before: &mut [&mut Missed] = match command {
            Command::Type(_) => &mut [&mut self.login],
            Command::Start => &mut [&mut self.logout, &mut self.stop],
            _ => return,
        };
        for missed in before {
            missed.times += u32::from(std::mem::take(&mut missed.doubtful));
        }
    }

    /// Whether the command has no result on this module.
    pub(super) fn knows(&mut self, command: &Command) -> bool {
        self.of(command.name())
            .is_some_and(|missed| missed.times >= ENOUGH)
    }

    fn of(&mut self, name: CommandName) -> Option<&mut Missed> {
        match name {
            CommandName::Login => Some(&mut self.login),
            CommandName::Logout => Some(&mut self.logout),
            CommandName::Stop => Some(&mut self.stop),
            _ => None,
        }
    }
}
