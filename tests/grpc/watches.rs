//! Clients that watch operations.

use std::time::Duration;

use tokio::time::timeout;
use tonic::Code;

use crate::abuse::Neighbour;
use crate::house::{House, PATIENCE, content, here};
use cellftp::client::operation_event::Change;
use cellftp::client::watch_events_response::Event;
use cellftp::client::{Error, Events, OperationState, Outcome};

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_and_the_events_show_what_goes_on() {
    let house = House::slow().await;
    house.store("big", &content(20_000_000));
    let client = house.client().await;
    let mut events = client.events(Vec::new()).await.unwrap();
    let mut download = client.get(&here(), "/big", 0).await.unwrap();
    let operation = download.operation_id().to_owned();
    download.chunk().await.unwrap();
    let mut watch = client.events(Vec::new()).await.unwrap();
    let asking = tokio::spawn({
        let client = client.clone();
        async move { client.size(&here(), "/big").await }
    });
    timeout(PATIENCE, admitted(&mut watch, "GetSize"))
        .await
        .unwrap();
    let queue = client.queue().await.unwrap().operations;
    assert_eq!(queue.len(), 2);
    assert_eq!(queue[0].state(), OperationState::Running);
    let running = queue[0].operation.clone().unwrap();
    assert_eq!(
        (
            running.operation_id,
            running.method.as_str(),
            running.profile.as_str()
        ),
        (operation.clone(), "Get", "here")
    );
    assert_eq!(queue[1].state(), OperationState::Waiting);
    assert!(queue[1].estimated_wait.is_some());
    drop(download);
    asking.await.unwrap().unwrap();
    let mut changes = Vec::new();
    let mut last = None;
    while !changes.contains(&"ended") {
        let event = timeout(PATIENCE, events.next()).await.unwrap().unwrap();
        let event = event.unwrap();
        assert!(last.is_none_or(|last| event.sequence == last + 1));
        last = Some(event.sequence);
        let Some(Event::Operation(told)) = event.event else {
            continue;
        };
        if told.operation.unwrap().operation_id != operation {
            continue;
        }
        changes.push(match told.change.unwrap() {
            Change::Admitted(_) => "admitted",
            Change::Started(_) => "started",
            Change::Moved(_) => "moved",
            Change::Yielded(_) => "yielded",
            Change::Resumed(_) => "resumed",
            Change::Ended(ended) => {
                assert_eq!(ended.outcome(), Outcome::Cancelled);
                assert_eq!(ended.failure.unwrap().reason, "CANCELLED");
                "ended"
            }
        });
    }
    changes.dedup();
    assert_eq!(changes, ["admitted", "started", "moved", "ended"]);
}

/// Waits until an operation of a method has its place in the queue.
async fn admitted(watch: &mut Events, method: &str) {
    loop {
        let event = watch.next().await.unwrap().unwrap();
        if let Some(Event::Operation(told)) = event.event
            && matches!(told.change, Some(Change::Admitted(_)))
            && told.operation.is_some_and(|of| of.method == method)
        {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_floods_with_watches_is_refused_and_others_are_served() {
    let house = House::ready().await;
    let neighbour = Neighbour::of(&house).await;
    let client = house.client().await;
    let mut watches = Vec::new();
    let refusal = loop {
        match client.events(Vec::new()).await {
            Ok(events) => watches.push(events),
            Err(Error::Refused(refusal)) => break refusal,
            Err(error) => panic!("{error}"),
        }
        assert!(watches.len() < 1000, "there is no bound");
    };
    assert_eq!(
        (refusal.code, refusal.reason.as_str()),
        (Code::ResourceExhausted, "TOO_MANY_WATCHERS")
    );
    // Nobody reads the watches that are open.
    neighbour.client.events(Vec::new()).await.unwrap();
    neighbour
        .is_served("watches that nobody reads", Duration::ZERO)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_watch_does_not_hold_up_the_end() {
    let mut house = House::ready().await;
    let mut events = house.client().await.events(Vec::new()).await.unwrap();
    house.stop.cancel();
    let ended = async {
        loop {
            match events.next().await {
                Ok(Some(_)) => {}
                ended => break ended,
            }
        }
    };
    let Err(Error::Refused(refusal)) = timeout(PATIENCE, ended).await.unwrap() else {
        panic!("a watch ends with a word")
    };
    assert_eq!(
        (refusal.code, refusal.reason.as_str()),
        (Code::Unavailable, "STOPPING")
    );
    timeout(PATIENCE / 2, &mut house.serving)
        .await
        .unwrap()
        .unwrap();
}
