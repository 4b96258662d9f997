//! What the transfers count for a Prometheus scraper. Without a recorder, each function does nothing.
//!
//! No label holds a principal, a path or the name of a transfer.

use std::collections::HashMap;
use std::time::Duration;

use metrics::{counter, describe_counter, describe_gauge, gauge};

use super::record::ToldError;
use crate::broker::watch::metrics::float;

/// The states of transfers, as the label has them.
const STATES: [&str; 7] = [
    "receiving",
    "queued",
    "running",
    "waiting",
    "done",
    "failed",
    "cancelled",
];

/// What the transfers are at one moment.
#[derive(Debug, Default)]
pub(crate) struct Sample {
    /// How many are in each state.
    pub(crate) by_state: HashMap<&'static str, u64>,
    /// Age of the oldest one that has not ended.
    pub(crate) oldest: Option<Duration>,
    /// Bytes of their files.
    pub(crate) bytes: u64,
    /// Most bytes of their files.
    pub(crate) limit: u64,
    /// Free bytes of their disk, where it tells.
    pub(crate) free: Option<u64>,
}

/// Describes each metric, and begins at zero what is known beforehand.
pub fn describe() {
    describe_gauge!("cellftpd_transfers", "Kept transfers, by state");
    describe_gauge!(
        "cellftpd_transfer_oldest_unfinished_seconds",
        "Age of the oldest kept transfer that has not ended, in running time of daemons; 0 where there is none"
    );
    describe_gauge!(
        "cellftpd_transfer_bytes",
        "Bytes of kept transfers on the disk"
    );
    describe_gauge!(
        "cellftpd_transfer_limit_bytes",
        "Most bytes of kept transfers on the disk (durable.disk_in_all)"
    );
    describe_gauge!(
        "cellftpd_transfer_disk_free_bytes",
        "Free bytes of the disk that kept transfers are on; NaN where it does not tell"
    );
    describe_counter!(
        "cellftpd_transfer_failures_total",
        "Attempts of kept transfers that failed, by reason"
    );
    counter!("cellftpd_transfer_failures_total", "reason" => "LOGIN_REFUSED").absolute(0);
    sampled(&Sample::default());
}

/// Takes a sample.
pub(crate) fn sampled(sample: &Sample) {
    for state in STATES {
        let count = sample.by_state.get(state).copied().unwrap_or_default();
        gauge!("cellftpd_transfers", "state" => state).set(float(count));
    }
    let oldest = sample.oldest.unwrap_or_default();
    gauge!("cellftpd_transfer_oldest_unfinished_seconds").set(oldest.as_secs_f64());
    gauge!("cellftpd_transfer_bytes").set(float(sample.bytes));
    gauge!("cellftpd_transfer_limit_bytes").set(float(sample.limit));
    gauge!("cellftpd_transfer_disk_free_bytes").set(sample.free.map_or(f64::NAN, float));
}

/// An attempt has failed.
pub(crate) fn failed(why: &ToldError) {
    let reason = why.reason.clone();
    counter!("cellftpd_transfer_failures_total", "reason" => reason).increment(1);
}
