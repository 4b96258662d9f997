//! How an operation reaches its standing, and what each command on the way leads to.

use tracing::{debug, info};

use super::dialogue::Dialogue;
use super::readiness::Change;
use super::run::{Activity, Held, Sentences};
use super::silent::SHORT;
use crate::dialogue::bring_up::BringUp;
use crate::dialogue::exchange::{Exchange, Outcome, Response};
use crate::dialogue::facts::Registration;
use crate::dialogue::failure::{Cause, Ending, Failure, Stage};
use crate::dialogue::hush::Hush;
use crate::dialogue::moment::Moment;
use crate::dialogue::operation::{BegunDownload, Output};
use crate::dialogue::resync::Resync;
use crate::dialogue::route::route;
use crate::dialogue::session::Session;
use crate::dialogue::step::Step;
use crate::dialogue::tls::Secured;
use crate::ftps::{Command, Storage};

/// Most replans before the task's next command. The tries of a task are bounded as well, so that a module
/// which answers nonsense is not asked for ever.
pub(super) const REPLANS: u32 = 12;

/// Most commands of one plan: twice the longest way from one standing to another, which is LOGOUT, STOP,
/// START, SINGLEIP, LOGIN, TYPE, PWD, CWD. A long path adds its moves.
const PLAN: usize = 16;

impl Dialogue {
    /// Sends the next command towards the standing of the operation, or carries out what waits for the
    /// standing.
    pub(super) fn reach(&mut self, held: Held, now: Moment) -> Option<Step> {
        let patience = self.patience.port;
        let ways = self.ways();
        let run = self.run.as_mut()?;
        if !self.readiness.is_open() {
            if run.abandoned {
                // Nobody waits for the operation, and without a port nothing can be cleaned up.
                run.task
                    .give_up(Failure::new(Cause::PortLost, None, Stage::Device));
                return None;
            }
            run.held = Some(held);
            let until = *run.await_port.get_or_insert(now + patience);
            return Some(Step::AwaitPort { until });
        }
        if !self.readiness.is_brought_up() {
            run.held = Some(held);
            run.activity = Activity::BringUp(Box::new(BringUp::new(
                &self.setup,
                self.readiness.is_starting(),
            )));
            return None;
        }
        if !self.readiness.is_in_step() {
            run.held = Some(held);
            run.activity = Activity::Resync(Resync::new());
            return None;
        }
        if self.sentences == Sentences::Heard {
            self.sentences = Sentences::Told;
            run.held = Some(held);
            run.activity = Activity::Hush(Hush::new());
            return None;
        }
        if let Some(attempt) = run.repair.wanted.take() {
            run.held = Some(held);
            self.begin_repair(attempt);
            return None;
        }
        let routed = match &held {
            Held::Command(command) => route(&run.standing, command, &self.profile),
            Held::Standing => None,
        };
        let towards = routed.as_ref().map_or(&run.standing, |(there, _)| there);
        if let Some(planned) = self.session.next_towards(towards, &self.profile) {
            run.towards = towards.clone();
            if let Command::Login(server) = &planned
                && let Some(setup) = self.tls.towards(server, &self.profile)
            {
                run.held = Some(held);
                run.activity = Activity::SecureLogin(Box::new(setup));
                return None;
            }
            run.planned += 1;
            let moves = match &held {
                // Each move advances by one component at least: a byte and its slash.
                Held::Command(command) if routed.is_some() => {
                    command.path().map_or(0, |path| path.as_str().len() / 2)
                }
                _ => 0,
            };
            run.held = Some(held);
            if run.planned as usize > PLAN + moves {
                let cause = Cause::OutOfOrder("a module that does not stay where it was".into());
                self.unreachable(Failure::new(cause, None, Stage::Device));
                return None;
            }
            run.activity = Activity::Plan(planned.clone());
            self.open_ftps(&planned, now);
            return None;
        }
        self.reached();
        let run = self.run.as_mut()?;
        let anew = run.begun && run.planned > 0;
        run.begun = true;
        run.planned = 0;
        // Each way to the standing may fail once. A transfer that outlives many breaks has had many such
        // ways.
        run.replans = 0;
        run.task.equip(ways);
        if anew && run.task.begin_again() {
            return None;
        }
        match (routed, held) {
            (Some((_, command)), _) | (None, Held::Command(command)) => {
                if let Command::SingleIp(on) = command {
                    self.session.readdressed(on);
                }
                run.writes = command.changes_a_file();
                self.open_ftps(&command, now);
            }
            (None, Held::Standing) => {}
        }
        None
    }

    pub(super) fn open_ftps(&mut self, command: &Command, now: Moment) {
        match command.encode(&self.profile) {
            Ok(line) => {
                if matches!(command, Command::Storage(Storage::Read(..))) {
                    self.framer.forget_gap();
                }
                let mut exchange = Exchange::of(command, line, now);
                if self.silent.knows(command) {
                    exchange.expect_no_result(SHORT);
                    if matches!(command, Command::Login(_)) {
                        self.hasty_until = Some(now + command.timing().outcome);
                    }
                }
                self.open_exchange(exchange);
            }
            Err(error) => {
                let cause = Cause::Unsuitable(error);
                let name = command.name();
                self.take_response(
                    Response {
                        name,
                        outcome: Outcome::Failed(cause),
                        clean: true,
                        info: Vec::new(),
                        prompted: false,
                        echoed: false,
                    },
                    now,
                );
            }
        }
    }

    pub(super) fn open_exchange(&mut self, exchange: Exchange) {
        debug!(line = %exchange.line(), "to the module");
        self.secrets.said(exchange.line());
        self.outbox.line(exchange.line().bytes().clone());
        self.exchange = Some(exchange);
    }

    /// An activity or the task has ended.
    pub(super) fn finish(&mut self, result: Result<Output, Failure>) {
        let Some(run) = &mut self.run else { return };
        match std::mem::replace(&mut run.activity, Activity::Task) {
            Activity::Task | Activity::Plan(_) => self.end(result),
            Activity::Abort => {}
            Activity::Resync(_) => match result {
                Ok(_) => self.readiness.change(Change::InStep),
                // The module may be starting. The bring-up waits for that.
                Err(failure) => {
                    debug!(%failure, "no answer; bringing the module up");
                    self.readiness.change(Change::ModuleForgot);
                }
            },
            Activity::BringUp(bring_up) => {
                self.facts = bring_up.facts().clone();
                match result {
                    Ok(_) => {
                        // The last blocks may have been content of an earlier download, and not blocks.
                        self.framer.forget_gap();
                        self.brought_up();
                        self.await_network();
                    }
                    Err(failure) => self.unreachable(failure),
                }
            }
            Activity::SecureLogin(setup) => match result {
                Ok(_) => self.tls.reached(&setup),
                Err(failure) => {
                    self.tls.broken(&setup);
                    self.unsecured(failure);
                }
            },
            Activity::Repair(repair) => self.end_repair(&repair, result.err()),
            // Whatever the module answered, the framer recognises the sentences.
            Activity::Hush(_) => {}
        }
    }

    /// The task has ended.
    fn end(&mut self, result: Result<Output, Failure>) {
        let Some(mut run) = self.run.take() else {
            return;
        };
        let result = result.map(|output| match output {
            Output::DownloadYielded(begun) => Output::DownloadYielded(BegunDownload {
                undelivered: run.deliveries.take_all(),
                ..begun
            }),
            output => output,
        });
        let touched = run.touched || run.writes;
        if run.moved {
            self.session.moved(None);
        }
        if run.task.leaves_open() {
            self.readiness.change(Change::AnswerIncomplete);
            self.session = Session::Unknown;
        }
        if let Ok(Output::Network(found)) = &result {
            let before = &self.facts.registration;
            // A module that refuses all questions has not found a network.
            self.facts.registration = Registration {
                sim: before.sim,
                registered: found.registered.or(before.registered),
                ..found.clone()
            };
        }
        self.end_proof(run.repair.proving, result.as_ref().err());
        self.done = Some(result.map_err(|failure| Failure {
            cause: match failure.cause {
                Cause::Cancelled(_) if run.aborted => Cause::Cancelled(Ending::Aborted),
                cause => cause,
            },
            repairs: run.repair.tried,
            touched,
            ..failure
        }));
    }

    /// The module did not take what TLS must prove. It is told once more, in case an answer was lost.
    /// After that nobody logs in.
    fn unsecured(&mut self, failure: Failure) {
        let Some(run) = &mut self.run else { return };
        let first = run.replans == 0;
        run.replans += 1;
        if !first || run.abandoned {
            let attempt = run.replans;
            self.unreachable(Failure { attempt, ..failure });
        }
    }

    fn brought_up(&mut self) {
        self.readiness.change(Change::BroughtUp);
        self.profile = self.facts.capabilities.profile.clone();
        self.tls = Secured::default();
        if self.sentences == Sentences::Told {
            // A module that has restarted may send them again.
            self.sentences = Sentences::None;
        }
        let identity = &self.facts.identity;
        info!(
            manufacturer = identity.manufacturer,
            model = identity.model,
            firmware = identity.firmware,
            family = self.profile.name,
            quirks = ?self.facts.capabilities.quirks,
            "the module is up"
        );
    }

    /// The standing cannot be reached, unless the way there only broke and can be tried again.
    pub(super) fn unreachable(&mut self, failure: Failure) {
        if let Some(run) = &mut self.run {
            run.activity = Activity::Task;
            if matches!(failure.cause, Cause::Rebooted | Cause::PortLost) && run.replans < REPLANS {
                run.replans += 1;
                return;
            }
            run.held = None;
            run.task.give_up(failure.clone());
        }
        self.end_lapse(&failure);
    }
}
