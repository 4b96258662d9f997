//! Publishes the module's state to watchers.

use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};

use super::{ModemActor, Purpose};
use crate::modem::JobId;
use crate::modem::error::Error;
use crate::modem::health::{LinkState, LoggedIn, Waiting};
use crate::modem::port::Connector;
use simcom_talk::dialogue::Rung;

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
            Purpose::BringUp | Purpose::Mend(_) | Purpose::Look | Purpose::Leave => None,
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
            let turned = link.name() != health.link.name();
            let renewed = turned || !link.is_same(&health.link);
            if renewed {
                log(&link);
            }
            let changed = renewed
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

    /// The one decision about what the module can do now.
    fn link(&self) -> LinkState {
        let trouble = self.trouble.as_ref().map(|trouble| &trouble.error);
        let repairing = match self.dialogue.repairs() {
            // A module that starts anew leaves its port for a while.
            Some(Rung::Reset) => Some(Rung::Reset),
            _ if trouble.is_some_and(Error::is_of_the_device) => None,
            repairing => repairing.or_else(|| self.reopens()),
        };
        match (repairing, trouble) {
            (Some(rung), _) => LinkState::Repairing(rung),
            (None, Some(error)) if self.port.is_none() => LinkState::Absent(error.clone()),
            (None, Some(error)) => LinkState::Fault(error.clone()),
            (None, None) if !self.dialogue.is_ready() => LinkState::BringingUp,
            (None, None) if self.is_searching() => LinkState::Searching,
            (None, None) => LinkState::Ready,
        }
    }
}

/// Logs a new state of the link.
pub(super) fn log(link: &LinkState) {
    let (state, device, why) = (link.name(), link.device(), link.why());
    let why = why.unwrap_or_default();
    match link {
        LinkState::Absent(_) | LinkState::Fault(_) => {
            warn!(state, device, error = why, "the module cannot serve");
        }
        LinkState::Searching => warn!(state, "the link: {why}"),
        LinkState::Repairing(_) => info!(state, "the link is being repaired: {why}"),
        LinkState::BringingUp => info!(state, "the module is being brought up"),
        LinkState::Ready => info!(state, "the link is ready"),
    }
}
