//! What the size on the server says of an upload whose outcome is not known.

use serde::{Deserialize, Serialize};

use simcom_talk::dialogue::operation::{self, BegunUpload, Trail};

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

    /// How far an upload that was begun when the server had `self` has come, now that it has `now`;
    /// `None` where that is what was there before. What is there is still to be compared. An empty
    /// file where there was none is what a STOR makes before its first byte.
    pub(super) fn begun(self, now: Self) -> Option<BegunUpload> {
        let at = match now {
            Self::Size(at) if self != now => at,
            _ => return None,
        };
        Some(BegunUpload {
            at,
            before: self.told(),
            resumes: 0,
            trail: Trail::default(),
        })
    }

    /// As the module's owner knows it.
    pub(super) const fn told(self) -> operation::Before {
        match self {
            Self::Absent => operation::Before::Nothing,
            Self::Size(size) => operation::Before::Number(size),
            Self::Unknown => operation::Before::Unknown,
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
    fn what_has_the_size_that_was_there_before_is_not_gone_on_with() {
        assert_eq!(Size(3).begun(Size(3)), None);
        assert_eq!(Absent.begun(Absent), None);
        for (before, at) in [(Absent, 0), (Absent, 2), (Size(3), 2), (Unknown, 2)] {
            let begun = before.begun(Size(at)).unwrap();
            assert_eq!((begun.at, begun.before), (at, before.told()));
        }
    }
}
