//! A disk and a table of descriptors that are full for a while.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use futures_util::future::BoxFuture;
use rustix::io::Errno;
use uuid::Uuid;

use super::*;
use crate::broker::disk::{Anchor, DiskFile, FileIdentity};

/// The system's disk, whose calls fail on demand.
#[derive(Debug)]
struct Faulty {
    disk: Arc<dyn Disk>,
    how: Mutex<Option<Errno>>,
    /// A directory whose names do not reach the disk, and whose caller is told so.
    loses_names_of: Mutex<Option<PathBuf>>,
    /// The directories whose names reached the disk.
    keeps: Mutex<BTreeSet<PathBuf>>,
}

impl Faulty {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            disk: <dyn Disk>::of_system(),
            how: Mutex::default(),
            loses_names_of: Mutex::default(),
            keeps: Mutex::default(),
        })
    }

    fn fails(&self, how: Option<Errno>) {
        *self.how.lock().unwrap() = how;
    }

    /// A call that needs a descriptor.
    fn opens(&self) -> io::Result<()> {
        match *self.how.lock().unwrap() {
            Some(how) if how != Errno::NOSPC => Err(how.into()),
            _ => Ok(()),
        }
    }

    /// A call that needs room.
    fn grows(&self) -> io::Result<()> {
        self.opens()?;
        match *self.how.lock().unwrap() {
            Some(how) => Err(how.into()),
            None => Ok(()),
        }
    }
}

impl Disk for Faulty {
    fn is_directory(&self, path: &Path) -> bool {
        self.disk.is_directory(path)
    }

    fn make_directory(&self, path: &Path) -> io::Result<()> {
        self.grows()?;
        self.disk.make_directory(path)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        self.opens()?;
        if self.loses_names_of.lock().unwrap().as_deref() == Some(path) {
            return Err(Errno::IO.into());
        }
        self.disk.sync_directory(path)?;
        self.keeps.lock().unwrap().insert(path.to_owned());
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<OsString>> {
        self.opens()?;
        self.disk.list(path)
    }

    fn create(&self, path: &Path) -> io::Result<()> {
        self.grows()?;
        self.disk.create(path)
    }

    fn open(&self, path: &Path, write: bool) -> io::Result<Arc<dyn DiskFile>> {
        self.opens()?;
        self.disk.open(path, write)
    }

    fn len(&self, path: &Path) -> io::Result<u64> {
        self.disk.len(path)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn free(&self, path: &Path) -> io::Result<Option<u64>> {
        match *self.how.lock().unwrap() {
            Some(Errno::NOSPC) => Ok(Some(0)),
            _ => self.disk.free(path),
        }
    }

    fn backend(
        &self,
        path: &Path,
        new: bool,
    ) -> io::Result<(Box<dyn redb::StorageBackend>, FileIdentity)> {
        self.opens()?;
        self.disk.backend(path, new)
    }

    fn identity(&self, path: &Path) -> io::Result<FileIdentity> {
        self.disk.identity(path)
    }

    fn anchor(&self, path: &Path) -> io::Result<Anchor> {
        self.opens()?;
        self.disk.anchor(path)
    }

    fn fresh(&self) -> Uuid {
        self.disk.fresh()
    }

    fn run(&self, work: Box<dyn FnOnce() + Send>) -> BoxFuture<'static, io::Result<()>> {
        self.disk.run(work)
    }
}

const HOWS: [Errno; 3] = [Errno::MFILE, Errno::NFILE, Errno::NOSPC];

/// Settings with one attempt for each transfer.
fn once(scratch: &TempDir, disk: &Arc<Faulty>) -> Settings {
    let mut within = settings(scratch);
    within.budget.attempts = 1;
    within.disk = Arc::clone(disk) as Arc<dyn Disk>;
    within
}

#[tokio::test(start_paused = true)]
async fn a_lack_of_descriptors_or_of_room_costs_no_attempt_and_is_told_as_what_it_is() {
    for how in HOWS {
        let (scratch, disk) = (scratch(), Faulty::new());
        let module = Module::new().file("/down", content(300_000));
        let house = House::idle(once(&scratch, &disk), &module);
        house
            .upload("up", upload_wish("/up"), &content(3000))
            .await
            .unwrap();
        house
            .transfers
            .create_download(&me(), id("down"), download_wish("/down"))
            .await
            .unwrap();
        disk.fails(Some(how));
        let house = house.deliver();
        sleep(Duration::from_secs(600)).await;
        let waits = house.record("down");
        assert!(
            matches!(waits.state, State::Waiting { .. }),
            "{how} {waits:?}"
        );
        assert_eq!((waits.spent.attempts, waits.moved), (0, 0), "{how}");
        assert!(
            waits.attempts > 10,
            "{how}: it was tried {}",
            waits.attempts
        );
        let why = io::Error::from(how).to_string();
        let told = waits.last_error.unwrap();
        let code = how.raw_os_error().to_string();
        assert!(
            told.reason.contains(&code) || told.reason.contains("StorageFull"),
            "{told:?} {why}"
        );
        disk.fails(None);
        assert_eq!(house.over("down").await.record.state, State::Done, "{how}");
        assert_eq!(house.over("up").await.record.state, State::Done, "{how}");
        assert_eq!(module.content("/up"), Some(content(3000)));
        house.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_lack_of_descriptors_leaves_nothing_on_the_server_that_is_to_be_deleted() {
    let (scratch, disk) = (scratch(), Faulty::new());
    let module = Module::new();
    let house = House::within(once(&scratch, &disk), &module);
    let house = reuse::leaves_behind(house, &module).await;
    disk.fails(Some(Errno::MFILE));
    house.module.link(health::LinkState::Ready);
    sleep(Duration::from_secs(600)).await;
    let waits = house.record("x");
    assert!(
        matches!(waits.remnant, Remnant::Pending { tries: 0, .. }),
        "{waits:?}"
    );
    disk.fails(None);
    house
        .until("x", |there| there.record.remnant == Remnant::Deleted)
        .await;
    assert_eq!(module.content("/up"), None);
    house.end().await;
}

/// The disk failed just when the store got its name. The next call found the store and was acknowledged. A
/// power cut took the name, and all transfers with it.
#[tokio::test(start_paused = true)]
async fn nothing_is_acknowledged_before_the_names_of_store_and_files_survive_a_power_cut() {
    for restarts in [false, true] {
        let (scratch, disk) = (scratch(), Faulty::new());
        let module = Module::new();
        let within = once(&scratch, &disk);
        let directory = within.directory.clone();
        let mut house = House::idle(within, &module);
        *disk.loses_names_of.lock().unwrap() = Some(directory.clone());
        for _ in 0..3 {
            let refused = house.upload("x", upload_wish("/up"), b"abc").await;
            refused.unwrap_err();
            let (caller, wish) = (me(), download_wish("/down"));
            let refused = house.transfers.create_download(&caller, id("y"), wish);
            refused.await.unwrap_err();
        }
        if restarts {
            house.kill().await;
            house = House::idle(once(&scratch, &disk), &module);
        }
        *disk.loses_names_of.lock().unwrap() = None;
        disk.keeps.lock().unwrap().clear();
        house.upload("x", upload_wish("/up"), b"abc").await.unwrap();
        let keeps = disk.keeps.lock().unwrap().clone();
        assert!(keeps.contains(&directory), "{keeps:?}");
        house.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_daemon_that_starts_without_a_descriptor_serves_and_finds_its_transfers_later() {
    for how in [Errno::MFILE, Errno::NFILE, Errno::IO, Errno::ACCESS] {
        let (scratch, disk) = (scratch(), Faulty::new());
        let module = Module::new();
        let house = House::idle(once(&scratch, &disk), &module);
        house.upload("x", upload_wish("/up"), b"abc").await.unwrap();
        house.kill().await;
        disk.fails(Some(how));
        let house = House::within(once(&scratch, &disk), &module);
        let refused = house.transfers.transfer(&me(), id("x")).unwrap_err();
        match how {
            Errno::MFILE | Errno::NFILE => {
                assert!(matches!(refused.cause, Cause::Spool(_)), "{refused:?}");
            }
            _ => assert!(
                matches!(refused.cause, Cause::Store(Trouble::Unreadable(_))),
                "{refused:?}"
            ),
        }
        sleep(Duration::from_secs(3600)).await;
        disk.fails(None);
        let mut keeping = house.transfers.keeping();
        let on = keeping.wait_for(|keeping| matches!(keeping, Keeping::On));
        timeout(Duration::from_secs(61), on).await.unwrap().unwrap();
        assert_eq!(house.over("x").await.record.state, State::Done, "{how}");
        // Nothing was taken for damage.
        assert_eq!(house.transfers.set_aside(), Vec::<String>::new(), "{how}");
        house.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_damaged_store_on_a_full_disk_is_left_until_there_is_room() {
    let (scratch, disk) = (scratch(), Faulty::new());
    let module = Module::new();
    let house = House::idle(once(&scratch, &disk), &module);
    house.upload("x", upload_wish("/up"), b"abc").await.unwrap();
    house.end().await;
    let path = scratch.path().join("transfers.redb");
    let mut damaged = std::fs::read(&path).unwrap();
    damaged[0] ^= 1;
    std::fs::write(&path, &damaged).unwrap();
    // The new store cannot get its name.
    std::fs::create_dir(scratch.path().join("transfers.new")).unwrap();
    let house = House::within(once(&scratch, &disk), &module);
    let refused = house.transfers.transfer(&me(), id("x")).unwrap_err();
    assert!(
        matches!(refused.cause, Cause::Store(Trouble::Damaged { .. })),
        "{refused:?}"
    );
    sleep(Duration::from_secs(3600)).await;
    assert!(std::fs::read(&path).unwrap() == damaged);
    assert_eq!(files(&scratch), 1);
    std::fs::remove_dir(scratch.path().join("transfers.new")).unwrap();
    let mut keeping = house.transfers.keeping();
    let on = keeping.wait_for(|keeping| matches!(keeping, Keeping::On));
    timeout(Duration::from_secs(61), on).await.unwrap().unwrap();
    assert_eq!(house.over("x").await.record.state, State::Done);
    house.end().await;
}

/// `TransferService` was told to serve as long as the store was there, whatever its disk refused.
#[tokio::test(start_paused = true)]
async fn what_the_disk_refuses_is_told_until_it_takes_a_file_again() {
    for (how, told) in [
        (Errno::NOSPC, "waiting"),
        (Errno::MFILE, "waiting"),
        (Errno::IO, "unusable"),
    ] {
        let (scratch, disk) = (scratch(), Faulty::new());
        let house = House::within(once(&scratch, &disk), &Module::new());
        let mut keeping = house.transfers.keeping();
        disk.fails(Some(how));
        let (caller, wish) = (me(), download_wish("/down"));
        let refused = house.transfers.create_download(&caller, id("x"), wish);
        refused.await.unwrap_err();
        // At once, and as long as it lasts.
        assert_eq!(keeping.borrow().name(), told, "{how}");
        sleep(Duration::from_secs(3600)).await;
        assert_eq!(keeping.borrow_and_update().name(), told, "{how}");
        disk.fails(None);
        let on = keeping.wait_for(|keeping| matches!(keeping, Keeping::On));
        timeout(Duration::from_secs(6), on).await.unwrap().unwrap();
        // Nothing is left of the trial.
        assert_eq!(files(&scratch), 0, "{how}");
        house.end().await;
    }
}
