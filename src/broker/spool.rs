//! Bytes between a caller and the link: one writer, one reader, in order and within bounds.
//!
//! Bytes stay in memory while there is room, go to a file without a name when there is none,
//! and when that is full, or not allowed, the writer waits. What an upload has read is kept in the
//! memory that nobody else needs, so that it can go on, or start over, after a break.

mod budget;
mod kept;
mod reader;
mod replay;
mod ring;

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::broker::terms::Principal;
use crate::broker::terms::share::Place;
use crate::broker::terms::share::{Places, Share};
use budget::Purse;
use kept::Kept;
pub(crate) use reader::{Reader, Spooled};
pub(crate) use replay::{PIECE, Replay};
use ring::Ring;

/// Most bytes handed over at once.
pub const MAX_CHUNK: usize = 64 * 1024;

/// Files in all, and of one principal: so many that what is read slowly goes on, and few beside the
/// descriptors of a process (1024 by custom).
const FILES: Share = Share {
    in_all: 128,
    of_one: 64,
};

/// Bounds of the spools. An empty spool takes one chunk whatever the bounds say, and one that is
/// uploaded keeps the last 10 KiB, so that every transfer goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of memory for one operation.
    pub memory: u64,
    /// Bytes beside it that an upload keeps of what it has sent, where nobody needs the memory.
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
    /// Directory of the files, which have no name there; `None`: the system's for temporary
    /// files.
    pub directory: Option<PathBuf>,
}

impl Default for Limits {
    /// 1 MiB an operation holds ten seconds of the link at 921600 baud: enough for every client
    /// that reads at all, so that nothing goes to disk, which is flash and wears out. 32 MiB in
    /// all fit the smallest computers. A module tells only at the end of a stream that it broke
    /// (SIMCom manual L1215 (c)): with 8 MiB a file of that size can go on, or start over,
    /// wherever it did. 64 MiB on disk are twelve minutes of the link.
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

/// What all spools together may take.
#[derive(Debug)]
pub(crate) struct Spools {
    limits: Limits,
    memory: Arc<Places>,
    disk: Arc<Places>,
    /// Files, of which each is a descriptor.
    files: Arc<Places>,
    /// Where memory can be taken back from.
    keepers: Mutex<Vec<Weak<Kept>>>,
    /// Something was given back, or can be taken back.
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
            limits,
            memory: Arc::new(memory),
            disk: Arc::new(disk),
            files: Arc::new(Places::new(FILES)),
            keepers: Mutex::default(),
            freed: Notify::new(),
        }
    }

    /// A spool for a writer that must not wait for its reader: it may go to disk, and is given
    /// up when it is full and the reader takes nothing for `stall`.
    pub(crate) fn from_link(
        self: &Arc<Self>,
        owner: &Principal,
        stall: Duration,
    ) -> (Writer, Reader) {
        self.open(owner, self.limits.disk, Some(stall))
    }

    /// A spool for a writer that can wait: it stays in memory. What was read is kept where there
    /// is room, for [`Reader::source`].
    pub(crate) fn to_link(self: &Arc<Self>, owner: &Principal) -> (Writer, Reader) {
        let (writer, reader) = self.open(owner, 0, None);
        self.keepers().push(Arc::downgrade(&writer.spool.kept));
        (writer, reader)
    }

    /// Takes memory, from what is kept if need be: of anybody where there is too little for all, of the
    /// same principal where that one has its share.
    fn take(&self, purse: &Purse, amount: u64) -> bool {
        while !purse.take(amount) {
            let own = purse.is_beyond(amount);
            let reclaimed = self
                .keepers()
                .iter()
                .filter_map(Weak::upgrade)
                .filter(|kept| !own || kept.purse.principal == purse.principal)
                .any(|kept| kept.reclaim(amount));
            if !reclaimed {
                return false;
            }
        }
        true
    }

    /// Taken after the state of a spool, before what it keeps.
    fn keepers(&self) -> MutexGuard<'_, Vec<Weak<Kept>>> {
        self.keepers.lock().unwrap_or_else(PoisonError::into_inner)
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
        let spool = Arc::new(Spool {
            spools: Arc::clone(self),
            purse: purse(&self.disk),
            disk,
            state: Mutex::default(),
            kept: Arc::new(Kept::new(purse(&self.memory))),
            arrived: Notify::new(),
            taken: Notify::new(),
        });
        (
            Writer {
                spool: Arc::clone(&spool),
                stall,
            },
            Reader { spool },
        )
    }
}

/// What the two ends share.
#[derive(Debug)]
struct Spool {
    spools: Arc<Spools>,
    /// What its disk is taken from.
    purse: Purse,
    /// Bytes allowed on disk.
    disk: u64,
    state: Mutex<State>,
    /// What was read, where it may be asked for again.
    kept: Arc<Kept>,
    /// There is something to look at for those who read.
    arrived: Notify,
    /// The writer has something to look at.
    taken: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Read before the ring.
    memory: VecDeque<BytesMut>,
    /// Bytes in `memory`.
    in_memory: u64,
    /// Bytes of memory taken from the purse; an empty spool's one chunk may be beyond it.
    accounted: u64,
    /// Read after the memory.
    ring: Option<Ring>,
    /// The place of its file among all.
    file: Option<Place>,
    end: Option<End>,
    reader_gone: bool,
    /// The writer waits for room.
    full: bool,
}

/// How the writer left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// It said that there is no more.
    Whole,
    /// It did not.
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
        // No code panics while it holds the lock; were it so, the state is still a state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends to the memory, if there is room.
    fn remember(&self, state: &mut State, part: &[u8]) -> bool {
        let len = part.len() as u64;
        self.kept.shrink(self.spools.limits.keep);
        let within = state.in_memory + len <= self.spools.limits.memory;
        if within && self.spools.take(&self.kept.purse, len) {
            state.accounted += len;
        } else if state.in_memory > 0 {
            return false;
        }
        state.in_memory += len;
        // Small parts share an allocation: a caller that sends single bytes costs no more.
        match state.memory.back_mut() {
            Some(last) if last.len() + part.len() <= MAX_CHUNK => last.extend_from_slice(part),
            _ => state.memory.push_back(BytesMut::from(part)),
        }
        true
    }

    /// Takes the first bytes out of the memory.
    fn recall(&self, state: &mut State) -> Option<Bytes> {
        let chunk = state.memory.pop_front()?.freeze();
        state.in_memory -= chunk.len() as u64;
        self.release(state);
        Some(chunk)
    }

    /// Gives back what the memory does not hold any more.
    fn release(&self, state: &mut State) {
        let surplus = state.accounted.saturating_sub(state.in_memory);
        state.accounted -= surplus;
        self.kept.purse.give(surplus);
        self.spools.freed.notify_waiters();
    }

    /// Throws away all that is held.
    fn clear(&self) {
        let mut state = self.state();
        state.memory.clear();
        state.in_memory = 0;
        if let Some(ring) = state.ring.take() {
            self.purse.give(ring.len());
            state.file = None;
        }
        self.kept.clear();
        self.release(&mut state);
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        self.clear();
        // Even a weak one keeps its memory.
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

/// Where bytes go in. Dropped without [`Writer::end`], the spool is broken.
#[derive(Debug)]
pub(crate) struct Writer {
    spool: Arc<Spool>,
    stall: Option<Duration>,
}

impl Writer {
    /// Puts bytes in; waits while there is no room. Dropping the future leaves a part of them.
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
            // Listens before it looks, so that nothing freed in between is missed.
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

    /// Puts one part in, if there is room.
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
            let ring = Ring::create(self.spool.spools.limits.directory.clone(), self.spool.disk)
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
        if let Some(ring) = self.spool.state().ring.as_mut() {
            ring.commit_write(len);
        }
        self.spool.arrived.notify_waiters();
        Ok(true)
    }

    /// Looks at how much its reader has taken, beside the writer.
    pub(crate) fn gauge(&self) -> Gauge {
        Gauge(Arc::clone(&self.spool))
    }

    /// Says that there is no more.
    pub(crate) fn end(&mut self) {
        self.close(End::Whole);
    }

    /// Waits until all bytes are read, or the reader is gone. `false`: the reader took nothing
    /// for `stall`, and what it left is thrown away.
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

    /// Throws away what is not read yet; the reader finds the spool broken.
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

/// How much is in a spool, for those who wait for its reader while nothing is written.
#[derive(Debug)]
pub(crate) struct Gauge(Arc<Spool>);

impl Gauge {
    /// Waits until the reader has taken half of what is there now, or is gone. `false`: it took nothing
    /// for `stall`.
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
