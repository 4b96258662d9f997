//! The attacks.

use std::time::Duration;

use cellftp::client::{Address, Client, Target};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::Siege;
use crate::frames::{GOAWAY, Wire, call, data, message, reset};

const HEALTH: &str = "/grpc.health.v1.Health/Check";
const STATUS: &str = "/cellftp.v1.ModemService/GetStatus";
const PUT: &str = "/cellftp.v1.FtpsService/Put";

/// Files that the daemon may open where descriptors are not what is attacked.
const MANY: u64 = 4096;

/// What an attack by calls may cost: as many as a client may have at once, at 16 KiB each.
const CALLS: u64 = 32 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_streams_on_one_connection() {
    let siege = Siege::of(MANY, "").await;
    let tcp = siege.program.tcp.clone();
    let attack = async {
        let mut wire = Wire::open(&tcp).await;
        for many in 0..100 {
            let calls: Vec<u8> = (0..1000)
                .flat_map(|one| call((many * 1000 + one) * 2 + 1, HEALTH))
                .collect();
            if !wire.write(&calls).await {
                break;
            }
        }
        sleep(Duration::from_secs(2)).await;
        drop(wire);
    };
    siege.beside("100,000 streams", CALLS, attack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_messages_that_never_end() {
    let siege = Siege::of(MANY, "").await;
    let tcp = siege.program.tcp.clone();
    let attack = async {
        let mut wires = Vec::new();
        for path in [HEALTH, STATUS, PUT] {
            for _ in 0..8 {
                wires.push((Wire::open(&tcp).await, path));
            }
        }
        // 16 calls fit the window of a connection, so that none waits for another.
        let calls = || (0..16).map(|one| one * 2 + 1);
        for (wire, path) in &mut wires {
            let headers: Vec<u8> = calls().flat_map(|one| call(one, path)).collect();
            wire.say(&headers).await;
            let half = message(4 << 20, &[7; 8_000]);
            wire.say(&calls().flat_map(|one| data(one, &half)).collect::<Vec<_>>())
                .await;
        }
        for _ in 0..10 {
            for (wire, _) in &mut wires {
                let more: Vec<u8> = calls().flat_map(|one| data(one, &[7; 16_000])).collect();
                wire.say(&more).await;
            }
        }
        drop(wires);
    };
    siege.beside("half messages", CALLS, attack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_connections_beyond_the_descriptors() {
    let siege = Siege::of(512, "").await;
    let tcp = siege.program.tcp.clone();
    let attack = async {
        let mut wires = Vec::new();
        for _ in 0..800 {
            wires.push(Wire::silent(&tcp).await);
        }
        // Those that were let in have ten seconds.
        sleep(Duration::from_millis(10_500)).await;
        let mut open = 0;
        for wire in &mut wires {
            open += usize::from(!wire.ended(Duration::from_millis(20)).await);
        }
        open
    };
    let open = siege.beside("800 silent connections", CALLS, attack).await;
    assert_eq!(open, 0, "none is let in for ever");
}

#[tokio::test(flavor = "multi_thread")]
async fn resets_at_full_speed() {
    let siege = Siege::of(MANY, "").await;
    let tcp = siege.program.tcp.clone();
    let attack = async {
        let mut wires = 0;
        for _ in 0..40 {
            let mut wire = Wire::open(&tcp).await;
            let pairs: Vec<u8> = (0..2000)
                .flat_map(|one| [call(one * 2 + 1, HEALTH), reset(one * 2 + 1)].concat())
                .collect();
            wire.write(&pairs).await;
            while let Some(frame) = wire.read(Duration::from_millis(50)).await {
                wires += usize::from(frame.kind == GOAWAY);
            }
        }
        wires
    };
    siege.beside("80,000 resets", CALLS, attack).await;
}

/// A client that reads nothing of many files has half of the disk, and the neighbour is served.
#[tokio::test(flavor = "multi_thread")]
async fn gets_that_nobody_reads() {
    let more = "[transfers]\nmemory = 65536\nmemory_in_all = 1048576\ndisk = 1048576\n\
                disk_in_all = 4194304\n";
    let mut siege = Siege::of(MANY, more).await;
    // Until one is seen to stand still (`transfers.trickle`), and has given up the link.
    siege.dearer = Duration::from_secs(3);
    siege.program.store("large", &vec![7; 3_000_000]);
    let address: Address = format!("http://{}", siege.program.tcp).parse().unwrap();
    let attack = async {
        let mut unread = Vec::new();
        for _ in 0..12 {
            let client = Client::connect(&address).await.unwrap();
            unread.push(tokio::spawn(async move {
                let at = Target::Profile("here".into());
                let download = client.get(&at, "/large", 0).await;
                sleep(Duration::from_secs(5)).await;
                download.map(drop)
            }));
        }
        sleep(Duration::from_secs(4)).await;
        unread.iter().for_each(JoinHandle::abort);
    };
    siege
        .beside("12 Gets that nobody reads", CALLS, attack)
        .await;
}

/// Questions at full speed wrote 250 KiB of log a second.
#[tokio::test(flavor = "multi_thread")]
async fn questions_at_full_speed_do_not_flood_the_log() {
    let siege = Siege::of(MANY, "").await;
    let address: Address = format!("http://{}", siege.program.tcp).parse().unwrap();
    let attack = async {
        let mut asking = Vec::new();
        for _ in 0..8 {
            let client = Client::connect(&address).await.unwrap();
            asking.push(tokio::spawn(async move {
                loop {
                    let at = Target::Profile("nowhere".into());
                    client.size(&at, "/small").await.unwrap_err();
                    let at = Target::Profile("x".repeat(20_000));
                    client.size(&at, "/small").await.unwrap_err();
                }
            }));
        }
        sleep(Duration::from_secs(3)).await;
        asking.iter().for_each(JoinHandle::abort);
    };
    siege.beside("questions at full speed", CALLS, attack).await;
}
