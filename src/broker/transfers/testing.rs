//! Values that the tests of transfers share.

use std::time::SystemTime;

use super::files::FileId;
use super::record::Record;
use super::wish::{Direction, Key, TransferId, UploadWish, Wish};
use crate::broker::Principal;
use crate::broker::scheduler::Priority;
use crate::broker::testing::path;

pub(super) const NOW: SystemTime = SystemTime::UNIX_EPOCH;

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
