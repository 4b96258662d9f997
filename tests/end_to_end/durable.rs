//! Durable transfers that are interrupted resume: the part on the server, or on the daemon's disk, is
//! compared, and the rest is moved.

use std::path::Path;
use std::time::Duration;

use cellftp::client::{Client, Transfer, TransferState, UploadHeader};
use tokio::runtime::Runtime;

use crate::content::{assert_holds, traps};
use crate::support::servers::{Options, Security, Server, ServerKind};
use crate::support::site::{Family, Site};
use crate::support::{tools, wait};

/// A megabyte in blocks on a busy machine takes a fifth of it.
const PATIENCE: Duration = Duration::from_secs(180);

/// pyftpdlib pauses when it has moved this many bytes the second time. So a transfer has a middle to be
/// killed in, even on a fast machine.
const RATE: u64 = 470_000;

fn server(options: Options) -> Server {
    let options = Options {
        bytes_per_second: Some(RATE),
        ..options
    };
    Server::start_with(ServerKind::Pyftpdlib, Security::None, &options)
}

/// A daemon that keeps almost nothing of what it has sent, and tries again soon.
fn site(server: &Server) -> Site {
    let environment = [
        ("CELLFTPD_TRANSFERS__KEEP", "4096"),
        ("CELLFTPD_DURABLE__BACKOFF", "100ms"),
    ];
    Site::start_tapped_with(Family::Sim7600, &[("server", server)], &environment)
}

async fn connect(site: &Site) -> Client {
    let address = format!("unix:{}", site.socket().display());
    let address = address.parse().expect("a path of ours");
    Client::connect(&address).await.expect("it listens")
}

async fn upload(site: &Site, server: &Server, content: &[u8]) {
    let header = UploadHeader {
        transfer_id: "up".into(),
        profile: "server".into(),
        path: server.remote("up"),
        ..UploadHeader::default()
    };
    let client = connect(site).await;
    let accepted = client.create_upload(header, &mut &*content, |_| ()).await;
    accepted.expect("there is room");
}

async fn over(site: &Site, id: &str) -> Transfer {
    let client = connect(site).await;
    let mut watch = client.watch_transfer(id).await.expect("it is there");
    let mut last = None;
    let watched = async {
        while let Some(transfer) = watch.next().await.expect("it is told") {
            last = Some(transfer);
        }
    };
    let watched = tokio::time::timeout(PATIENCE, watched).await.is_ok();
    let last = last.expect("one at least");
    assert!(watched, "still at work: {last:#?}");
    assert_eq!(last.state(), TransferState::Done, "{last:#?}");
    last
}

fn until_it_has(file: &Path, bytes: u64) {
    wait::until("byte on its way", PATIENCE, || {
        let size = std::fs::metadata(file).map_or(0, |file| file.len());
        (size >= bytes).then_some(())
    });
}

/// What the host sent to the module behind this many bytes: the lines of a command.
fn said(site: &mut Site, before: usize, command: &str) -> Vec<String> {
    let heard = site.tap().heard();
    let text = String::from_utf8_lossy(&heard[before..]).into_owned();
    let lines = text.split('\r');
    let lines = lines.filter_map(|line| line.find(command).map(|at| line[at..].to_owned()));
    lines.collect()
}

/// The last number of a line.
fn offset(line: &str) -> u64 {
    let last = line.rsplit(',').next();
    last.and_then(|last| last.parse().ok()).unwrap_or(0)
}

#[test]
fn an_upload_goes_on_where_it_was_when_the_daemon_was_killed() {
    if !tools::wanted("an_upload_goes_on_where_it_was_when_the_daemon_was_killed") {
        return;
    }
    let server = server(Options::default());
    let mut site = site(&server);
    let runtime = Runtime::new().expect("a runtime");
    let content = traps(1_500_000);
    runtime.block_on(upload(&site, &server, &content));
    // Once in the stream, once among the blocks.
    let mut before = 0;
    for kill_at in [900_000, 1_100_000] {
        until_it_has(&server.local("up"), kill_at);
        site.kill_daemon();
        if before == 0 {
            before = site.tap().heard().len();
        }
        site.start_daemon();
    }
    let done = runtime.block_on(over(&site, "up"));
    assert_holds(&server.local("up"), &content);
    let puts = said(&mut site, before, "AT+CFTPSPUT=\"");
    let first = puts.first().expect("it went on");
    assert!(offset(first) >= 890_000, "{first}");
    for put in &puts {
        assert!(offset(put) >= 890_000, "it began anew: {put}");
    }
    assert_eq!(done.attempt_count, 3, "{done:#?}");
    println!(
        "killed at 900,000 and 1,100,000 of 1,500,000 bytes; went on at {}; {} blocks",
        offset(first),
        puts.len()
    );
    assert!(site.stop());
}

#[test]
fn an_upload_whose_server_refuses_rest_starts_over_after_a_kill() {
    if !tools::wanted("an_upload_whose_server_refuses_rest_starts_over_after_a_kill") {
        return;
    }
    let server = server(Options {
        refuse_rest: true,
        ..Options::default()
    });
    let mut site = site(&server);
    let runtime = Runtime::new().expect("a runtime");
    let content = traps(1_000_000);
    runtime.block_on(upload(&site, &server, &content));
    until_it_has(&server.local("up"), 500_000);
    site.kill_daemon();
    let before = site.tap().heard().len();
    site.start_daemon();
    runtime.block_on(over(&site, "up"));
    assert_holds(&server.local("up"), &content);
    let puts = said(&mut site, before, "AT+CFTPSPUT=\"");
    assert!(puts.iter().any(|put| offset(put) == 0), "{puts:?}");
    assert!(site.stop());
}

/// The daemon keeps nothing of it in memory.
#[test]
fn an_upload_goes_on_at_any_byte_when_the_server_cuts_it() {
    if !tools::wanted("an_upload_goes_on_at_any_byte_when_the_server_cuts_it") {
        return;
    }
    let server = server(Options {
        cut_data_every: Some(300 * 1024),
        ..Options::default()
    });
    let mut site = site(&server);
    let runtime = Runtime::new().expect("a runtime");
    let content = traps(800_000);
    runtime.block_on(upload(&site, &server, &content));
    let done = runtime.block_on(over(&site, "up"));
    assert_holds(&server.local("up"), &content);
    assert_eq!(done.attempt_count, 1, "{done:#?}");
    assert!(site.stop());
}

#[test]
fn a_download_goes_on_where_it_was_when_the_daemon_was_killed() {
    if !tools::wanted("a_download_goes_on_where_it_was_when_the_daemon_was_killed") {
        return;
    }
    let server = server(Options::default());
    let mut site = site(&server);
    let runtime = Runtime::new().expect("a runtime");
    let content = traps(2_000_000);
    server.place("file", &content);
    let path = server.remote("file");
    runtime.block_on(async {
        let client = connect(&site).await;
        let accepted = client.create_download("down", "server", &path).await;
        accepted.expect("there is room");
    });
    wait::until("half of the file", PATIENCE, || {
        let transfer = runtime.block_on(async { connect(&site).await.transfer("down").await });
        (transfer.expect("it is there").committed_size >= 1_000_000).then_some(())
    });
    site.kill_daemon();
    let before = site.tap().heard().len();
    site.start_daemon();
    runtime.block_on(over(&site, "down"));
    let mut read = Vec::new();
    runtime
        .block_on(async {
            connect(&site)
                .await
                .read_transfer("down", &mut read, |_| ())
                .await
        })
        .expect("it is done");
    assert!(read == content, "other bytes came");
    let gets = said(&mut site, before, "AT+CFTPSGET=\"");
    assert!(gets.iter().all(|get| offset(get) >= 999_000), "{gets:?}");
    assert!(site.stop());
}
