//! The progress bar: on standard error, and only for people.

use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressStyle};

const KNOWN: &str = "{msg:12} {bar:32} {bytes}/{total_bytes} {binary_bytes_per_sec} {eta}";
const UNKNOWN: &str = "{msg:12} {spinner} {bytes} {binary_bytes_per_sec} {elapsed}";

/// A bar for a transfer of `size` bytes. Hidden where standard error is no terminal, and where the output is
/// for programs.
pub(crate) fn bar(json: bool, size: Option<u64>) -> ProgressBar {
    if json || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template(UNKNOWN) {
        bar.set_style(style);
    }
    if let Some(size) = size {
        resize(&bar, size);
    }
    bar
}

/// Sets the size once it is known.
pub(crate) fn resize(bar: &ProgressBar, size: u64) {
    bar.set_length(size);
    if let Ok(style) = ProgressStyle::with_template(KNOWN) {
        bar.set_style(style);
    }
}
