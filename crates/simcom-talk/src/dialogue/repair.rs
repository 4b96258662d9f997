//! What is said on a rung of the repair ladder.

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
    /// Which one.
    pub rung: Rung,
    /// What had failed before; `None` where somebody asked for it.
    pub why: Option<Failure>,
    /// Whether the module stands where the operation wants it, now that it was tried.
    pub outcome: Result<(), Failure>,
}

/// Says the lines of a rung. What became of it shows when the standing is planned anew.
#[derive(Debug)]
pub(crate) struct Repair {
    rung: Rung,
    step: Step,
    /// The step was said and not heard yet.
    said: bool,
    /// Questions for the registration that are left before it is given up.
    polls: u32,
    /// Which of [`REGISTRATION`] is asked next.
    network: usize,
    registration: Option<(bool, bool)>,
    /// Nobody waits for it: what was begun is put in order, and nothing is waited for.
    hurried: bool,
    ended: Option<Result<(), Failure>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Is there a network?
    Registration,
    /// No: the question comes again after a while.
    Pause,
    Deactivate,
    Activate,
    /// The radio only: the SIM stays as it is, unlocked if it was.
    Flight,
    /// Where the module has no such mode, nearly everything.
    Minimum,
    Full,
    Reset,
    /// Where the module has no such command.
    Restart,
    /// It is about to start.
    Go,
}

/// What is asked for the registration: in EPS, GPRS and GSM (3GPP 27.007 §10.1.22, §10.1.20,
/// §7.2). One that the module knows and is registered in is enough.
const REGISTRATION: [(&str, &str); 3] = [
    ("AT+CEREG", "+CEREG:"),
    ("AT+CGREG", "+CGREG:"),
    ("AT+CREG", "+CREG:"),
];

/// Between two questions for the registration.
const REGISTRATION_PAUSE: Duration = Duration::from_secs(2);

/// A module that moves may be between two cells: ten seconds before the context.
const REGISTRATION_POLLS: u32 = 5;

/// A search through all bands takes up to a minute.
const SEARCH_POLLS: u32 = 30;

/// A network that does not answer is asked five times, every 8 s (T3482 of 3GPP 24.301 §10.2),
/// before the module gives the activation up.
const ACTIVATION: Duration = Duration::from_secs(45);

/// The module takes leave of the network before it switches the radio off: five tries of 5 s
/// (T3421 of 3GPP 24.301 §10.2).
const DETACH: Duration = Duration::from_secs(30);

/// From `OK` until a module that starts anew is gone from the port: it answers until then, and
/// forgets what is set. Over as soon as the port is gone, as on USB, or the first line of the start has
/// come, so that only a module on a UART that says nothing of its start takes so long.
/// TODO-correctness: no manual says how long; field code waits 2 to 5 s.
const GOING: Duration = Duration::from_secs(5);

/// Answers that come from the module itself.
const ANSWER: Duration = Duration::from_secs(5);

impl Repair {
    /// Begins.
    pub(crate) fn new(rung: Rung) -> Self {
        let (step, polls, ended) = match rung {
            Rung::Context => (Step::Registration, REGISTRATION_POLLS, None),
            Rung::Radio => (Step::Flight, SEARCH_POLLS, None),
            Rung::Reset => (Step::Reset, 0, None),
            // The planner's, and the port's owner's.
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

    /// Waits for the network of a module that has started anew.
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

    /// Whether the module starts anew, so that nothing is known of it any more.
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

    /// Whether there is a network: the question goes through all kinds of them.
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
                    return Next::Pause(GOING, "the module is about to start anew");
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
            // Whatever came of it, the radio must not stay off.
            Outcome::Failed(Cause::Timeout(_))
                if matches!(self.step, Step::Flight | Step::Minimum) =>
            {
                false
            }
            // It is gone, as it was told to be.
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
            // In EPS the last context stays as long as the module is attached (3GPP 24.301
            // §6.5.2.2): then it is only activated.
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
