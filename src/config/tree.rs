//! Values as they were given, each with its place, and one layer over the other.

use std::collections::BTreeMap;
use std::fmt;

use super::key::Key;
use super::place::Place;

/// A value, and where it was given. It may be a password: neither prints.
#[derive(Clone)]
pub(super) struct Node {
    /// The place of its key; `None` for a default.
    pub(super) place: Option<Place>,
    pub(super) content: Content,
}

/// What a value is.
#[derive(Clone)]
pub(super) enum Content {
    Text(String),
    Whole(i64),
    Real(f64),
    Truth(bool),
    /// What TOML knows and no key takes: a date, or a number beyond all bounds. Its name.
    Foreign(&'static str),
    List(Vec<Node>),
    Table(BTreeMap<String, Node>),
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Node(***)")
    }
}

impl Node {
    /// An empty table.
    pub(super) fn empty() -> Self {
        Self {
            place: None,
            content: Content::Table(BTreeMap::new()),
        }
    }

    /// A value from no file, at a place.
    pub(super) fn of(value: toml::Value, place: Option<&Place>) -> Self {
        let content = match value {
            toml::Value::String(text) => Content::Text(text),
            toml::Value::Integer(number) => Content::Whole(number),
            toml::Value::Float(number) => Content::Real(number),
            toml::Value::Boolean(truth) => Content::Truth(truth),
            toml::Value::Datetime(_) => Content::Foreign(DATE),
            toml::Value::Array(items) => {
                let items = items.into_iter().map(|item| Self::of(item, place));
                Content::List(items.collect())
            }
            toml::Value::Table(table) => {
                let entries = table.into_iter();
                let entries = entries.map(|(key, value)| (key, Self::of(value, place)));
                Content::Table(entries.collect())
            }
        };
        Self {
            place: place.cloned(),
            content,
        }
    }

    /// A value in the sections of its key.
    pub(super) fn nested(self, key: &Key) -> Self {
        key.segments().iter().rev().fold(self, |inner, segment| {
            let place = inner.place.clone();
            Self {
                place,
                content: Content::Table(BTreeMap::from([(segment.clone(), inner)])),
            }
        })
    }

    /// Lays another layer over this one: tables are merged, all other values replaced.
    pub(super) fn lay_over(&mut self, upper: Self) {
        match (&mut self.content, upper.content) {
            (Content::Table(lower), Content::Table(upper_entries)) => {
                self.place = upper.place.or_else(|| self.place.take());
                for (key, value) in upper_entries {
                    match lower.get_mut(&key) {
                        Some(below) => below.lay_over(value),
                        None => {
                            lower.insert(key, value);
                        }
                    }
                }
            }
            (below, content) => {
                *below = content;
                self.place = upper.place;
            }
        }
    }

    /// The entries of a table; `None` for any other value.
    pub(super) fn table(&self) -> Option<&BTreeMap<String, Self>> {
        match &self.content {
            Content::Table(entries) => Some(entries),
            _ => None,
        }
    }

    /// The value of a key.
    pub(super) fn find(&self, key: &[String]) -> Option<&Self> {
        match key {
            [] => Some(self),
            [first, rest @ ..] => self.table()?.get(first)?.find(rest),
        }
    }

    /// Where the value of a key was given, or the section that it belongs to.
    pub(super) fn place_of(&self, key: &[String]) -> Option<&Place> {
        let inner = match (&self.content, key) {
            (_, []) => None,
            (Content::Table(entries), [first, rest @ ..]) => {
                entries.get(first).and_then(|entry| entry.place_of(rest))
            }
            (Content::List(items), [first, rest @ ..]) => {
                let item = first.parse().ok().and_then(|at: usize| items.get(at));
                item.and_then(|item| item.place_of(rest))
            }
            _ => None,
        };
        inner.or(self.place.as_ref())
    }

    /// Puts the default in the place of a value, or takes the value away. An entry of a list goes with its list.
    /// Answers whether there was one.
    pub(super) fn reset(&mut self, key: &[String], defaults: Option<&Self>) -> bool {
        let Content::Table(entries) = &mut self.content else {
            return false;
        };
        let Some((first, rest)) = key.split_first() else {
            return false;
        };
        let default = defaults.and_then(|defaults| defaults.table()?.get(first));
        match entries.get_mut(first) {
            Some(inner) if !rest.is_empty() && inner.table().is_some() => {
                inner.reset(rest, default)
            }
            Some(_) => {
                match default {
                    Some(default) => entries.insert(first.clone(), default.clone()),
                    None => entries.remove(first),
                };
                true
            }
            None => false,
        }
    }
}

/// The name of a date in errors.
pub(super) const DATE: &str = "a date";
