//! Gauges that no event updates, and that the daemon samples.

use metrics::gauge;

use crate::broker::Broker;
use crate::broker::api::Status;
use crate::broker::terms::Period;
use crate::broker::watch::metrics::float;

impl Broker {
    /// Samples the gauges.
    pub(crate) fn look(&self) {
        let Status {
            queued,
            sessions,
            data,
            ..
        } = self.status();
        gauge!("cellftpd_operations_waiting").set(float(queued as u64));
        gauge!("cellftpd_sessions").set(float(sessions as u64));
        let (memory, disk) = self.shared.spools.used();
        gauge!("cellftpd_spool_bytes", "place" => "memory").set(float(memory));
        gauge!("cellftpd_spool_bytes", "place" => "disk").set(float(disk));
        let limits = &self.limits().spool;
        for (place, limit) in [
            ("memory", limits.memory_in_all),
            ("disk", limits.disk_in_all),
        ] {
            gauge!("cellftpd_spool_limit_bytes", "place" => place).set(float(limit));
        }
        for (period, used) in [("day", data.day.air), ("month", data.month.air)] {
            gauge!("cellftpd_data_used_bytes", "period" => period).set(float(used));
        }
        for limit_use in self.shared.usage.limit_uses() {
            let period = match limit_use.period {
                Period::Day => "day",
                Period::Month => "month",
            };
            gauge!("cellftpd_data_limit_bytes", "period" => period).set(float(limit_use.limit));
        }
    }
}
