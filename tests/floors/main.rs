//! Guard of the structure. No file needs a file that needs it, and no room (a folder with the file of its name) needs a
//! room that needs it. Some crates and words stay where they belong. The compiler checks which crates a package names.
//!
//! A file is a part of the module around it, so it may name what that module defines.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a guard that cannot read the sources has failed"
)]

mod house;

use std::fs;
use std::path::Path;

use house::{House, Module, sources};

/// The packages' sources.
const PACKAGES: [&str; 3] = [
    "src",
    "crates/simcom-talk/src",
    "crates/simcom-emulator/src",
];

/// Lines of a file; a longer one says in its first comment why it is so long.
const LINES: usize = 400;

/// Crates that only some places may name: the beginnings of their paths.
const CRATES: &[(&str, &[&str])] = &[
    (
        "tonic",
        &["src/proto.rs", "src/rpc", "src/client", "src/bin"],
    ),
    (
        "prost",
        &["src/proto.rs", "src/rpc", "src/client", "src/bin"],
    ),
    ("tokio_serial", &["src/modem/port.rs"]),
    (
        "metrics",
        &[
            "src/modem/metrics.rs",
            "src/broker/watch/metrics.rs",
            "src/transfers/metrics.rs",
            "src/broker/api/gauges.rs",
            "src/rpc/metrics.rs",
            "src/daemon",
        ],
    ),
    ("redb", &["src/transfers/store", "src/broker/disk.rs"]),
    ("libunftp", &["src/demo.rs"]),
    ("suppaftp", &["crates/simcom-emulator/src/uplink/ftp"]),
    ("winnow", &["crates/simcom-talk/src/ftps/listing"]),
    (
        "simcom_emulator",
        &["src/config", "src/daemon", "src/demo.rs", "src/main.rs"],
    ),
];

/// Words that code in some places may not contain, with exceptions: the beginnings of their paths.
const WORDS: &[(&str, &[&str], &[&str])] = &[
    // The grammar knows no command's meaning.
    ("CFTPS", &["crates/simcom-talk/src/at/"], &[]),
    // Above the talk, nobody speaks AT.
    (
        "\"AT",
        &["src/modem/", "src/broker/", "src/transfers/", "src/client/"],
        &[],
    ),
    // The clock enters in one place. The emulated module has its own.
    (
        "Instant::now",
        &[""],
        &["src/modem/clock.rs", "crates/simcom-emulator/src/serve"],
    ),
    ("SystemTime::now", &["crates/simcom-talk/"], &[]),
    // An explicit list of imports tells a reader, and this guard, where each name comes from.
    (
        "::*;",
        &[
            "src/broker/",
            "src/transfers/",
            "src/modem/",
            "crates/simcom-talk/src",
        ],
        &["crates/simcom-talk/src/ftps/listing"],
    ),
];

#[test]
fn no_file_and_no_room_needs_one_that_needs_it() {
    for package in PACKAGES {
        let house = House::of(package);
        assert!(
            house.modules.len() > 30,
            "the sources of {package} were not found"
        );
        assert_eq!(house.circles(), Vec::<String>::new(), "{package}");
    }
}

#[test]
fn crates_and_words_stay_where_they_belong() {
    for package in PACKAGES {
        for Module {
            path,
            names,
            taken,
            code,
            ..
        } in House::of(package).modules.values()
        {
            let begins = |places: &[&str]| places.iter().any(|place| path.starts_with(place));
            for (name, places) in CRATES {
                let named = names
                    .iter()
                    .any(|path| path[0] == *name && !taken.contains_key(*name));
                assert!(!named || begins(places), "{path} names the crate {name}");
            }
            for (word, places, but) in WORDS {
                let said = begins(places) && !begins(but) && code.contains(word);
                assert!(!said, "{path} says {word}");
            }
        }
    }
}

#[test]
fn a_long_file_says_why_it_is_long() {
    let reason = format!("{LINES} lines");
    for folder in ["src", "crates", "tests", "benches"] {
        for (path, text) in sources(folder) {
            let first = text.lines().take_while(|line| line.starts_with("//!"));
            let says = first.collect::<String>().contains(&reason);
            let lines = text.lines().count();
            assert!(lines <= LINES || says, "{folder}/{path} has {lines} lines");
        }
    }
}

/// The table of decisions in ARCHITECTURE.md: whoever looks for one finds it where the table says.
#[test]
fn each_decision_is_where_the_document_says() {
    let document = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let (_, table) = document
        .split_once("## Where each thing is decided")
        .unwrap();
    let (table, _) = table.split_once("\n## ").unwrap();
    let mut decisions = 0;
    for row in table.lines().filter(|line| line.starts_with("| ")).skip(2) {
        let mut cells = row.split(" | ").skip(1);
        let (files, functions) = (cells.next().unwrap(), cells.next().unwrap());
        let text: String = coded(files)
            .flat_map(braced)
            .map(|file| read(&file))
            .collect();
        for name in coded(functions).filter(|name| !name.contains('/')) {
            let last = name.rsplit("::").next().unwrap();
            let defined = ["fn", "const", "struct", "enum"]
                .iter()
                .any(|kind| text.contains(&format!("{kind} {last}")));
            let is_code = last.chars().all(|sign| sign.is_uppercase() || sign == '_');
            assert!(defined || is_code, "{name} is not in {files}");
            decisions += 1;
        }
    }
    assert!(decisions > 40, "the table was not found");
}

/// What stands between backticks.
fn coded(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// `a/{b,c}.rs` is two files.
fn braced(path: &str) -> Vec<String> {
    let Some((before, rest)) = path.split_once('{') else {
        return vec![path.to_owned()];
    };
    let (names, after) = rest.split_once('}').unwrap();
    names
        .split(',')
        .map(|name| format!("{before}{name}{after}"))
        .collect()
}

/// A source by its path in the document: three rooms are in `simcom-talk`, the others in `src`.
fn read(path: &str) -> String {
    let talk = ["at/", "ftps/", "dialogue/"]
        .iter()
        .any(|room| path.starts_with(room));
    let package = if talk {
        "crates/simcom-talk/src"
    } else {
        "src"
    };
    let file = root().join(package).join(path);
    if file.is_dir() {
        return String::new();
    }
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn a_circle_of_files_and_one_of_rooms_are_found() {
    let house = |files: &[(&str, &str)]| House::read("x", files.iter().copied()).circles();
    let two = [
        ("a.rs", "pub struct A; use crate::b::B;"),
        ("b.rs", "pub struct B; fn f() { super::a::A; }"),
    ];
    assert_eq!(house(&two), ["a b"]);
    let rooms = [
        ("a/mod.rs", "mod y; pub mod x;"),
        ("a/x.rs", "use crate::b::Z;"),
        ("a/y.rs", "pub struct Y;"),
        ("b/mod.rs", "mod w; mod z; pub use z::Z;"),
        ("b/z.rs", "pub struct Z;"),
        ("b/w.rs", "fn f() { select! { crate::a::y::Y => {} } }"),
    ];
    assert_eq!(house(&rooms), ["a b"]);
    let part = [
        ("a.rs", "mod b; struct A; use b::B;"),
        (
            "a/b.rs",
            "use super::A; pub struct B; mod tests { use crate::c; }",
        ),
        ("c.rs", ""),
    ];
    assert_eq!(house(&part), Vec::<String>::new());
}
