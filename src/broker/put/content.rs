//! Where the bytes of a Put come from.

use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use super::Fault;
use crate::broker::disk::{self, Disk, DiskFile};
use crate::broker::error::Cause;
use crate::broker::spool::{MAX_CHUNK, PIECE, Reader};
use crate::broker::tally::Tally;
use crate::modem::source::{Source, Supply};
use simcom_talk::dialogue::operation::Piece;

/// The bytes of a Put.
#[derive(Debug)]
pub(super) enum Content {
    /// A caller brings them while they are sent.
    Brought {
        reader: Reader,
        /// Told when the caller has brought all.
        whole: oneshot::Receiver<Tally>,
    },
    /// They are on the disk before the first is sent.
    OnDisk(OnDisk),
}

/// A file that nobody changes.
#[derive(Debug, Clone)]
pub(in crate::broker) struct OnDisk {
    pub(in crate::broker) disk: Arc<dyn Disk>,
    pub(in crate::broker) file: Arc<dyn DiskFile>,
    pub(in crate::broker) size: u64,
    pub(in crate::broker) sha256: [u8; 32],
}

impl Content {
    /// Waits until so many bytes can be sent, or all that there are or that there is room for, and
    /// answers `true`; `false` where nothing more came for `stall`.
    pub(super) async fn ready(&self, bytes: u64, stall: Duration) -> bool {
        match self {
            Self::Brought { reader, .. } => reader.ready(bytes, stall).await,
            Self::OnDisk(_) => true,
        }
    }

    /// How many bytes there are, once that is known.
    pub(super) fn size(&self) -> Option<u64> {
        match self {
            Self::Brought { reader, .. } => reader.size(),
            Self::OnDisk(file) => Some(file.size),
        }
    }

    /// How many bytes there are and their SHA-256, once the last was sent.
    pub(super) fn whole(&mut self) -> Option<(u64, [u8; 32])> {
        match self {
            // Sent before the end of the bytes, without which there is no success.
            Self::Brought { whole, .. } => {
                let tally = whole.try_recv().ok()?;
                Some((tally.size, tally.sha256()))
            }
            Self::OnDisk(file) => Some((file.size, file.sha256)),
        }
    }

    /// The bytes as a job asks for them.
    pub(super) fn source(&self, fault: &Fault) -> Box<dyn Source> {
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

    /// Whether the first byte can be had again, now and until the upload has got further.
    pub(super) fn pin(&self) -> bool {
        match self {
            Self::Brought { reader, .. } => reader.pin(),
            Self::OnDisk(_) => true,
        }
    }

    /// Waits until all was sent although more is to come.
    pub(super) async fn drained(&self) {
        match self {
            Self::Brought { reader, .. } => reader.drained().await,
            Self::OnDisk(_) => pending().await,
        }
    }

    /// Whether `least` bytes come, or the last, within `span`.
    pub(super) async fn comes(&self, span: Duration, least: u64) -> bool {
        match self {
            Self::Brought { reader, .. } => reader.comes(span, least).await,
            Self::OnDisk(_) => true,
        }
    }

    /// Waits until so many bytes can be sent, or all there are.
    pub(super) async fn enough(&self, bytes: u64) {
        if let Self::Brought { reader, .. } = self {
            reader.enough(bytes).await;
        }
    }

    /// Nothing is asked for again.
    pub(super) fn forget(&self) {
        if let Self::Brought { reader, .. } = self {
            reader.forget();
        }
    }
}

impl OnDisk {
    /// The bytes as a job asks for them that writes none.
    pub(in crate::broker) fn source(&self) -> Box<dyn Source> {
        Content::OnDisk(self.clone()).source(&Fault::default())
    }

    /// All from a byte on, at most [`MAX_CHUNK`]. A file that is shorter than it was is an error.
    pub(in crate::broker) async fn read(&self, from: u64) -> io::Result<Bytes> {
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

/// A file as the content of an upload. It can be asked for any byte at any time.
#[derive(Debug)]
struct FileSource {
    file: OnDisk,
    fault: Fault,
    /// What was read last.
    held: Bytes,
    /// Its first byte.
    from: u64,
}

impl FileSource {
    /// The piece at a byte, as far as it was read.
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
