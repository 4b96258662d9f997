//! The text of one file as a tree of values, each with its line and column.

use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{MOST, Problem};
use super::place::Place;
use super::tree::{Content, DATE, Node};

/// Reads TOML. What is wrong with it goes to `problems`, all of it at once. Errors do not quote the text, since it
/// may have a password.
pub(super) fn read(name: &Arc<str>, bytes: &[u8], problems: &mut Vec<Problem>) -> Node {
    // Editors of Windows put a mark before the text.
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let (before, rest) = bytes.split_at(error.valid_up_to());
            let before = String::from_utf8_lossy(before);
            let place = Lines::of(name, &before).place(before.len());
            let byte = rest.first().copied().unwrap_or_default();
            let rule = format!("is no UTF-8: byte 0x{byte:02X}; save the file as UTF-8");
            problems.push(Problem::at(place, rule));
            return Node::empty();
        }
    };
    let lines = Lines::of(name, text);
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Node {
            place: Some(Place::File(Arc::clone(name))),
            content: content_of(table.get_ref(), &lines),
        };
    }
    for error in errors.into_iter().take(MOST) {
        let at = error.span().map_or(text.len(), |span| span.start);
        let mut rule = format!("is no TOML: {}", error.message().trim_end());
        if let Some(key) = error.span().filter(|_| rule.ends_with("duplicate key")) {
            let key = text.get(key).unwrap_or_default();
            rule = format!("`{}` is given twice", super::fault::shown(key));
        }
        problems.push(Problem::at(lines.place(at), rule));
    }
    Node::empty()
}

/// The lines of a text, to find the place of a byte.
struct Lines<'a> {
    name: &'a Arc<str>,
    text: &'a str,
    /// The first byte of each line.
    begins: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn of(name: &'a Arc<str>, text: &'a str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let begins = std::iter::once(0).chain(ends.map(|(at, _)| at + 1));
        Self {
            name,
            text,
            begins: begins.collect(),
        }
    }

    fn place(&self, at: usize) -> Place {
        let line = self.begins.partition_point(|begin| *begin <= at);
        let begin = line.checked_sub(1).and_then(|line| self.begins.get(line));
        let before = begin.and_then(|begin| self.text.get(*begin..at));
        Place::Position {
            file: Arc::clone(self.name),
            line,
            column: before.map_or(0, |before| before.chars().count()) + 1,
        }
    }
}

fn content_of(table: &DeTable<'_>, lines: &Lines<'_>) -> Content {
    let entries = table.iter().map(|(key, value)| {
        let node = Node {
            place: Some(lines.place(key.span().start)),
            content: value_of(value, lines),
        };
        (key.get_ref().to_string(), node)
    });
    Content::Table(entries.collect())
}

fn value_of(value: &Spanned<DeValue<'_>>, lines: &Lines<'_>) -> Content {
    match value.get_ref() {
        DeValue::String(text) => Content::Text(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(Content::Foreign(TOO_LARGE), Content::Whole),
        DeValue::Float(number) => number
            .as_str()
            .parse()
            .map_or(Content::Foreign(TOO_LARGE), Content::Real),
        DeValue::Boolean(truth) => Content::Truth(*truth),
        DeValue::Datetime(_) => Content::Foreign(DATE),
        DeValue::Array(items) => {
            let items = items.iter().map(|item| Node {
                place: Some(lines.place(item.span().start)),
                content: value_of(item, lines),
            });
            Content::List(items.collect())
        }
        DeValue::Table(table) => content_of(table, lines),
    }
}

/// The name of a number that no type of ours holds.
const TOO_LARGE: &str = "a number beyond all bounds";

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(bytes: &[u8]) -> Vec<String> {
        let mut problems = Vec::new();
        read(&"x.toml".into(), bytes, &mut problems);
        problems.iter().map(Problem::to_string).collect()
    }

    #[test]
    fn a_value_has_the_line_and_column_of_its_key() {
        let text = "\u{feff}# é\r\n[servers.\"ä\"]\r\n  host = [\"a\",\r\n \"b\"]\r\n";
        let mut found = Vec::new();
        let tree = read(&"x.toml".into(), text.as_bytes(), &mut found);
        assert_eq!(found, []);
        let place = |key: &[&str]| {
            let key: Vec<String> = key.iter().map(ToString::to_string).collect();
            tree.place_of(&key).map(ToString::to_string)
        };
        assert_eq!(place(&["servers", "ä"]).as_deref(), Some("x.toml:2:10"));
        assert_eq!(
            place(&["servers", "ä", "host"]).as_deref(),
            Some("x.toml:3:3")
        );
        assert_eq!(
            place(&["servers", "ä", "host", "1"]).as_deref(),
            Some("x.toml:4:2")
        );
        // What is missing belongs to its section.
        assert_eq!(
            place(&["servers", "ä", "port"]).as_deref(),
            Some("x.toml:2:10")
        );
    }

    #[test]
    fn all_errors_of_a_file_are_told_at_once() {
        let told = problems(b"a = \nb = 1\nb = 2\n[c\n");
        assert!(told.len() >= 3, "{told:?}");
        assert!(
            told.iter()
                .any(|line| line == "x.toml:3:1: `b` is given twice"),
            "{told:?}"
        );
        assert!(
            told.iter().any(|line| line.starts_with("x.toml:4:")),
            "{told:?}"
        );
    }

    #[test]
    fn what_is_no_utf_8_is_told_with_its_place() {
        assert_eq!(
            problems(b"a = 1\nb = \"caf\xE9\"\n"),
            ["x.toml:2:9: is no UTF-8: byte 0xE9; save the file as UTF-8"]
        );
    }
}
