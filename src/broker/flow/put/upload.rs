//! The upload of a Put, in as many turns on the link as needed.

use std::pin::pin;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::content::Content;
use super::drive::Driver;
use super::{PutProgress, PutStage};
use crate::broker::operation::{Feed, Operation};
use crate::broker::scheduler::Yielding;
use crate::broker::terms::{Cause, Error, Load};
use crate::modem::{self, clock};
use simcom_talk::dialogue::failure::Ending;
use simcom_talk::dialogue::operation::{
    BegunUpload, Cleared, Output, Progress, ProgressStage, Remains, Stored, Task,
    Upload as UploadTask,
};
use simcom_talk::ftps::value::TransferType;

/// Bytes that justify a turn on the link for an upload that has yielded: four blocks.
const WORTH: u64 = 8 * 1024;

/// After an upload has gone on by so many bytes, its server is known to resume files: the dialogue
/// asks for the size after the first two blocks.
const PROOF: u64 = 8 * 1024;

/// The state of an upload between two turns.
#[derive(Debug)]
pub(crate) struct Upload {
    /// How far it is.
    begun: Option<BegunUpload>,
    /// It had to start over: it does not yield any more.
    stays: bool,
}

impl Driver {
    pub(crate) async fn upload(&mut self) -> Result<Stored, Error> {
        let mut upload = Upload {
            begun: self.begun.take(),
            stays: false,
        };
        let outcome = self.stays(&mut upload).await;
        self.content.forget();
        match outcome {
            Ok(stored) => Ok(stored),
            Err(Stopped { error, in_order }) => {
                match upload.begun.take().filter(|begun| begun.at > 0) {
                    Some(begun) if !in_order => Err(self.put_in_order(begun, error).await),
                    _ => Err(error),
                }
            }
        }
    }

    async fn stays(&mut self, upload: &mut Upload) -> Result<Stored, Stopped> {
        loop {
            match self.stay_or_wait(upload).await? {
                Output::Stored(stored) => {
                    upload.learn(stored.sent, stored.resumes, &self.operation);
                    return Ok(stored);
                }
                Output::UploadYielded(begun) => {
                    upload.learn(begun.at, begun.resumes, &self.operation);
                    upload.begun = Some(begun);
                    self.report
                        .send_modify(|report| report.stage = PutStage::Queued);
                    self.worth_a_turn().await?;
                }
                _ => return Err(self.operation.error(Cause::WrongAnswer).into()),
            }
        }
    }

    /// One turn on the link. If the server refuses a login that has worked, before anything of the
    /// file was touched, it retries a few times with pauses. For a transfer that outlives its
    /// caller, the transfer retries instead.
    async fn stay_or_wait(&self, upload: &Upload) -> Result<Output, Stopped> {
        let (operation, standing) = (&self.operation, &self.standing);
        if self.own.is_some() {
            return self.stay(upload).await;
        }
        loop {
            operation.until_login_is_tried(standing).await?;
            let Stopped { error, in_order } = match self.stay(upload).await {
                Ok(output) => return Ok(output),
                Err(stopped) => stopped,
            };
            self.report
                .send_modify(|report| report.stage = PutStage::Queued);
            let again = operation.until_login_is_tried_again(standing, error).await;
            again.map_err(|error| Stopped { error, in_order })?;
        }
    }

    /// One turn on the link, from the queue on.
    async fn stay(&self, upload: &Upload) -> Result<Output, Stopped> {
        let operation = &self.operation;
        let at = upload.begun.as_ref().map_or(0, |begun| begun.at);
        let size = self.size.or_else(|| self.content.size());
        let load = Load::Up(size.map(|size| size.saturating_sub(at)));
        let exact = self.transfer_type == TransferType::Binary;
        // One of many files yields between two files anyway.
        let yielding = (exact && !upload.stays && !self.many).then_some(Yielding {
            policy: operation.yields,
            in_blocks: at > 0,
            again: upload.begun.is_some(),
        });
        let task = Task::Upload(UploadTask {
            path: self.path.clone(),
            must_be_new: self.must_be_new,
            verify_size: self.compares_sizes() && !self.later,
            delete_on_failure: self.delete_on_failure,
            begun: upload.begun.clone(),
            at_hand: self.content.size(),
        });
        let progress = watch::Sender::default();
        let mut job_progress = progress.subscribe();
        let mut place = operation.place.subscribe();
        let yield_request = CancellationToken::new();
        let feed = Feed {
            source: Some(self.content.source(&self.fault)),
            yield_request: yield_request.clone(),
            progress,
            ..Feed::default()
        };
        let job = async {
            let mut feed = feed;
            let turn = operation.turn(load, yielding).await?;
            self.have_the_name()?;
            feed.writer = self.writer.get().cloned();
            // The dialogue itself cleans up what it has begun.
            let answer = operation.submit(turn, self.standing.clone(), task, feed);
            answer.await.map_err(|error| Stopped {
                in_order: !operation.ended_off_the_link() && module_ran(&error.cause),
                error,
            })
        };
        let mut job = pin!(job);
        // If the server does not resume files, the upload starts over: that must be possible.
        let may = || operation.goes_on() || self.content.pin();
        let mut others = pin!(operation.yield_when_wanted(&yield_request, may));
        let mut trickle = pin!(watch_for_trickle(&self.content, operation, self.trickle));
        loop {
            tokio::select! {
                biased;
                answer = &mut job => return answer,
                Ok(()) = place.changed() => {
                    let place = *place.borrow_and_update();
                    self.report.send_modify(|report| report.place = place);
                }
                Ok(()) = job_progress.changed() => {
                    let progress = *job_progress.borrow_and_update();
                    if progress.stage == ProgressStage::Transferring {
                        operation.moved(self.moved_before + progress.bytes);
                    }
                    self.report.send_modify(|report| report.follow(progress));
                }
                () = &mut others => {}
                () = &mut trickle => {}
            }
        }
    }

    /// After it has yielded: waits until there is enough to send.
    async fn worth_a_turn(&self) -> Result<(), Error> {
        tokio::select! {
            biased;
            () = self.operation.cancelled() => {
                Err(self.operation.ended_by_caller(Ending::BeforeItBegan))
            }
            ready = self.content.ready(WORTH, self.stall) => {
                ready.then_some(()).ok_or_else(|| self.operation.error(Cause::WriterTooSlow))
            }
        }
    }

    /// On the link: finds out whether another writer has written the name meanwhile.
    fn have_the_name(&self) -> Result<(), Stopped> {
        let (operation, own) = (&self.operation, self.own.as_ref());
        let taken = || operation.error(Cause::NameTaken(self.path.to_string()));
        if self.writer.get().is_some() {
            return if self.has_lost_the_name() {
                Err(taken().into())
            } else {
                Ok(())
            };
        }
        if own.is_some_and(|own| !operation.may_write(own)) {
            return Err(taken().into());
        }
        if self.must_be_new && operation.is_begun(&self.standing, &self.path, own) {
            // Nobody has seen whether there is a file yet.
            let busy = Cause::NameBusy(self.path.to_string());
            return Err(operation.error(busy).into());
        }
        if let Some(writer) = operation.writes(&self.standing, &self.path, own.cloned()) {
            // Nothing else sets it.
            let _ = self.writer.set(writer);
        }
        Ok(())
    }

    /// Another writer has written the name since.
    pub(crate) fn has_lost_the_name(&self) -> bool {
        let writer = self.writer.get();
        writer.is_some_and(|writer| writer.is_taken_over())
    }

    /// Another writer may have written the same file since.
    fn is_doubtful(&self) -> bool {
        let writer = self.writer.get();
        writer.is_some_and(|writer| writer.is_doubtful())
    }

    /// The upload ended while it was off the link: deletes the partial file, or reports that it is
    /// left. What another writer has written since is not its own.
    async fn put_in_order(&self, begun: BegunUpload, error: Error) -> Error {
        let at = begun.at;
        if self.has_lost_the_name() {
            return error;
        }
        let stays = Error {
            committed: Some(at),
            ..error.clone()
        };
        if !self.delete_on_failure {
            return stays;
        }
        let remains = Remains {
            path: self.path.clone(),
            begun,
            sourced: false,
        };
        let may = || !self.is_doubtful();
        let never = CancellationToken::new();
        let cleared = self
            .operation
            .clear(self.standing.clone(), remains, None, never, may);
        match cleared.await {
            // By its name it may be another writer's file.
            Ok(None) if !self.has_lost_the_name() => Error {
                left_behind: true,
                ..stays
            },
            Ok(Some(Cleared::Left)) | Err(_) => Error {
                left_behind: true,
                ..stays
            },
            Ok(_) => error,
        }
    }
}

impl Upload {
    /// Learns what a turn that came so far shows about the server.
    fn learn(&mut self, at: u64, resumes: u32, operation: &Operation) {
        let Some(begun) = self.begun.as_ref().filter(|begun| begun.at > 0) else {
            return;
        };
        if resumes > begun.resumes {
            self.stays = true;
        } else if at >= begun.at + PROOF {
            operation.went_on();
        }
    }
}

/// An upload that ended without success.
#[derive(Debug)]
struct Stopped {
    error: Error,
    /// The partial file is deleted or kept as it should be.
    in_order: bool,
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self {
            error,
            in_order: false,
        }
    }
}

/// Whether the module had begun a job that failed.
fn module_ran(cause: &Cause) -> bool {
    match cause {
        Cause::Modem(error) => matches!(**error, modem::Error::Failed(_)),
        // The job did not fit the budget, and did not begin.
        Cause::DataBudget(_) => false,
        _ => true,
    }
}

/// Tells the queue when the caller sends nothing. Never completes.
async fn watch_for_trickle(content: &Content, operation: &Operation, span: Duration) {
    loop {
        content.drained().await;
        // Another upload of the same principal may have held up the link since this one asked for
        // it.
        let patience = operation.patience(span);
        let mut wait = Wait {
            operation,
            span,
            since: clock::now(),
            over: false,
        };
        let comes = content.comes(patience, WORTH).await;
        wait.over = true;
        if !comes {
            operation.trickles(true);
            content.enough(WORTH).await;
            operation.trickles(false);
        }
    }
}

/// The link waits for a caller. A caller that leaves meanwhile held up the link as well.
struct Wait<'a> {
    operation: &'a Operation,
    span: Duration,
    since: Instant,
    over: bool,
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if !self.over {
            let time = clock::now() - self.since;
            self.operation.stood_still(time, self.span);
        }
    }
}

impl PutProgress {
    fn follow(&mut self, progress: Progress) {
        self.sent = progress.bytes;
        self.stage = match progress.stage {
            ProgressStage::Waiting => PutStage::Queued,
            ProgressStage::Preparing | ProgressStage::Transferring => PutStage::Sending,
            ProgressStage::Verifying => PutStage::Verifying,
        };
    }
}
