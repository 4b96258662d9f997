//! `cellftp status`.

use cellftp::client::{
    Client, GetStatusResponse, LinkState, RegistrationState, SimState, TransferStorage,
};
use serde_json::json;

use crate::args::Args;
use crate::events::{repair_line, repair_value};
use crate::failure::Failure;
use crate::output::{Plain, print, seconds};

/// Shows the status. With `check`, what is wrong is a failure as well.
pub(crate) async fn run(args: &Args, check: bool, client: &Client) -> Result<(), Failure> {
    let status = client.status().await?;
    print(args.json, text(&status), || value(&status))?;
    match wrong(&status).filter(|_| check) {
        Some(wrong) => Err(Failure::NotServing(wrong)),
        None => Ok(()),
    }
}

/// What keeps the daemon from its work.
fn wrong(status: &GetStatusResponse) -> Option<String> {
    if status.state() != LinkState::Ready {
        let state = state(status);
        return Some(match status.detail.as_str() {
            "" => format!("the link is not ready: {state}"),
            why => format!("the link is not ready: {state}: {}", Plain(why)),
        });
    }
    match status.transfer_storage() {
        TransferStorage::Waiting | TransferStorage::Unusable => Some(format!(
            "transfers are not kept: {}",
            Plain(&status.transfer_storage_detail)
        )),
        TransferStorage::Unspecified | TransferStorage::Off | TransferStorage::On => None,
    }
}

fn text(status: &GetStatusResponse) -> String {
    let mut rows = vec![("link", link(status))];
    if !status.waiting_for.is_empty() {
        let time = seconds(status.waiting_duration.as_ref()).unwrap_or_default();
        rows.push((
            "waits",
            format!("for {time:.0} s: {}", Plain(&status.waiting_for)),
        ));
    }
    if let Some(identity) = status
        .identity
        .as_ref()
        .filter(|identity| !identity.model.is_empty())
    {
        rows.push((
            "module",
            format!(
                "{} {}, firmware {}",
                Plain(&identity.manufacturer),
                Plain(&identity.model),
                Plain(&identity.firmware)
            )
            .trim_start()
            .into(),
        ));
    }
    if let Some(registration) = &status.registration {
        rows.push(("sim", sim(registration.sim()).into()));
        let network = match registration.state() {
            RegistrationState::Unspecified => "unknown".to_string(),
            RegistrationState::NotRegistered => "not registered".to_string(),
            RegistrationState::Home => {
                format!("registered {}", Plain(&registration.operator_name))
            }
            RegistrationState::Roaming => {
                format!("roaming {}", Plain(&registration.operator_name))
            }
        };
        rows.push(("network", network.trim_end().into()));
        if let Some(rssi) = registration.rssi_dbm {
            rows.push(("signal", format!("{rssi} dBm")));
        }
    }
    if let Some(server) = &status.login {
        let profile = Some(server.profile.as_str()).filter(|name| !name.is_empty());
        let suffix = profile.map(|name| format!(" ({name})")).unwrap_or_default();
        rows.push(("server", format!("{}:{}{suffix}", server.host, server.port)));
    }
    if let Some(running) = &status.running {
        let time = seconds(running.running_duration.as_ref()).unwrap_or_default();
        rows.push((
            "running",
            format!(
                "{} for {time:.0} s, {}",
                running.method, running.operation_id
            ),
        ));
    }
    let repairs = status.repairs.clone().unwrap_or_default();
    if let Some(last) = &repairs.last {
        let ago = seconds(repairs.last_age.as_ref()).unwrap_or_default();
        rows.push(("repair", format!("{ago:.0} s ago, {}", repair_line(last))));
    }
    rows.push(("queued", status.queued_operation_count.to_string()));
    rows.push(("sessions", status.session_count.to_string()));
    let why = Plain(&status.transfer_storage_detail);
    match status.transfer_storage() {
        TransferStorage::Waiting => {
            rows.push(("transfers", format!("wait for the daemon's disk: {why}")));
        }
        TransferStorage::Unusable => rows.push(("transfers", format!("none: {why}"))),
        TransferStorage::Unspecified | TransferStorage::Off | TransferStorage::On => {}
    }
    if !status.transfer_storage_set_aside.is_empty() {
        let names = status.transfer_storage_set_aside.join(", ");
        rows.push((
            "damaged",
            format!("store of transfers, kept beside it as {}", Plain(&names)),
        ));
    }
    if let Some(uptime) = seconds(status.uptime.as_ref()) {
        let version = Plain(&status.version);
        rows.push((
            "daemon",
            format!("cellftpd {version}, runs for {uptime:.0} s"),
        ));
    }
    if let Some(today) = status.data.and_then(|data| data.today) {
        rows.push((
            "data",
            format!("about {} bytes today (UTC)", today.on_air_bytes),
        ));
    }
    rows.iter()
        .map(|(name, value)| format!("{name:9} {value}\n"))
        .collect()
}

fn link(status: &GetStatusResponse) -> String {
    let mut text = state(status).to_string();
    if let Some(since) = seconds(status.state_duration.as_ref()) {
        text += &format!(" for {since:.0} s");
    }
    if !status.detail.is_empty() {
        text += &format!(": {}", Plain(&status.detail));
    }
    text
}

fn state(status: &GetStatusResponse) -> &'static str {
    match status.state() {
        LinkState::DeviceAbsent => "device absent",
        LinkState::BringingUp => "bringing up",
        LinkState::Ready => "ready",
        LinkState::Fault => "fault",
        LinkState::Searching => "searching",
        LinkState::Repairing => "repairing",
        LinkState::Stopping => "stopping",
        LinkState::Unspecified => "unknown",
    }
}

fn sim(state: SimState) -> &'static str {
    match state {
        SimState::Ready => "ready",
        SimState::Locked => "locked",
        SimState::Missing => "missing",
        SimState::Unspecified => "unknown",
    }
}

fn value(status: &GetStatusResponse) -> serde_json::Value {
    json!({
        "state": status.state().as_str_name(),
        "detail": status.detail,
        "since_seconds": seconds(status.state_duration.as_ref()),
        "identity": status.identity.as_ref().map(|identity| json!({
            "manufacturer": identity.manufacturer,
            "model": identity.model,
            "firmware": identity.firmware,
        })),
        "registration": status.registration.as_ref().map(|registration| json!({
            "sim": registration.sim().as_str_name(),
            "state": registration.state().as_str_name(),
            "rssi_dbm": registration.rssi_dbm,
            "operator": registration.operator_name,
        })),
        "logged_in": status.login.as_ref().map(|server| json!({
            "profile": server.profile,
            "host": server.host,
            "port": server.port,
        })),
        "running": status.running.as_ref().map(|running| json!({
            "operation_id": running.operation_id,
            "method": running.method,
            "running_seconds": seconds(running.running_duration.as_ref()),
        })),
        "queued": status.queued_operation_count,
        "sessions": status.session_count,
        "data": status.data.as_ref().map(|data| json!({
            "today_on_air": data.today.unwrap_or_default().on_air_bytes,
            "this_month_on_air": data.this_month.unwrap_or_default().on_air_bytes,
        })),
        "version": status.version,
        "uptime_seconds": seconds(status.uptime.as_ref()),
        "waiting_for": status.waiting_for,
        "waiting_seconds": seconds(status.waiting_duration.as_ref()),
        "transfer_storage": status.transfer_storage().as_str_name(),
        "transfer_storage_detail": status.transfer_storage_detail,
        "transfer_storage_set_aside": status.transfer_storage_set_aside,
        "repairs": status.repairs.as_ref().map(|repairs| json!({
            "last": repairs.last.as_ref().map(repair_value),
            "ago_seconds": seconds(repairs.last_age.as_ref()),
            "within_an_hour": repairs.last_hour_counts.iter().map(|count| json!({
                "rung": count.rung().as_str_name(),
                "count": count.try_count,
            })).collect::<Vec<_>>(),
        })),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_device_says_why() {
        let status = GetStatusResponse {
            state: LinkState::DeviceAbsent.into(),
            detail: "the serial device /dev/x is not there".into(),
            ..Default::default()
        };
        assert!(text(&status).starts_with("link      device absent: the serial device /dev/x"));
        assert_eq!(value(&status)["state"], "LINK_STATE_DEVICE_ABSENT");
    }

    #[test]
    fn a_check_fails_unless_files_are_moved_and_transfers_kept() {
        let status = |state: LinkState, storage: TransferStorage| GetStatusResponse {
            state: state.into(),
            transfer_storage: storage.into(),
            transfer_storage_detail: "no space left".into(),
            ..Default::default()
        };
        for storage in [TransferStorage::On, TransferStorage::Off] {
            assert_eq!(wrong(&status(LinkState::Ready, storage)), None);
        }
        for (state, storage, said) in [
            (LinkState::Searching, TransferStorage::On, "searching"),
            (LinkState::Stopping, TransferStorage::On, "stopping"),
            (LinkState::Ready, TransferStorage::Waiting, "no space left"),
        ] {
            let wrong = wrong(&status(state, storage)).unwrap_or_default();
            assert!(wrong.contains(said), "{wrong}");
        }
    }

    #[test]
    fn a_wait_says_for_what_and_how_long() {
        let status = GetStatusResponse {
            state: LinkState::Ready.into(),
            waiting_for: "the module is busy".into(),
            waiting_duration: Some(prost_types::Duration {
                seconds: 12,
                nanos: 0,
            }),
            ..Default::default()
        };
        let told = text(&status);
        assert!(
            told.contains("waits     for 12 s: the module is busy\n"),
            "{told}"
        );
        assert_eq!(value(&status)["waiting_seconds"], 12.0);
    }
}
