//! What an operation writes to the log and sends to watchers.

use std::future::poll_fn;
use std::pin::pin;

use tokio::time::Instant;

use super::Operation;
use super::ended::Ended;
use super::pace::Due;
use crate::broker::terms::{Error, Principal, YieldReason};
use crate::broker::watch::{About, OperationChange, Outcome, What};
use crate::modem::{JobId, chain, clock};

/// Names the operation in the lines of the log that are written for it.
#[derive(Debug)]
pub(crate) struct Teller {
    operation: JobId,
    principal: Principal,
    method: &'static str,
}

impl Teller {
    /// Runs `work` so that its log lines name the operation.
    ///
    /// The span exists only while `work` runs, not while it waits. `tracing` keeps memory for the
    /// highest number of spans ever open at once, and that memory sat between what the calls had
    /// freed.
    pub(crate) async fn tells<F: Future>(self, work: F) -> F::Output {
        let mut work = pin!(work);
        poll_fn(|cx| {
            let span = tracing::info_span!(
                "operation",
                operation = %self.operation,
                principal = %self.principal,
                method = self.method,
            );
            span.in_scope(|| work.as_mut().poll(cx))
        })
        .await
    }
}

impl Operation {
    /// The operation has moved `bytes` bytes so far.
    pub(crate) fn moved(&self, bytes: u64) {
        let due = self
            .pace
            .moved(bytes, clock::now().duration_since(self.admitted));
        if due == Due::Nobody {
            return;
        }
        self.slot.moved(self.pace.in_this_turn());
        if due == Due::All {
            self.tell(OperationChange::Progress { bytes });
        }
    }

    /// Turns on the link that it has had.
    pub(crate) fn turns(&self) -> u64 {
        self.pace.turns()
    }

    /// The operation as its own principal may see it.
    pub(super) fn about(&self) -> About {
        About {
            operation: self.id.clone(),
            method: self.method,
            principal: Some(self.principal.clone()),
            profile: self.profile.name.clone(),
            path: self.path.get().cloned(),
            priority: self.priority,
            labels: self.labels.clone(),
        }
    }

    /// The object that names it in the log.
    pub(crate) fn teller(&self) -> Teller {
        Teller {
            operation: self.id.clone(),
            principal: self.principal.clone(),
            method: self.method,
        }
    }

    /// Logs how it ended, and tells the watchers.
    pub(crate) fn log<T>(&self, outcome: &Result<T, Error>) {
        let on_link = self.on_link();
        let enough = self.facts().enough;
        let labels = (!self.labels.is_empty()).then(|| self.labels.to_string());
        let labels = labels.as_deref();
        let profile = self.profile.name.as_deref();
        let path = self
            .path
            .get()
            .filter(|_| self.logs_paths)
            .map(|path| &**path);
        let bytes = self.pace.bytes();
        let took = clock::now().duration_since(self.admitted);
        match outcome {
            Ok(_) => {
                tracing::info!(profile, path, bytes, ?took, ?on_link, labels, "done");
                self.end(Outcome::Done);
            }
            Err(error) if enough && error.cause.is_the_callers() => {
                tracing::info!(
                    profile,
                    path,
                    bytes,
                    ?took,
                    ?on_link,
                    labels,
                    "done: its caller has what it wanted"
                );
                self.end(Outcome::Done);
            }
            Err(error) => {
                let failure = error.failure();
                let why = chain(error);
                tracing::info!(
                    profile,
                    path,
                    bytes,
                    ?took,
                    ?on_link,
                    command = failure.and_then(|failure| failure.command).map(|name| name.as_str()),
                    errcode = error.errcode(),
                    stage = failure.map(|failure| failure.stage.name()),
                    labels,
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
            self.pace.begins_a_turn();
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

    /// It yielded the link, to resume later.
    pub(super) fn yielded(&self, now: Instant, why: YieldReason) {
        let bytes = {
            let mut facts = self.facts();
            facts.yielded = Some(now);
            self.pace.bytes()
        };
        tracing::debug!(bytes, ?why, "yielded");
        self.tell(OperationChange::Yielded { bytes, why });
    }

    pub(super) fn end(&self, outcome: Outcome) {
        let (on_link, bytes) = {
            let mut facts = self.facts();
            if std::mem::replace(&mut facts.ended, true) {
                return;
            }
            (facts.on_link, self.pace.bytes())
        };
        let ended = Ended {
            about: self.about(),
            outcome: outcome.clone(),
            on_link,
            bytes,
            at: clock::now(),
        };
        if let Some(named) = &self.request {
            self.operations.requests.ended(named, &ended);
        }
        self.operations.keep(ended);
        self.tell(OperationChange::Ended {
            on_link,
            bytes,
            outcome,
        });
    }

    pub(super) fn tell(&self, change: OperationChange) {
        let about = self.about();
        self.events.tell(What::Operation { about, change });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use futures_util::future::join_all;
    use tokio::task::yield_now;
    use tracing::span::{Attributes, Id};
    use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
    use tracing_subscriber::registry::LookupSpan;

    use super::*;

    /// Open spans now, and the most at once.
    #[derive(Clone, Default)]
    struct Spans(Arc<(AtomicI64, AtomicI64)>);

    impl<S: tracing::Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Spans {
        fn on_new_span(&self, _: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
            let now = self.0.0.fetch_add(1, Ordering::Relaxed) + 1;
            self.0.1.fetch_max(now, Ordering::Relaxed);
        }

        fn on_close(&self, _: Id, _: Context<'_, S>) {
            self.0.0.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// 400 uploads that waited for their first bytes had 400 spans, and `tracing` kept memory for
    /// each between what their calls had freed: 19 MiB stayed.
    #[tokio::test]
    async fn operations_that_wait_have_no_span() {
        let spans = Spans::default();
        let log = tracing_subscriber::registry().with(spans.clone());
        let _log = tracing::subscriber::set_default(log);
        let many = (0..100).map(|one| {
            let teller = Teller {
                operation: JobId::new(one.to_string()),
                principal: Principal::new("me"),
                method: "Put",
            };
            teller.tells(async {
                yield_now().await;
                tracing::Span::current().is_none()
            })
        });
        let nameless = join_all(many).await;
        assert!(!nameless.contains(&true), "each line has its operation");
        assert_eq!(spans.0.0.load(Ordering::Relaxed), 0);
        assert_eq!(spans.0.1.load(Ordering::Relaxed), 1, "one at a time");
    }
}
