//! Every operation under every combination of what the documents leave open.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use crate::link::{Link, Seen, inside, nasty, on, path, pieces};
use crate::storage::{alone, drive, file, transfer, write};
use crate::{get, put};
use simcom_emulator::{FailureForm, Family, Knobs, OkOrder, Prompt};
use simcom_talk::dialogue::failure::{Cause, Ending, Finding};
use simcom_talk::dialogue::operation::{Output, Standing, Task};
use simcom_talk::dialogue::{Failure, Moment, Operation};
use simcom_talk::ftps::question::Question;
use simcom_talk::ftps::storage::ModulePath;

/// Unsolicited lines (SIM7500/SIM7600 AT manual V3.00 and A76XX AT manual V1.09).
const NOISE: [&str; 12] = [
    "+CMTI: \"SM\",4",
    "RING",
    "+CREG: 1",
    "+CGEV: EPS PDN ACT 1",
    "PB DONE",
    "SMS DONE",
    "+CPIN: READY",
    "NO CARRIER",
    "UNDER-VOLTAGE WARNNING",
    "+CTZV: \"22/11/26,19:00:00+04\"",
    "+CGEV: ME PDN DEACT 8",
    "+CMTE: 1",
];

struct Variant {
    family: Family,
    knobs: Knobs,
    echo: bool,
    noise: bool,
    cut: usize,
}

fn variants(family: Family) -> Vec<Variant> {
    let mut variants = Vec::new();
    let prompts = [Prompt::Sign, Prompt::SignBlank, Prompt::SignLine];
    for ok_order in [OkOrder::Documented, OkOrder::OkFirst, OkOrder::ResultFirst] {
        for failure_form in [
            FailureForm::Documented,
            FailureForm::OkCode,
            FailureForm::CodeError,
            FailureForm::ErrorCode,
            FailureForm::Error,
        ] {
            for bits in 0..64u32 {
                let bit = |at: u32| bits >> at & 1 == 1;
                for cut in [1, 7, 4096] {
                    let turn = variants.len();
                    variants.push(Variant {
                        family,
                        knobs: Knobs {
                            ok_order,
                            failure_form,
                            space_after_colon: bit(0),
                            trailing_crlf: bit(3),
                            empty_last_frame: bit(4),
                            echo_data: bit(5),
                            chunk_random: turn % 2 == 0,
                            prompt: prompts[turn % 3],
                            ..Knobs::default()
                        },
                        echo: bit(1),
                        noise: bit(2),
                        cut,
                    });
                }
            }
        }
    }
    variants
}

/// Inserts a line every few steps, slower than the line carries it away.
fn noise(turn: usize, cut: usize) -> impl FnMut(&mut Link, &Seen) {
    let every = 5 + 60 / cut;
    let mut step = turn;
    move |link, _| {
        step += 1;
        if step.is_multiple_of(every) {
            link.module
                .inject_urc(link.now, NOISE[step / every % NOISE.len()]);
        }
    }
}

/// When the next operation is abandoned: after this many bytes were delivered, or when this command
/// was written.
#[derive(Clone, Copy)]
enum Leave {
    Delivered(usize),
    Written(&'static str),
}

/// Abandons an operation after a minute, so that throwing the rest away would cost more than an
/// abort.
fn leaving(leave: Rc<Cell<Option<Leave>>>) -> impl FnMut(&mut Link, &Seen) {
    move |link, seen| {
        let now = match leave.get() {
            None => false,
            Some(Leave::Delivered(bytes)) => seen.delivered >= bytes,
            Some(Leave::Written(line)) => said(&link.written, 0, line),
        };
        if now {
            leave.set(None);
            link.now += Duration::from_secs(60);
            let wish = Cause::Cancelled(Ending::Drained);
            link.dialogue.abandon(wish, Moment::after(link.now));
        }
    }
}

/// Whether a line was written, from this byte on.
fn said(written: &[u8], from: usize, line: &str) -> bool {
    written[from..]
        .windows(line.len())
        .any(|window| window == line.as_bytes())
}

struct Check<'a> {
    link: Link,
    leave: Rc<Cell<Option<Leave>>>,
    variant: &'a Variant,
    cases: &'a mut u64,
}

impl Check<'_> {
    fn run(
        &mut self,
        operation: Operation,
        content: Option<&[u8]>,
    ) -> (Result<Output, Failure>, Vec<u8>) {
        *self.cases += 1;
        if self.variant.echo {
            self.link.switch_echo_on();
        }
        let outcome = self
            .link
            .run(operation, content.map(pieces).unwrap_or_default());
        (outcome.result, outcome.content)
    }

    fn good(&mut self, operation: Operation) -> Output {
        let what = format!("{operation:?}");
        let (result, _) = self.run(operation, None);
        result.unwrap_or_else(|failure| panic!("{what}: {failure:?}"))
    }

    fn refused(&mut self, task: Task, finding: Finding) {
        let what = format!("{task:?}");
        let (result, content) = self.run(on(task), None);
        let failure = result.expect_err(&what);
        assert_eq!(failure.finding, Some(finding), "{what}: {failure:?}");
        assert!(content.is_empty());
    }

    fn round_trip(&mut self, name: &str, content: &[u8]) {
        self.run(on(put(name)), Some(content)).0.unwrap();
        assert_eq!(self.link.file(name).unwrap(), content);
        assert_eq!(
            self.good(on(Task::Size(path(name)))),
            Output::Size(content.len() as u64)
        );
        let (result, got) = self.run(on(get(name)), None);
        result.unwrap();
        assert_eq!(got, content);
    }

    /// An operation whose caller leaves in the middle.
    fn abandoned(&mut self, operation: Operation, leave: Leave) {
        let what = format!("{operation:?}");
        self.link.written.clear();
        self.leave.set(Some(leave));
        let (result, _) = self.run(operation, None);
        assert!(self.leave.get().is_none(), "{what} was over before");
        match result {
            Err(Failure {
                cause: Cause::Cancelled(ending),
                ..
            }) => {
                let aborted = said(&self.link.written, 0, "AT+CFTPSABORT\r");
                assert_eq!(aborted, ending == Ending::Aborted, "{what}: {ending:?}");
                *self.cases += u64::from(aborted);
            }
            other => panic!("{what}: {other:?}"),
        }
    }

    fn cancelled(&mut self) {
        let content = nasty(9000);
        self.link
            .peer()
            .files
            .insert(b"/long".to_vec(), content.clone());
        self.abandoned(on(get("/long")), Leave::Delivered(1));
        let (result, got) = self.run(on(get("/long")), None);
        result.unwrap();
        assert_eq!(got, content);
        let fetch = on(Task::Fetch(transfer(self.variant.family, "/long", 0)));
        self.abandoned(fetch.clone(), Leave::Written("CFTPSGETFILE=\"/long\""));
        self.good(fetch);
        self.good(alone(Task::DeleteModuleFile(file(
            self.variant.family,
            "long",
        ))));
        self.good(on(Task::DeleteFile(path("/long"))));
    }

    fn lists(&mut self, names: &[(&str, u64)]) {
        let root = ModulePath::root(drive(self.variant.family));
        let Output::ModuleFiles(files) = self.good(alone(Task::ListModule(root))) else {
            panic!("no list");
        };
        let found: Vec<_> = files
            .iter()
            .map(|(entry, size)| (entry.name.as_str(), size.unwrap()))
            .collect();
        assert_eq!(found, names);
    }

    fn module_files(&mut self) {
        let family = self.variant.family;
        let content = nasty(1700);
        self.link
            .peer()
            .files
            .insert(b"/f".to_vec(), content.clone());
        for (name, bytes) in [("g", &content[..]), ("none", b"")] {
            let store = write(file(family, name), bytes);
            self.run(store, Some(bytes)).0.unwrap();
        }
        self.good(on(Task::Fetch(transfer(family, "/f", 0))));
        self.lists(&[("f", 1700), ("g", 1700), ("none", 0)]);
        for (name, want) in [("f", &content[..]), ("g", &content[..]), ("none", b"")] {
            let (result, got) = self.run(alone(Task::ReadModuleFile(file(family, name))), None);
            result.unwrap();
            assert_eq!(got, want);
        }
        let Output::Space(space) = self.good(alone(Task::Space(Some(drive(family))))) else {
            panic!("no room told");
        };
        assert_eq!(space[0].used, 3400);
        self.good(on(Task::Send(transfer(family, "/g", 0))));
        assert_eq!(self.link.file("/g").unwrap(), content);
        self.refused(Task::Fetch(transfer(family, "/x", 0)), Finding::NameAbsent);
        for missing in [
            on(Task::Send(transfer(family, "/x", 0))),
            alone(Task::ReadModuleFile(file(family, "x"))),
            alone(Task::DeleteModuleFile(file(family, "x"))),
        ] {
            let failure = self.run(missing, None).0.unwrap_err();
            assert_eq!(failure.cause, Cause::NotOnModule, "{failure:?}");
        }
        for name in ["f", "g", "none"] {
            self.good(alone(Task::DeleteModuleFile(file(family, name))));
        }
        self.lists(&[]);
        for name in ["/f", "/g"] {
            self.good(on(Task::DeleteFile(path(name))));
        }
    }

    fn address_mode(&mut self) {
        let read = || alone(Task::ReadSingleIp);
        assert_eq!(self.good(read()), Output::SingleIp(true));
        self.good(Operation {
            standing: Standing::Started,
            task: Task::SingleIp(false),
        });
        assert_eq!(self.good(read()), Output::SingleIp(false));
    }

    fn questions(&mut self) {
        let asked = Question::forms();
        let (lines, typed) = (asked.len(), Question::new("AT+CGMM").unwrap());
        let ask = |questions| alone(Task::Ask(questions));
        let Output::Answers(answers) = self.good(ask(asked)) else {
            panic!("no answers");
        };
        assert_eq!(answers.len(), lines);
        let single_ip = answers
            .iter()
            .find(|answer| answer.line == "AT+CFTPSSINGLEIP=?")
            .unwrap();
        assert_eq!(single_ip.result, "OK");
        assert!(single_ip.info.iter().any(|line| line.contains("(0,1)")));
        let Output::Answers(answers) = self.good(ask(vec![typed])) else {
            panic!("no answer");
        };
        assert_eq!(answers[0].result, "OK");
        assert!(answers[0].info.iter().any(|line| line.contains("76")));
    }

    fn everything(&mut self) {
        let stand = |standing| Operation {
            standing,
            task: Task::Stand,
        };
        self.good(stand(Standing::Started));
        self.good(stand(Standing::Down));
        self.good(on(Task::MakeDirectory(path("/d"))));
        self.refused(Task::MakeDirectory(path("/d")), Finding::NamePresent);
        assert_eq!(
            self.good(on(Task::ChangeDirectory(path("/d")))),
            Output::Directory("/d".into())
        );
        assert_eq!(
            self.good(inside("/d", Task::WorkingDirectory)),
            Output::Directory("/d".into())
        );
        self.round_trip("/d/f", &nasty(3001));
        self.round_trip("/d/nine", b"ninebytes");
        self.round_trip("/d/none", b"");
        let (result, listing) = self.run(on(Task::List(Some(path("/d")))), None);
        result.unwrap();
        assert_eq!(String::from_utf8(listing).unwrap().lines().count(), 3);
        for task in [
            get("/d/x"),
            Task::Size(path("/d/x")),
            Task::DeleteFile(path("/d/x")),
        ] {
            self.refused(task, Finding::NameAbsent);
        }
        for name in ["/d/f", "/d/nine", "/d/none"] {
            self.good(on(Task::DeleteFile(path(name))));
        }
        self.good(on(Task::RemoveDirectory(path("/d"))));
        self.refused(Task::RemoveDirectory(path("/d")), Finding::NameAbsent);
        self.module_files();
        self.cancelled();
        self.address_mode();
        self.questions();
        self.good(stand(Standing::Down));
    }
}

fn matrix(family: Family, dress: fn(Link) -> Link, step: usize) {
    let mut cases = 0;
    let variants = variants(family);
    for (turn, variant) in variants.iter().enumerate().step_by(step) {
        let mut link = dress(Link::new(variant.family, variant.knobs.clone()));
        link.cut = variant.cut;
        let leave = Rc::new(Cell::new(None));
        let mut leaving = leaving(Rc::clone(&leave));
        let mut noise = variant.noise.then(|| noise(turn, variant.cut));
        link = link.with_script(move |link, seen| {
            leaving(link, seen);
            if let Some(noise) = &mut noise {
                noise(link, seen);
            }
        });
        let said = format!(
            "{:?} {:?} echo={} noise={} cut={}",
            variant.family, variant.knobs, variant.echo, variant.noise, variant.cut
        );
        let check = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            Check {
                link,
                leave,
                variant,
                cases: &mut cases,
            }
            .everything();
        }));
        assert!(check.is_ok(), "under {said}");
    }
    println!(
        "{family:?}: {cases} operations under {} variants",
        variants.len().div_ceil(step)
    );
}

#[test]
fn every_operation_is_right_under_every_answer_of_a_sim7600() {
    matrix(Family::Sim7600, |link| link, 1);
}

#[test]
fn every_operation_is_right_under_every_answer_of_an_a7670() {
    matrix(Family::A7670, |link| link, 1);
}

/// Every fifth variant. Five divides no cycle of any choice, so every choice is included.
#[test]
fn every_operation_is_right_in_pieces_under_every_answer_of_a_sim7600() {
    matrix(Family::Sim7600, Link::piecewise, 5);
}

#[test]
fn every_operation_is_right_in_pieces_under_every_answer_of_an_a7670() {
    matrix(Family::A7670, Link::piecewise, 5);
}
