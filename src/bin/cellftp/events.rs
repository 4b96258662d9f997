//! `cellftp events`.

use cellftp::client::operation_event::Change;
use cellftp::client::watch_events_response::Event;
use cellftp::client::{Client, RepairEvent, WatchEventsResponse};
use serde_json::{Value, json};

use crate::args::Args;
use crate::exit::Failure;
use crate::output::{Plain, print, seconds, words};

pub(crate) async fn run(args: &Args, client: &Client) -> Result<(), Failure> {
    let sessions = args.session.iter().cloned().collect();
    let mut events = client.events(sessions).await?;
    while let Some(event) = events.next().await? {
        print(args.json, line(&event), || value(&event))?;
    }
    Ok(())
}

fn line(response: &WatchEventsResponse) -> String {
    let time = response.time.as_ref().map(ToString::to_string);
    let what = match &response.event {
        Some(Event::Link(link)) => {
            let state = words(link.state().as_str_name(), "LINK_STATE_");
            let mut text = format!("link {state}");
            for more in [&link.logged_in, &link.detail] {
                if !more.is_empty() {
                    text += &format!(" {}", Plain(more));
                }
            }
            text
        }
        Some(Event::Repair(repair)) => format!("repair {}", repair_line(repair)),
        Some(Event::Session(session)) => {
            let change = session.change().as_str_name();
            format!("session {change} {}", session.session_id)
        }
        Some(Event::Operation(event)) => {
            let operation = event.operation.clone().unwrap_or_default();
            let change = event.change.as_ref().map(change).unwrap_or_default();
            format!("{} {} {change}", operation.operation_id, operation.method)
        }
        Some(Event::Lost(lost)) => format!("{lost} events were lost"),
        None => "unknown".into(),
    };
    format!("{} {what}\n", time.unwrap_or_default())
}

/// A repair, why it was tried, and what became of it.
pub(crate) fn repair_line(repair: &RepairEvent) -> String {
    let outcome = if repair.ok {
        "helped".to_owned()
    } else {
        format!("did not help: {}", Plain(&repair.detail))
    };
    let rung = words(repair.rung().as_str_name(), "REPAIR_RUNG_");
    let mut line = format!("{rung} {outcome}");
    if !repair.why.is_empty() {
        line += &format!(" (after {})", Plain(&repair.why));
    }
    line
}

pub(crate) fn repair_value(repair: &RepairEvent) -> Value {
    json!({
        "rung": repair.rung().as_str_name(),
        "why": repair.why,
        "ok": repair.ok,
        "detail": repair.detail,
    })
}

fn change(change: &Change) -> String {
    let secs = |time| seconds(time).unwrap_or_default();
    match change {
        Change::Admitted(admitted) => format!("admitted, {} in all", admitted.admitted),
        Change::Started(started) => {
            format!("started after {:.1} s", secs(started.waited.as_ref()))
        }
        Change::Progress(progress) => format!("{} bytes", progress.bytes),
        Change::Yielded(yielded) => {
            let reason = yielded.reason().as_str_name();
            format!("made way at {} bytes: {reason}", yielded.bytes)
        }
        Change::Resumed(resumed) => {
            format!("goes on after {:.1} s", secs(resumed.waited.as_ref()))
        }
        Change::Ended(ended) if ended.ok => {
            format!("done, {:.1} s on the link", secs(ended.on_link.as_ref()))
        }
        Change::Ended(ended) => format!("failed {} {}", ended.reason, Plain(&ended.message)),
    }
}

fn value(response: &WatchEventsResponse) -> Value {
    let event = match &response.event {
        Some(Event::Link(link)) => json!({ "link": {
            "state": link.state().as_str_name(),
            "detail": link.detail,
            "logged_in": link.logged_in,
        }}),
        Some(Event::Repair(repair)) => json!({ "repair": repair_value(repair) }),
        Some(Event::Session(session)) => json!({ "session": {
            "session_id": session.session_id,
            "principal": session.principal,
            "change": session.change().as_str_name(),
        }}),
        Some(Event::Operation(event)) => {
            let operation = event.operation.clone().unwrap_or_default();
            json!({ "operation": {
                "operation_id": operation.operation_id,
                "method": operation.method,
                "principal": operation.principal,
                "profile": operation.profile,
                "priority": operation.priority().as_str_name(),
                "change": event.change.as_ref().map(change_value),
            }})
        }
        Some(Event::Lost(lost)) => json!({ "lost": lost }),
        None => Value::Null,
    };
    json!({
        "sequence": response.sequence,
        "time": response.time.as_ref().map(ToString::to_string),
        "event": event,
    })
}

fn change_value(change: &Change) -> Value {
    match change {
        Change::Admitted(admitted) => json!({ "admitted": { "admitted": admitted.admitted } }),
        Change::Started(started) => {
            json!({ "started": { "waited_seconds": seconds(started.waited.as_ref()) } })
        }
        Change::Progress(progress) => json!({ "progress": { "bytes": progress.bytes } }),
        Change::Yielded(yielded) => json!({ "yielded": {
            "bytes": yielded.bytes,
            "reason": yielded.reason().as_str_name(),
        }}),
        Change::Resumed(resumed) => {
            json!({ "resumed": { "waited_seconds": seconds(resumed.waited.as_ref()) } })
        }
        Change::Ended(ended) => json!({ "ended": {
            "ok": ended.ok,
            "reason": ended.reason,
            "message": ended.message,
            "on_link_seconds": seconds(ended.on_link.as_ref()),
        }}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_events_are_told() {
        let lost = WatchEventsResponse {
            event: Some(Event::Lost(7)),
            ..Default::default()
        };
        assert_eq!(line(&lost), " 7 events were lost\n");
        assert_eq!(value(&lost)["event"]["lost"], 7);
    }
}
