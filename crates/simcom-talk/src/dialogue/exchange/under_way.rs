//! One command line, and all that answers it.

use std::time::Duration;

use bytes::Bytes;

use super::names::Names;
use super::unproven::Unproven;
use crate::at::{CommandLine, Expect, FinalCode};
use crate::dialogue::moment::Moment;
use crate::ftps::{Body, Command, CommandName, ResponseForm, Storage, StorageCommandName, Timing};

/// One AT line under way. It knows what may come next, until when, and when the response is complete.
///
/// The final result code and the report may come in either order, `ERROR` may come alone or with a report on
/// either side, and lines of others may come in between. Counted content is consumed by its count, even where
/// it belongs to a command that is over.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(super) name: CommandName,
    pub(super) line: CommandLine,
    pub(super) information: Information,
    pub(super) form: ResponseForm,
    pub(super) timing: Timing,
    pub(super) final_code: Option<FinalCode>,
    pub(super) report: Option<Body>,
    pub(super) info: Vec<String>,
    /// What has come of a listing of module files.
    pub(super) names: Option<Names>,
    pub(super) handover: Handover,
    /// Content that is written at once when the prompt has come.
    pub(super) content_to_write: Option<Bytes>,
    pub(super) block: Option<Block>,
    /// Content has come into the cache.
    pub(super) announced: bool,
    pub(super) deadline: Moment,
    /// The number of bytes that the command announced. They go behind a prompt or, where the command has no
    /// prompt, without one.
    pub(super) literal: Option<u64>,
    /// `OK` came before the report, although it belongs after it. A second `OK` may follow.
    pub(super) hasty: bool,
    /// Bytes of content that came.
    pub(super) content: u64,
    /// A block that came whole. It is handed on when the next line shows that its count was right: a lost byte,
    /// or a line that slipped in, would shift the next line.
    pub(super) unproven: Unproven,
    pub(super) garbled: bool,
    pub(super) said: Moment,
    /// The module echoed the line.
    pub(super) echoed: bool,
}

/// Which lines are the information text of the answer (V.250 §5.7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Information {
    /// Reports of this command.
    Report(CommandName),
    /// Information with this prefix, for example `+CPIN:`.
    Prefix(&'static str),
    /// Information without any prefix, as in the answer to `AT+CGMM`, or with this one.
    Bare(&'static str),
    /// Every line before the final result code that is neither an unsolicited result code nor a report.
    Any,
    /// No line.
    Nothing,
}

/// How content is handed over behind a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handover {
    /// The command takes none.
    None,
    /// The prompt has not come.
    Awaited,
    /// The prompt came; content is on its way.
    Open,
    /// All content was written.
    Closed,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Block {
    pub(super) left: u64,
    /// The content belongs to this exchange.
    pub(super) ours: bool,
}

impl Exchange {
    /// A command of the FTPS service or of the module's file system, with the time that its arguments need.
    pub(crate) fn of(command: &Command, line: CommandLine, now: Moment) -> Self {
        let name = command.name();
        let information = match name {
            CommandName::ReadSingleIp => Information::Prefix("+CFTPSSINGLEIP:"),
            CommandName::Storage(StorageCommandName::Enter) => Information::Prefix("+FSCD:"),
            CommandName::Storage(StorageCommandName::Count) => Information::Prefix("+FSLS:"),
            CommandName::Storage(StorageCommandName::List) => Information::Nothing,
            CommandName::Storage(StorageCommandName::Attributes) => {
                Information::Prefix("+FSATTRI:")
            }
            CommandName::Storage(StorageCommandName::Space) => Information::Prefix("+FSMEM:"),
            _ => Information::Report(command.reporter()),
        };
        let (form, timing) = (command.response_form(), command.timing());
        let exchange = Self::new(name, line, information, form, timing, now);
        let names = match command {
            Command::Storage(Storage::List(count)) => Some(Names::new(*count)),
            _ => None,
        };
        Self {
            literal: command.literal(),
            names,
            ..exchange
        }
    }

    /// Any other command: its final result code ends it.
    pub(crate) fn basic(
        name: CommandName,
        line: CommandLine,
        information: Information,
        timing: Timing,
        now: Moment,
    ) -> Self {
        Self::new(name, line, information, ResponseForm::Final, timing, now)
    }

    /// Any other command that prompts for content: its final result code ends it.
    pub(crate) fn with_content(
        name: CommandName,
        line: CommandLine,
        content: Bytes,
        timing: Timing,
        now: Moment,
    ) -> Self {
        Self {
            handover: Handover::Awaited,
            content_to_write: Some(content),
            deadline: now + timing.prompt,
            ..Self::basic(name, line, Information::Nothing, timing, now)
        }
    }

    /// Takes the content that the command brought along. The second call returns `None`.
    pub(crate) fn take_content(&mut self) -> Option<Bytes> {
        self.content_to_write.take()
    }

    fn new(
        name: CommandName,
        line: CommandLine,
        information: Information,
        form: ResponseForm,
        timing: Timing,
        now: Moment,
    ) -> Self {
        let (handover, patience) = match form {
            ResponseForm::Prompt | ResponseForm::Literal => (Handover::Awaited, timing.prompt),
            _ => (Handover::None, timing.accept),
        };
        Self {
            name,
            line,
            information,
            form,
            timing,
            final_code: None,
            report: None,
            info: Vec::new(),
            names: None,
            handover,
            content_to_write: None,
            block: None,
            announced: false,
            deadline: now + patience,
            literal: None,
            hasty: false,
            content: 0,
            unproven: Unproven::default(),
            garbled: false,
            said: now,
            echoed: false,
        }
    }

    /// Begins this command while the content of another is still coming in. That content is thrown away.
    pub(crate) fn over(mut self, other: &Self) -> Self {
        self.block = other.block.map(|block| Block {
            ours: false,
            ..block
        });
        self
    }

    /// How long ago the command was sent.
    pub(crate) fn elapsed(&self, now: Moment) -> Duration {
        now - self.said
    }

    /// How long this many further bytes of content take at the pace so far.
    pub(crate) fn estimate(&self, bytes: u64, now: Moment) -> Option<Duration> {
        let pace = (now - self.said).as_secs_f64() / self.content as f64;
        Duration::try_from_secs_f64(pace * bytes as f64).ok()
    }

    /// Whether the module echoes what is written to it.
    pub(crate) fn is_echoed(&self) -> bool {
        self.echoed
    }

    /// Whether the module is pushing content, which only an abort can stop.
    pub(crate) fn is_receiving(&self) -> bool {
        self.form == ResponseForm::Blocks && self.report.is_none()
    }

    /// Whether counted content may come in.
    pub(super) fn takes_content(&self) -> bool {
        self.is_receiving() || self.form == ResponseForm::CacheRead
    }

    /// Whether the module moves a file by itself.
    pub(crate) fn is_of_a_module_file(&self) -> bool {
        matches!(
            self.information,
            Information::Report(CommandName::GetFile | CommandName::PutFile)
        )
    }

    /// Whether the module is moving a file by itself now, and takes other commands meanwhile.
    pub(crate) fn is_moving_a_file(&self) -> bool {
        self.is_of_a_module_file()
            && self.final_code == Some(FinalCode::Ok)
            && self.report.is_none()
    }

    /// Whether it is a command of the FTPS service.
    pub(crate) fn is_of_the_service(&self) -> bool {
        self.name.is_of_the_service()
    }

    /// Whether the content comes from the server, so that an abort would end it.
    pub(crate) fn is_of_the_server(&self) -> bool {
        !matches!(
            self.information,
            Information::Report(CommandName::Storage(_))
        )
    }

    /// The line to be written.
    pub(crate) fn line(&self) -> &CommandLine {
        &self.line
    }

    /// What may come next.
    pub(crate) fn expect(&self) -> Expect {
        match (self.block, self.handover) {
            (Some(block), _) => Expect::Block(block.left),
            (None, Handover::Awaited) => Expect::LineOrPrompt,
            (None, _) => Expect::Line,
        }
    }

    /// When to give up waiting.
    pub(crate) fn deadline(&self) -> Moment {
        self.deadline
    }

    /// Whether content is being handed over.
    pub(crate) fn is_open(&self) -> bool {
        self.handover == Handover::Open
    }

    /// Whether the module ended the command while content was being handed over.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.is_open() && (self.final_code.is_some() || self.report.is_some())
    }

    /// All content was written.
    pub(crate) fn close(&mut self, now: Moment) {
        self.handover = Handover::Closed;
        self.deadline = now + self.patience();
    }

    /// This module sends no result for the command: the exchange waits only so long for one.
    pub(crate) fn expect_no_result(&mut self, patience: Duration) {
        self.timing.outcome = self.timing.outcome.min(patience);
    }

    /// Gives up earlier than planned.
    pub(crate) fn hasten(&mut self, until: Moment) {
        self.deadline = self.deadline.min(until);
    }

    /// Whether the incoming bytes differ from what the module meant to send.
    pub(crate) fn is_garbled(&self) -> bool {
        self.garbled
    }

    /// How long the next part of the answer may take.
    pub(super) fn patience(&self) -> Duration {
        match (&self.final_code, &self.report) {
            (None, None) if self.content > 0 || self.handover == Handover::Closed => {
                self.timing.outcome
            }
            (None, None) => self.timing.accept,
            // The last line may have been a name.
            (Some(_), None) if self.names.is_some() => self.timing.trailing,
            (Some(FinalCode::Ok), None) => self.timing.outcome,
            (Some(FinalCode::Error(_)), None) | (_, Some(_)) => self.timing.trailing,
        }
    }
}
