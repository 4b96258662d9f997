//! The places on the server that files go to: their directories are made, and what is there is looked at.

use std::collections::HashSet;

use crate::batch::Batch;
use crate::failure::Failure;
use crate::remote::{Remote, join, split};
use crate::sending::Outgoing;
use cellftp::client::{Entry, ServerPath};

/// Makes directories. One that cannot be made takes the files below it with it. Returns the others.
pub(crate) async fn make(
    remote: &mut Remote,
    directories: &[ServerPath],
    mut files: Vec<Outgoing>,
    batch: &mut Batch<'_>,
) -> Result<Vec<Outgoing>, Failure> {
    let mut lost: Vec<Vec<u8>> = Vec::new();
    let is_in = |path: &ServerPath, lost: &[u8]| path.as_bytes().starts_with(lost);
    for directory in directories {
        if lost.iter().any(|lost| is_in(directory, lost)) {
            continue;
        }
        match remote.make(directory).await {
            Ok(0) => {}
            Ok(_) => batch.note("made", &directory.to_string()),
            Err(failure) => {
                batch.fail_alone(failure)?;
                let below = join(directory.as_bytes(), b"");
                let before = files.len();
                files.retain(|file| !is_in(&file.remote, &below));
                let why = format!("{directory} could not be made");
                batch.lose(before - files.len(), &why);
                lost.push(below);
            }
        }
    }
    Ok(files)
}

/// What the server has under the name of each file. Those of a directory that cannot be listed fail.
pub(crate) async fn look(
    remote: &mut Remote,
    files: Vec<Outgoing>,
    batch: &mut Batch<'_>,
) -> Result<Vec<(Outgoing, Option<Entry>)>, Failure> {
    let mut found = Vec::with_capacity(files.len());
    // Each listing that fails costs as much as one that does not.
    let (mut closed, mut lost) = (HashSet::new(), 0);
    for file in files {
        let directory = split(file.remote.as_bytes()).0;
        if closed.contains(&directory) {
            lost += 1;
            continue;
        }
        match remote.find(&file.remote).await {
            Ok(there) => found.push((file, there)),
            Err(failure) => {
                batch.fail_alone(failure)?;
                closed.insert(directory);
            }
        }
    }
    batch.lose(lost, "their directories on the server could not be listed");
    Ok(found)
}

/// The files that have targets of their own. The second of two with one target fails, as with cp(1).
pub(crate) fn apart(
    directories: &[ServerPath],
    mut files: Vec<Outgoing>,
    batch: &mut Batch<'_>,
) -> Vec<Outgoing> {
    let mut targets: HashSet<Vec<u8>> = directories
        .iter()
        .map(|path| path.as_bytes().to_vec())
        .collect();
    files.retain(|file| {
        let is_first = targets.insert(file.remote.as_bytes().to_vec());
        if !is_first {
            let why = format!(
                "something else of this command becomes {}; send this file with a command of its own",
                file.remote
            );
            batch.fail(&Failure::left(file.local.display().to_string(), why));
        }
        is_first
    });
    files
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::Args;

    #[test]
    fn the_second_of_two_files_with_one_target_fails() {
        let args = Args::try_parse_from(["cellftp", "-q", "status"]).unwrap();
        let mut batch = Batch::new(&args);
        let file = |local: &str, remote: &str| Outgoing {
            local: local.into(),
            remote: remote.into(),
            size: 1,
        };
        let files = [
            file("a/x", "/t/x"),
            file("b/x", "/t/x"),
            file("b/y", "/t/y"),
            file("b/tree", "/t/tree"),
        ];
        let files = apart(&["/t/tree".into()], files.into(), &mut batch);
        let left: Vec<_> = files
            .iter()
            .map(|file| file.local.display().to_string())
            .collect();
        assert_eq!(
            (left, batch.failures()),
            (vec!["a/x".into(), "b/y".to_owned()], 2)
        );
    }
}
