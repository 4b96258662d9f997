//! `cellftp status`.

use cellftp::client::{Client, GetStatusResponse, LinkState, SimState, TransferStorage};
use serde_json::json;

use crate::args::Args;
use crate::events::{repair_line, repair_value};
use crate::exit::Failure;
use crate::output::{Plain, print, seconds};

pub(crate) async fn run(args: &Args, client: &Client) -> Result<(), Failure> {
    let status = client.status().await?;
    print(args.json, text(&status), || value(&status))
}

fn text(status: &GetStatusResponse) -> String {
    let mut rows = vec![("link", link(status))];
    if !status.waiting_for.is_empty() {
        let time = seconds(status.waiting.as_ref()).unwrap_or_default();
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
        let network = match (registration.registered, registration.roaming) {
            (false, _) if registration.sim() == SimState::Unspecified => "unknown".to_string(),
            (false, _) => "not registered".to_string(),
            (true, false) => format!("registered {}", Plain(&registration.operator)),
            (true, true) => format!("roaming {}", Plain(&registration.operator)),
        };
        rows.push(("network", network.trim_end().into()));
        if let Some(rssi) = registration.rssi_dbm {
            rows.push(("signal", format!("{rssi} dBm")));
        }
    }
    if let Some(server) = &status.logged_in {
        let profile = Some(server.profile.as_str()).filter(|name| !name.is_empty());
        let suffix = profile.map(|name| format!(" ({name})")).unwrap_or_default();
        rows.push(("server", format!("{}:{}{suffix}", server.host, server.port)));
    }
    if let Some(running) = &status.running {
        let time = seconds(running.running.as_ref()).unwrap_or_default();
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
        let ago = seconds(repairs.ago.as_ref()).unwrap_or_default();
        rows.push(("repair", format!("{ago:.0} s ago, {}", repair_line(last))));
    }
    rows.push(("queued", status.queued.to_string()));
    rows.push(("sessions", status.sessions.to_string()));
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
    if let Some(today) = status.data.and_then(|data| data.today) {
        rows.push(("data", format!("about {} bytes today (UTC)", today.on_air)));
    }
    rows.iter()
        .map(|(name, value)| format!("{name:9} {value}\n"))
        .collect()
}

fn link(status: &GetStatusResponse) -> String {
    let state = match status.state() {
        LinkState::DeviceAbsent => "device absent",
        LinkState::BringingUp => "bringing up",
        LinkState::Ready => "ready",
        LinkState::Fault => "fault",
        LinkState::Unspecified => "unknown",
    };
    let mut text = state.to_string();
    if let Some(since) = seconds(status.since.as_ref()) {
        text += &format!(" for {since:.0} s");
    }
    if !status.detail.is_empty() {
        text += &format!(": {}", Plain(&status.detail));
    }
    text
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
        "since_seconds": seconds(status.since.as_ref()),
        "identity": status.identity.as_ref().map(|identity| json!({
            "manufacturer": identity.manufacturer,
            "model": identity.model,
            "firmware": identity.firmware,
        })),
        "registration": status.registration.as_ref().map(|registration| json!({
            "sim": registration.sim().as_str_name(),
            "registered": registration.registered,
            "roaming": registration.roaming,
            "rssi_dbm": registration.rssi_dbm,
            "operator": registration.operator,
        })),
        "logged_in": status.logged_in.as_ref().map(|server| json!({
            "profile": server.profile,
            "host": server.host,
            "port": server.port,
        })),
        "running": status.running.as_ref().map(|running| json!({
            "operation_id": running.operation_id,
            "method": running.method,
            "running_seconds": seconds(running.running.as_ref()),
        })),
        "queued": status.queued,
        "sessions": status.sessions,
        "data": status.data.as_ref().map(|data| json!({
            "today_on_air": data.today.unwrap_or_default().on_air,
            "this_month_on_air": data.this_month.unwrap_or_default().on_air,
        })),
        "waiting_for": status.waiting_for,
        "waiting_seconds": seconds(status.waiting.as_ref()),
        "transfer_storage": status.transfer_storage().as_str_name(),
        "transfer_storage_detail": status.transfer_storage_detail,
        "transfer_storage_set_aside": status.transfer_storage_set_aside,
        "repairs": status.repairs.as_ref().map(|repairs| json!({
            "last": repairs.last.as_ref().map(repair_value),
            "ago_seconds": seconds(repairs.ago.as_ref()),
            "within_an_hour": repairs.within_an_hour.iter().map(|count| json!({
                "rung": count.rung().as_str_name(),
                "count": count.count,
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
    fn a_wait_says_for_what_and_how_long() {
        let status = GetStatusResponse {
            state: LinkState::Ready.into(),
            waiting_for: "the module is busy".into(),
            waiting: Some(prost_types::Duration {
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
