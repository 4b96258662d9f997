//! What commands come to: on the way to a standing, and in a task.

use tracing::{debug, info};

use super::Dialogue;
use super::run::Activity;
use super::standing::REPLANS;
use crate::dialogue::exchange::{Settlement, Verdict};
use crate::dialogue::failure::{Awaited, Cause, Failure, Stage};
use crate::dialogue::moment::Moment;
use crate::dialogue::procedure::{BUSY_PAUSE, Procedure};
use crate::dialogue::rung::Rung;
use crate::dialogue::session::Session;
use crate::ftps::{Command, ErrCode, StorageVerb, Verb};

impl Dialogue {
    pub(super) fn settle(&mut self, settlement: Settlement, now: Moment) {
        self.echo = None;
        self.fill = 0;
        if settlement.name == StorageVerb::Read.name() {
            self.framer.forget_gap();
        }
        let exchange = self.exchange.take();
        let took = exchange.as_ref().map(|exchange| exchange.elapsed(now));
        if let Some(exchange) = exchange {
            self.leftover = exchange.leftover();
        }
        if !settlement.clean {
            self.synchronised = false;
            let ours = self
                .run
                .as_ref()
                .is_some_and(|run| matches!(run.activity, Activity::Task | Activity::Plan(_)));
            if let (Verdict::Failed(cause), true) = (&settlement.verdict, ours) {
                self.lapse(Rung::Resynchronise, cause, settlement.name);
            }
        }
        self.mind_the_echo(settlement.echoed);
        match &settlement.verdict {
            Verdict::Done(_) => debug!(command = settlement.name, "done"),
            Verdict::Failed(cause) => debug!(command = settlement.name, %cause, "failed"),
        }
        let Some(run) = &mut self.run else { return };
        match &mut run.activity {
            Activity::Resync(resync) => resync.heard(&settlement),
            Activity::BringUp(bring_up) => bring_up.heard(&settlement),
            Activity::SecureLogin(setup) => setup.heard(&settlement),
            Activity::Repair(repair) => {
                repair.heard(&settlement);
                if repair.starts_anew() {
                    self.forget();
                }
            }
            Activity::Plan(planned) => {
                let planned = planned.clone();
                run.activity = Activity::Task;
                if let Some(took) = took.filter(|_| settlement.is_done()) {
                    self.abort_cost.learn(&planned, took);
                }
                self.follow_plan(&planned, &settlement, now);
            }
            Activity::Abort => {
                // Whether the command that was aborted still ends with a report of its own is
                // not documented: the line must be quiet before the next one.
                self.synchronised = false;
                self.session = if settlement.is_done() {
                    if let Some(took) = took {
                        self.abort_cost.learn(&Command::Abort, took);
                    }
                    Session::Down
                } else {
                    self.mind_the_abort(&settlement);
                    Session::Unknown
                };
            }
            Activity::Task => {
                self.note(&settlement);
                if settlement.errcode() == Some(ErrCode::BUSY) {
                    self.be_quiet(BUSY_PAUSE, now);
                }
                if let Some(run) = &mut self.run {
                    run.task.heard(&settlement);
                }
            }
        }
    }

    /// Whether a module that pushes content hears an abort is documented nowhere: one that did not
    /// is not asked again before it was brought up anew, since each try costs a login on top of the
    /// rest of the content.
    fn mind_the_abort(&mut self, settlement: &Settlement) {
        let unheard = match &settlement.verdict {
            Verdict::Failed(Cause::Timeout(awaited)) => *awaited != Awaited::Result,
            Verdict::Failed(Cause::Refused(_) | Cause::Reported(_)) => true,
            Verdict::Failed(_) | Verdict::Done(_) => false,
        };
        if unheard {
            info!("the module does not abort what it is at; transfers are waited for instead");
            self.profile.abort = false;
            self.facts.capabilities.profile.abort = false;
        }
    }

    /// What a task's command came to changes where the module stands.
    fn note(&mut self, settlement: &Settlement) {
        let stood = self.session.clone();
        self.note_verdict(settlement);
        if let Verdict::Failed(cause) = &settlement.verdict
            && stood != self.session
        {
            let rung = match self.session {
                Session::Closed(_) => Rung::Login,
                _ => Rung::Service,
            };
            self.lapse(rung, cause, settlement.name);
        }
        if settlement.name == Verb::Abort.name() {
            // As for an abort of the conductor's own.
            self.synchronised = false;
            self.session = Session::Unknown;
            if let Some(run) = &mut self.run {
                run.aborted = settlement.is_done();
            }
            if settlement.is_done() {
                self.session = Session::Down;
            } else {
                self.mind_the_abort(settlement);
            }
        }
        if settlement.is_done() && settlement.name == Verb::ChangeDirectory.name() {
            // Only noted at the end: the rest of the task belongs to where it went.
            if let Some(run) = &mut self.run {
                run.moved = true;
            }
        }
    }

    fn note_verdict(&mut self, settlement: &Settlement) {
        match &settlement.verdict {
            Verdict::Done(_) => {
                self.sizeless &= settlement.name != Verb::Size.name();
                if let Some(run) = &mut self.run {
                    run.refused = run.refused.filter(|name| *name != settlement.name);
                }
            }
            // An upload whose data connection could not be opened goes on in a new session: the
            // address of the old one may be gone.
            Verdict::Failed(Cause::Reported(ErrCode::CONNECT_SOCKET))
                if settlement.name == Verb::Put.name() =>
            {
                self.session.close();
            }
            Verdict::Failed(Cause::Reported(code)) => self.session.note(*code),
            // The file system's refusals say nothing about the server.
            Verdict::Failed(Cause::Refused(None)) if !is_of_the_service(settlement.name) => {}
            Verdict::Failed(Cause::Refused(None)) => self.note_refusal(settlement.name),
            Verdict::Failed(
                Cause::Timeout(_)
                | Cause::Garbled
                | Cause::Disconnected
                | Cause::NetworkLost
                | Cause::Rebooted
                | Cause::PortLost,
            ) => self.session = Session::Unknown,
            Verdict::Failed(_) => {}
        }
    }

    /// Nobody is logged in, whatever we believed: unless the session was made anew for this very
    /// command.
    fn note_refusal(&mut self, name: &'static str) {
        let asks_size = name == Verb::Size.name();
        let Some(run) = &mut self.run else { return };
        if run.refused == Some(name) {
            self.sizeless |= asks_size;
        } else if !(asks_size && self.sizeless) {
            run.refused = Some(name);
            self.session.close();
        }
    }

    fn follow_plan(&mut self, command: &Command, settlement: &Settlement, now: Moment) {
        let Some(run) = &self.run else { return };
        let Err(cause) = self.session.follow(command, settlement, &run.towards) else {
            return self.followed(command);
        };
        let again = self.replan(command, &cause, now);
        let name = command.verb().name();
        let failure = Failure::new(cause.clone(), Some(name), stage(command, &cause));
        self.trouble = Some(failure.clone());
        if again
            && matches!(
                self.session,
                Session::Unknown | Session::Busy | Session::Occupied
            )
        {
            self.lapse(Rung::Service, &cause, name);
        }
        let Some(run) = &mut self.run else { return };
        run.replans += 1;
        if again && run.replans <= REPLANS && !run.abandoned {
            return;
        }
        let attempt = run.replans;
        self.ask(Failure { attempt, ..failure });
    }

    /// Whether a plan that failed can be tried again, after putting the session where it must
    /// now be taken to stand.
    fn replan(&mut self, command: &Command, cause: &Cause, now: Moment) -> bool {
        let first = self.run.as_ref().is_some_and(|run| run.replans == 0);
        match cause {
            // The caller's account may be locked by a second try.
            Cause::Reported(ErrCode::REJECTED) => {
                if !matches!(command, Command::Login(_)) {
                    return false;
                }
                self.session = Session::Unknown;
                false
            }
            Cause::Reported(ErrCode::SSL_ALERT) => {
                self.session = Session::Unknown;
                first
                    && match command {
                        Command::Login(server) => self.tls.doubt(server),
                        _ => true,
                    }
            }
            Cause::Reported(ErrCode::BUSY) => {
                self.be_quiet(BUSY_PAUSE, now);
                self.run.as_ref().is_some_and(|run| run.replans < 5)
            }
            Cause::Unsuitable(_) => false,
            Cause::Rebooted | Cause::PortLost => true,
            // Once more from the beginning: the service may have been left up, or half up, or
            // at work for a program that is gone.
            _ => {
                self.session = match command {
                    Command::Start => Session::Busy,
                    _ => Session::Unknown,
                };
                first
            }
        }
    }
}

/// Whether a command is one of the FTPS service.
fn is_of_the_service(name: &str) -> bool {
    name.starts_with("AT+CFTPS")
}

/// How far a plan had come when a command of it failed.
fn stage(command: &Command, cause: &Cause) -> Stage {
    match (command, cause) {
        (_, Cause::Timeout(_) | Cause::Rebooted | Cause::PortLost | Cause::Garbled) => {
            Stage::Device
        }
        (Command::Login(_), Cause::Reported(code)) => match *code {
            ErrCode::DNS => Stage::Dns,
            ErrCode::CREATE_SOCKET | ErrCode::CONNECT_SOCKET | ErrCode::TIMEOUT => Stage::Tcp,
            ErrCode::SSL_ALERT | ErrCode::SSL_CLOSED => Stage::Tls,
            ErrCode::NETWORK => Stage::Network,
            _ => Stage::Login,
        },
        (Command::Login(_), _) => Stage::Login,
        (Command::Start | Command::Stop, _) => Stage::Network,
        _ => Stage::Directory,
    }
}
