//! A directory that is moved, deleted or replaced while the daemon has it open.

use std::fs;
use std::path::Path;

use super::*;

/// A change of a directory.
type Trick = fn(&Path);

fn state(scratch: &TempDir) -> Settings {
    let directory = scratch.path().join("state");
    fs::create_dir(&directory).unwrap();
    Settings {
        directory,
        ..Settings::default()
    }
}

fn is_replaced(error: &Error) -> bool {
    matches!(error.cause, Cause::Store(Trouble::Replaced))
}

const TRICKS: [(&str, Trick); 6] = [
    ("moved away", |state| {
        fs::rename(state, state.with_extension("away")).unwrap();
    }),
    ("moved away, and an empty one in its place", |state| {
        fs::rename(state, state.with_extension("away")).unwrap();
        fs::create_dir(state).unwrap();
        fs::create_dir(state.join("files")).unwrap();
    }),
    ("a copy in its place", |state| {
        let away = state.with_extension("away");
        fs::rename(state, &away).unwrap();
        fs::create_dir(state).unwrap();
        fs::create_dir(state.join("files")).unwrap();
        for name in fs::read_dir(away.join("files")).unwrap() {
            let name = name.unwrap().file_name();
            fs::copy(
                away.join("files").join(&name),
                state.join("files").join(&name),
            )
            .unwrap();
        }
        fs::copy(away.join("transfers.redb"), state.join("transfers.redb")).unwrap();
    }),
    ("deleted", |state| fs::remove_dir_all(state).unwrap()),
    ("deleted and made anew", |state| {
        fs::remove_dir_all(state).unwrap();
        fs::create_dir(state).unwrap();
        fs::create_dir(state.join("files")).unwrap();
    }),
    ("the store deleted", |state| {
        fs::remove_file(state.join("transfers.redb")).unwrap();
    }),
];

#[tokio::test(start_paused = true)]
async fn nothing_is_acknowledged_that_went_to_a_directory_that_was_replaced() {
    for (name, trick) in TRICKS {
        let scratch = scratch();
        let settings = state(&scratch);
        let directory = settings.directory.clone();
        let house = House::idle(settings, &Module::new());
        house.upload("a", upload_wish("/a"), b"a").await.unwrap();
        let mut half = house.receiving("b", upload_wish("/b")).await.unwrap();
        half.push(Bytes::from_static(b"b")).await.unwrap();
        trick(&directory);
        let refused = half.finish(None).await.unwrap_err();
        assert!(is_replaced(&refused), "{name}: {refused:?}");
        let refused = house
            .upload("c", upload_wish("/c"), b"c")
            .await
            .unwrap_err();
        assert!(is_replaced(&refused), "{name}: {refused:?}");
        let wish = download_wish("/d");
        let refused = house.transfers.create_download(&me(), id("d"), wish).await;
        assert!(is_replaced(&refused.unwrap_err()), "{name}");
        let refused = house.transfers.cancel_transfer(&me(), id("a")).await;
        assert!(is_replaced(&refused.unwrap_err()), "{name}");
        let keeping = house.transfers.keeping().borrow().clone();
        assert!(
            matches!(keeping, Keeping::Unusable(Trouble::Replaced)),
            "{name}: {keeping:?}"
        );
        // What replaced it stays as it is.
        let away = directory.with_extension("away");
        if name == "moved away" {
            fs::rename(&away, &directory).unwrap();
            let there = house.upload("e", upload_wish("/e"), b"e").await.unwrap();
            assert_eq!(there.record.state, State::Queued);
            assert!(matches!(
                house.transfers.keeping().borrow().clone(),
                Keeping::On
            ));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_directory_that_was_moved_is_noticed_although_nobody_calls() {
    let scratch = scratch();
    let settings = state(&scratch);
    let directory = settings.directory.clone();
    let house = House::within(settings, &Module::new());
    house.upload("a", upload_wish("/a"), b"a").await.unwrap();
    assert_eq!(house.over("a").await.record.state, State::Done);
    fs::rename(&directory, directory.with_extension("away")).unwrap();
    let mut keeping = house.transfers.keeping();
    let noticed = keeping.wait_for(|keeping| matches!(keeping, Keeping::Unusable(_)));
    timeout(Duration::from_secs(61), noticed)
        .await
        .unwrap()
        .unwrap();
    house.end().await;
}
