//! The sources as a house: which room names which.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use crate::source::{Source, line_of};
use crate::{CRATES, ROOMS, WORDS};

/// The sources, by path below `src`.
pub(crate) struct House {
    pub(crate) files: BTreeMap<String, Source>,
}

/// A forbidden thing, and where.
pub(crate) struct Finding {
    path: String,
    line: usize,
    what: String,
}

/// A use of one room by another.
pub(crate) struct Arrow<'a> {
    path: &'a str,
    line: usize,
    from: &'a str,
    to: String,
}

impl House {
    pub(crate) fn of_this_package() -> io::Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut files = BTreeMap::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder)? {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let text = fs::read_to_string(&path)?;
                    let below = path.strip_prefix(&root).unwrap_or(&path);
                    files.insert(below.to_string_lossy().into_owned(), Source::of(&text));
                }
            }
        }
        Ok(Self { files })
    }

    pub(crate) fn of<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let files = files.into_iter();
        Self {
            files: files
                .map(|(path, text)| (path.to_owned(), Source::of(text)))
                .collect(),
        }
    }

    /// All that the tables forbid.
    pub(crate) fn findings(&self) -> Vec<Finding> {
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
                let tests = path.ends_with("/tests.rs") || path.contains("/tests/");
                if begins(path, forbidden) && !begins(path, but) && !tests {
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
    pub(crate) fn arrows(&self) -> Vec<Arrow<'_>> {
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
    pub(crate) fn circle(&self) -> Option<Vec<String>> {
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

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// The room a file belongs to.
pub(crate) fn room(path: &str) -> &str {
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

pub(crate) fn lines(findings: &[Finding]) -> String {
    let lines: Vec<String> = findings.iter().map(Finding::to_string).collect();
    lines.join("\n")
}
