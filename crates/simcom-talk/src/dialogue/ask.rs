//! The task that sends lines which a person wrote.

use std::time::Duration;

use super::exchange::{Information, Outcome, Response};
use super::failure::{Cause, Failure, Stage};
use super::operation::{Answer, Output};
use super::procedure::{Next, Procedure, Saying};
use crate::ftps::question::Question;
use crate::ftps::{CommandName, Timing};

/// Sends the lines and collects their answers. A refusal is an answer.
#[derive(Debug)]
pub(crate) struct Ask {
    ahead: std::vec::IntoIter<Question>,
    current: Option<Question>,
    reached: bool,
    answers: Vec<Answer>,
    ended: Option<Failure>,
}

/// Most answers come from the module itself. `AT+COPS=?` searches the network, for most of a minute.
// TODO-correctness: no document at hand says how long that takes at most. A list that comes later is
// taken for an unsolicited line.
const TIMING: Timing = Timing {
    accept: Duration::from_secs(60),
    ..Timing::DEFAULT
};

impl Ask {
    /// Asks these questions, one after the other.
    pub(crate) fn new(questions: Vec<Question>) -> Self {
        Self {
            ahead: questions.into_iter(),
            current: None,
            reached: false,
            answers: Vec::new(),
            ended: None,
        }
    }
}

impl Procedure for Ask {
    fn next(&mut self) -> Next {
        if let Some(failure) = &self.ended {
            return Next::Finish(Err(failure.clone()));
        }
        if !self.reached {
            self.reached = true;
            return Next::Reach;
        }
        self.current = self.ahead.next();
        match &self.current {
            Some(question) => Next::Say(Saying::Basic {
                name: CommandName::AT,
                line: question.line().clone(),
                information: Information::Any,
                timing: TIMING,
            }),
            None => Next::Finish(Ok(Output::Answers(std::mem::take(&mut self.answers)))),
        }
    }

    fn heard(&mut self, response: &Response) {
        let Some(question) = self.current.take() else {
            return;
        };
        let result = match &response.outcome {
            Outcome::Done(_) => "OK".to_owned(),
            Outcome::Failed(Cause::Refused(None)) => "ERROR".to_owned(),
            Outcome::Failed(Cause::Refused(Some(code))) => code.to_string(),
            Outcome::Failed(cause) => {
                let failure = Failure::new(cause.clone(), Some(CommandName::AT), Stage::Device);
                self.ended.get_or_insert(failure);
                return;
            }
        };
        self.answers.push(Answer {
            line: question.line().to_string(),
            info: response.info.clone(),
            result,
        });
    }

    fn abandon(&mut self, cause: Cause) {
        self.ended = Some(Failure::new(cause, None, Stage::Device));
    }

    fn give_up(&mut self, failure: Failure) {
        self.ended = Some(failure);
    }
}
