//! What came of a command.

use crate::at::ErrorCode;
use crate::dialogue::failure::Cause;
use crate::ftps::{Body, CommandName, ErrCode};

/// How an exchange ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Response {
    /// The command, for errors.
    pub(crate) name: CommandName,
    /// What came of it.
    pub(crate) outcome: Outcome,
    /// Every part of the answer came, so that nothing late can be taken for the answer to the next
    /// command.
    pub(crate) clean: bool,
    /// Lines of information.
    pub(crate) info: Vec<String>,
    /// The prompt came: content was handed over, or could have been.
    pub(crate) prompted: bool,
    /// The module echoed the line.
    pub(crate) echoed: bool,
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The command did what was asked; the report, where it carries more than a success code.
    Done(Option<Body>),
    /// The command did not.
    Failed(Cause),
}

impl Response {
    /// The error code, where the module reported one.
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
