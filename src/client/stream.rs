//! Streams of answers that end with one result.

use tonic::Streaming;

use super::error::Error;

/// Reads a stream up to its result, which counts at once: what comes behind it says nothing of the file.
///
/// # Errors
/// What `read` answers, which ends the call; the stream's status; [`Error::Incomplete`] where no result came.
pub(super) async fn first_result<M, R>(
    mut stream: Streaming<M>,
    mut read: impl FnMut(M) -> Result<Option<R>, Error>,
) -> Result<R, Error> {
    while let Some(message) = stream.message().await? {
        if let Some(found) = read(message)? {
            return Ok(found);
        }
    }
    Err(Error::Incomplete)
}

/// Reads a stream to its end. `read` takes each message and answers with the result where the message has it.
/// The result counts once the stream has ended well.
///
/// # Errors
/// What `read` answers, which ends the call; the stream's status; [`Error::Incomplete`] where no result came.
pub(super) async fn result<M, R>(
    mut stream: Streaming<M>,
    mut read: impl FnMut(M) -> Result<Option<R>, Error>,
) -> Result<R, Error> {
    let mut result = None;
    while let Some(message) = stream.message().await? {
        if let Some(found) = read(message)? {
            result = Some(found);
        }
    }
    result.ok_or(Error::Incomplete)
}
