//! Why a configuration is not usable: the place, the key, and what is allowed there.

use std::fmt;
use std::time::Duration;

use super::key::{Key, is_invisible};
use super::place::Place;

/// The most problems that are listed. Whoever has more has made one mistake many times.
pub(super) const MOST: usize = 50;

/// The most characters of one problem: a value or a name may be of any length.
const LONGEST: usize = 2000;

/// A configuration that is not usable.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Files, keys or values are wrong.
    #[error("the configuration is not usable:{}", list(.0))]
    Problems(Vec<Problem>),
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where the value was given; `None` where it is a default.
    pub place: Option<Place>,
    /// The key; the root where a whole file is wrong.
    pub key: Key,
    /// What is wrong and what is allowed. Never holds a secret.
    pub rule: String,
    /// Whether the daemon can do its work all the same.
    pub severity: Severity,
}

/// What a problem means for the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The configuration is not usable.
    Error,
    /// It is usable, or is where the service runs.
    Warning,
}

/// What is wrong with a value, and what that means for the daemon.
#[derive(Debug)]
pub(super) struct Rule {
    text: String,
    severity: Severity,
}

impl Rule {
    pub(super) fn warning(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            severity: Severity::Warning,
        }
    }
}

impl From<String> for Rule {
    fn from(text: String) -> Self {
        Self {
            text,
            severity: Severity::Error,
        }
    }
}

impl From<&str> for Rule {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl Problem {
    /// A rule that the value of `key` breaks. [`load`](super::load()) adds where the value was given.
    pub(super) fn new(key: impl Into<Key>, rule: impl Into<Rule>) -> Self {
        let Rule { text, severity } = rule.into();
        Self {
            place: None,
            key: key.into(),
            rule: text,
            severity,
        }
    }

    /// What is wrong at a place, where no key is to blame.
    pub(super) fn at(place: Place, rule: impl Into<Rule>) -> Self {
        Self {
            place: Some(place),
            ..Self::new(Key::default(), rule)
        }
    }

    pub(super) fn into_warning(self) -> Self {
        Self {
            severity: Severity::Warning,
            ..self
        }
    }
}

impl fmt::Display for Problem {
    /// One line: what a terminal would not show as it is, is escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        if self.severity == Severity::Warning {
            text += "warning: ";
        }
        if let Some(place) = &self.place {
            text += &format!("{place}: ");
        }
        if !self.key.is_root() {
            text += &format!("{}: ", self.key);
        }
        text += self.rule.trim_end();
        for c in text.chars().take(LONGEST) {
            if is_invisible(c) {
                write!(f, "{}", c.escape_unicode())?;
            } else {
                write!(f, "{c}")?;
            }
        }
        Ok(())
    }
}

fn list(problems: &[Problem]) -> String {
    let mut text: String = problems
        .iter()
        .take(MOST)
        .map(|problem| format!("\n  {problem}"))
        .collect();
    if problems.len() >= MOST {
        text += &format!("\n  these are the first {MOST}; there may be more");
    }
    text
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
