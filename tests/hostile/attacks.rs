//! Attacks by calls, messages, connections and transfers.

use std::time::Duration;

use cellftp::client::{Address, Client, PutOptions, Target};
use cellftp::proto::target::Destination;
use cellftp::proto::{self, GetRequest, PutRequest, put_request};
use futures_util::future::join_all;
use prost::Message as _;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{sleep, timeout};

use crate::frames::{
    GET, GOAWAY, HEALTH, PUT, STATUS, Wire, asked, call, data, message, reset, whole,
};
use crate::program::free_port;
use crate::transport::put;
use crate::{CALLS, LASTS, MANY, Siege, over_and_over};

#[test]
fn a_hundred_thousand_streams_on_one_connection() {
    let siege = Siege::of(MANY, "");
    let tcp = siege.tcp.clone();
    siege.beside("100,000 streams", CALLS, async {
        let mut wire = Wire::open(&tcp).await;
        for many in 0..100 {
            let calls: Vec<u8> = (0..1000)
                .flat_map(|one| call((many * 1000 + one) * 2 + 1, HEALTH))
                .collect();
            if !wire.write(&calls).await {
                break;
            }
        }
        sleep(LASTS).await;
        drop(wire);
    });
}

#[test]
fn half_messages_that_never_end() {
    let siege = Siege::of(MANY, "");
    let tcp = siege.tcp.clone();
    siege.beside("half messages", CALLS, async {
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
        over_and_over(async || {
            for (wire, _) in &mut wires {
                let more: Vec<u8> = calls().flat_map(|one| data(one, &[7; 16_000])).collect();
                wire.say(&more).await;
            }
        })
        .await;
        drop(wires);
    });
}

#[test]
fn silent_connections_beyond_the_descriptors() {
    let siege = Siege::of(512, "");
    let tcp = siege.tcp.clone();
    let open = siege.beside("800 silent connections", CALLS, async {
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
    });
    assert_eq!(open, 0, "none is let in for ever");
}

/// The port of metrics asks for no identity, and its connections took the daemon's descriptors.
#[test]
fn connections_to_the_metrics_beyond_the_descriptors() {
    let port = free_port();
    let metrics = format!("[metrics]\nlisten = \"127.0.0.1:{port}\"\n");
    let siege = Siege::beside_other(512, &metrics, "");
    let metrics = format!("127.0.0.1:{port}");
    siege.beside("800 connections for metrics", CALLS, async {
        let mut wires = Vec::new();
        for _ in 0..800 {
            wires.push(Wire::silent(&metrics).await);
        }
        sleep(LASTS).await;
        drop(wires);
    });
}

#[test]
fn resets_at_full_speed() {
    let siege = Siege::of(MANY, "");
    let tcp = siege.tcp.clone();
    siege.beside("resets at full speed", CALLS, async {
        over_and_over(async || {
            let mut wire = Wire::open(&tcp).await;
            let pairs: Vec<u8> = (0..2000)
                .flat_map(|one| [call(one * 2 + 1, HEALTH), reset(one * 2 + 1)].concat())
                .collect();
            wire.write(&pairs).await;
            while let Some(frame) = wire.read(Duration::from_millis(50)).await {
                if frame.kind == GOAWAY {
                    break;
                }
            }
        })
        .await;
    });
}

/// A client that reads nothing of many files has half of the disk, and the neighbour is served. The client
/// takes turns with the other on the link, as it may, and costs no more than one that reads the files.
///
/// To take the link from it costs an abort, a login and the quiet times around both, which is a second at any
/// speed. So both read files that take about as long.
#[test]
fn gets_that_nobody_reads() {
    let more = "[transfers]\nmemory = 65536\nmemory_in_all = 1048576\ndisk = 262144\n\
                disk_in_all = 2097152\n";
    let siege = Siege::of(MANY, more);
    let (address, elsewhere) = (siege.address(), siege.elsewhere());
    let attack = async {
        let mut unread = Vec::new();
        for _ in 0..12 {
            let client = Client::connect(&address).await.unwrap();
            unread.push(tokio::spawn(async move {
                let at = Target::Profile("here".into());
                let download = client.get(&at, "/larger", 0).await;
                sleep(2 * LASTS).await;
                download.map(drop)
            }));
        }
        sleep(LASTS).await;
        unread.iter().for_each(JoinHandle::abort);
    };
    let read = async {
        let mut reading = Vec::new();
        for _ in 0..12 {
            let client = Client::connect(&elsewhere).await.unwrap();
            reading.push(async move {
                let at = Target::Profile("here".into());
                let mut download = client.get(&at, "/larger", 0).await.unwrap();
                while download.chunk().await.unwrap().is_some() {}
            });
        }
        join_all(reading).await;
    };
    siege.beside_as_much("12 Gets that nobody reads", CALLS, attack, read);
}

/// Questions at full speed wrote 250 KiB of log a second.
#[test]
fn questions_at_full_speed_do_not_flood_the_log() {
    let siege = Siege::of(MANY, "");
    let address = siege.address();
    siege.beside("questions at full speed", CALLS, async {
        let mut asking = Vec::new();
        for _ in 0..8 {
            let client = Client::connect(&address).await.unwrap();
            asking.push(tokio::spawn(async move {
                loop {
                    let at = Target::Profile("nowhere".into());
                    client.size(&at, "/small").await.unwrap_err();
                    let at = Target::Profile("x".repeat(20_000));
                    client.size(&at, "/small").await.unwrap_err();
                    yield_now().await;
                }
            }));
        }
        sleep(LASTS).await;
        asking.iter().for_each(JoinHandle::abort);
    });
}

/// Calls that wait in the queue and are cancelled at once.
#[test]
fn calls_that_are_given_up_at_once() {
    let siege = Siege::of(MANY, "");
    let (address, elsewhere) = (siege.address(), siege.elsewhere());
    let attack = async {
        let mut asking = Vec::new();
        for wait in 0..8 {
            let client = Client::connect(&address).await.unwrap();
            asking.push(tokio::spawn(async move {
                loop {
                    let at = Target::Profile("here".into());
                    let size = client.size(&at, "/small");
                    let _ = timeout(Duration::from_millis(wait), size).await;
                    yield_now().await;
                }
            }));
        }
        sleep(LASTS).await;
        asking.iter().for_each(JoinHandle::abort);
    };
    siege.beside_as_much("calls given up at once", CALLS, attack, asking(elsewhere));
}

/// More watches than a client may have, and nobody reads them.
#[test]
fn watches_that_nobody_reads() {
    let siege = Siege::of(MANY, "");
    let (address, elsewhere) = (siege.address(), siege.elsewhere());
    let attack = async {
        let mut watching = Vec::new();
        for _ in 0..32 {
            let client = Client::connect(&address).await.unwrap();
            watching.push(tokio::spawn(async move {
                let watch = client.events(Vec::new()).await;
                sleep(2 * LASTS).await;
                watch.map(drop)
            }));
        }
        // Each tells the watchers something.
        let _ = timeout(LASTS, asking(address)).await;
        watching.iter().for_each(JoinHandle::abort);
    };
    siege.beside_as_much(
        "watches that nobody reads",
        CALLS,
        attack,
        asking(elsewhere),
    );
}

/// Clients that vanish in the middle of their calls.
#[test]
fn clients_that_vanish() {
    let siege = Siege::of(MANY, "");
    let (tcp, elsewhere) = (siege.tcp.clone(), siege.elsewhere());
    let request = GetRequest {
        target: Some(proto::Target {
            destination: Some(Destination::Profile("here".into())),
        }),
        path: "/large".into(),
        ..Default::default()
    };
    let get = request.encode_to_vec();
    let attack = async {
        over_and_over(async || {
            let mut wire = Wire::open(&tcp).await;
            let calls: Vec<u8> = (0..5)
                .flat_map(|one| asked(one * 2 + 1, GET, &get))
                .collect();
            wire.write(&calls).await;
            wire.read(Duration::from_millis(200)).await;
        })
        .await;
    };
    siege.beside_as_much("clients that vanish", 2 * CALLS, attack, asking(elsewhere));
}

/// Uploads that send one byte and stand still until they end. The daemon waits for the first
/// (`transfers.trickle`), which delays one answer of more than a hundred.
#[test]
fn uploads_of_a_byte() {
    let siege = Siege::of(MANY, "");
    let (tcp, elsewhere) = (siege.tcp.clone(), siege.elsewhere());
    let attack = async {
        let chunk = PutRequest {
            message: Some(put_request::Message::Chunk(b"x".as_slice().into())),
        };
        let chunk = data(1, &whole(&chunk.encode_to_vec()));
        for round in 0..8 {
            // Some end before they are seen to stand still.
            let mut wires = Vec::new();
            for one in 0..10 {
                let mut wire = Wire::open(&tcp).await;
                let header = data(1, &put(&format!("/drip-{one}")));
                wire.write(&[call(1, PUT), header, chunk.clone()].concat())
                    .await;
                wires.push(wire);
            }
            sleep(LASTS / 4 * (round % 3) / 2 + LASTS / 10).await;
            drop(wires);
        }
    };
    let work = async {
        let client = Client::connect(&elsewhere).await.unwrap();
        let (at, options) = (Target::Profile("here".into()), PutOptions::default());
        loop {
            let mut source = b"x".as_slice();
            let _ = client
                .put(&at, "/mine", &options, &mut source, |_| ())
                .await;
            yield_now().await;
        }
    };
    siege.beside_as_much("uploads of a byte", CALLS, attack, work);
}

/// A client that asks one question after the other.
pub(crate) async fn asking(address: Address) {
    let client = Client::connect(&address).await.unwrap();
    let at = Target::Profile("here".into());
    loop {
        let _ = client.size(&at, "/small").await;
        // A call of a connection that is gone fails at once: the loop would never end with its runtime.
        yield_now().await;
    }
}
