//! `cellftp events`.

use serde_json::{Value, json};

use crate::args::Args;
use crate::failure::Failure;
use crate::output::{Plain, print, seconds, words};
use cellftp::client::operation_event::Change;
use cellftp::client::watch_events_response::Event;
use cellftp::client::{Client, Failure as Told, Outcome, RepairEvent, WatchEventsResponse};

pub(crate) async fn run(args: &Args, client: &Client) -> Result<(), Failure> {
    let sessions = args.session.iter().cloned().collect();
    let mut events = client.events(sessions).await?;
    while let Some(event) = events.next().await? {
        print(args.json, line(&event), || value(&event))?;
    }
    Ok(())
}

fn line(response: &WatchEventsResponse) -> String {
    let time = response.event_time.as_ref().map(ToString::to_string);
    let what = match &response.event {
        Some(Event::Link(link)) => {
            let state = words(link.state().as_str_name(), "LINK_STATE_");
            let mut text = format!("link {state}");
            if let Some(login) = &link.login {
                text += &format!(" {}:{}", Plain(&login.host), login.port);
            }
            if !link.detail.is_empty() {
                text += &format!(" {}", Plain(&link.detail));
            }
            text
        }
        Some(Event::Repair(repair)) => format!("repair {}", repair_line(repair)),
        Some(Event::Session(session)) => {
            let change = session.change().as_str_name();
            let whose = whose(&session.principal);
            format!("session {change} {}{whose}", session.session_id)
        }
        Some(Event::Operation(event)) => {
            let operation = event.operation.clone().unwrap_or_default();
            let change = event.change.as_ref().map(change).unwrap_or_default();
            let place = [&operation.profile, &operation.path];
            let place = place.into_iter().filter(|part| !part.is_empty());
            let place: String = place.map(|part| format!(" {}", Plain(part))).collect();
            format!(
                "{} {}{place}{} {change}",
                operation.operation_id,
                operation.method,
                whose(&operation.principal)
            )
        }
        Some(Event::Lost(lost)) => format!("{} events were lost", lost.event_count),
        None => "unknown".into(),
    };
    format!("{} {what}\n", time.unwrap_or_default())
}

/// Whose something is, where that is told.
fn whose(principal: &str) -> String {
    if principal.is_empty() {
        return String::new();
    }
    format!(" of {}", Plain(principal))
}

/// A repair, its cause and its outcome.
pub(crate) fn repair_line(repair: &RepairEvent) -> String {
    let said = |failure: &Told| Plain(&failure.message).to_string();
    let outcome = match &repair.failure {
        None => "helped".to_owned(),
        Some(failure) => format!("did not help: {}", said(failure)),
    };
    let rung = words(repair.rung().as_str_name(), "REPAIR_RUNG_");
    let mut line = format!("{rung} {outcome}");
    if let Some(cause) = &repair.cause {
        line += &format!(" (after {})", said(cause));
    }
    line
}

pub(crate) fn repair_value(repair: &RepairEvent) -> Value {
    json!({
        "rung": repair.rung().as_str_name(),
        "cause": repair.cause.as_ref().map(failure_value),
        "outcome": repair.outcome().as_str_name(),
        "failure": repair.failure.as_ref().map(failure_value),
    })
}

/// A failure for programs.
pub(crate) fn failure_value(failure: &Told) -> Value {
    json!({
        "code": failure.code,
        "reason": failure.reason,
        "message": failure.message,
        "metadata": failure.metadata,
        "retry_after_seconds": seconds(failure.retry_after.as_ref()),
    })
}

fn change(change: &Change) -> String {
    let secs = |time| seconds(time).unwrap_or_default();
    match change {
        Change::Admitted(admitted) => format!("admitted, {} in all", admitted.admitted_count),
        Change::Started(started) => {
            format!(
                "started after {:.1} s",
                secs(started.waiting_duration.as_ref())
            )
        }
        Change::Moved(moved) => format!("{} bytes", moved.moved_bytes),
        Change::Yielded(yielded) => {
            let reason = yielded.reason().as_str_name();
            format!("yielded at {} bytes: {reason}", yielded.moved_bytes)
        }
        Change::Resumed(resumed) => {
            format!(
                "goes on after {:.1} s",
                secs(resumed.waiting_duration.as_ref())
            )
        }
        Change::Ended(ended) if ended.outcome() == Outcome::Succeeded => {
            format!(
                "done, {:.1} s on the link",
                secs(ended.link_duration.as_ref())
            )
        }
        Change::Ended(ended) => {
            let how = words(ended.outcome().as_str_name(), "OUTCOME_");
            match &ended.failure {
                Some(why) => format!("{how} {} {}", why.reason, Plain(&why.message)),
                None => how,
            }
        }
    }
}

fn value(response: &WatchEventsResponse) -> Value {
    let event = match &response.event {
        Some(Event::Link(link)) => json!({ "link": {
            "state": link.state().as_str_name(),
            "detail": link.detail,
            "logged_in": link.login.as_ref().map(|login| json!({
                "profile": login.profile,
                "host": login.host,
                "port": login.port,
            })),
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
                "path": operation.path,
                "priority": operation.priority().as_str_name(),
                "change": event.change.as_ref().map(change_value),
            }})
        }
        Some(Event::Lost(lost)) => json!({ "lost": lost.event_count }),
        None => Value::Null,
    };
    json!({
        "sequence": response.sequence,
        "time": response.event_time.as_ref().map(ToString::to_string),
        "event": event,
    })
}

fn change_value(change: &Change) -> Value {
    match change {
        Change::Admitted(admitted) => {
            json!({ "admitted": { "admitted": admitted.admitted_count } })
        }
        Change::Started(started) => {
            json!({ "started": { "waited_seconds": seconds(started.waiting_duration.as_ref()) } })
        }
        Change::Moved(moved) => json!({ "moved": { "bytes": moved.moved_bytes } }),
        Change::Yielded(yielded) => json!({ "yielded": {
            "bytes": yielded.moved_bytes,
            "reason": yielded.reason().as_str_name(),
        }}),
        Change::Resumed(resumed) => {
            json!({ "resumed": { "waited_seconds": seconds(resumed.waiting_duration.as_ref()) } })
        }
        Change::Ended(ended) => json!({ "ended": {
            "outcome": ended.outcome().as_str_name(),
            "failure": ended.failure.as_ref().map(failure_value),
            "on_link_seconds": seconds(ended.link_duration.as_ref()),
            "moved_bytes": ended.moved_bytes,
        }}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cellftp::client::LostEvents;

    #[test]
    fn lost_events_are_told() {
        let lost = WatchEventsResponse {
            event: Some(Event::Lost(LostEvents { event_count: 7 })),
            ..Default::default()
        };
        assert_eq!(line(&lost), " 7 events were lost\n");
        assert_eq!(value(&lost)["event"]["lost"], 7);
    }
}
