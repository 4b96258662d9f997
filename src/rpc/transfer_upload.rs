//! The upload of a transfer that the daemon keeps. What has arrived is kept when the caller leaves.

use bytes::Bytes;
use tonic::Status;

use super::call::given_up;
use super::ingest::{Ingest, Sink, Upload};
use super::status;
use crate::broker::terms::{Caller, Cause};
use crate::transfers::{Comparing, Receiving, Transfer};

/// Receives a file until the caller finishes. Runs in a task of its own: when the caller leaves, what has
/// arrived is written to disk.
pub(super) async fn receive<M: Upload<Content = Bytes>>(
    receiving: Receiving,
    ingest: Ingest<M>,
    caller: Caller,
) -> Result<Transfer, Status> {
    let received = tokio::spawn(take(receiving, ingest, caller)).await;
    received.unwrap_or_else(|_| Err(status::of(&Cause::WrongAnswer.into())))
}

async fn take<M: Upload<Content = Bytes>>(
    receiving: Receiving,
    mut ingest: Ingest<M>,
    caller: Caller,
) -> Result<Transfer, Status> {
    let mut sink = Disk { receiving, caller };
    match ingest.chunks(&mut sink).await {
        Ok(sha256) => {
            let accepted = ingest.finish(sink.receiving.finish(sha256)).await?;
            accepted.map_err(status::refused)
        }
        Err(status) => {
            sink.receiving.pause().await;
            Err(status)
        }
    }
}

/// Compares a file with that of a transfer that was accepted before under the same id.
pub(super) async fn compare<M: Upload<Content = Bytes>>(
    comparing: Comparing,
    mut ingest: Ingest<M>,
    caller: Caller,
) -> Result<Transfer, Status> {
    let mut sink = Accepted { comparing, caller };
    let sha256 = ingest.chunks(&mut sink).await?;
    let transfer = sink.comparing.finish(sha256);
    transfer.map_err(status::refused)
}

/// A transfer that the daemon receives.
struct Disk {
    receiving: Receiving,
    caller: Caller,
}

impl Sink for Disk {
    async fn push(&mut self, chunk: Bytes) -> Result<(), Status> {
        let pushed = self.receiving.push(chunk).await;
        pushed.map_err(status::refused)
    }

    async fn failed(&mut self) -> Status {
        tokio::select! {
            biased;
            () = self.receiving.halted() => status::of(&Cause::TransferEnded.into()),
            () = given_up(&self.caller) => status::of(&Cause::Expired.into()),
        }
    }
}

/// A transfer that the daemon has already.
struct Accepted {
    comparing: Comparing,
    caller: Caller,
}

impl Sink for Accepted {
    async fn push(&mut self, chunk: Bytes) -> Result<(), Status> {
        let pushed = self.comparing.push(&chunk);
        pushed.map_err(status::refused)
    }

    async fn failed(&mut self) -> Status {
        given_up(&self.caller).await;
        status::of(&Cause::Expired.into())
    }
}
