//! What only several lines of a listing tell together: which blanks before names are padding,
//! and in which order dates have their numbers.
//!
//! A line is held back until no later one can change what it means. Nearly all listings have
//! none that is held back; at most 512 are.

use std::collections::VecDeque;
use std::time::SystemTime;

use bytes::Bytes;

use super::line::{Blanks, Reading, Space};
use super::stamp::Orders;
use super::{Entry, Facts, Kind};

/// The lines of one listing in their order.
#[derive(Debug)]
pub(super) struct Whole {
    now: Option<SystemTime>,
    held: VecDeque<(Bytes, Option<Reading>)>,
    /// How many bytes the lines held back have.
    bytes: usize,
    padding: Padding,
    orders: Orders,
    /// No line is held back any more.
    is_decided: bool,
}

/// What the blanks before names have in common.
#[derive(Debug, Clone, Copy)]
struct Padding {
    lines: usize,
    /// The fewest before any name.
    least: usize,
    /// The first column in which a name begins.
    column: usize,
}

/// Lines held back: far more than a listing needs to show how it is made.
pub(super) const LINES: usize = 512;
/// Their bytes: as many lines of usual length.
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
            is_decided: false,
        }
    }

    /// Takes the next line, and gives the entries that are certain.
    pub(super) fn push(&mut self, raw: Bytes, reading: Option<Reading>, out: &mut Vec<Entry>) {
        if let Some(reading) = &reading {
            self.orders = self.orders.and(reading.stamp.orders());
            if let Space::Blanks(blanks) = reading.space {
                self.padding.see(blanks);
            }
        }
        self.bytes += raw.len();
        self.held.push_back((raw, reading));
        if self.held.len() > LINES || self.bytes > BYTES {
            self.is_decided = true;
        }
        while self
            .held
            .front()
            .is_some_and(|(_, reading)| self.is_certain(reading.as_ref()))
        {
            self.release(out);
        }
    }

    /// There are no more lines.
    pub(super) fn finish(&mut self, out: &mut Vec<Entry>) {
        self.is_decided = true;
        while !self.held.is_empty() {
            self.release(out);
        }
    }

    fn is_certain(&self, reading: Option<&Reading>) -> bool {
        let Some(reading) = reading else { return true };
        let name = match reading.space {
            Space::Exact => true,
            Space::Blanks(blanks) => self.padding.is_certain(blanks),
        };
        self.is_decided || (name && reading.stamp.is_settled(self.orders))
    }

    fn release(&mut self, out: &mut Vec<Entry>) {
        let Some((raw, reading)) = self.held.pop_front() else {
            return;
        };
        self.bytes -= raw.len();
        let facts = reading.map(|reading| self.facts(reading));
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
        self.least = self.least.min(blanks.count);
        self.column = self.column.min(blanks.column);
    }

    /// How many of the blanks are the beginning of the name: those that other lines do not have
    /// as well, and that move the name out of a column in which all begin.
    fn of_name(&self, blanks: Blanks) -> usize {
        if self.lines < 2 {
            return blanks.alone;
        }
        let least = self.least.max(blanks.least);
        let moved = blanks.column.saturating_sub(self.column);
        blanks.count.saturating_sub(least).min(moved)
    }

    /// Whether no later line can make it more, and there is one at all.
    fn is_certain(&self, blanks: Blanks) -> bool {
        let most = blanks.count.saturating_sub(blanks.least);
        most == 0 || (self.lines > 1 && self.of_name(blanks) == most)
    }
}
