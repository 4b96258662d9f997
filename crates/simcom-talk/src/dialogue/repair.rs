//! What is sent on each rung of the repair ladder.

use std::time::Duration;

use super::exchange::{Information, Outcome, Response};
use super::facts;
use super::failure::{Cause, Failure, Stage};
use super::operation::Output;
use super::procedure::{Next, Procedure, Saying};
use super::rung::Rung;
use crate::at::CommandLine;
use crate::ftps::Timing;

/// A rung that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repaired {
    /// The rung.
    pub rung: Rung,
    /// What had failed before. `None` where somebody asked for the repair.
    pub why: Option<Failure>,
    /// Whether the module reached the standing of the operation after the repair.
    pub outcome: Result<(), Failure>,
}

/// Sends the lines of a rung. Whether it helped shows when the standing is planned again.
#[derive(Debug)]
pub(crate) struct Repair {
    rung: Rung,
    step: Step,
    /// The step was sent and not answered yet.
    said: bool,
    /// How many times the registration may still be asked for before the repair fails.
    polls: u32,
    /// Which of [`REGISTRATION`] is asked next.
    network: usize,
    registration: Option<(bool, bool)>,
    /// Nobody waits for the repair: it puts back what it has changed, and waits for nothing.
    hurried: bool,
    ended: Option<Result<(), Failure>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Asks whether there is a network.
    Registration,
    /// There is none: the question comes again after a while.
    Pause,
    Deactivate,
    Activate,
    /// Switches off only the radio: the SIM stays unlocked if it was.
    Flight,
    /// Switches off nearly everything, where the module has no such mode.
    Minimum,
    Full,
    Reset,
    /// Restarts, where the module has no reset command.
    Restart,
    /// The module is about to restart.
    Go,
}

/// The questions for the registration: in EPS, GPRS and GSM (3GPP 27.007 §10.1.22, §10.1.20, §7.2). One
/// network that the module knows and is registered in is enough.
const REGISTRATION: [(&str, &str); 3] = [
    ("AT+CEREG", "+CEREG:"),
    ("AT+CGREG", "+CGREG:"),
    ("AT+CREG", "+CREG:"),
];

/// Pause between two questions for the registration.
const REGISTRATION_PAUSE: Duration = Duration::from_secs(2);

/// A module that moves may be between two cells. It gets ten seconds before the context is activated.
const REGISTRATION_POLLS: u32 = 5;

/// A search through all bands takes up to a minute.
const SEARCH_POLLS: u32 = 30;

/// The module repeats its request to a silent network five times, every 8 s (T3482 of 3GPP 24.301
/// §10.2), before it gives the activation up.
const ACTIVATION: Duration = Duration::from_secs(45);

/// The module detaches from the network before it switches the radio off: five tries of 5 s (T3421 of
/// 3GPP 24.301 §10.2).
const DETACH: Duration = Duration::from_secs(30);

/// From `OK` until a restarting module has left the port. Until then the module answers, and forgets
/// what is set. The pause ends as soon as the port is lost, as on USB, or the first line of the start
/// has come. So only a module on a UART that announces no start takes the whole time. TODO-correctness:
/// no manual says how long it takes; field code waits 2 to 5 s.
const GOING: Duration = Duration::from_secs(5);

/// The answers come from the module itself.
const ANSWER: Duration = Duration::from_secs(5);

impl Repair {
    /// Begins a rung.
    pub(crate) fn new(rung: Rung) -> Self {
        let (step, polls, ended) = match rung {
            Rung::Context => (Step::Registration, REGISTRATION_POLLS, None),
            Rung::Radio => (Step::Flight, SEARCH_POLLS, None),
            Rung::Reset => (Step::Reset, 0, None),
            // The planner does the first three, and the owner of the port does the last.
            Rung::Resynchronise | Rung::Login | Rung::Service | Rung::Reopen => {
                (Step::Go, 0, Some(Ok(())))
            }
        };
        Self {
            rung,
            step,
            said: false,
            polls,
            network: 0,
            registration: None,
            hurried: false,
            ended,
        }
    }

    /// Waits for the network of a module that has restarted.
    pub(crate) fn after_reset() -> Self {
        Self {
            step: Step::Registration,
            polls: SEARCH_POLLS,
            ..Self::new(Rung::Reset)
        }
    }

    /// Registered and roaming, as the module said last.
    pub(crate) fn registration(&self) -> Option<(bool, bool)> {
        self.registration
    }

    /// Whether the module restarts, so that nothing is known of it any more.
    pub(crate) fn starts_anew(&self) -> bool {
        self.step == Step::Go
    }

    fn saying(&self) -> Option<Saying> {
        let (name, prefix) = REGISTRATION.get(self.network).copied()?;
        let saying = match self.step {
            Step::Registration => Saying::Basic {
                name: name.into(),
                line: CommandLine::read(name),
                information: Information::Prefix(prefix),
                timing: timing(ANSWER),
            },
            Step::Deactivate => context(0),
            Step::Activate => context(1),
            Step::Flight => functionality(4, DETACH),
            Step::Minimum => functionality(0, DETACH),
            Step::Full => functionality(1, DETACH),
            Step::Reset => Saying::Basic {
                name: "AT+CRESET".into(),
                line: CommandLine::bare("AT+CRESET"),
                information: Information::Nothing,
                timing: timing(ANSWER),
            },
            Step::Restart => Saying::Basic {
                name: "AT+CFUN".into(),
                line: CommandLine::write("AT+CFUN").number(1).number(1).finish(),
                information: Information::Nothing,
                timing: timing(ANSWER),
            },
            Step::Pause | Step::Go => return None,
        };
        Some(saying)
    }

    fn end(&mut self, outcome: Result<(), Failure>) -> Step {
        self.ended = Some(outcome);
        self.step
    }

    fn fail(&mut self, cause: Cause, response: &Response, stage: Stage) -> Step {
        self.end(Err(Failure::new(cause, Some(response.name), stage)))
    }

    /// Takes an answer about the registration. The question goes through all kinds of networks.
    fn registered(&mut self, response: &Response) -> Step {
        let prefix = REGISTRATION.get(self.network).map(|(_, prefix)| *prefix);
        let answer = prefix.and_then(|prefix| response.after(prefix));
        if let Some(found) = answer.and_then(facts::registration) {
            let before = self.registration.unwrap_or_default();
            self.registration = Some((found.0 || before.0, found.1 || before.1));
        }
        let there = self.registration.is_some_and(|(there, _)| there);
        if !there && self.network + 1 < REGISTRATION.len() {
            self.network += 1;
            return Step::Registration;
        }
        self.network = 0;
        // A module that tells nothing may be registered all the same.
        match (there || self.registration.is_none(), self.rung) {
            (true, Rung::Context) if self.hurried => self.end(Ok(())),
            (true, Rung::Context) => Step::Deactivate,
            (true, _) => self.end(Ok(())),
            (false, _) if self.polls > 0 && !self.hurried => {
                self.polls -= 1;
                Step::Pause
            }
            (false, _) => self.fail(Cause::NotRegistered, response, Stage::Network),
        }
    }
}

impl Procedure for Repair {
    fn next(&mut self) -> Next {
        loop {
            if let Some(outcome) = &self.ended {
                return Next::Finish(outcome.clone().map(|()| Output::Done));
            }
            match self.step {
                Step::Pause => {
                    self.step = Step::Registration;
                    self.registration = None;
                    return Next::Pause(
                        REGISTRATION_PAUSE,
                        "the module is not registered with a network",
                    );
                }
                Step::Go => {
                    self.ended = Some(Ok(()));
                    return Next::Pause(GOING, "the module is about to restart");
                }
                _ => match self.saying() {
                    Some(saying) => {
                        self.said = true;
                        return Next::Say(saying);
                    }
                    None => self.ended = Some(Ok(())),
                },
            }
        }
    }

    fn heard(&mut self, response: &Response) {
        if !std::mem::take(&mut self.said) {
            return;
        }
        let refused = match &response.outcome {
            Outcome::Done(_) => false,
            Outcome::Failed(Cause::Refused(_)) => true,
            // Whatever the module answered, the radio must not stay off.
            Outcome::Failed(Cause::Timeout(_))
                if matches!(self.step, Step::Flight | Step::Minimum) =>
            {
                false
            }
            // The module has left the port, as it was told to.
            Outcome::Failed(Cause::PortLost | Cause::Rebooted) if self.rung == Rung::Reset => {
                self.step = Step::Go;
                self.ended = Some(Ok(()));
                return;
            }
            Outcome::Failed(cause) => {
                self.step = self.fail(cause.clone(), response, Stage::Device);
                return;
            }
        };
        let refusal = || Cause::Refused(response.refusal().cloned());
        self.step = match (self.step, refused) {
            (Step::Registration, _) => self.registered(response),
            // In EPS the last context stays as long as the module is attached (3GPP 24.301 §6.5.2.2).
            // Then it is only activated.
            (Step::Deactivate, _) => Step::Activate,
            (Step::Activate | Step::Pause | Step::Go, false) => self.end(Ok(())),
            (Step::Flight, true) => Step::Minimum,
            (Step::Flight | Step::Minimum, false) => Step::Full,
            (Step::Full, false) if self.hurried => self.end(Ok(())),
            (Step::Full, false) => Step::Registration,
            (Step::Reset, true) => Step::Restart,
            (Step::Reset | Step::Restart, false) => Step::Go,
            (_, true) => self.fail(refusal(), response, Stage::Network),
        };
    }

    fn abandon(&mut self, cause: Cause) {
        self.hurried = true;
        if self.step == Step::Pause {
            self.ended = Some(Err(Failure::new(cause, None, Stage::Network)));
        }
    }

    fn give_up(&mut self, failure: Failure) {
        self.ended = Some(Err(failure));
    }
}

/// `AT+CGACT` for context 1, which the FTPS service uses unless it is told otherwise.
fn context(state: u64) -> Saying {
    Saying::Basic {
        name: "AT+CGACT".into(),
        line: CommandLine::write("AT+CGACT")
            .number(state)
            .number(1)
            .finish(),
        information: Information::Nothing,
        timing: timing(ACTIVATION),
    }
}

fn functionality(level: u64, accept: Duration) -> Saying {
    Saying::Basic {
        name: "AT+CFUN".into(),
        line: CommandLine::write("AT+CFUN").number(level).finish(),
        information: Information::Nothing,
        timing: timing(accept),
    }
}

fn timing(accept: Duration) -> Timing {
    Timing {
        accept,
        ..Timing::DEFAULT
    }
}
