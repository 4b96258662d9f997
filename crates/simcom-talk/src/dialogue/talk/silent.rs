//! Commands of which a module says `OK` and nothing else.

use std::time::Duration;

use crate::ftps::{Command, CommandName};

/// What was learned of results that never come. Each costs the whole time that a result may take, 20 to
/// 75 s, until it was missed twice and the next command of the plan showed both times that this one had
/// been carried out. From then on it is waited for shortly; one result that comes is enough to wait
/// for all of them again.
#[derive(Debug, Default)]
pub(super) struct Silent {
    login: Missed,
    logout: Missed,
    stop: Missed,
}

#[derive(Debug, Default)]
struct Missed {
    /// The last did not come, and whether the command was carried out is not known yet.
    doubtful: bool,
    times: u32,
}

/// Once may be a line that was lost.
const ENOUGH: u32 = 2;

/// How long a result that is not expected is waited for: a server that is near has answered by then.
/// What follows shows whether a login was done. Where it was not yet, the next command is said again for
/// a while.
pub(super) const SHORT: Duration = Duration::from_secs(4);

impl Silent {
    /// The result of a command did not come.
    pub(super) fn missed(&mut self, command: &Command) {
        if let Some(missed) = self.of(command.name()) {
            missed.doubtful = true;
        }
    }

    /// It came.
    pub(super) fn came(&mut self, name: CommandName) {
        if let Some(missed) = self.of(name) {
            *missed = Missed::default();
        }
    }

    /// A command was carried out, which shows that those before it were.
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
