//! Every fault, in every phase of every command: the right bytes or an honest error, and the next
//! operation works.

use std::collections::BTreeMap;

use crate::link::{Link, Outcome, nasty, on, path, pieces};
use crate::{get, put};
use simcom_emulator::{Effect, Family, Fault, Knobs, Phase, Trigger};
use simcom_talk::dialogue::operation::{Output, Piece, Task};

/// What can happen, with a name for the table.
fn effects() -> Vec<(&'static str, Effect)> {
    let text = |text: &str| Effect::Text(text.into());
    let mut effects = vec![
        ("silence", Effect::Silence),
        ("reboot", Effect::Reboot),
        ("hangup", Effect::Hangup),
        ("peer closed", Effect::PeerClosed),
        ("network lost", Effect::PdnDeactivated),
        ("byte lost", Effect::Lose(1)),
        ("bytes lost", Effect::Lose(40)),
        ("byte doubled", Effect::Duplicate(1)),
        ("bytes doubled", Effect::Duplicate(9)),
        ("garbage", Effect::Garbage(5)),
        ("unsolicited line", text("\r\n+CMTI: \"SM\",4\r\n")),
        ("bare unsolicited line", text("\r\nRING\r\n")),
        ("stray OK", text("\r\nOK\r\n")),
        ("stray ERROR", text("\r\nERROR\r\n")),
        ("stray report", text("\r\n+CFTPSCWD: 0\r\n")),
        ("report of the last command", text("\r\n+CFTPSSIZE: 7\r\n")),
        ("prompt from nowhere", text("\r\n>")),
        ("end of a download", text("\r\n+CFTPSGET: 0\r\n")),
        ("header from nowhere", text("\r\n+CFTPSGET: DATA,9\r\n")),
        ("much garbage", Effect::Garbage(300)),
    ];
    for code in [1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 13, 14, 16, 17, 421] {
        effects.push(("error code", Effect::Fail(code)));
    }
    effects
}

const COMMANDS: [&str; 12] = [
    "+CFTPSSTART",
    "+CFTPSSINGLEIP",
    "+CFTPSLOGIN",
    "+CFTPSTYPE",
    "+CFTPSSIZE",
    "+CFTPSGET",
    "+CFTPSPUT",
    "+CFTPSLIST",
    "+CFTPSMKD",
    "+CFTPSDELE",
    "+CFTPSPWD",
    "+CFTPSLOGOUT",
];

fn phases(command: &str) -> Vec<Phase> {
    let mut phases = vec![Phase::BeforeOk, Phase::BeforeResult];
    match command {
        "+CFTPSGET" | "+CFTPSLIST" | "+CFTPSCACHERD" => phases.extend([
            Phase::InHeader,
            Phase::InBlock(1),
            Phase::InBlock(20),
            Phase::InBlock(1000),
            Phase::InBlock(2999),
        ]),
        "+CFTPSPUT" => phases.extend([
            Phase::AtPrompt,
            Phase::InData(1),
            Phase::InData(1500),
            Phase::AfterData,
        ]),
        _ => {}
    }
    phases
}

/// The operations that use a command.
fn tasks(command: &str) -> Vec<Task> {
    match command {
        "+CFTPSGET" | "+CFTPSCACHERD" => vec![get("/down")],
        "+CFTPSPUT" => vec![put("/up"), put("/down")],
        "+CFTPSSIZE" => vec![get("/down"), put("/up"), Task::Size(path("/down"))],
        "+CFTPSLIST" => vec![Task::List(Some(path("/"))), Task::Size(path("/nine"))],
        "+CFTPSMKD" => vec![Task::MakeDirectory(path("/new"))],
        "+CFTPSDELE" => vec![Task::DeleteFile(path("/nine"))],
        "+CFTPSPWD" => vec![Task::WorkingDirectory],
        _ => vec![get("/down"), put("/up"), Task::Size(path("/nine"))],
    }
}

fn link(family: Family, content: &[u8]) -> Link {
    let mut link = Link::new(family, Knobs::default())
        .with_file("/down", content)
        .with_file("/nine", b"ninebytes");
    for name in 0..60 {
        link.peer()
            .files
            .insert(format!("/filler-{name:03}").into_bytes(), vec![0; 100]);
    }
    link
}

/// Whether the result of the operation is true.
fn is_true(link: &mut Link, task: &Task, outcome: &Outcome, content: &[u8], upload: &[u8]) -> bool {
    match (task, &outcome.result) {
        (Task::Download(_), Ok(_)) => outcome.content == content,
        (Task::Download(_), Err(failure)) => {
            content.starts_with(&outcome.content)
                && failure
                    .committed
                    .is_none_or(|bytes| bytes >= outcome.content.len() as u64)
        }
        (Task::Upload(what), Ok(Output::Stored(stored))) => {
            let file = link.file(what.path.as_str());
            stored.confirmed.is_none() && !stored.acknowledged || file.as_deref() == Some(upload)
        }
        (Task::Size(file), Ok(output)) => {
            let size = link.file(file.as_str()).unwrap().len() as u64;
            *output == Output::Size(size)
        }
        (Task::List(_), Ok(_)) => {
            let text = String::from_utf8_lossy(&outcome.content).into_owned();
            text.lines().count() == 62 && text.lines().all(|line| line.starts_with("-rw-r--r-- 1"))
        }
        (Task::MakeDirectory(_), Ok(_)) => link.peer().directories.contains(&b"/new"[..]),
        (Task::DeleteFile(_), Ok(_)) => link.file("/nine").is_none(),
        (Task::WorkingDirectory, Ok(output)) => *output == Output::Directory("/".into()),
        (_, result) => result.is_err(),
    }
}

/// A family, and how the link to it is set up.
type Dress = (Family, fn(Link) -> Link);

/// Runs one case. Returns the name of its outcome.
fn case(
    (family, dress): Dress,
    command: &str,
    phase: Phase,
    nth: u32,
    effect: &Effect,
    task: &Task,
) -> &'static str {
    let content = nasty(5000);
    let upload: Vec<u8> = nasty(4000).into_iter().rev().collect();
    let mut link = dress(link(family, &content)).with_script(|link, _| link.plugged = true);
    if nth > 1 || command == "+CFTPSLOGOUT" {
        link.run(on(task_before(task)), vec![]).result.unwrap();
    }
    link.module.arm(Fault {
        trigger: Trigger::Command {
            command: command.into(),
            nth,
            phase,
        },
        effect: effect.clone(),
    });
    let operation = if command == "+CFTPSLOGOUT" {
        crate::link::at("other.example", Task::WorkingDirectory)
    } else {
        on(task.clone())
    };
    let what = format!("{family:?} {effect:?} in {command} {nth} {phase:?} of {task:?}");
    let sources: Vec<Piece> = pieces(&upload);
    let outcome = link.run(operation, sources);
    if command != "+CFTPSLOGOUT" {
        assert!(
            is_true(&mut link, task, &outcome, &content, &upload),
            "{what}: {:?}",
            outcome.result
        );
    }
    if matches!(effect, Effect::Silence) {
        link.module.power_cycle(link.now);
    }
    // Whatever happened, the next operation works, or the one after it where the fault waited for
    // the next.
    let mut again = link.run(on(Task::Size(path("/filler-000"))), vec![]);
    if again.result.is_err() {
        link.module.power_cycle(link.now);
        again = link.run(on(Task::Size(path("/filler-000"))), vec![]);
    }
    assert!(
        again.result == Ok(Output::Size(100)),
        "after {what}: {:?}",
        again.result
    );
    if outcome.result.is_ok() {
        "right"
    } else {
        "honest error"
    }
}

/// An operation before, so that the fault strikes a module at work.
fn task_before(task: &Task) -> Task {
    match task {
        Task::Upload(_) | Task::Download(_) | Task::Size(_) => Task::WorkingDirectory,
        _ => Task::Stand,
    }
}

fn matrix((family, dress): Dress, commands: &[&str]) {
    let mut table: BTreeMap<(&'static str, &'static str), u64> = BTreeMap::new();
    let mut cases = 0u64;
    let mut wrong = Vec::new();
    for command in commands.iter().copied() {
        for phase in phases(command) {
            for (name, effect) in effects() {
                for task in tasks(command) {
                    // A test command at bring-up counts as an execution.
                    for nth in [1, 2, 3] {
                        cases += 1;
                        let run = std::panic::catch_unwind(|| {
                            case((family, dress), command, phase, nth, &effect, &task)
                        });
                        match run {
                            Ok(outcome) => *table.entry((name, outcome)).or_default() += 1,
                            Err(_) => {
                                wrong.push(format!("{command} {nth} {phase:?} {effect:?} {task:?}"))
                            }
                        }
                    }
                }
            }
        }
    }
    println!("{family:?}: {cases} cases");
    for ((name, outcome), count) in &table {
        println!("  {name:24} {outcome:14} {count:6}");
    }
    assert!(
        wrong.is_empty(),
        "{} of {cases} wrong: {wrong:#?}",
        wrong.len()
    );
}

#[test]
fn sim7600_faults_end_in_the_right_bytes_or_an_honest_error() {
    matrix((Family::Sim7600, |link| link), &COMMANDS);
}

#[test]
fn a7670_faults_end_in_the_right_bytes_or_an_honest_error() {
    matrix((Family::A7670, |link| link), &COMMANDS);
}

#[test]
fn faults_in_pieces_end_in_the_right_bytes_or_an_honest_error() {
    let commands = ["+CFTPSGET", "+CFTPSCACHERD", "+CFTPSPUT"];
    matrix((Family::Sim7600, Link::piecewise), &commands);
    matrix((Family::A7670, Link::piecewise), &["+CFTPSPUT"]);
}

/// The block took the doubled byte as content, and its last byte stayed outside. The size was right.
#[test]
fn a_byte_doubled_in_a_counted_block_is_not_taken_for_content() {
    for family in [Family::Sim7600, Family::A7670] {
        for effect in [1, 9]
            .map(Effect::Duplicate)
            .into_iter()
            .chain([5, 300].map(Effect::Garbage))
        {
            for (nth, at) in [(2, 1), (2, 1500), (3, 1), (3, 1500)] {
                for task in tasks("+CFTPSPUT") {
                    let dress: Dress = (family, Link::piecewise);
                    case(dress, "+CFTPSPUT", Phase::InData(at), nth, &effect, &task);
                }
            }
        }
    }
}
