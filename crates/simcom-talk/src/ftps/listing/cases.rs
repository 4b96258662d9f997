//! The table of listings as servers in the field send them (`tests/listings`).

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use super::{Entry, Facts, Kind, Lines};
use crate::ftps::lossless;

/// When the cases were written: 2026-11-27T12:00:00Z.
const NOW: u64 = 1_795_780_800;

/// The form of times in the cases. A case that has only a day has no time.
const FORMAT: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Right,
    Raw,
    Wrong,
}

#[test]
#[expect(clippy::print_stdout, reason = "the table is to be read")]
fn listings_of_the_field_are_read_and_none_is_read_wrong() {
    let mut table: BTreeMap<Outcome, Vec<String>> = BTreeMap::new();
    let mut files = 0;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/listings");
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "txt") {
            continue;
        }
        files += 1;
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let expected = fs::read(path.with_extension("json")).unwrap();
        let expected: Value = serde_json::from_slice(&expected).unwrap();
        let (outcome, why) = judge(&fs::read(&path).unwrap(), &expected["expected"]);
        table
            .entry(outcome)
            .or_default()
            .push(format!("{name}{why}"));
    }
    let mut text = String::new();
    for (outcome, names) in &mut table {
        names.sort();
        text += &format!("{outcome:?}: {}\n  {}\n", names.len(), names.join("\n  "));
    }
    println!("{text}");
    let count = |outcome| table.get(&outcome).map_or(0, Vec::len);
    assert_eq!(count(Outcome::Wrong), 0, "{text}");
    assert_eq!(count(Outcome::Right), files, "{text}");
    assert!(files >= RIGHT, "cases are missing: {files}");
}

/// The number of cases. All of them must be read.
const RIGHT: usize = 72;

fn judge(listing: &[u8], expected: &Value) -> (Outcome, String) {
    let mut lines = Lines::at(SystemTime::UNIX_EPOCH + Duration::from_secs(NOW));
    let mut entries = lines.push(listing);
    entries.extend(lines.finish());
    let facts = |entry: &Entry| entry.facts.clone();
    let read: Vec<Facts> = entries.iter().filter_map(facts).collect();
    let expected = expected.as_array().unwrap();
    let mut missing = expected.len();
    for facts in &read {
        if !expected.iter().any(|entry| is_same(facts, entry)) {
            return (Outcome::Wrong, format!(": {facts:?}"));
        }
        missing = missing.saturating_sub(1);
    }
    match missing {
        _ if read.len() > expected.len() => (Outcome::Wrong, ": too many".into()),
        0 => (Outcome::Right, String::new()),
        _ => (Outcome::Raw, format!(": {missing} of {}", expected.len())),
    }
}

/// Whether this is what a person reads. A case whose kind is null says nothing about the kind, nor
/// about what depends on it, except the size.
fn is_same(facts: &Facts, expected: &Value) -> bool {
    let kind = match facts.kind {
        Kind::File => "file",
        Kind::Directory => "directory",
        Kind::Link => "link",
        Kind::Other => "other",
    };
    let text = |key: &str| expected[key].as_str();
    let size = expected["size"].as_u64();
    // A case is text: it shows a name that is not UTF-8 with replacement characters.
    if text("name") != Some(&lossless::shown(&facts.name)) || size != facts.size {
        return false;
    }
    let Some(wanted) = text("kind") else {
        return true;
    };
    let modified = facts.modified.map(|time| {
        let time = OffsetDateTime::from(time);
        time.format(FORMAT).unwrap()
    });
    let is_same_time = match (text("modified"), &modified) {
        (Some(wanted), Some(found)) => found.starts_with(wanted),
        (None, None) => true,
        _ => false,
    };
    wanted == kind && is_same_time && text("link_target") == facts.link_target.as_deref()
}
