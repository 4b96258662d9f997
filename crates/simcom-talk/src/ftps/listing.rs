//! Listings: the server's text, cut into lines and read as far as possible.
//!
//! RFC 959 leaves the text of `LIST` to the server. A line is read where it has one form and one
//! meaning. All other lines are handed on as they are, since a wrong reading is worse than none.

mod date;
mod datelike;
mod dos;
mod entry;
mod eplf;
mod heading;
mod ibm;
mod mlst;
mod month;
mod mvs;
mod rare;
mod reading;
mod size;
mod stamp;
mod text;
mod unix;
mod vms;
mod whole;

#[cfg(test)]
mod cases;
#[cfg(test)]
mod dialects;
#[cfg(test)]
mod tests;

use std::time::SystemTime;

use bytes::{Buf as _, Bytes, BytesMut};

pub use entry::{Entry, Facts, Kind};
use heading::{Heading, heading};
use reading::Reading;
use whole::Whole;

/// Cuts a listing that comes in blocks into entries. The end of a block may split a line.
///
/// Every line gives an entry, except empty lines, `total 12`, headings, the directory itself and
/// its parent. In a listing where no line has a known form, the lines may be bare names, and `total
/// 12` is one of them. Entries come in the order of their lines. Some come later than their line,
/// since other lines decide what it means; [`Lines::finish`] returns the last ones.
#[derive(Debug)]
pub struct Lines {
    rest: BytesMut,
    /// The last line was too long: everything up to its end is dropped.
    skipping: bool,
    /// The first half of a line (OpenVMS).
    half: Option<Bytes>,
    /// What the last heading says about the lines below it.
    below: Heading,
    whole: Whole,
}

/// Longest line kept, in bytes: the longest name of any file system (4096) and the columns
/// before it.
const MAX_LINE: usize = 5 * 1024;

impl Default for Lines {
    fn default() -> Self {
        Self::new()
    }
}

impl Lines {
    /// Begins a listing. Dates without a year are absent, since the time is not known.
    #[must_use]
    pub fn new() -> Self {
        Self::with(None)
    }

    /// Begins a listing. The time gives a year to dates that have none.
    #[must_use]
    pub fn at(now: SystemTime) -> Self {
        Self::with(Some(now))
    }

    fn with(now: Option<SystemTime>) -> Self {
        Self {
            rest: BytesMut::new(),
            skipping: false,
            half: None,
            below: Heading::Plain,
            whole: Whole::new(now),
        }
    }

    /// Takes the next bytes. Returns the entries that are complete and certain.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Entry> {
        let mut entries = Vec::new();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            match part.strip_suffix(b"\n") {
                Some(end) => {
                    self.keep(end);
                    self.take(&mut entries);
                }
                None => self.keep(part),
            }
        }
        entries
    }

    /// The listing is complete: returns all entries that are left.
    pub fn finish(&mut self) -> Vec<Entry> {
        let mut entries = Vec::new();
        self.take(&mut entries);
        if let Some(half) = self.half.take() {
            self.whole.push(half, None, &mut entries);
        }
        self.whole.finish(&mut entries);
        entries
    }

    fn keep(&mut self, part: &[u8]) {
        if self.skipping {
            return;
        }
        let room = MAX_LINE - self.rest.len();
        self.skipping = part.len() > room;
        self.rest
            .extend_from_slice(part.get(..room).unwrap_or(part));
    }

    fn take(&mut self, entries: &mut Vec<Entry>) {
        let mut line = self.rest.split().freeze();
        if std::mem::take(&mut self.skipping) {
            if let Some(half) = self.half.take() {
                self.whole.push(half, None, entries);
            }
            self.whole.push(line, None, entries);
            return;
        }
        while line.last() == Some(&b'\r') {
            line.truncate(line.len() - 1);
        }
        // Some servers end lines with LF CR.
        while line.first() == Some(&b'\r') {
            line.advance(1);
        }
        let Some(half) = self.half.take() else {
            self.read(line, entries);
            return;
        };
        let joined = Bytes::from([&half, b"\n".as_slice(), &line].concat());
        match vms::read(&joined) {
            Some(reading) => self.whole.push(joined, Some(reading), entries),
            None => {
                self.whole.push(half, None, entries);
                self.read(line, entries);
            }
        }
    }

    fn read(&mut self, line: Bytes, entries: &mut Vec<Entry>) {
        // Some servers end lines with CR alone. A name may have a CR, but no line behind it.
        let mut parts = line.split(|byte| *byte == b'\r');
        if parts.clone().count() > 1 {
            let readings: Option<Vec<_>> = parts
                .by_ref()
                .map(|part| {
                    let part = line.slice_ref(part);
                    reading_of(&part).map(|reading| (part, reading))
                })
                .collect();
            if let Some(readings) = readings {
                for (part, reading) in readings {
                    self.whole.push(part, Some(reading), entries);
                }
                return;
            }
        }
        if let Some(reading) = reading_of(&line) {
            self.whole.push(line, Some(reading), entries);
        } else if vms::is_first_half(&line) {
            self.half = Some(line);
        } else if let Some(heading) = heading(&line) {
            match heading {
                Heading::Blank => return,
                Heading::Plain => {}
                Heading::DataSets | Heading::Members => self.below = heading,
            }
            self.whole.push_heading(line, entries);
        } else {
            let reading = match self.below {
                Heading::DataSets => mvs::short_data_set(&line),
                Heading::Members => mvs::bare_member(&line),
                Heading::Blank | Heading::Plain => None,
            };
            self.whole.push(line, reading, entries);
        }
    }
}

/// Reads a line. `None` where it has no known form, or could mean more than one thing.
fn reading_of(line: &Bytes) -> Option<Reading> {
    unix::read(line)
        .or_else(|| dos::read(line))
        .or_else(|| eplf::read(line))
        .or_else(|| mlst::read(line))
        .or_else(|| vms::read(line))
        .or_else(|| mvs::read(line))
        .or_else(|| ibm::read(line))
        .or_else(|| rare::read(line))
}
