//! Conversations with real modules, from documents and logs, replayed against both sides of the
//! wire. `README.md` in this folder describes the files and how to add one.

#![expect(
    clippy::print_stdout,
    reason = "a count says that nothing was left out"
)]

mod cut;
mod format;
mod frames;
mod host;
mod module;
mod read;
mod task;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use cut::Cut;
use format::{By, Form, Level, Transcript, Whose};

/// A level, how it is replayed, and whose bytes it cuts.
type Replay = (
    Level,
    fn(&Transcript, Cut) -> Result<(), String>,
    fn(&Transcript) -> usize,
);

const REPLAYS: [Replay; 3] = [
    (Level::Frames, frames::replay, |transcript| {
        length(transcript, By::Module, Whose::Ours)
    }),
    (Level::Host, host::replay, |transcript| {
        length(transcript, By::Module, Whose::Theirs)
    }),
    (Level::Module, module::replay, |transcript| {
        length(transcript, By::Host, Whose::Ours)
    }),
];

#[test]
fn every_transcript_holds_however_its_bytes_are_cut() -> Result<(), Box<dyn Error>> {
    let mut problems = Vec::new();
    let mut counts = [0usize; 3];
    let mut cuts = 0usize;
    let files = files()?;
    for path in &files {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let transcript = match Transcript::parse(&fs::read_to_string(path)?) {
            Ok(transcript) => transcript,
            Err(problem) => {
                problems.push(format!("{name}: {problem}"));
                continue;
            }
        };
        let mut levels = Vec::new();
        for ((level, replay, len), count) in REPLAYS.iter().zip(&mut counts) {
            if let Some(reason) = transcript.without.get(level) {
                levels.push(format!("not {level:?}: {reason}"));
                continue;
            }
            levels.push(format!("{level:?}"));
            *count += 1;
            for cut in Cut::all(len(&transcript)) {
                cuts += 1;
                if let Err(problem) = replay(&transcript, cut) {
                    problems.push(format!("{name}: {level:?}, {cut:?}: {problem}"));
                    break;
                }
            }
        }
        println!("{name}: {} [{}]", transcript.title, levels.join(", "));
    }
    println!(
        "{} transcripts; replayed as frames {}, to our host {}, to the emulated module {}; \
         {cuts} ways of cutting",
        files.len(),
        counts[0],
        counts[1],
        counts[2],
    );
    assert!(files.len() >= 40, "transcripts are missing");
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    Ok(())
}

#[test]
fn a_transcript_that_is_wrong_is_found_at_every_level() {
    const RIGHT: &str = "@title t\n@source s\n@family sim7600\n@given logged-in\n@file /f \\{30}a\n\
        @do get /f\n\
        +> AT+CFTPSSIZE=\"/f\"\n+< OK\n+< +CFTPSSIZE: 30\n\
        > AT+CFTPSGET=\"/f\"\n< OK\n< +CFTPSGET: DATA,30\n<| \\{30}a\n< +CFTPSGET: 0\n\
        @gives content 30\n";
    let replayed = |text: &str| {
        let transcript = Transcript::parse(text).unwrap();
        REPLAYS.map(|(_, replay, _)| replay(&transcript, Cut::Lines).is_ok())
    };
    assert_eq!(replayed(RIGHT), [true, true, true]);
    for (from, to, want) in [
        // Another word of the host: this host does not send it, and the module does not know it.
        ("> AT+CFTPSGET", "> AT+CFTPSGOT", [true, false, false]),
        // Another word of the module: this host waits in vain, and the emulator does not send it.
        ("< +CFTPSGET: 0", "< +CFTPSGUT: 0", [true, false, false]),
        // Other content on the server.
        ("@file /f \\{30}a", "@file /f \\{30}b", [true, true, false]),
        // Another outcome.
        (
            "@gives content 30",
            "@gives content 31",
            [true, false, true],
        ),
        // A line in no known form.
        ("<| \\{30}a", "<~ \\r\\r\\r\\r", [true, false, false]),
    ] {
        let wrong = RIGHT.replace(from, to);
        match Transcript::parse(&wrong) {
            Ok(_) => assert_eq!(replayed(&wrong), want, "{to}"),
            Err(problem) => assert!(problem.contains("missing"), "{to}: {problem}"),
        }
    }
    let prompt = "@title t\n@source s\n@family sim7600\n@given started\n@without host: x\n<? OK\n";
    assert!(!replayed(prompt)[0]);
}

#[test]
fn what_no_level_replays_is_only_legacy() -> Result<(), Box<dyn Error>> {
    for path in files()? {
        let text = fs::read_to_string(&path)?;
        let transcript = Transcript::parse(&text)?;
        let neither = [Level::Host, Level::Module]
            .iter()
            .all(|level| transcript.without.contains_key(level));
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        assert_eq!(neither, name.starts_with("legacy-"), "{name}");
        let content = transcript
            .said(Whose::Ours)
            .any(|said| said.form == Form::Content);
        assert!(
            !neither || content,
            "{name} shows nothing that the framer could get wrong"
        );
    }
    Ok(())
}

fn files() -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "at") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn length(transcript: &Transcript, by: By, not: Whose) -> usize {
    let said = transcript.said(not).filter(|said| said.by == by);
    said.map(|said| said.bytes.len()).sum()
}
