//! A download in the module's cache, and how it is read.

use std::time::Duration;

use super::exchange::{Outcome, Response};
use super::failure::{Awaited, Cause};
use crate::ftps::{Body, Command, CommandName, ErrCode, Report};

/// Reads what has come, with one command for each piece. When all of it is read, asks how much
/// there is.
///
/// `+CFTPSGET: 0` says that the network has done its part, however much is still to be read (SIMCom
/// manual L1214 b). It may come at any time. The download ends with that report and an empty cache.
#[derive(Debug)]
pub(crate) struct Cache {
    step: Step,
    /// Bytes that wait in the cache, as far as is known.
    waiting: u64,
    /// How the network's part ended.
    network: Option<Result<(), ErrCode>>,
    /// How often in a row the cache was empty.
    dry: u32,
    /// The last read gave bytes.
    gained: bool,
}

/// What to do next with a cache.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Send this.
    Say(Command),
    /// The cache is empty: wait.
    Pause(Duration),
    /// It is over.
    Over(Result<(), Cause>),
}

#[derive(Debug)]
enum Step {
    Pause,
    Ask,
    Asked,
    Read,
    Reading,
    Over(Result<(), Cause>),
}

/// Pause between two questions while the cache is empty. Together with [`DRY`] this is as long as
/// the module may be silent in a download that it pushes.
const PAUSE: Duration = Duration::from_secs(1);
const DRY: u32 = 60;

/// The same as [`DRY`], where every byte of the file is there and only the report is missing.
const DRY_WHEN_WHOLE: u32 = 5;

impl Cache {
    /// A download that the module accepted with this response to `AT+CFTPSGET`.
    pub(crate) fn new(response: &Response) -> Self {
        let ended = matches!(response.outcome, Outcome::Done(Some(_)));
        Self {
            step: Step::Ask,
            waiting: 0,
            network: ended.then_some(Ok(())),
            dry: 0,
            gained: false,
        }
    }

    /// What to do next. `whole` says that every byte of the file is there.
    pub(crate) fn next(&mut self, whole: bool) -> Turn {
        // A download that failed (for a full cache, for example: code 6) has left in the cache what
        // came before. Those bytes are read first, so that each try moves the transfer on. Then the
        // download is over.
        if let (Step::Pause | Step::Over(_), Some(Err(code))) = (&self.step, self.network) {
            return Turn::Over(Err(Cause::Reported(code)));
        }
        match &self.step {
            Step::Pause => {
                self.dry += 1;
                self.step = Step::Ask;
                if whole && self.dry > DRY_WHEN_WHOLE {
                    return Turn::Over(Ok(()));
                }
                if self.dry > DRY {
                    return Turn::Over(Err(Cause::Timeout(Awaited::Data)));
                }
                Turn::Pause(PAUSE)
            }
            Step::Ask | Step::Asked => {
                self.step = Step::Asked;
                Turn::Say(Command::CacheLength)
            }
            Step::Read | Step::Reading => {
                self.step = Step::Reading;
                self.gained = false;
                Turn::Say(Command::CacheRead)
            }
            Step::Over(result) => Turn::Over(result.clone()),
        }
    }

    /// Takes the end of the last command.
    pub(crate) fn heard(&mut self, response: &Response) {
        let body = match &response.outcome {
            Outcome::Done(body) => body,
            Outcome::Failed(cause) => {
                self.step = Step::Over(Err(cause.clone()));
                return;
            }
        };
        self.step = match (&self.step, body) {
            (Step::Asked, Some(Body::Number(0))) if self.network.is_some() => Step::Over(Ok(())),
            (Step::Asked, Some(Body::Number(0))) => Step::Pause,
            (Step::Asked, Some(Body::Number(waiting))) => {
                self.waiting = *waiting;
                Step::Read
            }
            (Step::Asked, _) => Step::Over(Err(Cause::OutOfOrder(
                "a cache whose length is no number".into(),
            ))),
            (Step::Reading, report) => {
                if report.is_some() && self.network.is_none() {
                    self.network = Some(Ok(()));
                }
                match self.waiting {
                    // The bytes that were announced are not there.
                    _ if !self.gained => Step::Pause,
                    0 => Step::Ask,
                    _ => Step::Read,
                }
            }
            _ => return,
        };
    }

    /// Takes the number of bytes that came out of the cache.
    pub(crate) fn content(&mut self, len: u64) {
        self.waiting = self.waiting.saturating_sub(len);
        self.dry = 0;
        self.gained = true;
    }

    /// Takes a report that answers no command. Returns the code of a failure.
    pub(crate) fn unsolicited_report(&mut self, report: &Report) -> Option<ErrCode> {
        let (CommandName::Get, Body::Number(number)) = (report.name, &report.body) else {
            return None;
        };
        let code = ErrCode::new(u16::try_from(*number).unwrap_or(u16::MAX));
        let failed = *number > 0;
        self.network = Some(if failed { Err(code) } else { Ok(()) });
        failed.then_some(code)
    }

    /// Whether nothing comes any more although the network has not done its part.
    pub(crate) fn is_stuck(&self) -> bool {
        let over =
            |cause: &Cause| matches!(cause, Cause::Timeout(Awaited::Data) | Cause::OutOfOrder(_));
        self.network.is_none()
            && (self.dry > DRY || matches!(&self.step, Step::Over(Err(cause)) if over(cause)))
    }

    /// Whether the network has done its part, so that nothing is going on in the module.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.network.is_some()
    }
}
