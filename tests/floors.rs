//! Guard of the floors: every room of `src` names only the rooms, crates and words that its row
//! in the tables below allows, and no two rooms need each other.
//!
//! `ARCHITECTURE.md` tells why the house is built so. A new room needs a row here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::Path;

/// A room, which is a module at the top of the library or a binary, and the rooms it may name.
/// From the bottom up: a row names only rooms above itself in this table.
const ROOMS: &[(&str, &[&str])] = &[
    ("at", &[]),
    ("ftps", &["at"]),
    ("dialogue", &["at", "ftps"]),
    ("emulator", &[]),
    ("modem", &["ftps", "dialogue"]),
    ("broker", &["ftps", "modem"]),
    ("proto", &[]),
    ("rpc", &["ftps", "broker", "proto"]),
    ("client", &["proto"]),
    ("config", &["ftps", "emulator", "modem", "broker", "rpc"]),
    ("telemetry", &["config"]),
    ("daemon", &["emulator", "modem", "broker", "rpc", "config"]),
    (
        "demo",
        &["emulator", "broker", "client", "config", "daemon"],
    ),
    (
        "main",
        &["emulator", "config", "telemetry", "daemon", "demo"],
    ),
    ("bin", &["client"]),
];

/// Crates that only some places may name, and the beginnings of the paths of those places.
const CRATES: &[(&str, &[&str])] = &[
    ("tokio", ASYNC),
    ("tokio_stream", ASYNC),
    ("tokio_util", ASYNC),
    ("tokio_serial", &["modem/port"]),
    ("serialport", &["modem/port"]),
    ("tonic", FACE),
    ("tonic_health", FACE),
    ("tonic_reflection", FACE),
    ("tonic_types", FACE),
    ("tonic_prost", FACE),
    ("prost", FACE),
    ("prost_types", FACE),
    ("suppaftp", &["ftps/listing.rs", "emulator/uplink/ftp"]),
    ("libunftp", &["demo"]),
    ("unftp_sbe_fs", &["demo"]),
];

const ASYNC: &[&str] = &[
    "emulator/serve",
    "emulator/uplink/ftp",
    "modem/",
    "broker/",
    "rpc/",
    "client/",
    "daemon",
    "demo",
    "main.rs",
    "bin/",
];

const FACE: &[&str] = &["proto.rs", "rpc/", "client/", "bin/"];

/// Words that no code of some places may hold, strings included, comments and tests not. A place
/// is forbidden where it begins with one of the first list and with none of the second.
const WORDS: &[(&str, &[&str], &[&str])] = &[
    // The grammar knows no command's meaning.
    ("CFTPS", &["at/"], &[]),
    // Above the talk nobody speaks AT.
    ("\"AT", &["modem/", "broker/", "client/"], &[]),
    // The clock enters in one place; the emulator's pump is a module of its own, with its own.
    (
        "Instant::now",
        &[""],
        &["modem/clock.rs", "emulator/serve.rs"],
    ),
    ("SystemTime::now", &["at/", "ftps/", "dialogue/"], &[]),
];

#[test]
fn every_room_keeps_to_its_floor() {
    let house = House::of_this_package();
    let findings = house.findings();
    assert!(
        findings.is_empty(),
        "{} arrows that the floors forbid:\n{}",
        findings.len(),
        lines(&findings)
    );
    assert!(house.files.len() > 50, "the sources were not found");
    println!(
        "{} files, {} arrows between rooms, none forbidden",
        house.files.len(),
        house.arrows().len()
    );
}

#[test]
fn the_table_itself_goes_only_downward() {
    for (index, (room, may)) in ROOMS.iter().enumerate() {
        for other in *may {
            let below = ROOMS.iter().take(index).any(|(name, _)| name == other);
            assert!(below, "{room} stands before {other}, which it may name");
        }
    }
}

#[test]
fn an_upward_import_is_found() {
    let cases = [
        ("at/framer.rs", "use crate::ftps::Command;", "at -> ftps"),
        (
            "dialogue/talk.rs",
            "\nuse crate::{at::Line, modem::{self, Job}};",
            "dialogue -> modem",
        ),
        (
            "broker/mod.rs",
            "fn f() { crate::dialogue::Step::Idle; }",
            "broker -> dialogue",
        ),
        (
            "modem/actor.rs",
            "use super::super::broker::Broker;",
            "modem -> broker",
        ),
        (
            "modem/actor.rs",
            "mod tests { use super::super::super::emulator::Knobs; }",
            "modem -> emulator",
        ),
        (
            "emulator/commands/ftps.rs",
            "pub use crate::ftps as words;",
            "emulator -> ftps",
        ),
        ("rpc/get.rs", "use crate::at;", "rpc -> at"),
        ("client/mod.rs", "use crate::rpc::listen;", "client -> rpc"),
        (
            "bin/cellftp/main.rs",
            "use cellftp::broker::Broker;",
            "bin -> broker",
        ),
        ("ftps/value.rs", "use crate::*;", "ftps -> *"),
        ("cupboard/mod.rs", "", "cupboard has no row"),
    ];
    for (path, text, want) in cases {
        let findings = House::of([(path, text)]).findings();
        assert_eq!(findings.len(), 1, "{path}: {}", lines(&findings));
        assert!(
            findings[0].to_string().ends_with(want),
            "{path}: {}",
            lines(&findings)
        );
    }
}

#[test]
fn forbidden_crates_and_words_are_found_with_their_line() {
    let cases = [
        (
            "dialogue/talk.rs",
            "\n\n#[tokio::test]",
            "dialogue/talk.rs:3: names the crate tokio",
        ),
        (
            "broker/mod.rs",
            "use tonic::Status;",
            "broker/mod.rs:1: names the crate tonic",
        ),
        (
            "modem/actor.rs",
            "use tokio_serial::SerialStream;",
            "modem/actor.rs:1: names the crate tokio_serial",
        ),
        (
            "emulator/mod.rs",
            "extern crate suppaftp;",
            "emulator/mod.rs:1: names the crate suppaftp",
        ),
        (
            "at/line.rs",
            "/* a\nb */ const A: &str = \"+CFTPSGET\";",
            "at/line.rs:2: says CFTPS",
        ),
        (
            "broker/link.rs",
            "let now = Instant::now();",
            "broker/link.rs:1: says Instant::now",
        ),
        (
            "modem/actor.rs",
            "port.write(b\"AT\\r\");",
            "modem/actor.rs:1: says \"AT",
        ),
    ];
    for (path, text, want) in cases {
        assert_eq!(lines(&House::of([(path, text)]).findings()), want);
    }
}

#[test]
fn rooms_that_need_each_other_are_found() {
    let house = House::of([
        ("config/mod.rs", "use crate::rpc::listen;"),
        ("rpc/mod.rs", "use crate::broker::Broker;"),
        ("broker/mod.rs", "use crate::config::Limits;"),
    ]);
    let circle = house
        .circle()
        .expect("config, rpc and broker form a circle");
    assert_eq!(circle.iter().collect::<BTreeSet<_>>().len(), 3);
}

#[test]
fn what_is_allowed_or_only_talked_about_is_not_found() {
    let house = House::of([
        ("lib.rs", "pub mod at; pub use crate::broker::Broker;"),
        (
            "at/framer.rs",
            "//! Read by `crate::ftps`, with tokio::io.\nfn f<'a>() { '\"'; }",
        ),
        (
            "ftps/mod.rs",
            "use crate::at::{self, Line};\nuse super::at::Frame;",
        ),
        (
            "dialogue/talk.rs",
            "mod tests { use super::*; use super::super::size::Size; }",
        ),
        (
            "at/line.rs",
            "#[cfg(test)]\nmod tests { const A: &str = \"+CFTPSGET\"; }",
        ),
        (
            "modem/clock.rs",
            "/// For \"AT\" and tonic.\nInstant::now()",
        ),
        (
            "broker/mod.rs",
            "const A: &str = \"crate::rpc\"; const B: &str = r#\"tonic::\"#;",
        ),
        (
            "bin/cellftp/put.rs",
            "use crate::progress::Bar; use cellftp::client::Client;",
        ),
    ]);
    assert_eq!(lines(&house.findings()), "");
}

/// The sources, by path below `src`.
struct House {
    files: BTreeMap<String, Source>,
}

/// A file, without what the guard must not read.
struct Source {
    /// Without comments.
    spoken: String,
    /// Without comments and without what stands in quotation marks.
    code: String,
}

/// A forbidden thing, and where.
struct Finding {
    path: String,
    line: usize,
    what: String,
}

/// A use of one room by another.
struct Arrow<'a> {
    path: &'a str,
    line: usize,
    from: &'a str,
    to: String,
}

impl House {
    fn of_this_package() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut files = BTreeMap::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a readable folder") {
                let path = entry.expect("a readable entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let text = fs::read_to_string(&path).expect("a readable source");
                    let below = path.strip_prefix(&root).expect("a path below src");
                    files.insert(below.to_string_lossy().into_owned(), Source::of(&text));
                }
            }
        }
        Self { files }
    }

    fn of<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let files = files.into_iter();
        Self {
            files: files
                .map(|(path, text)| (path.to_owned(), Source::of(text)))
                .collect(),
        }
    }

    /// All that the tables forbid.
    fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (path, source) in &self.files {
            let mut find = |line, what| {
                findings.push(Finding {
                    path: path.clone(),
                    line,
                    what,
                });
            };
            let room = room(path);
            if room != "lib" && may_name(room).is_none() {
                find(1, format!("{room} has no row"));
                continue;
            }
            for (line, name) in source.crates() {
                let places = CRATES.iter().find(|(known, _)| *known == name);
                if places.is_some_and(|(_, places)| !begins(path, places)) {
                    find(line, format!("names the crate {name}"));
                }
            }
            for (word, forbidden, but) in WORDS {
                if begins(path, forbidden) && !begins(path, but) {
                    for (at, _) in source.untested().match_indices(word) {
                        find(line_of(&source.spoken, at), format!("says {word}"));
                    }
                }
            }
        }
        for arrow in self.arrows() {
            let allowed = may_name(arrow.from).unwrap_or_default();
            if !allowed.contains(&arrow.to.as_str()) {
                findings.push(Finding {
                    path: arrow.path.to_owned(),
                    line: arrow.line,
                    what: format!("{} -> {}", arrow.from, arrow.to),
                });
            }
        }
        if let Some(circle) = self.circle() {
            findings.push(Finding {
                path: "src".into(),
                line: 0,
                what: format!("a circle: {}", circle.join(" -> ")),
            });
        }
        findings
    }

    /// Every use of one room by another. The root module declares all of them and names none.
    fn arrows(&self) -> Vec<Arrow<'_>> {
        let mut arrows = Vec::new();
        for (path, source) in &self.files {
            let from = room(path);
            if from == "lib" || may_name(from).is_none() {
                continue;
            }
            for (line, to) in source.rooms_named(path) {
                if to != from {
                    arrows.push(Arrow {
                        path,
                        line,
                        from,
                        to,
                    });
                }
            }
        }
        arrows
    }

    /// Rooms that need each other, if there are any.
    fn circle(&self) -> Option<Vec<String>> {
        let mut needs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for arrow in self.arrows() {
            needs
                .entry(arrow.from.to_owned())
                .or_default()
                .insert(arrow.to);
        }
        // Whoever needs nobody cannot be part of a circle, nor whoever needs only such.
        loop {
            let alive: BTreeSet<String> = needs.keys().cloned().collect();
            let before = alive.len();
            needs.retain(|_, others| others.iter().any(|other| alive.contains(other)));
            if needs.len() == before {
                break;
            }
        }
        (!needs.is_empty()).then(|| needs.into_keys().collect())
    }
}

impl Source {
    fn of(text: &str) -> Self {
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
    fn untested(&self) -> &str {
        let end = self.spoken.find("#[cfg(test)]");
        &self.spoken[..end.unwrap_or(self.spoken.len())]
    }

    /// Crates that are named, with their lines.
    fn crates(&self) -> Vec<(usize, &str)> {
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
    fn rooms_named(&self, path: &str) -> Vec<(usize, String)> {
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

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// The room a file belongs to.
fn room(path: &str) -> &str {
    let first = path.split('/').next().unwrap_or(path);
    first.strip_suffix(".rs").unwrap_or(first)
}

fn may_name(room: &str) -> Option<&'static [&'static str]> {
    let row = ROOMS.iter().find(|(name, _)| *name == room)?;
    Some(row.1)
}

fn begins(path: &str, places: &[&str]) -> bool {
    places.iter().any(|place| path.starts_with(place))
}

fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

fn lines(findings: &[Finding]) -> String {
    let lines: Vec<String> = findings.iter().map(Finding::to_string).collect();
    lines.join("\n")
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
