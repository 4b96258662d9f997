//! The work that is due for transfers, for as long as the daemon runs.
//!
//! Above 400 lines because an attempt is one state machine: it begins, waits for the link and the
//! disk, ends, and is recorded.

mod clear;
mod download;
mod upload;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::journal::{Chore, HaltReason, Hold, Loss};
use super::record::{Evidence, Record, Remnant, State, ToldError};
use super::retry::{Another, another};
use crate::broker::Broker;
use crate::broker::terms::{Caller, Cause, Error, Lived, Now, Options, Target};
use crate::modem::{self, JobId, clock, health};
use crate::transfers::{Transfers, metrics};
use simcom_talk::dialogue::failure;
use simcom_talk::ftps::errcode::ErrCode;

/// Time between two searches for old transfers.
const SWEEP: Duration = Duration::from_secs(60);

/// Time between two looks at the disk: two questions to the file system. Health checks come about as often.
const LOOK: Duration = Duration::from_secs(5);

/// Why an attempt did not reach its end.
pub(crate) enum Stop {
    /// It failed.
    Failed(Error),
    /// It was broken off.
    Halted(HaltReason),
}

impl<E: Into<Error>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// One attempt: the transfer, the link, and the signal that breaks it off.
pub(crate) struct Attempt {
    pub(crate) broker: Broker,
    pub(crate) hold: Hold,
    pub(crate) caller: Caller,
    stop: CancellationToken,
}

impl Transfers {
    /// Delivers transfers until `stop` is cancelled. Then it breaks running attempts off where the
    /// next start can resume them, and returns. Without it nothing is delivered.
    pub async fn deliver(&self, stop: CancellationToken) {
        let journal = tokio::select! {
            biased;
            journal = self.storage.opened() => journal,
            () = stop.cancelled() => return,
        };
        let (mut attempts, mut cancels) = (JoinSet::new(), JoinSet::new());
        let mut logins = JoinSet::new();
        let mut not_before: Option<Instant> = None;
        let mut health = self.broker.health();
        let mut sweep = interval(SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !stop.is_cancelled() {
            // Without a module every attempt would fail, and each failure would cost a write.
            let (ready, logged_in) = {
                let health = health.borrow_and_update();
                let ready = health.link.takes_jobs();
                (ready, health.logged_in.clone())
            };
            if let Some(server) = logged_in
                && logins.is_empty()
                && journal.is_news(&server)
            {
                let journal = Arc::clone(journal);
                logins.spawn(async move { journal.login_works(server).await });
            }
            while ready && attempts.len() < journal.settings().active {
                let Some((hold, chore)) = journal.next() else {
                    break;
                };
                attempts.spawn(self.attempt(hold, chore, stop.clone()));
            }
            if cancels.is_empty()
                && let Some(hold) = journal.next_cancel()
            {
                cancels.spawn(async move { hold.record_what_others_did().await });
            }
            let due = journal.next_due().filter(|_| ready && attempts.is_empty());
            let due = due.map(|due| journal.instant(due)).into_iter();
            let cancel = journal.next_cancel_due().filter(|_| cancels.is_empty());
            let due = due.chain(cancel).min();
            let expiry = journal.next_expiry().map(|then| journal.instant(then));
            // If the disk does not accept the change, it pauses before the next try.
            let expiry = expiry.map(|then| not_before.map_or(then, |pause| pause.max(then)));
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                _ = sweep.tick() => journal.sweep().await,
                _ = look.tick() => journal.look_at_the_disk().await,
                () = sleep_or_never(expiry) => {
                    let recorded = journal.expire().await;
                    not_before = recorded.err().map(|_| clock::now() + journal.settings().budget.backoff);
                }
                Some(_) = attempts.join_next() => {}
                Some(_) = cancels.join_next() => {}
                Some(_) = logins.join_next() => {}
                () = journal.wake.notified() => {}
                Ok(()) = health.changed() => {}
                () = sleep_or_never(due) => {}
            }
        }
        while attempts.join_next().await.is_some() {}
        journal.keep_lived(Duration::ZERO).await;
        while cancels.join_next().await.is_some() {}
        while logins.join_next().await.is_some() {}
    }

    fn attempt(
        &self,
        hold: Hold,
        chore: Chore,
        stop: CancellationToken,
    ) -> impl Future<Output = ()> + Send + use<> {
        let broker = self.broker.keeping_servers();
        async move {
            let Ok(record) = hold.record() else { return };
            let caller = Caller {
                yields: None,
                principal: hold.key.principal.clone(),
                deadline: None,
                options: Options {
                    labels: record.wish.terms.labels.clone(),
                    ..Options::default()
                },
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
                Chore::Cancel => attempt.hold.record_cancel().await,
                // Its client does that.
                Chore::Receive => Ok(()),
            };
            while let Err(error) = ended {
                // The disk accepts nothing. The daemon checks the server's file again when it does.
                if attempt.until_recorded(&error).await.is_err() {
                    return;
                }
                let cancelled = attempt.hold.halt.why() == Some(HaltReason::Cancel);
                let again = move |record: &mut Record, now| {
                    if cancelled && !record.state.is_over() {
                        record.cancel(now);
                    } else if record.state == State::Running {
                        record.suspend(now);
                    }
                };
                ended = attempt.hold.change(again).await;
            }
        }
    }
}

impl Attempt {
    /// One attempt, and the state of the transfer after it.
    async fn run(&self, record: &Record) -> Result<(), Error> {
        // Found at a start: the attempt was running when a later upload took its name.
        if self.has_lost_its_name()? {
            return self.lost_its_name(record).await;
        }
        let names = self.broker.names();
        if record.wish.upload().is_some() && names.is_held_by_a_later_one(&self.hold.key) {
            tracing::debug!(transfer = %self.hold.key.id, "a later upload of its name goes first");
            self.hold
                .journal
                .wait_behind(&self.hold.key, self.hold.birth);
            return Ok(());
        }
        if let Some((until, why)) = self.closed_login(record) {
            return self
                .hold
                .change(move |record, now| record.postpone(until, why, now))
                .await;
        }
        if !self.begin_attempt().await? {
            return Ok(());
        }
        let done = if record.wish.upload().is_some() {
            self.upload().await
        } else {
            self.download().await
        };
        let transfer = &self.hold.key.id;
        if done.is_err() && self.has_lost_its_name()? {
            return self.lost_its_name(record).await;
        }
        match done {
            Ok(()) => {
                tracing::info!(%transfer, "a transfer is done");
                Ok(())
            }
            Err(Stop::Halted(HaltReason::Cancel)) => {
                tracing::info!(%transfer, "a transfer was cancelled");
                self.hold.change(Record::cancel).await
            }
            Err(Stop::Halted(HaltReason::Expire)) => {
                tracing::warn!(%transfer, "a transfer has expired");
                let journal = Arc::clone(&self.hold.journal);
                self.hold
                    .change(move |record, now| record.fail(journal.told_expired(record), now))
                    .await
            }
            Err(Stop::Halted(HaltReason::Stop | HaltReason::StepAside)) => {
                tracing::info!(%transfer, "a transfer is suspended until the next start");
                self.hold.change(Record::suspend).await
            }
            Err(Stop::Failed(error)) if is_stopping(&error) => {
                self.hold.change(Record::suspend).await
            }
            Err(Stop::Failed(error)) => self.failed(error).await,
        }
    }

    /// Whether a later upload has written the name.
    fn has_lost_its_name(&self) -> Result<bool, Error> {
        let Hold {
            journal,
            key,
            birth,
            ..
        } = &self.hold;
        let lost = journal.loss(key, *birth) == Some(Loss::Name);
        Ok(lost || self.hold.record()?.taken_over)
    }

    /// A later upload has written the name: the transfer ends, and its bytes are kept.
    async fn lost_its_name(&self, record: &Record) -> Result<(), Error> {
        let name = record.wish.path.to_string();
        let told = self.hold.journal.told(&Cause::NameTaken(name).into());
        let cancelled = self.hold.halt.why() == Some(HaltReason::Cancel);
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
        metrics::failed(&told);
        let transfer = &self.hold.key.id;
        let verdict = another(&error, record.wish.upload().is_some());
        let refused_login = verdict == Another::IfLoginWorked;
        let closed = refused_login
            .then(|| self.server(&record))
            .flatten()
            .and_then(|server| journal.login_refused(&server, told.clone()));
        if verdict == Another::Never || (refused_login && closed.is_none()) {
            tracing::warn!(%transfer, %error, "a transfer failed for good");
            let arrived = matches!(error.cause, Cause::Unverified { .. });
            return self
                .hold
                .change(move |record, now| {
                    record.fail(told, now);
                    if arrived {
                        // The module reported the file as complete: nobody deletes it.
                        record.remnant = Remnant::Left;
                    }
                })
                .await;
        }
        let counted = verdict != Another::Uncounted;
        let tries = record.spent.attempts.max(1);
        let delay =
            closed.unwrap_or_else(|| journal.settings().budget.delay(tries, fastrand::u64(..)));
        tracing::info!(%transfer, %error, ?delay, "an attempt failed");
        self.hold
            .change(move |record, now| {
                record.wait(now + delay, told, counted, now);
            })
            .await
    }

    /// The server of a transfer, and its user.
    fn server(&self, record: &Record) -> Option<health::LoggedIn> {
        let located = self.broker.locate(&self.caller, &Self::target(record));
        let (location, _) = located.ok()?;
        Some(health::LoggedIn::from(location.server.as_ref()))
    }

    /// The account that the transfer's profile leads to now; `None` where the profile is gone.
    fn account(&self, record: &Record) -> Option<String> {
        let health::LoggedIn { host, port, user } = self.server(record)?;
        Some(format!("{}@{host}:{port}", user.as_str()))
    }

    /// When the transfer's login may be tried again, and the refusal that closed it.
    fn closed_login(&self, record: &Record) -> Option<(Lived, ToldError)> {
        let server = self.server(record)?;
        self.hold.journal.login_closed(&server)
    }

    /// Begins an attempt, or gives the transfer up, by the budget that it has at this moment: its
    /// client may just have renewed it. Answers whether an attempt begins.
    async fn begin_attempt(&self) -> Result<bool, Error> {
        let (journal, transfer) = (self.hold.journal.clone(), self.hold.key.id.clone());
        let account = self.account(&self.hold.record()?);
        self.hold
            .change(move |record, now| {
                // A later upload of the name ended it at this moment.
                if record.taken_over {
                    return false;
                }
                if record.has_expired(now.lived) {
                    tracing::warn!(%transfer, "a transfer has expired");
                    record.fail(journal.told_expired(record), now);
                    return false;
                }
                let Some(exhausted) = journal.settings().budget.exhausted(record) else {
                    if let Some(account) = account {
                        record.goes_to(&account);
                    }
                    record.start(now);
                    return true;
                };
                let last = record.last_error.as_ref();
                let last = last.map(|told| told.message.clone()).unwrap_or_default();
                let told = journal.told(&Cause::GaveUp { exhausted, last }.into());
                tracing::warn!(%transfer, %exhausted, "a transfer is given up");
                record.fail(told, now);
                false
            })
            .await
    }

    /// An upload is complete on its server.
    pub(crate) async fn delivered(&self, evidence: Evidence) -> Result<(), Stop> {
        self.ended_well(move |record, now| record.delivered(evidence, now))
            .await
    }

    /// Records that the transfer is complete, as soon as the disk accepts it: a missing record must
    /// not repeat the work.
    pub(crate) async fn ended_well(
        &self,
        change: impl FnOnce(&mut Record, Now) + Clone + Send + 'static,
    ) -> Result<(), Stop> {
        while let Err(error) = self.hold.change(change.clone()).await {
            self.until_recorded(&error).await?;
        }
        Ok(())
    }

    /// The disk did not accept a change. Waits for the next try: after a pause, or when the
    /// transfer is cancelled.
    async fn until_recorded(&self, error: &Error) -> Result<(), Stop> {
        let Hold {
            journal,
            key,
            birth,
            halt,
        } = &self.hold;
        tracing::error!(transfer = %key.id, %error, "it cannot be recorded");
        let is_heard = halt.why().is_some();
        journal.not_recorded(key, *birth, error);
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(Stop::Halted(HaltReason::Stop)),
            _ = halt.asked(), if !is_heard => Ok(()),
            () = sleep(journal.settings().budget.backoff) => Ok(()),
        }
    }

    /// Waits for a part of the work, or until the attempt is broken off.
    pub(crate) async fn unless_halted<T>(&self, work: impl Future<Output = T>) -> Result<T, Stop> {
        tokio::select! {
            biased;
            why = self.hold.halt.asked() => Err(Stop::Halted(why)),
            () = self.stop.cancelled() => Err(Stop::Halted(HaltReason::Stop)),
            done = work => Ok(done),
        }
    }

    /// An operation on the link works for the transfer.
    pub(crate) fn on_link(&self, operation: &JobId) {
        let operation = operation.clone();
        self.hold
            .journal
            .live(&self.hold.key, |live| live.operation = Some(operation));
    }

    /// Waits until an operation that was dropped has released the link.
    pub(crate) async fn ended(&self, operation: &JobId) {
        // If no operation of this name is left, it has released the link.
        let _ = self.broker.cancel(&self.caller, operation).await;
    }

    pub(crate) fn target(record: &Record) -> Target {
        Target::Profile(record.wish.profile.clone())
    }
}

async fn sleep_or_never(until: Option<Instant>) {
    match until {
        Some(until) => sleep_until(until).await,
        None => std::future::pending().await,
    }
}

/// The daemon is stopping: the transfer has no fault.
fn is_stopping(error: &Error) -> bool {
    match &error.cause {
        Cause::Stopping => true,
        Cause::Modem(error) => matches!(**error, modem::Error::Stopping),
        _ => false,
    }
}

/// The server refused something other than the login.
fn is_refused(error: &Error) -> bool {
    let Cause::Modem(error) = &error.cause else {
        return false;
    };
    matches!(&**error, modem::Error::Failed(failure)
        if failure.stage != failure::Stage::Login
            && failure.cause == failure::Cause::Reported(ErrCode::REJECTED))
}
