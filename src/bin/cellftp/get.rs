//! `cellftp get REMOTE LOCAL`.

use std::path::Path;

use indicatif::ProgressBar;
use tokio::io::AsyncWrite;

use crate::args::{Args, Get};
use crate::arrival::{Arrival, Arrived};
use crate::exit::Failure;
use crate::{pair, progress};
use cellftp::client::{Client, Download, GetResult, Target};

pub(crate) async fn run(args: &Args, get: &Get, client: &Client) -> Result<(), Failure> {
    let target = args.target()?;
    let bar = progress::bar(args.json, None);
    let local = local_name(get)?;
    let mut arrival = Arrival::at(local, &get.remote, &get.landing).await?;
    let client = client.clone().with_growth(get.growth.into());
    let client = client.with_length(get.length);
    let download = begin(&client, &target, get, &bar).await?;
    let had = download.info().size;
    let result = copy(&bar, download, get, &mut arrival.sink()?).await?;
    arrival.complete(args, Arrived::from(result).of(had))
}

/// The local path.
fn local_name(get: &Get) -> Result<&Path, Failure> {
    if let Some(to) = &get.to {
        return Ok(to);
    }
    let local = get.local.display().to_string();
    pair::is_one_file(&get.local, &get.remote, "--to", &local)?;
    Ok(&get.local)
}

/// Begins the download. The bar shows the place in the queue.
async fn begin(
    client: &Client,
    target: &Target,
    get: &Get,
    bar: &ProgressBar,
) -> Result<Download, Failure> {
    let queued = bar.clone();
    let download = client.get_telling(target, &get.remote, get.offset, move |progress| {
        queued.set_message(format!("{} first", progress.queue_position));
        queued.tick();
    });
    Ok(download.await?)
}

async fn copy(
    bar: &ProgressBar,
    download: Download,
    get: &Get,
    sink: &mut (impl AsyncWrite + Unpin),
) -> Result<GetResult, Failure> {
    let size = download
        .info()
        .size
        .and_then(|size| u64::try_from(size).ok());
    if let Some(size) = size {
        let rest = size.saturating_sub(get.offset);
        let wanted = get.length.map_or(rest, |length| rest.min(length.get()));
        progress::resize(bar, wanted);
    }
    let result = download
        .copy_to(sink, |arrived| {
            bar.set_message("receiving");
            bar.set_position(arrived);
        })
        .await;
    bar.finish_and_clear();
    Ok(result?)
}
