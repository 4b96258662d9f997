//! The ends of the delivered bytes, which a resumed download compares.

use std::sync::{Mutex, PoisonError};

use simcom_talk::dialogue::operation::BegunDownload;

/// The first and the last bytes, and the number of bytes.
#[derive(Debug, Default)]
pub(crate) struct Ends(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    got: u64,
    size: Option<u64>,
    first: Vec<u8>,
    last: Vec<u8>,
}

impl Ends {
    /// Records the size that the server told, or delivered bytes.
    pub(crate) fn add(&self, size: Option<u64>, chunk: &[u8]) {
        let most = usize::try_from(BegunDownload::ENDS).unwrap_or(usize::MAX);
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.size = size.or(seen.size);
        seen.got += chunk.len() as u64;
        let room = most.saturating_sub(seen.first.len()).min(chunk.len());
        seen.first
            .extend_from_slice(chunk.get(..room).unwrap_or_default());
        seen.last.extend_from_slice(chunk);
        let over = seen.last.len().saturating_sub(most);
        seen.last.drain(..over);
    }

    /// A download that resumes behind these bytes; `None` where nothing was delivered.
    pub(crate) fn begun(&self) -> Option<BegunDownload> {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = || BegunDownload::of(seen.got, seen.size, &seen.first, &seen.last);
        (seen.got > 0).then(begun)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_and_the_last_bytes_are_kept_however_they_came() {
        let content: Vec<u8> = (0..5000_u32).flat_map(u32::to_be_bytes).collect();
        let most = usize::try_from(BegunDownload::ENDS).unwrap();
        for part in [1, 7, 512, 1480, 20_000] {
            let ends = Ends::default();
            assert_eq!(ends.begun(), None);
            ends.add(Some(90_000), b"");
            for chunk in content.chunks(part) {
                ends.add(None, chunk);
            }
            let (first, last) = (&content[..most], &content[content.len() - most..]);
            let want = BegunDownload::of(20_000, Some(90_000), first, last);
            assert_eq!(ends.begun(), Some(want), "{part}");
        }
    }
}
