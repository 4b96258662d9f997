//! What the broker counts for a Prometheus scraper. Without a recorder, each function does nothing.
//!
//! No label holds a principal, a path or a host: their number has no bound.

use std::time::Duration;

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use super::what::{OperationChange, Outcome, What};
use crate::broker::terms::YieldReason;
use crate::broker::usage::Volume;
use crate::modem::health::LinkState;
use simcom_talk::dialogue::Rung;

/// Bounds of the histogram buckets in seconds, from a command on a good link to the longest usual
/// transfer.
pub const SECONDS: [f64; 12] = [
    0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0,
];

/// How often the daemon samples the gauges that no event updates.
pub(crate) const LOOK: Duration = Duration::from_secs(1);

/// Describes each metric.
pub fn describe() {
    describe_counter!(
        "cellftpd_operations_total",
        "Operations that ended, by method and outcome (done, cancelled, failed)"
    );
    describe_histogram!(
        "cellftpd_operation_wait_seconds",
        "From the admission of an operation to the link"
    );
    describe_histogram!(
        "cellftpd_operation_link_seconds",
        "Time of an operation on the link, by method"
    );
    describe_gauge!(
        "cellftpd_operations_admitted",
        "Operations that have a place and have not ended"
    );
    describe_gauge!(
        "cellftpd_operations_waiting",
        "Operations that wait for the link"
    );
    describe_gauge!("cellftpd_sessions", "Open virtual sessions");
    describe_gauge!(
        "cellftpd_spool_bytes",
        "Bytes between clients and the link, by place"
    );
    describe_gauge!(
        "cellftpd_spool_limit_bytes",
        "Most bytes that may be between clients and the link, by place"
    );
    describe_counter!(
        "cellftpd_link_changes_total",
        "Changes of the link, by its new state"
    );
    describe_counter!("cellftpd_logins_total", "Logins to servers that were seen");
    describe_counter!(
        "cellftpd_resumes_total",
        "Times that a transfer went on, or an operation was tried again, after the link broke"
    );
    describe_counter!(
        "cellftpd_yields_total",
        "Times that a transfer yielded to others, by why (urgent, patience, trickle)"
    );
    describe_counter!(
        "cellftpd_repairs_total",
        "Rungs of the repair ladder that were tried, by rung and outcome (repaired, failed)"
    );
    describe_counter!(
        "cellftpd_content_bytes_total",
        "Bytes of files and listings, by direction (up, down)"
    );
    describe_counter!(
        "cellftpd_air_bytes_total",
        "Bytes over the air, both ways: an estimate"
    );
    describe_gauge!(
        "cellftpd_data_used_bytes",
        "Bytes over the air in the UTC day or month under way: an estimate"
    );
    describe_gauge!(
        "cellftpd_data_limit_bytes",
        "What all together may have on the air; absent where there is no limit"
    );
    begin();
}

/// Begins at zero what is known beforehand: a rate needs a first value.
fn begin() {
    for state in [
        "absent",
        "bringing_up",
        "searching",
        "ready",
        "repairing",
        "fault",
    ] {
        counter!("cellftpd_link_changes_total", "state" => state).absolute(0);
    }
    for why in ["urgent", "patience", "trickle"] {
        counter!("cellftpd_yields_total", "why" => why).absolute(0);
    }
    for rung in Rung::ALL {
        for outcome in ["repaired", "failed"] {
            counter!("cellftpd_repairs_total", "rung" => rung.name(), "outcome" => outcome)
                .absolute(0);
        }
    }
    for direction in ["up", "down"] {
        counter!("cellftpd_content_bytes_total", "direction" => direction).absolute(0);
    }
    for name in [
        "cellftpd_logins_total",
        "cellftpd_resumes_total",
        "cellftpd_air_bytes_total",
    ] {
        counter!(name).absolute(0);
    }
    gauge!("cellftpd_operations_admitted").set(0.0);
}

/// Counts an event.
pub(crate) fn event(what: &What) {
    match what {
        What::Operation { about, change } => operation(about.method, change),
        What::Repair(repaired) => {
            let outcome = if repaired.outcome.is_ok() {
                "repaired"
            } else {
                "failed"
            };
            let rung = repaired.rung.name();
            counter!("cellftpd_repairs_total", "rung" => rung, "outcome" => outcome).increment(1);
        }
        What::Link { .. } | What::Session { .. } => {}
    }
}

/// The link has changed its state.
pub(crate) fn link(now: &LinkState) {
    counter!("cellftpd_link_changes_total", "state" => now.name()).increment(1);
}

/// The module has logged in.
pub(crate) fn login() {
    counter!("cellftpd_logins_total").increment(1);
}

/// A job has moved `volume`, and resumed `resumes` times after the link broke.
pub(crate) fn moved(volume: Volume, resumes: u32) {
    counter!("cellftpd_content_bytes_total", "direction" => "up").increment(volume.up);
    counter!("cellftpd_content_bytes_total", "direction" => "down").increment(volume.down);
    counter!("cellftpd_air_bytes_total").increment(volume.air);
    counter!("cellftpd_resumes_total").increment(u64::from(resumes));
}

fn operation(method: &'static str, change: &OperationChange) {
    match change {
        OperationChange::Admitted { .. } => {
            gauge!("cellftpd_operations_admitted").increment(1.0);
        }
        OperationChange::Started { waited } => {
            histogram!("cellftpd_operation_wait_seconds").record(waited.as_secs_f64());
        }
        OperationChange::Yielded { why, .. } => {
            let why = match why {
                YieldReason::Urgent => "urgent",
                YieldReason::Patience => "patience",
                YieldReason::Trickle => "trickle",
            };
            counter!("cellftpd_yields_total", "why" => why).increment(1);
        }
        OperationChange::Resumed { waited } => {
            histogram!("cellftpd_operation_wait_seconds").record(waited.as_secs_f64());
        }
        OperationChange::Progress { .. } => {}
        OperationChange::Ended {
            on_link, outcome, ..
        } => {
            gauge!("cellftpd_operations_admitted").decrement(1.0);
            let outcome = match outcome {
                Outcome::Done => "done",
                Outcome::Failed { why: Some(why), .. } if why.cause.is_the_callers() => "cancelled",
                Outcome::Failed { .. } => "failed",
            };
            counter!("cellftpd_operations_total", "method" => method, "outcome" => outcome)
                .increment(1);
            histogram!("cellftpd_operation_link_seconds", "method" => method)
                .record(on_link.as_secs_f64());
        }
    }
}

/// A count as Prometheus has it. Beyond 2^53 bytes it loses the last digits, which nobody needs.
#[expect(clippy::cast_precision_loss, reason = "the last of 16 digits may go")]
pub(crate) const fn float(count: u64) -> f64 {
    count as f64
}
