//! The operation under way, and which part of the dialogue is acting for it.

use std::time::Duration;

use super::deliveries::Deliveries;
use crate::dialogue::ask::Ask;
use crate::dialogue::bring_up::{BringUp, Network};
use crate::dialogue::download::Download;
use crate::dialogue::exchange::{Outcome, Response};
use crate::dialogue::failure::{Cause, Failure};
use crate::dialogue::hush::Hush;
use crate::dialogue::list::List;
use crate::dialogue::moment::Moment;
use crate::dialogue::operation::{Delivery, Operation, Standing, Task};
use crate::dialogue::procedure::Procedure;
use crate::dialogue::repair::Repair;
use crate::dialogue::resync::Resync;
use crate::dialogue::rung::Rung;
use crate::dialogue::simple::Simple;
use crate::dialogue::size::Size;
use crate::dialogue::stat::Stat;
use crate::dialogue::storage::{Fetch, Look, Mode, Print, Send, Store};
use crate::dialogue::survey::Survey;
use crate::dialogue::tls::TlsSetup;
use crate::dialogue::upload::{Clear, Upload};
use crate::ftps::value::TransferType;
use crate::ftps::{Command, CommandName, ErrCode};

/// The operation under way.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) standing: Standing,
    /// Where the current plan leads: the standing, or a directory on the way to a long path.
    pub(super) towards: Standing,
    pub(super) task: Box<dyn Procedure>,
    pub(super) activity: Activity,
    /// What waits for the standing.
    pub(super) held: Option<Held>,
    /// The standing was reached once.
    pub(super) begun: bool,
    pub(super) deliveries: Deliveries,
    /// Deliveries go with the result: the link is released before they are taken.
    pub(super) holds_back: bool,
    pub(super) abandoned: bool,
    /// Until then, the rest of an unwanted download is thrown away.
    pub(super) drain_until: Option<Moment>,
    pub(super) aborted: bool,
    /// The command that was refused without a code, for which the session was made again.
    pub(super) refused: Option<CommandName>,
    /// The task changed the directory.
    pub(super) moved: bool,
    /// The command under way writes or deletes a file of the server.
    pub(super) writes: bool,
    /// Such a command was sent, and may have changed the file.
    pub(super) touched: bool,
    /// How often the standing was lost and planned again.
    pub(super) replans: u32,
    /// Commands of the plan that were sent since the task's last command.
    pub(super) planned: u32,
    pub(super) await_port: Option<Moment>,
    /// Why the run waited last, and since when, including the tries in between.
    pub(super) waited_for: Option<(&'static str, Moment)>,
    pub(super) repair: Climb,
}

/// How far an operation has climbed on the repair ladder.
#[derive(Debug, Default)]
pub(super) struct Climb {
    /// The owner is asked for the next rung, for this reason.
    pub(super) asks: Option<Failure>,
    /// The rung to try before the standing is planned again.
    pub(super) wanted: Option<Attempt>,
    /// The rung that was tried. Whether it helped shows when the standing is reached.
    pub(super) proving: Option<Attempt>,
    /// The rungs that were tried so far.
    pub(super) tried: Vec<Rung>,
}

/// A rung, and what had failed before. `None` where somebody asked for it.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) rung: Rung,
    pub(super) why: Option<Failure>,
}

impl Run {
    /// What the owner is to deliver next. `receives`: the module sends content.
    pub(super) fn deliver(&mut self, receives: bool, now: Moment) -> Option<Delivery> {
        if self.holds_back {
            return None;
        }
        self.deliveries.next(receives, now)
    }

    /// When more is to be delivered, although nothing comes from the module.
    pub(super) fn delivers_at(&self) -> Option<Moment> {
        self.deliveries.due().filter(|_| !self.holds_back)
    }

    /// Takes the response to the task's command. A server that refuses before it takes content
    /// leaves the file as it was. Nothing else proves that.
    pub(super) fn note(&mut self, response: &Response) {
        let refused = matches!(
            response.outcome,
            Outcome::Failed(
                Cause::Reported(ErrCode::REJECTED) | Cause::Refused(_) | Cause::Unsuitable(_)
            )
        );
        let from_a_drive = response.name == CommandName::PutFile;
        let untouched = refused && !response.prompted && !from_a_drive;
        self.touched |= std::mem::take(&mut self.writes) && !untouched;
    }

    /// A command that succeeded ends the wait before it.
    pub(super) fn goes_on(&mut self, response: &Response) {
        if response.is_done() {
            self.waited_for = None;
        }
    }

    /// Begins an operation.
    pub(super) fn new(operation: Operation, gather: Duration) -> Self {
        let transfer_type = match &operation.standing {
            Standing::LoggedIn(place) => place.transfer_type,
            _ => TransferType::default(),
        };
        let wanted = match &operation.task {
            Task::Repair(rung) => Some(Attempt {
                rung: *rung,
                why: None,
            }),
            _ => None,
        };
        Self {
            towards: operation.standing.clone(),
            standing: operation.standing,
            task: procedure(operation.task, transfer_type),
            activity: Activity::Task,
            held: None,
            begun: false,
            deliveries: Deliveries::gathering(gather),
            holds_back: false,
            abandoned: false,
            drain_until: None,
            aborted: false,
            refused: None,
            moved: false,
            writes: false,
            touched: false,
            replans: 0,
            planned: 0,
            await_port: None,
            waited_for: None,
            repair: Climb {
                wanted,
                ..Climb::default()
            },
        }
    }
}

/// What waits for the standing.
#[derive(Debug)]
pub(super) enum Held {
    /// Only the standing is wanted.
    Standing,
    /// A command to be sent in the standing.
    Command(Command),
}

/// Which part of the dialogue is acting.
#[derive(Debug)]
pub(super) enum Activity {
    Task,
    Plan(Command),
    Resync(Resync),
    BringUp(Box<BringUp>),
    SecureLogin(Box<TlsSetup>),
    Repair(Box<Repair>),
    Hush(Hush),
    Abort,
}

/// Sentences of a satellite receiver on the port since the module was brought up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sentences {
    None,
    /// They came, and the module is to be told to stop them.
    Heard,
    /// The module was told to stop them.
    Told,
}

fn procedure(task: Task, transfer_type: TransferType) -> Box<dyn Procedure> {
    match task {
        Task::Stand | Task::Repair(_) => Box::new(Simple::of(vec![])),
        Task::WorkingDirectory => Box::new(Simple::of(vec![Command::WorkingDirectory])),
        Task::ChangeDirectory(path) => Box::new(Simple::of(vec![
            Command::ChangeDirectory(path),
            Command::WorkingDirectory,
        ])),
        Task::MakeDirectory(path) => Box::new(Simple::of(vec![Command::MakeDirectory(path)])),
        Task::RemoveDirectory(path) => Box::new(Simple::of(vec![Command::RemoveDirectory(path)])),
        Task::DeleteFile(path) => Box::new(Simple::of(vec![Command::DeleteFile(path)])),
        Task::Survey(what) => Box::new(Survey::new(what)),
        Task::List(path) => Box::new(List::new(path)),
        Task::Size(path) => Box::new(Size::new(path)),
        Task::Stat(path) => Box::new(Stat::new(path)),
        Task::Download(what) => Box::new(Download::new(what, transfer_type)),
        Task::Upload(what) => Box::new(Upload::new(what, transfer_type)),
        Task::Clear(what) => Box::new(Clear::new(what)),
        Task::Fetch(what) => Box::new(Fetch::new(what)),
        Task::Send(what) => Box::new(Send::new(what)),
        Task::ListModule(directory) => Box::new(Look::list(directory)),
        Task::DeleteModuleFile(file) => Box::new(Look::delete(file)),
        Task::Space(drive) => Box::new(Look::space(drive)),
        Task::ReadModuleFile(file) => Box::new(Print::new(file)),
        Task::WriteModuleFile(what) => Box::new(Store::new(what)),
        Task::ReadSingleIp => Box::new(Mode::read()),
        Task::SingleIp(on) => Box::new(Mode::set(on)),
        Task::Network => Box::new(Network::new()),
        Task::Ask(questions) => Box::new(Ask::new(questions)),
    }
}
