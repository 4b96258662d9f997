//! The manual pages: those of a program by its command line, and that of the configuration by its schema.

mod chapter;
mod configuration;
mod daemon;
mod program;

use std::fs;
use std::io;
use std::path::Path;

use clap::Command;

pub use chapter::{Chapter, Part};
pub use program::write;

/// The section of the manual that has the daemon (man-pages(7)).
const ADMINISTRATION: &str = "8";

/// Writes the pages of the daemon, and `cellftpd.toml.5`, into a directory.
///
/// # Errors
///
/// When a page cannot be written.
pub fn write_daemon(command: Command, directory: &Path) -> io::Result<()> {
    write(command, ADMINISTRATION, daemon::CHAPTERS, directory)?;
    let page = configuration::page()?.render();
    fs::write(directory.join("cellftpd.toml.5"), page)
}
