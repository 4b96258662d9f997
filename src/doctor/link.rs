//! The module under examination: brought up by the same task as in the daemon, with one job at a time.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::modem::health::{Health, LinkState};
use crate::modem::{Error, Job, JobId, Modem, clock};
use simcom_talk::dialogue::operation::{Delivery, Operation, Output, Progress, Standing, Task};

/// A module.
#[derive(Debug)]
pub(super) struct Link(Modem);

/// The part of a file or a listing that was read.
#[derive(Debug)]
pub(super) struct Content {
    /// Its bytes, at most as many as were asked for.
    pub(super) bytes: Vec<u8>,
    /// The time from the first chunk to the last.
    pub(super) took: Duration,
    /// Bytes that arrived in that time.
    pub(super) moved: u64,
}

/// The bring-up of a module that does not answer takes some 50 s: twenty tries of a second, and between them
/// the end of what a crashed program may have left.
const BRING_UP: Duration = Duration::from_secs(90);

/// START and LOGIN have 30 and 75 s, and each may be tried twice.
const JOB: Duration = Duration::from_secs(240);

/// The doctor takes what is read at once.
const STALL: Duration = Duration::from_secs(30);

impl Link {
    pub(super) const fn new(modem: Modem) -> Self {
        Self(modem)
    }

    /// Waits until the module is ready or is known not to be. Answers with what is known then.
    pub(super) async fn brought_up(&self) -> Health {
        let mut health = self.0.health();
        let known = health.wait_for(|health| !matches!(health.link, LinkState::BringingUp));
        // The task has ended, or takes longer than any of its steps: the answer is what is known now.
        let _ = timeout(BRING_UP, known).await;
        self.health()
    }

    /// What is known of the module now.
    pub(super) fn health(&self) -> Health {
        self.0.health().borrow().clone()
    }

    /// Runs a task on the link.
    pub(super) async fn run(&self, standing: Standing, task: Task) -> Result<Output, Error> {
        let (answer, _) = self.start(standing, task, None).await?;
        answer.await.unwrap_or(Err(Error::Stopping))
    }

    /// Reads a file or a listing, and stops when more than `most` bytes have arrived.
    pub(super) async fn read(
        &self,
        standing: Standing,
        task: Task,
        most: usize,
    ) -> Result<Content, Error> {
        let (delivery, mut deliveries) = mpsc::channel(16);
        let (answer, cancel) = self.start(standing, task, Some(delivery)).await?;
        let (mut bytes, mut began, mut ended) = (Vec::new(), None, None);
        let (mut is_more, mut moved) = (false, 0);
        while let Some(delivery) = deliveries.recv().await {
            let Delivery::Chunk(chunk) = delivery else {
                continue;
            };
            let now = clock::now();
            if began.is_some() {
                moved += chunk.len() as u64;
            }
            began.get_or_insert(now);
            ended = Some(now);
            let room = most.saturating_sub(bytes.len());
            bytes.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
            is_more |= chunk.len() > room;
            if is_more {
                cancel.cancel();
            }
        }
        let answer = answer.await.unwrap_or(Err(Error::Stopping));
        if !is_more {
            answer?;
        }
        let took = began.zip(ended).map(|(began, ended)| ended - began);
        Ok(Content {
            bytes,
            took: took.unwrap_or_default(),
            moved,
        })
    }

    async fn start(
        &self,
        standing: Standing,
        task: Task,
        delivery: Option<mpsc::Sender<Delivery>>,
    ) -> Result<Started, Error> {
        let (reply, answer) = oneshot::channel();
        let cancel = CancellationToken::new();
        let job = Job {
            id: JobId::new("doctor"),
            operation: Operation { standing, task },
            source: None,
            delivery,
            progress: watch::Sender::new(Progress::default()),
            cancel: cancel.clone(),
            make_way: CancellationToken::new(),
            deadline: Some(clock::now() + JOB),
            stall: STALL,
            reply,
        };
        let taken = self.0.submit(job).await;
        taken.map_err(|_| Error::Stopping)?;
        Ok((answer, cancel))
    }
}

type Started = (oneshot::Receiver<Result<Output, Error>>, CancellationToken);
