//! What a command came to.

use crate::at::ErrorCode;
use crate::dialogue::failure::Cause;
use crate::ftps::{Body, CommandName, ErrCode};

/// How an exchange ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Response {
    /// The command, for errors.
    pub(crate) name: CommandName,
    /// What it came to.
    pub(crate) outcome: Outcome,
    /// Every part of the answer came, so that nothing can be taken for the next one's.
    pub(crate) clean: bool,
    /// Lines of information.
    pub(crate) info: Vec<String>,
    /// The prompt came: content was, or could have been, handed over.
    pub(crate) prompted: bool,
    /// The line came back.
    pub(crate) echoed: bool,
}

/// What a command came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It did what was asked; the report, where it carries more than a success code.
    Done(Option<Body>),
    /// It did not.
    Failed(Cause),
}

impl Response {
    /// The error code reported, if that is what happened.
    pub(crate) fn errcode(&self) -> Option<ErrCode> {
        match self.outcome {
            Outcome::Failed(Cause::Reported(code)) => Some(code),
            _ => None,
        }
    }

    /// Whether the command did what was asked.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self.outcome, Outcome::Done(_))
    }

    /// The rest of the first line of information that begins with the prefix.
    pub(crate) fn after(&self, prefix: &str) -> Option<&str> {
        self.info
            .iter()
            .find_map(|line| line.strip_prefix(prefix))
            .map(str::trim)
    }

    /// The reason of a refusal, where the module gave one.
    pub(crate) fn refusal(&self) -> Option<&ErrorCode> {
        match &self.outcome {
            Outcome::Failed(Cause::Refused(code)) => code.as_ref(),
            _ => None,
        }
    }
}
