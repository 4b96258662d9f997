//! What the size on the server proves about an upload of unknown outcome.

use serde::{Deserialize, Serialize};

use simcom_talk::dialogue::operation::{self, BegunUpload, Trail};

/// What the server had under the name of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ServerFile {
    /// No file.
    Absent,
    /// A file of this many bytes.
    Size(u64),
    /// The server does not tell.
    Unknown,
}

/// What to do with a begun upload of unknown outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settled {
    /// Nothing more: the server has the whole file.
    There,
    /// Send it.
    Send,
}

impl ServerFile {
    /// Whether an upload of `size` bytes has arrived: the server had `self` when the upload began,
    /// and has `now`. A size that was there before proves nothing.
    pub(crate) fn settle(self, now: Self, size: u64) -> Settled {
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

    /// How far an upload has come: the server had `self` when it began, and has `now`; `None` if
    /// that is what was there before. The content must still be compared. An empty file where there
    /// was none is what STOR creates before its first byte.
    pub(crate) fn begun(self, now: Self) -> Option<BegunUpload> {
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

    /// The same in the dialogue's terms.
    pub(crate) const fn told(self) -> operation::Before {
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
    use ServerFile::{Absent, Size, Unknown};

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
