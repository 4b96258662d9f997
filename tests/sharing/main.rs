//! Many clients of one broker, over the real owner of the port and the emulated module, in virtual
//! time: each gets its own results, and a client that leaves leaves the port clean.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test says what it measured, and panics where it finds what should not be"
)]

mod dawdling;
mod durable;
mod model;
mod names;
mod repair;
mod world;
mod yielding;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::sleep;

use cellftp::broker::catalogue::SessionRequest;
use cellftp::broker::flow::get::Next;
use cellftp::broker::flow::put::PutHeader;
use cellftp::broker::terms::{PutState, ServerChoice, Target, Verify};
use simcom_emulator::Family;
use simcom_talk::ftps::value::{Offset, TransferType};
use world::{HOSTS, World, at, caller, content, get, header, path, put};

#[tokio::test(start_paused = true)]
async fn clients_of_two_servers_get_their_own() {
    for family in [Family::Sim7600, Family::A7670] {
        let world = Arc::new(World::new(family));
        let clients: Vec<_> = (0..60)
            .map(|client| {
                let world = Arc::clone(&world);
                tokio::spawn(async move {
                    let host = HOSTS[client % 2];
                    let who = format!("principal {}", client % 3);
                    let name = format!("/{client}");
                    let whole = content(client, 300 * client);
                    let header = header(at(host), &name);
                    let result = put(&world.broker, &who, header, &whole).await.unwrap();
                    assert_eq!(result.state, PutState::VerifiedSize, "{}", result.evidence);
                    assert!(world.file(host, &name).unwrap() == whole);
                    let size = world
                        .broker
                        .size(&caller(&who), &at(host), &path(&name))
                        .await;
                    assert_eq!(size.unwrap(), whole.len() as u64);
                    let got = get(&world.broker, &who, &at(host), &name).await.unwrap();
                    assert!(got == whole, "{name} is another's");
                })
            })
            .collect();
        for client in clients {
            client.await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_leaves_in_the_midst_leaves_the_port_clean() {
    for family in [Family::Sim7600, Family::A7670] {
        let world = World::new(family);
        let (broker, [one, _]) = (&world.broker, HOSTS);
        world.store(one, "/big", content(1, 1_000_000));
        world.store(one, "/small", content(2, 1000));
        for chunks in 0..4 {
            let who = caller("leaves");
            let mut reading = broker
                .get(&who, &at(one), &path("/big"), Offset::ZERO)
                .await
                .unwrap();
            for _ in 0..chunks {
                reading.next().await.unwrap();
            }
            drop(reading);
            let got = get(broker, "stays", &at(one), "/small").await.unwrap();
            assert!(got == content(2, 1000), "after {chunks} chunks");

            let mut writing = broker.put(&who, header(at(one), "/half")).unwrap();
            for _ in 0..=chunks {
                writing.push(Bytes::from(content(3, 5000))).await.unwrap();
            }
            sleep(Duration::from_millis(100)).await;
            drop(writing);
            let got = get(broker, "stays", &at(one), "/small").await.unwrap();
            assert!(got == content(2, 1000), "after {chunks} pieces");
            assert_eq!(world.file(one, "/half"), None, "{family:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn cancelling_tells_how_it_ended_and_frees_the_link() {
    let world = World::new(Family::Sim7600);
    let (broker, [one, _]) = (&world.broker, HOSTS);
    world.store(one, "/big", content(1, 1_000_000));
    let me = caller("me");
    let reading = broker
        .get(&me, &at(one), &path("/big"), Offset::ZERO)
        .await
        .unwrap();
    sleep(Duration::from_millis(200)).await;
    let cancelled = broker.cancel(&me, reading.operation()).await.unwrap();
    assert!(cancelled.cost < Duration::from_secs(15), "{cancelled:?}");
    assert!(broker.status().running.is_none());
    let size = broker.size(&me, &at(one), &path("/big")).await.unwrap();
    assert_eq!(size, 1_000_000);
}

#[tokio::test(start_paused = true)]
async fn a_put_is_read_back_and_its_sentinel_written_last() {
    let world = World::new(Family::A7670);
    let [one, _] = HOSTS;
    let header = PutHeader {
        verify: Some(Verify::ReadBack),
        sentinel: Some(path("f.ok")),
        ..header(at(one), "/d/f")
    };
    let whole = content(7, 40_000);
    let result = put(&world.broker, "me", header, &whole).await.unwrap();
    assert_eq!(result.state, PutState::VerifiedHash, "{}", result.evidence);
    let sentinel = String::from_utf8(world.file(one, "/d/f.ok").unwrap()).unwrap();
    assert!(sentinel.starts_with("size=40000\nsha256="), "{sentinel}");
}

#[tokio::test(start_paused = true)]
async fn sessions_move_without_moving_each_other() {
    let world = World::new(Family::Sim7600);
    let (broker, [one, two]) = (&world.broker, HOSTS);
    let me = caller("me");
    let request = |host: &str, directory: Option<&str>| SessionRequest {
        server: ServerChoice::Profile(host.into()),
        directory: directory.map(path),
        transfer_type: TransferType::Binary,
        lease: None,
    };
    let here = broker.open_session(&me, request(one, None)).await.unwrap();
    let there = broker
        .open_session(&me, request(two, Some("/d")))
        .await
        .unwrap();
    assert_eq!(
        (here.directory.as_str(), there.directory.as_str()),
        ("/", "/d")
    );
    for (session, seed) in [(&here, 1), (&there, 2)] {
        let target = Target::Session(session.id.clone());
        put(broker, "me", header(target, "f"), &content(seed, 100))
            .await
            .unwrap();
    }
    assert_eq!(world.file(one, "/f"), Some(content(1, 100)));
    assert_eq!(world.file(two, "/d/f"), Some(content(2, 100)));
    let moved = broker
        .change_directory(&me, &here.id, &path("d"))
        .await
        .unwrap();
    assert_eq!(moved, "/d");
    let missing = broker
        .change_directory(&me, &there.id, &path("missing"))
        .await;
    assert!(missing.is_err());
    assert_eq!(broker.working_directory(&me, &there.id).unwrap(), "/d");
    let mut listing = broker
        .list(&me, &Target::Session(there.id), None)
        .await
        .unwrap();
    let Next::Chunk(text) = listing.next().await.unwrap() else {
        panic!("nothing is listed");
    };
    assert!(String::from_utf8_lossy(&text).ends_with(" f\r\n"));
}

#[tokio::test(start_paused = true)]
async fn an_idle_module_logs_out_and_the_next_operation_logs_in_again() {
    for family in [Family::Sim7600, Family::A7670] {
        let world = World::new(family);
        let (broker, [one, _]) = (&world.broker, HOSTS);
        world.store(one, "/f", content(1, 10));
        let keeper = broker.clone();
        let keeping = tokio::spawn(async move { keeper.upkeep().await });
        for _ in 0..2 {
            let size = broker.size(&caller("me"), &at(one), &path("/f")).await;
            assert_eq!(size.unwrap(), 10);
            sleep(Duration::from_secs(100)).await;
            assert!(broker.health().borrow().logged_in.is_some());
            sleep(Duration::from_secs(50)).await;
            assert!(broker.health().borrow().logged_in.is_none(), "{family:?}");
        }
        keeping.abort();
    }
}
