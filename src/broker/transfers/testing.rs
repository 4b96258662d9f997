//! Values that the tests of transfers share.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use super::files::FileId;
use super::lived::{Lived, Now};
use super::record::Record;
use super::wish::{Direction, Key, Terms, TransferId, UploadWish, Wish};
use crate::broker::scheduler::Priority;
use crate::broker::testing::path;
use crate::broker::{Cause, Error, Principal};

pub(super) const NOW: Now = Now {
    lived: Lived::ZERO,
    wall: SystemTime::UNIX_EPOCH,
};

pub(super) fn id(name: &str) -> TransferId {
    TransferId::new(name).unwrap()
}

pub(super) fn key(name: &str) -> Key {
    Key {
        principal: Principal::new("me"),
        id: id(name),
    }
}

pub(super) fn download_wish(name: &str) -> Wish {
    Wish {
        profile: "a".into(),
        path: path(name),
        priority: Priority::Bulk,
        direction: Direction::Download,
        terms: Terms::default(),
    }
}

pub(super) fn upload_wish(name: &str) -> Wish {
    Wish {
        direction: Direction::Upload(UploadWish {
            delete_on_failure: true,
            ..UploadWish::default()
        }),
        ..download_wish(name)
    }
}

pub(super) fn download(key: Key) -> Record {
    Record::new(key, download_wish("/file"), FileId::fresh(), NOW)
}

pub(super) fn upload(key: Key) -> Record {
    Record::new(key, upload_wish("/file"), FileId::fresh(), NOW)
}

/// What the disk of the records is like: each change takes so long, and fails.
#[derive(Debug, Default)]
pub(super) struct Weather(Mutex<(Duration, Option<io::ErrorKind>)>);

impl Weather {
    /// Each change takes so long, in virtual time.
    pub(super) fn is_slow(&self, pause: Duration) {
        self.state().0 = pause;
    }

    /// Each change fails so, or succeeds.
    pub(super) fn fails(&self, how: Option<io::ErrorKind>) {
        self.state().1 = how;
    }

    pub(super) async fn pass(&self) -> Result<(), Error> {
        let (pause, _) = *self.state();
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        match self.state().1 {
            Some(how) => Err(Cause::Spool(Arc::new(how.into())).into()),
            None => Ok(()),
        }
    }

    fn state(&self) -> MutexGuard<'_, (Duration, Option<io::ErrorKind>)> {
        self.0.lock().unwrap()
    }
}
