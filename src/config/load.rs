//! The sources of the configuration, each laid over the one before.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize as _;

use super::error::{Error, MOST, Problem, Severity};
use super::fault::Fault;
use super::file::Pipes;
use super::key::Key;
use super::known::Known;
use super::root::Config;
use super::tree::Node;
use super::{document, env, files, print};

/// A configuration that is usable, and where each value was given.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What the daemon can do without, and a person should know.
    pub warnings: Vec<Problem>,
    given: Node,
}

impl Loaded {
    /// The configuration and the warnings alone. What else was read, with all its passwords, is wiped.
    #[must_use]
    pub fn into_config(self) -> (Config, Vec<Problem>) {
        (self.config, self.warnings)
    }

    /// The configuration as TOML, with every value that is in force, where each was given, and without secrets.
    /// The emulated module is in it only where it is used.
    ///
    /// # Errors
    /// [`toml::ser::Error`] where a value has no form in TOML.
    pub fn to_annotated_toml(&self) -> Result<String, toml::ser::Error> {
        print::annotated(&self.config, &self.given)
    }
}

/// Reads the configuration: the defaults, the file, its drop-ins (`conf.d/*.toml` beside it, in the order of their
/// names) and the environment, each over the one before.
///
/// Without a path, [`DEFAULT_PATH`](super::DEFAULT_PATH) is read where it exists. The environment's variables are
/// `CELLFTPD_SECTION__KEY`, for example `CELLFTPD_LISTEN__TCP`.
///
/// # Errors
/// [`Error::Problems`] with all that is wrong, each with its place.
pub fn load(path: Option<&Path>) -> Result<Loaded, Error> {
    load_files(path, Pipes::Allowed)
}

/// The same once more, while the daemon runs: never waits for who writes to a pipe.
///
/// # Errors
/// As [`load`]; also where a file is a pipe.
pub fn load_again(path: Option<&Path>) -> Result<Loaded, Error> {
    load_files(path, Pipes::Refused)
}

fn load_files(path: Option<&Path>, pipes: Pipes) -> Result<Loaded, Error> {
    let (mut files, mut problems) = (Node::empty(), Vec::new());
    files::lay_over(&mut files, path, pipes, &mut problems);
    resolve(files, std::env::vars_os(), problems)
}

/// Reads the configuration from the text of a file and from variables of the environment.
/// `name` stands for the file in errors.
///
/// # Errors
/// [`Error::Problems`] with all that is wrong.
pub fn parse(
    name: &str,
    text: &str,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Loaded, Error> {
    let mut problems = Vec::new();
    let file = document::read(&Arc::from(name), text.as_bytes(), &mut problems);
    let environment = environment.into_iter();
    let environment = environment.map(|(name, value)| (name.into(), value.into()));
    resolve(file, environment, problems)
}

/// The configuration of the files' values and the environment.
fn resolve(
    mut given: Node,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
    mut problems: Vec<Problem>,
) -> Result<Loaded, Error> {
    // Of a file that cannot be read nobody knows the keys: what is said about them would be wrong.
    if !problems.is_empty() {
        return Err(Error::Problems(problems));
    }
    let known = Known::new();
    env::lay_over(&mut given, environment, &known, &mut problems);
    let mut values = known.defaults();
    values.lay_over(given.clone());
    let config = fit(values, &known, &given, &mut problems);
    problems.sort_by(|one, other| one.place.cmp(&other.place));
    let is_error = |problem: &Problem| problem.severity == Severity::Error;
    match config {
        Some(config) if !problems.iter().any(is_error) => Ok(Loaded {
            config,
            warnings: problems,
            given,
        }),
        _ => Err(Error::Problems(problems)),
    }
}

/// The values as a configuration. A value that does not fit is told, and replaced by its default, so that the
/// others are looked at as well.
fn fit(
    mut values: Node,
    known: &Known,
    given: &Node,
    problems: &mut Vec<Problem>,
) -> Option<Config> {
    let defaults = known.defaults();
    let mut replaced: Vec<Key> = Vec::new();
    let config = loop {
        match Config::deserialize(&values) {
            Ok(config) => break config,
            Err(fault) => {
                let key = fault.key();
                problems.push(told(&fault, &key, known, given));
                let is_replaced = values.reset(&key, Some(&defaults));
                if !is_replaced || problems.len() >= MOST {
                    return None;
                }
                // Whoever misspelt a key did not forget it.
                if let (Some(meant), [section @ .., _]) = (fault.meant(), key.as_slice()) {
                    replaced.push(Key::from(section.to_vec()).join(meant));
                }
                replaced.push(key.into());
            }
        }
    };
    let broken = config.problems().into_iter();
    let broken = broken.filter(|problem| !replaced.iter().any(|key| follows(problem, key)));
    problems.extend(broken.map(|problem| Problem {
        place: given.place_of(problem.key.segments()).cloned(),
        ..problem
    }));
    Some(config)
}

fn told(fault: &Fault, key: &[String], known: &Known, given: &Node) -> Problem {
    let elsewhere = key.last().and_then(|name| known.section_of(name));
    Problem {
        place: given.place_of(key).cloned(),
        ..Problem::new(Key::from(key.to_vec()), fault.rule(elsewhere.as_deref()))
    }
}

/// Whether a rule is broken only because the value of `replaced` is not the one that was meant: a rule that looks
/// at a second key names it, in its own section without the section.
fn follows(problem: &Problem, replaced: &Key) -> bool {
    let [section @ .., name] = replaced.segments() else {
        return false;
    };
    let is_beside = matches!(problem.key.segments(), [own @ .., _] if own == section);
    problem.key.is_in(replaced)
        || problem.rule.contains(&replaced.to_string())
        || is_beside && problem.rule.contains(&format!("`{name}`"))
}
