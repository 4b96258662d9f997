//! `cellftp queue`.

use cellftp::client::{
    CancelEnding, Client, ListOperationsResponse, OperationState, QueuedOperation,
};
use serde_json::json;

use crate::args::Args;
use crate::failure::Failure;
use crate::output::{Plain, print, seconds};

pub(crate) async fn run(args: &Args, client: &Client) -> Result<(), Failure> {
    let queue = client.queue().await?;
    let text: String = queue.operations.iter().map(line).collect();
    print(args.json, text, || value(&queue))
}

pub(crate) async fn cancel(args: &Args, operation: &str, client: &Client) -> Result<(), Failure> {
    let cancelled = client.cancel(operation).await?;
    let ending = match cancelled.ending() {
        CancelEnding::BeforeItBegan => "before it began",
        CancelEnding::Drained => "drained",
        CancelEnding::Aborted => "aborted",
        CancelEnding::Unspecified => "unknown",
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
            let time = seconds(queued.running_duration.as_ref()).unwrap_or_default();
            format!("running for {time:.0} s, {} bytes", queued.moved_bytes)
        }
        OperationState::Waiting => {
            let wait = seconds(queued.estimated_wait.as_ref());
            let wait = wait.map_or_else(|| "?".into(), |wait| format!("{wait:.0}"));
            format!(
                "{} before it, begins in about {wait} s",
                queued.queue_position
            )
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

fn value(queue: &ListOperationsResponse) -> serde_json::Value {
    let operations = queue.operations.iter().map(|queued| {
        let operation = queued.operation.clone().unwrap_or_default();
        json!({
            "operation_id": operation.operation_id,
            "method": operation.method,
            "principal": operation.principal,
            "profile": operation.profile,
            "priority": operation.priority().as_str_name(),
            "state": queued.state().as_str_name(),
            "position": queued.queue_position,
            "admitted": queued.admit_time.as_ref().map(ToString::to_string),
            "estimated_wait_seconds": seconds(queued.estimated_wait.as_ref()),
            "running_seconds": seconds(queued.running_duration.as_ref()),
            "bytes": queued.moved_bytes,
        })
    });
    let operations: Vec<_> = operations.collect();
    let costs = queue.costs.unwrap_or_default();
    json!({
        "operations": operations,
        "costs": {
            "login_seconds": seconds(costs.login_duration.as_ref()),
            "switch_seconds": seconds(costs.change_server_duration.as_ref()),
            "small_seconds": seconds(costs.small_operation_duration.as_ref()),
            "upload_rate": costs.upload_bytes_per_second,
            "download_rate": costs.download_bytes_per_second,
            "abort_seconds": seconds(costs.abort_duration.as_ref()),
            "pause_seconds": seconds(costs.pause_duration.as_ref()),
            "block_rate": costs.block_bytes_per_second,
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
            queue_position: 3,
            estimated_wait: Some(prost_types::Duration {
                seconds: 7,
                nanos: 0,
            }),
            ..Default::default()
        };
        assert!(
            line(&queued).ends_with("-            3 before it, begins in about 7 s\n"),
            "{}",
            line(&queued)
        );
        let queue = ListOperationsResponse {
            operations: vec![queued],
            ..Default::default()
        };
        assert_eq!(value(&queue)["operations"][0]["position"], 3);
    }
}
