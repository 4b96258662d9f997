//! Several callers that write one name.

use super::world::lively;
use super::*;
use cellftp::broker::flow::put::Writing;
use cellftp::broker::terms::{Caller, Cause, Error};
use cellftp::modem::clock;

const SECOND: Duration = Duration::from_secs(1);

/// A sends 100 kB and goes silent. B writes the same name and is told that it is there. Half a minute
/// later A fails.
#[tokio::test(start_paused = true)]
async fn a_silent_upload_does_not_delete_what_another_has_written_since() {
    for family in [Family::Sim7600, Family::A7670] {
        for goes_on in [false, true] {
            let world = World::new(family);
            let [one, _] = HOSTS;
            let a = world
                .broker
                .put(&caller("a"), header(at(one), "/report.bin"));
            let mut a = a.unwrap();
            for part in lively(1, 100_000).chunks(5000) {
                a.push(Bytes::copy_from_slice(part)).await.unwrap();
            }
            sleep(3 * SECOND).await;
            let whole = lively(2, 60_000);
            let b = put(&world.broker, "b", header(at(one), "//report.bin"), &whole);
            assert_eq!(b.await.unwrap().state, PutState::VerifiedSize, "{family:?}");
            let error = if goes_on {
                a.push(Bytes::from(lively(1, 20_000))).await.unwrap();
                a.finish(None).await.unwrap_err()
            } else {
                a.failed().await
            };
            match &error.cause {
                Cause::NameTaken(_) => assert!(goes_on),
                Cause::WriterTooSlow => assert!(!goes_on),
                cause => panic!("{cause:?}"),
            }
            assert!(!error.left_behind, "{error:?}");
            sleep(60 * SECOND).await;
            let there = world.file(one, "/report.bin").unwrap();
            assert!(there == whole, "{family:?}");
        }
    }
}

/// An upload that has sent 9000 bytes and falls silent: it yields to whoever comes.
async fn silent(world: &World, name: &str) -> Writing {
    let [one, _] = HOSTS;
    let mut slow = world
        .broker
        .put(&caller("a"), header(at(one), name))
        .unwrap();
    slow.push(Bytes::from(lively(1, 9000))).await.unwrap();
    sleep(3 * SECOND).await;
    slow
}

/// It sends its other 9000 bytes.
async fn goes_on(world: &World, mut slow: Writing, name: &str) {
    let [one, _] = HOSTS;
    slow.push(Bytes::from(lively(3, 9000))).await.unwrap();
    slow.finish(None).await.unwrap();
    let there = world.file(one, name).unwrap();
    assert!(there == [lively(1, 9000), lively(3, 9000)].concat());
}

/// B deletes a file of the first server.
async fn delete(world: &World, name: &str) -> Result<(), Error> {
    let [one, _] = HOSTS;
    let (b, at, name) = (caller("b"), at(one), path(name));
    world.broker.delete_file(&b, &at, &name).await
}

#[tokio::test(start_paused = true)]
async fn a_put_whose_name_was_deleted_does_not_go_on() {
    let world = World::new(Family::Sim7600);
    let [one, _] = HOSTS;
    let mut slow = silent(&world, "/f").await;
    delete(&world, "/f").await.unwrap();
    slow.push(Bytes::from(lively(3, 9000))).await.unwrap();
    let error = slow.finish(None).await.unwrap_err();
    assert!(matches!(error.cause, Cause::NameTaken(_)), "{error:?}");
    assert_eq!(world.file(one, "/f"), None);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_somebody_is_writing_is_not_new() {
    let world = World::new(Family::Sim7600);
    let [one, _] = HOSTS;
    let slow = silent(&world, "/f").await;
    let new = PutHeader {
        must_be_new: true,
        ..header(at(one), "/f")
    };
    let error = put(&world.broker, "b", new, b"new").await.unwrap_err();
    assert!(matches!(error.cause, Cause::NameBusy(ref name) if name == "/f"));
    goes_on(&world, slow, "/f").await;
}

/// B gets the link and fails before it writes: at its login, or because the server lets nobody delete.
#[tokio::test(start_paused = true)]
async fn one_that_never_wrote_takes_no_name() {
    for deletes in [false, true] {
        let world = World::new(Family::Sim7600);
        let [one, two] = HOSTS;
        let slow = silent(&world, "/f").await;
        if deletes {
            world.change(one, |server| server.keeps_all = true);
            delete(&world, "/f").await.unwrap_err();
        } else {
            // The module leaves the first server, and is not let in when it comes back.
            let elsewhere = get(&world.broker, "b", &at(two), "/missing").await;
            elsewhere.unwrap_err();
            world.refuse_logins(one, 1);
            let soon = Caller {
                deadline: Some(clock::now() + 2 * SECOND),
                ..caller("b")
            };
            let mut writing = world.broker.put(&soon, header(at(one), "/f")).unwrap();
            writing.push(Bytes::from_static(b"other")).await.unwrap();
            writing.finish(None).await.unwrap_err();
        }
        goes_on(&world, slow, "/f").await;
    }
}

/// A name relative to the login directory may be any name with this ending.
#[tokio::test(start_paused = true)]
async fn nobody_fails_for_a_name_that_is_only_perhaps_the_same() {
    for must_be_new in [false, true] {
        let world = World::new(Family::Sim7600);
        let [one, _] = HOSTS;
        let slow = silent(&world, "f").await;
        // Where a name has to be new, "f" and "F" may be one: some servers take them for that.
        let names: &[&str] = if must_be_new {
            &["/d/f"]
        } else {
            &["/d/f", "F"]
        };
        for name in names {
            let other = PutHeader {
                must_be_new,
                ..header(at(one), name)
            };
            put(&world.broker, "b", other, b"other").await.unwrap();
        }
        goes_on(&world, slow, "/f").await;
        assert_eq!(world.file(one, "/d/f").unwrap(), b"other");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_perhaps_anothers_is_not_deleted() {
    let world = World::new(Family::Sim7600);
    let [one, _] = HOSTS;
    let mut slow = silent(&world, "f").await;
    put(&world.broker, "b", header(at(one), "/d/f"), b"other")
        .await
        .unwrap();
    let error = slow.failed().await;
    assert!(matches!(error.cause, Cause::WriterTooSlow), "{error:?}");
    assert!(error.left_behind && world.file(one, "/f").is_some());
}
