//! Faults of the line and the module, and what people leave on a module.
//!
//! More than 400 lines: each test is one fault that was seen, or a rule, and they share the helpers of this
//! file.

use std::time::Duration;

use bytes::Bytes;

use crate::link::{Link, nasty, on, path, pieces};
use crate::storage::{alone, drive, write};
use crate::{both, get, put};
use simcom_emulator::{Effect, Family, Fault, Knobs, Phase, Trigger};
use simcom_talk::dialogue::facts::Sim;
use simcom_talk::dialogue::failure::{Cause, Ending};
use simcom_talk::dialogue::operation::{Delivered, Output, Piece, Standing, Task};
use simcom_talk::dialogue::{Dialogue, Moment, Operation, Patience, Setup, Step};
use simcom_talk::ftps::storage::ModulePath;

const SENTENCE: &str = "$GNRMC,,V,,,,,,,,,,N,V*37\r\n";

fn fault(command: &str, nth: u32, phase: Phase, effect: Effect) -> Fault {
    Fault {
        trigger: Trigger::Command {
            command: command.into(),
            nth,
            phase,
        },
        effect,
    }
}

/// The host went on typing a piece of 60,000 bytes after the module had ended the upload, and the module
/// carried out what the bytes spelt.
#[test]
fn content_is_not_typed_on_as_commands_after_the_module_has_left_its_prompt() {
    for (family, failure_ends_prompt) in both()
        .into_iter()
        .flat_map(|family| [(family, true), (family, false)])
    {
        let knobs = Knobs {
            failure_ends_prompt,
            ..Knobs::default()
        };
        let mut link = Link::new(family, knobs).with_file("/victim", b"keep");
        link.run(on(Task::WorkingDirectory), vec![]).result.unwrap();
        link.module
            .arm(fault("+CFTPSPUT", 2, Phase::InData(2000), Effect::Fail(9)));
        let mut content = vec![b'x'; 6000];
        while content.len() < 60_000 {
            content.extend_from_slice(b"\r\nAT+CFTPSDELE=\"/victim\"\r\n");
        }
        let source = vec![Piece::Data(Bytes::from(content)), Piece::End];
        // It may go on where it was broken off.
        let outcome = link.run(on(put("/f")), source);
        println!("{family:?}: {:?}", outcome.result);
        assert_eq!(
            link.file("/victim").as_deref(),
            Some(&b"keep"[..]),
            "{family:?}"
        );
    }
}

/// The same where the module restarts in the middle of the content.
#[test]
fn content_is_not_typed_on_to_a_module_that_has_started_anew() {
    for family in both() {
        let knobs = Knobs {
            boot_time: Duration::ZERO,
            ..Knobs::default()
        };
        let mut link = Link::new(family, knobs);
        link.run(on(Task::WorkingDirectory), vec![]).result.unwrap();
        link.module
            .arm(fault("+CFTPSPUT", 2, Phase::InData(2000), Effect::Reboot));
        let before = link.written.len();
        let mut content = vec![b'x'; 6000];
        while content.len() < 60_000 {
            content.extend_from_slice(b"\r\nAT+CFUN=0\r\n");
        }
        let source = vec![Piece::Data(Bytes::from(content)), Piece::End];
        link.kept = 0;
        let outcome = link.run(on(put("/f")), source);
        assert!(outcome.result.is_err(), "{family:?}");
        let written = &link.written[before..];
        let typed = written.windows(9).filter(|at| at == b"AT+CFUN=0").count();
        assert_eq!(typed, 0, "{family:?}");
    }
}

#[test]
fn a_module_that_waits_for_megabytes_of_a_crashed_program_is_brought_back() {
    for family in both() {
        let mut link = Link::new(family, Knobs::default()).with_file("/f", b"ours");
        let drive = drive(family).name();
        link.typed_before(format!("AT+CFTRANRX=\"{drive}/half.bin\",3000000\r").as_bytes());
        link.typed_before(b"half a file");
        let got = link.run(on(get("/f")), vec![]);
        assert_eq!(got.content, b"ours", "{family:?}: {:?}", got.result);
        assert!(got.took < Duration::from_secs(60), "{:?}", got.took);
    }
}

/// The module opened the prompt of another program's PUT in the middle of the bring-up. Everything up to a
/// Ctrl-Z went into that file, with zeros for a block that it was not.
#[test]
fn a_prompt_that_opens_in_mid_bring_up_is_ended_and_gets_no_zeros() {
    for opens_at in ["AT\r", "ATE0\r", "AT+CGMM\r", "AT+CPIN?\r"] {
        let mut dialogue = Dialogue::new(Setup::default(), Patience::default());
        dialogue.handle_port_opened();
        let operation = Operation {
            standing: Standing::Ready,
            task: Task::Stand,
        };
        dialogue.begin(operation).unwrap();
        let (mut open, mut opened) = (false, false);
        let mut content = Vec::new();
        let mut now = Moment::ORIGIN;
        let result = loop {
            match dialogue.poll(now) {
                Step::Write { bytes, .. } => {
                    if !opened && bytes == opens_at.as_bytes() {
                        (open, opened) = (true, true);
                        dialogue.handle_bytes(b"\r\n>", now);
                        continue;
                    }
                    if open {
                        content.extend_from_slice(&bytes);
                        if bytes.contains(&0x1A) {
                            open = false;
                            dialogue.handle_bytes(b"\r\nOK\r\n\r\n+CFTPSPUT: 0\r\n", now);
                        }
                        continue;
                    }
                    let answer: &[u8] = match bytes.as_ref() {
                        b"AT+CGMI\r" => b"\r\nSIMCOM INCORPORATED\r\n\r\nOK\r\n",
                        b"AT+CGMM\r" => b"\r\nSIMCOM_SIM7600E\r\n\r\nOK\r\n",
                        b"AT+CGMR\r" => b"\r\n+CGMR: LE20B04\r\n\r\nOK\r\n",
                        b"AT+CPIN?\r" => b"\r\n+CPIN: READY\r\n\r\nOK\r\n",
                        b"AT+CSQ\r" => b"\r\n+CSQ: 23,99\r\n\r\nOK\r\n",
                        b"\x1A\x1A" => b"",
                        _ => b"\r\nOK\r\n",
                    };
                    dialogue.handle_bytes(answer, now);
                }
                Step::Listen { until } => {
                    now = until;
                    dialogue.handle_deadline(now);
                }
                Step::Done(result) => break result,
                step => panic!("{step:?}"),
            }
        };
        assert_eq!(result, Ok(Output::Done), "{opens_at}");
        assert!(
            !content.contains(&0),
            "{opens_at}: {}",
            content.escape_ascii()
        );
        let lines = content.iter().filter(|byte| **byte == b'\r').count();
        assert!(lines <= 2, "{opens_at}: {}", content.escape_ascii());
        let model = &dialogue.facts().identity.model;
        assert_eq!(model, "SIMCOM_SIM7600E", "{opens_at}");
    }
}

fn names(link: &mut Link, family: Family) -> Vec<(String, Option<u64>)> {
    let root = ModulePath::root(drive(family));
    match link.run(alone(Task::ListModule(root)), vec![]).result {
        Ok(Output::ModuleFiles(files)) => files
            .into_iter()
            .map(|(entry, size)| (entry.name, size))
            .collect(),
        other => panic!("{other:?}"),
    }
}

/// Each of these names ended every listing of its drive, or was taken for a reboot.
#[test]
fn files_on_the_module_called_rdy_ok_and_error_are_listed_read_and_deleted() {
    let called = ["OK", "ERROR", "RDY", "RING", "a.txt", "SMS DONE"];
    for family in both() {
        for first in 0..called.len() {
            let mut link = Link::new(family, Knobs::default());
            let file =
                |name: &str| ModulePath::new(&format!("{}/{name}", drive(family).name())).unwrap();
            let few = &called[first..];
            for name in few {
                link.run(write(file(name), b"abc"), pieces(b"abc"))
                    .result
                    .unwrap();
            }
            let mut listed = names(&mut link, family);
            listed.sort();
            let mut want: Vec<_> = few.iter().map(|name| ((*name).into(), Some(3))).collect();
            want.sort();
            assert_eq!(listed, want, "{family:?}");
            let read = link.run(alone(Task::ReadModuleFile(file(few[0]))), vec![]);
            assert_eq!(read.content, b"abc", "{family:?} {}", few[0]);
            link.run(alone(Task::DeleteModuleFile(file(few[0]))), vec![])
                .result
                .unwrap();
            assert_eq!(names(&mut link, family).len(), few.len() - 1);
        }
    }
}

/// Ordinary listings cost no more than before.
#[test]
fn a_listing_without_such_names_costs_no_wait() {
    for family in both() {
        let mut link = Link::new(family, Knobs::default());
        for name in ["a", "b"] {
            let file = ModulePath::new(&format!("{}/{name}", drive(family).name())).unwrap();
            link.run(write(file, b"abc"), pieces(b"abc"))
                .result
                .unwrap();
        }
        let began = link.now;
        assert_eq!(names(&mut link, family).len(), 2);
        assert_eq!(link.now - began, Duration::ZERO, "{family:?}");
    }
}

/// Each login cost 75 s, each logout and stop 20 s.
#[test]
fn a_module_that_sends_no_results_is_waited_for_twice_and_then_known() {
    for family in both() {
        let knobs = Knobs {
            result_never: ["+CFTPSLOGIN", "+CFTPSLOGOUT", "+CFTPSSTOP"]
                .map(Into::into)
                .into(),
            ..Knobs::default()
        };
        let mut link = Link::new(family, knobs).with_file("/f", b"ours");
        let mut took = Vec::new();
        for round in 0..8 {
            let host = if round % 2 == 0 {
                crate::HOST
            } else {
                "other.example"
            };
            link.network
                .server_mut(host, 21)
                .unwrap()
                .files
                .insert(b"/f".to_vec(), b"ours".to_vec());
            let got = link.run(crate::at(host, get("/f")), vec![]);
            assert_eq!(got.content, b"ours", "{family:?} {round}: {:?}", got.result);
            took.push(got.took.as_secs());
        }
        assert!(took[1] > 60, "{family:?}: {took:?}");
        assert!(
            took[4..].iter().all(|took| *took < 20),
            "{family:?}: {took:?}"
        );
        // One result is enough, and all results are waited for fully again.
        link.module.knobs_mut().result_never.clear();
        let again = |link: &mut Link, host: &str| {
            let got = link.run(crate::at(host, get("/f")), vec![]);
            assert_eq!(got.content, b"ours", "{:?}", got.result);
            got.took
        };
        again(&mut link, crate::HOST);
        link.module.knobs_mut().result_latency = Duration::from_secs(9);
        again(&mut link, "other.example");
    }
}

/// The end of the answer was held as the beginning of an echo until the command's time was over.
#[test]
fn content_that_begins_with_a_line_end_under_a_forced_echo_is_no_wait() {
    for family in both() {
        for echo_data in [false, true] {
            for content in [&b"\r\nabc"[..], b"\r\n", b"0\r\n", b"\n", b"\r"] {
                let knobs = Knobs {
                    refuse: vec!["E".into()],
                    echo_data,
                    ..Knobs::default()
                };
                let mut link = Link::new(family, knobs);
                link.run(on(Task::WorkingDirectory), vec![]).result.unwrap();
                let stored = link.run(on(put("/f")), pieces(content));
                stored.result.unwrap();
                assert_eq!(link.file("/f").unwrap(), content, "{family:?} {echo_data}");
                let took = stored.took;
                assert!(
                    took < Duration::from_secs(5),
                    "{family:?} {echo_data}: {took:?}"
                );
            }
        }
    }
}

#[test]
fn a_get_whose_abort_was_refused_is_said_to_have_been_drained() {
    let mut link = Link::sim7600().with_file("/big", &nasty(3_000_000));
    link.run(on(Task::WorkingDirectory), vec![]).result.unwrap();
    link.module.knobs_mut().refuse.push("+CFTPSABORT".into());
    let mut left = false;
    let mut link = link.with_script(move |link, seen| {
        if !left && seen.delivered > 10_000 {
            left = true;
            link.leave();
        }
    });
    let failure = link.run(on(get("/big")), vec![]).result.unwrap_err();
    assert_eq!(failure.cause, Cause::Cancelled(Ending::Drained));
    assert!(link.written.windows(12).any(|at| at == b"AT+CFTPSABOR"));
}

/// It was two fixed waits of half a second.
#[test]
fn the_first_call_after_a_start_does_not_wait_for_reports_of_nothing() {
    for family in both() {
        let mut link = Link::new(family, Knobs::default()).with_file("/f", b"ours");
        link.run(alone(Task::Stand), vec![]).result.unwrap();
        let got = link.run(on(get("/f")), vec![]);
        assert_eq!(got.content, b"ours");
        assert!(
            got.took <= Duration::from_millis(200),
            "{family:?}: {:?}",
            got.took
        );
    }
}

#[test]
fn names_with_a_backslash_are_themselves_whether_or_not_the_module_decodes_them() {
    for decode_escapes in [false, true] {
        let knobs = Knobs {
            decode_escapes,
            ..Knobs::default()
        };
        let mut link = Link::new(Family::Sim7600, knobs);
        for name in ["/a\\41", "/b\\5Cx", "/c\\d", "/\\22"] {
            link.run(on(put(name)), pieces(b"abc")).result.unwrap();
            assert_eq!(link.file(name).as_deref(), Some(&b"abc"[..]), "{name}");
            assert_eq!(link.run(on(get(name)), vec![]).content, b"abc", "{name}");
        }
    }
}

/// Names as long as file systems have them: reached from their directory, or refused with the limit.
#[test]
fn long_names_are_fetched_up_to_what_the_module_takes() {
    for family in both() {
        for len in [100, 111, 112, 113, 200, 239, 240, 250, 254, 255] {
            for directory in ["", "/some/where"] {
                let mut link = Link::new(family, Knobs::default());
                link.peer().directories.insert(b"/some".to_vec());
                link.peer().directories.insert(b"/some/where".to_vec());
                let name = format!("{directory}/{}", "n".repeat(len));
                let mut link = link.with_file(&name, b"content");
                let got = link.run(on(get(&name)), vec![]);
                if family == Family::Sim7600 || len <= 112 {
                    assert_eq!(
                        got.content, b"content",
                        "{family:?} {len}: {:?}",
                        got.result
                    );
                } else {
                    let failure = got.result.unwrap_err();
                    let Cause::Unsuitable(error) = &failure.cause else {
                        panic!("{family:?} {len}: {failure}")
                    };
                    assert!(error.to_string().contains("112"), "{error}");
                }
            }
        }
    }
}

/// A sentence between two blocks tore them, and a sentence in a listing spoilt it.
#[test]
fn satellite_sentences_spoil_no_download_no_listing_and_no_bring_up() {
    for family in both() {
        for piecewise in [false, true] {
            let content = nasty(60_000);
            let mut link = Link::new(family, Knobs::default()).with_file("/f", &content);
            for at in 0..40 {
                link.peer()
                    .files
                    .insert(format!("/name-{at:05}").into_bytes(), b"x".to_vec());
            }
            if piecewise {
                link = link.piecewise();
            }
            let mut step = 0;
            let mut link = link.with_script(move |link, _| {
                step += 1;
                if step % 3 == 0 {
                    link.module.inject(link.now, Effect::Text(SENTENCE.into()));
                }
            });
            let got = link.run(on(get("/f")), vec![]);
            let whole = Delivered {
                bytes: 60_000,
                resumes: 0,
            };
            assert_eq!(
                got.result,
                Ok(Output::Delivered(whole)),
                "{family:?} {piecewise}"
            );
            assert_eq!(got.content, content);
            let list = link.run(on(Task::List(Some(path("/")))), vec![]);
            list.result.unwrap();
            let list = String::from_utf8(list.content).unwrap();
            assert_eq!(list.matches("name-").count(), 40, "{list}");
            assert!(!list.contains('$'), "{list}");
        }
    }
}

#[test]
fn satellite_sentences_are_switched_off_where_the_module_lets_that() {
    for (switch, ends) in [("+CGNSSTST", true), ("+CGNSSPORTSWITCH", true), ("", false)] {
        for family in both() {
            let knobs = Knobs {
                chatter: SENTENCE.into(),
                chatter_every: Duration::from_millis(50),
                chatter_switch: switch.into(),
                ..Knobs::default()
            };
            let mut link = Link::new(family, knobs).with_file("/f", b"ours");
            assert_eq!(link.run(on(get("/f")), vec![]).content, b"ours");
            let said = |link: &Link| {
                let text = String::from_utf8_lossy(&link.written).into_owned();
                text.matches("AT+CGNSSTST=0").count()
            };
            assert_eq!(said(&link), 1, "{family:?} {switch}");
            let after = link.module.deadline().is_none();
            assert_eq!(after, ends, "{family:?} {switch}");
            link.run(on(get("/f")), vec![]).result.unwrap();
            assert_eq!(said(&link), 1, "once is enough");
        }
    }
}

/// A line that came while the SIM was read became the model's name, and so the family was unknown.
#[test]
fn what_comes_in_between_is_not_the_name_of_the_model() {
    for family in both() {
        for line in [
            "OPL UPDATING",
            "PNN DONE",
            "CALL READY",
            "A LINE THAT NO LIST KNOWS 5",
        ] {
            for command in ["+CGMI", "+CGMM", "+CGMR"] {
                let mut clean = Link::new(family, Knobs::default());
                clean.run(alone(Task::Stand), vec![]).result.unwrap();
                let mut link = Link::new(family, Knobs::default());
                let effect = Effect::Text(format!("\r\n{line}\r\n"));
                link.module.arm(fault(command, 1, Phase::BeforeOk, effect));
                link.run(alone(Task::Stand), vec![]).result.unwrap();
                assert_eq!(
                    link.dialogue.facts().identity,
                    clean.dialogue.facts().identity,
                    "{family:?} {line} {command}"
                );
                assert_eq!(
                    link.dialogue.facts().capabilities.profile,
                    clean.dialogue.facts().capabilities.profile
                );
            }
        }
    }
}

/// The daemon said for ever that there was no SIM.
#[test]
fn a_module_whose_radio_is_off_is_switched_on() {
    for family in both() {
        for level in ["0", "4"] {
            let mut link = Link::new(family, Knobs::default()).with_file("/f", b"ours");
            link.typed_before(format!("AT+CFUN={level}\r").as_bytes());
            let got = link.run(on(get("/f")), vec![]);
            assert_eq!(got.content, b"ours", "{family:?} {level}: {:?}", got.result);
            assert_eq!(link.dialogue.facts().registration.sim, Sim::Ready);
        }
    }
}

#[test]
fn nothing_is_claimed_about_a_sim_that_the_module_did_not_say() {
    use simcom_emulator::Sim as Card;
    let failure = |sim, cmee| {
        let knobs = Knobs {
            sim,
            cmee,
            ..Knobs::default()
        };
        let mut link = Link::new(Family::Sim7600, knobs);
        link.run(alone(Task::Stand), vec![]).result.unwrap_err()
    };
    assert_eq!(failure(Card::Absent, 2).cause, Cause::SimMissing);
    let failed = failure(Card::Failed, 2);
    assert!(matches!(failed.cause, Cause::Refused(Some(_))), "{failed}");
    assert!(failed.to_string().contains("SIM failure"), "{failed}");
}
