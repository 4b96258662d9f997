//! The figures of this process, under the names that Prometheus's own libraries use.
//!
//! The crates that have them read `/proc/stat` for the moment of the start. The units of this daemon hide that file
//! (`ProcSubset=pid`).

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use metrics::{counter, describe_counter, describe_gauge, gauge};
use rustix::param::page_size;
use rustix::time::{ClockId, clock_gettime};
use tokio::time::Instant;

use crate::broker::watch::metrics::float;
use crate::modem::clock;

/// The figures of this process.
#[derive(Debug)]
pub(super) struct Process {
    started: Instant,
    /// The moment of the start that was told last, in seconds of Unix time.
    told: AtomicU64,
}

impl Process {
    /// Describes the figures. This process starts now.
    pub(super) fn describe() -> Self {
        describe_gauge!(
            "process_resident_memory_bytes",
            "Resident memory of this process"
        );
        describe_counter!(
            "process_cpu_seconds_total",
            "Whole seconds of processor time that this process has used"
        );
        describe_gauge!("process_open_fds", "Open file descriptors of this process");
        describe_gauge!(
            "process_start_time_seconds",
            "When this process started, in Unix time by the clock of now"
        );
        Self {
            started: clock::now(),
            told: AtomicU64::new(0),
        }
    }

    /// Samples them.
    pub(super) fn sample(&self) {
        if let Some(bytes) = resident() {
            gauge!("process_resident_memory_bytes").set(float(bytes));
        }
        if let Ok(descriptors) = fs::read_dir("/proc/self/fd") {
            // One of them is the directory itself.
            let open = descriptors.count().saturating_sub(1);
            gauge!("process_open_fds").set(float(open as u64));
        }
        let used = clock_gettime(ClockId::ProcessCPUTime).tv_sec;
        counter!("process_cpu_seconds_total").absolute(u64::try_from(used).unwrap_or_default());
        // The clock of a router may be set long after the start.
        let now = clock::wall(clock::now());
        let started = now.checked_sub(clock::now().duration_since(self.started));
        let since_epoch = started.and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
        let seconds = since_epoch.unwrap_or_default().as_secs();
        // Whoever counts the changes counts starts: what only rounding changes stays as it was.
        let told = self.told.load(Ordering::Relaxed);
        if told.abs_diff(seconds) > 1 {
            self.told.store(seconds, Ordering::Relaxed);
            gauge!("process_start_time_seconds").set(float(seconds));
        }
    }
}

/// Bytes of resident memory (proc_pid_statm(5)).
fn resident() -> Option<u64> {
    let pages = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = pages.split_whitespace().nth(1)?.parse().ok()?;
    pages.checked_mul(page_size() as u64)
}
