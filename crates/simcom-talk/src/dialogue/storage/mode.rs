//! The task about the data address mode.

use super::failure;
use crate::dialogue::exchange::{Outcome, Response};
use crate::dialogue::failure::{Cause, Failure, Stage};
use crate::dialogue::operation::Output;
use crate::dialogue::procedure::{Next, Procedure, Saying, may_retry};
use crate::ftps::{Command, CommandName};

/// Asks for the mode, or sets it (SIMCom manual L1216).
#[derive(Debug)]
pub(crate) struct Mode {
    command: Command,
    tries: u32,
    ended: Option<Result<Output, Failure>>,
}

impl Mode {
    /// Asks for the mode.
    pub(crate) fn read() -> Self {
        Self::new(Command::ReadSingleIp)
    }

    /// Sets the mode.
    pub(crate) fn set(on: bool) -> Self {
        Self::new(Command::SingleIp(on))
    }

    fn new(command: Command) -> Self {
        Self {
            command,
            tries: 0,
            ended: None,
        }
    }
}

impl Procedure for Mode {
    fn next(&mut self) -> Next {
        match &self.ended {
            Some(ended) => Next::Finish(ended.clone()),
            None => Next::Say(Saying::Ftps(self.command.clone())),
        }
    }

    fn heard(&mut self, response: &Response) {
        self.tries += 1;
        let outcome = match (&response.outcome, &self.command) {
            (Outcome::Done(_), Command::ReadSingleIp) => match response.after("+CFTPSSINGLEIP:") {
                Some("0") => Ok(Output::SingleIp(false)),
                Some("1") => Ok(Output::SingleIp(true)),
                _ => Err(Cause::OutOfOrder("a mode that is neither 0 nor 1".into())),
            },
            (Outcome::Done(_), _) => Ok(Output::Done),
            (Outcome::Failed(cause), _) if may_retry(cause, self.tries) => return,
            (Outcome::Failed(cause), _) => Err(cause.clone()),
        };
        self.ended = Some(
            outcome
                .map_err(|cause| failure(cause, CommandName::SingleIp, Stage::Device, self.tries)),
        );
    }

    fn abandon(&mut self, cause: Cause) {
        self.ended = Some(Err(Failure::new(cause, None, Stage::Device)));
    }

    fn give_up(&mut self, failure: Failure) {
        self.ended = Some(Err(failure));
    }
}
