//! Several callers that write one name.

use super::world::lively;
use super::*;
use cellftp::broker::terms::Cause;

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
