//! Values that the tests of transfers share.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use super::files::FileId;
use super::record::Record;
use super::wish::{Direction, Terms, UploadWish, Wish};
use crate::broker::terms::{Cause, Error, Key, Lived, Now, Principal, Priority, TransferId};
use crate::broker::testing::path;

pub(crate) const NOW: Now = Now {
    lived: Lived::ZERO,
    wall: SystemTime::UNIX_EPOCH,
};

pub(crate) fn id(name: &str) -> TransferId {
    TransferId::new(name).unwrap()
}

pub(crate) fn key(name: &str) -> Key {
    Key {
        principal: Principal::new("me"),
        id: id(name),
    }
}

pub(crate) fn download_wish(name: &str) -> Wish {
    Wish {
        profile: "a".into(),
        path: path(name),
        priority: Priority::Bulk,
        direction: Direction::Download,
        terms: Terms::default(),
    }
}

pub(crate) fn upload_wish(name: &str) -> Wish {
    Wish {
        direction: Direction::Upload(UploadWish {
            delete_on_failure: true,
            ..UploadWish::default()
        }),
        ..download_wish(name)
    }
}

pub(crate) fn download(key: Key) -> Record {
    Record::new(key, download_wish("/file"), FileId::fresh(), NOW)
}

pub(crate) fn upload(key: Key) -> Record {
    Record::new(key, upload_wish("/file"), FileId::fresh(), NOW)
}

/// The behaviour of the records' disk: how long each change takes, and whether it fails.
#[derive(Debug, Default)]
pub(crate) struct Weather(Mutex<(Duration, Option<io::ErrorKind>)>);

impl Weather {
    /// Each change takes this long, in virtual time.
    pub(crate) fn is_slow(&self, pause: Duration) {
        self.state().0 = pause;
    }

    /// Each change fails with this error, or succeeds.
    pub(crate) fn fails(&self, how: Option<io::ErrorKind>) {
        self.state().1 = how;
    }

    pub(crate) async fn pass(&self) -> Result<(), Error> {
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
