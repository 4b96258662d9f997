//! A Rust source, read as far as the guard needs: names, paths from the root, comments and texts.

use crate::house::room;

/// A file, without what the guard must not read.
pub(crate) struct Source {
    /// Without comments.
    pub(crate) spoken: String,
    /// Without comments and without what stands in quotation marks.
    code: String,
}

impl Source {
    pub(crate) fn of(text: &str) -> Self {
        let mut source = Self {
            spoken: String::with_capacity(text.len()),
            code: String::with_capacity(text.len()),
        };
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let (len, kind) = token(rest);
            let (taken, left) = rest.split_at(len.max(first.len_utf8()));
            let blank: String = taken
                .chars()
                .map(|c| if c == '\n' { c } else { ' ' })
                .collect();
            source
                .spoken
                .push_str(if kind == Kind::Comment { &blank } else { taken });
            source
                .code
                .push_str(if kind == Kind::Code { taken } else { &blank });
            rest = left;
        }
        source
    }

    /// What comes before the tests, which stand last in every file.
    pub(crate) fn untested(&self) -> &str {
        let end = self.spoken.find("#[cfg(test)]");
        &self.spoken[..end.unwrap_or(self.spoken.len())]
    }

    /// Crates that are named, with their lines.
    pub(crate) fn crates(&self) -> Vec<(usize, &str)> {
        let words = words(&self.code);
        let mut found = Vec::new();
        for (index, (at, word)) in words.iter().enumerate() {
            let before = index.checked_sub(1).and_then(|i| words.get(i));
            let after = words.get(index + 1);
            let leads = after.is_some_and(|(_, next)| *next == "::");
            let used = before.is_some_and(|(_, last)| matches!(*last, "use" | "crate"));
            let inside = before.is_some_and(|(_, last)| *last == "::");
            if (leads || used) && !inside {
                found.push((line_of(&self.code, *at), *word));
            }
        }
        found
    }

    /// Rooms that are named by a path from the root of the crate, with their lines.
    pub(crate) fn rooms_named(&self, path: &str) -> Vec<(usize, String)> {
        let words = words(&self.code);
        // The binaries are crates of their own: there only the library's name leads to a room.
        let library = !matches!(room(path), "main" | "bin");
        let mut depth = module_depth(path);
        let mut blocks: Vec<bool> = Vec::new();
        let mut found = Vec::new();
        for (index, (at, word)) in words.iter().enumerate() {
            let inside = index.checked_sub(1).and_then(|i| words.get(i)).map(|w| w.1) == Some("::");
            let target = match *word {
                "{" => {
                    let module = index >= 2 && words.get(index - 2).map(|w| w.1) == Some("mod");
                    blocks.push(module);
                    depth += usize::from(module);
                    continue;
                }
                "}" => {
                    depth -= usize::from(blocks.pop() == Some(true));
                    continue;
                }
                "crate" if library && !inside => Some(index + 1),
                "cellftp" if !inside => Some(index + 1),
                "super" if library && !inside => climb(&words, index, depth),
                _ => None,
            };
            if let Some(target) = target {
                let line = line_of(&self.code, *at);
                found.extend(heads(&words, target).into_iter().map(|room| (line, room)));
            }
        }
        found
    }
}

/// The line that a place in a text is on, from 1.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// How far a file's module is from the root of the crate.
fn module_depth(path: &str) -> usize {
    let parts = path.split('/').count();
    if path.ends_with("/mod.rs") || path == "lib.rs" {
        parts - 1
    } else {
        parts
    }
}

/// Where a chain of `super` arrives at the root of the crate, what follows it.
fn climb(words: &[(usize, &str)], mut index: usize, depth: usize) -> Option<usize> {
    let mut steps = 0;
    while words.get(index).map(|word| word.1) == Some("super") {
        steps += 1;
        index += 2;
    }
    (steps == depth).then_some(index - 1)
}

/// The first names behind a `::` at this place: one, or one of each branch of a `{…}`.
fn heads(words: &[(usize, &str)], index: usize) -> Vec<String> {
    if words.get(index).map(|word| word.1) != Some("::") {
        return Vec::new();
    }
    let Some((_, first)) = words.get(index + 1) else {
        return Vec::new();
    };
    if *first != "{" {
        return vec![(*first).to_owned()];
    }
    let mut heads = Vec::new();
    let mut depth = 0;
    for pair in words.get(index + 1..).unwrap_or_default().windows(2) {
        let [(_, word), (_, next)] = pair else { break };
        match *word {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
        if depth == 1 && matches!(*word, "{" | ",") && !matches!(*next, "self" | "}") {
            heads.push((*next).to_owned());
        }
    }
    heads
}

/// Names, `::` and single signs, with their places.
fn words(code: &str) -> Vec<(usize, &str)> {
    let mut words = Vec::new();
    let mut rest = code;
    while let Some(first) = rest.chars().next() {
        let name = |c: char| c.is_alphanumeric() || c == '_';
        let len = if name(first) {
            rest.find(|c| !name(c)).unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        if !first.is_whitespace() {
            words.push((code.len() - rest.len(), &rest[..len]));
        }
        rest = &rest[len..];
    }
    words
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Code,
    Comment,
    Text,
}

/// The length and kind of what the text begins with.
fn token(text: &str) -> (usize, Kind) {
    let until = |end: &str, from: usize| {
        text.get(from..)
            .and_then(|rest| rest.find(end))
            .map_or(text.len(), |at| from + at + end.len())
    };
    if text.starts_with("//") {
        return (text.find('\n').unwrap_or(text.len()), Kind::Comment);
    }
    if text.starts_with("/*") {
        return (until("*/", 2), Kind::Comment);
    }
    if text.starts_with("r\"") {
        return (until("\"", 2), Kind::Text);
    }
    if text.starts_with("r#\"") {
        return (until("\"#", 3), Kind::Text);
    }
    if text.starts_with('"') {
        let mut escaped = false;
        let end = text.char_indices().skip(1).find(|(_, c)| {
            let ends = *c == '"' && !escaped;
            escaped = *c == '\\' && !escaped;
            ends
        });
        return (end.map_or(text.len(), |(at, _)| at + 1), Kind::Text);
    }
    if text.starts_with("'\\") {
        return (until("'", 3), Kind::Text);
    }
    // A letter in quotation marks; a lifetime has no second mark.
    let mut signs = text.char_indices();
    if signs.next() == Some((0, '\''))
        && let (Some(_), Some((at, '\''))) = (signs.next(), signs.next())
    {
        return (at + 1, Kind::Text);
    }
    // A name that ends in `r` is not the beginning of a raw string.
    let name = text
        .find(|c: char| !(c.is_alphanumeric() || c == '_'))
        .unwrap_or(text.len());
    (name.max(1), Kind::Code)
}
