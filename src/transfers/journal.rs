//! All transfers: in memory for reading, and on disk before the daemon reports any change.
//!
//! Above 400 lines because the journal is one state machine: each record, its holder, and its
//! changes in memory and on disk.

mod bounds;
mod change;
mod clock;
mod disk;
mod expiry;
mod halt;
mod hold;
mod home;
mod logins;
mod look;
mod names;
mod turns;
mod wishes;

use std::collections::{BTreeMap, HashMap, HashSet, btree_map};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Mutex as AsyncMutex, Notify, watch};
use tokio::time::Instant;

use super::files::{FileId, Files, Room};
use super::record::{Record, Remnant, Same, State, ToldError};
use super::wish::Wish;
use super::{Keeping, Settings, Transfer, store};
use crate::broker::link::logins::Logins;
pub(crate) use crate::broker::names::Loss;
use crate::broker::terms::{Birth, Cause, Error, Key, Lived, Now, Principal};
use crate::modem::JobId;
use change::Change;
use clock::Clock;
pub(crate) use halt::HaltReason;
pub(crate) use hold::Hold;
use home::{Home, Slot};
pub(crate) use look::Mark;
pub(crate) use turns::Chore;
use turns::Work;
use wishes::Unrecorded;

/// Turns an error into its stored form for clients; the rpc floor supplies it.
pub type Tell = fn(&Error) -> ToldError;

/// The file of the records, in the directory of the transfers.
const STORE: &str = "transfers.redb";

/// The directory of the spool files, beside it.
const FILES: &str = "files";

/// All transfers.
#[derive(Debug)]
pub(crate) struct Journal {
    settings: ArcSwap<Settings>,
    pub(crate) files: Files,
    /// Wakes the delivery: something new may be due.
    pub(crate) wake: Notify,
    tell: Tell,
    room: Room,
    home: Arc<Home>,
    /// Reports whether the daemon keeps transfers.
    keeping: OnceLock<watch::Sender<Keeping>>,
    /// Names of the damaged stores that were kept.
    pub(crate) set_aside: Vec<String>,
    clock: Clock,
    /// The holder of this lock may change records.
    store: AsyncMutex<Slot>,
    table: Mutex<Table>,
    #[cfg(test)]
    pub(crate) weather: super::testing::Weather,
}

#[derive(Debug, Default)]
struct Table {
    entries: BTreeMap<Key, Entry>,
    /// When each principal had its last turn.
    turns: HashMap<Principal, u64>,
    turn: u64,
    births: u64,
    /// The running time that is on the disk.
    lived: Lived,
    logins: Logins<ToldError>,
    /// Changes whenever an entry changes, comes or goes.
    any: Arc<watch::Sender<u64>>,
}

#[derive(Debug)]
pub(crate) struct Entry {
    record: Record,
    birth: Birth,
    live: Live,
    /// Bytes that its file takes of the room.
    room: u64,
    /// The work in progress on it: a caller sends it, or an attempt runs.
    work: Option<Work>,
    /// Its client has cancelled it, and the disk does not have that yet.
    cancel: bool,
    /// Its partial file on the server is not deleted before this moment: a client's call goes
    /// first.
    aside: Option<Lived>,
    /// It has lost this to another writer of its name, and the disk does not have that yet.
    loss: Option<Loss>,
    /// It is not tried before this moment: a later upload is writing its name.
    behind: Option<Lived>,
    /// The disk does not have its last change.
    unrecorded: Option<Unrecorded>,
    changed: watch::Sender<u64>,
    /// As [`Table::any`].
    any: Arc<watch::Sender<u64>>,
}

/// The progress of a running transfer, which is not worth a write to the disk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Live {
    /// The operation on the link.
    pub operation: Option<JobId>,
    /// Bytes that the attempt has moved.
    pub moved: u64,
    /// Bytes of a download in its file, synchronised or not.
    pub(crate) written: u64,
}

/// The result of a wish for a transfer.
pub(crate) enum Created {
    /// It existed already, or needs no bytes.
    Is(Box<Transfer>),
    /// Its client sends its bytes, from the first on.
    Receive(Hold),
    /// It was accepted before. Its client sends the bytes again, for comparison.
    Compare(Box<Transfer>),
}

impl Journal {
    /// Opens the journal with the stored transfers.
    pub(crate) fn open(settings: Settings, tell: Tell) -> Result<Self, store::Error> {
        let path = settings.directory.join(STORE);
        let disk = Arc::clone(&settings.disk);
        let files = Files::new(disk, settings.directory.join(FILES));
        let failed = |source| store::Error::Io {
            path: settings.directory.clone(),
            source,
        };
        let anchor = files.disk.anchor(&settings.directory).map_err(failed)?;
        let home = Home::new(settings.directory.clone(), anchor, path);
        let shelf = home.shelf(&files);
        let (mut before, mut logins) = (Lived::ZERO, Vec::new());
        let (slot, records) = match shelf.open(&tell(&Cause::RecordDamaged.into()))? {
            Some((store, records)) => {
                before = store.lived();
                logins = store.logins().map_err(failed)?;
                (Slot::of(store), records)
            }
            None => (Slot::default(), BTreeMap::new()),
        };
        let set_aside = shelf.set_aside().map_err(failed)?;
        // They take room until a person has looked at them.
        let mut taken = shelf.bytes_set_aside(&set_aside).map_err(failed)?;
        let stamps = records
            .values()
            .flat_map(|record| [record.born, record.since, record.accepted]);
        let before = stamps.max().unwrap_or_default().max(before);
        let latest = before + settings.budget.backoff;
        let mut table = Table {
            lived: before,
            logins: Logins::read(logins, logins::TRIES),
            ..Table::default()
        };
        for (key, mut record) in records {
            record.recover(tell(&Cause::Interrupted.into()), latest);
            let on_disk = match record.file {
                Some(file) => files.len(file).map_err(failed)?,
                None => Some(0),
            };
            let lost =
                on_disk.is_none_or(|bytes| record.file.is_some() && bytes < record.committed);
            if lost && record.needs_file() {
                tracing::error!(transfer = %key.id, "the bytes of a transfer are gone");
                let why = tell(&Cause::SpoolLost.into());
                record.fail(why, record.last_change());
            }
            let room = if record.file.is_some() {
                record.committed
            } else {
                0
            };
            taken += room;
            table.insert(key, record, room);
        }
        let known: HashSet<FileId> = table
            .entries
            .values()
            .filter_map(|entry| entry.record.file)
            .collect();
        let swept = files.sweep(&known).map_err(failed)?;
        if !table.entries.is_empty() || swept > 0 {
            tracing::info!(
                transfers = table.entries.len(),
                swept,
                "transfers were read"
            );
        }
        Ok(Self {
            room: Room::new(settings.disk_in_all, taken),
            files,
            clock: Clock::start(before, settings.wall),
            settings: ArcSwap::from_pointee(settings),
            wake: Notify::new(),
            tell,
            home: Arc::new(home),
            keeping: OnceLock::new(),
            set_aside,
            store: AsyncMutex::new(slot),
            table: Mutex::new(table),
            #[cfg(test)]
            weather: super::testing::Weather::default(),
        })
    }

    /// The bounds and budgets in force.
    pub(crate) fn settings(&self) -> Arc<Settings> {
        self.settings.load_full()
    }

    /// Takes over other bounds and budgets. What was accepted stays, beyond a smaller bound too; the place stays as
    /// it was.
    pub(crate) fn reload(&self, settings: &Settings) {
        let old = self.settings();
        self.room.resize(settings.disk_in_all);
        self.settings.store(Arc::new(Settings {
            directory: old.directory.clone(),
            disk: Arc::clone(&old.disk),
            wall: old.wall,
            ..settings.clone()
        }));
        self.wake.notify_one();
    }

    /// The present.
    pub(crate) fn now(&self) -> Now {
        self.clock.now()
    }

    /// The moment on the runtime's clock.
    pub(crate) fn instant(&self, then: Lived) -> Instant {
        self.clock.instant(then)
    }

    pub(crate) fn told(&self, error: &Error) -> ToldError {
        (self.tell)(error)
    }

    /// Creates a transfer. See [`Created`].
    pub(crate) async fn create(self: &Arc<Self>, key: Key, wish: Wish) -> Result<Created, Error> {
        let journal = Arc::clone(self);
        whole(async move {
            let mut store = journal.store.lock().await;
            if let Some(there) = journal.get(&key) {
                return journal.again(&mut store, there, &wish).await;
            }
            journal.at_home(&store).await?;
            journal.make_place(&mut store, &key.principal).await?;
            let file = journal.files.fresh();
            let made = journal.files.run(move |files| {
                files.check_room(0)?;
                files.create(file)
            });
            if let Err(error) = made.await {
                let noticed = Err(error.cause.clone());
                journal.noticed(&noticed);
                return Err(error);
            }
            let record = Record::new(key.clone(), wish, file, journal.now());
            journal.write(&mut store, Change::Put(&record)).await?;
            let uploads = record.state == State::Receiving;
            let created = {
                let mut table = journal.table();
                let entry = table.insert(key.clone(), record, 0);
                if uploads {
                    Created::Receive(journal.hold(&key, entry, Chore::Receive))
                } else {
                    Created::Is(Box::new(entry.transfer(journal.now())))
                }
            };
            journal.wake.notify_one();
            Ok(created)
        })
        .await
    }

    /// Whether a wish would be accepted, as far as that is known without doing anything.
    ///
    /// # Errors
    /// [`Cause::TransferExists`], [`Cause::TooManyTransfers`].
    pub(crate) fn would_create(&self, key: &Key, wish: &Wish) -> Result<(), Cause> {
        match self.get(key) {
            Some(there) if there.record.same(wish) == Same::No => Err(Cause::TransferExists),
            Some(_) => Ok(()),
            None => self.has_place(&key.principal),
        }
    }

    /// A second wish under the same name: the same one or another.
    async fn again(
        self: &Arc<Self>,
        store: &mut Slot,
        there: Transfer,
        wish: &Wish,
    ) -> Result<Created, Error> {
        match there.record.same(wish) {
            Same::No => return Err(Cause::TransferExists.into()),
            Same::IfBytesAre => return Ok(Created::Compare(Box::new(there))),
            Same::Yes if there.record.state != State::Receiving => {
                return Ok(Created::Is(Box::new(there)));
            }
            Same::Yes => {}
        }
        let mut record = there.record;
        let hold = self.claim(&record.key, there.birth, Chore::Receive)?;
        record.begin_receiving(wish);
        self.commit(store, record).await?;
        Ok(Created::Receive(hold))
    }

    /// Resumes an upload that was received in part, from `offset` on.
    pub(crate) fn receive(self: &Arc<Self>, key: &Key, offset: u64) -> Result<Hold, Error> {
        let there = self.get(key).ok_or(Cause::TransferNotFound)?;
        let hold = self.claim(key, there.birth, Chore::Receive);
        // Once the earlier sender has released it, this state holds still.
        let record = self.get_of(key, there.birth).unwrap_or(there).record;
        if record.state != State::Receiving {
            return Err(Cause::WrongState(record.state.name()).into());
        }
        let (hold, committed) = (hold?, record.committed);
        if committed != offset {
            return Err(Error {
                committed: Some(committed),
                ..Cause::WrongOffset { committed }.into()
            });
        }
        Ok(hold)
    }

    /// Changes a record, on disk and then in memory. A change that has begun is finished even if
    /// the caller leaves.
    pub(crate) async fn change_of<T: Send + 'static>(
        self: &Arc<Self>,
        key: &Key,
        birth: Birth,
        change: impl FnOnce(&mut Record, Now) -> Result<T, Cause> + Send + 'static,
    ) -> Result<T, Error> {
        let (journal, key) = (Arc::clone(self), key.clone());
        whole(async move {
            let mut store = journal.store.lock().await;
            let there = journal.get_of(&key, birth);
            let mut record = there.ok_or(Cause::TransferNotFound)?.record;
            let answer = change(&mut record, journal.now())?;
            journal.commit(&mut store, record).await?;
            Ok(answer)
        })
        .await
    }

    /// Changes the record of a name, for tests.
    #[cfg(test)]
    pub(crate) async fn change<T: Send + 'static>(
        self: &Arc<Self>,
        key: &Key,
        change: impl FnOnce(&mut Record, Now) -> Result<T, Cause> + Send + 'static,
    ) -> Result<T, Error> {
        let birth = self.get(key).ok_or(Cause::TransferNotFound)?.birth;
        self.change_of(key, birth, change).await
    }

    /// Deletes a transfer if `may` allows it. The daemon still deletes its partial file on the
    /// server: until then the record stays, under a name that no client can give.
    ///
    /// # Errors
    /// [`Cause::TransferNotFound`]; [`Cause::TransferBusy`]: it has ended, and somebody still works
    /// on it; [`Cause::WrongState`]: `may` says no, or another call sends it; [`Cause::Spool`] or
    /// [`Cause::Store`] from the disk. Nothing is changed then.
    pub(crate) async fn forget(
        self: &Arc<Self>,
        key: &Key,
        birth: Birth,
        may: impl FnOnce(&Record) -> bool + Send + 'static,
    ) -> Result<(), Error> {
        let (journal, key) = (Arc::clone(self), key.clone());
        whole(async move {
            let mut store = journal.store.lock().await;
            let record = {
                let mut table = journal.table();
                let entry = table.of(&key, birth).ok_or(Cause::TransferNotFound)?;
                let state = entry.record.state;
                match &entry.work {
                    Some(_) if state.is_over() => return Err(Cause::TransferBusy.into()),
                    None if may(&entry.record) => entry.record.clone(),
                    _ => return Err(Cause::WrongState(state.name()).into()),
                }
            };
            if matches!(record.remnant, Remnant::Pending { .. }) {
                journal.hide(&mut store, record).await
            } else {
                journal.drop_entry(&mut store, &key).await
            }
        })
        .await
    }

    /// Deletes this particular transfer; the caller has its hold.
    pub(crate) async fn forget_held(
        self: &Arc<Self>,
        key: &Key,
        birth: Birth,
    ) -> Result<(), Error> {
        let (journal, key) = (Arc::clone(self), key.clone());
        whole(async move {
            let mut store = journal.store.lock().await;
            if journal.get_of(&key, birth).is_none() {
                return Ok(());
            }
            journal.drop_entry(&mut store, &key).await
        })
        .await
    }

    /// Bytes of the room that are taken, for tests that none is lost.
    #[cfg(test)]
    pub(crate) fn room_taken(&self) -> u64 {
        self.room.all()
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock()
    }
}

impl Table {
    fn insert(&mut self, key: Key, record: Record, room: u64) -> &mut Entry {
        self.births += 1;
        let entry = Entry::new(record, Birth(self.births), room, Arc::clone(&self.any));
        entry.tell();
        match self.entries.entry(key) {
            btree_map::Entry::Vacant(place) => place.insert(entry),
            btree_map::Entry::Occupied(place) => {
                let place = place.into_mut();
                *place = entry;
                place
            }
        }
    }
}

impl Entry {
    fn new(record: Record, birth: Birth, room: u64, any: Arc<watch::Sender<u64>>) -> Self {
        let live = Live {
            written: record.committed,
            ..Live::default()
        };
        Self {
            record,
            birth,
            live,
            room,
            work: None,
            cancel: false,
            aside: None,
            loss: None,
            behind: None,
            unrecorded: None,
            changed: watch::Sender::default(),
            any,
        }
    }

    fn transfer(&self, now: Now) -> Transfer {
        let next_attempt = match self.record.state {
            State::Waiting { until } => Some(now.wall_at(until)),
            State::Queued if self.record.not_before > now.lived => {
                Some(now.wall_at(self.record.not_before))
            }
            _ => None,
        };
        let expires = self.record.expires;
        let expires = expires.filter(|_| self.record.is_to_be_written());
        Transfer {
            next_attempt,
            expires_in: expires.map(|expires| expires.since(now.lived)),
            record: self.record.clone(),
            live: self.live.clone(),
            birth: self.birth,
        }
    }

    fn tell(&self) {
        for changed in [&self.changed, &*self.any] {
            changed.send_modify(|count| *count = count.wrapping_add(1));
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.tell();
    }
}

/// Finishes work even if its caller leaves.
async fn whole<T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    match tokio::spawn(work).await {
        Ok(done) => done,
        Err(_) => Err(Cause::WrongAnswer.into()),
    }
}
