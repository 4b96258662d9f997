//! `cellftp ls -R`, `cellftp du` and `cellftp rm -r`: trees on the server.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::ops::ControlFlow;

use serde_json::{Value, json};

use crate::args::{Args, Ls, Rm};
use crate::failure::Failure;
use crate::files::is_checked;
use crate::ls::{line, short, value};
use crate::output::{Plain, print};
use cellftp::client::{
    Branch, CallOptions, Client, EntryKind, RemovedName, ServerPath, Target, TreeFailure,
};

/// Lists a directory and all below it, one directory after the other, as they arrive.
pub(crate) async fn ls(args: &Args, ls: &Ls, client: &Client) -> Result<(), Failure> {
    let (path, form) = (&ls.path, ls.form);
    let target = args.target()?;
    let mut printer = TreePrinter::new(args);
    let mut shown = None;
    let walked = client.walk(&target, path, 0, |branch| match branch {
        Branch::Entries(part) => {
            let mut text = String::new();
            if shown.as_ref() != Some(&part.directory) {
                let directory = if part.directory.is_empty() {
                    "."
                } else {
                    &part.directory
                };
                text = format!(
                    "{}{}:\n",
                    if shown.is_some() { "\n" } else { "" },
                    Plain(directory)
                );
                shown = Some(part.directory.clone());
            }
            text.extend(part.entries.iter().map(|entry| line(entry, form)));
            let entries = || part.entries.iter().map(value).collect::<Vec<_>>();
            printer.print(
                &text,
                || json!({ "directory": part.directory, "entries": entries() }),
            )
        }
        Branch::Failure(failure) => printer.fail(&failure),
        Branch::Removed(_) => ControlFlow::Continue(()),
    });
    let walked = walked.await;
    printer.ended()?;
    walked.map(drop).map_err(|source| about(path, source))
}

/// Adds up the sizes of all files.
pub(crate) async fn du(
    args: &Args,
    path: &ServerPath,
    human: bool,
    client: &Client,
) -> Result<(), Failure> {
    let target = args.target()?;
    let mut printer = TreePrinter::new(args);
    let walked = client.walk(&target, path, 0, |branch| match branch {
        Branch::Failure(failure) => printer.fail(&failure),
        Branch::Entries(_) | Branch::Removed(_) => ControlFlow::Continue(()),
    });
    let walked = walked.await;
    printer.ended()?;
    let sum = walked.map_err(|source| about(path, source))?;
    let bytes = if human {
        short(sum.total_bytes)
    } else {
        format!("{} bytes", sum.total_bytes)
    };
    let text = format!(
        "{bytes} in {} files and {} directories\n",
        sum.file_count, sum.directory_count
    );
    print(args.json, text, || {
        json!({
            "path": path.to_string(),
            "bytes": sum.total_bytes,
            "files": sum.file_count,
            "directories": sum.directory_count,
            "others": sum.other_count,
        })
    })
}

/// Removes directories with all that is below them, and deletes files.
pub(crate) async fn rm(args: &Args, rm: &Rm, client: &Client) -> Result<(), Failure> {
    let target = args.target()?;
    if !rm.yes && !rm.asking.dry_run {
        ask(&rm.paths)?;
    }
    // The call options are for the removal alone.
    let looks = client.clone().with_options(CallOptions::default());
    for path in &rm.paths {
        let mut printer = TreePrinter::new(args);
        if !rm.asking.dry_run && !is_directory(&looks, &target, path).await? {
            let deleted = client.delete_file(&target, path).await;
            deleted.map_err(|source| about(path, source))?;
            print(args.json, "", || json!({ "deleted": path.to_string() }))?;
            continue;
        }
        let removed = client.remove_tree(&target, path, |branch| match branch {
            Branch::Removed(removed) => printer.print("", || gone(path, &removed)),
            Branch::Failure(failure) => printer.fail(&failure),
            Branch::Entries(_) => ControlFlow::Continue(()),
        });
        let removed = removed.await;
        printer.ended()?;
        if is_checked(args, path, &removed)? {
            continue;
        }
        removed.map_err(|source| about(path, source))?;
    }
    Ok(())
}

/// Whether a name may be a directory, as far as the server shows it.
async fn is_directory(
    client: &Client,
    target: &Target,
    path: &ServerPath,
) -> Result<bool, Failure> {
    let entry = client.stat(target, path).await;
    let entry = entry.map_err(|source| about(path, source))?;
    Ok(!matches!(entry.kind(), EntryKind::File | EntryKind::Link))
}

/// Prints what a walk or a removal reports. Ends it where the output cannot be written.
struct TreePrinter {
    json: bool,
    broken: Option<Failure>,
}

impl TreePrinter {
    const fn new(args: &Args) -> Self {
        Self {
            json: args.json,
            broken: None,
        }
    }

    fn print(&mut self, text: &str, value: impl FnOnce() -> Value) -> ControlFlow<()> {
        match print(self.json, text, value) {
            Ok(()) => ControlFlow::Continue(()),
            Err(failure) => {
                self.broken = Some(failure);
                ControlFlow::Break(())
            }
        }
    }

    /// Reports an error with one name; the others go on.
    fn fail(&mut self, failure: &TreeFailure) -> ControlFlow<()> {
        let why = failure.failure.clone().unwrap_or_default();
        let path = match failure.path.as_str() {
            "" => ".",
            path => path,
        };
        if self.json {
            let value = json!({ "path": path, "reason": why.reason, "message": why.message });
            return self.print("", || json!({ "failed": value }));
        }
        let text = format!("cellftp: {}: {}\n", Plain(path), Plain(&why.message));
        // Where standard error is closed, the exit code still shows it.
        let _ = io::stderr().write_all(text.as_bytes());
        ControlFlow::Continue(())
    }

    fn ended(self) -> Result<(), Failure> {
        self.broken.map_or(Ok(()), Err)
    }
}

fn about(path: &ServerPath, source: cellftp::client::Error) -> Failure {
    Failure::For {
        path: path.to_string(),
        source,
    }
}

fn gone(top: &ServerPath, removed: &RemovedName) -> Value {
    json!({ "removed": format!("{top}/{}", removed.path).trim_end_matches('/') })
}

/// Asks whether the directories are really to be removed.
fn ask(paths: &[ServerPath]) -> Result<(), Failure> {
    let names: Vec<String> = paths
        .iter()
        .map(|path| Plain(&path.to_string()).to_string())
        .collect();
    let names = names.join(" ");
    if !io::stdin().is_terminal() {
        return Err(Failure::Usage(format!(
            "{names}: nobody is there to be asked whether all of it is to be removed; --yes says so"
        )));
    }
    let question = format!("Remove {names} with all that is below, on the server? [y/N] ");
    io::stderr()
        .write_all(question.as_bytes())
        .map_err(Failure::Output)?;
    let mut answer = String::new();
    io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(Failure::Output)?;
    if matches!(answer.trim(), "y" | "Y" | "yes") {
        Ok(())
    } else {
        Err(Failure::Usage("nothing was removed".into()))
    }
}
