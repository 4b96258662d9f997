//! The name of a value in the configuration.

use std::fmt;

/// The name of a value: its sections from the root on, and its own name. Printed as TOML writes it, so that a
/// segment with a dot or a control character is in quotes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Key(Vec<String>);

impl Key {
    /// The names of the sections and of the value; empty for the whole configuration.
    #[must_use]
    pub fn segments(&self) -> &[String] {
        &self.0
    }

    /// Whether it names the whole configuration.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it is `other`, or a value in the section `other`.
    #[must_use]
    pub fn is_in(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }

    /// The value `name` in this section.
    #[must_use]
    pub fn join(&self, name: &str) -> Self {
        Self(self.0.iter().cloned().chain([name.to_owned()]).collect())
    }
}

impl From<Vec<String>> for Key {
    fn from(segments: Vec<String>) -> Self {
        Self(segments)
    }
}

impl<const N: usize> From<[&str; N]> for Key {
    fn from(segments: [&str; N]) -> Self {
        Self(segments.map(str::to_owned).to_vec())
    }
}

impl From<&str> for Key {
    /// Takes the segments between dots.
    fn from(dotted: &str) -> Self {
        Self(dotted.split('.').map(str::to_owned).collect())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str(".")?;
            }
            f.write_str(&segment_in_toml(segment))?;
        }
        Ok(())
    }
}

/// A segment as TOML writes it: bare, or in quotes with escapes.
pub(super) fn segment_in_toml(segment: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !segment.is_empty() && segment.chars().all(is_bare) {
        return segment.to_owned();
    }
    let mut quoted = String::from('"');
    for c in segment.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if is_invisible(c) => quoted += &format!("\\U{:08X}", u32::from(c)),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Whether a terminal shows something else than this character: control characters, and those that change the
/// direction of the text or take no room (Unicode's bidirectional and zero-width marks).
pub(super) fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_segments_are_in_quotes_as_toml_reads_them() {
        let key = Key::from(["servers", "a b.\u{1b}[1m\u{202e}\"\\", "host"]);
        let printed = key.to_string();
        assert_eq!(printed, r#"servers."a b.\U0000001B[1m\U0000202E\"\\".host"#);
        let read: toml::Table = format!("{printed} = 1").parse().unwrap();
        assert!(read["servers"].get("a b.\u{1b}[1m\u{202e}\"\\").is_some());
    }
}
