//! A line of a listing in a known form.

use super::entry::{Facts, Kind};
use super::stamp::{Clock, Stamp};
use super::text::{is_blank, shown};
use crate::ftps::lossless;

/// A line in a known form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reading {
    /// What the line says, without the date. The name has all blanks before it except the first.
    pub(super) facts: Facts,
    pub(super) stamp: Stamp,
    pub(super) space: Space,
}

/// What stands between the other columns and the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Space {
    /// Exactly what the form asks for.
    Exact,
    /// A name without a date. Among lines with dates, such a line was cut off.
    Dateless,
    /// Blanks, which may be padding or belong to the name.
    Blanks(Blanks),
}

/// Blanks before a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Blanks {
    pub(super) count: usize,
    /// This many blanks never belong to the name.
    pub(super) least: usize,
    /// This many blanks belong to the name where no other line decides.
    pub(super) alone: usize,
    /// The column in which the name begins, counted from where columns of fixed width begin.
    pub(super) column: usize,
}

impl Blanks {
    /// How many blanks there are beyond those that never belong to the name.
    pub(super) fn more(self) -> usize {
        self.count.saturating_sub(self.least)
    }

    /// The blanks of `ls -l`: one, and the rest belongs to the name where no other line decides.
    pub(super) fn one_of(count: usize, column: usize) -> Self {
        Self {
            count,
            least: 1,
            alone: count.saturating_sub(1),
            column,
        }
    }

    /// The blanks of forms that put `usual` blanks there.
    pub(super) fn usual(usual: usize, count: usize, column: usize) -> Self {
        Self {
            count,
            least: if count < usual { 1 } else { usual },
            alone: count.saturating_sub(usual),
            column,
        }
    }
}

impl Reading {
    /// A name and nothing else.
    pub(super) fn named(kind: Kind, name: &[u8]) -> Self {
        Self {
            facts: Facts {
                name: lossless::text(name),
                kind,
                size: None,
                modified: None,
                permissions: String::new(),
                link_target: None,
            },
            stamp: Stamp::Absent,
            space: Space::Exact,
        }
    }

    /// Adds a date.
    pub(super) fn at(self, stamp: Stamp) -> Self {
        Self { stamp, ..self }
    }

    /// Adds a size. It counts only for files: the size of a directory or a link means something
    /// else.
    pub(super) fn sized(mut self, size: Option<u64>) -> Self {
        if self.facts.kind == Kind::File {
            self.facts.size = size;
        }
        self
    }

    /// Adds permissions as they are printed.
    pub(super) fn permitted(mut self, permissions: &[u8]) -> Self {
        self.facts.permissions = shown(permissions);
        self
    }

    /// Adds the blanks before the name. The name begins with all of them except the first.
    pub(super) fn after(self, blanks: Blanks) -> Self {
        Self {
            space: Space::Blanks(blanks),
            ..self
        }
    }

    /// Marks a line without the date that other listings of this form have.
    pub(super) fn dateless(self) -> Self {
        Self {
            space: Space::Dateless,
            ..self
        }
    }

    /// Adds the target of a link.
    pub(super) fn leading_to(mut self, target: &[u8]) -> Self {
        self.facts.link_target = (!target.is_empty()).then(|| lossless::text(target));
        self
    }
}

/// How many blanks the text begins with, and the text behind the first.
pub(super) fn split_blanks(input: &[u8]) -> Option<(usize, &[u8])> {
    let count = input.iter().take_while(|byte| is_blank(**byte)).count();
    let (_, tail) = input.split_first()?;
    // No name consists of blanks only.
    (count > 0 && count < input.len()).then_some((count, tail))
}

/// Seconds since 1970.
pub(super) fn epoch(seconds: u64) -> Stamp {
    let moment = i64::try_from(seconds)
        .ok()
        .and_then(|seconds| time::OffsetDateTime::from_unix_timestamp(seconds).ok());
    moment.map_or(Stamp::Absent, |moment| {
        Stamp::At(time::PrimitiveDateTime::new(moment.date(), moment.time()))
    })
}

/// `20131209174623`, as MLST prints it (RFC 3659 section 2.3).
pub(super) fn compact(digits: &[u8]) -> Stamp {
    let number = |range: std::ops::Range<usize>| -> Option<u32> {
        std::str::from_utf8(digits.get(range)?).ok()?.parse().ok()
    };
    let read = || {
        let clock = Clock {
            hour: number(8..10)?,
            minute: number(10..12)?,
            second: number(12..14)?,
        };
        Stamp::at(number(0..4)?, number(4..6)?, number(6..8)?, clock)
    };
    read().unwrap_or(Stamp::Absent)
}
