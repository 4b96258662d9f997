//! A module in the state that a crashed program left it in.

use std::time::Duration;

use crate::link::{Link, on, path, pieces};
use crate::{both, get, put};
use simcom_emulator::{Effect, Family, Fault, Knobs, Trigger};
use simcom_talk::dialogue::operation::{Output, Task};

/// Another program has logged in: as another user, to another server.
fn taken(family: Family) -> Link {
    taken_with(family, Knobs::default())
}

fn taken_with(family: Family, knobs: Knobs) -> Link {
    let mut link = Link::new(family, knobs).with_file("/f", b"ours");
    link.peer().users.insert("other".into(), "secret".into());
    for line in [
        "ATE1\r",
        "AT+CFTPSSTART\r",
        "AT+CFTPSLOGIN=\"ftp.example\",21,\"other\",\"secret\",0\r",
    ] {
        link.typed_before(line.as_bytes());
    }
    assert_eq!(link.network.take_seen(), ["LOGIN other"]);
    link
}

fn works(link: &mut Link) {
    let got = link.run(on(get("/f")), vec![]);
    assert_eq!(got.content, b"ours", "{:?}", got.result);
    link.run(on(put("/g")), pieces(b"new")).result.unwrap();
    assert_eq!(link.file("/g").unwrap(), b"new");
}

#[test]
fn a_login_of_somebody_else_is_not_used() {
    for family in both() {
        let mut link = taken(family);
        works(&mut link);
        let seen = link.network.take_seen();
        assert_eq!(seen[..2], ["QUIT", "LOGIN user"], "{family:?}: {seen:?}");
    }
}

#[test]
fn a_stream_is_ended_where_it_was() {
    for family in both() {
        for (typed, kept) in [
            (&b"half a file"[..], &b"half a file"[..]),
            // Behind an ETX, the first end mark is content.
            (b"half\x03", b"half\x1a"),
        ] {
            let mut link = taken(family);
            link.typed_before(b"AT+CFTPSPUT=\"/orphan\"\r");
            link.typed_before(typed);
            works(&mut link);
            assert_eq!(link.file("/orphan").unwrap(), kept, "{family:?}");
        }
    }
}

#[test]
fn a_block_is_filled_up_so_that_it_shows() {
    for family in both() {
        for len in [20, 500, 2048] {
            let mut link = taken(family);
            link.typed_before(format!("AT+CFTPSPUT=\"/orphan\",{len}\r").as_bytes());
            link.typed_before(b"half a file");
            works(&mut link);
            let orphan = link.file("/orphan").unwrap();
            assert_eq!(orphan.len(), len);
            let rest = orphan.strip_prefix(b"half a file\x1a\x1a").unwrap();
            // The calls, end marks in case a stream is open, and bytes that no text holds.
            let calls = rest.strip_suffix(&vec![0; rest.len() - rest.len().min(9)][..]);
            assert!(
                rest.iter().all(|byte| b"ATQ0V1\r\0\x1a".contains(byte)),
                "{calls:?}"
            );
        }
    }
}

#[test]
fn nothing_is_filled_where_a_module_answers() {
    for family in both() {
        let mut link = taken(family);
        let size = link.run(on(Task::Size(path("/f"))), vec![]).result;
        assert_eq!(size, Ok(Output::Size(4)));
        assert!(!link.written.contains(&0));
    }
}

/// Its content may look like blocks, and what follows these says nothing about the module's own blocks.
#[test]
fn the_rest_of_a_download_that_nobody_hears_does_not_break_the_next() {
    for family in both() {
        for gap in ["", "\r\n", "\r\n\r\n"] {
            let mut link = taken(family);
            let rest = format!("xyz\r\n+CFTPSGET: DATA,4\r\nabcd{gap}more\r\n+CFTPSGET: 0\r\n");
            link.said_before(rest.as_bytes());
            works(&mut link);
        }
    }
}

/// A download of a program that has gone stands still and goes on at any moment of the bring-up. Its
/// content reads like answers, and each was once taken for the answer to the next question: an A76xx was
/// believed to abort transfers, and could then not be logged out.
#[test]
fn content_in_mid_bring_up_is_no_answer() {
    for family in both() {
        for at in 0..60 {
            let knobs = Knobs {
                command_latency: Duration::from_millis(30),
                ..Knobs::default()
            };
            let mut link = taken_with(family, knobs);
            let trigger = Trigger::After(Duration::from_millis(20 * at));
            let rest = "\u{3}half\r\nERROR\r\n\u{1a}more\r\nOK\r\n\u{1a}\r\nERROR\r\nend\u{3}\r\n";
            let effect = Effect::Text(rest.into());
            link.module.arm(Fault { trigger, effect });
            works(&mut link);
            let capabilities = &link.dialogue.facts().capabilities;
            let identity = &link.dialogue.facts().identity;
            assert_eq!(
                (capabilities.profile.abort, capabilities.profile.mode),
                (family == Family::Sim7600, family == Family::A7670),
                "{family:?} {at}"
            );
            let known = ["SIMCOM_SIM7600E", "A7670E-FASE"];
            assert!(
                known.iter().any(|model| identity.model.contains(model)),
                "{at}: {identity:?}"
            );
        }
    }
}
