//! The repair ladder, as the actor climbs it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{debug, info};

use super::{ModemActor, Purpose};
use crate::modem::clock;
use crate::modem::health::{REPAIRS_KEPT, Repair};
use crate::modem::port::Connector;
use simcom_talk::dialogue::failure::{Cause, Ending};
use simcom_talk::dialogue::ladder::{Ladder, Limits, Refusal};
use simcom_talk::dialogue::operation::{Operation, Output, Standing, Task};
use simcom_talk::dialogue::{Failure, Repaired, Rung, Sign};
use simcom_talk::ftps::value::Server;

/// The repairs done, and those still needed.
pub(super) struct Repairs {
    ladder: Ladder,
    told: Arc<Vec<Repair>>,
    number: u64,
    /// A broken connection that no job has repaired.
    broken: Option<Broken>,
    /// Why the ladder offered no rung at the last request.
    refused: Option<Refusal>,
    /// The port was reopened after this failure; whether that helped is not known yet.
    reopened: Option<Failure>,
}

struct Broken {
    why: Failure,
    /// When to repair it.
    at: Instant,
}

/// Delay before retrying a rejected network when no job waits.
const PAUSE: Duration = Duration::from_secs(30);

impl Repairs {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            ladder: Ladder::new(limits),
            told: Arc::default(),
            number: 0,
            broken: None,
            refused: None,
            reopened: None,
        }
    }

    /// The rungs tried, the oldest first.
    pub(super) const fn told(&self) -> &Arc<Vec<Repair>> {
        &self.told
    }
}

impl<C: Connector> ModemActor<C> {
    /// An operation cannot reach its standing: climbs to the next rung, or ends the operation.
    pub(super) fn climb(&mut self, failure: &Failure) {
        let server = match &self.purpose {
            Purpose::Job(current) => server(&current.job.operation.standing).cloned(),
            _ => None,
        };
        let rung = self.next_rung(failure, server.as_deref());
        self.dialogue.handle_repair(rung);
    }

    /// The port is being closed and opened again for a module that does not answer.
    pub(super) fn reopens(&self) -> Option<Rung> {
        self.repairs.reopened.as_ref().map(|_| Rung::Reopen)
    }

    /// Records and logs a rung that was tried.
    pub(super) fn repaired(&mut self, mut what: Repaired) {
        let at = self.now().since_origin();
        match (&self.purpose, &what.why) {
            (Purpose::Mend(why), None) => what.why = Some(why.clone()),
            // The rung counts although nobody had to ask the ladder.
            (_, None) => self.repairs.ladder.note(what.rung, at),
            (_, Some(_)) => {}
        }
        let (rung, why) = (what.rung, &what.why);
        match &what.outcome {
            Ok(()) => {
                info!(%rung, why = why.as_ref().map(tracing::field::display), "repaired");
                if why.is_some() && rung >= Rung::Context {
                    self.repairs.ladder.served();
                }
            }
            Err(failure) => info!(%rung, %failure, "the repair did not help"),
        }
        self.repairs.number += 1;
        let number = self.repairs.number;
        let told = Arc::make_mut(&mut self.repairs.told);
        if told.len() >= REPAIRS_KEPT {
            told.remove(0);
        }
        told.push(Repair { number, at, what });
    }

    /// The bring-up has succeeded or failed.
    pub(super) fn brought_up(&mut self, failed: Option<&Failure>) {
        let outcome = failed.map_or(Ok(()), |failure| Err(failure.clone()));
        if let Some(why) = self.repairs.reopened.take() {
            let rung = Rung::Reopen;
            let why = Some(why);
            self.repaired(Repaired { rung, why, outcome });
        }
        let Some(failure) = failed else { return };
        if self.next_rung(failure, None) == Some(Rung::Reopen) {
            self.close();
            self.repairs.reopened = Some(failure.clone());
        }
    }

    /// A job has ended: learns what its result shows about the connection.
    pub(super) fn heed(&mut self, standing: &Standing, result: &Result<Output, Failure>) {
        let failure = match (result, standing) {
            (Ok(_), Standing::LoggedIn(_)) => {
                self.repairs.ladder.served();
                self.repairs.broken = None;
                return;
            }
            (Ok(_), _) => return,
            (Err(failure), _) => failure,
        };
        let why = self.dialogue.trouble().unwrap_or(failure).clone();
        self.break_down(why);
    }

    /// When to repair the connection; `None` while [`Self::mend`] would do nothing. A wait for a
    /// past moment ends at once, so that the actor would loop for nothing.
    pub(super) fn mend_at(&self) -> Option<Instant> {
        let broken = self.repairs.broken.as_ref()?;
        self.can_mend().then_some(broken.at)
    }

    /// Repairs the connection if that is due. Returns whether it began something.
    pub(super) fn mend(&mut self) -> bool {
        let due = |broken: &mut Broken| broken.at <= clock::now();
        if !self.can_mend() {
            return false;
        }
        let Some(Broken { why, .. }) = self.repairs.broken.take_if(due) else {
            return false;
        };
        let task = if self.dialogue.trouble().is_some() {
            // Planning this task checks whether the connection is still broken, and asks for a rung
            // if it is.
            Task::Stand
        } else {
            let Some(rung) = self.next_rung(&why, None) else {
                self.break_down(why);
                return true;
            };
            Task::Repair(rung)
        };
        debug!(%why, "looking after the connection to the network");
        let operation = Operation {
            standing: Standing::Started,
            task,
        };
        self.begin(Purpose::Mend(why), operation);
        true
    }

    /// Only a module that answers can have its connection repaired.
    fn can_mend(&self) -> bool {
        self.port.is_some() && self.dialogue.is_ready()
    }

    /// The repair has ended.
    pub(super) fn mended(&mut self, why: &Failure, result: &Result<Output, Failure>) {
        if result.is_err() {
            let why = self.dialogue.trouble().unwrap_or(why).clone();
            self.break_down(why);
        }
    }

    /// No user is left for whom to repair the connection.
    pub(super) fn stop_mending(&mut self) {
        if matches!(self.purpose, Purpose::Mend(_) | Purpose::Look) && self.jobs.is_closed() {
            self.abandon(Cause::Cancelled(Ending::BeforeItBegan));
        }
    }

    /// Plans the repair of the connection, if the ladder has a rung for it.
    fn break_down(&mut self, why: Failure) {
        let now = clock::now();
        let at = match (why.sign(), self.repairs.refused.take()) {
            (Sign::Nothing | Sign::Doubt | Sign::Silence, _)
            | (_, Some(Refusal::NotTheModule | Refusal::Forbidden)) => return,
            (Sign::Transfer, None) => now,
            (_, Some(Refusal::Cooling { until })) => (self.origin + until).max(now + PAUSE),
            (_, None) => now + PAUSE,
        };
        self.repairs.broken = Some(Broken { why, at });
    }

    fn next_rung(&mut self, failure: &Failure, server: Option<&Server>) -> Option<Rung> {
        let now = self.now().since_origin();
        let next = self.repairs.ladder.next(failure, server, now);
        self.repairs.refused = next.err();
        match next {
            Ok(rung) => info!(%rung, why = %failure, "climbing the repair ladder"),
            Err(refusal) => debug!(%refusal, why = %failure, "no repair now"),
        }
        next.ok()
    }
}

fn server(standing: &Standing) -> Option<&Arc<Server>> {
    match standing {
        Standing::LoggedIn(place) => Some(&place.server),
        Standing::Ready | Standing::Down | Standing::Started => None,
    }
}
