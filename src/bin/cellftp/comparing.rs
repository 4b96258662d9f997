//! Files here and on the server that have one size: whether they have one content.

use std::path::PathBuf;

use crate::batch::Batch;
use crate::failure::{Failure, told};
use crate::put::hash;
use crate::receiving::a_call_of;
use crate::sending::is_sayable;
use cellftp::client::{Client, GetFilesItem, ServerPath, Target};

/// The files that are the same here and on the server, and the others. The server's files are read for it. One that
/// cannot be read, there or here, fails and is in neither.
pub(crate) async fn compared<F>(
    client: &Client,
    target: &Target,
    mut files: Vec<(ServerPath, PathBuf, F)>,
    batch: &mut Batch<'_>,
) -> Result<(Vec<F>, Vec<F>), Failure> {
    files.retain(|(path, ..)| {
        // A name that no command can say would end the call for all.
        let sayable = is_sayable(path);
        if !sayable {
            let why = "no command of the module can say this name";
            batch.fail(&Failure::left(path.to_string(), why));
        }
        sayable
    });
    let (mut same, mut other) = (Vec::new(), Vec::new());
    while !files.is_empty() {
        let rest = files.split_off(a_call_of(files.iter().map(|(path, ..)| path)));
        let call = std::mem::replace(&mut files, rest);
        let paths = call.iter().map(|(path, ..)| path.clone()).collect();
        let there = hashes(client, target, paths, batch).await?;
        for ((_, local, file), there) in call.into_iter().zip(there) {
            let Some(there) = there else {
                continue;
            };
            match hash(&local).await {
                Ok(here) if here == there => same.push(file),
                Ok(_) => other.push(file),
                Err(failure) => batch.fail_alone(failure)?,
            }
        }
    }
    Ok((same, other))
}

/// SHA-256 of the files of one call; `None` for one that has failed.
async fn hashes(
    client: &Client,
    target: &Target,
    paths: Vec<ServerPath>,
    batch: &mut Batch<'_>,
) -> Result<Vec<Option<[u8; 32]>>, Failure> {
    let mut all = vec![None; paths.len()];
    let (meter, mut failed) = (batch.meter.clone(), 0);
    let called = client
        .get_files(target, paths, |item| {
            match item {
                GetFilesItem::Progress(report) => meter.queued(&report),
                GetFilesItem::Result(result) => {
                    let place = usize::try_from(result.index).unwrap_or(usize::MAX);
                    if let Some(failure) = result.failure {
                        failed += 1;
                        batch.fail(&Failure::For {
                            path: result.path,
                            source: told(failure),
                        });
                    } else if let Some(of) = all.get_mut(place) {
                        *of = result.chunk_sha256.as_ref().try_into().ok();
                    }
                }
                GetFilesItem::Chunk(chunk) => meter.at("comparing", chunk.len() as u64),
                GetFilesItem::Info(_) | GetFilesItem::Summary(_) => {}
            }
            Ok(())
        })
        .await;
    if let Err(error) = called {
        batch.fail_alone(Failure::from(error))?;
        failed += 1;
    }
    let open = all.iter().filter(|of| of.is_none()).count();
    batch.lose(open.saturating_sub(failed), "their content is not known");
    Ok(all)
}
