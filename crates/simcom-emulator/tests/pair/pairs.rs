//! Two disturbances at once, every pair of them: each result is right, or the failure is honest and in time,
//! and once they have passed, results are right.
//!
//! More than 400 lines: this is one table of pairs of operations, with what each must lead to.

use std::time::Duration;

use crate::link::{Link, Outcome, nasty, on, path, pieces};
use crate::storage::{alone, drive};
use crate::{get, put};
use simcom_emulator::{Effect, Family, Fault, Knobs, OkOrder, Phase, Trigger};
use simcom_talk::dialogue::ladder::{Ladder, Limits};
use simcom_talk::dialogue::operation::{Output, Task};
use simcom_talk::ftps::storage::ModulePath;

/// Something that goes on around an operation, or happens to it.
struct Disturbance {
    name: &'static str,
    /// It loses nothing: whatever is asked meanwhile has its right result.
    harmless: bool,
    knobs: fn(&mut Knobs),
    begin: fn(&mut Link),
}

/// The second value of a pair that has only one.
const NOTHING: Disturbance = Disturbance {
    name: "nothing",
    harmless: true,
    knobs: |_| {},
    begin: |_| {},
};

/// Lines that come by themselves: at this interval, for this long from the beginning.
fn lines(link: &mut Link, texts: &[&str], every: u64, within: u64) {
    for (turn, at) in (every..within)
        .step_by(usize::try_from(every).unwrap())
        .enumerate()
    {
        link.module.arm(Fault {
            trigger: Trigger::After(Duration::from_millis(at)),
            effect: Effect::Text(texts[turn % texts.len()].into()),
        });
    }
}

/// The effect strikes in each of the first executions of a command.
fn in_each(link: &mut Link, command: &str, phase: Phase, effect: &Effect) {
    for nth in 1..8 {
        once(link, command, nth, phase, effect.clone());
    }
}

fn once(link: &mut Link, command: &str, nth: u32, phase: Phase, effect: Effect) {
    link.module.arm(Fault {
        trigger: Trigger::Command {
            command: command.into(),
            nth,
            phase,
        },
        effect,
    });
}

/// A line in all the places where something may be taken for it.
fn everywhere(link: &mut Link, line: &str) {
    let effect = Effect::Text(format!("\r\n{line}\r\n"));
    // In the first download, which is the second execution after the test command. It is torn there.
    once(link, "+CFTPSGET", 2, Phase::InBlock(1480), effect.clone());
    for command in ["+CFTPSSIZE", "+CFTPSPUT", "+CFTPSLIST", "+CFTPSLOGIN"] {
        in_each(link, command, Phase::BeforeResult, &effect);
    }
    for command in [
        "+FSLS",
        "+FSMEM",
        "+FSATTRI",
        "+CFTPSSIZE",
        "+CGMM",
        "+CPIN",
        "+CREG",
    ] {
        in_each(link, command, Phase::BeforeOk, &effect);
    }
}

fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}

const SENTENCE: &str = "$GNRMC,,V,,,,,,,,,,N,V*37\r\n";
const SPOILT: &str = "$GNRMC,,V,,,,,,,,,,N,V*38\r\n";

const fn harmless(name: &'static str, knobs: fn(&mut Knobs), begin: fn(&mut Link)) -> Disturbance {
    Disturbance {
        name,
        harmless: true,
        knobs,
        begin,
    }
}

const fn breaking(name: &'static str, knobs: fn(&mut Knobs), begin: fn(&mut Link)) -> Disturbance {
    Disturbance {
        name,
        harmless: false,
        knobs,
        begin,
    }
}

const DISTURBANCES: [Disturbance; 38] = [
    harmless(
        "sentences, ten a second",
        |_| {},
        |link| lines(link, &[SENTENCE], 100, 30_000),
    ),
    harmless(
        "sentences, one a second",
        |_| {},
        |link| lines(link, &[SENTENCE], 1000, 60_000),
    ),
    harmless(
        "sentences that a switch ends",
        |knobs| {
            knobs.chatter = SENTENCE.into();
            knobs.chatter_every = milliseconds(300);
            knobs.chatter_switch = "+CGNSSPORTSWITCH".into();
        },
        |_| {},
    ),
    breaking(
        "sentences with a wrong checksum",
        |_| {},
        |link| lines(link, &[SPOILT], 700, 20_000),
    ),
    harmless(
        "the registration comes and goes",
        |_| {},
        |link| {
            lines(
                link,
                &[
                    "\r\n+CREG: 2\r\n",
                    "\r\n+CREG: 1\r\n",
                    "\r\n+CEREG: 2\r\n",
                    "\r\n+CEREG: 1\r\n",
                ],
                500,
                30_000,
            );
        },
    ),
    harmless(
        "registered late",
        |knobs| knobs.registration_time = Duration::from_secs(12),
        |link| link.typed_before(b"AT+CFUN=4\rAT+CFUN=1\r"),
    ),
    harmless(
        "the SIM is busy",
        |knobs| knobs.sim_time = Duration::from_secs(5),
        |link| link.typed_before(b"AT+CFUN=0\rAT+CFUN=1\r"),
    ),
    harmless(
        "messages",
        |_| {},
        |link| {
            everywhere(link, "+CMTI: \"SM\",4");
            lines(link, &["\r\n+CMTI: \"SM\",5\r\n"], 900, 20_000);
        },
    ),
    harmless(
        "a call",
        |_| {},
        |link| {
            everywhere(link, "RING");
            lines(
                link,
                &["\r\nRING\r\n", "\r\n+CLIP: \"+15550100\",145,,,,0\r\n"],
                1200,
                30_000,
            );
        },
    ),
    harmless(
        "the SIM is told to be not ready",
        |_| {},
        |link| {
            once(
                link,
                "+CPIN",
                1,
                Phase::BeforeOk,
                Effect::Text("\r\n+CPIN: NOT READY\r\n".into()),
            );
            lines(link, &["\r\n+CPIN: NOT READY\r\n"], 1700, 6000);
        },
    ),
    harmless(
        "OPL UPDATING",
        |_| {},
        |link| everywhere(link, "OPL UPDATING"),
    ),
    harmless("PNN DONE", |_| {}, |link| everywhere(link, "PNN DONE")),
    harmless("CALL READY", |_| {}, |link| everywhere(link, "CALL READY")),
    harmless(
        "the voltage is low",
        |_| {},
        |link| {
            everywhere(link, "UNDER-VOLTAGE WARNNING");
            lines(link, &["\r\nUNDER-VOLTAGE WARNNING\r\n"], 2000, 40_000);
        },
    ),
    harmless(
        "lines of a late boot",
        |_| {},
        |link| {
            everywhere(link, "SMS DONE");
            lines(link, &["\r\nSMS DONE\r\n", "\r\nPB DONE\r\n"], 1300, 5000);
        },
    ),
    breaking(
        "a boot in the middle of a download",
        |knobs| knobs.boot_time = Duration::from_secs(5),
        |link| {
            once(link, "+CFTPSGET", 2, Phase::InBlock(3000), Effect::Reboot);
        },
    ),
    breaking(
        "a boot in the middle of an upload",
        |knobs| knobs.boot_time = Duration::from_secs(5),
        |link| {
            once(link, "+CFTPSPUT", 2, Phase::InData(3000), Effect::Reboot);
        },
    ),
    breaking(
        "a boot in the middle of a listing of the module",
        |knobs| knobs.boot_time = Duration::from_secs(5),
        |link| {
            once(link, "+FSLS", 2, Phase::BeforeOk, Effect::Reboot);
        },
    ),
    harmless("the radio is off", |knobs| knobs.functionality = 0, |_| {}),
    harmless("in flight mode", |knobs| knobs.functionality = 4, |_| {}),
    harmless(
        "an echo that cannot be switched off",
        |knobs| knobs.refuse.push("E".into()),
        |_| {},
    ),
    harmless(
        "reasons as numbers",
        |knobs| {
            knobs.cmee = 1;
            knobs.refuse.push("+CMEE".into());
        },
        |_| {},
    ),
    harmless(
        "no reasons",
        |knobs| {
            knobs.cmee = 0;
            knobs.refuse.push("+CMEE".into());
        },
        |_| {},
    ),
    harmless(
        "results before OK",
        |knobs| knobs.ok_order = OkOrder::ResultFirst,
        |_| {},
    ),
    harmless(
        "OK before results",
        |knobs| knobs.ok_order = OkOrder::OkFirst,
        |_| {},
    ),
    harmless(
        "no blank behind the colon",
        |knobs| knobs.space_after_colon = false,
        |_| {},
    ),
    harmless("seven bytes at a time", |_| {}, |link| link.cut = 7),
    harmless(
        "slow answers",
        |knobs| {
            knobs.command_latency = Duration::from_secs(1);
            knobs.result_latency = Duration::from_secs(3);
        },
        |_| {},
    ),
    harmless(
        "blocks of any length, a line end behind each",
        |knobs| {
            knobs.chunk_random = true;
            knobs.trailing_crlf = true;
        },
        |_| {},
    ),
    breaking(
        "the server closes the connection",
        |_| {},
        |link| {
            once(
                link,
                "+CFTPSGET",
                2,
                Phase::InBlock(3000),
                Effect::PeerClosed,
            );
            once(
                link,
                "+CFTPSPUT",
                2,
                Phase::InData(2000),
                Effect::PeerClosed,
            );
        },
    ),
    breaking(
        "the network closes the context",
        |_| {},
        |link| {
            once(
                link,
                "+CFTPSSIZE",
                1,
                Phase::BeforeOk,
                Effect::PdnDeactivated,
            );
            once(
                link,
                "+CFTPSPUT",
                2,
                Phase::BeforeResult,
                Effect::PdnDeactivated,
            );
        },
    ),
    harmless(
        "another context goes",
        |_| {},
        |link| {
            everywhere(link, "+CGEV: NW PDN DEACT 8");
            lines(link, &["\r\n+CGEV: EPS PDN ACT 8\r\n"], 1100, 9000);
        },
    ),
    harmless(
        "the network tells the time",
        |_| {},
        |link| {
            everywhere(link, "*PSUTTZ: 26/11/27,20:00:00\",\"+32\",0");
            lines(
                link,
                &[
                    "\r\n+CTZV: 26/11/27,20:00:00,+32\r\n",
                    "\r\n+CTZE: +32,0\r\n",
                ],
                800,
                9000,
            );
        },
    ),
    harmless(
        "the SIM has a menu",
        |_| {},
        |link| everywhere(link, "+STIN: 25"),
    ),
    breaking(
        "the module is busy",
        |_| {},
        |link| {
            once(link, "+CFTPSLOGIN", 1, Phase::BeforeResult, Effect::Fail(3));
            once(link, "+CFTPSLIST", 1, Phase::BeforeResult, Effect::Fail(3));
        },
    ),
    breaking(
        "an answer is lost",
        |_| {},
        |link| {
            once(link, "+CFTPSSIZE", 2, Phase::BeforeOk, Effect::Lose(9));
        },
    ),
    breaking(
        "bytes slip into content",
        |_| {},
        |link| {
            once(
                link,
                "+CFTPSGET",
                2,
                Phase::InBlock(2000),
                Effect::Garbage(5),
            );
        },
    ),
    breaking(
        "a data connection fails",
        |_| {},
        |link| {
            once(link, "+CFTPSGET", 2, Phase::BeforeResult, Effect::Fail(14));
            once(link, "+CFTPSPUT", 2, Phase::BeforeResult, Effect::Fail(14));
        },
    ),
];

/// In either, a harmless disturbance may make everything wait: the module may restart and search for a network.
const HARMLESS: Duration = Duration::from_secs(90);
const BREAKING: Duration = Duration::from_secs(200);
/// By then all of them have passed.
const PASSED: Duration = Duration::from_secs(900);

struct Pair<'a> {
    what: String,
    family: Family,
    link: &'a mut Link,
    content: &'a [u8],
    /// Every result must be right.
    strict: bool,
}

impl Pair<'_> {
    /// The outcome, within the time that it may take. `None` where it failed and was allowed to.
    fn run(&mut self, named: &str, task: Task, source: &[u8]) -> Option<Outcome> {
        let operation = match task {
            Task::ListModule(_) | Task::Space(_) => alone(task),
            task => on(task),
        };
        let source = if source.is_empty() {
            vec![]
        } else {
            pieces(source)
        };
        let outcome = self.link.run(operation, source);
        let what = format!(
            "{}: {named}: {:?} after {:?}",
            self.what, outcome.result, outcome.took
        );
        let within = if self.strict { HARMLESS } else { BREAKING };
        assert!(outcome.took <= within, "{what}");
        assert!(outcome.result.is_ok() || !self.strict, "{what}");
        outcome.result.is_ok().then_some(outcome)
    }

    fn all(&mut self) {
        let content = self.content;
        if let Some(got) = self.run("get", get("/f"), &[]) {
            assert!(got.content == content, "{}: other content", self.what);
        }
        if let Some(put) = self.run("put", put("/g"), content) {
            let Ok(Output::Stored(stored)) = put.result else {
                panic!("{}: {:?}", self.what, put.result)
            };
            // Where neither the module's report nor the size is known, the caller is told so.
            let known = stored.acknowledged || stored.confirmed.is_some();
            assert!(known || !self.strict, "{}: {stored:?}", self.what);
            let there = self.link.file("/g").unwrap_or_default();
            let same = there
                .iter()
                .zip(content)
                .take_while(|(a, b)| a == b)
                .count();
            let what = format!(
                "{}: {stored:?}, {} bytes, the same {same}",
                self.what,
                there.len()
            );
            assert!(!known || there == content, "{what}");
        }
        if let Some(list) = self.run("list", Task::List(Some(path("/d"))), &[]) {
            let list = String::from_utf8(list.content).unwrap();
            let names = list.lines().map(|line| line.rsplit(' ').next().unwrap());
            let names: Vec<_> = names.collect();
            let want: Vec<_> = (0..40).map(|at| format!("name-{at:02}")).collect();
            assert_eq!(names, want, "{}", self.what);
        }
        let root = ModulePath::root(drive(self.family));
        if let Some(list) = self.run("list of the module", Task::ListModule(root), &[]) {
            let Ok(Output::ModuleFiles(files)) = list.result else {
                panic!("{}", self.what)
            };
            let names: Vec<_> = files
                .iter()
                .map(|(entry, size)| (entry.name.as_str(), *size))
                .collect();
            assert_eq!(
                names,
                [("a.txt", Some(3)), ("b.txt", Some(3))],
                "{}",
                self.what
            );
        }
        if let Some(space) = self.run("room", Task::Space(None), &[]) {
            let Ok(Output::Space(spaces)) = space.result else {
                panic!("{}", self.what)
            };
            assert!(spaces.len() >= 2, "{}: {spaces:?}", self.what);
        }
    }
}

fn try_both(first: &Disturbance, second: &Disturbance, family: Family) {
    let mut knobs = Knobs {
        command_latency: milliseconds(30),
        result_latency: milliseconds(80),
        ..Knobs::default()
    };
    (first.knobs)(&mut knobs);
    (second.knobs)(&mut knobs);
    let content = nasty(7000);
    let mut link = Link::new(family, Knobs::default()).with_file("/f", &content);
    link.peer().directories.insert(b"/d".to_vec());
    for at in 0..40 {
        let name = format!("/d/name-{at:02}").into_bytes();
        link.peer().files.insert(name, b"x".to_vec());
    }
    // The files that the module holds, written by another host.
    for name in ["a.txt", "b.txt"] {
        let file = ModulePath::of_remote(drive(family), name).unwrap();
        link.typed_before(format!("AT+CFTRANRX=\"{}\",3\r", file.as_str()).as_bytes());
        link.typed_before(b"abc");
    }
    // The disturbances begin only now: some of the knobs are read at power-up.
    *link.module.knobs_mut() = knobs.clone();
    if knobs.functionality != 1 {
        link.typed_before(format!("AT+CFUN={}\r", knobs.functionality).as_bytes());
    }
    link.ladder = Some(Ladder::new(Limits::default()));
    (first.begin)(&mut link);
    (second.begin)(&mut link);
    link.set_script(|link, _| link.plugged = true);
    let mut pair = Pair {
        what: format!("{family:?}: {} and {}", first.name, second.name),
        family,
        strict: first.harmless && second.harmless,
        link: &mut link,
        content: &content,
    };
    pair.all();
    // All disturbances have passed while nobody was asking.
    pair.link.rest(PASSED);
    pair.strict = true;
    pair.what += ", once both have passed";
    pair.all();
}

#[test]
fn every_pair_of_disturbances_leaves_results_right_or_failures_honest() {
    let table = &DISTURBANCES;
    let mut pairs: Vec<(&Disturbance, &Disturbance, Family)> = Vec::new();
    for (at, first) in table.iter().enumerate() {
        pairs.push((first, &NOTHING, Family::Sim7600));
        pairs.push((first, &NOTHING, Family::A7670));
        for (behind, second) in table.iter().enumerate().skip(at + 1) {
            // The families take turns: each disturbance meets about half of the others on either family.
            let family = if (at + behind) % 2 == 0 {
                Family::Sim7600
            } else {
                Family::A7670
            };
            pairs.push((first, second, family));
        }
    }
    let half = pairs.len() / 2;
    let failures = std::thread::scope(|scope| {
        let parts = [&pairs[..half], &pairs[half..]];
        let threads = parts.map(|part| {
            scope.spawn(move || {
                let tried = part.iter().filter_map(|(first, second, family)| {
                    std::panic::catch_unwind(|| try_both(first, second, *family)).err()
                });
                tried.count()
            })
        });
        threads
            .map(|thread| thread.join().unwrap())
            .iter()
            .sum::<usize>()
    });
    assert_eq!(failures, 0, "of {} pairs; each is told above", pairs.len());
}
