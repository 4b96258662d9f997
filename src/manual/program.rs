//! The pages of a program: one of its own, and one for each of its commands.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::Roff;

use super::chapter::{Chapter, item};

/// Writes the pages of a program into a directory, in a section of the manual. The program's own page has the
/// variables of its options, and the chapters in place of the text behind its help.
///
/// # Errors
///
/// When a page cannot be written.
pub fn write(
    command: Command,
    section: &str,
    chapters: &[Chapter],
    directory: &Path,
) -> io::Result<()> {
    let mut program = command.disable_help_subcommand(true);
    program.build();
    for command in program.get_subcommands() {
        write_command(command, section, directory)?;
    }
    let variables = variables(&program);
    let man = man(program, section);
    let mut file = File::create(directory.join(man.get_filename()))?;
    man.render_title(&mut file)?;
    man.render_name_section(&mut file)?;
    man.render_synopsis_section(&mut file)?;
    man.render_description_section(&mut file)?;
    man.render_options_section(&mut file)?;
    man.render_subcommands_section(&mut file)?;
    let mut rest = Roff::new();
    let is_same = |chapter: &&Chapter| chapter.heading == ENVIRONMENT;
    rest.control("SH", [ENVIRONMENT]);
    for (name, help) in &variables {
        item(&mut rest, name, help);
    }
    for chapter in chapters.iter().filter(is_same) {
        chapter.add_parts(&mut rest);
    }
    for chapter in chapters.iter().filter(|chapter| !is_same(chapter)) {
        chapter.add(&mut rest);
    }
    rest.to_writer(&mut file)?;
    man.render_version_section(&mut file)?;
    file.flush()
}

/// The chapter of the variables: first those of the options, then those that a chapter of this name has.
const ENVIRONMENT: &str = "ENVIRONMENT";

/// Writes the page of a command, and those of the commands below it.
fn write_command(command: &Command, section: &str, directory: &Path) -> io::Result<()> {
    for below in command.get_subcommands() {
        write_command(below, section, directory)?;
    }
    let man = man(command.clone(), section);
    let mut page = Vec::new();
    man.render(&mut page)?;
    // What stands behind the help of a command has no name in a manual page but this one.
    let page = String::from_utf8_lossy(&page).replace(".SH EXTRA\n", ".SH NOTES\n");
    fs::write(directory.join(man.get_filename()), page)
}

fn man(command: Command, section: &str) -> Man {
    let version = command.get_version().unwrap_or(env!("CARGO_PKG_VERSION"));
    let source = format!("cellftpd {version}");
    Man::new(command)
        .section(section)
        .source(source)
        .manual("cellftpd")
}

/// The variables of the options, each with what its option says.
fn variables(program: &Command) -> Vec<(String, String)> {
    let options = program.get_arguments();
    let named = options.filter_map(|option| {
        let name = option.get_env()?.to_string_lossy().into_owned();
        let help = option.get_help().map(ToString::to_string);
        let long = option.get_long().unwrap_or_default();
        let help = help.unwrap_or_default();
        Some((name, format!("{help}. The option --{long} goes before it.")))
    });
    named.collect()
}
