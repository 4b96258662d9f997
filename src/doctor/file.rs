//! A file of a server: how fast it is read, and whether the server supports REST.

use std::time::Duration;

use super::link::Content;
use super::report::Report;
use super::server::Visit;
use crate::modem::{Error, chain};
use simcom_talk::dialogue::operation::{Download, Task};
use simcom_talk::ftps::value::{Offset, RemotePath};

/// A rate that was measured over less time than this says little.
const MEASURED: Duration = Duration::from_millis(200);

/// Reads the file, and then its second half once more.
pub(super) async fn look(
    report: &mut Report,
    visit: &Visit<'_>,
    path: &RemotePath,
    size: Option<u64>,
    most: usize,
) {
    if let Some(size) = size.filter(|size| *size > most as u64) {
        return report.warning(
            "rate",
            &format!(
                "Not looked at: the named file has {} KiB, and {} are allowed.",
                size / 1024,
                most / 1024
            ),
            "Name a shorter file, or raise --limit.",
        );
    }
    let first = match read(visit, path, 0, most).await {
        Ok(first) => first,
        Err(error) => {
            return report.problem(
                "read",
                &format!("The named file cannot be read: {}.", chain(&error)),
                "Reading needs a data connection: see single_ip of the profile, the passive ports of the server, \
                 and, with TLS, whether the server insists on session reuse.",
            );
        }
    };
    rate(report, &first);
    let half = first.bytes.len() / 2;
    let (before, after) = first.bytes.split_at(half);
    // A server that ignores REST would send the same bytes.
    if half == 0 || after.starts_with(before) {
        return report.ok(
            "rest",
            "Not looked at: the file is too short, or both its halves are the same.",
        );
    }
    let said = visit.tap.heard().exchanges.len();
    let second = read(visit, path, half as u64, after.len()).await;
    let tries = visit
        .tap
        .heard()
        .exchanges
        .iter()
        .skip(said)
        .filter(|said| said.name == GET)
        .count();
    match second {
        // The dialogue reads from the beginning where an offset is refused.
        Ok(second) if tries == 1 && second.bytes == after => {
            report.ok("rest", "The server goes on where it is told to (REST): a download that breaks goes on there.");
        }
        Ok(_) => report.warning(
            "rest",
            "The server does not go on in the middle of a file (REST): it refused, or sent something else.",
            "A transfer that breaks begins anew: small files cost less. Most servers can be told to allow REST.",
        ),
        Err(error) => report.warning(
            "rest",
            &format!("The middle of the file could not be read: {}.", chain(&error)),
            "Run the doctor again: the connection may have broken.",
        ),
    }
}

/// The command that reads a file.
const GET: &str = "AT+CFTPSGET";

async fn read(
    visit: &Visit<'_>,
    path: &RemotePath,
    from: u64,
    most: usize,
) -> Result<Content, Error> {
    // It is at most --limit, which is far below the last offset.
    let offset = Offset::new(from).unwrap_or(Offset::ZERO);
    let download = Download::of(path.clone(), offset);
    visit
        .link
        .read(visit.standing(), Task::Download(download), most)
        .await
}

fn rate(report: &mut Report, content: &Content) {
    let bytes = content.bytes.len();
    let took = content.took.as_secs_f64();
    if content.took < MEASURED {
        return report.ok(
            "rate",
            &format!(
                "{bytes} bytes were read; that is too little to tell a rate. Name a longer file."
            ),
        );
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = content.moved as f64 / 1024.0 / took;
    report.ok(
        "rate",
        &format!("{bytes} bytes were read in {took:.1} s: {rate:.1} KiB/s."),
    );
}
