//! All transfers: in memory to look at, on disk before anything is told of a change.

mod bounds;
mod clock;
mod disk;
mod hold;
mod look;
mod names;
mod turns;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tokio::sync::{Mutex as AsyncMutex, Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::files::{FileId, Files, Room};
use super::record::{Record, State, Told};
use super::store::{self, Store};
use super::wish::{Key, Wish};
use super::{Settings, Transfer};
use crate::broker::caller::Principal;
use crate::broker::error::{Cause, Error};
use crate::modem::{JobId, clock as runtime};
use clock::Clock;
use disk::Change;
pub(super) use hold::Hold;
pub(super) use turns::Chore;

/// How an error is told to a client; the face knows.
pub type Tell = fn(&Error) -> Told;

/// The records' file, in the directory of the transfers.
const STORE: &str = "transfers.redb";

/// The directory of the bytes, beside it.
const FILES: &str = "files";

/// All transfers.
#[derive(Debug)]
pub(in crate::broker) struct Journal {
    pub(super) settings: Settings,
    pub(super) files: Files,
    /// Something may be due that was not before.
    pub(super) wake: Notify,
    tell: Tell,
    room: Room,
    path: PathBuf,
    clock: Clock,
    /// Whoever holds this may change records. `None`: it is opened, or made, when it is needed.
    store: AsyncMutex<Option<Arc<Store>>>,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    entries: BTreeMap<Key, Entry>,
    /// When each principal had its last turn.
    turns: HashMap<Principal, u64>,
    turn: u64,
}

#[derive(Debug)]
struct Entry {
    record: Record,
    live: Live,
    /// Bytes of the room that its file has.
    room: u64,
    /// Somebody works on it: a caller who sends it, or an attempt.
    busy: bool,
    /// Ends that work.
    halt: CancellationToken,
    changed: watch::Sender<u64>,
}

/// What is known of a transfer while it moves, and is not worth a write to the disk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Live {
    /// The operation on the link.
    pub operation: Option<JobId>,
    /// Bytes that the attempt has moved.
    pub moved: u64,
    /// Bytes of a download in its file, safe or not.
    pub(super) written: u64,
}

/// What became of a wish for a transfer.
pub(super) enum Created {
    /// It was there already, or needs nothing more.
    Is(Box<Transfer>),
    /// Its bytes are to come, from the first on.
    Receive(Hold),
}

impl Journal {
    /// Reads what there is.
    pub(super) fn open(settings: Settings, tell: Tell) -> Result<Self, store::Error> {
        let path = settings.directory.join(STORE);
        let files = Files::new(settings.directory.join(FILES));
        let failed = |source| store::Error::Io {
            path: settings.directory.clone(),
            source,
        };
        let (store, records) = match Store::open(&path)? {
            Some((store, records)) => (Some(Arc::new(store)), records),
            None => (None, BTreeMap::new()),
        };
        let mut entries = BTreeMap::new();
        let mut taken = 0;
        for (key, mut record) in records {
            record.recover(tell(&Cause::Interrupted.into()));
            let on_disk = match record.file {
                Some(file) => files.len(file).map_err(failed)?,
                None => Some(0),
            };
            let lost =
                on_disk.is_none_or(|bytes| record.file.is_some() && bytes < record.committed);
            if lost && record.needs_file() {
                tracing::error!(transfer = %key.id, "the bytes of a transfer are gone");
                let why = tell(&Cause::SpoolLost.into());
                let changed = record.changed;
                record.fail(why, changed);
            }
            let room = if record.file.is_some() {
                record.committed
            } else {
                0
            };
            taken += room;
            entries.insert(key, Entry::new(record, room));
        }
        let known: HashSet<FileId> = entries
            .values()
            .filter_map(|entry| entry.record.file)
            .collect();
        let swept = files.sweep(&known).map_err(failed)?;
        if !entries.is_empty() || swept > 0 {
            tracing::info!(transfers = entries.len(), swept, "transfers were read");
        }
        Ok(Self {
            room: Room::new(settings.disk_in_all, taken),
            files,
            settings,
            wake: Notify::new(),
            tell,
            path,
            clock: Clock::start(),
            store: AsyncMutex::new(store),
            table: Mutex::new(Table {
                entries,
                ..Table::default()
            }),
        })
    }

    /// The time of day, by the runtime's clock since the start: steps of the system's clock do
    /// not make anything due.
    pub(super) fn now(&self) -> SystemTime {
        self.clock.wall(runtime::now())
    }

    /// When that will be on the runtime's clock.
    pub(super) fn instant(&self, time: SystemTime) -> Instant {
        self.clock.instant(time)
    }

    pub(super) fn told(&self, error: &Error) -> Told {
        (self.tell)(error)
    }

    /// Takes a wish. See [`Created`].
    pub(super) async fn create(self: &Arc<Self>, key: Key, wish: Wish) -> Result<Created, Error> {
        let journal = Arc::clone(self);
        whole(async move {
            let mut store = journal.store.lock().await;
            if let Some(there) = journal.get(&key) {
                return journal.again(&mut store, there, &wish).await;
            }
            journal.make_place(&mut store, &key.principal).await?;
            let file = FileId::fresh();
            let files = journal.files.clone();
            blocking(move || {
                files.check_room(0)?;
                files.create(file)
            })
            .await?;
            let record = Record::new(key.clone(), wish, file, journal.now());
            journal.write(&mut store, Change::Put(&record)).await?;
            let uploads = record.state == State::Receiving;
            let mut entry = Entry::new(record, 0);
            entry.busy = uploads;
            let transfer = entry.transfer();
            journal.table().entries.insert(key.clone(), entry);
            journal.wake.notify_one();
            Ok(if uploads {
                Created::Receive(journal.hold(key))
            } else {
                Created::Is(Box::new(transfer))
            })
        })
        .await
    }

    /// The same wish again, or another of the same name.
    async fn again(
        self: &Arc<Self>,
        store: &mut Option<Arc<Store>>,
        there: Transfer,
        wish: &Wish,
    ) -> Result<Created, Error> {
        let mut record = there.record.clone();
        if record.wish != *wish {
            return Err(Cause::TransferExists.into());
        }
        if record.state != State::Receiving {
            return Ok(Created::Is(Box::new(there)));
        }
        let key = record.key.clone();
        let hold = self.claim(&key)?;
        record.committed = 0;
        self.commit(store, record).await?;
        Ok(Created::Receive(hold))
    }

    /// Goes on with an upload that is half received, from `offset` on.
    pub(super) fn receive(self: &Arc<Self>, key: &Key, offset: u64) -> Result<Hold, Error> {
        let there = self.get(key).ok_or(Cause::TransferNotFound)?.record;
        if there.state != State::Receiving {
            return Err(Cause::WrongState(there.state.name()).into());
        }
        let hold = self.claim(key)?;
        // Whoever sent it before has let go, so this holds still.
        let committed = self.get(key).map_or(0, |there| there.record.committed);
        if committed != offset {
            return Err(Error {
                committed: Some(committed),
                ..Cause::WrongOffset { committed }.into()
            });
        }
        Ok(hold)
    }

    /// Changes a record, on disk and then in memory. What is begun is finished, also where the
    /// caller leaves.
    pub(super) async fn change<T: Send + 'static>(
        self: &Arc<Self>,
        key: &Key,
        change: impl FnOnce(&mut Record, SystemTime) -> Result<T, Cause> + Send + 'static,
    ) -> Result<T, Error> {
        let (journal, key) = (Arc::clone(self), key.clone());
        whole(async move {
            let mut store = journal.store.lock().await;
            let there = journal.get(&key).ok_or(Cause::TransferNotFound)?;
            let mut record = there.record;
            let answer = change(&mut record, journal.now())?;
            journal.commit(&mut store, record).await?;
            Ok(answer)
        })
        .await
    }

    /// Forgets a transfer where `may` allows it and nobody works on it.
    pub(super) async fn forget(
        self: &Arc<Self>,
        key: &Key,
        may: impl FnOnce(&Record) -> bool + Send + 'static,
    ) -> Result<(), Error> {
        let (journal, key) = (Arc::clone(self), key.clone());
        whole(async move {
            let mut store = journal.store.lock().await;
            {
                let table = journal.table();
                let entry = table.entries.get(&key).ok_or(Cause::TransferNotFound)?;
                if entry.busy || !may(&entry.record) {
                    return Err(Cause::WrongState(entry.record.state.name()).into());
                }
            }
            journal.drop_entry(&mut store, &key).await
        })
        .await
    }

    /// Forgets a transfer whose hold the caller has.
    pub(super) async fn forget_held(self: &Arc<Self>, key: &Key) -> Result<(), Error> {
        let (journal, key) = (Arc::clone(self), key.clone());
        whole(async move {
            let mut store = journal.store.lock().await;
            journal.drop_entry(&mut store, &key).await
        })
        .await
    }

    /// Bytes of the room that are taken, for tests that nothing is lost.
    #[cfg(test)]
    pub(super) fn room_taken(&self) -> u64 {
        self.room.all()
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn new(record: Record, room: u64) -> Self {
        let live = Live {
            written: record.committed,
            ..Live::default()
        };
        Self {
            record,
            live,
            room,
            busy: false,
            halt: CancellationToken::new(),
            changed: watch::Sender::default(),
        }
    }

    fn transfer(&self) -> Transfer {
        Transfer {
            record: self.record.clone(),
            live: self.live.clone(),
        }
    }

    fn tell(&self) {
        self.changed
            .send_modify(|count| *count = count.wrapping_add(1));
    }
}

/// Work that is finished although its caller leaves.
async fn whole<T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    match tokio::spawn(work).await {
        Ok(done) => done,
        Err(_) => Err(Cause::WrongAnswer.into()),
    }
}

/// Work that blocks.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, Error> {
    let done = match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(io::Error::other(error)),
    };
    done.map_err(|error| Cause::Spool(Arc::new(error)).into())
}
