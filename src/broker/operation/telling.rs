//! What an operation tells the log and those who watch.

use std::time::Duration;

use tokio::time::Instant;
use tracing::Span;

use super::Operation;
use crate::broker::error::Error;
use crate::broker::events::{About, OperationChange, Outcome, What};
use crate::broker::scheduler::Why;
use crate::modem::{chain, clock};

impl Operation {
    /// So many bytes have moved so far.
    pub(in crate::broker) fn moved(&self, bytes: u64) {
        let now = clock::now();
        {
            let mut facts = self.facts();
            facts.bytes = bytes;
            self.slot.moved(bytes.saturating_sub(facts.bytes_before));
            if facts.told.is_some_and(|told| now < told + TELL) {
                return;
            }
            facts.told = Some(now);
        }
        self.tell(OperationChange::Progress { bytes });
    }

    /// The operation as its own principal may see it.
    pub(super) fn about(&self) -> About {
        About {
            operation: self.id.clone(),
            method: self.method,
            principal: Some(self.principal.clone()),
            profile: self.profile.name.clone(),
            priority: self.priority,
        }
    }

    /// The span of all that is done for it.
    pub(in crate::broker) fn span(&self) -> Span {
        tracing::info_span!(
            "operation",
            operation = %self.id,
            principal = %self.principal,
            method = self.method,
        )
    }

    /// Writes down how it ended, and tells those who watch.
    pub(in crate::broker) fn log<T>(&self, outcome: &Result<T, Error>) {
        let on_link = self.on_link();
        match outcome {
            Ok(_) => {
                tracing::info!(?on_link, "done");
                self.end(Outcome::Done);
            }
            Err(error) => {
                let failure = error.failure();
                let why = chain(error);
                tracing::info!(
                    ?on_link,
                    command = failure.and_then(|failure| failure.command),
                    errcode = error.errcode(),
                    stage = failure.map(|failure| failure.stage.name()),
                    %why,
                    "failed"
                );
                self.end(error.into());
            }
        }
    }

    /// It has the link, for the first time or again.
    pub(super) fn began(&self, now: Instant) {
        let (first, yielded) = {
            let mut facts = self.facts();
            facts.on_link_since = Some(now);
            facts.bytes_before = facts.bytes;
            let first = !std::mem::replace(&mut facts.started, true);
            (first, facts.yielded.take())
        };
        if first {
            let waited = now.duration_since(self.admitted);
            self.tell(OperationChange::Started { waited });
        } else if let Some(yielded) = yielded {
            let waited = now.duration_since(yielded);
            self.tell(OperationChange::Resumed { waited });
        }
    }

    /// It gave up the link, to go on later.
    pub(super) fn yielded(&self, now: Instant, why: Why) {
        let bytes = {
            let mut facts = self.facts();
            facts.yielded = Some(now);
            facts.bytes
        };
        tracing::debug!(bytes, ?why, "gave way");
        self.tell(OperationChange::Yielded { bytes, why });
    }

    pub(super) fn end(&self, outcome: Outcome) {
        let on_link = {
            let mut facts = self.facts();
            if std::mem::replace(&mut facts.ended, true) {
                return;
            }
            facts.on_link
        };
        self.tell(OperationChange::Ended { on_link, outcome });
    }

    pub(super) fn tell(&self, change: OperationChange) {
        let about = self.about();
        self.events.tell(What::Operation { about, change });
    }
}

/// Time between two reports of how far an operation is: a watcher is a person or a log.
const TELL: Duration = Duration::from_secs(1);
