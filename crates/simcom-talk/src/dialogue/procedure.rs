//! A task as the dialogue sees it.

use std::fmt::Debug;
use std::time::Duration;

use bytes::Bytes;

use super::exchange::{Information, Response};
use super::failure::{Cause, Failure};
use super::operation::{Delivery, Output, Piece, Progress};
use crate::at::CommandLine;
use crate::ftps::{Command, CommandName, ErrCode, Report, Timing};

/// A task, one exchange after the other. It decides, and does nothing itself.
///
/// The dialogue calls [`Procedure::next`] whenever no exchange is under way. Before it sends a command
/// of the FTPS service, it regains the standing of the operation. So a procedure that tries again after
/// a failure need not know how the link comes back.
pub(crate) trait Procedure: Debug + Send {
    /// What to do next.
    fn next(&mut self) -> Next;

    /// Takes the end of the exchange that was asked for.
    fn heard(&mut self, response: &Response);

    /// Takes content. Returns the part that the job's receiver gets.
    fn content(&mut self, _bytes: Bytes) -> Option<Delivery> {
        None
    }

    /// Takes a piece from the job's source. Returns what to write, where a prompt is open.
    fn feed(&mut self, _piece: Piece) -> Option<Feed> {
        None
    }

    /// The position in the content at which the next piece must begin.
    fn position(&self) -> u64 {
        0
    }

    /// Others wait for the link. A procedure that can go on later finishes as soon as possible.
    /// `pushed`: content is coming in that only an abort can stop.
    fn make_way(&mut self, _pushed: bool) -> WayOut {
        WayOut::Later
    }

    /// The prompt came: content may be written.
    fn prompted(&mut self) -> Option<Feed> {
        None
    }

    /// Takes a report that answers no exchange. Returns its error code, where the report is this task's
    /// and tells of a failure.
    fn unsolicited_report(&mut self, _report: &Report) -> Option<ErrCode> {
        None
    }

    /// Takes the abilities of the module, once the task's standing is reached. Called each time before
    /// the task goes on.
    fn equip(&mut self, _ways: Ways) {}

    /// Whether something of the task goes on in the module after the task's end.
    fn leaves_open(&self) -> bool {
        false
    }

    /// Whether the content that is being handed over cannot be completed.
    fn is_cut_short(&self) -> bool {
        false
    }

    /// How content that cannot be completed is ended.
    fn end_of_content(&self) -> EndOfContent {
        EndOfContent::Mark
    }

    /// Nobody waits for the outcome any more, or the job cannot go on. The procedure cleans up and
    /// finishes with this cause.
    fn abandon(&mut self, cause: Cause);

    /// The standing cannot be reached. The procedure finishes without another command.
    fn give_up(&mut self, failure: Failure);

    /// The standing had to be reached again since the task's last command. Returns whether the task
    /// begins again in place of its next command.
    fn begin_again(&mut self) -> bool {
        false
    }

    /// How far the task has come.
    fn progress(&self) -> Progress {
        Progress::default()
    }

    /// Bytes of content that are still to come, where that is known.
    fn remaining(&self) -> Option<u64> {
        None
    }
}

/// How content is moved on this module.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Ways {
    /// Files are read through the module's cache.
    pub(crate) pull: bool,
    /// Files are written in blocks.
    pub(crate) blocks: bool,
    /// Files can be written from an offset.
    pub(crate) rest: bool,
    /// The module can abort what is under way.
    pub(crate) abort: bool,
    /// The server has told sizes since the login.
    pub(crate) sizes: bool,
}

/// How a task that is asked to yield ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WayOut {
    /// By itself, at its next decision, or not at all.
    Later,
    /// After the content that is being handed over was ended where it is.
    EndContent,
    /// After the content that is being pushed was aborted.
    Abort,
}

/// What a procedure wants done.
#[derive(Debug)]
pub(crate) enum Next {
    /// Send this and wait for the answer.
    Say(Saying),
    /// Reach the standing of the operation, then ask again.
    Reach,
    /// Get a piece from the job's source.
    Fetch,
    /// Hand this to the job's receiver.
    Deliver(Delivery),
    /// Write this outside of any command.
    Raw(Bytes),
    /// Write up to this many zeros, for up to this long, until the module sends anything.
    Fill(u64, Duration),
    /// Let this much time pass, for this reason. What the module sends meanwhile is heard. Only a module
    /// that restarts, or a lost port, ends the pause early.
    Pause(Duration, &'static str),
    /// Wait until the module has stopped sending for this long: the rest of a transfer that was cut off,
    /// or late answers. Unsolicited lines do not count. The wait is half a minute at most.
    Quiet(Duration),
    /// The end.
    Finish(Result<Output, Failure>),
}

/// A command to be sent.
#[derive(Debug)]
pub(crate) enum Saying {
    /// A command of the FTPS service, in the standing of the operation.
    Ftps(Command),
    /// Another command, whatever the standing.
    Basic {
        /// The name, for errors.
        name: CommandName,
        /// The line.
        line: CommandLine,
        /// Which lines of text belong to the answer.
        information: Information,
        /// How long the answer may take.
        timing: Timing,
    },
    /// Another command that asks for content, whatever the standing.
    Content {
        /// The name, for errors.
        name: CommandName,
        /// The line. It tells the module how much will come.
        line: CommandLine,
        /// Written as it is once the prompt has come.
        content: Bytes,
        /// How long the answer may take.
        timing: Timing,
    },
}

/// Bytes for an open prompt.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Feed {
    /// As they go on the wire.
    pub(crate) bytes: Bytes,
    /// These are the last bytes.
    pub(crate) end: bool,
}

/// How content behind a prompt is ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndOfContent {
    /// By the mark that ends a stream.
    Mark,
    /// The module takes this many more bytes before it hears a command again. They are zeros.
    Fill(u64),
}

/// How often a command is tried where a new try can help.
pub(crate) const TRIES: u32 = 3;

/// How long the link is left alone after the module reported that it is busy. SIMCom's own tool and the
/// firmware of field devices wait one to five seconds.
pub(crate) const BUSY_PAUSE: Duration = Duration::from_secs(2);

/// Whether a command that was tried `tries` times is worth another try. A refusal without a code gets
/// one new login: most often nobody was logged in.
pub(crate) fn may_retry(cause: &Cause, tries: u32) -> bool {
    let limit = if matches!(cause, Cause::Refused(_)) {
        2
    } else {
        TRIES
    };
    is_transient(cause) && tries < limit
}

/// Whether the module may have carried the command out all the same: its answer was lost, or the
/// connection was.
pub(crate) fn is_lost(cause: &Cause) -> bool {
    let untouched = matches!(
        cause,
        Cause::Refused(_) | Cause::Reported(ErrCode::BUSY | ErrCode::STATE)
    );
    is_transient(cause) && !untouched
}

impl Cause {
    /// Whether the server refused, as far as the module tells.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Reported(ErrCode::REJECTED) | Self::Refused(_))
    }

    /// Whether the data connection failed to open. A new login may help, and
    /// [`crate::dialogue::Session`] plans one.
    pub(crate) fn is_data_channel(&self) -> bool {
        let could_not = [ErrCode::CONNECT_SOCKET, ErrCode::CREATE_SOCKET];
        matches!(self, Self::Reported(code) if could_not.contains(code))
    }
}

impl Failure {
    /// Whether the link or a data connection failed, as opposed to a server that refused.
    #[must_use]
    pub fn is_of_the_link(&self) -> bool {
        is_transient(&self.cause) || self.cause.is_data_channel()
    }
}

/// Whether a new try can help once the standing was regained.
pub(crate) fn is_transient(cause: &Cause) -> bool {
    match cause {
        Cause::Reported(code) => matches!(
            *code,
            ErrCode::BUSY
                | ErrCode::CLOSED_BY_SERVER
                | ErrCode::TIMEOUT
                | ErrCode::TRANSFER_FAILED
                | ErrCode::NETWORK
                | ErrCode::STATE
                | ErrCode::SSL_CLOSED
                | ErrCode::SERVER_TIMEOUT
        ),
        Cause::Refused(None)
        | Cause::Timeout(_)
        | Cause::Garbled
        | Cause::Rebooted
        | Cause::PortLost
        | Cause::Disconnected
        | Cause::NetworkLost => true,
        Cause::Refused(Some(_))
        | Cause::OutOfOrder(_)
        | Cause::SimMissing
        | Cause::SimLocked
        | Cause::NotRegistered
        | Cause::Cancelled(_)
        | Cause::SourceGone
        | Cause::SourceStalled
        | Cause::SourceForgotten
        | Cause::SourceChanged
        | Cause::ReceiverStalled
        | Cause::Exists
        | Cause::NotOnModule
        | Cause::DriveFull { .. }
        | Cause::Undecided(_)
        | Cause::ListingUnread(_)
        | Cause::SizeMismatch { .. }
        | Cause::OverLimit { .. }
        | Cause::Unsuitable(_) => false,
    }
}
