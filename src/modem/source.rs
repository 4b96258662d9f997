//! Where the content of an upload comes from.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::sync::mpsc;

use simcom_talk::dialogue::operation::Piece;

/// The content of an upload, asked for by position: a transfer that broke goes on at what the
/// server has, which may be before what it asked for last.
pub trait Source: Send {
    /// Waits for the piece that begins at this byte. Dropping the future loses nothing: the same
    /// byte can be asked for again.
    fn piece(&mut self, offset: u64) -> BoxFuture<'_, Supply>;
}

/// What a source answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Supply {
    /// The piece, or the end.
    Piece(Piece),
    /// The other side is gone, and the content is not whole.
    Gone,
    /// That byte is not held any more.
    Forgotten,
}

/// A source whose content is all at hand.
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

/// A source that can be read once, from the beginning. Closed without [`Piece::End`], it is gone.
#[derive(Debug)]
pub struct Once {
    pieces: mpsc::Receiver<Piece>,
    position: u64,
}

impl Once {
    /// Reads a channel.
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
