//! The progress of a command on standard error: a bar in a terminal, lines in a pipe with `-v`, and nothing with
//! `-q`, with `--json`, and in a pipe.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use parking_lot::Mutex;

use crate::args::Args;
use cellftp::client::{OperationProgress, Stage};

/// How often a line is written to a pipe.
const LINE: Duration = Duration::from_secs(10);

/// Columns of a terminal from which on a bar has room beside all its numbers.
const WIDE: u16 = 60;

/// What is said before the daemon has told anything.
const WAITING: &str = "waiting";

/// The progress of a command. Clones show the same.
#[derive(Clone)]
pub(crate) struct Meter(Arc<Mutex<State>>);

struct State {
    form: Form,
    /// What happens now, in a word or two.
    word: String,
    /// Whether it waits for the link.
    waits: bool,
    /// Files that are over, and all of them; unless there is one.
    files: Option<(usize, usize)>,
    /// Files of the call under way that have been moved.
    begun: usize,
    /// Bytes of files that are over, those of the one under way, and all of them.
    before: u64,
    now: u64,
    all: Option<u64>,
    /// What the bar was drawn for.
    style: Option<(bool, bool)>,
}

enum Form {
    Bar(ProgressBar),
    Lines(Instant),
    Nothing,
}

impl Meter {
    /// For `size` bytes, where that is known.
    pub(crate) fn of(args: &Args, size: Option<u64>) -> Self {
        let form = if args.json || args.quiet {
            Form::Nothing
        } else if io::stderr().is_terminal() {
            Form::Bar(ProgressBar::new_spinner().with_message(WAITING))
        } else if args.verbose {
            Form::Lines(now())
        } else {
            Form::Nothing
        };
        Self(Arc::new(Mutex::new(State {
            form,
            word: WAITING.into(),
            waits: true,
            files: None,
            begun: 0,
            before: 0,
            now: 0,
            all: size,
            style: None,
        })))
    }

    /// The job has so many files and bytes.
    pub(crate) fn expect(&self, files: usize, bytes: u64) {
        let mut state = self.0.lock();
        (state.files, state.all) = (Some((0, files)), Some(bytes));
        state.draw();
    }

    /// The size has become known.
    pub(crate) fn size(&self, bytes: u64) {
        let mut state = self.0.lock();
        state.all = Some(bytes);
        state.draw();
    }

    /// The job is at this byte of the file under way.
    pub(crate) fn at(&self, word: &str, bytes: u64) {
        let mut state = self.0.lock();
        if state.word != word {
            state.word = word.into();
        }
        if std::mem::take(&mut state.waits)
            && let Form::Bar(bar) = &state.form
        {
            // The time in the queue is no part of the rate.
            bar.reset_elapsed();
            bar.reset_eta();
        }
        state.now = bytes;
        state.draw();
    }

    /// A file of so many bytes is over.
    pub(crate) fn over(&self, bytes: u64) {
        self.over_many(1, bytes);
    }

    /// A call of so many files and bytes is over.
    pub(crate) fn over_many(&self, files: usize, bytes: u64) {
        let mut state = self.0.lock();
        (state.before, state.now) = (state.before + bytes, 0);
        state.begun = 0;
        if let Some((over, _)) = &mut state.files {
            *over += files;
        }
        state.draw();
    }

    /// A call of many files has come so far: files, and bytes of all of them.
    pub(crate) fn many(&self, files: usize, report: &OperationProgress) {
        self.0.lock().begun = files;
        self.told("sending", report);
    }

    /// What the daemon reports. `word` is what is done with the bytes.
    pub(crate) fn told(&self, word: &str, report: &OperationProgress) {
        let moved = u64::try_from(report.moved_bytes).unwrap_or_default();
        match report.stage() {
            Stage::Queued => self.queued(report),
            Stage::Verifying => self.at("verifying", moved),
            Stage::Preparing | Stage::Transferring | Stage::Unspecified => self.at(word, moved),
        }
    }

    /// The place in the queue. Bytes stay as they are: another file may have the link.
    pub(crate) fn queued(&self, report: &OperationProgress) {
        let mut state = self.0.lock();
        state.waits = true;
        state.word = match report.queue_position {
            0 => "next in line".into(),
            ahead => format!("{ahead} first"),
        };
        state.draw();
    }

    /// Writes something else to the terminal, without the bar in between.
    pub(crate) fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        let bar = match &self.0.lock().form {
            Form::Bar(bar) => Some(bar.clone()),
            Form::Lines(_) | Form::Nothing => None,
        };
        match bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Nothing more is shown.
    pub(crate) fn end(&self) {
        if let Form::Bar(bar) = &self.0.lock().form {
            bar.finish_and_clear();
        }
    }
}

impl State {
    fn draw(&mut self) {
        let line = self.line();
        let (bytes, all) = (self.before + self.now, self.all);
        match &mut self.form {
            Form::Nothing => {}
            Form::Lines(last) if last.elapsed() < LINE => {}
            Form::Lines(last) => {
                *last = now();
                // Nobody reads it where standard error is closed.
                let _ = writeln!(io::stderr().lock(), "cellftp: {line}");
            }
            Form::Bar(bar) => {
                let style = (columns() >= WIDE, all.is_some());
                if self.style != Some(style) {
                    self.style = Some(style);
                    if let Ok(style) = ProgressStyle::with_template(template(style)) {
                        bar.set_style(style);
                    }
                }
                let files = self
                    .files
                    .map(|(over, all)| format!("{}/{all} ", over + self.begun));
                bar.set_message(format!("{}{}", files.unwrap_or_default(), self.word));
                if let Some(all) = all {
                    bar.set_length(all);
                }
                bar.set_position(all.map_or(bytes, |all| bytes.min(all)));
                bar.tick();
            }
        }
    }

    /// All of it on one line.
    fn line(&self) -> String {
        let bytes = HumanBytes(self.before + self.now);
        let files = self
            .files
            .map(|(over, all)| format!("{} of {all} files, ", over + self.begun));
        let all = self.all.map(|all| format!(" of {}", HumanBytes(all)));
        format!(
            "{}, {}{bytes}{}",
            self.word,
            files.unwrap_or_default(),
            all.unwrap_or_default()
        )
    }
}

/// The form of a bar: whether there is room, and whether the size is known.
const fn template((wide, known): (bool, bool)) -> &'static str {
    match (wide, known) {
        (true, true) => "{msg:16} {wide_bar} {bytes}/{total_bytes} {binary_bytes_per_sec} {eta}",
        (true, false) => "{msg:16} {spinner} {bytes} {binary_bytes_per_sec} {elapsed}",
        (false, true) => "{msg} {wide_bar} {percent:>3}% {eta}",
        (false, false) => "{msg} {spinner} {bytes} {elapsed}",
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "only a person reads when a line is written; nothing is decided by it"
)]
fn now() -> Instant {
    Instant::now()
}

/// Columns of the terminal now: it may have been made wider or narrower.
fn columns() -> u16 {
    match rustix::termios::tcgetwinsize(io::stderr()) {
        Ok(size) if size.ws_col > 0 => size.ws_col,
        Ok(_) | Err(_) => 80,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_whole_job() {
        let mut state = State {
            form: Form::Nothing,
            word: "sending".into(),
            waits: false,
            files: Some((10, 500)),
            begun: 2,
            before: 1024,
            now: 1024,
            all: Some(4096),
            style: None,
        };
        assert_eq!(
            state.line(),
            "sending, 12 of 500 files, 2.00 KiB of 4.00 KiB"
        );
        (state.files, state.all) = (None, None);
        assert_eq!(state.line(), "sending, 2.00 KiB");
    }

    #[test]
    fn every_template_can_be_read() {
        for style in [(true, true), (true, false), (false, true), (false, false)] {
            ProgressStyle::with_template(template(style)).unwrap();
        }
    }
}
