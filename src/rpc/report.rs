//! Telling a caller how far its operation is, while it is at work.

use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Interval, MissedTickBehavior, interval};
use tonic::Status;

use super::call::given_up;
use super::status;
use crate::broker::{Caller, Cause, JobId};

/// Time between reports of progress: often enough for a person's eye, seldom enough that they
/// cost nothing on a slow machine.
const REPORT: Duration = Duration::from_millis(500);

/// Answers that wait for a caller who does not read them; further reports are dropped. One place
/// is the result's.
pub(super) const WAITING: usize = 4;

/// Why an operation ends without a result. Dropping its handle cancels it.
pub(super) enum Stop {
    /// The caller left: there is nobody to answer.
    Gone,
    /// The caller is told.
    Refused(Status),
}

impl From<Status> for Stop {
    fn from(status: Status) -> Self {
        Self::Refused(status)
    }
}

/// Tells the caller how far an operation is: `R` is the answer that holds a report, made of
/// progress `P`.
pub(super) struct Reporter<P, R> {
    operation: JobId,
    progress: watch::Receiver<P>,
    answers: mpsc::Sender<Result<R, Status>>,
    clock: Interval,
    reported: Option<R>,
    tell: fn(&JobId, P) -> R,
}

impl<P: Copy, R: Clone + PartialEq> Reporter<P, R> {
    pub(super) fn new(
        operation: &JobId,
        progress: watch::Receiver<P>,
        answers: mpsc::Sender<Result<R, Status>>,
        tell: fn(&JobId, P) -> R,
    ) -> Self {
        let mut clock = interval(REPORT);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            operation: operation.clone(),
            progress,
            answers,
            clock,
            reported: None,
            tell,
        }
    }

    /// Waits for `work`, reporting at intervals; or until the caller has left.
    pub(super) async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Stop> {
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                () = self.answers.closed() => return Err(Stop::Gone),
                result = &mut work => return Ok(result),
                _ = self.clock.tick() => self.report(),
            }
        }
    }

    fn report(&mut self) {
        let progress = *self.progress.borrow_and_update();
        let report = (self.tell)(&self.operation, progress);
        if self.reported.as_ref() == Some(&report) {
            return;
        }
        // A caller that does not read gets the next one, or none: the operation does not wait. One
        // place stays free, so that the result never waits behind reports.
        if self.answers.capacity() > 1 && self.answers.try_send(Ok(report.clone())).is_ok() {
            self.reported = Some(report);
        }
    }

    /// Answers with what the work came to.
    pub(super) async fn end(self, outcome: Result<R, Stop>) {
        let answer = match outcome {
            Ok(result) => Ok(result),
            Err(Stop::Refused(status)) => Err(status),
            Err(Stop::Gone) => {
                tracing::debug!(operation = %self.operation, "the caller left");
                return;
            }
        };
        if self.answers.send(answer).await.is_err() {
            tracing::debug!(operation = %self.operation, "the caller left before the answer");
        }
    }
}

/// Does the work for as long as its caller waits.
pub(super) async fn while_wanted<T>(
    caller: &Caller,
    work: impl Future<Output = Result<T, Stop>>,
) -> Result<T, Stop> {
    tokio::select! {
        biased;
        outcome = work => outcome,
        () = given_up(caller) => Err(Stop::Refused(status::of(&Cause::Expired.into()))),
    }
}
