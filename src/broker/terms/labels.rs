//! The labels that callers give their work, for people and programs.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Labels of an operation or a transfer: at most [`Labels::MAX`]. A key has 1 to
/// [`Labels::LONGEST`] of `a-z 0-9 _ -`; a value has at most as many bytes and no control
/// characters. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Labels(Arc<BTreeMap<String, String>>);

/// Why labels are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// There are too many.
    #[error("has {0} labels, at most {max} are allowed", max = Labels::MAX)]
    TooMany(usize),
    /// A key breaks the rule.
    #[error("has the key {0:?}; a key is 1 to {max} of a-z 0-9 _ -", max = Labels::LONGEST)]
    Key(String),
    /// The value of this key breaks the rule.
    #[error(
        "has a value of {0:?} that is longer than {max} bytes or holds a control character",
        max = Labels::LONGEST
    )]
    Value(String),
}

impl Labels {
    /// Most labels: a line of the log and a table on a screen still show so many.
    pub const MAX: usize = 16;

    /// Longest key and longest value, in bytes: as a label of DNS (RFC 1035 section 2.3.4), a bound
    /// that other systems share.
    pub const LONGEST: usize = 63;

    /// Takes labels.
    ///
    /// # Errors
    /// The first rule that is broken: [`LabelError::TooMany`], [`LabelError::Key`] or
    /// [`LabelError::Value`].
    pub fn new(labels: impl IntoIterator<Item = (String, String)>) -> Result<Self, LabelError> {
        let labels: BTreeMap<_, _> = labels.into_iter().collect();
        if labels.is_empty() {
            return Ok(Self::default());
        }
        if labels.len() > Self::MAX {
            return Err(LabelError::TooMany(labels.len()));
        }
        for (key, value) in &labels {
            let good = |byte: u8| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte)
            };
            if !(1..=Self::LONGEST).contains(&key.len()) || !key.bytes().all(good) {
                return Err(LabelError::Key(beginning(key)));
            }
            if value.len() > Self::LONGEST || value.chars().any(char::is_control) {
                return Err(LabelError::Value(key.clone()));
            }
        }
        Ok(Self(Arc::new(labels)))
    }

    /// Whether there are no labels.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether these labels contain all of `others`, with the same values.
    #[must_use]
    pub fn have(&self, others: &Self) -> bool {
        others
            .0
            .iter()
            .all(|(key, value)| self.0.get(key) == Some(value))
    }

    /// Each key with its value, in the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

impl Default for Labels {
    /// No labels.
    fn default() -> Self {
        static NONE: LazyLock<Arc<BTreeMap<String, String>>> = LazyLock::new(Arc::default);
        Self(Arc::clone(&NONE))
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Labels {
    /// Writes `key="value"` for each label.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (key, value)) in self.iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            write!(f, "{comma}{key}={value:?}")?;
        }
        Ok(())
    }
}

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.as_ref().serialize(to)
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::new(BTreeMap::<String, String>::deserialize(from)?).map_err(de::Error::custom)
    }
}

/// Enough of a key to recognise it.
fn beginning(key: &str) -> String {
    key.chars().take(Labels::LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Result<Labels, LabelError> {
        Labels::new(pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())))
    }

    #[test]
    fn labels_are_bounded_and_nothing_in_them_breaks_a_line() {
        let long = "x".repeat(63);
        assert!(labels(&[("job_1-a", ""), (&long, &long)]).is_ok());
        let longer = "x".repeat(64);
        for (key, value) in [
            ("", "v"),
            ("A", "v"),
            ("a b", "v"),
            ("\u{e9}", "v"),
            (&longer, "v"),
            ("a", &longer),
            ("a", "two\nlines"),
            ("a", "\u{9b}2J"),
        ] {
            assert!(labels(&[(key, value)]).is_err(), "{key:?} {value:?}");
        }
        let many = |count: usize| Labels::new((0..count).map(|n| (n.to_string(), String::new())));
        assert!(many(16).is_ok());
        assert_eq!(many(17), Err(LabelError::TooMany(17)));
    }

    #[test]
    fn a_filter_means_those_that_have_all_of_it() {
        let have = labels(&[("a", "1"), ("b", "2")]).unwrap();
        for (filter, meant) in [
            (&[][..], true),
            (&[("a", "1")], true),
            (&[("a", "1"), ("b", "2")], true),
            (&[("a", "2")], false),
            (&[("c", "1")], false),
        ] {
            assert_eq!(have.have(&labels(filter).unwrap()), meant, "{filter:?}");
        }
        assert_eq!(have.to_string(), r#"a="1",b="2""#);
    }
}
