//! What a task looks like to the dialogue that carries it out.

use std::fmt::Debug;
use std::time::Duration;

use bytes::Bytes;

use super::exchange::{Information, Response};
use super::failure::{Cause, Failure};
use super::operation::{Delivery, Output, Piece, Progress};
use crate::at::CommandLine;
use crate::ftps::{Command, CommandName, ErrCode, Report, Timing};

/// A task, one exchange after the other. Decides; does nothing itself.
///
/// The dialogue asks [`Procedure::next`] whenever nothing is outstanding. Before it says a
/// command of the FTPS service it regains the standing of the operation, so that a procedure
/// which tries again after a failure need not care how the link comes back.
pub(crate) trait Procedure: Debug + Send {
    /// What to do now.
    fn next(&mut self) -> Next;

    /// How the exchange that was asked for ended.
    fn heard(&mut self, response: &Response);

    /// Content came. Gives back what the job's receiver gets of it.
    fn content(&mut self, _bytes: Bytes) -> Option<Delivery> {
        None
    }

    /// A piece came from the job's source. Gives back what to write, where a prompt is open.
    fn feed(&mut self, _piece: Piece) -> Option<Feed> {
        None
    }

    /// The byte of the content that the next piece must begin with.
    fn position(&self) -> u64 {
        0
    }

    /// Others wait for the link. The procedure finishes as soon as it can go on later, if it can
    /// do that at all. `pushed`: content is coming in that only an abort can stop.
    fn make_way(&mut self, _pushed: bool) -> WayOut {
        WayOut::Later
    }

    /// The prompt came: content may be written.
    fn prompted(&mut self) -> Option<Feed> {
        None
    }

    /// A report came that answers no exchange. Gives back its error code, where the report is
    /// this task's and tells of a failure.
    fn unsolicited_report(&mut self, _report: &Report) -> Option<ErrCode> {
        None
    }

    /// What the module can do is known: the task's standing is reached. Called each time before
    /// the task goes on.
    fn equip(&mut self, _ways: Ways) {}

    /// Whether something of the task goes on in the module after its end.
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

    /// Nobody waits for the outcome any more, or the job cannot go on. The procedure puts
    /// things in order and finishes with this cause.
    fn abandon(&mut self, cause: Cause);

    /// The standing cannot be reached. The procedure finishes without another word.
    fn give_up(&mut self, failure: Failure);

    /// The standing had to be reached anew since the task's last command. Returns whether the
    /// task begins again, instead of saying what it was about to say.
    fn begin_again(&mut self) -> bool {
        false
    }

    /// How far it is.
    fn progress(&self) -> Progress {
        Progress::default()
    }

    /// Bytes of content still to come, where that is known.
    fn remaining(&self) -> Option<u64> {
        None
    }
}

/// The ways that content takes on this module.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Ways {
    /// Files are read through the module's cache.
    pub(crate) pull: bool,
    /// Files are written in blocks.
    pub(crate) blocks: bool,
    /// Files can be written from an offset.
    pub(crate) rest: bool,
    /// What goes on in the module can be aborted.
    pub(crate) abort: bool,
    /// The server has told sizes since the login.
    pub(crate) sizes: bool,
}

/// How a task that is asked to make way gets there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WayOut {
    /// By itself, when it next decides; or not at all.
    Later,
    /// Once the content that is being handed over was ended where it is.
    EndContent,
    /// Once the content that is being pushed was aborted.
    Abort,
}

/// What a procedure wants done.
#[derive(Debug)]
pub(crate) enum Next {
    /// Say this and hear the answer.
    Say(Saying),
    /// Reach the standing of the operation, then ask again.
    Reach,
    /// Get a piece from the job's source.
    Fetch,
    /// Hand this to the job's receiver.
    Deliver(Delivery),
    /// Write this outside any command.
    Raw(Bytes),
    /// Write up to so many zeros, for up to so long, until the module says anything.
    Fill(u64, Duration),
    /// Let so much time pass, for this reason. What the module says meanwhile is heard. Only a module
    /// that starts anew, or a port that is lost, ends the pause early.
    Pause(Duration, &'static str),
    /// Wait until nothing of what the module was sending has come for so long: the rest of a
    /// transfer that was cut off, or late answers. Unsolicited lines are no part of that; and half a
    /// minute is the most.
    Quiet(Duration),
    /// The end.
    Finish(Result<Output, Failure>),
}

/// A command to be said.
#[derive(Debug)]
pub(crate) enum Saying {
    /// One of the FTPS service, in the standing of the operation.
    Ftps(Command),
    /// Another, whatever the standing.
    Basic {
        /// For errors.
        name: CommandName,
        /// The line.
        line: CommandLine,
        /// Which lines of text belong to the answer.
        information: Information,
        /// How long it may take.
        timing: Timing,
    },
    /// Another that asks for content, whatever the standing.
    Content {
        /// For errors.
        name: CommandName,
        /// The line, which tells the module how much will come.
        line: CommandLine,
        /// Written as it is once the prompt has come.
        content: Bytes,
        /// How long it may take.
        timing: Timing,
    },
}

/// Bytes for an open prompt.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Feed {
    /// As they go on the wire.
    pub(crate) bytes: Bytes,
    /// They are the last.
    pub(crate) end: bool,
}

/// How content behind a prompt is ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndOfContent {
    /// By the mark that ends a stream.
    Mark,
    /// The module takes so many bytes more before it hears a command again: they are zeros.
    Fill(u64),
}

/// How often a command is tried where a new try can help.
pub(crate) const TRIES: u32 = 3;

/// How long the link is left alone after the module reported that it is busy. SIMCom's own tool
/// and field firmware wait one to five seconds.
pub(crate) const BUSY_PAUSE: Duration = Duration::from_secs(2);

/// Whether a command that was tried so often is worth another try. A refusal without a code is
/// given one new login: most often nobody was logged in.
pub(crate) fn may_retry(cause: &Cause, tries: u32) -> bool {
    let limit = if matches!(cause, Cause::Refused(_)) {
        2
    } else {
        TRIES
    };
    is_transient(cause) && tries < limit
}

/// Whether the command may have been carried out all the same: its answer was lost, or the
/// connection was.
pub(crate) fn is_lost(cause: &Cause) -> bool {
    let untouched = matches!(
        cause,
        Cause::Refused(_) | Cause::Reported(ErrCode::BUSY | ErrCode::STATE)
    );
    is_transient(cause) && !untouched
}

impl Cause {
    /// Whether the server would not do it, as far as the module tells.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Reported(ErrCode::REJECTED) | Self::Refused(_))
    }

    /// Whether the data connection did not come about. The server may be rid of it by a new login, which
    /// is what [`crate::dialogue::Session`] makes of it.
    pub(crate) fn is_data_channel(&self) -> bool {
        let could_not = [ErrCode::CONNECT_SOCKET, ErrCode::CREATE_SOCKET];
        matches!(self, Self::Reported(code) if could_not.contains(code))
    }
}

impl Failure {
    /// Whether it was the link that failed, or a data connection, and not the server that refused.
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
