//! What modules did on the port according to public reports, one test for each report: what came, when, and
//! what the result must be. Hosts, names and contents are invented.
//!
//! More than 400 lines: each test is one reported fault or a rule, and they share the helpers of this file.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use crate::link::{Link, nasty, on, path, pieces};
use crate::storage::{alone, drive, write};
use crate::{both, get, get_from};
use simcom_emulator::{Effect, Family, Fault, Knobs, Phase, Sim as Card, Trigger};
use simcom_talk::dialogue::facts::Sim;
use simcom_talk::dialogue::failure::Cause;
use simcom_talk::dialogue::operation::{Delivered, Output, Task};
use simcom_talk::ftps::storage::{DriveSpace, ModulePath};
use simcom_talk::ftps::value::Drive;

const SENTENCE: &str = "$GNRMC,,V,,,,,,,,,,N,V*37\r\n";

/// All sentences of one second of a receiver that sees no satellite.
const SECOND: &str = "$GNRMC,,V,,,,,,,,,,N,V*37\r\n$GNGGA,,,,,,0,00,99.99,,,,,,*56\r\n\
    $GNGLL,,,,,,V,N*7A\r\n$GNGSA,A,1,,,,,,,,,,,,,99.99,99.99,99.99,1*33\r\n\
    $GPGSV,1,1,00,0*65\r\n$GNVTG,,,,,,,,,N*2E\r\n";

/// The lines of a receiver that starts. Only the last two have a checksum.
const RECEIVER: &str = "\r\nUC6228CI lite G1L1E1 COM1\r\nPN N/A\r\nFWVer R3.4.21.0Build16211\r\n\
    #CFGSYS,H101\r\n$OK*04\r\n$OK*04\r\n";

fn text(command: &str, nth: u32, phase: Phase, text: &str) -> Fault {
    Fault {
        trigger: Trigger::Command {
            command: command.into(),
            nth,
            phase,
        },
        effect: Effect::Text(text.into()),
    }
}

fn said(link: &Link, line: &str) -> usize {
    let written = String::from_utf8_lossy(&link.written).into_owned();
    written.matches(line).count()
}

fn downloaded(link: &mut Link, content: &[u8], within: u64) -> u32 {
    let got = link.run(on(get("/f")), vec![]);
    let Ok(Output::Delivered(Delivered { bytes, resumes })) = got.result else {
        panic!("{:?}", got.result)
    };
    assert_eq!(
        (bytes, got.content.as_slice()),
        (content.len() as u64, content)
    );
    assert!(got.took <= Duration::from_secs(within), "{:?}", got.took);
    resumes
}

/// A line comes between a question of the bring-up and its answer. `None`: between answer and `OK`.
fn interrupted(family: Family, question: Option<&str>, line: &str) -> Link {
    const LINES: [&str; 7] = [
        "\x1A\x1A",
        "AT\r",
        "ATE0\r",
        "ATV1\r",
        "AT+CMEE=2\r",
        "AT+CGMI\r",
        "AT+CGMM\r",
    ];
    let knobs = Knobs {
        command_latency: Duration::from_millis(60),
        ..Knobs::default()
    };
    let mut link = Link::new(family, knobs);
    link.cut = 1;
    let line = format!("\r\n{line}\r\n");
    match question {
        Some(question) => {
            let before = LINES.iter().take_while(|said| !said.starts_with(question));
            let bytes: usize = before.map(|said| said.len()).sum();
            link.module.arm(Fault {
                trigger: Trigger::FromHost((bytes + question.len()) as u64),
                effect: Effect::Text(line),
            });
        }
        None => link.module.arm(text("+CGMM", 1, Phase::BeforeOk, &line)),
    }
    link.run(alone(Task::Stand), vec![]).result.unwrap();
    let written = String::from_utf8_lossy(&link.written).into_owned();
    let begins = LINES.concat();
    assert!(
        written.starts_with(begins.strip_suffix("AT+CGMM\r").unwrap()),
        "{written:?}"
    );
    link
}

/// `call_ready_family`: a line about calls was taken for the maker's name, and so the family was wrong.
#[test]
fn a_line_about_calls_before_the_makers_name_is_not_that_name() {
    for family in both() {
        let clean = interrupted(family, None, "");
        for question in ["AT+CGMI", "AT+CGMM"] {
            let mut link = interrupted(family, Some(question), "CALL READY");
            assert_eq!(
                link.dialogue.facts().identity,
                clean.dialogue.facts().identity
            );
            let profile = &link.dialogue.facts().capabilities.profile;
            assert_eq!(profile, &clean.dialogue.facts().capabilities.profile);
            let list = link.run(on(Task::List(Some(path("/")))), vec![]);
            list.result.unwrap();
            let space = link.run(alone(Task::Space(None)), vec![]);
            assert!(matches!(space.result, Ok(Output::Space(spaces)) if spaces.len() >= 2));
        }
    }
}

/// `call_ready_ident`: the same for the model, while the phone book is read.
#[test]
fn a_line_about_the_phone_book_before_the_model_is_not_the_model() {
    for family in both() {
        let clean = interrupted(family, None, "");
        for question in [Some("AT+CGMM"), None] {
            let link = interrupted(family, question, "PB DONE");
            assert_eq!(
                link.dialogue.facts().identity,
                clean.dialogue.facts().identity
            );
        }
    }
}

/// `cfun0`: the card answered, the module did not register, and the radio was tried only after twenty seconds.
#[test]
fn a_radio_that_somebody_left_off_is_found_by_asking_and_not_by_waiting() {
    for family in both() {
        for level in [0, 4] {
            let knobs = Knobs {
                functionality: level,
                ..Knobs::default()
            };
            let mut link = Link::new(family, knobs).with_file("/f", b"ours");
            assert_eq!(downloaded(&mut link, b"ours", 5), 0, "{family:?} {level}");
            assert_eq!(said(&link, "AT+CFUN?\r"), 1);
            assert_eq!(said(&link, "AT+CFUN=1\r"), 1);
        }
    }
}

/// `cpin_simfail_cfun`: with the radio off the card fails, and people were told to insert one.
#[test]
fn a_card_that_fails_for_want_of_a_radio_is_not_called_missing() {
    for family in both() {
        let knobs = Knobs {
            functionality: 0,
            sim_time: Duration::from_secs(4),
            ..Knobs::default()
        };
        let mut link = Link::new(family, knobs).with_file("/f", b"ours");
        assert_eq!(downloaded(&mut link, b"ours", 20), 0, "{family:?}");
        assert_eq!(link.dialogue.facts().registration.sim, Sim::Ready);
        let knobs = Knobs {
            sim: Card::Failed,
            ..Knobs::default()
        };
        let mut link = Link::new(family, knobs);
        let failure = link.run(alone(Task::Stand), vec![]).result.unwrap_err();
        assert!(
            matches!(failure.cause, Cause::Refused(Some(_))),
            "{failure}"
        );
        assert!(failure.to_string().contains("SIM failure"), "{failure}");
        assert_eq!(link.dialogue.facts().registration.sim, Sim::Unknown);
    }
}

/// An unsolicited line about a card that is still being read was taken for a card that waits for its PIN.
#[test]
fn a_card_that_is_not_ready_yet_is_waited_for_and_not_called_locked() {
    for family in both() {
        let late = Effect::Text("\r\n+CPIN: NOT READY\r\n".into());
        let question = b"AT+CPIN?\r";
        let mut clean = Link::new(family, Knobs::default());
        clean.run(alone(Task::Stand), vec![]).result.unwrap();
        let mut windows = clean.written.windows(question.len());
        let at = windows.position(|said| said == question).unwrap();
        // First before the answer, right before the end of the question's line; then behind the answer.
        for trigger in [
            Trigger::FromHost((at + question.len() - 1) as u64),
            Trigger::Command {
                command: "+CPIN".into(),
                nth: 1,
                phase: Phase::BeforeOk,
            },
        ] {
            let mut link = Link::new(family, Knobs::default()).with_file("/f", b"ours");
            link.cut = 1;
            link.module.arm(Fault {
                trigger,
                effect: late.clone(),
            });
            assert_eq!(downloaded(&mut link, b"ours", 20), 0, "{family:?}");
            assert_eq!(link.dialogue.facts().registration.sim, Sim::Ready);
        }
    }
}

/// `fsls_urc`: a missed call in the middle of a listing became a file.
#[test]
fn a_missed_call_in_a_listing_of_the_module_is_no_file() {
    for family in both() {
        for counts in [true, false] {
            let mut link = Link::new(family, Knobs::default());
            let file = ModulePath::of_remote(drive(family), "ok.txt").unwrap();
            let content = b"abc\r\nOK\r\n123\r\nERROR\r\n+CFTRANTX: 0\r\n>";
            let stored = link.run(write(file, content), pieces(content));
            stored.result.unwrap();
            // Counting is an execution, too.
            let nth = if counts { 2 } else { 1 };
            let call = "\r\nMISSED_CALL 09:10AM\r\n";
            link.module.arm(text("+FSLS", nth, Phase::BeforeOk, call));
            let root = ModulePath::root(drive(family));
            let list = link.run(alone(Task::ListModule(root)), vec![]);
            let Ok(Output::ModuleFiles(files)) = list.result else {
                panic!("{:?}", list.result)
            };
            let names: Vec<_> = files
                .iter()
                .map(|(entry, size)| (entry.name.as_str(), *size))
                .collect();
            assert_eq!(
                names,
                [("ok.txt", Some(content.len() as u64))],
                "{family:?}"
            );
        }
    }
}

fn spaces(link: &mut Link, drive: Option<Drive>) -> Result<Vec<DriveSpace>, Cause> {
    match link.run(alone(Task::Space(drive)), vec![]).result {
        Ok(Output::Space(spaces)) => Ok(spaces),
        Ok(other) => panic!("{other:?}"),
        Err(failure) => Err(failure.cause),
    }
}

/// `fsmem_err`: a slot without a card refuses FSMEM, and the other drives were not told either.
#[test]
fn a_drive_that_does_not_tell_its_room_hides_no_other() {
    for (family, all) in [(Family::Sim7600, "CDEF"), (Family::A7670, "CD")] {
        let clean = spaces(&mut Link::new(family, Knobs::default()), None).unwrap();
        for refused in all.chars() {
            let knobs = Knobs {
                memory_refused: refused.into(),
                ..Knobs::default()
            };
            let mut link = Link::new(family, knobs);
            let told = spaces(&mut link, None).unwrap();
            let others: Vec<_> = clean
                .iter()
                .filter(|space| !space.drive.name().starts_with(refused))
                .copied()
                .collect();
            assert_eq!(told, others, "{family:?} {refused}");
            assert_eq!(told.len() + 1, all.len());
            // A caller that asks for that drive is told.
            let one = Drive::new(&format!("{refused}:")).unwrap();
            assert_eq!(spaces(&mut link, Some(one)), Err(Cause::Refused(None)));
        }
        // Where no drive tells, nothing is known.
        let knobs = Knobs {
            memory_refused: all.into(),
            ..Knobs::default()
        };
        assert_eq!(
            spaces(&mut Link::new(family, knobs), None),
            Err(Cause::Refused(None))
        );
    }
}

/// `gnss_banner`: a receiver that starts in the middle of a download.
#[test]
fn a_receiver_that_starts_in_the_middle_of_a_block_costs_a_resumption_at_most() {
    let content = nasty(60_000);
    for family in both() {
        for at in [0, 1, 700, 1024, 1480, 5000] {
            let mut link = Link::new(family, Knobs::default()).with_file("/f", &content);
            // The test command of the bring-up was the first.
            link.module
                .arm(text("+CFTPSGET", 2, Phase::InBlock(at), RECEIVER));
            let resumes = downloaded(&mut link, &content, 30);
            assert!(resumes <= 2, "{family:?} {at}: {resumes}");
        }
    }
}

/// `login_cme`: the card loses contact, the module refuses a login for that, and says so.
#[test]
fn a_card_that_lost_contact_is_what_a_login_fails_for() {
    for family in both() {
        for cmee in [1, 2] {
            let knobs = Knobs {
                cmee,
                refuse: vec!["+CMEE".into()],
                ..Knobs::default()
            };
            let mut link = Link::new(family, knobs).with_file("/f", b"ours");
            link.module.arm(Fault {
                trigger: Trigger::Command {
                    command: "+CFTPSSTART".into(),
                    nth: 1,
                    phase: Phase::BeforeResult,
                },
                effect: Effect::SimRemoved,
            });
            let failure = link.run(on(get("/f")), vec![]).result.unwrap_err();
            assert_eq!(failure.cause, Cause::SimMissing, "{family:?} {failure}");
            assert!(said(&link, "AT+CFTPSLOGIN=") <= 2);
        }
    }
}

/// `lower_drive`: a file that was written to `f:` was not found at `F:`.
#[test]
fn drive_letters_are_taken_in_either_case() {
    for family in both() {
        let mut link = Link::new(family, Knobs::default());
        let lower = drive(family).name().to_ascii_lowercase();
        let file = ModulePath::new(&format!("{lower}/a.txt")).unwrap();
        link.run(write(file.clone(), b"abc"), pieces(b"abc"))
            .result
            .unwrap();
        let root = ModulePath::new(&format!("{lower}/")).unwrap();
        let list = link.run(alone(Task::ListModule(root)), vec![]).result;
        assert!(matches!(list, Ok(Output::ModuleFiles(files)) if files.len() == 1));
        let read = link.run(alone(Task::ReadModuleFile(file)), vec![]);
        assert_eq!(read.content, b"abc");
        let drive = Drive::new(&lower).unwrap();
        assert_eq!(spaces(&mut link, Some(drive)).unwrap().len(), 1);
    }
}

/// `nmea_list`: six sentences at once, three times within a listing of many names.
#[test]
fn bursts_of_sentences_in_a_long_listing_leave_it_whole() {
    for family in both() {
        for gap in [1, 2, 5, 9] {
            let mut link = Link::new(family, Knobs::default());
            for at in 0..300 {
                let name = format!("/f{at:05}.dat").into_bytes();
                link.peer().files.insert(name, b"x".to_vec());
            }
            link.cut = 57;
            let (mut steps, mut bursts) = (0, 0);
            let mut link = link.with_script(move |link, seen| {
                steps += usize::from(seen.delivered > 0);
                if seen.delivered > 0 && steps % gap == 0 && bursts < 3 {
                    bursts += 1;
                    link.module.inject(link.now, Effect::Text(SECOND.into()));
                }
            });
            let list = link.run(on(Task::List(Some(path("/")))), vec![]);
            list.result.unwrap();
            let list = String::from_utf8(list.content).unwrap();
            assert_eq!(list.matches(".dat\r\n").count(), 300, "{family:?} {gap}");
            assert!(!list.contains('$'), "{list}");
        }
    }
}

/// The same in the middle of a block, where no line is expected. The listing is asked for again, and delivered
/// text is not delivered twice.
#[test]
fn a_burst_of_sentences_in_a_block_of_a_listing_leaves_it_whole() {
    for family in both() {
        for at in [0, 1, 1480, 5000, 12_000] {
            let mut link = Link::new(family, Knobs::default());
            for at in 0..300 {
                let name = format!("/f{at:05}.dat").into_bytes();
                link.peer().files.insert(name, b"x".to_vec());
            }
            let clean = link.run(on(Task::List(Some(path("/")))), vec![]);
            link.module
                .arm(text("+CFTPSLIST", 2, Phase::InBlock(at), SECOND));
            let list = link.run(on(Task::List(Some(path("/")))), vec![]);
            list.result.unwrap();
            assert!(list.content == clean.content, "{family:?} {at}");
        }
    }
}

/// `nmea_start`: a sentence every 50 ms from before the first call on, and the module knows none of the
/// switches. It took three minutes to fail.
#[test]
fn a_module_that_is_full_of_sentences_is_brought_up_as_soon_as_a_quiet_one() {
    let content = nasty(60_000);
    let took = |family, chatter: &str| {
        let knobs = Knobs {
            chatter: chatter.into(),
            chatter_every: Duration::from_millis(50),
            command_latency: Duration::from_millis(80),
            result_latency: Duration::from_millis(40),
            refuse: ["+CGNSSTST", "+CGNSSPORTSWITCH", "+CGPSINFOCFG"]
                .map(Into::into)
                .into(),
            ..Knobs::default()
        };
        let mut link = Link::new(family, knobs).with_file("/f", &content);
        assert_eq!(downloaded(&mut link, &content, 10), 0, "{family:?}");
        link.now
    };
    for family in both() {
        let (quiet, full) = (took(family, ""), took(family, SENTENCE));
        // Three commands to end them, and a bounded wait for a quiet line.
        assert!(
            full <= quiet + Duration::from_secs(2),
            "{family:?}: {full:?}, {quiet:?}"
        );
    }
}

/// `opl_once`: a line about calls between two blocks, or in the middle of one.
#[test]
fn a_line_among_the_blocks_of_a_download_costs_a_resumption_at_most() {
    let content = nasty(60_000);
    for family in both() {
        for line in [
            "CALL READY",
            "OPL UPDATING",
            "PNN DONE",
            "+CMTI: \"SM\",4",
            "RING",
        ] {
            let line = format!("\r\n{line}\r\n");
            for at in [0, 1480, 1024, 14_000] {
                let mut link = Link::new(family, Knobs::default()).with_file("/f", &content);
                link.module
                    .arm(text("+CFTPSGET", 2, Phase::InBlock(at), &line));
                assert!(
                    downloaded(&mut link, &content, 10) <= 1,
                    "{family:?} {line} {at}"
                );
            }
            // Between blocks nothing is torn, once it is known what stands behind a block.
            let link = Link::new(family, Knobs::default()).with_file("/f", &content);
            let (said, mut after) = (Rc::new(Cell::new(0)), 3000);
            let lines = Rc::clone(&said);
            let mut link = link.with_script(move |link, seen| {
                if seen.delivered >= after {
                    after = seen.delivered + 3000;
                    lines.set(lines.get() + 1);
                    link.module.inject(link.now, Effect::Text(line.clone()));
                }
            });
            assert!(downloaded(&mut link, &content, 10) <= 1, "{family:?}");
            assert!(said.get() > 5, "{} lines came", said.get());
            let rest = link.run(on(get_from("/f", 14_288)), vec![]);
            assert_eq!(rest.content, &content[14_288..]);
        }
    }
}
