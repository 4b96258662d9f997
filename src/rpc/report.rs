//! Progress reports of an operation while it works.

use prost::Message;
use tokio::sync::{mpsc, watch};
use tokio::time::{Interval, MissedTickBehavior, interval};
use tonic::Status;

use super::call::given_up;
use super::once::Keep;
use super::progress::{LOOK, ProgressMessages, Snapshot};
use super::status;
use crate::broker::terms::{Caller, Cause};
use crate::modem::JobId;
use crate::proto::OperationProgress;

/// Answers that are queued for a caller who does not read them; further reports are dropped. Two places are for
/// the result and the status after it.
pub(super) const WAITING: usize = 5;

/// Why an operation ends without a result. Dropping its handle cancels it.
pub(super) enum Stop {
    /// The caller left: there is nobody to answer.
    Gone,
    /// The caller gets this status.
    Refused(Status),
}

impl From<Status> for Stop {
    fn from(status: Status) -> Self {
        Self::Refused(status)
    }
}

/// Sends progress reports of an operation. `R` is the answer that holds a report; it is made of progress `P`.
pub(super) struct Reporter<P, R> {
    operation: JobId,
    messages: ProgressMessages,
    progress: watch::Receiver<P>,
    answers: mpsc::Sender<Result<R, Status>>,
    clock: Interval,
    /// Keeps the end, where the request has a name.
    keep: Keep,
    /// The operation goes on even if its caller leaves.
    goes_on: bool,
}

impl<P: Copy + Into<Snapshot>, R: From<OperationProgress> + Message> Reporter<P, R> {
    /// Sends the first report at once, since the first message of a stream names the operation. `total`: bytes
    /// of the file, where that is known.
    pub(super) fn new(
        operation: &JobId,
        total: Option<u64>,
        progress: watch::Receiver<P>,
        answers: mpsc::Sender<Result<R, Status>>,
    ) -> Self {
        let mut clock = interval(LOOK);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut reporter = Self {
            operation: operation.clone(),
            messages: ProgressMessages::new(operation, total),
            progress,
            answers,
            clock,
            keep: Keep::default(),
            goes_on: false,
        };
        reporter.report();
        reporter
    }

    /// The same, with the end kept where the request has a name.
    pub(super) fn keeping(mut self, keep: Keep) -> Self {
        self.keep = keep;
        self
    }

    /// The daemon has all that the request needs: a request that has a name goes on from now on even if its
    /// caller leaves.
    pub(super) const fn goes_on(&mut self) {
        self.goes_on = self.keep.is_named();
    }

    /// Waits for `work` and sends reports at intervals, until the caller has left.
    pub(super) async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Stop> {
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                () = self.answers.closed(), if !self.goes_on => return Err(Stop::Gone),
                result = &mut work => return Ok(result),
                _ = self.clock.tick() => self.report(),
            }
        }
    }

    fn report(&mut self) {
        let progress = *self.progress.borrow_and_update();
        // A caller that does not read gets the next report, or none: the operation does not wait. The last
        // places stay free, so that the result never waits behind reports.
        if self.answers.capacity() > 2
            && let Some(report) = self.messages.next(progress.into())
        {
            // It fails only where the caller has left.
            let _ = self.answers.try_send(Ok(report.into()));
        }
    }

    /// Sends how the work ended: a result, the reason why there is none, or a result that is not as it was
    /// asked for, and the reason.
    pub(super) async fn end(self, result: Option<R>, failed: Option<Stop>) {
        let refused = match failed {
            None => None,
            Some(Stop::Refused(status)) => Some(Err(status)),
            Some(Stop::Gone) => {
                tracing::debug!(operation = %self.operation, "the caller left");
                return;
            }
        };
        let why = refused.as_ref().and_then(|refused| refused.as_ref().err());
        self.keep
            .answer(Some(&self.operation), result.as_ref(), why);
        for answer in result.map(Ok).into_iter().chain(refused) {
            if self.answers.send(answer).await.is_err() {
                tracing::debug!(operation = %self.operation, "the caller left before the answer");
                return;
            }
        }
    }
}

/// Does the work until the caller's deadline.
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
