//! Operations one after the other on one emulated module that goes wrong in any way: each ends, and
//! what is called done was done.

#![no_main]

use arbitrary::Arbitrary;
use simcom_talk::dialogue::operation::{Download, Output, Task, Upload};
use simcom_emulator::{
    Effect, FailureForm, Family, Fault, Hearing, Knobs, OkOrder, Phase, Prompt, Trigger,
};
use simcom_talk::ftps::listing::{Entry, Lines};
use simcom_talk::ftps::value::Offset;
use libfuzzer_sys::fuzz_target;
use link::{Link, nasty, on, path, pieces};

#[path = "../../crates/simcom-emulator/tests/pair/link.rs"]
#[expect(dead_code, reason = "the tests use all of it")]
mod link;

/// A module, and what is done with it.
#[derive(Debug, Arbitrary)]
struct Course {
    a7670: bool,
    piecewise: bool,
    cut: u8,
    firmware: Firmware,
    faults: Vec<Wrong>,
    operations: Vec<What>,
}

/// What no document settles.
#[derive(Debug, Arbitrary)]
struct Firmware {
    echo: bool,
    blank: bool,
    order: u8,
    failure: u8,
    prompt: u8,
    chunk: u8,
    trailing: bool,
    empty_last: bool,
    hearing: u8,
}

/// One thing that goes wrong.
#[derive(Debug, Arbitrary)]
struct Wrong {
    command: u8,
    nth: u8,
    phase: u8,
    at: u16,
    effect: u8,
    count: u8,
}

/// One operation.
#[derive(Debug, Arbitrary)]
enum What {
    Put(u16),
    Get,
    Size,
    List,
    Delete,
}

const COMMANDS: [&str; 10] = [
    "+CFTPSSTART",
    "+CFTPSLOGIN",
    "+CFTPSLOGOUT",
    "+CFTPSTYPE",
    "+CFTPSSIZE",
    "+CFTPSGET",
    "+CFTPSPUT",
    "+CFTPSLIST",
    "+CFTPSDELE",
    "+CFTPSCACHERD",
];

fuzz_target!(|course: Course| {
    let family = if course.a7670 {
        Family::A7670
    } else {
        Family::Sim7600
    };
    let mut link = Link::new(family, course.firmware.knobs());
    if course.piecewise {
        link = link.piecewise();
    }
    link.cut = usize::from(course.cut).max(1);
    for fault in course.faults.iter().take(4) {
        link.module.arm(fault.fault());
    }
    // As it was last stored for certain; `None` where nobody can know.
    let mut known: Option<Option<Vec<u8>>> = Some(None);
    for what in course.operations.iter().take(6) {
        let before = link.file("/f");
        match what {
            What::Put(size) => {
                let content = nasty(usize::from(*size) % 6000);
                let outcome = link.run(on(upload()), pieces(&content));
                known = match outcome.result {
                    Ok(Output::Stored(stored)) if stored.confirmed.is_some() => {
                        assert!(
                            link.file("/f").as_ref() == Some(&content),
                            "stored something else"
                        );
                        Some(Some(content))
                    }
                    _ => None,
                };
            }
            What::Get => {
                let outcome = link.run(on(download()), vec![]);
                if let Ok(Output::Delivered(_)) = outcome.result {
                    assert!(
                        before.as_ref() == Some(&outcome.content),
                        "delivered something else"
                    );
                }
            }
            What::Size => {
                let outcome = link.run(on(Task::Size(path("/f"))), vec![]);
                if let Ok(Output::Size(size)) = outcome.result {
                    assert_eq!(before.map(|file| file.len() as u64), Some(size));
                }
            }
            What::List => {
                let outcome = link.run(on(Task::List(Some(path("/")))), vec![]);
                if outcome.result.is_ok() {
                    let mut lines = Lines::new();
                    let mut entries = lines.push(&outcome.content);
                    entries.extend(lines.finish());
                    let named = |entry: &Entry| entry.facts.as_ref().is_some_and(|f| f.name == "f");
                    let listed = entries.iter().any(named);
                    assert_eq!(listed, before.is_some());
                }
            }
            What::Delete => {
                let outcome = link.run(on(Task::DeleteFile(path("/f"))), vec![]);
                if outcome.result.is_ok() {
                    assert_eq!(link.file("/f"), None);
                    known = Some(None);
                }
            }
        }
        if let Some(known) = &known {
            assert!(
                link.file("/f") == *known,
                "changed by something that is no change"
            );
        }
    }
});

fn upload() -> Task {
    Task::Upload(Upload {
        path: path("/f"),
        must_be_new: false,
        verify_size: true,
        delete_on_failure: true,
        begun: None,
        at_hand: None,
    })
}

fn download() -> Task {
    Task::Download(Download::of(path("/f"), Offset::ZERO))
}

impl Firmware {
    fn knobs(&self) -> Knobs {
        Knobs {
            echo: self.echo,
            space_after_colon: self.blank,
            ok_order: pick(
                self.order,
                [OkOrder::Documented, OkOrder::OkFirst, OkOrder::ResultFirst],
            ),
            failure_form: pick(
                self.failure,
                [
                    FailureForm::Documented,
                    FailureForm::OkCode,
                    FailureForm::CodeError,
                    FailureForm::ErrorCode,
                    FailureForm::Error,
                ],
            ),
            prompt: pick(
                self.prompt,
                [Prompt::Sign, Prompt::SignBlank, Prompt::SignLine],
            ),
            chunk: usize::from(self.chunk),
            trailing_crlf: self.trailing,
            empty_last_frame: self.empty_last,
            typed_while_pushing: pick(self.hearing, [Hearing::Heard, Hearing::Kept, Hearing::Lost]),
            ..Knobs::default()
        }
    }
}

impl Wrong {
    fn fault(&self) -> Fault {
        let at = u64::from(self.at);
        let phase = pick(
            self.phase,
            [
                Phase::BeforeOk,
                Phase::BeforeResult,
                Phase::InHeader,
                Phase::InBlock(at),
                Phase::AtPrompt,
                Phase::InData(at),
                Phase::AfterData,
            ],
        );
        // Bytes that are lost and bytes that come twice could make up for each other, and no size
        // would tell: never both.
        let effect = pick(
            self.effect,
            [
                Effect::Silence,
                Effect::Reboot,
                Effect::PeerClosed,
                Effect::PdnDeactivated,
                Effect::Fail(u16::from(self.count % 17) + 1),
                Effect::Lose(u32::from(self.count)),
            ],
        );
        Fault {
            trigger: Trigger::Command {
                command: pick(self.command, COMMANDS).to_owned(),
                nth: u32::from(self.nth % 4) + 1,
                phase,
            },
            effect,
        }
    }
}

fn pick<T, const N: usize>(number: u8, from: [T; N]) -> T {
    let at = usize::from(number) % N;
    from.into_iter()
        .nth(at)
        .expect("the rest of a division is smaller than the divisor")
}
