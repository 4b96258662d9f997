//! What the size on the server says of an upload whose outcome is not known.

use serde::{Deserialize, Serialize};

use super::record::Remnant;
use crate::modem::operation::{self, BegunUpload};

/// What the server had under the name of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Before {
    /// Nothing.
    Absent,
    /// A file of so many bytes.
    Size(u64),
    /// It does not tell.
    Unknown,
}

/// What to do with an upload that was begun, when its outcome is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settled {
    /// The server has it whole.
    There,
    /// It is to be sent.
    Send,
}

impl Before {
    /// Whether an upload of `size` bytes that was begun when the server had `self` has arrived,
    /// now that it has `now`. A size that was there before proves nothing.
    pub(super) fn settle(self, now: Self, size: u64) -> Settled {
        let proves = match self {
            Self::Absent => true,
            Self::Size(before) => before != size,
            Self::Unknown => false,
        };
        if proves && now == Self::Size(size) {
            Settled::There
        } else {
            Settled::Send
        }
    }

    /// How far an upload that was begun when the server had `self` has come, now that it has `now`:
    /// nothing where there is nothing to go on with. What is there is still to be compared.
    pub(super) fn begun(self, now: Self) -> Option<BegunUpload> {
        let at = match now {
            Self::Size(at) if at > 0 && self.is_ours(now) => at,
            _ => return None,
        };
        let before = match self {
            Self::Absent => operation::Before::Nothing,
            Self::Size(size) => operation::Before::Number(size),
            Self::Unknown => operation::Before::Unknown,
        };
        Some(BegunUpload {
            at,
            before,
            resumes: 0,
        })
    }

    /// What is left, where nothing of it is to be deleted.
    pub(super) const fn remnant(self, now: Self) -> Remnant {
        match (self, now) {
            (Self::Unknown, Self::Size(_)) | (_, Self::Unknown) => Remnant::Left,
            _ => Remnant::Deleted,
        }
    }

    /// Whether what is there `now` is surely what an upload left that was begun when the server
    /// had `self`.
    pub(super) fn is_ours(self, now: Self) -> bool {
        match (self, now) {
            (_, Self::Absent | Self::Unknown) | (Self::Unknown, _) => false,
            (before, now) => before != now,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Before::{Absent, Size, Unknown};

    #[test]
    fn a_size_proves_something_where_it_was_another_before() {
        let cases = [
            (Absent, Size(7), Settled::There),
            (Absent, Size(6), Settled::Send),
            (Absent, Absent, Settled::Send),
            (Absent, Unknown, Settled::Send),
            (Size(3), Size(7), Settled::There),
            (Size(7), Size(7), Settled::Send),
            (Unknown, Size(7), Settled::Send),
        ];
        for (before, now, want) in cases {
            assert_eq!(before.settle(now, 7), want, "{before:?} {now:?}");
        }
    }

    #[test]
    fn what_may_be_anothers_is_not_ours() {
        assert!(Absent.is_ours(Size(0)));
        assert!(Size(3).is_ours(Size(2)));
        for (before, now) in [
            (Absent, Absent),
            (Absent, Unknown),
            (Size(3), Size(3)),
            (Size(3), Absent),
            (Unknown, Size(2)),
        ] {
            assert!(!before.is_ours(now), "{before:?} {now:?}");
        }
    }
}
