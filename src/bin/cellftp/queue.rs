//! `cellftp queue`.

use cellftp::client::{Client, Ending, ListQueueResponse, OperationState, QueuedOperation};
use serde_json::json;

use crate::args::Args;
use crate::exit::Failure;
use crate::output::{Plain, print, seconds};

pub(crate) async fn run(args: &Args, client: &Client) -> Result<(), Failure> {
    let queue = client.queue().await?;
    let text: String = queue.operations.iter().map(line).collect();
    print(args.json, text, || value(&queue))
}

pub(crate) async fn cancel(args: &Args, operation: &str, client: &Client) -> Result<(), Failure> {
    let cancelled = client.cancel(operation).await?;
    let ending = match cancelled.ending() {
        Ending::BeforeItBegan => "before it began",
        Ending::Drained => "drained",
        Ending::Aborted => "aborted",
        Ending::Unspecified => "unknown",
    };
    let cost = seconds(cancelled.cost.as_ref()).unwrap_or_default();
    print(
        args.json,
        format!("{ending}, after {cost:.1} s\n"),
        || json!({ "ending": ending, "cost": cost }),
    )
}

fn line(queued: &QueuedOperation) -> String {
    let operation = queued.operation.clone().unwrap_or_default();
    let place = match queued.state() {
        OperationState::Running => {
            let time = seconds(queued.running.as_ref()).unwrap_or_default();
            format!("running for {time:.0} s, {} bytes", queued.bytes)
        }
        OperationState::Waiting => {
            let start = queued.estimated_start.as_ref().map(ToString::to_string);
            let start = start.unwrap_or_else(|| "?".into());
            format!("{} before it, begins about {start}", queued.position)
        }
        OperationState::Aside => "waits for its client".into(),
        OperationState::Unspecified => "unknown".into(),
    };
    let others = |text: String| if text.is_empty() { "-".into() } else { text };
    format!(
        "{} {:16} {:12} {:12} {place}\n",
        operation.operation_id,
        operation.method,
        Plain(&others(operation.principal)).to_string(),
        Plain(&others(operation.profile)).to_string(),
    )
}

fn value(queue: &ListQueueResponse) -> serde_json::Value {
    let operations = queue.operations.iter().map(|queued| {
        let operation = queued.operation.clone().unwrap_or_default();
        json!({
            "operation_id": operation.operation_id,
            "method": operation.method,
            "principal": operation.principal,
            "profile": operation.profile,
            "priority": operation.priority().as_str_name(),
            "state": queued.state().as_str_name(),
            "position": queued.position,
            "admitted": queued.admitted.as_ref().map(ToString::to_string),
            "estimated_start": queued.estimated_start.as_ref().map(ToString::to_string),
            "running_seconds": seconds(queued.running.as_ref()),
            "bytes": queued.bytes,
        })
    });
    let operations: Vec<_> = operations.collect();
    let costs = queue.costs.unwrap_or_default();
    json!({
        "operations": operations,
        "costs": {
            "login_seconds": seconds(costs.login.as_ref()),
            "switch_seconds": seconds(costs.switch.as_ref()),
            "small_seconds": seconds(costs.small.as_ref()),
            "upload_rate": costs.upload_rate,
            "download_rate": costs.download_rate,
            "abort_seconds": seconds(costs.abort.as_ref()),
            "pause_seconds": seconds(costs.pause.as_ref()),
            "block_rate": costs.block_rate,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use cellftp::client::OperationInfo;

    #[test]
    fn one_that_waits_says_for_how_many_and_until_when() {
        let queued = QueuedOperation {
            operation: Some(OperationInfo {
                operation_id: "7".into(),
                method: "Put".into(),
                ..Default::default()
            }),
            state: OperationState::Waiting.into(),
            position: 3,
            estimated_start: Some(prost_types::Timestamp::default()),
            ..Default::default()
        };
        assert!(
            line(&queued)
                .ends_with("-            3 before it, begins about 1970-01-01T00:00:00Z\n"),
            "{}",
            line(&queued)
        );
        let queue = ListQueueResponse {
            operations: vec![queued],
            costs: None,
        };
        assert_eq!(value(&queue)["operations"][0]["position"], 3);
    }
}
