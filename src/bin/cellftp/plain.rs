//! Text from elsewhere, made safe to show: to people, and as JSON.
//!
//! A name may contain characters that move a terminal's cursor, reverse the order of letters, or are invisible.
//! [`Plain`] makes them visible, so that two names never differ only in such characters and look the same.
//! Letters stay as they are: `é` in one character and in two look alike, and so do letters of several scripts.
//! JSON keeps every name whole.

use std::fmt::{self, Display, Write};
use std::ops::RangeInclusive;

use serde_json::Value;

/// Characters that are invisible, or change how others look. Besides control characters these are Unicode's
/// `Default_Ignorable_Code_Point` (DerivedCoreProperties.txt), which has the bidirectional controls, the
/// separators of lines and paragraphs, the annotation marks, and every space that is not the usual one.
const HIDDEN: &[RangeInclusive<char>] = &[
    '\u{a0}'..='\u{a0}',
    '\u{ad}'..='\u{ad}',
    '\u{34f}'..='\u{34f}',
    '\u{61c}'..='\u{61c}',
    '\u{115f}'..='\u{1160}',
    '\u{1680}'..='\u{1680}',
    '\u{17b4}'..='\u{17b5}',
    '\u{180b}'..='\u{180f}',
    // Spaces, then marks of direction, separators, embeddings and overrides, then a narrow space.
    '\u{2000}'..='\u{200f}',
    '\u{2028}'..='\u{202f}',
    '\u{205f}'..='\u{206f}',
    '\u{2800}'..='\u{2800}',
    '\u{3000}'..='\u{3000}',
    '\u{3164}'..='\u{3164}',
    '\u{fe00}'..='\u{fe0f}',
    '\u{feff}'..='\u{feff}',
    '\u{ffa0}'..='\u{ffa0}',
    '\u{fff0}'..='\u{fffb}',
    '\u{1bca0}'..='\u{1bca3}',
    '\u{1d173}'..='\u{1d17a}',
    '\u{e0000}'..='\u{e0fff}',
];

/// A name, or another piece of text, on one line for people. A hidden character is written as `\u{202e}`, and a
/// backslash twice, so that a name that spells an escape differs from a name that has the character.
pub(crate) struct Plain<'a>(pub(crate) &'a str);

impl Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| {
            if c == '\\' || is_hidden(c) {
                write!(f, "{}", c.escape_default())
            } else {
                f.write_char(c)
            }
        })
    }
}

/// A whole output, in which the line feeds are this program's own. What went through [`Plain`] before stays as
/// it is. A backslash stays one: in text that did not go through [`Plain`], such as a sentence of the daemon,
/// an escape cannot be told from a name that spells it.
pub(crate) fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c != '\n' && is_hidden(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// A document on one line, in which a hidden character is written as `\u202e` (RFC 8259 section 7). JSON has no
/// such characters outside strings, so that every reader gets the same value.
pub(crate) fn json_text(value: &Value) -> String {
    let text = value.to_string();
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                // Writing to a string does not fail.
                let _ = write!(safe, "\\u{unit:04x}");
            }
        } else {
            safe.push(c);
        }
    }
    safe
}

/// Columns of a terminal that a text takes, where every character takes one.
pub(crate) fn width(text: &str) -> usize {
    text.chars().count()
}

fn is_hidden(c: char) -> bool {
    c.is_control() || (!c.is_ascii() && HIDDEN.iter().any(|range| range.contains(&c)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A right-to-left override, a line separator, a space without width, C1's CSI, DEL, a byte order
    /// mark, and a tag outside the first plane.
    const EVIL: &str = "a\u{202e}b\u{2028}c\u{200b}d\u{9b}e\u{7f}f\u{feff}g\u{e0041}h\u{1b}i";

    #[test]
    fn a_server_cannot_steer_the_terminal() {
        assert_eq!(Plain("a\u{1b}[2Jü").to_string(), "a\\u{1b}[2Jü");
    }

    #[test]
    fn a_name_that_reads_backwards_or_hides_a_part_is_seen() {
        let seen = "a\\u{202e}b\\u{2028}c\\u{200b}d\\u{9b}e\\u{7f}f\\u{feff}g\\u{e0041}h\\u{1b}i";
        assert_eq!(Plain(EVIL).to_string(), seen);
        assert_eq!(shown(EVIL), seen);
        assert_eq!(shown(seen), seen);
    }

    #[test]
    fn names_that_differ_look_different() {
        let names = [
            "a\u{1b}",
            "a\\u{1b}",
            "a\\\\u{1b}",
            "a b",
            "a\u{a0}b",
            "a\nb",
            "a\\nb",
        ];
        let mut seen: Vec<String> = names.iter().map(|name| Plain(name).to_string()).collect();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), names.len());
    }

    #[test]
    fn what_people_write_stays_as_it_is() {
        for name in [
            "Übersicht.pdf",
            "отчёт",
            "報告書",
            "हिन्दी",
            "e\u{301}",
            "🦀",
            "a b",
        ] {
            assert_eq!(Plain(name).to_string(), name);
        }
    }

    #[test]
    fn json_is_safe_to_print_and_keeps_every_name() {
        let value = json!({ "name": EVIL, "quote": "\"\\\n" });
        let text = json_text(&value);
        assert!(text.contains("a\\u202eb\\u2028c\\u200bd\\u009be\\u007ff\\ufeffg\\udb40\\udc41h"));
        assert!(!text.chars().any(is_hidden), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}
