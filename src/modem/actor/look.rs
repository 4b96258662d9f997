//! Asking for the network between two jobs, while the module has none: nobody else would notice that it found one.

use std::time::Duration;

use tokio::time::Instant;

use super::{ModemActor, Purpose};
use crate::modem::clock;
use crate::modem::port::Connector;
use simcom_talk::dialogue::operation::{Operation, Standing, Task};

/// Time between two looks. A search through all bands takes up to a minute, and a look takes five short commands on an
/// idle line.
const PAUSE: Duration = Duration::from_secs(5);

impl<C: Connector> ModemActor<C> {
    /// The module said that it is not registered with a network, and no job has shown that it is.
    pub(super) fn is_searching(&self) -> bool {
        self.dialogue.facts().registration.registered == Some(false)
    }

    /// When to ask for the network; `None` while [`Self::look`] would do nothing.
    pub(super) fn look_at(&self) -> Option<Instant> {
        let asks = self.port.is_some()
            && self.trouble.is_none()
            && self.dialogue.is_ready()
            && self.is_searching();
        asks.then(|| self.looked + PAUSE)
    }

    /// Asks for the network if that is due. Returns whether it began.
    pub(super) fn look(&mut self) -> bool {
        let is_due = self.look_at().is_some_and(|at| at <= clock::now());
        if is_due {
            let operation = Operation {
                standing: Standing::Ready,
                task: Task::Network,
            };
            self.begin(Purpose::Look, operation);
        }
        is_due
    }

    /// The module has told its network, or did not answer.
    pub(super) fn looked(&mut self) {
        self.looked = clock::now();
    }
}
