//! What is due for transfers, done as long as the daemon runs.

mod clear;
mod download;
mod upload;

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::journal::{Chore, Hold};
use super::record::{Record, State};
use super::retry::{Another, another};
use crate::broker::caller::{Caller, Target};
use crate::broker::error::{Cause, Error};
use crate::broker::{Broker, JobId, failure, health};
use crate::ftps::errcode::ErrCode;
use crate::modem;

/// Time between two looks for what is old.
const SWEEP: Duration = Duration::from_secs(60);

/// Why an attempt did not reach its end.
pub(super) enum Stop {
    /// It failed.
    Failed(Error),
    /// It was broken off: its client cancelled it, or the daemon is stopping.
    Halted,
}

impl<E: Into<Error>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// One attempt: the transfer, the link, and what may break it off.
pub(super) struct Attempt {
    pub(super) broker: Broker,
    pub(super) hold: Hold,
    pub(super) caller: Caller,
    stop: CancellationToken,
}

impl Broker {
    /// Delivers transfers until `stop` is cancelled; then breaks off what runs, at a place where
    /// the next start goes on, and returns. Without it nothing is delivered.
    pub async fn deliver(&self, stop: CancellationToken) {
        let journal = tokio::select! {
            journal = self.transfers.opened() => journal,
            () = stop.cancelled() => return,
        };
        let mut attempts = JoinSet::new();
        let mut health = self.health();
        let mut sweep = interval(SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !stop.is_cancelled() {
            // Without a module every attempt would fail, and be written down each time.
            let ready = matches!(health.borrow_and_update().link, health::Link::Ready);
            while ready && attempts.len() < journal.settings.active {
                let Some((hold, chore)) = journal.next() else {
                    break;
                };
                attempts.spawn(self.attempt(hold, chore, stop.clone()));
            }
            let due = journal.next_due().filter(|_| ready && attempts.is_empty());
            let due = due.map(|due| journal.instant(due));
            tokio::select! {
                () = stop.cancelled() => {}
                Some(_) = attempts.join_next() => {}
                () = journal.wake.notified() => {}
                Ok(()) = health.changed() => {}
                () = async {
                    match due {
                        Some(due) => sleep_until(due).await,
                        None => std::future::pending().await,
                    }
                } => {}
                _ = sweep.tick() => journal.sweep().await,
            }
        }
        while attempts.join_next().await.is_some() {}
    }

    fn attempt(
        &self,
        hold: Hold,
        chore: Chore,
        stop: CancellationToken,
    ) -> impl Future<Output = ()> + Send + use<> {
        let broker = self.clone();
        async move {
            let Ok(record) = hold.record() else { return };
            let caller = Caller {
                yields: None,
                principal: hold.key.principal.clone(),
                deadline: None,
                priority: Some(record.wish.priority),
            };
            let attempt = Attempt {
                broker,
                hold,
                caller,
                stop,
            };
            let mut ended = match chore {
                Chore::Attempt => attempt.run(&record).await,
                Chore::ClearUp => attempt.clear_up(&record).await,
            };
            while let Err(error) = ended {
                // The disk takes nothing. What the server has is looked at again when it does.
                tracing::error!(transfer = %attempt.hold.key.id, %error, "it cannot be recorded");
                let pause = sleep(attempt.hold.journal.settings.budget.backoff);
                if attempt.unless_halted(pause).await.is_err() {
                    return;
                }
                let again = |record: &mut Record, now| {
                    if record.state == State::Running {
                        record.suspend(now);
                    }
                };
                ended = attempt.hold.change(again).await;
            }
        }
    }
}

impl Attempt {
    /// One attempt, and what becomes of the transfer after it.
    async fn run(&self, record: &Record) -> Result<(), Error> {
        let journal = &self.hold.journal;
        if let Some(exhausted) = journal.settings.budget.exhausted(record) {
            return self.give_up(record, exhausted).await;
        }
        let taken = |record: &mut Record, now| {
            // A later upload of the name may have ended it in this moment.
            if !record.taken_over {
                record.start(now);
            }
            record.taken_over
        };
        if self.hold.change(taken).await? {
            return self.lost_its_name(record).await;
        }
        let done = if record.wish.upload().is_some() {
            self.upload().await
        } else {
            self.download().await
        };
        let transfer = &self.hold.key.id;
        if done.is_err() && self.hold.record()?.taken_over {
            return self.lost_its_name(record).await;
        }
        match done {
            Ok(()) => {
                tracing::info!(%transfer, "a transfer is done");
                Ok(())
            }
            Err(Stop::Halted) if self.hold.halt.is_cancelled() => {
                tracing::info!(%transfer, "a transfer was cancelled");
                self.hold.change(Record::cancel).await
            }
            Err(Stop::Halted) => {
                tracing::info!(%transfer, "a transfer is suspended until the next start");
                self.hold.change(Record::suspend).await
            }
            Err(Stop::Failed(error)) if is_stopping(&error) => {
                self.hold.change(Record::suspend).await
            }
            Err(Stop::Failed(error)) => self.failed(error).await,
        }
    }

    /// A later upload writes the name: the transfer ends, and its bytes are kept.
    async fn lost_its_name(&self, record: &Record) -> Result<(), Error> {
        let name = record.wish.path.to_string();
        let told = self.hold.journal.told(&Cause::NameTaken(name).into());
        let cancelled = self.hold.halt.is_cancelled();
        self.hold
            .change(move |record, now| {
                record.begun = None;
                match cancelled {
                    _ if record.state.is_over() => {}
                    true => record.cancel(now),
                    false => record.fail(told, now),
                }
            })
            .await
    }

    async fn failed(&self, error: Error) -> Result<(), Error> {
        let journal = &self.hold.journal;
        let record = self.hold.record()?;
        let told = journal.told(&error);
        let transfer = &self.hold.key.id;
        let verdict = another(&error, record.wish.upload().is_some());
        if verdict == Another::Never {
            tracing::warn!(%transfer, %error, "a transfer failed for good");
            return self
                .hold
                .change(move |record, now| record.fail(told, now))
                .await;
        }
        let counted = verdict == Another::Counted;
        let tries = record.spent.attempts.max(1);
        let delay = journal.settings.budget.delay(tries, fastrand::u64(..));
        tracing::info!(%transfer, %error, ?delay, "an attempt failed");
        self.hold
            .change(move |record, now| {
                record.wait(now + delay, told, counted, now);
            })
            .await
    }

    async fn give_up(&self, record: &Record, exhausted: super::Exhausted) -> Result<(), Error> {
        let last = record.last_error.as_ref();
        let last = last.map(|told| told.message.clone()).unwrap_or_default();
        let cause = Cause::GaveUp { exhausted, last };
        let told = self.hold.journal.told(&cause.into());
        tracing::warn!(transfer = %self.hold.key.id, %exhausted, "a transfer was given up");
        self.hold
            .change(move |record, now| record.fail(told, now))
            .await
    }

    /// Waits for a part of the work; or until it is to be broken off.
    pub(super) async fn unless_halted<T>(&self, work: impl Future<Output = T>) -> Result<T, Stop> {
        tokio::select! {
            biased;
            () = self.hold.halt.cancelled() => Err(Stop::Halted),
            () = self.stop.cancelled() => Err(Stop::Halted),
            done = work => Ok(done),
        }
    }

    /// The link is at work for the transfer.
    pub(super) fn on_link(&self, operation: &JobId) {
        let operation = operation.clone();
        self.hold
            .journal
            .live(&self.hold.key, |live| live.operation = Some(operation));
    }

    /// Waits until an operation that was let go of has let go of the link.
    pub(super) async fn ended(&self, operation: &JobId) {
        let operations = &self.broker.shared.operations;
        operations.call_off(&self.caller.principal, operation).await;
    }

    pub(super) fn target(record: &Record) -> Target {
        Target::Profile(record.wish.profile.clone())
    }
}

/// The daemon is stopping: nothing is wrong with the transfer.
fn is_stopping(error: &Error) -> bool {
    matches!(&error.cause, Cause::Modem(error) if matches!(**error, modem::Error::Stopping))
}

/// The server said no, and not to the login.
fn is_refused(error: &Error) -> bool {
    let Cause::Modem(error) = &error.cause else {
        return false;
    };
    matches!(&**error, modem::Error::Failed(failure)
        if failure.stage != failure::Stage::Login
            && failure.cause == failure::Cause::Reported(ErrCode::REJECTED))
}
