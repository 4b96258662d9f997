//! The one task that owns the port: it asks the dialogue what to do, and does exactly that.
//!
//! Above 400 lines because the actor is one state machine: one wait at the port, with every event
//! that can end it.

mod between;
mod look;
mod mend;
mod tell;

use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use std::{future, io};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncReadExt, ReadBuf};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::error::Error;
use super::health::Health;
use super::job::Job;
use super::port::{Connector, Port};
use super::source::{Source, Supply};
use super::{ModemOptions, clock, metrics};
use mend::Repairs;
use simcom_talk::dialogue::failure::{Cause, Ending};
use simcom_talk::dialogue::operation::{Delivery, Output};
use simcom_talk::dialogue::{Dialogue, Failure, Moment, Step};

/// Owns the port. Only here the clock meets the dialogue.
pub(super) struct ModemActor<C> {
    connector: C,
    dialogue: Dialogue,
    port: Option<Box<dyn Port>>,
    /// The closing of the port before. Until it is over, that one holds the device.
    closing: Option<JoinHandle<()>>,
    jobs: mpsc::Receiver<Job>,
    health: watch::Sender<Health>,
    origin: Instant,
    /// The purpose of the running operation.
    purpose: Purpose,
    /// Why the module cannot serve jobs, and when to try again.
    trouble: Option<Trouble>,
    failures: u32,
    repairs: Repairs,
    /// When the module was last asked for its network.
    looked: Instant,
}

enum Purpose {
    /// Bringing the module up between two jobs.
    BringUp,
    /// Repairing the connection to the network between two jobs, after this failure.
    Mend(Failure),
    /// Asking for the network between two jobs, while there is none.
    Look,
    /// Logging out before the end.
    Leave,
    Job(Box<Current>),
}

/// The job at the port.
struct Current {
    job: Job,
    since: Duration,
    /// The job's end was requested: by its caller, or by the actor.
    abandoned: bool,
    /// The job was told to yield.
    told_to_yield: bool,
}

struct Trouble {
    error: Error,
    retry: Instant,
}

/// The event that ended a wait.
enum Event {
    Read(io::Result<usize>),
    Written(io::Result<usize>),
    Piece(Supply),
    /// There is room for a delivery, or no receiver any more.
    Room(bool),
    /// A request to the job.
    Asked(Ask),
    /// The source or receiver made no progress for too long.
    Stalled,
    /// The deadline of the step has passed.
    Due,
    Job(Option<Box<Job>>),
    Opened(Result<Box<dyn Port>, Error>),
}

/// A request to a running job.
enum Ask {
    /// The caller is gone, cancelled the job, or its deadline passed.
    End,
    /// Others wait for the link.
    Yield,
}

/// Bytes per read: the size of Linux's tty buffer.
const READ: usize = 4096;

impl<C: Connector> ModemActor<C> {
    pub(super) fn new(
        connector: C,
        options: ModemOptions,
        jobs: mpsc::Receiver<Job>,
        health: watch::Sender<Health>,
    ) -> Self {
        Self {
            connector,
            dialogue: Dialogue::new(options.setup, options.patience),
            port: None,
            closing: None,
            jobs,
            health,
            origin: clock::now(),
            purpose: Purpose::BringUp,
            trouble: None,
            failures: 0,
            repairs: Repairs::new(options.repair),
            looked: clock::now(),
        }
    }

    /// Runs until every handle is dropped.
    pub(super) async fn run(mut self) {
        tell::log(&self.health.borrow().link);
        loop {
            self.stop_mending();
            let now = self.now();
            let step = self.dialogue.poll(now);
            while let Some(note) = self.dialogue.next_note() {
                metrics::said(note);
            }
            // After the call to the dialogue, which may have begun to wait just now.
            self.publish();
            match step {
                Step::Idle => {
                    if !self.idle().await {
                        return;
                    }
                }
                Step::Write { bytes, until } => self.write(bytes, until).await,
                Step::Deliver(delivery) => self.deliver(delivery).await,
                Step::Fetch { offset } => self.fetch(offset).await,
                Step::Listen { until } => self.listen(until).await,
                Step::AwaitPort { until } => self.await_port(until).await,
                Step::Repair(failure) => self.climb(&failure),
                Step::Repaired(repaired) => self.repaired(repaired),
                Step::Done(result) => {
                    if self.done(result) {
                        return;
                    }
                }
            }
        }
    }

    fn now(&self) -> Moment {
        Moment::after(clock::now() - self.origin)
    }

    fn instant(&self, moment: Moment) -> Instant {
        self.origin + moment.since_origin()
    }

    async fn write(&mut self, mut bytes: Bytes, until: Moment) {
        let deadline = self.instant(until);
        while bytes.has_remaining() {
            let mut buffer = [0; READ];
            let event = {
                let Some(port) = &mut self.port else {
                    return;
                };
                tokio::select! {
                    biased;
                    ask = self.purpose.asked() => Event::Asked(ask),
                    event = read_or_write(port, &mut buffer, &bytes) => event,
                    () = sleep_until(deadline) => Event::Due,
                }
            };
            match event {
                Event::Written(Ok(len)) if len > 0 => bytes.advance(len),
                Event::Written(Ok(_)) => self.lost(io::ErrorKind::WriteZero.into()),
                Event::Written(Err(error)) => self.lost(error),
                Event::Read(read) => self.received(read, &buffer),
                Event::Asked(ask) => self.ask(&ask),
                _ => {
                    let now = self.now();
                    self.dialogue.handle_write_deadline(now);
                    return;
                }
            }
            // The module has closed the prompt or is gone: it would take the remaining bytes as
            // commands.
            if self.dialogue.is_write_recalled() {
                return;
            }
        }
    }

    async fn listen(&mut self, moment: Moment) {
        let deadline = self.instant(moment);
        let mut buffer = [0; READ];
        let event = tokio::select! {
            biased;
            ask = self.purpose.asked() => Event::Asked(ask),
            read = read(&mut self.port, &mut buffer) => Event::Read(read),
            () = sleep_until(deadline) => Event::Due,
        };
        self.take(event, &buffer);
    }

    async fn fetch(&mut self, offset: u64) {
        let mut buffer = [0; READ];
        let Purpose::Job(current) = &mut self.purpose else {
            return self.abandon(Cause::SourceGone);
        };
        let stalled = clock::now() + current.job.stall;
        let event = tokio::select! {
            biased;
            ask = asked(&mut current.job.reply, &current.job.cancel, &current.job.yield_request,
                current.job.deadline, current.told_to_yield), if !current.abandoned => Event::Asked(ask),
            read = read(&mut self.port, &mut buffer) => Event::Read(read),
            supply = supply(&mut current.job.source, offset) => Event::Piece(supply),
            () = sleep_until(stalled) => Event::Stalled,
        };
        match event {
            Event::Piece(Supply::Piece(piece)) => {
                let now = self.now();
                self.dialogue.handle_piece(piece, now);
            }
            Event::Piece(Supply::Gone) => self.abandon(Cause::SourceGone),
            Event::Piece(Supply::Forgotten) => self.abandon(Cause::SourceForgotten),
            Event::Stalled => self.abandon(Cause::SourceStalled),
            event => self.take(event, &buffer),
        }
    }

    async fn deliver(&mut self, delivery: Delivery) {
        let Purpose::Job(current) = &mut self.purpose else {
            return;
        };
        let Some(receiver) = current.job.delivery.clone() else {
            return;
        };
        let stalled = clock::now() + current.job.stall;
        let mut delivery = Some(delivery);
        let event = tokio::select! {
            biased;
            ask = asked(&mut current.job.reply, &current.job.cancel, &current.job.yield_request,
                current.job.deadline, current.told_to_yield), if !current.abandoned => Event::Asked(ask),
            permit = receiver.reserve() => Event::Room(match (permit, delivery.take()) {
                (Ok(permit), Some(delivery)) => {
                    permit.send(delivery);
                    true
                }
                _ => false,
            }),
            () = sleep_until(stalled) => Event::Stalled,
        };
        match event {
            Event::Room(true) => {}
            Event::Stalled => self.abandon(Cause::ReceiverStalled),
            Event::Asked(ask) => {
                if let Some(delivery) = delivery {
                    self.dialogue.handle_undelivered(delivery);
                }
                self.ask(&ask);
            }
            _ => self.abandon(Cause::Cancelled(Ending::Drained)),
        }
    }

    /// Resumes an operation when the port is back.
    async fn await_port(&mut self, moment: Moment) {
        let deadline = self.instant(moment);
        let retry = self.trouble.as_ref().map(|trouble| trouble.retry);
        let opening = async {
            until(retry.or_else(|| Some(clock::now()))).await;
            closed(&mut self.closing).await;
            self.connector.open().await
        };
        let event = tokio::select! {
            biased;
            ask = self.purpose.asked() => Event::Asked(ask),
            opened = opening => Event::Opened(opened),
            () = sleep_until(deadline) => Event::Due,
        };
        match event {
            Event::Opened(opened) => self.opened(opened),
            event => self.take(event, &[]),
        }
    }

    /// Handles the event that ended a wait.
    fn take(&mut self, event: Event, buffer: &[u8]) {
        match event {
            Event::Read(read) => self.received(read, buffer),
            Event::Asked(ask) => self.ask(&ask),
            _ => {
                let now = self.now();
                self.dialogue.handle_deadline(now);
            }
        }
    }

    fn received(&mut self, read: io::Result<usize>, buffer: &[u8]) {
        match read {
            Ok(0) => self.lost(io::ErrorKind::UnexpectedEof.into()),
            Ok(len) => {
                let now = self.now();
                self.dialogue
                    .handle_bytes(buffer.get(..len).unwrap_or_default(), now);
                if self.dialogue.is_write_recalled()
                    && let Some(port) = &mut self.port
                {
                    port.discard_output();
                }
            }
            Err(error) => self.lost(error),
        }
    }

    fn ask(&mut self, ask: &Ask) {
        match ask {
            Ask::End => self.abandon(Cause::Cancelled(Ending::Drained)),
            Ask::Yield => {
                if let Purpose::Job(current) = &mut self.purpose {
                    current.told_to_yield = true;
                }
                let now = self.now();
                self.dialogue.yield_link(now);
            }
        }
    }

    fn abandon(&mut self, cause: Cause) {
        if let Purpose::Job(current) = &mut self.purpose {
            current.abandoned = true;
        }
        let now = self.now();
        self.dialogue.abandon(cause, now);
    }

    /// The port failed.
    fn lost(&mut self, error: io::Error) {
        self.failures = 0;
        self.close();
        self.troubled(Error::Io(Arc::new(error)));
    }

    fn close(&mut self) {
        if let Some(port) = self.port.take() {
            self.closing = port.close();
        }
        let now = self.now();
        self.dialogue.handle_port_lost(now);
    }
}

impl Purpose {
    /// Completes when there is a request to the job.
    async fn asked(&mut self) -> Ask {
        match self {
            Self::Job(current) if !current.abandoned => {
                let told = current.told_to_yield;
                let job = &mut current.job;
                asked(
                    &mut job.reply,
                    &job.cancel,
                    &job.yield_request,
                    job.deadline,
                    told,
                )
                .await
            }
            _ => future::pending().await,
        }
    }
}

/// Completes when the job has lost its caller, or when others wait for the link and the job was not
/// told to yield yet.
async fn asked(
    reply: &mut oneshot::Sender<Result<Output, Error>>,
    cancel: &CancellationToken,
    yield_request: &CancellationToken,
    deadline: Option<Instant>,
    told: bool,
) -> Ask {
    tokio::select! {
        biased;
        () = cancel.cancelled() => Ask::End,
        () = reply.closed() => Ask::End,
        () = until(deadline) => Ask::End,
        () = yield_request.cancelled(), if !told => Ask::Yield,
    }
}

/// Waits until a port is closed. Cancel-safe.
async fn closed(closing: &mut Option<JoinHandle<()>>) {
    if let Some(task) = closing {
        // A task that panicked has dropped the port, too.
        let _ = task.await;
        *closing = None;
    }
}

async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => future::pending().await,
    }
}

/// Waits for the first of two: bytes from the module, which are handled before anything more is
/// written, or room for bytes to the module.
async fn read_or_write(port: &mut Box<dyn Port>, buffer: &mut [u8], bytes: &[u8]) -> Event {
    future::poll_fn(|context| {
        let mut into = ReadBuf::new(buffer);
        if let Poll::Ready(read) = Pin::new(&mut **port).poll_read(context, &mut into) {
            return Poll::Ready(Event::Read(read.map(|()| into.filled().len())));
        }
        let written = Pin::new(&mut **port).poll_write(context, bytes);
        written.map(Event::Written)
    })
    .await
}

async fn read(port: &mut Option<Box<dyn Port>>, buffer: &mut [u8]) -> io::Result<usize> {
    match port {
        Some(port) => port.read(buffer).await,
        None => future::pending().await,
    }
}

async fn supply(source: &mut Option<Box<dyn Source>>, offset: u64) -> Supply {
    match source {
        Some(source) => source.piece(offset).await,
        None => Supply::Gone,
    }
}
