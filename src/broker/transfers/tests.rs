//! Transfers over a module that is played by a task, in virtual time.

use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::store;
use super::testing::{download_wish, id, key, upload_wish};
use super::*;
use crate::broker::put::{PutState, Verify};
use crate::broker::testing::{Module, server};
use crate::broker::{Limits, Principal, Servers};
use crate::modem::operation::Task;

/// A daemon as far as transfers need one, until it is dropped.
struct House {
    broker: Broker,
    module: Module,
    stop: CancellationToken,
    delivering: JoinHandle<()>,
}

fn settings(scratch: &TempDir) -> Settings {
    Settings {
        directory: scratch.path().to_owned(),
        ..Settings::default()
    }
}

fn told(error: &Error) -> Told {
    Told {
        code: 2,
        reason: format!("{:?}", error.cause),
        message: error.to_string(),
        metadata: Default::default(),
    }
}

impl House {
    fn open(scratch: &TempDir, module: &Module) -> Self {
        Self::within(settings(scratch), module)
    }

    fn within(settings: Settings, module: &Module) -> Self {
        let house = Self::idle(settings, module);
        house.deliver()
    }

    /// Delivers nothing.
    fn idle(settings: Settings, module: &Module) -> Self {
        let transfers = Transfers::open(settings, told).unwrap();
        let profiles = [("a".to_owned(), (*server("a")).clone())];
        let servers = Servers::new(profiles, false);
        let broker =
            Broker::new(module.start(), servers, Limits::default()).with_transfers(transfers);
        Self {
            broker,
            module: module.clone(),
            stop: CancellationToken::new(),
            delivering: tokio::spawn(async {}),
        }
    }

    fn deliver(mut self) -> Self {
        let (broker, stop) = (self.broker.clone(), self.stop.clone());
        self.delivering = tokio::spawn(async move { broker.deliver(stop).await });
        self
    }

    async fn receiving(&self, name: &str, wish: Wish) -> Result<Receiving, Error> {
        match self.broker.create_upload(&me(), id(name), wish).await? {
            Upload::Receive(receiving) => Ok(receiving),
            Upload::Accepted(transfer) => panic!("it is there: {transfer:?}"),
        }
    }

    async fn upload(&self, name: &str, wish: Wish, content: &[u8]) -> Result<Transfer, Error> {
        let mut receiving = self.receiving(name, wish).await?;
        for part in content.chunks(700) {
            receiving.push(Bytes::copy_from_slice(part)).await?;
        }
        receiving.finish(None).await
    }

    async fn over(&self, name: &str) -> Transfer {
        let mut watch = self.broker.watch_transfer(&me(), id(name)).unwrap();
        let over = async {
            let mut last = None;
            while let Some(transfer) = watch.next().await.unwrap() {
                last = Some(transfer);
            }
            last.unwrap()
        };
        timeout(Duration::from_secs(7 * 86400), over).await.unwrap()
    }

    /// Waits until a transfer is as is wished.
    async fn until(&self, name: &str, is: impl Fn(&Transfer) -> bool) -> Transfer {
        let key = key(name);
        let journal = self.broker.transfers.journal().unwrap();
        let mut changed = journal.subscribe(&key).unwrap();
        loop {
            let there = journal.get(&key).unwrap();
            if is(&there) {
                return there;
            }
            changed.changed().await.unwrap();
        }
    }

    fn record(&self, name: &str) -> Record {
        self.broker.transfer(&me(), id(name)).unwrap().record
    }

    fn uploads(&self) -> usize {
        let log = self.module.log();
        let uploads = log
            .iter()
            .filter(|(_, task)| matches!(task, Task::Upload(_)));
        uploads.count()
    }

    /// Ends the daemon in an orderly way.
    async fn end(self) {
        self.stop.cancel();
        self.delivering.await.unwrap();
    }

    /// Ends the daemon as a SIGKILL does: what runs is gone, and nothing more is written.
    async fn kill(self) {
        self.delivering.abort();
        let _ = self.delivering.await;
        drop(self.broker);
        // The attempts hold the store until they are gone.
        sleep(Duration::from_secs(1)).await;
    }
}

fn me() -> Caller {
    Caller {
        principal: Principal::new("me"),
        deadline: None,
        priority: None,
    }
}

fn content(size: usize) -> Vec<u8> {
    (0..=255).cycle().take(size).collect()
}

fn files(scratch: &TempDir) -> usize {
    std::fs::read_dir(scratch.path().join("files")).map_or(0, Iterator::count)
}

#[tokio::test(start_paused = true)]
async fn what_was_accepted_is_delivered_and_its_file_goes() {
    let scratch = tempfile::tempdir().unwrap();
    let house = House::open(&scratch, &Module::new());
    let content = content(5000);
    let accepted = house
        .upload("x", upload_wish("/up"), &content)
        .await
        .unwrap();
    assert_eq!(accepted.record.state, State::Queued);
    let hash: [u8; 32] = Sha256::digest(&content).into();
    assert_eq!(accepted.record.sha256, Some(hash));

    let done = house.over("x").await.record;
    assert_eq!(done.state, State::Done, "{done:?}");
    assert_eq!(done.evidence.unwrap().state, PutState::VerifiedSize);
    assert_eq!((done.attempts, done.moved), (1, 5000));
    assert_eq!(house.module.content("/up").unwrap(), content);
    house.end().await;
    assert_eq!(files(&scratch), 0);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_before_the_first_transfer() {
    let scratch = tempfile::tempdir().unwrap();
    let house = House::open(&scratch, &Module::new());
    sleep(Duration::from_secs(3600)).await;
    house.end().await;
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_daemon_without_a_directory_says_so() {
    let scratch = tempfile::tempdir().unwrap();
    for directory in [PathBuf::new(), scratch.path().join("missing")] {
        let settings = Settings {
            directory,
            ..Settings::default()
        };
        let house = House::within(settings, &Module::new());
        let refused = house.receiving("x", upload_wish("/up")).await.unwrap_err();
        assert!(matches!(refused.cause, Cause::TransfersOff(_)), "{refused}");
        house.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_wish_again_is_the_same_transfer() {
    let scratch = tempfile::tempdir().unwrap();
    let house = House::open(&scratch, &Module::new());
    house.upload("x", upload_wish("/up"), b"abc").await.unwrap();
    house.over("x").await;
    let again = house
        .broker
        .create_upload(&me(), id("x"), upload_wish("/up"))
        .await
        .unwrap();
    assert!(matches!(again, Upload::Accepted(there) if there.record.state == State::Done));
    let other = house.receiving("x", upload_wish("/other")).await;
    assert!(matches!(other.unwrap_err().cause, Cause::TransferExists));
    let mut stranger = me();
    stranger.principal = Principal::new("you");
    let refused = house.broker.transfer(&stranger, id("x")).unwrap_err();
    assert!(matches!(refused.cause, Cause::TransferNotFound));
    assert_eq!(house.uploads(), 1);
    house.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_was_half_sent_goes_on_after_a_crash() {
    let scratch = tempfile::tempdir().unwrap();
    let module = Module::new();
    let content = content(3 << 20);
    let house = House::open(&scratch, &module);
    let mut receiving = house.receiving("x", upload_wish("/up")).await.unwrap();
    let busy = house.receiving("x", upload_wish("/up")).await.unwrap_err();
    assert!(matches!(busy.cause, Cause::TransferBusy));
    for part in content[..2_500_000].chunks(65536) {
        receiving.push(Bytes::copy_from_slice(part)).await.unwrap();
    }
    drop(receiving);
    house.kill().await;

    let house = House::open(&scratch, &module);
    let committed = house.record("x").committed;
    assert!((1_500_000..=2_500_000).contains(&committed), "{committed}");
    let wrong = house.broker.resume_upload(&me(), id("x"), 7).await;
    let wrong = wrong.unwrap_err();
    assert_eq!(wrong.committed, Some(committed));
    let mut receiving = house
        .broker
        .resume_upload(&me(), id("x"), committed)
        .await
        .unwrap();
    let rest = &content[usize::try_from(committed).unwrap()..];
    receiving.push(Bytes::copy_from_slice(rest)).await.unwrap();
    let hash = Sha256::digest(&content).into();
    receiving.finish(Some(hash)).await.unwrap();
    assert_eq!(house.over("x").await.record.state, State::Done);
    assert_eq!(house.module.content("/up").unwrap(), content);
    house.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_not_what_was_named_is_not_kept() {
    let scratch = tempfile::tempdir().unwrap();
    let house = House::open(&scratch, &Module::new());
    let mut receiving = house.receiving("x", upload_wish("/up")).await.unwrap();
    receiving.push(Bytes::from_static(b"abc")).await.unwrap();
    let error = receiving.finish(Some([0; 32])).await.unwrap_err();
    assert!(matches!(error.cause, Cause::HashMismatch(_)));
    let gone = house.broker.transfer(&me(), id("x")).unwrap_err();
    assert!(matches!(gone.cause, Cause::TransferNotFound));
    house.end().await;
    assert_eq!(files(&scratch), 0);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_arrived_before_the_crash_is_not_sent_again() {
    let scratch = tempfile::tempdir().unwrap();
    let module = Module::new();
    let house = House::idle(settings(&scratch), &module);
    house
        .upload("x", upload_wish("/up"), &content(900))
        .await
        .unwrap();
    // As a crash between the last byte and the record of it leaves it.
    let journal = Arc::clone(house.broker.transfers.journal().unwrap());
    journal
        .change(&key("x"), |record, now| {
            record.begun = Some(settle::Before::Absent);
            record.start(now);
            Ok(())
        })
        .await
        .unwrap();
    drop(journal);
    house.kill().await;
    let module = module.file("/up", content(900));

    let house = House::open(&scratch, &module);
    assert_eq!(house.record("x").state, State::Queued);
    let done = house.over("x").await.record;
    assert_eq!(done.state, State::Done);
    assert_eq!(done.evidence.unwrap().state, PutState::VerifiedSize);
    assert_eq!(house.uploads(), 0);
    house.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_file_that_was_cut_off_by_the_crash_is_sent_again() {
    let scratch = tempfile::tempdir().unwrap();
    let module = Module::new();
    let content = content(200_000);
    let house = House::open(&scratch, &module);
    house
        .upload("x", upload_wish("/up"), &content)
        .await
        .unwrap();
    house.until("x", |there| there.live.moved > 0).await;
    house.kill().await;
    let module = module.file("/up", content[..70_000].to_vec());

    let house = House::open(&scratch, &module);
    let done = house.over("x").await.record;
    assert_eq!((done.state, done.attempts), (State::Done, 2));
    assert_eq!(house.module.content("/up").unwrap(), content);
    house.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_orderly_end_suspends_and_the_next_start_goes_on() {
    let scratch = tempfile::tempdir().unwrap();
    let content = content(500_000);
    let module = Module::new().file("/down", content.clone());
    let house = House::open(&scratch, &module);
    let wish = download_wish("/down");
    house
        .broker
        .create_download(&me(), id("x"), wish)
        .await
        .unwrap();
    house.until("x", |there| there.record.committed > 0).await;
    house.end().await;

    let house = House::open(&scratch, &module);
    let record = house.record("x");
    assert_eq!(record.state, State::Queued);
    let committed = record.committed;
    assert!(committed >= 256 * 1024, "{committed}");
    let done = house.over("x").await.record;
    assert_eq!(done.sha256, Some(Sha256::digest(&content).into()));
    let offsets = house
        .module
        .log()
        .into_iter()
        .filter_map(|(_, task)| match task {
            Task::Download(download) => Some(download.offset.get()),
            _ => None,
        });
    assert_eq!(offsets.collect::<Vec<_>>(), [0, committed]);
    house.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_download_is_read_while_it_arrives_and_from_any_offset() {
    let scratch = tempfile::tempdir().unwrap();
    let content = content(300_000);
    let house = House::open(&scratch, &Module::new().file("/down", content.clone()));
    let wish = download_wish("/down");
    house
        .broker
        .create_download(&me(), id("x"), wish)
        .await
        .unwrap();
    for offset in [0, 123_456, 300_000] {
        let mut reading = house
            .broker
            .read_transfer(&me(), id("x"), offset)
            .await
            .unwrap();
        let mut all = Vec::new();
        let hash = loop {
            match reading.next().await.unwrap() {
                ReadNext::Chunk(chunk) => all.extend_from_slice(&chunk),
                ReadNext::End { size, sha256, .. } => {
                    assert_eq!(size, 300_000);
                    break sha256;
                }
            }
        };
        assert_eq!(all, content[usize::try_from(offset).unwrap()..]);
        assert_eq!(hash, <[u8; 32]>::from(Sha256::digest(&content)));
    }
    let mut beyond = house
        .broker
        .read_transfer(&me(), id("x"), 300_001)
        .await
        .unwrap();
    let error = beyond.next().await.unwrap_err();
    assert!(matches!(
        error.cause,
        Cause::WrongOffset { committed: 300_000 }
    ));
    house.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_source_that_changed_is_brought_anew_and_its_readers_are_told() {
    let scratch = tempfile::tempdir().unwrap();
    let module = Module::new().file("/down", content(500_000));
    let house = House::open(&scratch, &module);
    let wish = download_wish("/down");
    house
        .broker
        .create_download(&me(), id("x"), wish)
        .await
        .unwrap();
    house.until("x", |there| there.record.committed > 0).await;
    house.end().await;
    let module = module.file("/down", content(300_000));
    let house = House::idle(settings(&scratch), &module);
    let mut reading = house.broker.read_transfer(&me(), id("x"), 0).await.unwrap();
    assert!(matches!(reading.next().await, Ok(ReadNext::Chunk(_))));
    let house = house.deliver();
    let done = house.over("x").await.record;
    assert_eq!((done.state, done.size), (State::Done, Some(300_000)));
    let error = reading.next().await.unwrap_err();
    assert!(matches!(error.cause, Cause::SourceChanged), "{error}");
    house.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_agrees_is_given_up_and_can_be_tried_again() {
    let scratch = tempfile::tempdir().unwrap();
    let mut within = settings(&scratch);
    within.budget.attempts = 3;
    let module = Module::new();
    module.corrupts();
    let house = House::within(within, &module);
    let mut wish = upload_wish("/up");
    if let Direction::Upload(upload) = &mut wish.direction {
        upload.verify = Verify::ReadBack;
    }
    house.upload("x", wish, &content(500)).await.unwrap();
    let failed = house.over("x").await.record;
    assert_eq!((failed.state, failed.attempts), (State::Failed, 3));
    let why = failed.last_error.unwrap();
    assert!(why.reason.starts_with("GaveUp"), "{why:?}");
    assert!(why.message.contains("SHA-256"), "{why:?}");
    assert_eq!(house.uploads(), 3);
    // What it left on the server is deleted.
    house
        .until("x", |there| there.record.remnant == Remnant::Deleted)
        .await;
    assert_eq!(house.module.content("/up"), None);
    assert_eq!(files(&scratch), 1);

    // What an attempt is not known to have brought is looked at before it is sent again.
    let _ = module.file("/up", content(500));
    house.broker.retry_transfer(&me(), id("x")).await.unwrap();
    let done = house.over("x").await.record;
    assert_eq!(done.evidence.unwrap().state, PutState::VerifiedHash);
    assert_eq!(house.uploads(), 3);
    let again = house.broker.retry_transfer(&me(), id("x")).await;
    assert!(matches!(
        again.unwrap_err().cause,
        Cause::WrongState("done")
    ));
    house.end().await;
}

#[tokio::test(start_paused = true)]
async fn cancelling_ends_it_where_it_is_and_clears_up() {
    let scratch = tempfile::tempdir().unwrap();
    let house = House::open(&scratch, &Module::new());
    for (name, size) in [("running", 500_000), ("queued", 10)] {
        house
            .upload(name, upload_wish("/up"), &content(size))
            .await
            .unwrap();
    }
    house.until("running", |there| there.live.moved > 0).await;
    let queued = house.broker.cancel_transfer(&me(), id("queued")).await;
    assert_eq!(queued.unwrap().record.state, State::Cancelled);
    let running = house.broker.cancel_transfer(&me(), id("running")).await;
    let running = running.unwrap().record;
    assert_eq!(running.state, State::Cancelled);
    assert!(running.moved > 0);
    house
        .until("running", |there| there.record.remnant == Remnant::Deleted)
        .await;
    assert_eq!(files(&scratch), 0);
    // A half-received one too, whose caller is still there.
    let receiving = house.receiving("half", upload_wish("/up")).await.unwrap();
    let halted = async {
        receiving.halted().await;
        receiving.pause().await;
    };
    let me = me();
    let cancelled = house.broker.cancel_transfer(&me, id("half"));
    let (cancelled, ()) = tokio::join!(cancelled, halted);
    assert_eq!(cancelled.unwrap().record.state, State::Cancelled);
    for name in ["running", "queued", "half"] {
        house.broker.delete_transfer(&me, id(name)).await.unwrap();
    }
    let listed = house.broker.list_transfers(&me, None, 10).unwrap();
    assert!(listed.is_empty());
    house.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_exists_and_must_be_new_is_not_touched() {
    let scratch = tempfile::tempdir().unwrap();
    let module = Module::new().file("/up", b"theirs".to_vec());
    let house = House::open(&scratch, &module);
    let mut wish = upload_wish("/up");
    if let Direction::Upload(upload) = &mut wish.direction {
        upload.must_be_new = true;
    }
    house.upload("x", wish, b"ours").await.unwrap();
    let failed = house.over("x").await.record;
    assert_eq!(
        (failed.state, failed.remnant),
        (State::Failed, Remnant::Nothing)
    );
    assert_eq!(house.module.content("/up").unwrap(), b"theirs");
    house.end().await;
}

#[tokio::test(start_paused = true)]
async fn room_and_places_are_bounded_and_freed() {
    let scratch = tempfile::tempdir().unwrap();
    let within = Settings {
        disk_in_all: 100_000,
        max_transfers: 2,
        ..settings(&scratch)
    };
    let house = House::idle(within, &Module::new());
    let all = || house.broker.transfers.journal().unwrap().room_taken();
    house
        .upload("a", upload_wish("/a"), &content(60_000))
        .await
        .unwrap();
    assert_eq!(all(), 60_000);
    let full = house.upload("b", upload_wish("/b"), &content(60_000)).await;
    assert!(matches!(full.unwrap_err().cause, Cause::SpoolFull));
    let many = house.upload("c", upload_wish("/c"), b"").await;
    assert!(matches!(many.unwrap_err().cause, Cause::TooManyTransfers));
    // One that was cancelled is nobody's any more.
    house.broker.cancel_transfer(&me(), id("b")).await.unwrap();
    house
        .upload("c", upload_wish("/c"), &content(40_000))
        .await
        .unwrap();
    assert_eq!(all(), 100_000);
    let gone = house.broker.transfer(&me(), id("b")).unwrap_err();
    assert!(matches!(gone.cause, Cause::TransferNotFound));
    let house = house.deliver();
    house.over("a").await;
    house.over("c").await;
    assert_eq!(house.broker.transfers.journal().unwrap().room_taken(), 0);
    house.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_old_is_forgotten() {
    let scratch = tempfile::tempdir().unwrap();
    let house = House::open(&scratch, &Module::new());
    house.upload("done", upload_wish("/a"), b"a").await.unwrap();
    drop(house.receiving("half", upload_wish("/b")).await.unwrap());
    house.over("done").await;
    sleep(Duration::from_secs(2 * 86400)).await;
    let left = || {
        let left = house.broker.list_transfers(&me(), None, 10).unwrap();
        left.len()
    };
    assert_eq!(left(), 1);
    sleep(Duration::from_secs(6 * 86400)).await;
    assert_eq!(left(), 0);
    house.end().await;
}

#[tokio::test(start_paused = true)]
async fn bytes_that_vanished_are_told_and_nothing_is_sent() {
    let scratch = tempfile::tempdir().unwrap();
    let module = Module::new();
    let house = House::idle(settings(&scratch), &module);
    house.upload("x", upload_wish("/up"), b"abc").await.unwrap();
    house.kill().await;
    let folder = scratch.path().join("files");
    for entry in std::fs::read_dir(&folder).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    std::fs::write(folder.join(uuid::Uuid::new_v4().to_string()), b"orphan").unwrap();
    let house = House::open(&scratch, &module);
    let lost = house.record("x");
    assert_eq!(lost.state, State::Failed);
    assert_eq!(lost.last_error.unwrap().reason, "SpoolLost");
    assert_eq!(files(&scratch), 0);
    assert_eq!(house.uploads(), 0);
    house.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_store_of_another_daemon_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let house = House::open(&scratch, &Module::new());
    house.upload("x", upload_wish("/a"), b"a").await.unwrap();
    let second = Transfers::open(settings(&scratch), told);
    assert!(matches!(second, Err(store::Error::InUse(_))));
    house.end().await;
}
