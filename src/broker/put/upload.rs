//! The upload of a Put: as many stays on the link as it takes.

use std::pin::pin;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::content::Content;
use super::drive::Driver;
use super::{PutProgress, PutStage};
use crate::broker::error::{Cause, Error};
use crate::broker::estimate::Load;
use crate::broker::operation::{Feed, Operation};
use crate::broker::scheduler::Yielding;
use crate::modem;
use crate::modem::clock;
use simcom_talk::dialogue::failure::Ending;
use simcom_talk::dialogue::operation::{
    BegunUpload, Cleared, Output, Progress, ProgressStage, Remains, Stored, Task,
    Upload as UploadTask,
};
use simcom_talk::ftps::value::TransferType;

/// Bytes that are worth a turn on the link for an upload that made way: four blocks.
const WORTH: u64 = 8 * 1024;

/// Bytes that an upload has to get further for its server to be known to go on with files: the
/// dialogue asks for the size after the first two blocks.
const PROOF: u64 = 8 * 1024;

/// How an upload stands between two stays.
#[derive(Debug)]
pub(super) struct Upload {
    /// How far it has come.
    begun: Option<BegunUpload>,
    /// It had to start over: it stays from now on.
    stays: bool,
}

impl Driver {
    pub(super) async fn upload(&mut self) -> Result<Stored, Error> {
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

    /// One stay on the link. Where nothing of the file was touched and the login is refused that has worked, there
    /// are a few more, with pauses; a transfer that outlives its caller comes back by itself.
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

    /// One stay on the link, from the queue on.
    async fn stay(&self, upload: &Upload) -> Result<Output, Stopped> {
        let operation = &self.operation;
        let at = upload.begun.as_ref().map_or(0, |begun| begun.at);
        let size = self.size.or_else(|| self.content.size());
        let load = Load::Up(size.map(|size| size.saturating_sub(at)));
        let exact = self.transfer_type == TransferType::Binary;
        // Between two files of many it makes way anyway.
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
        let make_way = CancellationToken::new();
        let feed = Feed {
            source: Some(self.content.source(&self.fault)),
            make_way: make_way.clone(),
            progress,
            ..Feed::default()
        };
        let job = async {
            let mut feed = feed;
            let turn = operation.turn(load, yielding).await?;
            self.have_the_name()?;
            feed.writer = self.writer.get().cloned();
            // What the module begins with, it puts in order itself.
            let answer = operation.submit(turn, self.standing.clone(), task, feed);
            answer.await.map_err(|error| Stopped {
                in_order: !operation.ended_off_the_link() && module_ran(&error.cause),
                error,
            })
        };
        let mut job = pin!(job);
        // A server that does not go on with files makes it start over: that must be possible.
        let may = || operation.goes_on() || self.content.pin();
        let mut others = pin!(operation.give_way(&make_way, may));
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

    /// After it made way: waits until there is enough to send.
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

    /// With the link: finds out whether somebody else has written the name meanwhile.
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
            // Whether anything is there yet, nobody has seen.
            let busy = Cause::NameBusy(self.path.to_string());
            return Err(operation.error(busy).into());
        }
        if let Some(writer) = operation.writes(&self.standing, &self.path, own.cloned()) {
            // Nobody else sets it.
            let _ = self.writer.set(writer);
        }
        Ok(())
    }

    /// Another has written the name since.
    pub(super) fn has_lost_the_name(&self) -> bool {
        let writer = self.writer.get();
        writer.is_some_and(|writer| writer.is_taken_over())
    }

    /// Another may have written the same file since.
    fn is_doubtful(&self) -> bool {
        let writer = self.writer.get();
        writer.is_some_and(|writer| writer.is_doubtful())
    }

    /// The upload ended while it had made way: deletes what was begun, or says that it is there.
    /// What somebody else has written since is not its own.
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
            // By its name it may be another's file.
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
    /// What a stay tells of the server, which came so far.
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
    /// What was begun is deleted or kept as it should be.
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

/// Whether the module had begun with a job that failed.
fn module_ran(cause: &Cause) -> bool {
    match cause {
        Cause::Modem(error) => matches!(**error, modem::Error::Failed(_)),
        // It did not fit, and was not begun.
        Cause::DataBudget(_) => false,
        _ => true,
    }
}

/// Tells the queue when the caller sends nothing. Never completes.
async fn watch_for_trickle(content: &Content, operation: &Operation, span: Duration) {
    loop {
        content.drained().await;
        // Another of the same principal may have stood still since this one asked for the link.
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

/// The link waits for a caller. A caller that leaves meanwhile stood still as well.
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
