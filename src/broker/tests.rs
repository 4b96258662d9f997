//! The floor as a whole, in virtual time, over a module that a task plays.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::{sleep, timeout};

use super::shared::Cancelled;
use super::testing::{self, Module, path, server};
use super::{Broker, Limits, scheduler, spool};
use crate::broker::catalogue::{Servers, SessionRequest};
use crate::broker::flow::get::{GetResult, Guards, Next, Reading};
use crate::broker::flow::put::{PutHeader, PutStage, Writing};
use crate::broker::limits::Upkeep;
use crate::broker::terms::{
    Caller, Cause, Error, Hashed, Options, Principal, Priority, PutResult, PutState, ServerChoice,
    Target, Verify, Whose,
};
use crate::modem::{self, JobId, clock};
use simcom_talk::dialogue::failure::{self, Ending, Finding};
use simcom_talk::dialogue::operation::{Directory, Download, SessionTarget, Standing, Task};
use simcom_talk::ftps::value::{NameCode, Offset};

mod ending;
mod getting;
mod logins;
mod putting;
mod sessions;
mod trees;
mod usage;
mod watching;

const SECOND: Duration = Duration::from_secs(1);

fn caller(name: &str) -> Caller {
    Caller {
        priority: None,
        yields: None,
        options: Options::default(),
        principal: Principal::new(name),
        deadline: None,
    }
}

fn profile() -> Target {
    Target::Profile("a".into())
}

/// A broker over a module.
fn broker(module: Module) -> (Broker, Module) {
    broker_within(module, Limits::default())
}

fn broker_within(module: Module, limits: Limits) -> (Broker, Module) {
    let profiles = ["a", "b"].map(|name| (name.to_owned(), (*server(name)).clone()));
    let broker = Broker::new(module.start(), Servers::new(profiles, false), limits);
    (broker, module)
}

fn header(name: &str) -> PutHeader {
    PutHeader {
        target: profile(),
        path: path(name),
        must_be_new: false,
        verify: None,
        delete_on_failure: true,
        size: None,
        sentinel: None,
    }
}

async fn get(broker: &Broker, name: &str) -> Result<(Vec<u8>, GetResult), Error> {
    let me = caller("me");
    let mut reading = broker
        .get(&me, &profile(), &path(name), Offset::ZERO)
        .await?;
    let mut all = Vec::new();
    loop {
        match reading.next().await? {
            Next::Chunk(chunk) => all.extend_from_slice(&chunk),
            Next::End(result) => return Ok((all, result)),
        }
    }
}

async fn put(broker: &Broker, header: PutHeader, content: &[u8]) -> Result<PutResult, Error> {
    let mut writing = broker.put(&caller("me"), header)?;
    for part in content.chunks(1000) {
        writing.push(Bytes::copy_from_slice(part)).await?;
    }
    writing.finish(None).await
}

fn content(len: usize) -> Vec<u8> {
    (0..len).map(|at| u8::try_from(at % 253).unwrap()).collect()
}

/// Waits until no task can proceed without new input.
async fn settle() {
    sleep(Duration::from_millis(1)).await;
}

/// A Get of another principal, which has the link until the module's file ends.
async fn busy(broker: &Broker) -> Reading {
    broker
        .get(&caller("busy"), &profile(), &path("/long"), Offset::ZERO)
        .await
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_status_names_who_runs_and_who_waits() {
    let (broker, _) = broker(Module::new().file("/long", content(100_000)));
    let reading = busy(&broker).await;
    let asking = tokio::spawn({
        let broker = broker.clone();
        async move { broker.size(&caller("me"), &profile(), &path("/long")).await }
    });
    sleep(SECOND / 2).await;
    let status = broker.status();
    let running = status.running.unwrap();
    assert_eq!(
        (&running.operation, running.method),
        (reading.operation(), "Get")
    );
    assert_eq!(running.elapsed, SECOND / 2 + Module::CHUNK_TIME);
    assert_eq!(status.queued, 1);
    drop(reading);
    assert_eq!(asking.await.unwrap().unwrap(), 100_000);
}

#[test]
fn what_the_module_found_out_is_carried_up() {
    let failure = failure::Failure {
        committed: Some(7),
        finding: Some(Finding::LeftBehind),
        ..failure::Failure::new(
            failure::Cause::SizeMismatch {
                expected: 9,
                found: 7,
            },
            None,
            failure::Stage::Commit,
        )
    };
    let error = Error::from(modem::Error::Failed(failure));
    assert!(matches!(
        error.cause,
        Cause::SizeMismatch {
            expected: 9,
            found: 7
        }
    ));
    assert_eq!((error.committed, error.left_behind), (Some(7), true));
}

#[test]
fn handles_can_be_sent_to_other_tasks() {
    fn sendable<T: Send>(_: &T) {}
    fn shareable<T: Send + Sync + 'static>() {}
    shareable::<Broker>();
    let (broker, me) = (broker_of_nothing(), caller("me"));
    let (at, name) = (profile(), path("/f"));
    sendable(&broker.get(&me, &at, &name, Offset::ZERO));
    sendable(&broker.size(&me, &at, &name));
    sendable(&broker.cancel(&me, &JobId::new("x")));
    shareable::<Reading>();
    shareable::<Writing>();
}

fn broker_of_nothing() -> Broker {
    Broker::new(testing::modem().0, Servers::default(), Limits::default())
}
