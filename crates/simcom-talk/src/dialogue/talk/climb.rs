//! How an operation climbs the repair ladder: who is asked, what is tried, and whether it helped.

use tracing::info;

use super::dialogue::Dialogue;
use super::run::{Activity, Attempt};
use crate::dialogue::failure::{Cause, Failure, Stage};
use crate::dialogue::operation::Standing;
use crate::dialogue::repair::{Repair, Repaired};
use crate::dialogue::rung::Rung;
use crate::dialogue::session::Session;
use crate::dialogue::sign::Sign;
use crate::ftps::{Command, CommandName};

/// How many rungs one operation tries. The ladder has three that an operation can be asked to try. It begins again
/// when one of them has helped, or when the highest one that was tried has cooled down.
const MOST: usize = 9;

impl Dialogue {
    /// Planning cannot reach the standing: asks the owner for a rung, where one can help.
    pub(super) fn ask(&mut self, failure: Failure) {
        let Some(run) = &mut self.run else { return };
        let proving = run.repair.proving.take();
        let asks =
            failure.sign() != Sign::Nothing && !run.abandoned && run.repair.tried.len() < MOST;
        if asks {
            run.repair.asks = Some(failure.clone());
        }
        // Nobody waits for the operation, and the task has nothing to clean up.
        let over = run.abandoned && run.held.is_none();
        self.end_proof(proving, Some(&failure));
        if !asks && !over {
            self.unreachable(failure);
        }
    }

    pub(super) fn begin_repair(&mut self, attempt: Attempt) {
        let Some(run) = &mut self.run else { return };
        info!(rung = attempt.rung.name(), "repairing");
        run.repair.tried.push(attempt.rung);
        run.activity = Activity::Repair(Box::new(Repair::new(attempt.rung)));
        run.repair.proving = Some(attempt);
    }

    /// The module is up. After a reset it must first find its network.
    pub(super) fn await_network(&mut self) {
        let Some(run) = &mut self.run else { return };
        let reset = |attempt: &Attempt| attempt.rung == Rung::Reset;
        if run.repair.proving.as_ref().is_some_and(reset) && !run.abandoned {
            run.activity = Activity::Repair(Box::new(Repair::after_reset()));
        }
    }

    /// The lines of a rung were sent. If none of them failed, the standing will show whether they
    /// helped.
    pub(super) fn end_repair(&mut self, repair: &Repair, failed: Option<Failure>) {
        if let Some((registered, roaming)) = repair.registration() {
            self.facts.registration.registered = Some(registered);
            self.facts.registration.roaming = roaming;
        }
        self.session = Session::Unknown;
        let Some(failure) = failed else { return };
        // The module is brought up again now, which is more than the rung could do.
        if matches!(failure.cause, Cause::PortLost | Cause::Rebooted) {
            return;
        }
        let Some(run) = &mut self.run else { return };
        let proving = run.repair.proving.take();
        let why = proving.as_ref().and_then(|attempt| attempt.why.clone());
        self.end_proof(proving, Some(&failure));
        match why {
            // There is no use in going on without a network.
            Some(_) if failure.cause == Cause::NotRegistered => self.ask(failure),
            Some(why) => self.ask(why),
            None => self.unreachable(failure),
        }
    }

    /// The standing is reached, so every repair for it has helped.
    pub(super) fn reached(&mut self) {
        let Some(run) = &mut self.run else { return };
        let proving = run.repair.proving.take();
        let stands = !matches!(run.standing, Standing::Ready | Standing::Down);
        self.end_proof(proving, None);
        if stands {
            self.trouble = None;
        }
        let mended = |lapse: &mut Attempt| stands || lapse.rung == Rung::Resynchronise;
        if let Some(lapse) = self.lapse.take_if(mended) {
            self.end_proof(Some(lapse), None);
        }
    }

    /// A command of the plan succeeded. So the repair that was made for it has helped, however the
    /// plan goes on.
    pub(super) fn followed(&mut self, command: &Command) {
        if *command == Command::Start {
            // The module has a data connection to the network.
            self.facts.registration.registered = Some(true);
        }
        let Some(run) = &mut self.run else { return };
        let name = Some(command.name());
        let whole = |attempt: &mut Attempt| {
            let why = attempt.why.as_ref();
            why.is_some_and(|why| why.command == name)
        };
        let proved = run.repair.proving.take_if(whole);
        self.end_proof(proved, None);
    }

    /// The repair of the module's connection that is under way, until it has shown whether it helped. What the planner
    /// repairs by itself, such as a lost login, is none.
    #[must_use]
    pub fn repairs(&self) -> Option<Rung> {
        let repair = &self.run.as_ref()?.repair;
        let under_way = repair.proving.as_ref().or(repair.wanted.as_ref());
        // One rung did not help, and the owner is asked for the next.
        let between = || {
            repair
                .tried
                .last()
                .copied()
                .filter(|_| repair.asks.is_some())
        };
        under_way.map(|attempt| attempt.rung).or_else(between)
    }

    /// Tells how a rung ended.
    pub(super) fn end_proof(&mut self, attempt: Option<Attempt>, failure: Option<&Failure>) {
        let Some(Attempt { rung, why }) = attempt else {
            return;
        };
        let outcome = failure.map_or(Ok(()), |failure| Err(failure.clone()));
        // A higher rung repaired what the planner had to repair.
        if outcome.is_ok() {
            self.lapse.take_if(|lapse| lapse.rung <= rung);
        }
        self.told.push_back(Repaired { rung, why, outcome });
    }

    /// Something broke that the planner repairs by itself, with this rung.
    pub(super) fn lapse(&mut self, rung: Rung, cause: &Cause, command: CommandName) {
        let abandoned = self.run.as_ref().is_some_and(|run| run.abandoned);
        let higher = self.lapse.as_ref().is_none_or(|lapse| lapse.rung < rung);
        // A bring-up follows, and no repair is needed.
        let anew = matches!(cause, Cause::PortLost | Cause::Rebooted);
        if abandoned || anew || !higher {
            return;
        }
        let why = Failure::new(cause.clone(), Some(command), Stage::Device);
        self.lapse = Some(Attempt {
            rung,
            why: Some(why),
        });
    }

    /// The planner did not repair it.
    pub(super) fn end_lapse(&mut self, failure: &Failure) {
        let lapse = self.lapse.take();
        self.end_proof(lapse, Some(failure));
    }
}
