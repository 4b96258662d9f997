//! What became of many files, and how it is told.

use std::collections::BTreeSet;
use std::io::{self, Write as _};

use indicatif::HumanBytes;
use serde_json::{Value, json};

use crate::args::Args;
use crate::deed::Deed;
use crate::failure::Failure;
use crate::meter::Meter;
use crate::output::{Plain, print};
use crate::plain::{json_text, shown};

/// The files of one command.
pub(crate) struct Batch<'a> {
    args: &'a Args,
    deed: Deed,
    pub(crate) meter: Meter,
    moved: usize,
    bytes: u64,
    skipped: usize,
    failed: usize,
    /// Exit codes of those that failed.
    numbers: BTreeSet<u8>,
    /// The output that could not be written.
    broken: Option<Failure>,
}

impl<'a> Batch<'a> {
    /// Nothing has happened yet.
    pub(crate) fn new(args: &'a Args) -> Self {
        Self {
            args,
            deed: Deed {
                name: None,
                ..Deed::of(args)
            },
            meter: Meter::of(args, None),
            moved: 0,
            bytes: 0,
            skipped: 0,
            failed: 0,
            numbers: BTreeSet::new(),
            broken: None,
        }
    }

    /// A file has arrived.
    pub(crate) fn done(&mut self, path: &str, bytes: u64, value: impl FnOnce() -> Value) {
        self.moved += 1;
        self.bytes += bytes;
        self.tell(&format!("{}: {bytes} bytes", Plain(path)), value);
    }

    /// A file was left alone because it is there already.
    pub(crate) fn skip(&mut self, path: &str) {
        self.skipped += 1;
        self.tell(
            &format!("{}: is there already", Plain(path)),
            || json!({ "path": path, "skipped": true }),
        );
    }

    /// Something that `--dry-run` was asked about.
    pub(crate) fn would(&mut self, word: &'static str, path: &str) {
        let (json, text) = (self.args.json, format!("{}: {word}\n", Plain(path)));
        if self.broken.is_none() {
            self.broken = print(json, text, || json!({ word: path })).err();
        }
    }

    /// Something was done that is no file: `made`, `deleted`.
    pub(crate) fn note(&mut self, word: &'static str, path: &str) {
        self.tell(
            &format!("{}: {word}", Plain(path)),
            || json!({ word: path }),
        );
    }

    /// A name that is not moved, which the person should know.
    pub(crate) fn leave_out(&mut self, path: &str, why: &str) {
        if self.args.json {
            self.tell("", || json!({ "path": path, "left_out": why }));
        } else if !self.args.quiet {
            let text = format!("cellftp: {} is {why}, and was left out", Plain(path));
            self.complain(&text);
        }
    }

    /// A file failed. The others go on.
    pub(crate) fn fail(&mut self, failure: &Failure) {
        self.failed += 1;
        self.numbers.insert(failure.number());
        let (deed, json) = (&self.deed, self.args.json);
        self.meter.aside(|| failure.print(json, deed));
    }

    /// A file failed. The others go on, unless they would fail for the same reason: that is an error.
    pub(crate) fn fail_alone(&mut self, failure: Failure) -> Result<(), Failure> {
        if failure.ends_all() {
            return Err(failure);
        }
        self.fail(&failure);
        Ok(())
    }

    /// Files that cannot be moved because of what failed before.
    pub(crate) fn lose(&mut self, files: usize, why: &str) {
        if files > 0 {
            self.failed += files;
            self.complain(&format!(
                "cellftp: {files} files were not moved: {}",
                Plain(why)
            ));
        }
    }

    /// Files that failed.
    pub(crate) const fn failures(&self) -> usize {
        self.failed
    }

    /// Why the output cannot be written, if it cannot.
    pub(crate) fn check(&mut self) -> Result<(), Failure> {
        self.broken.take().map_or(Ok(()), Err)
    }

    /// Tells the sum. An error where files failed.
    pub(crate) fn end(mut self, word: &str) -> Result<(), Failure> {
        self.meter.end();
        self.check()?;
        let (moved, skipped, failed) = (self.moved, self.skipped, self.failed);
        let count = |files: usize| format!("{files} file{}", if files == 1 { "" } else { "s" });
        let mut text = format!("{} {word}, {}", count(moved), HumanBytes(self.bytes));
        if skipped > 0 {
            text += &format!("; {} there already", count(skipped));
        }
        text += "\n";
        if !self.args.quiet || self.args.json {
            print(self.args.json, text, || {
                json!({ "summary": {
                    "files": moved, "bytes": self.bytes, "skipped": skipped, "failed": failed,
                }})
            })?;
        }
        let mut numbers = self.numbers.into_iter();
        match (numbers.next(), numbers.next()) {
            (None, _) if failed == 0 => Ok(()),
            (number, other) => Err(Failure::Some {
                failed,
                all: moved + skipped + failed,
                number: number.filter(|_| other.is_none()).unwrap_or(1),
            }),
        }
    }

    fn tell(&mut self, text: &str, value: impl FnOnce() -> Value) {
        if self.broken.is_some() || (!self.args.json && !self.args.verbose) {
            return;
        }
        let json = self.args.json;
        let told = self.meter.aside(|| print(json, format!("{text}\n"), value));
        self.broken = told.err();
    }

    fn complain(&self, text: &str) {
        let text = if self.args.json {
            json_text(&json!({ "note": text }))
        } else {
            shown(text)
        };
        // Nobody reads it where standard error is closed.
        self.meter.aside(|| {
            let _ = writeln!(io::stderr().lock(), "{text}");
        });
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[test]
    fn files_that_were_lost_are_no_success() {
        let args = Args::try_parse_from(["cellftp", "-q", "status"]).unwrap();
        Batch::new(&args).end("sent").unwrap();
        let mut batch = Batch::new(&args);
        batch.lose(2, "their directory is not there");
        let ended = batch.end("sent").unwrap_err();
        assert_eq!(ended.number(), 1, "{ended}");
        let mut batch = Batch::new(&args);
        batch.fail(&Failure::Absent("/a: no such directory".into()));
        batch.lose(2, "their directory is not there");
        assert_eq!(batch.end("sent").unwrap_err().number(), 3);
    }
}
