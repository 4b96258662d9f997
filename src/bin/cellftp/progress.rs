//! The progress bar: on standard error, and only for people.

use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressStyle};

const KNOWN: &str = "{msg:12} {bar:32} {bytes}/{total_bytes} {binary_bytes_per_sec} {eta}";
const UNKNOWN: &str = "{msg:12} {spinner} {bytes} {binary_bytes_per_sec} {elapsed}";

/// A bar for a transfer of `size` bytes. Hidden where standard error is no terminal and where the
/// output is for programs.
pub(crate) fn bar(json: bool, size: Option<u64>) -> ProgressBar {
    if json || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let (bar, template) = match size {
        Some(size) => (ProgressBar::new(size), KNOWN),
        None => (ProgressBar::new_spinner(), UNKNOWN),
    };
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
