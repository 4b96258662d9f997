//! What commands come to: on the way to a standing, and in a task.

use std::sync::Arc;
use std::time::Duration;

use tracing::{debug, info};

use super::dialogue::Dialogue;
use super::readiness::Change;
use super::run::Activity;
use super::standing::REPLANS;
use crate::dialogue::exchange::{Settlement, Verdict};
use crate::dialogue::failure::{Awaited, Cause, Failure, Stage};
use crate::dialogue::moment::Moment;
use crate::dialogue::operation::Standing;
use crate::dialogue::procedure::{BUSY_PAUSE, Procedure};
use crate::dialogue::rung::Rung;
use crate::dialogue::session::Session;
use crate::ftps::{Body, Command, ErrCode, StorageVerb, Verb};

/// Why the link is left alone for [`BUSY_PAUSE`].
const BUSY: &str = "the module is busy";

impl Dialogue {
    pub(super) fn settle(&mut self, mut settlement: Settlement, now: Moment) {
        self.hide(&mut settlement);
        self.echo = None;
        self.fill = 0;
        // What was not written of its content would be typed as command lines.
        self.outbox.drop_content();
        if settlement.name == StorageVerb::Read.name() {
            self.framer.forget_gap();
        }
        let exchange = self.exchange.take();
        let strays = exchange
            .as_ref()
            .map(|exchange| exchange.strays(&settlement));
        let took = exchange.as_ref().map(|exchange| exchange.elapsed(now));
        if let Some(exchange) = exchange {
            self.leftover = exchange.leftover();
        }
        if !settlement.clean {
            self.readiness.change(Change::AnswerIncomplete);
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
        self.settled(&settlement, took, now);
        for text in strays.unwrap_or_default() {
            self.stray(&text, now);
        }
    }

    /// Tells whoever speaks what its line came to.
    fn settled(&mut self, settlement: &Settlement, took: Option<Duration>, now: Moment) {
        let Some(run) = &mut self.run else { return };
        if matches!(run.activity, Activity::Plan(_) | Activity::Task) {
            run.goes_on(settlement);
        }
        match &mut run.activity {
            Activity::Resync(resync) => resync.heard(settlement),
            Activity::BringUp(bring_up) => bring_up.heard(settlement),
            Activity::SecureLogin(setup) => setup.heard(settlement),
            Activity::Hush(hush) => hush.heard(settlement),
            Activity::Repair(repair) => {
                repair.heard(settlement);
                if repair.starts_anew() {
                    self.forget();
                }
            }
            Activity::Plan(planned) => {
                let planned = planned.clone();
                run.activity = Activity::Task;
                match &settlement.verdict {
                    Verdict::Failed(Cause::Timeout(Awaited::Result)) => {
                        self.silent.missed(&planned)
                    }
                    Verdict::Done(_) | Verdict::Failed(Cause::Reported(_)) => {
                        self.silent.came(planned.verb());
                    }
                    Verdict::Failed(_) => {}
                }
                if let Some(took) = took.filter(|_| settlement.is_done()) {
                    self.abort_cost.learn(&planned, took);
                }
                self.follow_plan(&planned, settlement, now);
            }
            Activity::Abort => {
                // Whether the command that was aborted still ends with a report of its own is
                // not documented: the line must be quiet before the next one.
                self.readiness.change(Change::AnswerIncomplete);
                // What was cancelled was not aborted where the module refused that; an answer that came
                // late says nothing against it.
                run.aborted = !matches!(settlement.verdict, Verdict::Failed(Cause::Refused(_)));
                self.session = if settlement.is_done() {
                    if let Some(took) = took {
                        self.abort_cost.learn(&Command::Abort, took);
                    }
                    Session::Down
                } else {
                    self.mind_the_abort(settlement);
                    Session::Unknown
                };
            }
            Activity::Task => {
                run.note(settlement);
                self.note(settlement);
                if settlement.errcode() == Some(ErrCode::BUSY) {
                    self.pause(BUSY_PAUSE, BUSY, now);
                }
                if let Some(run) = &mut self.run {
                    run.task.heard(settlement);
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
            self.readiness.change(Change::AnswerIncomplete);
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
            Verdict::Done(body) => {
                self.sizeless &= settlement.name != Verb::Size.name();
                let size = match body {
                    Some(Body::Length(size)) => Some(*size),
                    Some(Body::Number(size)) if !ErrCode::is_known_failure(*size) => Some(*size),
                    _ => None,
                };
                if size.is_some() && settlement.name == Verb::Size.name() {
                    self.session.told_a_size();
                }
                if let Some(run) = &mut self.run {
                    run.refused = run.refused.filter(|name| *name != settlement.name);
                }
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

    /// The server does not let the task into the directory that its command was to be said from:
    /// that is the answer to the command. A refusal without a code most often says that nobody is
    /// logged in, and is given a new login first.
    fn is_turned_away(&mut self, command: &Command, settlement: &Settlement) -> bool {
        let Verdict::Failed(cause) = &settlement.verdict else {
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
        run.task.heard(settlement);
        true
    }

    fn follow_plan(&mut self, command: &Command, settlement: &Settlement, now: Moment) {
        if self.is_turned_away(command, settlement) {
            return;
        }
        let Some(run) = &self.run else { return };
        let Err(cause) = self.session.follow(command, settlement, &run.towards) else {
            self.silent.proved(command);
            if matches!(command, Command::Type(_)) {
                self.hasty_until = None;
                self.late_code = None;
            }
            return self.followed(command);
        };
        // What became of the login came too late to be its answer.
        let late = self
            .late_code
            .take()
            .filter(|_| matches!(command, Command::Type(_)));
        if let (Some(code), Standing::LoggedIn(place)) = (late, &run.towards) {
            let login = Command::Login(Arc::clone(&place.server));
            self.hasty_until = None;
            return self.stray_from_plan(&login, Cause::Reported(code), now);
        }
        let missing = matches!(&cause, Cause::Refused(Some(code)) if code.is_sim_missing());
        let cause = if missing { Cause::SimMissing } else { cause };
        self.stray_from_plan(command, cause, now);
    }

    /// A command of the plan failed.
    fn stray_from_plan(&mut self, command: &Command, cause: Cause, now: Moment) {
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

    /// Whether a refusal says that no name leads back to the login directory. One without a code is
    /// given a new login first.
    fn loses_way_back(&self, command: &Command, cause: &Cause) -> bool {
        let Some(run) = &self.run else { return false };
        let coded = !matches!(cause, Cause::Refused(_));
        (coded || run.replans > 0) && self.session.is_way_back(command, &run.towards)
    }

    /// Whether a plan that failed can be tried again, after putting the session where it must
    /// now be taken to stand.
    fn replan(&mut self, command: &Command, cause: &Cause, now: Moment) -> bool {
        let first = self.run.as_ref().is_some_and(|run| run.replans == 0);
        match cause {
            Cause::Reported(ErrCode::REJECTED) | Cause::Refused(_)
                if self.loses_way_back(command, cause) =>
            {
                self.session.has_no_way_back();
                true
            }
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
            // A login whose result was not waited for, since this module sends none, may not be done
            // yet.
            Cause::Refused(None) | Cause::Reported(ErrCode::BUSY | ErrCode::STATE)
                if matches!(command, Command::Type(_))
                    && self.hasty_until.is_some_and(|until| now < until) =>
            {
                self.pause(BUSY_PAUSE, "the login is not done yet", now);
                // Its own clock ends that, not the count of tries.
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
