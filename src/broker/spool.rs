//! Bytes between a caller and the link: one writer, one reader, in order and within bounds.
//!
//! Bytes stay in memory while there is room. Then they go to a file without a name. When that is
//! full, or not allowed, the writer waits. Memory that nobody else needs keeps what an upload has
//! read, so that the upload can resume or start over after a break.
//!
//! Above 400 lines because the two ends share one state machine: the memory, the ring on disk and
//! the accounting change under one lock.

mod budget;
mod ends;
mod kept;
mod reader;
mod replay;
mod ring;

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::{Bytes, BytesMut};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::broker::terms::Principal;
use crate::broker::terms::share::{Place, Places, Share};
use budget::Purse;
use ends::Ends;
use kept::Kept;
pub(crate) use reader::{Reader, Spooled};
pub(crate) use replay::{PIECE, Replay};
use ring::Ring;
use simcom_talk::dialogue::operation::BegunDownload;

/// Most bytes in one piece.
pub const MAX_CHUNK: usize = 64 * 1024;

/// A spool takes memory from the shared amount in steps of this size, and keeps one step ahead until another spool
/// needs it. So a spool whose reader keeps up takes memory once, and not for each chunk.
const STEP: u64 = MAX_CHUNK as u64;

/// Files in all, and of one principal: enough for slow readers, and few beside the descriptors of a
/// process (1024 by convention).
const FILES: Share = Share {
    in_all: 128,
    of_one: 64,
};

/// Bounds of the spools. An empty spool takes one chunk whatever the bounds say, and the spool of
/// an upload keeps the last 10 KiB, so that every transfer can proceed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of memory for one operation.
    pub memory: u64,
    /// Further bytes of memory that an upload keeps of what it has sent, while nobody else needs
    /// them.
    pub keep: u64,
    /// Bytes of memory for all operations.
    pub memory_in_all: u64,
    /// Bytes of memory for all operations of one principal.
    pub memory_of_one: u64,
    /// Bytes on disk for one operation, once its memory is full.
    pub disk: u64,
    /// Bytes on disk for all operations.
    pub disk_in_all: u64,
    /// Bytes on disk for all operations of one principal.
    pub disk_of_one: u64,
    /// Directory of the files, which have no name there; `None`: the system's temporary directory.
    pub directory: Option<PathBuf>,
}

impl Default for Limits {
    /// 1 MiB for one operation holds ten seconds of the link at 921600 baud. That is enough for
    /// every client that reads at all, so that nothing goes to disk, which is flash and wears out.
    /// 32 MiB in all fit the smallest computers. A module reports a broken stream only at its end
    /// (SIMCom manual L1215 (c)): with 8 MiB a file of that size can resume or start over wherever
    /// it broke. 64 MiB on disk are twelve minutes of the link.
    fn default() -> Self {
        Self {
            memory: 1 << 20,
            keep: 8 << 20,
            memory_in_all: 32 << 20,
            memory_of_one: 16 << 20,
            disk: 64 << 20,
            disk_in_all: 512 << 20,
            disk_of_one: 256 << 20,
            directory: None,
        }
    }
}

/// The memory and disk that all spools share.
#[derive(Debug)]
pub(crate) struct Spools {
    limits: ArcSwap<Limits>,
    memory: Arc<Places>,
    disk: Arc<Places>,
    /// Open files; each is a descriptor.
    files: Arc<Places>,
    /// Spools that can give back kept memory.
    keepers: Mutex<Vec<Weak<Kept>>>,
    /// Notifies that memory or disk was given back, or that memory can be reclaimed.
    freed: Notify,
}

impl Spools {
    /// Bytes in memory and on disk.
    pub(crate) fn used(&self) -> (u64, u64) {
        (self.memory.used(), self.disk.used())
    }

    pub(crate) fn new(limits: Limits) -> Self {
        let memory = Places::new(Share {
            in_all: limits.memory_in_all,
            of_one: limits.memory_of_one,
        });
        let disk = Places::new(Share {
            in_all: limits.disk_in_all,
            of_one: limits.disk_of_one,
        });
        Self {
            limits: ArcSwap::from_pointee(limits),
            memory: Arc::new(memory),
            disk: Arc::new(disk),
            files: Arc::new(Places::new(FILES)),
            keepers: Mutex::default(),
            freed: Notify::new(),
        }
    }

    /// Takes over other bounds for spools that begin later, and what all may have on disk. The memory of all stays
    /// as it was: other parts of the program have the rest of it.
    pub(crate) fn reload(&self, limits: &Limits) {
        self.disk.resize(Share {
            in_all: limits.disk_in_all,
            of_one: limits.disk_of_one,
        });
        self.limits.store(Arc::new(limits.clone()));
    }

    /// A spool for a writer that must not wait for its reader. It may use the disk. It is given up
    /// when it is full and the reader takes nothing for `stall`.
    pub(crate) fn from_link(
        self: &Arc<Self>,
        owner: &Principal,
        stall: Duration,
    ) -> (Writer, Reader) {
        self.open(owner, self.limits.load().disk, Some(stall))
    }

    /// A spool for a writer that can wait; it stays in memory. It keeps what was read, while there
    /// is room, for [`Reader::source`].
    pub(crate) fn to_link(self: &Arc<Self>, owner: &Principal) -> (Writer, Reader) {
        self.open(owner, 0, None)
    }

    /// Takes memory. If there is too little, it reclaims what was taken ahead, and then kept bytes: of any principal
    /// where the shared memory is full, of the same principal where that one has its share.
    fn take(&self, purse: &Purse, amount: u64) -> bool {
        while !purse.take(amount) {
            let own = purse.is_beyond(amount);
            let keepers: Vec<_> = self
                .keepers()
                .iter()
                .filter_map(Weak::upgrade)
                .filter(|kept| !own || kept.purse.principal == purse.principal)
                .collect();
            // First what nobody uses: with the bytes that it keeps, an upload can resume.
            let reclaimed = keepers.iter().any(|kept| kept.give_ahead(amount) > 0)
                || keepers.iter().any(|kept| kept.reclaim(amount));
            if !reclaimed {
                return false;
            }
        }
        true
    }

    /// Lock order: after the state of a spool, before the bytes that it keeps.
    fn keepers(&self) -> MutexGuard<'_, Vec<Weak<Kept>>> {
        self.keepers.lock()
    }

    fn open(
        self: &Arc<Self>,
        owner: &Principal,
        disk: u64,
        stall: Option<Duration>,
    ) -> (Writer, Reader) {
        let purse = |places| Purse {
            places: Arc::clone(places),
            principal: owner.clone(),
        };
        let limits = self.limits.load_full();
        let kept = Arc::new(Kept::new(purse(&self.memory), limits.keep));
        let spool = Arc::new(Spool {
            spools: Arc::clone(self),
            limits,
            purse: purse(&self.disk),
            disk,
            state: Mutex::default(),
            kept,
            arrived: Notify::new(),
            taken: Notify::new(),
        });
        self.keepers().push(Arc::downgrade(&spool.kept));
        (
            Writer {
                spool: Arc::clone(&spool),
                stall,
            },
            Reader { spool },
        )
    }
}

/// The state that the two ends share.
#[derive(Debug)]
struct Spool {
    spools: Arc<Spools>,
    /// The bounds that it began with.
    limits: Arc<Limits>,
    /// The budget of its disk.
    purse: Purse,
    /// Bytes allowed on disk.
    disk: u64,
    state: Mutex<State>,
    /// Bytes that were read and may be asked for again.
    kept: Arc<Kept>,
    /// Wakes the reader: the state changed.
    arrived: Notify,
    /// Wakes the writer: the state changed.
    taken: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// The reader takes these before the ring.
    memory: VecDeque<BytesMut>,
    /// Bytes in `memory`.
    in_memory: u64,
    /// Bytes of memory that are accounted for; the one chunk of an empty spool may exceed it.
    accounted: u64,
    /// The reader takes these after the memory.
    ring: Option<Ring>,
    /// The place of its file among all files.
    file: Option<Place>,
    /// The ends of all that came from the link.
    ends: Ends,
    end: Option<End>,
    reader_gone: bool,
    /// The writer waits for room.
    full: bool,
}

/// How the writer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// It said that there are no more bytes.
    Whole,
    /// It left before it said so.
    Broken,
}

impl State {
    fn on_disk(&self) -> u64 {
        self.ring.as_ref().map_or(0, Ring::unread)
    }

    fn held(&self) -> u64 {
        self.in_memory + self.on_disk()
    }
}

impl Spool {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Appends to the memory if there is room.
    fn remember(&self, state: &mut State, part: &[u8]) -> bool {
        let len = part.len() as u64;
        let filled = state.in_memory + len;
        let within = filled <= self.limits.memory;
        if !(within && self.account(state, filled)) && state.in_memory > 0 {
            return false;
        }
        state.in_memory = filled;
        // Small parts share an allocation, so a caller that sends single bytes costs no more.
        match state.memory.back_mut() {
            Some(last) if last.len() + part.len() <= MAX_CHUNK => last.extend_from_slice(part),
            _ => state.memory.push_back(BytesMut::from(part)),
        }
        true
    }

    /// Takes memory until `bytes` bytes are accounted for.
    fn account(&self, state: &mut State, bytes: u64) -> bool {
        let missing = bytes.saturating_sub(state.accounted);
        let room = self.limits.memory.saturating_sub(state.accounted);
        let kept = &self.kept;
        let taken = missing == 0
            || kept.take_ahead(missing, STEP.min(room))
            || self.spools.take(&kept.purse, missing);
        if taken {
            state.accounted += missing;
        }
        taken
    }

    /// Takes the first bytes out of the memory.
    fn recall(&self, state: &mut State) -> Option<Bytes> {
        let chunk = state.memory.pop_front()?.freeze();
        state.in_memory -= chunk.len() as u64;
        self.release(state, STEP);
        Some(chunk)
    }

    /// Gives back memory that holds nothing, except for `ahead` bytes.
    fn release(&self, state: &mut State, ahead: u64) {
        let surplus = state.accounted.saturating_sub(state.in_memory);
        state.accounted -= surplus;
        self.kept.give_beyond(surplus, ahead);
        self.spools.freed.notify_waiters();
    }

    /// Discards all bytes.
    fn clear(&self) {
        let mut state = self.state();
        state.memory.clear();
        state.in_memory = 0;
        if let Some(ring) = state.ring.take() {
            self.purse.give(ring.len());
            state.file = None;
        }
        self.kept.clear();
        self.release(&mut state, 0);
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        self.clear();
        // Even a weak reference keeps its allocation.
        let mut keepers = self.spools.keepers();
        keepers.retain(|kept| kept.as_ptr() != Arc::as_ptr(&self.kept));
        if keepers.is_empty() {
            keepers.shrink_to_fit();
        }
    }
}

/// Why bytes could not be spooled.
#[derive(Debug)]
pub(crate) enum WriteError {
    /// The reader is gone.
    Gone,
    /// The reader took nothing for too long.
    Stalled,
    /// The file failed.
    Io(io::Error),
}

/// The end of a spool where bytes go in. Dropping it without [`Writer::end`] breaks the spool.
#[derive(Debug)]
pub(crate) struct Writer {
    spool: Arc<Spool>,
    stall: Option<Duration>,
}

impl Writer {
    /// Puts bytes in, and waits while there is no room. Dropping the future leaves some of them in
    /// the spool.
    pub(crate) async fn write(&mut self, mut bytes: Bytes) -> Result<(), WriteError> {
        while !bytes.is_empty() {
            let part = bytes.split_to(bytes.len().min(MAX_CHUNK));
            self.write_part(part).await?;
        }
        Ok(())
    }

    async fn write_part(&mut self, part: Bytes) -> Result<(), WriteError> {
        let spool = Arc::clone(&self.spool);
        let stalled = async {
            match self.stall {
                Some(stall) => loop {
                    tokio::select! {
                        biased;
                        () = spool.taken.notified() => {}
                        () = sleep(stall) => return,
                    }
                },
                None => std::future::pending().await,
            }
        };
        let mut stalled = pin!(stalled);
        loop {
            // Registers before it looks, so that it misses nothing freed in between.
            let mut freed = pin!(spool.spools.freed.notified());
            freed.as_mut().enable();
            if self.try_write(&part).await? {
                return Ok(());
            }
            tokio::select! {
                biased;
                () = freed => {}
                () = &mut stalled => return Err(WriteError::Stalled),
            }
        }
    }

    /// Puts one part in if there is room.
    async fn try_write(&self, part: &Bytes) -> Result<bool, WriteError> {
        let len = part.len() as u64;
        let spills = {
            let mut state = self.spool.state();
            if state.reader_gone {
                return Err(WriteError::Gone);
            }
            let fits = state.on_disk() == 0 && self.spool.remember(&mut state, part);
            state.full = !fits;
            if fits {
                self.record(&mut state, part);
                drop(state);
                self.spool.arrived.notify_waiters();
                return Ok(true);
            }
            state.ring.is_some()
        };
        if len > self.spool.disk {
            self.spool.arrived.notify_waiters();
            return Ok(false);
        }
        if !spills {
            let Ok(file) = self.spool.spools.files.take(&self.spool.purse.principal) else {
                return Ok(false);
            };
            let ring = Ring::create(self.spool.limits.directory.clone(), self.spool.disk)
                .await
                .map_err(WriteError::Io)?;
            let mut state = self.spool.state();
            (state.ring, state.file) = (Some(ring), Some(file));
        }
        let Some(slot) = ({
            let mut state = self.spool.state();
            state
                .ring
                .as_mut()
                .and_then(|ring| ring.reserve(len, &self.spool.purse))
        }) else {
            return Ok(false);
        };
        slot.write(part.clone()).await.map_err(WriteError::Io)?;
        {
            let mut state = self.spool.state();
            if let Some(ring) = state.ring.as_mut() {
                ring.commit_write(len);
            }
            self.record(&mut state, part);
        }
        self.spool.arrived.notify_waiters();
        Ok(true)
    }

    /// Records what is in the spool, if it came from the link: only a download resumes by it.
    fn record(&self, state: &mut State, part: &[u8]) {
        if self.stall.is_some() {
            state.ends.add(part);
        }
    }

    /// The server told the size of what comes from the link.
    pub(crate) fn sized(&mut self, size: u64) {
        self.spool.state().ends.sized(size);
    }

    /// A view of how much the reader has taken, for use beside the writer.
    pub(crate) fn gauge(&self) -> Gauge {
        Gauge(Arc::clone(&self.spool))
    }

    /// Says that there are no more bytes.
    pub(crate) fn end(&mut self) {
        self.close(End::Whole);
    }

    /// Waits until the reader has all bytes, or is gone. `false`: the reader took nothing for
    /// `stall`, and the spool discarded the rest.
    pub(crate) async fn drained(&mut self, stall: Duration) -> bool {
        loop {
            {
                let state = self.spool.state();
                if state.reader_gone || (state.in_memory == 0 && state.on_disk() == 0) {
                    return true;
                }
            }
            tokio::select! {
                biased;
                () = self.spool.taken.notified() => {}
                () = sleep(stall) => {
                    self.discard();
                    return false;
                }
            }
        }
    }

    /// Discards the bytes that were not read; the reader finds the spool broken.
    pub(crate) fn discard(&mut self) {
        self.spool.state().end = Some(End::Broken);
        self.spool.clear();
        self.spool.arrived.notify_waiters();
    }

    fn close(&self, end: End) {
        self.spool.state().end.get_or_insert(end);
        self.spool.arrived.notify_waiters();
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.close(End::Broken);
    }
}

/// What went into a spool and how full it is, for code that writes nothing itself.
#[derive(Debug)]
pub(crate) struct Gauge(Arc<Spool>);

impl Gauge {
    /// A download that resumes behind the bytes that went in; `None` where there are none.
    pub(crate) fn begun(&self) -> Option<BegunDownload> {
        self.0.state().ends.begun()
    }

    /// Waits until the reader has taken half of the bytes now in the spool, or is gone. `false`: it
    /// took nothing for `stall`.
    pub(crate) async fn half_taken(&self, stall: Duration) -> bool {
        let half = self.0.state().held() / 2;
        loop {
            {
                let state = self.0.state();
                if state.reader_gone || state.held() <= half {
                    return true;
                }
            }
            tokio::select! {
                biased;
                () = self.0.taken.notified() => {}
                () = sleep(stall) => return false,
            }
        }
    }
}

#[cfg(test)]
mod tests;
