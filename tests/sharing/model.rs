//! A model: random clients that come, vanish, cancel and run out of time, at two servers, with and
//! without sessions, before a module whose server closes connections.

use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::world::lively;
use super::*;
use cellftp::broker::Broker;
use cellftp::broker::terms::{Caller, Error, Options, Principal, Priority, Yields};
use cellftp::modem::clock;

const SECOND: Duration = Duration::from_secs(1);

/// The operations of all runs, and how many of them succeeded.
static STEPS: AtomicUsize = AtomicUsize::new(0);
static ANSWERED: AtomicUsize = AtomicUsize::new(0);

/// An action of one client of the model.
#[derive(Debug, Clone)]
struct Act {
    principal: u8,
    kind: u8,
    starts: u64,
    patience: Option<u64>,
    cancels: Option<u64>,
    yields: u8,
    priority: u8,
    server: u8,
    in_session: bool,
    size: usize,
    /// Pause between two parts that a Put sends.
    pause: u64,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = (
        0_u8..3,
        0_u8..6,
        0_u64..3000,
        prop::option::of(0_u64..3000),
        prop::option::of(0_u64..3000),
        (0_u8..4, 0_u8..4, 0_u8..2, any::<bool>()),
        prop_oneof![4 => Just(1000), 1 => Just(400_000)],
        prop_oneof![6 => Just(0), 1 => Just(700)],
    );
    let act = act.prop_map(
        |(principal, kind, starts, patience, cancels, how, size, pause)| Act {
            principal,
            kind,
            starts,
            patience,
            cancels,
            yields: how.0,
            priority: how.1,
            server: how.2,
            in_session: how.3,
            size,
            pause,
        },
    );
    prop::collection::vec(act, 1..30)
}

/// What a client knows of the file that it wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// It wrote none, or none is there.
    Nothing,
    /// It is there, whole.
    Stored,
    /// A part of it may be there.
    LeftBehind,
    /// It vanished before it was told.
    Unknown,
}

/// Runs a client's actions and checks that each answer is its own.
async fn perform(world: Arc<World>, at: usize, act: Act, start: Instant) -> Told {
    let broker = &world.broker;
    let millis = Duration::from_millis;
    sleep(millis(act.starts)).await;
    let me = Caller {
        priority: [
            None,
            Some(Priority::Interactive),
            Some(Priority::Normal),
            Some(Priority::Bulk),
        ][usize::from(act.priority)],
        yields: [
            None,
            Some(Yields::Auto),
            Some(Yields::Always),
            Some(Yields::Never),
        ][usize::from(act.yields)],
        options: Options::default(),
        principal: Principal::new(act.principal.to_string()),
        deadline: act.cancels.map(|after| start + millis(act.starts + after)),
    };
    let size = act.size + at * 7;
    let mut told = Told::Nothing;
    let name = path(&format!("/{at}"));
    let well = || ANSWERED.fetch_add(1, Ordering::Relaxed);
    let work = async {
        let Some(target) = target(broker, &me, &act).await else {
            return;
        };
        match act.kind {
            0 => {
                if let Ok(found) = broker.size(&me, &target, &name).await {
                    assert_eq!(found, size as u64);
                    well();
                }
            }
            1 | 2 | 5 => {
                let Ok(mut reading) = broker.get(&me, &target, &name, Offset::ZERO).await else {
                    return;
                };
                let calls_off = act.kind == 5;
                if calls_off {
                    let operation = reading.operation().clone();
                    sleep(millis(act.pause)).await;
                    // It may have ended by itself.
                    let _ = broker.cancel(&me, &operation).await;
                }
                let mut all = Vec::new();
                loop {
                    match reading.next().await {
                        Ok(Next::Chunk(chunk)) => all.extend_from_slice(&chunk),
                        Ok(Next::End(_)) => {
                            assert!(all == lively(at, size));
                            well();
                            break;
                        }
                        Err(_) => break,
                    }
                }
            }
            3 => world.break_link(),
            _ => {
                let header = PutHeader {
                    verify: None,
                    ..header(target, &format!("/put{at}"))
                };
                let Ok(mut writing) = broker.put(&me, header) else {
                    return;
                };
                told = Told::Unknown;
                let failed = |error: &Error| match error.left_behind {
                    true => Told::LeftBehind,
                    false => Told::Nothing,
                };
                for part in lively(at, size).chunks(act.size / 3) {
                    if writing.push(Bytes::copy_from_slice(part)).await.is_err() {
                        told = failed(&writing.failed().await);
                        return;
                    }
                    sleep(millis(act.pause * 10)).await;
                }
                told = match writing.finish(None).await {
                    Ok(result) => {
                        assert_eq!(result.size, size as u64);
                        well();
                        Told::Stored
                    }
                    Err(error) => failed(&error),
                };
            }
        }
    };
    // A client that loses patience vanishes in the middle of it.
    match act.patience {
        Some(patience) => drop(timeout(millis(patience), work).await),
        None => work.await,
    }
    told
}

/// A profile, or a session of it.
async fn target(broker: &Broker, me: &Caller, act: &Act) -> Option<Target> {
    let profile = HOSTS[usize::from(act.server)];
    if !act.in_session {
        return Some(Target::Profile(profile.into()));
    }
    let request = SessionRequest {
        server: ServerChoice::Profile(profile.into()),
        directory: None,
        transfer_type: TransferType::Binary,
        lease: None,
    };
    let session = broker.open_session(me, request).await.ok()?;
    assert_eq!(session.directory, "/");
    Some(Target::Session(session.id))
}

#[test]
#[expect(clippy::print_stdout, reason = "the test says what it did")]
fn every_admitted_job_gets_its_own_answer() {
    model();
    let (steps, answered) = (
        STEPS.load(Ordering::Relaxed),
        ANSWERED.load(Ordering::Relaxed),
    );
    println!("{steps} clients, of whom {answered} were answered well");
    assert!(answered > steps / 4, "all else is no test");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Whoever comes, yields, vanishes or runs out of time, and whatever fails: every client gets
    /// an answer of its own, one job has the link at a time, and nothing is left in the end.
    fn model(acts in acts()) {
        STEPS.fetch_add(acts.len(), Ordering::Relaxed);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let world = Arc::new(World::new(Family::Sim7600));
            for (at, act) in acts.iter().enumerate() {
                for host in HOSTS {
                    world.store(host, &format!("/{at}"), lively(at, act.size + at * 7));
                }
            }
            let start = clock::now();
            let clients: Vec<JoinHandle<Told>> = acts
                .iter()
                .cloned()
                .enumerate()
                .map(|(at, act)| tokio::spawn(perform(Arc::clone(&world), at, act, start)))
                .collect();
            let mut told = Vec::new();
            for client in clients {
                let ended = timeout(600 * SECOND, client).await;
                told.push(ended.unwrap().unwrap());
            }
            sleep(60 * SECOND).await;
            for (at, (act, told)) in acts.iter().zip(told).enumerate() {
                let there = world.file(HOSTS[usize::from(act.server)], &format!("/put{at}"));
                let whole = there.as_ref().map(|there| *there == lively(at, act.size + at * 7));
                match whole {
                    // Its caller may be gone before the success reaches it.
                    Some(true) => {}
                    Some(false) => assert!(
                        matches!(told, Told::LeftBehind | Told::Unknown),
                        "a part of {at} is there, and {told:?} was told"
                    ),
                    None => assert_ne!(told, Told::Stored, "{at} is lost"),
                }
            }
            let status = world.broker.status();
            assert!(status.running.is_none());
            assert_eq!(status.queued, 0);
            // All places are free again.
            let all: Vec<_> = (0..1024)
                .map(|_| world.broker.put(&caller("me"), header(at(HOSTS[0]), "/f")).unwrap())
                .collect();
            drop(all);
        });
    }
}
