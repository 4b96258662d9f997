//! The source of a Put's bytes.

use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use super::Fault;
use crate::broker::disk::{self, Disk, DiskFile};
use crate::broker::spool::{MAX_CHUNK, PIECE, Reader};
use crate::broker::terms::{Cause, Tally};
use crate::modem::source::{Source, Supply};
use simcom_talk::dialogue::operation::Piece;

/// The bytes of a Put.
#[derive(Debug)]
pub(crate) enum Content {
    /// A caller sends them during the upload.
    Brought {
        reader: Reader,
        /// Gets the tally when the caller has sent all bytes.
        whole: oneshot::Receiver<Tally>,
    },
    /// They are on the disk before the upload begins.
    OnDisk(OnDisk),
}

/// A file that nobody changes.
#[derive(Debug, Clone)]
pub(crate) struct OnDisk {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) file: Arc<dyn DiskFile>,
    pub(crate) size: u64,
    pub(crate) sha256: [u8; 32],
}

impl Content {
    /// Waits until `bytes` bytes can be sent, or all there are, or all there is room for, and
    /// answers `true`; `false` where no more came for `stall`.
    pub(crate) async fn ready(&self, bytes: u64, stall: Duration) -> bool {
        match self {
            Self::Brought { reader, .. } => reader.ready(bytes, stall).await,
            Self::OnDisk(_) => true,
        }
    }

    /// The number of bytes, once it is known.
    pub(crate) fn size(&self) -> Option<u64> {
        match self {
            Self::Brought { reader, .. } => reader.size(),
            Self::OnDisk(file) => Some(file.size),
        }
    }

    /// The number of bytes and their SHA-256, once the last was sent.
    pub(crate) fn whole(&mut self) -> Option<(u64, [u8; 32])> {
        match self {
            // The caller's side sends this before the end of the bytes, and without that end there
            // is no success.
            Self::Brought { whole, .. } => {
                let tally = whole.try_recv().ok()?;
                Some((tally.size, tally.sha256()))
            }
            Self::OnDisk(file) => Some((file.size, file.sha256)),
        }
    }

    /// The bytes as the source of a job.
    pub(crate) fn source(&self, fault: &Fault) -> Box<dyn Source> {
        match self {
            Self::Brought { reader, .. } => Box::new(reader.source()),
            Self::OnDisk(file) => Box::new(FileSource {
                file: file.clone(),
                fault: fault.clone(),
                held: Bytes::new(),
                from: 0,
            }),
        }
    }

    /// Whether the first byte is still available, and stays so until the upload has gone on.
    pub(crate) fn pin(&self) -> bool {
        match self {
            Self::Brought { reader, .. } => reader.pin(),
            Self::OnDisk(_) => true,
        }
    }

    /// Waits until everything was sent although more will come.
    pub(crate) async fn drained(&self) {
        match self {
            Self::Brought { reader, .. } => reader.drained().await,
            Self::OnDisk(_) => pending().await,
        }
    }

    /// Whether `least` bytes, or the last byte, come within `span`.
    pub(crate) async fn comes(&self, span: Duration, least: u64) -> bool {
        match self {
            Self::Brought { reader, .. } => reader.comes(span, least).await,
            Self::OnDisk(_) => true,
        }
    }

    /// Waits until `bytes` bytes can be sent, or all there are.
    pub(crate) async fn enough(&self, bytes: u64) {
        if let Self::Brought { reader, .. } = self {
            reader.enough(bytes).await;
        }
    }

    /// Says that nobody asks for these bytes again.
    pub(crate) fn forget(&self) {
        if let Self::Brought { reader, .. } = self {
            reader.forget();
        }
    }
}

impl OnDisk {
    /// The bytes as the source of a job that writes none.
    pub(crate) fn source(&self) -> Box<dyn Source> {
        Content::OnDisk(self.clone()).source(&Fault::default())
    }

    /// All bytes from a position on, at most [`MAX_CHUNK`]. It is an error if the file has become
    /// shorter.
    pub(crate) async fn read(&self, from: u64) -> io::Result<Bytes> {
        let rest = usize::try_from(self.size.saturating_sub(from)).unwrap_or(MAX_CHUNK);
        let file = Arc::clone(&self.file);
        let read = move || {
            let mut bytes = vec![0; rest.min(MAX_CHUNK)];
            file.read_exact_at(&mut bytes, from)?;
            Ok(Bytes::from(bytes))
        };
        disk::blocking(&*self.disk, read).await
    }
}

/// A file as the content of an upload. It can supply any byte at any time.
#[derive(Debug)]
struct FileSource {
    file: OnDisk,
    fault: Fault,
    /// The bytes read last.
    held: Bytes,
    /// The position of their first byte.
    from: u64,
}

impl FileSource {
    /// The piece at a position, if it was read.
    fn held(&self, offset: u64) -> Option<Bytes> {
        let at = usize::try_from(offset.checked_sub(self.from)?).ok()?;
        let rest = self.held.get(at..).filter(|rest| !rest.is_empty())?;
        Some(self.held.slice_ref(rest.get(..PIECE).unwrap_or(rest)))
    }
}

impl Source for FileSource {
    fn piece(&mut self, offset: u64) -> BoxFuture<'_, Supply> {
        Box::pin(async move {
            if offset >= self.file.size {
                return Supply::Piece(Piece::End);
            }
            if self.held(offset).is_none() {
                match self.file.read(offset).await {
                    Ok(bytes) => (self.held, self.from) = (bytes, offset),
                    Err(error) => {
                        self.fault.set(Cause::Spool(Arc::new(error)));
                        return Supply::Gone;
                    }
                }
            }
            self.held(offset)
                .map_or(Supply::Gone, |piece| Supply::Piece(Piece::Data(piece)))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[tokio::test]
    async fn a_file_gives_any_byte_again_and_says_when_it_is_shorter_than_it_was() {
        let mut file = tempfile::tempfile().unwrap();
        let content: Vec<u8> = (0..=250).cycle().take(200_000).collect();
        file.write_all(&content).unwrap();
        let on_disk = OnDisk {
            disk: <dyn Disk>::of_system(),
            file: Arc::new(file),
            size: 200_000,
            sha256: [0; 32],
        };
        let fault = Fault::default();
        let mut source = Content::OnDisk(on_disk.clone()).source(&fault);
        for offset in [0, 4096, 100_000, 1, 199_999, 65_535] {
            let Supply::Piece(Piece::Data(piece)) = source.piece(offset).await else {
                panic!("nothing at {offset}");
            };
            let at = usize::try_from(offset).unwrap();
            assert!(piece.len() <= PIECE && content[at..].starts_with(&piece));
        }
        assert_eq!(source.piece(200_000).await, Supply::Piece(Piece::End));
        on_disk.file.set_len(150_000).unwrap();
        assert_eq!(source.piece(160_000).await, Supply::Gone);
    }
}
