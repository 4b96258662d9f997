//! The condition of the daemon as gauges, set at every change.

use metrics::{describe_gauge, gauge};

use crate::transfers::{Condition, Conditions, Keeping};
use simcom_talk::dialogue::facts::{Registration, Sim};

const REGISTRATIONS: [&str; 4] = ["unknown", "not_registered", "home", "roaming"];
const SIMS: [&str; 4] = ["unknown", "ready", "locked", "missing"];

/// Describes each metric, and says which build this is.
pub(super) fn describe() {
    describe_gauge!(
        "cellftpd_build_info",
        "1; the labels say which cellftpd this is"
    );
    describe_gauge!(
        "cellftpd_modem_up",
        "1 while the module is ready and registered with a network"
    );
    describe_gauge!(
        "cellftpd_link_state",
        "1 for the state of the daemon and its module, as GetStatus tells it"
    );
    describe_gauge!(
        "cellftpd_modem_registration",
        "1 for the registration with a network, as the module told it last"
    );
    describe_gauge!(
        "cellftpd_modem_sim",
        "1 for the state of the SIM, as the module told it last"
    );
    describe_gauge!(
        "cellftpd_modem_signal_rssi_dbm",
        "Received signal strength, as the module told it last; NaN where it is not known"
    );
    describe_gauge!(
        "cellftpd_transfer_storage",
        "1 for whether transfers are kept, as GetStatus tells it"
    );
    gauge!(
        "cellftpd_build_info",
        "version" => env!("CARGO_PKG_VERSION"),
        "build" => option_env!("CELLFTPD_BUILD").unwrap_or_default()
    )
    .set(1.0);
}

/// Sets the gauges at every change, until the daemon stops.
pub(in crate::daemon) async fn follow(mut conditions: Conditions) {
    loop {
        let now = conditions.now();
        set(&now, &conditions.registration());
        if !conditions.changed().await {
            return;
        }
    }
}

fn set(now: &Condition, registration: &Registration) {
    gauge!("cellftpd_modem_up").set(f64::from(u8::from(now.moves_files())));
    one_of("cellftpd_link_state", &Condition::STATES, now.state());
    one_of(
        "cellftpd_transfer_storage",
        &Keeping::NAMES,
        now.keeping.name(),
    );
    let registered = match (registration.registered, registration.roaming) {
        (None, _) => "unknown",
        (Some(false), _) => "not_registered",
        (Some(true), false) => "home",
        (Some(true), true) => "roaming",
    };
    one_of("cellftpd_modem_registration", &REGISTRATIONS, registered);
    let sim = match registration.sim {
        Sim::Unknown => "unknown",
        Sim::Ready => "ready",
        Sim::Locked => "locked",
        Sim::Missing => "missing",
    };
    one_of("cellftpd_modem_sim", &SIMS, sim);
    let rssi = registration.rssi_dbm.map_or(f64::NAN, f64::from);
    gauge!("cellftpd_modem_signal_rssi_dbm").set(rssi);
}

/// 1 for the value that holds, 0 for the others.
fn one_of(metric: &'static str, all: &[&'static str], holds: &str) {
    for value in all {
        let is = f64::from(u8::from(*value == holds));
        gauge!(metric, "state" => *value).set(is);
    }
}
