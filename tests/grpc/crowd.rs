//! Many clients at once, and those who watch them.

use std::collections::HashMap;

use cellftp::client::operation_event::Change;
use cellftp::client::watch_events_response::Event;
use cellftp::client::{
    Address, Client, Error, OperationState, Priority, PutOptions, PutState, Target,
    WatchEventsResponse,
};
use tokio::time::{sleep, timeout};
use tonic::Code;

use crate::house::{House, PATIENCE, content, here};

/// Clients at once: each has a connection of its own.
const CROWD: usize = 1000;

/// Profiles that differ in the user's name, so that the module has to log in anew for each.
const PROFILES: [&str; 3] = ["here", "second", "third"];

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_and_the_events_show_what_goes_on() {
    let house = House::slow().await;
    house.store("big", &content(20_000_000));
    let client = house.client().await;
    let mut events = client.events(Vec::new()).await.unwrap();
    let mut download = client.get(&here(), "/big", 0).await.unwrap();
    let operation = download.info().operation_id.clone();
    download.chunk().await.unwrap();
    let asking = tokio::spawn({
        let client = client.clone();
        async move { client.size(&here(), "/big").await }
    });
    let queue = timeout(PATIENCE, async {
        loop {
            let queue = client.queue().await.unwrap();
            if queue.operations.len() == 2 {
                break queue;
            }
            sleep(std::time::Duration::from_millis(10)).await;
        }
    });
    let queue = queue.await.unwrap().operations;
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
    assert!(queue[1].estimated_start.is_some());
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
            Change::Progress(_) => "progress",
            Change::Yielded(_) => "yielded",
            Change::Resumed(_) => "resumed",
            Change::Ended(ended) => {
                assert_eq!((ended.ok, ended.reason.as_str()), (false, "CANCELLED"));
                "ended"
            }
        });
    }
    changes.dedup();
    assert_eq!(changes, ["admitted", "started", "progress", "ended"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_floods_with_watches_is_refused_and_others_are_served() {
    let house = House::ready().await;
    house.store("file", b"content");
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
    let other = Client::connect(&house.tcp.parse::<Address>().unwrap())
        .await
        .unwrap();
    other.events(Vec::new()).await.unwrap();
    for _ in 0..50 {
        assert_eq!(other.size(&here(), "/file").await.unwrap(), 7);
    }
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

/// When operations were admitted and began, by the event log, in seconds.
#[derive(Default)]
struct Course(HashMap<String, (Priority, f64, Option<f64>)>);

impl Course {
    fn note(&mut self, event: &WatchEventsResponse) {
        let Some(Event::Operation(told)) = &event.event else {
            return;
        };
        let time = event.time.as_ref().unwrap();
        let time = time.seconds as f64 + f64::from(time.nanos) / 1e9;
        let operation = told.operation.as_ref().unwrap();
        match told.change {
            Some(Change::Admitted(_)) => {
                let id = operation.operation_id.clone();
                self.0.insert(id, (operation.priority(), time, None));
            }
            Some(Change::Started(_)) => {
                self.0.get_mut(&operation.operation_id).unwrap().2 = Some(time);
            }
            _ => {}
        }
    }

    /// Nobody begins before somebody more urgent who waits, unless it was overtaken for as long as
    /// patience allows. Answers how many began.
    fn check(&self) -> usize {
        // Between admission and the queue lies a switch of tasks, which may wait for a processor.
        const SWITCH: f64 = 1.0;
        const PATIENCE: f64 = 20.0;
        let all: Vec<_> = self.0.values().collect();
        for (priority, admitted, started) in &all {
            let Some(started) = started else { continue };
            let overtaken = all.iter().find(|(other, since, begun)| {
                (*other as i32) < *priority as i32
                    && since + SWITCH < *started
                    && begun.is_none_or(|begun| begun > started + SWITCH)
            });
            assert!(
                overtaken.is_none() || started - admitted >= PATIENCE - SWITCH,
                "{priority:?} began after {:.1} s before {overtaken:?}",
                started - admitted
            );
        }
        all.iter().filter(|(.., started)| started.is_some()).count()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_clients_get_their_own() {
    let house = House::with_users(&PROFILES[1..]).await;
    let sum = |number: usize| 100 + number * 3;
    for number in 0..CROWD {
        house.store(&format!("{number}"), &content(sum(number)));
    }
    // Two principals: nothing tells those at the TCP door apart.
    let doors = [
        Address::Unix(house.socket()),
        house.tcp.parse::<Address>().unwrap(),
    ];
    let mut clients = Vec::new();
    for number in 0..CROWD {
        let client = Client::connect(&doors[number % 2]).await.unwrap();
        clients.push(client);
    }
    let mut watch = clients[0].events(Vec::new()).await.unwrap();
    let work = clients.iter().cloned().enumerate().map(|(number, client)| {
        tokio::spawn(async move {
            let at = Target::Profile(PROFILES[number % 3].into());
            let (path, size) = (format!("/{number}"), 100 + number * 3);
            match number / 6 % 3 {
                0 => assert_eq!(client.size(&at, &path).await.unwrap(), size as u64),
                1 => {
                    let mut back = Vec::new();
                    let download = client.get(&at, &path, 0).await.unwrap();
                    download.copy_to(&mut back, |_| ()).await.unwrap();
                    assert!(back == content(size), "{number} got another's file");
                }
                _ => {
                    let sent = content(size + 1);
                    let options = PutOptions::default();
                    let mut source = sent.as_slice();
                    let put = client.put(&at, &path, &options, &mut source, |_| ());
                    assert_eq!(put.await.unwrap().state(), PutState::VerifiedSize);
                }
            }
        })
    });
    let work: Vec<_> = work.collect();
    let mut methods: HashMap<String, String> = HashMap::new();
    let mut course = Course::default();
    let mut longest = 0;
    let mut ended = 0;
    while ended < CROWD {
        let event = timeout(PATIENCE, watch.next()).await.unwrap().unwrap();
        let event = event.unwrap();
        course.note(&event);
        let event = match event.event {
            Some(Event::Operation(event)) => event,
            Some(Event::Lost(lost)) => panic!("{lost} events lost by one who reads"),
            _ => continue,
        };
        let operation = event.operation.unwrap();
        match event.change.unwrap() {
            Change::Admitted(_) => {
                methods.insert(operation.operation_id, operation.method);
            }
            Change::Started(started) => {
                assert!(methods.contains_key(&operation.operation_id));
                longest = longest.max(started.waited.unwrap().seconds);
            }
            Change::Ended(_) => {
                assert!(methods.remove(&operation.operation_id).is_some());
                ended += 1;
            }
            Change::Progress(_) | Change::Yielded(_) | Change::Resumed(_) => {}
        }
    }
    for task in work {
        task.await.unwrap();
    }
    for number in (0..CROWD).filter(|number| number / 6 % 3 == 2) {
        let stored = std::fs::read(house.root().join(number.to_string())).unwrap();
        assert!(
            stored == content(sum(number) + 1),
            "{number} is not its own"
        );
    }
    assert!(methods.is_empty(), "each has ended once");
    let passed = course.check();
    println!("{CROWD} clients, longest wait {longest} s; {passed} starts in order");
}
