//! How a stream of bytes is cut on its way.

/// A way to cut a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Line by line, as the transcript has it.
    Lines,
    /// All that one side says before the other speaks at once.
    Joined,
    /// Byte by byte.
    Bytes,
    /// Line by line, and once after so many bytes in all.
    At(usize),
}

impl Cut {
    /// Every way to cut a stream of so many bytes.
    pub(crate) fn all(len: usize) -> impl Iterator<Item = Self> {
        [Self::Lines, Self::Joined, Self::Bytes]
            .into_iter()
            .chain((1..len).map(Self::At))
    }

    /// How many of the next `rest` bytes go together, after `done` bytes in all.
    pub(crate) fn next(self, done: usize, rest: usize) -> usize {
        match self {
            Self::Lines | Self::Joined => rest,
            Self::Bytes => rest.min(1),
            Self::At(at) if at > done => rest.min(at - done),
            Self::At(_) => rest,
        }
    }

    /// A stream without lines, cut.
    pub(crate) fn parts(self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut parts = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let len = self.next(bytes.len() - rest.len(), rest.len());
            let (part, later) = rest.split_at(len);
            parts.push(part.to_vec());
            rest = later;
        }
        parts
    }
}
