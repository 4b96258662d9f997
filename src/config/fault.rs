//! Why a value does not fit its key, in the words of people.

use std::fmt::{self, Display};

use serde::de::{self, Expected, Unexpected};

use super::nearest::nearest;

/// The longest part of a value that is repeated.
const SHOWN: usize = 60;

/// Why a value does not fit its key.
#[derive(Debug)]
pub(super) struct Fault {
    /// The key, from its last segment to its first, as the way back up adds them.
    path: Vec<String>,
    pub(super) kind: Kind,
}

/// What is wrong with a value.
#[derive(Debug)]
pub(super) enum Kind {
    /// There is no such key; those that there are.
    UnknownKey(String, &'static [&'static str]),
    /// A word that is none of these.
    UnknownWord(String, &'static [&'static str]),
    /// Something else belongs here.
    Unfit { found: Found, wanted: String },
    /// A key has to be given.
    Missing(&'static str),
    /// What the value's own type says.
    Other(String),
}

/// A value that does not fit.
#[derive(Debug)]
pub(super) struct Found {
    /// What kind of value it is.
    kind: String,
    /// The value, where it is short.
    value: Option<String>,
}

impl Fault {
    /// The same, seen from the section that has `key`.
    pub(super) fn within(mut self, key: impl Into<String>) -> Self {
        self.path.push(key.into());
        self
    }

    /// The key, from the root on.
    pub(super) fn key(&self) -> Vec<String> {
        let mut path: Vec<String> = self.path.iter().rev().cloned().collect();
        match &self.kind {
            Kind::UnknownKey(key, _) if path.last() != Some(key) => path.push(key.clone()),
            Kind::Missing(key) => path.push((*key).to_owned()),
            _ => {}
        }
        path
    }

    /// The known key that was most likely meant.
    pub(super) fn meant(&self) -> Option<&'static str> {
        match &self.kind {
            Kind::UnknownKey(key, known) => nearest(key, known.iter().copied()),
            _ => None,
        }
    }

    /// What is wrong, and what is allowed. `elsewhere` is the section that has a key of this name.
    pub(super) fn rule(&self, elsewhere: Option<&str>) -> String {
        match &self.kind {
            Kind::UnknownKey(key, known) => match (self.meant(), elsewhere) {
                (Some(meant), _) => {
                    format!("there is no key `{}`; did you mean `{meant}`?", shown(key))
                }
                (None, Some(section)) => format!(
                    "there is no key `{}` here; it belongs in [{section}]",
                    shown(key)
                ),
                (None, None) => format!(
                    "there is no key `{}`; allowed: `{}`",
                    shown(key),
                    known.join("`, `")
                ),
            },
            Kind::UnknownWord(word, allowed) => {
                let allowed_words = match allowed {
                    [one, other] => format!("`{one}` or `{other}`"),
                    _ => format!("`{}`", allowed.join("`, `")),
                };
                let meant = nearest(word, allowed.iter().copied());
                let meant = meant.map(|meant| format!("; did you mean `{meant}`?"));
                format!(
                    "is `{}`; allowed: {allowed_words}{}",
                    shown(word),
                    meant.unwrap_or_default()
                )
            }
            Kind::Unfit { found, wanted } => unfit(found, wanted),
            Kind::Missing(_) => "is missing".into(),
            Kind::Other(rule) => rule.clone(),
        }
    }

    fn new(kind: Kind) -> Self {
        Self {
            path: Vec::new(),
            kind,
        }
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rule(None))
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: Display>(rule: T) -> Self {
        Self::new(Kind::Other(rule.to_string()))
    }

    fn invalid_type(found: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        Self::new(Kind::Unfit {
            found: found.into(),
            wanted: wanted.to_string(),
        })
    }

    fn invalid_value(found: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        Self::invalid_type(found, wanted)
    }

    fn unknown_variant(word: &str, allowed: &'static [&'static str]) -> Self {
        Self::new(Kind::UnknownWord(word.to_owned(), allowed))
    }

    fn unknown_field(key: &str, known: &'static [&'static str]) -> Self {
        Self::new(Kind::UnknownKey(key.to_owned(), known))
    }

    fn missing_field(key: &'static str) -> Self {
        Self::new(Kind::Missing(key))
    }
}

impl From<Unexpected<'_>> for Found {
    fn from(found: Unexpected<'_>) -> Self {
        let value = match found {
            Unexpected::Bool(truth) => Some(truth.to_string()),
            Unexpected::Unsigned(number) => Some(number.to_string()),
            Unexpected::Signed(number) => Some(number.to_string()),
            Unexpected::Float(number) => Some(number.to_string()),
            Unexpected::Str(text) => Some(format!("\"{}\"", shown(text))),
            _ => None,
        };
        let kind = match found {
            Unexpected::Bool(_) => "true or false",
            Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) => "a number",
            Unexpected::Str(_) => "a text",
            Unexpected::Seq => "a list",
            Unexpected::Map => "a table",
            Unexpected::Other(name) => name,
            _ => "something else",
        };
        Self {
            kind: kind.to_owned(),
            value,
        }
    }
}

/// What belongs in the place of a value.
fn unfit(found: &Found, wanted: &str) -> String {
    // The value may be a password in the place of its profile.
    if ["map", "struct"].iter().any(|table| wanted.contains(table)) {
        return format!("is {}; a table belongs here", found.kind);
    }
    let is = found.value.as_ref().unwrap_or(&found.kind);
    let allowed = match wanted {
        "a string" | "string" | "path string" => "a text in quotes",
        "a boolean" => "true or false, without quotes",
        "a sequence" => "a list, as [\"a\", \"b\"]",
        // The error of humantime has no example.
        "a duration" => "a time in quotes, as \"90s\", \"10m\" or \"1h 30m\"",
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" | "usize" => "a whole number, 0 or more",
        "i64" | "i32" => "a whole number",
        "f64" => "a number",
        other => other,
    };
    format!("is {is}; allowed: {allowed}")
}

/// A text of a person, shortened where it is long.
pub(super) fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(SHOWN).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
