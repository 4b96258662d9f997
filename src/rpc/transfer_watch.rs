//! Watches of transfers and the content of downloads, as streams of responses.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::try_unfold;
use tokio_stream::{Stream, StreamExt};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::call::within;
use super::convert::response;
use super::status;
use crate::broker::terms::{Caller, Error};
use crate::modem;
use crate::proto::read_transfer_response::Message as Read;
use crate::proto::{
    ReadTransferResponse, ReadTransferResult, WatchTransferResponse, WatchTransfersResponse,
};
use crate::transfers::{ReadNext, TransferReading, Watch, Watching};

/// Time between two messages to a watcher: often enough for a person's eye.
const REPORT: Duration = Duration::from_millis(250);

/// Who calls, and the token that is cancelled when the daemon stops.
pub(super) type StreamCall = (Caller, CancellationToken);

/// As [`within`], until the daemon is stopping.
async fn unless_stopping<T>(
    (caller, stop): &StreamCall,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Status> {
    tokio::select! {
        biased;
        () = stop.cancelled() => Err(status::of(&modem::Error::Stopping.into())),
        done = within(caller, work) => done,
    }
}

/// A transfer now and at its changes.
pub(super) fn follow(
    watch: Watch,
    call: StreamCall,
) -> impl Stream<Item = Result<WatchTransferResponse, Status>> + Send {
    let state = (watch, call, false);
    try_unfold(state, async |(mut watch, call, again)| {
        if again {
            tokio::time::sleep(REPORT).await;
        }
        let transfer = unless_stopping(&call, watch.next()).await?;
        let response = transfer.map(|transfer| WatchTransferResponse {
            transfer: Some(transfer.into()),
        });
        Ok(response.map(|response| (response, (watch, call, true))))
    })
}

/// All transfers now and at their changes, as long as the caller `may` know them.
pub(super) fn follow_all(
    watching: Watching,
    call: StreamCall,
    may: impl Fn() -> Result<(), Status> + Send,
) -> impl Stream<Item = Result<WatchTransfersResponse, Status>> + Send {
    try_unfold((watching, call, may), async |(mut watching, call, may)| {
        let told = unless_stopping(&call, async { Ok(watching.next().await) }).await?;
        may()?;
        Ok(Some((told.into(), (watching, call, may))))
    })
}

/// Chunks, result.
pub(super) fn read(
    reading: TransferReading,
    call: StreamCall,
) -> impl Stream<Item = Result<ReadTransferResponse, Status>> + Send {
    let rest = try_unfold(Some((reading, call)), async |state| {
        let Some((mut reading, call)) = state else {
            return Ok(None);
        };
        Ok(Some(match unless_stopping(&call, reading.next()).await? {
            ReadNext::Chunk(chunk) => (Read::Chunk(chunk), Some((reading, call))),
            ReadNext::End {
                size,
                sha256,
                grown,
                took,
            } => {
                let result = ReadTransferResult {
                    file_size: response::signed(size),
                    file_sha256: Bytes::copy_from_slice(&sha256),
                    run_duration: Some(response::duration(took)),
                    grown_size: grown.map(response::signed),
                };
                (Read::Result(result), None)
            }
        }))
    });
    rest.map(|message| {
        message.map(|message| ReadTransferResponse {
            message: Some(message),
        })
    })
}
