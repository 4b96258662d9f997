//! What responses lead to, on the way to a standing and in a task.

use std::sync::Arc;
use std::time::Duration;

use tracing::{debug, info};

use super::dialogue::Dialogue;
use super::readiness::Change;
use super::run::Activity;
use super::standing::REPLANS;
use crate::dialogue::exchange::{Outcome, Response};
use crate::dialogue::failure::{Awaited, Cause, Failure, Stage};
use crate::dialogue::moment::Moment;
use crate::dialogue::operation::Standing;
use crate::dialogue::procedure::{BUSY_PAUSE, Procedure};
use crate::dialogue::rung::Rung;
use crate::dialogue::session::Session;
use crate::ftps::{Body, Command, CommandName, ErrCode, StorageCommandName};

/// Why the link is left alone for [`BUSY_PAUSE`].
const BUSY: &str = "the module is busy";

impl Dialogue {
    pub(super) fn take_response(&mut self, mut response: Response, now: Moment) {
        self.hide(&mut response);
        self.echo = None;
        self.fill = 0;
        // The part of its content that was not written would be read as command lines.
        self.outbox.drop_content();
        if response.name == CommandName::Storage(StorageCommandName::Read) {
            self.framer.forget_gap();
        }
        let exchange = self.exchange.take();
        let unsolicited = exchange
            .as_ref()
            .map(|exchange| exchange.unsolicited(&response));
        let took = exchange.as_ref().map(|exchange| exchange.elapsed(now));
        if let Some(exchange) = exchange {
            self.leftover = exchange.leftover();
        }
        if !response.clean {
            self.readiness.change(Change::AnswerIncomplete);
            let ours = self
                .run
                .as_ref()
                .is_some_and(|run| matches!(run.activity, Activity::Task | Activity::Plan(_)));
            if let (Outcome::Failed(cause), true) = (&response.outcome, ours) {
                self.lapse(Rung::Resynchronise, cause, response.name);
            }
        }
        self.mind_the_echo(response.echoed);
        match &response.outcome {
            Outcome::Done(_) => debug!(command = %response.name, "done"),
            Outcome::Failed(cause) => debug!(command = %response.name, %cause, "failed"),
        }
        if let Some(took) = took {
            self.notes.answered(&response, took);
        }
        self.tell_response(&response, took, now);
        for text in unsolicited.unwrap_or_default() {
            self.hear_unsolicited(&text, now);
        }
    }

    /// Gives the response to the activity or task that sent the line.
    fn tell_response(&mut self, response: &Response, took: Option<Duration>, now: Moment) {
        let Some(run) = &mut self.run else { return };
        if matches!(run.activity, Activity::Plan(_) | Activity::Task) {
            run.goes_on(response);
        }
        match &mut run.activity {
            Activity::Resync(resync) => resync.heard(response),
            Activity::BringUp(bring_up) => bring_up.heard(response),
            Activity::SecureLogin(setup) => setup.heard(response),
            Activity::Hush(hush) => hush.heard(response),
            Activity::Repair(repair) => {
                repair.heard(response);
                if repair.starts_anew() {
                    self.forget();
                }
            }
            Activity::Plan(planned) => {
                let planned = planned.clone();
                run.activity = Activity::Task;
                match &response.outcome {
                    Outcome::Failed(Cause::Timeout(Awaited::Result)) => {
                        self.silent.missed(&planned)
                    }
                    Outcome::Done(_) | Outcome::Failed(Cause::Reported(_)) => {
                        self.silent.came(planned.name());
                    }
                    Outcome::Failed(_) => {}
                }
                if let Some(took) = took.filter(|_| response.is_done()) {
                    self.abort_cost.learn(&planned, took);
                }
                self.follow_plan(&planned, response, now);
            }
            Activity::Abort => {
                // No document says whether an aborted command still ends with a report of its own: the
                // line must be quiet before the next command.
                self.readiness.change(Change::AnswerIncomplete);
                // Where the module refused the abort, the cancelled command was not aborted. A late
                // answer does not say so.
                run.aborted = !matches!(response.outcome, Outcome::Failed(Cause::Refused(_)));
                self.session = if response.is_done() {
                    if let Some(took) = took {
                        self.abort_cost.learn(&Command::Abort, took);
                    }
                    Session::Down
                } else {
                    self.mind_the_abort(response);
                    Session::Unknown
                };
            }
            Activity::Task => {
                run.note(response);
                self.note(response);
                if response.errcode() == Some(ErrCode::BUSY) {
                    self.pause(BUSY_PAUSE, BUSY, now);
                }
                if let Some(run) = &mut self.run {
                    run.task.heard(response);
                }
            }
        }
    }

    /// No document says whether a module that pushes content hears an abort. A module that did not is
    /// not asked again before its next bring-up, since each try costs a login in addition to the rest
    /// of the content.
    fn mind_the_abort(&mut self, response: &Response) {
        let unheard = match &response.outcome {
            Outcome::Failed(Cause::Timeout(awaited)) => *awaited != Awaited::Result,
            Outcome::Failed(Cause::Refused(_) | Cause::Reported(_)) => true,
            Outcome::Failed(_) | Outcome::Done(_) => false,
        };
        if unheard {
            info!("the module does not abort transfers; the host waits for their end instead");
            self.profile.abort = false;
            self.facts.capabilities.profile.abort = false;
        }
    }

    /// Takes what the response to a task's command says about where the module stands.
    fn note(&mut self, response: &Response) {
        let stood = self.session.clone();
        self.note_outcome(response);
        if let Outcome::Failed(cause) = &response.outcome
            && stood != self.session
        {
            let rung = match self.session {
                Session::Closed(_) => Rung::Login,
                _ => Rung::Service,
            };
            self.lapse(rung, cause, response.name);
        }
        if response.name == CommandName::Abort {
            // The same as for an abort by the dialogue itself.
            self.readiness.change(Change::AnswerIncomplete);
            self.session = Session::Unknown;
            if let Some(run) = &mut self.run {
                run.aborted = response.is_done();
            }
            if response.is_done() {
                self.session = Session::Down;
            } else {
                self.mind_the_abort(response);
            }
        }
        if response.is_done() && response.name == CommandName::ChangeDirectory {
            // The new directory counts only at the end: the rest of the task belongs to it.
            if let Some(run) = &mut self.run {
                run.moved = true;
            }
        }
    }

    fn note_outcome(&mut self, response: &Response) {
        match &response.outcome {
            Outcome::Done(body) => {
                self.sizeless &= response.name != CommandName::Size;
                let size = match body {
                    Some(Body::Length(size)) => Some(*size),
                    Some(Body::Number(size)) if !ErrCode::is_known_failure(*size) => Some(*size),
                    _ => None,
                };
                if size.is_some() && response.name == CommandName::Size {
                    self.session.told_a_size();
                }
                if let Some(run) = &mut self.run {
                    run.refused = run.refused.filter(|name| *name != response.name);
                }
            }
            Outcome::Failed(Cause::Reported(code)) => self.session.note(*code),
            // Refusals of the file system say nothing about the server.
            Outcome::Failed(Cause::Refused(None)) if !response.name.is_of_the_service() => {}
            Outcome::Failed(Cause::Refused(None)) => self.note_refusal(response.name),
            Outcome::Failed(
                Cause::Timeout(_)
                | Cause::Garbled
                | Cause::Disconnected
                | Cause::NetworkLost
                | Cause::Rebooted
                | Cause::PortLost,
            ) => self.session = Session::Unknown,
            Outcome::Failed(_) => {}
        }
    }

    /// Nobody is logged in, contrary to what was believed. This does not hold where the session was
    /// made for this very command.
    fn note_refusal(&mut self, name: CommandName) {
        let asks_size = name == CommandName::Size;
        let Some(run) = &mut self.run else { return };
        if run.refused == Some(name) {
            self.sizeless |= asks_size;
        } else if !(asks_size && self.sizeless) {
            run.refused = Some(name);
            self.session.close();
        }
    }

    /// Whether the server does not let the task into the directory from which its command was to be
    /// sent. That is the answer to the command. A refusal without a code most often says that nobody is
    /// logged in, and gets a new login first.
    fn is_turned_away(&mut self, command: &Command, response: &Response) -> bool {
        let Outcome::Failed(cause) = &response.outcome else {
            return false;
        };
        let Some(run) = &mut self.run else {
            return false;
        };
        let refused = match cause {
            Cause::Reported(ErrCode::REJECTED) | Cause::Unsuitable(_) => true,
            Cause::Refused(_) => run.replans > 0,
            _ => false,
        };
        if !refused
            || run.abandoned
            || run.towards == run.standing
            || !matches!(command, Command::ChangeDirectory(_))
            || self.session.is_way_back(command, &run.towards)
        {
            return false;
        }
        run.held = None;
        run.planned = 0;
        run.task.heard(response);
        true
    }

    fn follow_plan(&mut self, command: &Command, response: &Response, now: Moment) {
        if self.is_turned_away(command, response) {
            return;
        }
        let Some(run) = &self.run else { return };
        let Err(cause) = self.session.follow(command, response, &run.towards) else {
            self.silent.proved(command);
            if matches!(command, Command::Type(_)) {
                self.hasty_until = None;
                self.late_code = None;
            }
            return self.followed(command);
        };
        // The result of the login came too late to be its answer.
        let late = self
            .late_code
            .take()
            .filter(|_| matches!(command, Command::Type(_)));
        if let (Some(code), Standing::LoggedIn(place)) = (late, &run.towards) {
            let login = Command::Login(Arc::clone(&place.server));
            self.hasty_until = None;
            return self.plan_failed(&login, Cause::Reported(code), now);
        }
        let missing = matches!(&cause, Cause::Refused(Some(code)) if code.is_sim_missing());
        let cause = if missing { Cause::SimMissing } else { cause };
        self.plan_failed(command, cause, now);
    }

    /// A command of the plan failed.
    fn plan_failed(&mut self, command: &Command, cause: Cause, now: Moment) {
        let again = self.replan(command, &cause, now);
        let name = command.name();
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

    /// Whether a refusal says that no name leads back to the login directory. A refusal without a code
    /// gets a new login first.
    fn loses_way_back(&self, command: &Command, cause: &Cause) -> bool {
        let Some(run) = &self.run else { return false };
        let coded = !matches!(cause, Cause::Refused(_));
        (coded || run.replans > 0) && self.session.is_way_back(command, &run.towards)
    }

    /// Whether a failed plan can be tried again. Sets the session to where it must now be assumed to
    /// stand.
    fn replan(&mut self, command: &Command, cause: &Cause, now: Moment) -> bool {
        let first = self.run.as_ref().is_some_and(|run| run.replans == 0);
        match cause {
            Cause::Reported(ErrCode::REJECTED) | Cause::Refused(_)
                if self.loses_way_back(command, cause) =>
            {
                self.session.has_no_way_back();
                true
            }
            // A second try may lock the caller's account.
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
            // This module sends no result of a login, and none was waited for: the login may not be
            // done yet.
            Cause::Refused(None) | Cause::Reported(ErrCode::BUSY | ErrCode::STATE)
                if matches!(command, Command::Type(_))
                    && self.hasty_until.is_some_and(|until| now < until) =>
            {
                self.pause(BUSY_PAUSE, "the login is not done yet", now);
                // The wait has its own deadline and does not count as a try.
                if let Some(run) = &mut self.run {
                    run.replans = run.replans.saturating_sub(1);
                    run.planned = run.planned.saturating_sub(1);
                }
                true
            }
            Cause::Reported(ErrCode::BUSY) => {
                self.pause(BUSY_PAUSE, BUSY, now);
                self.run.as_ref().is_some_and(|run| run.replans < 5)
            }
            Cause::Unsuitable(_) | Cause::SimMissing => false,
            Cause::Rebooted | Cause::PortLost => true,
            // Begins again: the service may have been left started, half started, or at work for a
            // program that has gone.
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

/// The stage that a plan had reached when a command of it failed.
fn stage(command: &Command, cause: &Cause) -> Stage {
    match (command, cause) {
        (_, Cause::Timeout(_) | Cause::Rebooted | Cause::PortLost | Cause::Garbled) => {
            Stage::Device
        }
        (_, Cause::SimMissing) => Stage::Sim,
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
