//! The source of an upload's content.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::sync::mpsc;

use simcom_talk::dialogue::operation::Piece;

/// The content of an upload, read by position: a transfer that broke resumes at the size on the
/// server, which may be before the position that it read last.
pub trait Source: Send {
    /// Waits for the piece that begins at `offset`. Dropping the future loses nothing: the same
    /// byte can be read again.
    fn piece(&mut self, offset: u64) -> BoxFuture<'_, Supply>;
}

/// What a source answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Supply {
    /// The piece, or the end.
    Piece(Piece),
    /// The other side is gone, and the content is incomplete.
    Gone,
    /// The source does not keep that byte any more.
    Forgotten,
}

/// A source that holds all its content.
#[derive(Debug)]
pub struct AtHand(pub Bytes);

impl Source for AtHand {
    fn piece(&mut self, offset: u64) -> BoxFuture<'_, Supply> {
        let rest = usize::try_from(offset).ok().and_then(|at| self.0.get(at..));
        let piece = match rest {
            Some(rest) if !rest.is_empty() => Piece::Data(self.0.slice_ref(rest)),
            _ => Piece::End,
        };
        Box::pin(async { Supply::Piece(piece) })
    }
}

/// A source that can be read once, from the beginning. If it is closed without [`Piece::End`], it
/// is gone.
#[derive(Debug)]
pub struct Once {
    pieces: mpsc::Receiver<Piece>,
    position: u64,
}

impl Once {
    /// A source that reads a channel.
    #[must_use]
    pub const fn new(pieces: mpsc::Receiver<Piece>) -> Self {
        Self {
            pieces,
            position: 0,
        }
    }
}

impl Source for Once {
    fn piece(&mut self, offset: u64) -> BoxFuture<'_, Supply> {
        Box::pin(async move {
            if offset != self.position {
                return Supply::Forgotten;
            }
            let Some(piece) = self.pieces.recv().await else {
                return Supply::Gone;
            };
            if let Piece::Data(bytes) = &piece {
                self.position += bytes.len() as u64;
            }
            Supply::Piece(piece)
        })
    }
}
