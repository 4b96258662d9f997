//! The ends of what went into a spool, which a resumed download compares.

use simcom_talk::dialogue::operation::BegunDownload;

/// The first and the last bytes, and the number of bytes.
#[derive(Debug, Default)]
pub(super) struct Ends {
    got: u64,
    size: Option<u64>,
    first: Vec<u8>,
    last: Vec<u8>,
}

impl Ends {
    /// Records the size that the server told.
    pub(super) const fn sized(&mut self, size: u64) {
        self.size = Some(size);
    }

    /// Records the next bytes.
    pub(super) fn add(&mut self, chunk: &[u8]) {
        let most = usize::try_from(BegunDownload::ENDS).unwrap_or(usize::MAX);
        self.got += chunk.len() as u64;
        let room = most.saturating_sub(self.first.len()).min(chunk.len());
        self.first
            .extend_from_slice(chunk.get(..room).unwrap_or_default());
        // What is longer than the end alone is the end.
        let chunk = chunk
            .get(chunk.len().saturating_sub(most)..)
            .unwrap_or_default();
        let over = (self.last.len() + chunk.len()).saturating_sub(most);
        self.last.drain(..over);
        self.last.extend_from_slice(chunk);
    }

    /// A download that resumes behind these bytes; `None` where there are none.
    pub(super) fn begun(&self) -> Option<BegunDownload> {
        let begun = || BegunDownload::of(self.got, self.size, &self.first, &self.last);
        (self.got > 0).then(begun)
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
            let mut ends = Ends::default();
            assert_eq!(ends.begun(), None);
            ends.sized(90_000);
            for chunk in content.chunks(part) {
                ends.add(chunk);
            }
            let (first, last) = (&content[..most], &content[content.len() - most..]);
            let want = BegunDownload::of(20_000, Some(90_000), first, last);
            assert_eq!(ends.begun(), Some(want), "{part}");
        }
    }

    /// A Get whose login was refused after fewer than 512 bytes took the file for another one.
    #[test]
    fn few_bytes_are_compared_once() {
        let content: Vec<u8> = (0..500_u32).flat_map(u32::to_be_bytes).collect();
        for got in [1, 511, 512, 513, 1023, 1024, 1025] {
            let mut ends = Ends::default();
            ends.add(&content[..got]);
            let begun = ends.begun().unwrap();
            assert_eq!(begun.got, got as u64);
            assert_eq!(
                begun.tail(),
                &content[got.saturating_sub(512)..got],
                "{got}"
            );
        }
    }
}
