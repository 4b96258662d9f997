//! Why a configuration is not usable: the place, the key, and what is allowed there.

use std::path::PathBuf;
use std::time::Duration;
use std::{fmt, io};

/// A configuration that is not usable.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("the configuration file {path} cannot be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Keys or values are wrong.
    #[error("the configuration is not usable:{}", list(.0))]
    Problems(Vec<Problem>),
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file or environment variable that the value came from; empty where it is a default.
    pub source: String,
    /// The key, for example `listen.tcp`; empty where the text is no TOML.
    pub key: String,
    /// What is wrong and what is allowed. Never holds a secret.
    pub rule: String,
}

impl Problem {
    /// A rule that the value of `key` breaks. [`load`](super::load) adds where the value came from.
    pub(super) fn new(key: impl Into<String>, rule: impl Into<String>) -> Self {
        Self {
            source: String::new(),
            key: key.into(),
            rule: rule.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in [&self.source, &self.key] {
            if !part.is_empty() {
                write!(f, "{part}: ")?;
            }
        }
        f.write_str(&self.rule)
    }
}

fn list(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(|problem| format!("\n  {problem}"))
        .collect()
}

/// Adds a problem where a number is 0.
pub(super) fn at_least_one(problems: &mut Vec<Problem>, key: &str, value: usize) {
    if value == 0 {
        problems.push(Problem::new(key, "is 0, at least 1 is needed"));
    }
}

/// Adds a problem where a span of time is 0.
pub(super) fn positive(problems: &mut Vec<Problem>, key: &str, value: Duration) {
    if value.is_zero() {
        problems.push(Problem::new(key, "is 0, a time such as `30s` is needed"));
    }
}

/// Adds a problem where the value of a key is larger than that of another key, which bounds it.
pub(super) fn at_most<T: PartialOrd + fmt::Display>(
    problems: &mut Vec<Problem>,
    (key, value): (&str, T),
    (bound, limit): (&str, T),
) {
    if value > limit {
        problems.push(Problem::new(
            key,
            format!("is {value}, more than {bound}, which is {limit}"),
        ));
    }
}
