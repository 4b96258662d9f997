//! What completes the command line: the daemon is asked for profiles, transfers and names on a server.
//!
//! A person waits for it with a key pressed, so that each question has little time, and nothing is said where it
//! fails.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::time::Duration;

use clap::Parser as _;
use clap_complete::engine::{ArgValueCandidates, ArgValueCompleter, CompletionCandidate};
use tokio::runtime::Builder;

use crate::args::Args;
use crate::glob::name_in;
use crate::output::words;
use crate::remote::join;
use cellftp::client::{Client, EntryKind, ServerPath, Target};

/// How long a question to the daemon itself may take.
const DAEMON: Duration = Duration::from_secs(2);

/// How long a listing of the server may take: a login over the module takes some seconds.
const SERVER: Duration = Duration::from_secs(10);

/// Completes the names of profiles.
pub(crate) fn profiles() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let found = ask(DAEMON, async |_, client| client.profiles().await.ok());
        let found = found.unwrap_or_default().into_iter();
        found
            .map(|profile| CompletionCandidate::new(profile.name))
            .collect()
    })
}

/// Completes the names of transfers.
pub(crate) fn transfers() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let found = ask(DAEMON, async |_, client| client.transfers().await.ok());
        let found = found.unwrap_or_default().into_iter();
        let candidate = |transfer: cellftp::client::Transfer| {
            let state = words(transfer.state().as_str_name(), "TRANSFER_STATE_");
            let help = format!("{state} {}", transfer.path);
            CompletionCandidate::new(transfer.transfer_id).help(Some(help.into()))
        };
        found.map(candidate).collect()
    })
}

/// Completes paths on the server: one listing, of the directory that is written so far.
pub(crate) fn remote() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        let written = current.as_bytes();
        let end = written
            .iter()
            .rposition(|byte| *byte == b'/')
            .map_or(0, |at| at + 1);
        let (directory, begun) = written.split_at(end);
        let shown = ServerPath::from(directory.to_vec());
        let listed = ask(SERVER, async |target, client| {
            client.list(&target?, &shown).await.ok()
        });
        let mut found = Vec::new();
        for entry in listed.unwrap_or_default() {
            let name = name_in(&entry);
            if name.is_empty() || !name.starts_with(begun) {
                continue;
            }
            let mut path = if directory.is_empty() {
                name
            } else {
                join(directory, &name)
            };
            if entry.kind() == EntryKind::Directory {
                path.push(b'/');
            }
            found.push(CompletionCandidate::new(OsString::from_vec(path)));
        }
        found
    })
}

/// Asks the daemon that the words so far name.
fn ask<T>(
    limit: Duration,
    question: impl AsyncFnOnce(Option<Target>, Client) -> Option<T>,
) -> Option<T> {
    let args = Args::try_parse_from(options(std::env::args_os())).ok()?;
    let runtime = Builder::new_current_thread().enable_all().build().ok()?;
    let asked = async {
        let address = args.address().ok()?;
        let credentials = args.credentials(&address).ok()?;
        let client = Client::connect_with(&address, credentials.as_ref())
            .await
            .ok()?;
        question(args.target().ok(), client.with_timeout(limit)).await
    };
    let answer = runtime.block_on(async { tokio::time::timeout(limit, asked).await.ok()? });
    runtime.shutdown_background();
    answer
}

/// A command line with those options of another that say which daemon and which server are meant.
fn options(words: impl Iterator<Item = OsString>) -> Vec<OsString> {
    const NAMED: [&str; 8] = [
        "--socket",
        "--address",
        "--profile",
        "-p",
        "--session",
        "--ca",
        "--certificate",
        "--key",
    ];
    let mut words = words.skip_while(|word| word != "--").skip(1);
    let mut line: Vec<OsString> = vec!["cellftp".into()];
    while let Some(word) = words.next() {
        let is_whole = NAMED.iter().any(|name| {
            word.to_str()
                .is_some_and(|word| word.starts_with(&format!("{name}=")))
        });
        if is_whole {
            line.push(word);
        } else if NAMED.iter().any(|name| word == *name) {
            // The word that is being completed may be missing or empty.
            let Some(value) = words.next().filter(|value| !value.is_empty()) else {
                continue;
            };
            line.extend([word, value]);
        }
    }
    line.push("status".into());
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_daemon_and_the_server_are_those_of_the_words_so_far() {
        let words = [
            "cellftp", "--", "cellftp", "-p", "office", "get", "--socket", "/s", "-t", "x", "",
        ];
        let line = options(words.into_iter().map(Into::into));
        assert_eq!(
            line,
            ["cellftp", "-p", "office", "--socket", "/s", "status"]
        );
        let args = Args::try_parse_from(line).unwrap();
        assert_eq!(args.target().unwrap(), Target::Profile("office".into()));
        let words = ["cellftp", "--", "cellftp", "ls", "-p", ""];
        assert_eq!(
            options(words.into_iter().map(Into::into)),
            ["cellftp", "status"]
        );
    }
}
