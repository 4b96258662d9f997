//! The upload of a file: header, chunks, finish. Put, module files and transfers send the same three parts.

use bytes::{Bytes, BytesMut};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::error::Error;
use crate::proto::PutFinish;

/// Largest chunk in one message, in bytes. The daemon sends no larger ones, and gRPC's usual limit for a
/// message (4 MiB) is far away.
const CHUNK: usize = 64 * 1024;

/// Chunks read ahead of the connection: enough to keep it busy, and few enough that a progress bar does not run
/// ahead of the link.
const READ_AHEAD: usize = 2;

/// The messages of an upload, `M` on the wire.
pub(super) struct Upload<M, C, F> {
    pub(super) header: M,
    /// Wraps a chunk.
    pub(super) chunk: C,
    /// Wraps the finish.
    pub(super) finish: F,
    /// Bytes at the beginning of the source that the daemon has already: they are read and not sent.
    pub(super) skip: u64,
}

/// The sending side of an upload, and the messages as the call takes them.
pub(super) fn channel<M>() -> (mpsc::Sender<M>, ReceiverStream<M>) {
    let (requests, outgoing) = mpsc::channel(READ_AHEAD);
    (requests, ReceiverStream::new(outgoing))
}

impl<M, C: Fn(Bytes) -> M, F: Fn(PutFinish) -> M> Upload<M, C, F> {
    /// Sends the file that `source` holds while it waits for `answer`. Tells `taken` how many bytes of the source
    /// were handed over.
    ///
    /// # Errors
    /// Those of every call ([`Client`]).
    pub(super) async fn send<T>(
        self,
        source: &mut (impl AsyncRead + Unpin),
        requests: mpsc::Sender<M>,
        taken: impl FnMut(u64),
        answer: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        tokio::pin!(answer);
        tokio::select! {
            // The answer can come before the source is read: a refusal ends the call, and so does
            // a transfer that was accepted before.
            result = &mut answer => result,
            fed = self.feed(source, requests, taken) => match fed {
                Ok(()) | Err(FeedError::CallEnded) => answer.await,
                Err(FeedError::Failed(error)) => Err(error),
            },
        }
    }

    async fn feed(
        self,
        source: &mut (impl AsyncRead + Unpin),
        requests: mpsc::Sender<M>,
        mut taken: impl FnMut(u64),
    ) -> Result<(), FeedError> {
        let send = async |message| {
            requests
                .send(message)
                .await
                .map_err(|_| FeedError::CallEnded)
        };
        send(self.header).await?;
        let mut hash = Sha256::new();
        let mut read = 0;
        while let Some(mut chunk) = read_chunk(source).await.map_err(FeedError::Failed)? {
            hash.update(&chunk);
            let known = self.skip.saturating_sub(read).min(chunk.len() as u64);
            read += chunk.len() as u64;
            let rest = chunk.split_off(usize::try_from(known).unwrap_or(usize::MAX));
            if !rest.is_empty() {
                send((self.chunk)(rest)).await?;
            }
            taken(read);
        }
        let sha256 = Bytes::copy_from_slice(&hash.finalize());
        send((self.finish)(PutFinish { sha256 })).await
    }
}

/// Why a source is read no further.
enum FeedError {
    /// The call has ended: its answer tells why.
    CallEnded,
    /// The source failed.
    Failed(Error),
}

/// What the source has now, as a chunk; `None` at its end. A source that trickles is passed on as
/// it comes: a wait for a full chunk would look to the daemon like a source that stands still.
async fn read_chunk(source: &mut (impl AsyncRead + Unpin)) -> Result<Option<Bytes>, Error> {
    let mut chunk = BytesMut::with_capacity(CHUNK);
    let read = source
        .take(CHUNK as u64)
        .read_buf(&mut chunk)
        .await
        .map_err(Error::Read)?;
    Ok((read > 0).then(|| chunk.freeze()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_chunk_is_what_the_source_has_and_never_too_large() {
        let content = vec![7; CHUNK + 5];
        let mut source = content.as_slice();
        let mut lengths = Vec::new();
        while let Some(chunk) = read_chunk(&mut source).await.unwrap() {
            lengths.push(chunk.len());
        }
        assert_eq!(lengths, [CHUNK, 5]);
    }
}
