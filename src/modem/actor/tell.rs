//! Publishes the module's state to watchers.

use std::sync::Arc;
use std::time::Duration;

use super::{ModemActor, Purpose};
use crate::modem::JobId;
use crate::modem::health::{LinkState, LoggedIn, Waiting};
use crate::modem::port::Connector;

impl<C: Connector> ModemActor<C> {
    /// Publishes what has changed to watchers.
    pub(super) fn publish(&self) {
        if let Purpose::Job(current) = &self.purpose {
            let progress = self.dialogue.progress();
            current.job.progress.send_if_modified(|before| {
                let changed = *before != progress;
                *before = progress;
                changed
            });
        }
        let running: Option<(&JobId, Duration)> = match &self.purpose {
            Purpose::Job(current) => Some((&current.job.id, current.since)),
            Purpose::BringUp | Purpose::Mend(_) | Purpose::Leave => None,
        };
        let logged_in = self
            .dialogue
            .session()
            .proven_server()
            .map(|server| LoggedIn::from(&**server));
        let waiting = self.dialogue.waits_for(self.now());
        let waiting = waiting.map(|(why, began)| Waiting {
            why,
            since: began.since_origin(),
        });
        self.health.send_if_modified(|health| {
            let link = self.link();
            let facts = self.dialogue.facts();
            let turned = std::mem::discriminant(&link) != std::mem::discriminant(&health.link);
            let changed = turned
                || health.running.as_ref().map(|(id, since)| (id, *since)) != running
                || health.waiting != waiting
                || health.logged_in != logged_in
                || health.identity != facts.identity
                || *health.capabilities != facts.capabilities
                || health.registration != facts.registration
                || !Arc::ptr_eq(&health.repairs, self.repairs.told());
            if turned {
                health.since = self.now().since_origin();
            }
            if changed {
                health.link = link;
                health.running = running.map(|(id, since)| (id.clone(), since));
                health.waiting = waiting;
                health.logged_in = logged_in;
                health.identity = facts.identity.clone();
                health.capabilities = Arc::new(facts.capabilities.clone());
                health.registration = facts.registration.clone();
                health.repairs = Arc::clone(self.repairs.told());
            }
            changed
        });
    }

    fn link(&self) -> LinkState {
        match &self.trouble {
            Some(trouble) if self.port.is_none() => LinkState::Absent(trouble.error.clone()),
            Some(trouble) => LinkState::Fault(trouble.error.clone()),
            None if self.dialogue.is_ready() => LinkState::Ready,
            None => LinkState::BringingUp,
        }
    }
}
