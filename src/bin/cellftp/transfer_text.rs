//! A transfer as `cellftp transfer` shows it.

use serde_json::json;

use crate::events::failure_value;
use crate::ls::short;
use crate::output::{Plain, hex, seconds, words};
use crate::put::how_sure;
use crate::table::table;
use cellftp::client::{Remnant, Transfer, TransferDirection, TransferState};

/// A transfer on one line, for people.
pub(crate) fn line(transfer: &Transfer) -> String {
    let arrow = match transfer.direction() {
        TransferDirection::Upload => "up",
        TransferDirection::Download => "down",
        TransferDirection::Unspecified => "?",
    };
    let size = transfer
        .size
        .map_or_else(|| "?".into(), |size| size.to_string());
    format!(
        "{} {arrow:4} {} {}: {}\n",
        Plain(&transfer.transfer_id),
        Plain(&transfer.profile),
        Plain(&transfer.path),
        how(transfer, &size)
    )
}

/// All transfers in a table, with their principals where those of others are shown.
pub(crate) fn overview(transfers: &[Transfer], with_principals: bool) -> String {
    let mut head = vec![
        "ID", "WAY", "STATE", "DONE", "SIZE", "PROFILE", "PATH", "WHY",
    ];
    if with_principals {
        head.insert(0, "PRINCIPAL");
    }
    let rows: Vec<_> = transfers
        .iter()
        .map(|transfer| row(transfer, with_principals))
        .collect();
    table(&head, &rows)
}

fn row(transfer: &Transfer, with_principals: bool) -> Vec<String> {
    let way = match transfer.direction() {
        TransferDirection::Upload => "up",
        TransferDirection::Download => "down",
        TransferDirection::Unspecified => "?",
    };
    let done = match (transfer.state(), transfer.size) {
        (TransferState::Done, _) => "100%".into(),
        (TransferState::Running, Some(size)) if size > 0 => {
            format!(
                "{}%",
                transfer.attempt_moved_bytes.saturating_mul(100) / size
            )
        }
        _ => "-".into(),
    };
    let why = match transfer.state() {
        TransferState::Done | TransferState::Cancelled => None,
        _ => transfer.last_failure.as_ref(),
    };
    let row = [
        Plain(&transfer.transfer_id).to_string(),
        way.into(),
        words(transfer.state().as_str_name(), "TRANSFER_STATE_"),
        done,
        transfer.size.map_or_else(|| "?".into(), short),
        Plain(&transfer.profile).to_string(),
        Plain(&transfer.path).to_string(),
        why.map(|failure| failure.reason.clone())
            .unwrap_or_default(),
    ];
    let whose = with_principals.then(|| Plain(&transfer.principal).to_string());
    whose.into_iter().chain(row).collect()
}

/// How far a transfer is, or how it ended.
fn how(transfer: &Transfer, size: &str) -> String {
    let why = transfer
        .last_failure
        .as_ref()
        .map(|error| format!(": {} [{}]", Plain(&error.message), error.reason));
    let why = why.unwrap_or_default();
    let left = match transfer.remnant() {
        Remnant::Pending => ", what it left on the server is to be deleted",
        Remnant::Kept | Remnant::Left => ", a part may be on the server",
        Remnant::Deleted | Remnant::None | Remnant::Unspecified => "",
    };
    match transfer.state() {
        TransferState::Receiving => {
            format!(
                "half sent, {} of {size} bytes are safe",
                transfer.committed_size
            )
        }
        TransferState::Queued => match seconds(transfer.next_attempt_wait.as_ref()) {
            Some(wait) => format!("queued, begins in {wait:.0} s, {size} bytes{why}"),
            None => format!("queued, {size} bytes{why}"),
        },
        TransferState::Running => format!(
            "running, {} of {size} bytes moved",
            transfer.attempt_moved_bytes
        ),
        TransferState::Waiting => {
            let wait = seconds(transfer.next_attempt_wait.as_ref()).unwrap_or_default();
            let tried = transfer.attempt_count;
            format!("tried {tried} times, again in {wait:.0} s{why}")
        }
        TransferState::Done => {
            let sure = match transfer.direction() {
                TransferDirection::Upload => format!(", {}", how_sure(transfer.put_state())),
                TransferDirection::Download | TransferDirection::Unspecified => String::new(),
            };
            let grown = transfer.grown_size;
            let grown = grown.map(|size| format!(", the file had grown to {size} bytes by then"));
            let (hash, grown) = (hex(&transfer.sha256), grown.unwrap_or_default());
            format!("done, {size} bytes{sure}, SHA-256 {hash}{grown}")
        }
        TransferState::Failed => format!(
            "failed after {} attempts{why}{left}",
            transfer.attempt_count
        ),
        TransferState::Cancelled => format!("cancelled{left}"),
        TransferState::Unspecified => "unknown".into(),
    }
}

/// A transfer for programs.
pub(crate) fn value(transfer: &Transfer) -> serde_json::Value {
    let error = transfer.last_failure.as_ref().map(failure_value);
    let time = |time: Option<&prost_types::Timestamp>| time.map(ToString::to_string);
    json!({
        "transfer_id": transfer.transfer_id,
        "principal": transfer.principal,
        "labels": transfer.transfer_options.as_ref().map(|options| &options.labels),
        "expires_seconds": seconds(transfer.expire_wait.as_ref()),
        "direction": transfer.direction().as_str_name(),
        "profile": transfer.profile,
        "path": transfer.path,
        "priority": transfer.priority().as_str_name(),
        "state": transfer.state().as_str_name(),
        "size": transfer.size,
        "committed_size": transfer.committed_size,
        "moved": transfer.attempt_moved_bytes,
        "moved_in_all": transfer.total_moved_bytes,
        "attempts": transfer.attempt_count,
        "operation_id": transfer.operation_id,
        "last_error": error,
        "next_attempt_seconds": seconds(transfer.next_attempt_wait.as_ref()),
        "created": time(transfer.create_time.as_ref()),
        "changed": time(transfer.update_time.as_ref()),
        "ended": time(transfer.end_time.as_ref()),
        "sha256": hex(&transfer.sha256),
        "verify": transfer.verify().as_str_name(),
        "evidence_state": transfer.put_state().as_str_name(),
        "evidence": transfer.evidence,
        "remnant": transfer.remnant().as_str_name(),
        "grown_to": transfer.grown_size,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[test]
    fn a_download_of_a_file_that_grew_tells_both_sizes() {
        let transfer = Transfer {
            transfer_id: "x".into(),
            direction: TransferDirection::Download.into(),
            profile: "office".into(),
            path: "/log".into(),
            state: TransferState::Done.into(),
            size: Some(5),
            sha256: Bytes::from_static(&[0xab]),
            grown_size: Some(7),
            ..Default::default()
        };
        assert_eq!(
            line(&transfer),
            "x down office /log: done, 5 bytes, SHA-256 ab, the file had grown to 7 bytes by then\n"
        );
    }

    #[test]
    fn one_that_waits_says_why_and_until_when() {
        let transfer = Transfer {
            transfer_id: "x".into(),
            direction: TransferDirection::Upload.into(),
            profile: "office".into(),
            path: "/a\u{1b}".into(),
            state: TransferState::Waiting.into(),
            attempt_count: 2,
            next_attempt_wait: Some(prost_types::Duration {
                seconds: 7,
                nanos: 0,
            }),
            last_failure: Some(cellftp::client::Failure {
                reason: "LINK_TIMEOUT".into(),
                message: "the module reported 5".into(),
                ..Default::default()
            }),
            ..Default::default()
        };
        assert_eq!(
            line(&transfer),
            "x up   office /a\\u{1b}: tried 2 times, again in 7 s: the module \
             reported 5 [LINK_TIMEOUT]\n"
        );
        assert_eq!(value(&transfer)["last_error"]["reason"], "LINK_TIMEOUT");
        assert_eq!(value(&transfer)["size"], serde_json::Value::Null);
    }
}
