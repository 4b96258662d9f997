//! The files of the configuration: the main one, and the drop-ins beside it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::document;
use super::error::Problem;
use super::file::{self, Pipes};
use super::place::Place;
use super::tree::Node;

/// The file that is read where no path is given.
pub const DEFAULT_PATH: &str = "/etc/cellftpd/cellftpd.toml";

/// The directory of drop-ins, beside the main file.
pub const DROP_INS: &str = "conf.d";

/// The most drop-ins. One for each profile of a large site; more is a directory that is none of ours.
const MOST: usize = 10_000;

/// Lays the files over `tree`: the main one, and then the drop-ins in the order of their names. Without a path,
/// the default one is read where it exists. What is wrong goes to `problems`.
pub(super) fn lay_over(
    tree: &mut Node,
    path: Option<&Path>,
    pipes: Pipes,
    problems: &mut Vec<Problem>,
) {
    let main = path.unwrap_or(Path::new(DEFAULT_PATH));
    match file::read(main, pipes) {
        Ok(bytes) => tree.lay_over(document::read(&name(main), &bytes, problems)),
        Err(error) if error.kind() == io::ErrorKind::NotFound && path.is_none() => {}
        Err(error) => problems.push(unreadable(main, &error)),
    }
    let directory = main.with_file_name(DROP_INS);
    let drop_ins = match drop_ins(&directory) {
        Ok(drop_ins) => drop_ins,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return,
        Err(error) => {
            problems.push(unreadable(&directory, &error));
            return;
        }
    };
    for drop_in in drop_ins {
        match file::read(&drop_in, Pipes::Refused) {
            Ok(bytes) => tree.lay_over(document::read(&name(&drop_in), &bytes, problems)),
            Err(error) => problems.push(unreadable(&drop_in, &error)),
        }
    }
}

/// The files of the directory whose names end in `.toml`, in the order of their names. Hidden ones are not ours:
/// editors keep theirs there.
fn drop_ins(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in directory.read_dir()? {
        let path = entry?.path();
        let hidden = path
            .file_name()
            .is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
        if hidden || path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        found.push(path);
        if found.len() > MOST {
            return Err(io::Error::other(format!("has more than {MOST} files")));
        }
    }
    found.sort();
    Ok(found)
}

fn unreadable(path: &Path, error: &io::Error) -> Problem {
    let rule = match error.kind() {
        io::ErrorKind::Other => error.to_string(),
        _ => format!("cannot be read: {error}"),
    };
    Problem::at(Place::File(name(path)), rule)
}

fn name(path: &Path) -> Arc<str> {
    path.to_string_lossy().into()
}
