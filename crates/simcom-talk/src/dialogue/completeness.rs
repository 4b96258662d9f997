//! Whether content is complete. This is the one place of the talk that compares how much came with how much there is.
//! Above it, the broker and the transfers compare the number that is judged here with what they handed on.
//!
//! Pushed content, content that is read from the module's cache, and files of the module are all judged here, whatever
//! the module reported: a report proves nothing about the bytes. Two other places look at the bytes before they are
//! counted here. The framer compares the line ends behind each counted block with those behind other blocks
//! ([`Frame::Torn`](crate::at::Frame::Torn)). The exchange holds each block until the line behind it shows that the
//! count was right.

use super::failure::Cause;

/// How content that came compares with the size that its source named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Completeness {
    /// It ends exactly where the source said.
    Whole,
    /// The source named no size, or one that cannot be compared.
    Unknown,
    /// It ends elsewhere. Which bytes are missing or too many is not known: whole blocks out of the middle may be
    /// missing.
    Differs {
        /// Bytes that there should be.
        expected: u64,
        /// Bytes that there are.
        found: u64,
    },
}

impl Completeness {
    /// Judges content that ends after `end` bytes of its file, whose source named `size`. `None` where the source named
    /// none, or where line ends are rewritten on the way.
    pub(crate) fn judge(end: u64, size: Option<u64>) -> Self {
        match size {
            None => Self::Unknown,
            Some(size) if size == end => Self::Whole,
            Some(expected) => Self::Differs {
                expected,
                found: end,
            },
        }
    }

    /// Whether every byte is there, and nothing more.
    pub(crate) fn is_whole(self) -> bool {
        self == Self::Whole
    }

    /// Whether more came than there is.
    pub(crate) fn is_beyond(self) -> bool {
        matches!(self, Self::Differs { expected, found } if found > expected)
    }

    /// Why content that has ended is not what the source named. `None` where nothing speaks against it.
    pub(crate) fn objection(self) -> Option<Cause> {
        match self {
            Self::Whole | Self::Unknown => None,
            Self::Differs { expected, found } => Some(Cause::SizeMismatch { expected, found }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_whole_only_where_the_source_named_its_end() {
        assert!(Completeness::judge(7, Some(7)).is_whole());
        assert_eq!(Completeness::judge(7, Some(7)).objection(), None);
        let unknown = Completeness::judge(7, None);
        assert!(!unknown.is_whole() && !unknown.is_beyond());
        assert_eq!(unknown.objection(), None);
        for (found, beyond) in [(0, false), (6, false), (8, true)] {
            let judged = Completeness::judge(found, Some(7));
            assert_eq!(judged.is_beyond(), beyond);
            let cause = Cause::SizeMismatch { expected: 7, found };
            assert_eq!(judged.objection(), Some(cause));
        }
    }
}
