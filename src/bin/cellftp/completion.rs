//! What completes the command line: the daemon is asked for profiles, transfers and names on a server.
//!
//! A person waits for it with a key pressed, so that each question has little time, and nothing is said where it
//! fails.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::sync::OnceLock;
use std::time::Duration;

use clap::Parser as _;
use clap_complete::engine::{ArgValueCandidates, ArgValueCompleter, CompletionCandidate};
use tokio::runtime::Builder;

use crate::args::Args;
use crate::glob::{is_pattern, name_in};
use crate::output::words;
use crate::remote::join;
use cellftp::client::{Client, Entry, EntryKind, ServerPath, Target};

/// How long a question to the daemon itself may take.
const DAEMON: Duration = Duration::from_secs(2);

/// How long a listing of the server may take: a login over the module takes some seconds.
const SERVER: Duration = Duration::from_secs(10);

/// The variable by which a shell asks for completions, and says which shell it is.
pub(crate) const ASKED: &str = "CELLFTP_COMPLETE";

/// See [`remember_shell`].
static SHELL: OnceLock<OsString> = OnceLock::new();

/// Completes the names of profiles.
pub(crate) fn profiles() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let found = ask(DAEMON, async |_, client| client.profiles().await.ok());
        let found = found.unwrap_or_default().into_iter();
        found
            .filter(|profile| is_harmless(shell(), profile.name.as_bytes()))
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
        found
            .filter(|transfer| is_harmless(shell(), transfer.transfer_id.as_bytes()))
            .map(candidate)
            .collect()
    })
}

/// Completes paths on the server: one listing, of the directory that is written so far.
pub(crate) fn remote() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| complete(current, |_| false))
}

/// As [`remote`], for a word that may be a pattern. A name that would be one is not completed.
pub(crate) fn remote_pattern() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        complete(current, |path| is_pattern(path) || path.contains(&b'\\'))
    })
}

fn complete(current: &OsStr, is_left_out: impl Fn(&[u8]) -> bool) -> Vec<CompletionCandidate> {
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
    paths(&listed.unwrap_or_default(), directory, begun)
        .filter(|path| is_harmless(shell(), path) && !is_left_out(path))
        .map(|path| CompletionCandidate::new(OsString::from_vec(path)))
        .collect()
}

/// The paths of those entries of a directory that begin as it is written.
fn paths(entries: &[Entry], directory: &[u8], begun: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    entries.iter().filter_map(move |entry| {
        let name = name_in(entry);
        if name.is_empty() || !name.starts_with(begun) {
            return None;
        }
        let mut path = if directory.is_empty() {
            name
        } else {
            join(directory, &name)
        };
        if entry.kind() == EntryKind::Directory {
            path.push(b'/');
        }
        Some(path)
    })
}

/// Remembers which shell asks, if one does. The variable is gone when words are looked for.
pub(crate) fn remember_shell() {
    SHELL.get_or_init(|| std::env::var_os(ASKED).unwrap_or_default());
}

/// The shell that asks; nothing where that is not known.
fn shell() -> &'static OsStr {
    SHELL.get().map_or(OsStr::new(""), OsString::as_os_str)
}

/// Whether a shell can put a word on the command line without any other meaning. A server chooses its names: one
/// could be an option, or hold a command. zsh and fish quote what they insert. bash inserts it as it is.
fn is_harmless(shell: &OsStr, word: &[u8]) -> bool {
    let quotes = shell == "zsh" || shell == "fish";
    let has_control = String::from_utf8_lossy(word).chars().any(char::is_control);
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._@%+=:,-".contains(byte);
    !has_control && !word.starts_with(b"-") && (quotes || word.iter().all(is_plain))
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
    #[test]
    fn what_bash_completes_runs_nothing() {
        let scratch = tempfile::tempdir().unwrap();
        let names = [
            "x;touch${IFS}made",
            "$(touch made)",
            "`touch made`",
            "x>made",
            "x\ntouch made",
            "a b;touch made",
            "x&touch made&",
            "--socket=/tmp/other",
            "plain-1.2_x.csv",
        ];
        let entries = names.map(|name| Entry {
            name: name.into(),
            ..Entry::default()
        });
        for directory in ["", "/logs/"] {
            let mut offered = Vec::new();
            for path in paths(&entries, directory.as_bytes(), b"") {
                if !is_harmless("bash".as_ref(), &path) {
                    continue;
                }
                let line = [b"true cellftp cat ".as_slice(), &path].concat();
                let mut bash = std::process::Command::new("bash");
                let ran = bash.arg("-c").arg(OsStr::from_bytes(&line));
                ran.current_dir(scratch.path()).status().unwrap();
                offered.push(String::from_utf8(path).unwrap());
            }
            let made = std::fs::read_dir(scratch.path()).unwrap().count();
            assert_eq!(made, 0, "a name was run: {offered:?}");
            let plain = format!("{directory}plain-1.2_x.csv");
            assert!(offered.contains(&plain), "{offered:?}");
            assert!(!offered.iter().any(|path| path.starts_with('-')));
        }
    }

    #[test]
    fn other_shells_quote_all_but_what_a_terminal_would_take_for_a_command() {
        for shell in ["zsh", "fish"] {
            assert!(is_harmless(shell.as_ref(), "/a b;c*".as_bytes()), "{shell}");
            assert!(is_harmless(shell.as_ref(), b"/caf\xE9"), "{shell}");
            for name in ["/a\nb", "/a\u{1b}[2J", "/a\u{9b}b", "-x"] {
                assert!(!is_harmless(shell.as_ref(), name.as_bytes()), "{name:?}");
            }
        }
        assert!(!is_harmless("elvish".as_ref(), b"a;b"));
    }
}
