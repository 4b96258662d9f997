//! Makes sure that the next answer belongs to the next command.

use std::time::Duration;

use bytes::Bytes;

use super::exchange::{Information, Outcome, Response};
use super::failure::{Awaited, Cause, Failure, Stage};
use super::operation::Output;
use super::procedure::{Next, Procedure, Saying};
use crate::at::CommandLine;
use crate::ftps::{CommandName, Timing, escape};

/// Waits until the module is quiet, and asks it a question whose answer cannot be mistaken for
/// another: `AT+CMEE?` is answered by `+CMEE: <n>` (3GPP 27.007 §9.1). So an `OK` alone is
/// recognised as a late one.
#[derive(Debug)]
pub(crate) struct Resync {
    step: Step,
    tries: u32,
    ended: Option<Failure>,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Quiet,
    Ask,
    Asked,
    /// The module does not know the question.
    Plain,
    /// The module may wait for content at a prompt.
    EndContent,
    Done,
}

/// How long the line must be silent. A frame that is on its way has no gap of this length.
const QUIET: Duration = Duration::from_millis(300);

/// The answer comes from the module itself. This is ten times the slowest one seen.
const ANSWER: Duration = Duration::from_secs(3);

/// How often the question is asked.
const QUESTIONS: u32 = 3;

impl Resync {
    /// Begins.
    pub(crate) fn new() -> Self {
        Self {
            step: Step::Quiet,
            tries: 0,
            ended: None,
        }
    }
}

impl Procedure for Resync {
    fn next(&mut self) -> Next {
        if let Some(failure) = &self.ended {
            return Next::Finish(Err(failure.clone()));
        }
        let timing = Timing {
            accept: ANSWER,
            ..Timing::DEFAULT
        };
        match self.step {
            Step::Quiet => {
                self.step = Step::Ask;
                Next::Quiet(QUIET)
            }
            Step::Ask => {
                self.tries += 1;
                self.step = Step::Asked;
                Next::Say(Saying::Basic {
                    name: "AT+CMEE".into(),
                    line: CommandLine::read("AT+CMEE"),
                    information: Information::Prefix("+CMEE:"),
                    timing,
                })
            }
            Step::Plain => {
                self.tries += 1;
                Next::Say(Saying::Basic {
                    name: CommandName::AT,
                    line: CommandLine::bare("AT"),
                    information: Information::Nothing,
                    timing,
                })
            }
            Step::EndContent => {
                self.step = Step::Quiet;
                Next::Raw(Bytes::from_static(&[escape::END]))
            }
            Step::Asked | Step::Done => Next::Finish(Ok(Output::Done)),
        }
    }

    fn heard(&mut self, response: &Response) {
        let plain = matches!(self.step, Step::Plain);
        self.step = match &response.outcome {
            Outcome::Done(_) if plain || !response.info.is_empty() => Step::Done,
            Outcome::Failed(Cause::Refused(_)) if !plain => Step::Plain,
            Outcome::Failed(cause @ (Cause::PortLost | Cause::Rebooted)) => {
                self.ended = Some(Failure::new(
                    cause.clone(),
                    Some(response.name),
                    Stage::Device,
                ));
                Step::Done
            }
            _ if self.tries >= QUESTIONS => {
                let cause = Cause::Timeout(Awaited::FinalCode);
                self.ended = Some(Failure::new(cause, Some(response.name), Stage::Device));
                Step::Done
            }
            Outcome::Failed(Cause::Timeout(_)) => Step::EndContent,
            _ => Step::Quiet,
        };
    }

    fn abandon(&mut self, _cause: Cause) {}

    fn give_up(&mut self, failure: Failure) {
        self.ended = Some(failure);
    }
}
