//! Guard of the floors: every room of `src` names only the rooms, crates and words that its row
//! in the tables below allows, and no two rooms need each other.
//!
//! `ARCHITECTURE.md` tells why the house is built so. A new room needs a row here.

#![expect(clippy::print_stdout, reason = "a guard says what it looked at")]

mod house;
mod source;

use std::collections::BTreeSet;
use std::io;

use house::{House, lines};

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
    ("doctor", &["at", "ftps", "modem", "config", "daemon"]),
    (
        "main",
        &[
            "emulator",
            "config",
            "telemetry",
            "daemon",
            "demo",
            "doctor",
        ],
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
    ("suppaftp", &["emulator/uplink/ftp"]),
    ("metrics", &["broker/metrics", "rpc/metrics", "daemon"]),
    ("metrics_exporter_prometheus", &["daemon/metrics"]),
    ("time", &["ftps/listing", "broker/usage", "doctor/answers"]),
    ("winnow", &["ftps/listing"]),
    ("libunftp", &["demo"]),
    ("unftp_sbe_fs", &["demo"]),
    ("x509_parser", &["rpc/certificate"]),
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
    "doctor/",
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
fn every_room_keeps_to_its_floor() -> io::Result<()> {
    let house = House::of_this_package()?;
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
    Ok(())
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
        (
            "at/framer.rs",
            "use simcom_talk::ftps::Command;",
            "at -> ftps",
        ),
        (
            "dialogue/talk.rs",
            "\nuse crate::{at::Line, modem::{self, Job}};",
            "dialogue -> modem",
        ),
        (
            "broker/mod.rs",
            "fn f() { simcom_talk::dialogue::Step::Idle; }",
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
            "pub use simcom_talk::ftps as words;",
            "emulator -> ftps",
        ),
        ("rpc/get.rs", "use simcom_talk::at;", "rpc -> at"),
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
            "//! Read by `simcom_talk::ftps`, with tokio::io.\nfn f<'a>() { '\"'; }",
        ),
        (
            "ftps/mod.rs",
            "use simcom_talk::at::{self, Line};\nuse super::at::Frame;",
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
