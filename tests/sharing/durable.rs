//! Transfers that outlive their caller, under every pair of two disturbances at once. Each arrives in the end, byte
//! for byte, and a disturbance that loses nothing costs no second attempt.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::world::{HOSTS, World, at, caller, lively, path};
use cellftp::broker::terms::{Error, Priority, TransferId};
use cellftp::transfers::{
    Direction, ReadNext, Record, Remnant, State, Terms, Transfers, Upload, UploadWish, Wish,
};
use simcom_emulator::{Effect, Family, Fault, Knobs, OkOrder, Phase, Trigger};

/// Something that goes on around the transfers, or happens to them.
struct Disturbance {
    name: &'static str,
    /// It loses nothing.
    harmless: bool,
    knobs: fn(&mut Knobs),
    faults: fn() -> Vec<Fault>,
    /// Called once the module is logged in for the first time.
    begin: fn(&World),
}

const NOTHING: Disturbance = Disturbance {
    name: "nothing",
    harmless: true,
    knobs: |_| {},
    faults: Vec::new,
    begin: |_| {},
};

/// A fault in an execution of a command. The first execution is that of its test form.
fn once(command: &str, nth: u32, phase: Phase, effect: Effect) -> Fault {
    Fault {
        trigger: Trigger::Command {
            command: command.into(),
            nth,
            phase,
        },
        effect,
    }
}

/// A line every so many milliseconds, for a minute.
fn lines(texts: &[&str], every: u64) -> Vec<Fault> {
    let times = (every..60_000).step_by(usize::try_from(every).unwrap());
    let line = |(turn, at): (usize, u64)| Fault {
        trigger: Trigger::After(Duration::from_millis(at)),
        effect: Effect::Text(texts[turn % texts.len()].into()),
    };
    times.enumerate().map(line).collect()
}

const DISTURBANCES: [Disturbance; 12] = [
    Disturbance {
        name: "sentences of a satellite receiver",
        knobs: |knobs| {
            knobs.chatter = "$GNRMC,,V,,,,,,,,,,N,V*37\r\n".into();
            knobs.chatter_every = Duration::from_millis(300);
        },
        ..NOTHING
    },
    Disturbance {
        name: "the registration comes and goes",
        faults: || lines(&["\r\n+CREG: 2\r\n", "\r\n+CREG: 1\r\n"], 700),
        ..NOTHING
    },
    Disturbance {
        name: "messages, and one in the gap of a block",
        faults: || {
            let mut faults = lines(&["\r\n+CMTI: \"SM\",5\r\n"], 900);
            let message = Effect::Text("\r\n+CMTI: \"SM\",4\r\n".into());
            faults.push(once("+CFTPSGET", 2, Phase::InBlock(1480), message));
            faults
        },
        ..NOTHING
    },
    Disturbance {
        name: "results before OK",
        knobs: |knobs| knobs.ok_order = OkOrder::ResultFirst,
        ..NOTHING
    },
    Disturbance {
        name: "the radio is off",
        knobs: |knobs| knobs.functionality = 0,
        ..NOTHING
    },
    Disturbance {
        name: "a boot in the middle of a download",
        harmless: false,
        knobs: |knobs| knobs.boot_time = Duration::from_secs(5),
        faults: || vec![once("+CFTPSGET", 2, Phase::InBlock(9000), Effect::Reboot)],
        ..NOTHING
    },
    Disturbance {
        name: "a boot in the middle of an upload",
        harmless: false,
        knobs: |knobs| knobs.boot_time = Duration::from_secs(5),
        faults: || vec![once("+CFTPSPUT", 2, Phase::InData(9000), Effect::Reboot)],
        ..NOTHING
    },
    Disturbance {
        name: "the server closes the connection, twice",
        harmless: false,
        faults: || {
            vec![
                once("+CFTPSGET", 2, Phase::InBlock(9000), Effect::PeerClosed),
                once("+CFTPSPUT", 2, Phase::InData(9000), Effect::PeerClosed),
            ]
        },
        ..NOTHING
    },
    Disturbance {
        name: "the network closes the context",
        harmless: false,
        faults: || {
            vec![once(
                "+CFTPSPUT",
                2,
                Phase::BeforeResult,
                Effect::PdnDeactivated,
            )]
        },
        ..NOTHING
    },
    Disturbance {
        name: "the module is busy",
        harmless: false,
        faults: || {
            vec![
                once("+CFTPSLOGIN", 3, Phase::BeforeResult, Effect::Fail(3)),
                once("+CFTPSPUT", 2, Phase::BeforeResult, Effect::Fail(3)),
            ]
        },
        ..NOTHING
    },
    Disturbance {
        name: "data connections fail",
        harmless: false,
        faults: || {
            vec![
                once("+CFTPSGET", 2, Phase::BeforeResult, Effect::Fail(14)),
                once("+CFTPSPUT", 2, Phase::BeforeResult, Effect::Fail(14)),
            ]
        },
        ..NOTHING
    },
    Disturbance {
        name: "the server still counts a session that was cut",
        harmless: false,
        begin: |world| {
            world.refuse_logins(HOSTS[0], 2);
            world.break_link();
        },
        ..NOTHING
    },
];

/// The pauses after two refused logins are at most two minutes, and a boot with everything after it less than one.
const IN_TIME: Duration = Duration::from_secs(1800);

fn id(name: &str) -> TransferId {
    TransferId::new(name).unwrap()
}

fn wish(name: &str, direction: Direction) -> Wish {
    Wish {
        profile: HOSTS[0].into(),
        path: path(name),
        priority: Priority::Bulk,
        direction,
        terms: Terms::default(),
    }
}

async fn upload(transfers: &Transfers, name: &str, to: &str, content: &[u8]) -> Result<(), Error> {
    upload_as(transfers, name, to, content, UploadWish::default()).await
}

async fn upload_as(
    transfers: &Transfers,
    name: &str,
    to: &str,
    content: &[u8],
    how: UploadWish,
) -> Result<(), Error> {
    let up = wish(to, Direction::Upload(how));
    let Upload::Receive(mut receiving) =
        transfers.create_upload(&caller("me"), id(name), up).await?
    else {
        unreachable!("{name} is new");
    };
    for part in content.chunks(5000) {
        receiving.push(Bytes::copy_from_slice(part)).await?;
    }
    receiving.finish(None).await.map(drop)
}

/// What became of it.
async fn over(transfers: &Transfers, name: &str) -> Result<Record, Error> {
    let mut watch = transfers.watch_transfer(&caller("me"), id(name))?;
    let mut last = None;
    while let Some(transfer) = watch.next().await? {
        last = Some(transfer.record);
    }
    Ok(last.unwrap())
}

async fn read(transfers: &Transfers, name: &str) -> Result<Vec<u8>, Error> {
    let mut reading = transfers.read_transfer(&caller("me"), id(name), 0).await?;
    let mut all = Vec::new();
    while let ReadNext::Chunk(chunk) = reading.next().await? {
        all.extend_from_slice(&chunk);
    }
    Ok(all)
}

/// One pair.
async fn try_pair(family: Family, pair: [&Disturbance; 2], directory: &Path) {
    let what = format!("{family:?}: {} and {}", pair[0].name, pair[1].name);
    let mut knobs = Knobs::default();
    let mut faults = Vec::new();
    for disturbance in pair {
        (disturbance.knobs)(&mut knobs);
        faults.extend((disturbance.faults)());
    }
    let (world, transfers) = World::with(family, knobs, faults).keeping(directory);
    let (there, ours) = (lively(1, 30_000), lively(2, 30_000));
    world.store(HOSTS[0], "/f", there.clone());
    let (broker, stop) = (world.broker.clone(), CancellationToken::new());
    let delivering = tokio::spawn({
        let (transfers, stop) = (transfers.clone(), stop.clone());
        async move { transfers.deliver(stop).await }
    });
    let size = broker.size(&caller("me"), &at(HOSTS[0]), &path("/f")).await;
    assert!(size.is_ok(), "{what}: {size:?}");
    for disturbance in pair {
        (disturbance.begin)(&world);
    }
    upload(&transfers, "up", "/g", &ours).await.unwrap();
    let down = wish("/f", Direction::Download);
    let me = caller("me");
    transfers
        .create_download(&me, id("down"), down)
        .await
        .unwrap();
    let harmless = pair.iter().all(|disturbance| disturbance.harmless);
    for name in ["up", "down"] {
        let record = timeout(IN_TIME, over(&transfers, name)).await;
        assert!(record.is_ok(), "{what}: {name} takes too long");
        let record = record.unwrap().unwrap();
        assert_eq!(record.state, State::Done, "{what}: {name}: {record:?}");
        let attempts = record.attempts;
        assert!(
            attempts == 1 || !harmless,
            "{what}: {name}: {attempts} attempts"
        );
    }
    assert!(
        world.file(HOSTS[0], "/g").unwrap() == ours,
        "{what}: other content"
    );
    assert!(
        read(&transfers, "down").await.unwrap() == there,
        "{what}: other content"
    );
    stop.cancel();
    delivering.await.unwrap();
}

/// A profile leads to another server after a part was written. There, a file that looks like that part is another's.
#[tokio::test(start_paused = true)]
async fn a_transfer_whose_profile_leads_elsewhere_deletes_and_resumes_nothing_there() {
    for goes_on in [false, true] {
        let scratch = tempfile::tempdir().unwrap();
        let world = World::new(Family::Sim7600);
        let (world, transfers) = world.keeping(scratch.path());
        let [one, two] = HOSTS;
        let stop = CancellationToken::new();
        let delivering = tokio::spawn({
            let (transfers, stop) = (transfers.clone(), stop.clone());
            async move { transfers.deliver(stop).await }
        });
        let ours = lively(1, 200_000);
        let how = UploadWish {
            delete_on_failure: true,
            ..UploadWish::default()
        };
        upload_as(&transfers, "up", "/log", &ours, how)
            .await
            .unwrap();
        while world.file(one, "/log").is_none_or(|there| there.is_empty()) {
            sleep(Duration::from_millis(100)).await;
        }
        world.refuse_logins(one, 50);
        world.break_link();
        let state = async {
            loop {
                let transfer = transfers.transfer(&caller("me"), id("up")).unwrap();
                if matches!(transfer.record.state, State::Waiting { .. }) {
                    return;
                }
                sleep(Duration::from_millis(100)).await;
            }
        };
        timeout(IN_TIME, state).await.unwrap();
        let theirs = ours[..30_000].to_vec();
        world.store(two, "/log", theirs.clone());
        world.lead(one, two);
        if goes_on {
            let record = timeout(IN_TIME, over(&transfers, "up"))
                .await
                .unwrap()
                .unwrap();
            assert_eq!(record.state, State::Done, "{record:?}");
            assert!(world.file(two, "/log").unwrap() == ours);
        } else {
            transfers
                .cancel_transfer(&caller("me"), id("up"))
                .await
                .unwrap();
            sleep(Duration::from_secs(600)).await;
            assert!(
                world.file(two, "/log").unwrap() == theirs,
                "it was another's"
            );
            let transfer = transfers.transfer(&caller("me"), id("up")).unwrap();
            assert_eq!(transfer.record.remnant, Remnant::Left);
        }
        stop.cancel();
        delivering.await.unwrap();
    }
}

async fn try_pairs(family: Family) {
    let mut pairs = 0;
    for (at, one) in DISTURBANCES.iter().enumerate() {
        for other in DISTURBANCES[at + 1..].iter().chain([&NOTHING]) {
            // In memory, where the system has a directory for that: each pair has a store of its own.
            let scratch = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
            try_pair(family, [one, other], scratch.unwrap().path()).await;
            pairs += 1;
        }
    }
    assert_eq!(pairs, 12 * 13 / 2);
}

#[tokio::test(start_paused = true)]
async fn every_pair_of_disturbances_of_a_sim7600_leaves_transfers_whole() {
    try_pairs(Family::Sim7600).await;
}

#[tokio::test(start_paused = true)]
async fn every_pair_of_disturbances_of_an_a7670_leaves_transfers_whole() {
    try_pairs(Family::A7670).await;
}

/// Errors as clients receive them.
pub(crate) fn told(error: &Error) -> cellftp::transfers::ToldError {
    cellftp::transfers::ToldError {
        reason: format!("{:?}", error.cause),
        message: error.to_string(),
        metadata: BTreeMap::new(),
    }
}
