//! The table of `docs/commands.md` is true: what it names exists, and every form of every command in it is
//! sent to every server.

use std::collections::BTreeSet;
use std::fs;

use crate::support::site::Family;
use crate::support::tools;

/// A row of the table: some forms of a command.
struct Row {
    /// As it is typed: `AT+CFTPSMKD`.
    command: String,
    forms: Vec<Form>,
    /// What holds its answers, in `tests/transcripts`; without the ending.
    transcripts: Vec<String>,
    /// Where it is carried out on real servers, in `tests/end_to_end`; without the ending.
    end_to_end: Vec<String>,
}

/// The four forms of a command (V.250 §5.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    Test,
    Read,
    Write,
    Execute,
}

/// Commands that the A76xx does not have (A76XX AT manual V1.09 §17).
const SIM7600_ALONE: [&str; 2] = ["AT+CFTPSCACHERD", "AT+CFTPSABORT"];

/// A form that is sent only where a directory cannot be entered (`tests/pair/listing.rs`): servers differ
/// in what they make of the path.
const LAST_RESORT: (&str, Form) = ("AT+CFTPSLIST", Form::Write);

/// Compares a daemon's log with the table: every form of every command of the family went over the line.
/// The callers have checked that each result was right.
pub(crate) fn every_form_was_said(family: Family, log: &str) {
    let lines = log.lines().filter_map(|line| line.split_once("line=AT+"));
    let said: BTreeSet<(String, Form)> = lines.filter_map(|(_, line)| said(line)).collect();
    for row in rows() {
        let lacks = family == Family::A7670 && SIM7600_ALONE.contains(&row.command.as_str());
        for form in row.forms {
            if (row.command.as_str(), form) == LAST_RESORT {
                continue;
            }
            // The test form may be sent for a command that a family lacks, and no other form.
            if lacks && form == Form::Execute {
                assert!(!said.contains(&(row.command.clone(), form)));
            } else {
                assert!(
                    said.contains(&(row.command.clone(), form)),
                    "{family:?}: {} was never said in the form {form:?}",
                    row.command
                );
            }
        }
    }
}

#[test]
fn the_table_of_commands_names_what_is_there() {
    let rows = rows();
    let commands: BTreeSet<&str> = rows.iter().map(|row| row.command.as_str()).collect();
    assert_eq!(commands.len(), 19);
    for row in &rows {
        let what = format!("{} {:?}", row.command, row.forms);
        assert!(!row.forms.is_empty(), "{what}: no form");
        assert!(
            !row.end_to_end.is_empty(),
            "{what}: no test on real servers"
        );
        for name in &row.end_to_end {
            let file = tools::source(&format!("tests/end_to_end/{name}.rs"));
            assert!(file.is_file(), "{what}: {} is missing", file.display());
        }
        let mut replayed = BTreeSet::new();
        for name in &row.transcripts {
            let file = tools::source(&format!("tests/transcripts/{name}.at"));
            let text = fs::read_to_string(&file)
                .unwrap_or_else(|error| panic!("{what}: {}: {error}", file.display()));
            let lines = text.lines().filter_map(|line| line.split_once("> AT+"));
            replayed.extend(lines.filter_map(|(_, line)| said(line)));
        }
        for form in &row.forms {
            let held = replayed.contains(&(row.command.clone(), *form));
            assert!(
                held || row.transcripts.is_empty(),
                "{what}: no transcript of the row has {form:?}"
            );
        }
    }
}

/// The command and form of a line. `line` is what follows `AT+`.
fn said(line: &str) -> Option<(String, Form)> {
    let line = line.trim_end();
    let end = line.find(|c: char| !c.is_ascii_alphanumeric());
    let (name, rest) = line.split_at(end.unwrap_or(line.len()));
    let form = match rest {
        "" => Form::Execute,
        "?" => Form::Read,
        "=?" => Form::Test,
        rest if rest.starts_with('=') => Form::Write,
        _ => return None,
    };
    Some((format!("AT+{name}"), form))
}

fn rows() -> Vec<Row> {
    let table = tools::source("docs/commands.md");
    let text = fs::read_to_string(table).expect("the documentation is there");
    let mut command = String::new();
    let mut rows = Vec::new();
    for line in text.lines().filter(|line| line.starts_with('|')).skip(2) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [_, name, forms, _, transcripts, end_to_end] = cells.as_slice() else {
            panic!("not six cells: {line}");
        };
        if let [name] = quoted(name).as_slice() {
            name.clone_into(&mut command);
        }
        let letters = forms.split(|c: char| !c.is_ascii_alphabetic());
        let forms = letters.filter_map(|letter| match letter {
            "T" => Some(Form::Test),
            "R" => Some(Form::Read),
            "W" => Some(Form::Write),
            "E" => Some(Form::Execute),
            _ => None,
        });
        rows.push(Row {
            command: command.clone(),
            forms: forms.collect(),
            transcripts: quoted(transcripts),
            end_to_end: quoted(end_to_end),
        });
    }
    rows
}

/// The texts between backticks.
fn quoted(cell: &str) -> Vec<String> {
    let parts = cell.split('`').skip(1).step_by(2);
    parts.map(str::to_owned).collect()
}
