//! What only several lines of a listing tell together: which blanks before names are padding, which
//! order the numbers of dates have, and whether a line that looks like a heading is one.
//!
//! A line is held back until no later line can change what it means. Most listings have none that
//! is held back. At most 512 are.

use std::collections::VecDeque;
use std::time::SystemTime;

use bytes::Bytes;

use super::entry::{Entry, Facts, Kind};
use super::reading::{Blanks, Reading, Space};
use super::stamp::{Orders, Stamp};

/// The lines of one listing in their order.
#[derive(Debug)]
pub(super) struct Whole {
    now: Option<SystemTime>,
    held: VecDeque<(Bytes, Line)>,
    /// How many bytes the held lines have.
    bytes: usize,
    padding: Padding,
    orders: Orders,
    /// There was a line in a known form.
    has_read: bool,
    /// There was a line with a date.
    has_date: bool,
    /// There was a line in no known form, which may be a bare name.
    has_unread: bool,
    /// No line is held back any more, and no later line changes what is known.
    is_decided: bool,
}

/// What one line is.
#[derive(Debug)]
enum Line {
    Read(Reading),
    Unread,
    /// No entry, unless the listing consists of bare names.
    Heading,
}

/// What the blanks before names have in common.
#[derive(Debug, Clone, Copy)]
struct Padding {
    lines: usize,
    /// The fewest blanks before any name, beyond those that never belong to the name.
    least: usize,
    /// The first column in which a name begins.
    column: usize,
}

/// Most lines that are held back: far more than are needed to find out the form of a listing.
pub(super) const LINES: usize = 512;
/// Most bytes of these lines, for as many lines of usual length.
const BYTES: usize = 64 * 1024;

impl Whole {
    pub(super) fn new(now: Option<SystemTime>) -> Self {
        Self {
            now,
            held: VecDeque::new(),
            bytes: 0,
            padding: Padding {
                lines: 0,
                least: usize::MAX,
                column: usize::MAX,
            },
            orders: Orders::ANY,
            has_read: false,
            has_date: false,
            has_unread: false,
            is_decided: false,
        }
    }

    /// Takes the next line. Returns the entries that are certain.
    pub(super) fn push(&mut self, raw: Bytes, reading: Option<Reading>, out: &mut Vec<Entry>) {
        let Some(reading) = reading else {
            self.has_unread = true;
            self.hold(raw, Line::Unread, out);
            return;
        };
        self.has_read = true;
        self.has_date |= reading.stamp != Stamp::Absent;
        // Lines that were returned were read with what was known by then.
        if !self.is_decided {
            self.orders = self.orders.and(reading.stamp.orders());
            if let Space::Blanks(blanks) = reading.space {
                self.padding.see(blanks);
            }
        }
        self.hold(raw, Line::Read(reading), out);
    }

    /// Takes a line that looks like a heading.
    pub(super) fn push_heading(&mut self, raw: Bytes, out: &mut Vec<Entry>) {
        self.hold(raw, Line::Heading, out);
    }

    fn hold(&mut self, raw: Bytes, line: Line, out: &mut Vec<Entry>) {
        self.bytes += raw.len();
        self.held.push_back((raw, line));
        if self.held.len() > LINES || self.bytes > BYTES {
            self.is_decided = true;
        }
        while self
            .held
            .front()
            .is_some_and(|(_, line)| self.is_certain(line))
        {
            self.release(out);
        }
    }

    /// The listing has ended.
    pub(super) fn finish(&mut self, out: &mut Vec<Entry>) {
        self.is_decided = true;
        while !self.held.is_empty() {
            self.release(out);
        }
    }

    fn is_certain(&self, line: &Line) -> bool {
        let reading = match line {
            Line::Read(reading) => reading,
            Line::Unread => return true,
            Line::Heading => return self.has_read || self.is_decided,
        };
        let name = match reading.space {
            Space::Exact => true,
            Space::Dateless => self.has_date,
            Space::Blanks(blanks) => self.padding.is_certain(blanks),
        };
        self.is_decided || (name && reading.stamp.is_settled(self.orders))
    }

    fn release(&mut self, out: &mut Vec<Entry>) {
        let Some((raw, line)) = self.held.pop_front() else {
            return;
        };
        self.bytes -= raw.len();
        let facts = match line {
            Line::Read(reading) if reading.space == Space::Dateless && self.has_date => None,
            Line::Read(reading) => Some(self.facts(reading)),
            Line::Unread => None,
            Line::Heading if self.has_unread && !self.has_read => None,
            Line::Heading => return,
        };
        let is_here = |facts: &Facts| matches!(facts.name.as_str(), "." | "..");
        if !facts.as_ref().is_some_and(is_here) {
            out.push(Entry { facts, raw });
        }
    }

    fn facts(&self, reading: Reading) -> Facts {
        let mut facts = reading.facts;
        if let Space::Blanks(blanks) = reading.space {
            let padding = blanks
                .count
                .saturating_sub(1 + self.padding.of_name(blanks));
            facts.name.drain(..padding.min(facts.name.len()));
        }
        // `ls -F` and `ls -p` mark directories. No name has a slash.
        if facts.kind == Kind::Directory && facts.name.len() > 1 && facts.name.ends_with('/') {
            facts.name.pop();
        }
        facts.modified = reading.stamp.resolve(self.now, self.orders);
        facts
    }
}

impl Padding {
    fn see(&mut self, blanks: Blanks) {
        self.lines += 1;
        self.least = self.least.min(blanks.more());
        self.column = self.column.min(blanks.column);
    }

    /// How many of the blanks belong to the name: those that other lines do not have as well, and
    /// that move the name out of a column in which all names begin.
    fn of_name(&self, blanks: Blanks) -> usize {
        if self.lines < 2 {
            return blanks.alone;
        }
        let moved = blanks.column.saturating_sub(self.column);
        blanks.more().saturating_sub(self.least).min(moved)
    }

    /// Whether no later line can change the number of blanks that belong to the name.
    fn is_certain(&self, blanks: Blanks) -> bool {
        let most = blanks.more();
        most == 0 || (self.lines > 1 && self.of_name(blanks) == most)
    }
}
