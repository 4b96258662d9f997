//! Transfers over a module that a task plays, in virtual time.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::testing::{download_wish, id, key, upload_wish};
use super::{store, *};
use crate::broker::catalogue::Servers;
use crate::broker::terms::{Caller, Cause, Error, Options, Principal, PutState, Verify, Whose, *};
use crate::broker::testing::{Module, server};
use crate::broker::{Broker, Limits};
use crate::modem::clock::{self, jump};
use crate::modem::health;
use simcom_talk::dialogue::operation::Task;

mod bounds;
mod clocks;
mod crashes;
mod damage;
mod delivery;
mod disk;
mod faulty;
mod logins;
mod names;
mod replaced;
mod reuse;
mod terms;
mod wishes;

/// The parts of a daemon that transfers need, until it is dropped.
struct House {
    broker: Broker,
    transfers: Transfers,
    module: Module,
    stop: CancellationToken,
    delivering: JoinHandle<()>,
}

/// A directory in memory, where the system has one: a few tests begin hundreds of daemons.
fn scratch() -> TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

fn settings(scratch: &TempDir) -> Settings {
    Settings {
        directory: scratch.path().to_owned(),
        ..Settings::default()
    }
}

pub(crate) fn told(error: &Error) -> ToldError {
    ToldError {
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

    /// Opens a daemon that delivers nothing.
    fn idle(settings: Settings, module: &Module) -> Self {
        let storage = Storage::open(settings, told).unwrap();
        let profiles = [("a".to_owned(), (*server("a")).clone())];
        let servers = Servers::new(profiles, false);
        let broker = Broker::new(module.start(), servers, Limits::default());
        Self {
            transfers: Transfers::new(broker.clone(), storage),
            broker,
            module: module.clone(),
            stop: CancellationToken::new(),
            delivering: tokio::spawn(async {}),
        }
    }

    fn deliver(mut self) -> Self {
        let (transfers, stop) = (self.transfers.clone(), self.stop.clone());
        self.delivering = tokio::spawn(async move { transfers.deliver(stop).await });
        self
    }

    async fn receiving(&self, name: &str, wish: Wish) -> Result<Receiving, Error> {
        match self.transfers.create_upload(&me(), id(name), wish).await? {
            Upload::Receive(receiving) => Ok(receiving),
            there => panic!("it is there: {there:?}"),
        }
    }

    async fn upload(&self, name: &str, wish: Wish, content: &[u8]) -> Result<Transfer, Error> {
        let mut receiving = self.receiving(name, wish).await?;
        for part in content.chunks(700) {
            receiving.push(Bytes::copy_from_slice(part)).await?;
        }
        receiving.finish(None).await
    }

    fn weather(&self) -> &testing::Weather {
        &self.transfers.storage.journal().unwrap().weather
    }

    async fn over(&self, name: &str) -> Transfer {
        let mut watch = self.transfers.watch_transfer(&me(), id(name)).unwrap();
        let over = async {
            let mut last = None;
            while let Some(transfer) = watch.next().await.unwrap() {
                last = Some(transfer);
            }
            last.unwrap()
        };
        timeout(Duration::from_secs(7 * 86400), over).await.unwrap()
    }

    /// Waits until a transfer is in a state.
    async fn until(&self, name: &str, is: impl Fn(&Transfer) -> bool) -> Transfer {
        let key = key(name);
        let journal = self.transfers.storage.journal().unwrap();
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
        self.transfers.transfer(&me(), id(name)).unwrap().record
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

    /// Ends the daemon like a SIGKILL: running work is gone, and nothing more is written.
    async fn kill(self) {
        self.delivering.abort();
        let _ = self.delivering.await;
        drop((self.broker, self.transfers));
        // The attempts hold the store until they have ended.
        sleep(Duration::from_secs(1)).await;
    }
}

fn me() -> Caller {
    Caller {
        yields: None,
        options: Options::default(),
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
