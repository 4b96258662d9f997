//! A store that was damaged while no daemon ran, in many ways.
//!
//! Above 400 lines: this is one table of damages, with what must be left after each.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::*;

const STORE: &str = "transfers.redb";

/// The accepted transfers: their names and numbers of bytes.
const ACCEPTED: [(&str, usize); 4] = [("a", 900), ("b", 2_000), ("c", 70_000), ("d", 1)];

/// A state directory as a daemon has left it: files by name, also those in directories.
struct Before {
    store: Vec<u8>,
    files: BTreeMap<PathBuf, Vec<u8>>,
    records: BTreeMap<String, Record>,
}

/// The thing in the place of the store.
enum Is {
    File(Vec<u8>),
    Directory,
    Pipe,
    LinkToItself,
    Gone,
}

/// The bytes of a transfer. No two transfers have the same.
fn bytes_of(name: &str, len: usize) -> Vec<u8> {
    name.bytes().cycle().take(len).collect()
}

/// `killed`: the daemon did not close its store.
async fn before(killed: bool) -> Before {
    let scratch = scratch();
    let house = House::idle(settings(&scratch), &Module::new());
    for (name, len) in ACCEPTED {
        let wish = upload_wish(&format!("/{name}"));
        house
            .upload(name, wish, &bytes_of(name, len))
            .await
            .unwrap();
    }
    for gone in ["e", "f"] {
        house.upload(gone, upload_wish("/e"), b"e").await.unwrap();
        house
            .transfers
            .cancel_transfer(&me(), id(gone))
            .await
            .unwrap();
        house
            .transfers
            .delete_transfer(&me(), id(gone))
            .await
            .unwrap();
    }
    let wish = download_wish("/down");
    house
        .transfers
        .create_download(&me(), id("down"), wish)
        .await
        .unwrap();
    let records = records(&house);
    let open = fs::read(scratch.path().join(STORE)).unwrap();
    house.end().await;
    let closed = fs::read(scratch.path().join(STORE)).unwrap();
    let files = fs::read_dir(scratch.path().join("files")).unwrap();
    let files = files.map(|entry| {
        let path = entry.unwrap().path();
        let content = fs::read(&path).unwrap();
        (
            path.strip_prefix(scratch.path()).unwrap().to_owned(),
            content,
        )
    });
    Before {
        store: if killed { open } else { closed },
        files: files.collect(),
        records,
    }
}

fn records(house: &House) -> BTreeMap<String, Record> {
    let all = house
        .transfers
        .list_transfers(&me(), &Whose::Own, None, 100, |_| true)
        .unwrap();
    let all = all.into_iter();
    all.map(|there| (there.record.key.id.to_string(), there.record))
        .collect()
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    find(bytes, part).is_some()
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    let first = *part.first()?;
    let mut places = bytes.iter().enumerate().filter(|(_, byte)| **byte == first);
    places
        .find(|(at, _)| bytes[*at..].starts_with(part))
        .map(|(at, _)| at)
}

impl Before {
    /// The row of a record in the store.
    fn row(&self, name: &str) -> &[u8] {
        let json = serde_json::to_vec(&self.records[name]).unwrap();
        let at = find(&self.store, &json).unwrap();
        // The row begins with mark, length, number of the change, and checksum.
        &self.store[at - 36..at + json.len()]
    }

    /// The last index.
    fn index(&self) -> &[u8] {
        let number =
            |at: usize| u64::from_le_bytes(self.store[at + 12..at + 20].try_into().unwrap());
        let marks = (0..self.store.len()).filter(|at| self.store[*at..].starts_with(b"cftp-idx"));
        let last = marks.max_by_key(|at| number(*at)).unwrap();
        let len = u32::from_le_bytes(self.store[last + 8..last + 12].try_into().unwrap());
        &self.store[last..last + 36 + len as usize]
    }

    /// The store with a change of its bytes.
    fn with(&self, change: impl FnOnce(&mut Vec<u8>)) -> Is {
        let mut store = self.store.clone();
        change(&mut store);
        Is::File(store)
    }

    /// The store with all copies of a part overwritten, from a byte of the part on.
    fn spoiled(&self, part: &[u8], from: usize, with: &[u8]) -> Is {
        self.with(|store| {
            let mut at = 0;
            while let Some(found) = find(&store[at..], part) {
                at += found;
                store[at + from..at + from + with.len()].copy_from_slice(with);
                at += part.len();
            }
        })
    }

    /// Puts the state into a directory, with a damaged store.
    fn put(&self, scratch: &Path, store: &Is) {
        fs::create_dir(scratch.join("files")).unwrap();
        for (path, content) in &self.files {
            fs::write(scratch.join(path), content).unwrap();
        }
        let path = scratch.join(STORE);
        match store {
            Is::File(bytes) => fs::write(path, bytes).unwrap(),
            Is::Directory => fs::create_dir(path).unwrap(),
            Is::Pipe => {
                let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
                let kind = rustix::fs::FileType::Fifo;
                rustix::fs::mknodat(rustix::fs::CWD, path, kind, mode, 0).unwrap();
            }
            Is::LinkToItself => symlink(STORE, path).unwrap(),
            Is::Gone => {}
        }
    }

    fn ways(&self) -> Vec<(String, Is)> {
        let mut ways = Vec::new();
        let mut way = |name: &str, is: Is| ways.push((name.to_owned(), is));
        let len = self.store.len();
        for cut in [
            0,
            1,
            9,
            63,
            100,
            320,
            512,
            4095,
            4096,
            8192,
            len / 2,
            len - 4096,
            len - 1,
        ] {
            way(
                &format!("cut to {cut}"),
                self.with(|store| store.truncate(cut)),
            );
        }
        for more in [1, 4096, len] {
            way(
                &format!("{more} bytes longer"),
                self.with(|store| store.resize(len + more, 0)),
            );
        }
        let zeros = [
            ("head", 0..512),
            ("first page", 0..4096),
            ("first half", 0..len / 2),
            ("second half", len / 2..len),
            ("all", 0..len),
        ];
        for (what, range) in zeros {
            let name = format!("zeros: {what}");
            way(&name, self.with(|store| store[range].fill(0)));
        }
        way("ones", self.with(|store| store.fill(0xff)));
        way("text", Is::File(b"nothing to see here\n".repeat(500)));
        way(
            "JSON",
            Is::File(b"{\"key\":{\"principal\":\"me\"}}".to_vec()),
        );
        // The head of a database (redb, design.md): flags, sizes, then two slots of 128 bytes.
        for (what, byte) in [
            ("magic", 0),
            ("flags", 9),
            ("page size", 12),
            ("pages of a region's head", 16),
            ("pages of a region", 20),
            ("high byte of these", 23),
            ("regions", 24),
            ("high byte of these", 27),
            ("pages of the last region", 28),
            ("version of the first slot", 64),
            ("root of the first slot", 72),
            ("checksum of the first slot", 176),
            ("version of the second slot", 192),
            ("root of the second slot", 200),
            ("checksum of the second slot", 304),
        ] {
            for bit in [0, 3, 7] {
                let name = format!("bit {bit} of byte {byte}, {what}");
                way(&name, self.with(|store| store[byte] ^= 1 << bit));
            }
        }
        way(
            "both slots",
            self.with(|store| store[64..320].iter_mut().for_each(|byte| *byte ^= 0x55)),
        );
        for (what, from) in [("mark", 0), ("length", 8), ("number", 12), ("body", 60)] {
            let name = format!("record: {what}");
            way(&name, self.spoiled(self.row("b"), from, b"\x80\x81"));
        }
        way("index: length", self.spoiled(self.index(), 8, &[0xff; 4]));
        way("index: number", self.spoiled(self.index(), 12, &[0xff; 8]));
        way("index: body", self.spoiled(self.index(), 40, b"x"));
        way("all indexes", self.spoiled(b"cftp-idx", 0, b"x"));
        way("all marks", self.spoiled(b"cftp-", 0, b"x"));
        way(
            "sectors",
            self.with(|store| {
                let sectors = store.chunks_mut(512).skip(1).step_by(7);
                sectors.for_each(|sector| sector.fill(0));
            }),
        );
        way(
            "pages in another order",
            self.with(|store| {
                let pages: Vec<&[u8]> = store.chunks(4096).rev().collect();
                *store = pages.concat();
            }),
        );
        way(
            "a byte more at its front",
            self.with(|store| store.insert(0, 0)),
        );
        way("twice", self.with(|store| store.extend_from_within(..)));
        way(
            "as text on the way",
            self.with(|store| {
                let bytes = store.iter();
                let bytes = bytes.flat_map(|byte| match byte {
                    b'\n' => vec![b'\r', b'\n'],
                    byte => vec![*byte],
                });
                *store = bytes.collect();
            }),
        );
        way("a directory", Is::Directory);
        way("a pipe", Is::Pipe);
        way("a link to itself", Is::LinkToItself);
        way("gone", Is::Gone);
        ways
    }
}

/// All files below a directory.
fn all_files(directory: &Path) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(directory).unwrap();
    let below = entries.flat_map(|entry| {
        let path = entry.unwrap().path();
        let metadata = fs::symlink_metadata(&path).unwrap();
        if metadata.is_dir() {
            all_files(&path)
        } else if metadata.is_file() {
            vec![fs::read(&path).unwrap()]
        } else {
            Vec::new()
        }
    });
    below.collect()
}

/// The daemon serves calls: the module is asked for a size.
async fn serves(house: &House) {
    let target = Target::Profile("a".into());
    let path = crate::broker::testing::path("/there");
    let size = house.broker.size(&me(), &target, &path).await;
    assert_eq!(size.unwrap(), 5);
}

/// Checks a daemon that finds a damaged store.
async fn check(before: &Before, name: &str, is: &Is) {
    let scratch = scratch();
    before.put(scratch.path(), is);
    let module = Module::new().file("/there", b"there".to_vec());
    let house = House::idle(settings(&scratch), &module);
    serves(&house).await;
    let (keeping, set_aside) = (house.transfers.keeping(), house.transfers.set_aside());
    let keeping = keeping.borrow().clone();
    let found = match &keeping {
        Keeping::On => records(&house),
        Keeping::Unusable(trouble) => {
            assert!(!matches!(trouble, Trouble::Replaced), "{name}");
            BTreeMap::new()
        }
        other => panic!("{name}: {other:?}"),
    };
    // A record is as it was, or is marked as uncertain. No deleted one returns.
    let mut good = 0;
    for (id, record) in &found {
        let was = before.records.get(id);
        if was == Some(record) {
            good += 1;
            continue;
        }
        let why = record.last_error.as_ref();
        let reason = why.map_or("none", |told| told.reason.as_str());
        assert_eq!(reason, "RecordDamaged", "{name}: {record:?}");
        assert_eq!(record.state, State::Failed, "{name}: {record:?}");
        assert_eq!(record.remnant, Remnant::Nothing, "{name}: {record:?}");
    }
    if let Is::File(bytes) = is {
        let all = all_files(scratch.path());
        if set_aside.is_empty() {
            // No checksum covers the bit that says which of two states of the file is the last
            // (redb). After a crash nothing else says it: the last change is not in effect then.
            let behind = usize::from(name == "bit 0 of byte 9, flags, killed: true");
            let all = before.records.len();
            assert_eq!(good, all - behind, "{name}: none is missing");
        } else {
            assert!(all.contains(bytes), "{name}: the damaged store is not kept");
            assert!(set_aside[0].contains("damaged-1"), "{name}");
        }
        // Everything that its checksum and the index prove is there.
        if contains(bytes, before.index()) {
            for id in before.records.keys() {
                let is_last = id == "down" && name.contains("byte 9, flags, killed: true");
                if contains(bytes, before.row(id)) && !is_last {
                    assert_eq!(found.get(id), before.records.get(id), "{name}: {id}");
                }
            }
        }
    }
    let kept = all_files(scratch.path());
    for (id, len) in ACCEPTED {
        assert!(kept.contains(&bytes_of(id, len)), "{name}: bytes of {id}");
    }
    if matches!(keeping, Keeping::On) {
        // It accepts transfers, and all of them are there after the next start.
        house
            .upload("new", upload_wish("/new"), b"new")
            .await
            .unwrap();
        let mut now = records(&house);
        assert_eq!(now.remove("new").unwrap().state, State::Queued, "{name}");
        house.kill().await;
        let house = House::idle(settings(&scratch), &module);
        let mut again = records(&house);
        again.remove("new").unwrap();
        assert_eq!(again, now, "{name}");
        assert_eq!(house.transfers.set_aside(), set_aside, "{name}");
        let kept = all_files(scratch.path());
        for (id, len) in ACCEPTED {
            assert!(
                kept.contains(&bytes_of(id, len)),
                "{name}: bytes of {id}, later"
            );
        }
        house.kill().await;
    } else {
        house.kill().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_damaged_in_any_way_stops_nobody_and_loses_nothing() {
    for killed in [false, true] {
        let before = before(killed).await;
        let ways = before.ways();
        assert!(ways.len() >= 30);
        for (name, is) in ways {
            check(&before, &format!("{name}, killed: {killed}"), &is).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn bits_that_flip_anywhere_stop_nobody_and_lose_nothing() {
    let before = before(false).await;
    let mut random = fastrand::Rng::with_seed(26);
    for round in 0..80 {
        let flips = [1, 1, 2, 30][round % 4];
        let is = before.with(|store| {
            // Most of the file is empty: half of the places are where there are bytes.
            let written: Vec<usize> = (0..store.len()).filter(|at| store[*at] != 0).collect();
            for _ in 0..flips {
                let anywhere = random.usize(..store.len());
                let at = if random.bool() {
                    anywhere
                } else {
                    written[random.usize(..written.len())]
                };
                store[at] ^= 1 << random.u8(..8);
            }
        });
        check(&before, &format!("round {round}"), &is).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_taken_up_of_a_damaged_store_is_delivered_and_what_is_uncertain_is_not() {
    let before = before(false).await;
    let scratch = scratch();
    before.put(
        scratch.path(),
        &before.spoiled(before.row("b"), 60, b"\x80"),
    );
    let module = Module::new().file("/down", content(100));
    let house = House::open(&scratch, &module);
    assert_eq!(
        house
            .transfers
            .list_transfers(&me(), &Whose::Own, None, 9, |_| true)
            .unwrap()
            .len(),
        4
    );
    for (name, len) in [("a", 900), ("c", 70_000), ("d", 1)] {
        assert_eq!(house.over(name).await.record.state, State::Done);
        let path = format!("/{name}");
        assert_eq!(module.content(&path), Some(bytes_of(name, len)));
    }
    assert_eq!(house.over("down").await.record.state, State::Done);
    sleep(Duration::from_secs(3600)).await;
    assert_eq!(module.content("/b"), None);
    // The status says where its bytes are.
    let kept = house.transfers.set_aside();
    assert_eq!(kept, ["files.damaged-1", "transfers.redb.damaged-1"]);
    let kept = all_files(&scratch.path().join("files.damaged-1"));
    assert_eq!(kept, [bytes_of("b", 2_000)]);
    house.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_transfer_of_which_only_a_former_state_can_be_read_fails_and_keeps_its_bytes() {
    let scratch = scratch();
    let module = Module::new();
    let house = House::idle(settings(&scratch), &module);
    house.upload("x", upload_wish("/up"), b"abc").await.unwrap();
    let json = serde_json::to_vec(&house.record("x")).unwrap();
    let path = scratch.path().join(STORE);
    // The state that a SIGKILL leaves.
    let mut store = fs::read(&path).unwrap();
    house.kill().await;
    while let Some(at) = find(&store, &json) {
        store[at + 20] ^= 1;
    }
    fs::write(&path, store).unwrap();
    let house = House::open(&scratch, &module);
    sleep(Duration::from_secs(3600)).await;
    let told = house.record("x");
    assert_eq!(told.last_error.unwrap().reason, "RecordDamaged");
    assert_eq!(
        (told.state, told.remnant),
        (State::Failed, Remnant::Nothing)
    );
    assert_eq!(house.uploads(), 0);
    assert_eq!(files(&scratch), 1);
    house.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_damaged_again_and_again_is_kept_a_few_times_and_then_left() {
    let before = before(false).await;
    let scratch = scratch();
    before.put(scratch.path(), &before.with(|store| store[0] ^= 1));
    let damaged = |number: usize| format!("store {number}").repeat(1000);
    for number in 1..=mend::MOST {
        House::idle(settings(&scratch), &Module::new()).kill().await;
        fs::write(scratch.path().join(STORE), damaged(number)).unwrap();
    }
    let house = House::idle(settings(&scratch), &Module::new());
    let keeping = house.transfers.keeping().borrow().clone();
    assert!(
        matches!(keeping, Keeping::Unusable(Trouble::Damaged { .. })),
        "{keeping:?}"
    );
    let refused = house.transfers.transfer(&me(), id("a")).unwrap_err();
    assert!(matches!(
        refused.cause,
        Cause::Store(Trouble::Damaged { .. })
    ));
    let last = fs::read_to_string(scratch.path().join(STORE)).unwrap();
    assert_eq!(last, damaged(mend::MOST));
    // A person checks them, and the daemon goes on without a restart.
    for number in 1..=mend::MOST {
        fs::remove_file(scratch.path().join(format!("{STORE}.damaged-{number}"))).unwrap();
    }
    let house = house.deliver();
    let mut keeping = house.transfers.keeping();
    let on = keeping.wait_for(|keeping| matches!(keeping, Keeping::On));
    timeout(Duration::from_secs(300), on)
        .await
        .unwrap()
        .unwrap();
    house.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_store_of_a_later_version_is_left_as_it_is() {
    let scratch = scratch();
    let house = House::idle(settings(&scratch), &Module::new());
    house.upload("x", upload_wish("/up"), b"abc").await.unwrap();
    house.end().await;
    let path = scratch.path().join(STORE);
    store::of_version(&path, 5);
    let there = fs::read(&path).unwrap();
    let house = House::idle(settings(&scratch), &Module::new());
    let refused = house.transfers.transfer(&me(), id("x")).unwrap_err();
    assert!(matches!(
        refused.cause,
        Cause::Store(Trouble::Newer { found: 5, .. })
    ));
    assert_eq!(house.transfers.set_aside(), Vec::<String>::new());
    assert!(fs::read(&path).unwrap() == there);
    assert_eq!(files(&scratch), 1);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_damaged_while_the_daemon_runs_is_made_anew_from_what_is_known() {
    let scratch = scratch();
    let house = House::idle(settings(&scratch), &Module::new());
    house.upload("x", upload_wish("/up"), b"abc").await.unwrap();
    // The next change after a failure of the disk does this.
    house.transfers.storage.journal().unwrap().lets_go().await;
    let path = scratch.path().join(STORE);
    let mut damaged = fs::read(&path).unwrap();
    damaged[..4096].fill(0x5a);
    // The file is changed in its place, like by a bad sector.
    std::os::unix::fs::FileExt::write_all_at(
        &fs::File::options().write(true).open(&path).unwrap(),
        &damaged,
        0,
    )
    .unwrap();
    house.upload("y", upload_wish("/y"), b"y").await.unwrap();
    let known = records(&house);
    assert_eq!(known.len(), 2);
    house.kill().await;
    let house = House::idle(settings(&scratch), &Module::new());
    assert_eq!(records(&house), known);
    assert_eq!(house.transfers.set_aside(), ["transfers.redb.damaged-1"]);
    assert_eq!(files(&scratch), 2);
}
