//! What one operation may take of the data budget.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::air::{Air, Traffic};
use super::ledger::{Account, Limit, Standing};
use super::moved::Moved;
use super::{Exceeded, Usage};
use crate::broker::caller::Principal;
use crate::broker::error::Cause;
use crate::broker::estimate::Way;
use crate::broker::location::Profile;
use crate::modem::Health;
use simcom_talk::dialogue::operation::Task;
use simcom_talk::ftps::value::Server;

/// What one operation may take, and on whose account it is booked.
#[derive(Debug)]
pub(in crate::broker) struct Allowance {
    usage: Arc<Usage>,
    account: Account,
    profile: Limit,
    air: Air,
    /// Bytes that its caller has announced or brought for an upload.
    brought: AtomicU64,
    /// What was booked for it so far.
    booked: AtomicU64,
}

impl Usage {
    /// What the operations of a principal on a server may take.
    pub(in crate::broker) fn allowance(
        self: &Arc<Self>,
        principal: Option<Principal>,
        server: &Server,
        profile: &Profile,
        health: &Health,
    ) -> Allowance {
        let blocks = self.limits.blocks && health.capabilities.profile.blocks;
        Allowance {
            usage: Arc::clone(self),
            account: Account {
                profile: profile.name.clone(),
                principal,
            },
            profile: profile.data,
            air: Air::to(server, blocks.then_some(BLOCK)),
            brought: AtomicU64::new(0),
            booked: AtomicU64::new(0),
        }
    }
}

impl Allowance {
    /// Whether anything can be done at all.
    pub(in crate::broker) fn open(&self) -> Result<(), Cause> {
        self.afford(self.air.commands(1))
    }

    /// Whether an upload of so many bytes can be done, and read back where that is wanted.
    pub(in crate::broker) fn upload(&self, bytes: u64, read_back: bool) -> Result<(), Cause> {
        self.brought.fetch_max(bytes, Ordering::Relaxed);
        let up = Traffic::Up {
            from: 0,
            whole: false,
            reads_back: false,
        };
        let down = Traffic::Down {
            from: 0,
            commands: 1,
        };
        let back = if read_back {
            down.cost(self.air, bytes)
        } else {
            0
        };
        self.afford_in_all(up.cost(self.air, bytes).saturating_add(back))
    }

    /// Whether a download may have moved so many bytes, where nobody knows its size.
    pub(in crate::broker) fn download(&self, bytes: u64) -> Result<(), Cause> {
        self.afford_in_all(self.air.whole(bytes))
    }

    /// Lets a job begin whose least cost can be afforded, and tells its task the size that it may
    /// have.
    pub(in crate::broker) fn permit(&self, task: &mut Task, way: Way) -> Result<(), Cause> {
        let traffic = Traffic::of(task);
        if traffic == Traffic::None {
            return Ok(());
        }
        let bytes = match task {
            Task::Upload(_) => self.brought.load(Ordering::Relaxed),
            _ => 0,
        };
        let least = self
            .login(way)
            .saturating_add(traffic.cost(self.air, bytes))
            .saturating_add(match traffic.read_back(self.air, bytes) {
                0 => 0,
                back => self.air.whole(back),
            });
        self.afford(least)?;
        let Some(tightest) = self.tightest() else {
            return Ok(());
        };
        let beside = least.saturating_sub(self.air.data_connection());
        let longest = self.air.longest(tightest.left().saturating_sub(beside));
        match task {
            Task::Download(what) => what.limit = Some(longest),
            Task::Fetch(what) | Task::Send(what) => what.limit = Some(longest),
            _ => {}
        }
        Ok(())
    }

    /// Books what a job has moved.
    pub(in crate::broker) fn book(&self, job: &Moved) {
        let Some(volume) = job.volume(self.air) else {
            return;
        };
        self.usage
            .ledger(self.usage.now())
            .book(&self.account, volume);
        self.booked.fetch_add(volume.air, Ordering::Relaxed);
        self.usage.changed.store(true, Ordering::Relaxed);
        crate::broker::metrics::moved(volume, job.resumes);
    }

    /// The error of a job that was refused because of its size.
    pub(in crate::broker) fn exceeded(&self, size: u64) -> Cause {
        let needed = self.air.whole(size);
        match self.tightest() {
            Some(standing) => self.refusal(standing, needed),
            None => Cause::WrongAnswer,
        }
    }

    /// Whether so many bytes can be had beside what was booked.
    fn afford(&self, needed: u64) -> Result<(), Cause> {
        match self.tightest() {
            Some(standing) if needed > standing.left() => Err(self.refusal(standing, needed)),
            _ => Ok(()),
        }
    }

    /// Whether so many bytes can be had, among them those that were booked for this operation: its
    /// job may have ended before its caller has all.
    fn afford_in_all(&self, needed: u64) -> Result<(), Cause> {
        self.afford(needed.saturating_sub(self.booked.load(Ordering::Relaxed)))
    }

    fn refusal(&self, standing: Standing, needed: u64) -> Cause {
        let now = self.usage.now();
        let lasts = self.usage.ledger(now).lasts(standing.period, now);
        Cause::DataBudget(Exceeded {
            standing,
            needed,
            retry_after: (needed <= standing.limit).then_some(lasts),
        })
    }

    /// The limit of which the least is left; of equal ones, the one that lasts longer.
    fn tightest(&self) -> Option<Standing> {
        let limits = self.usage.limits(&self.account, self.profile);
        let ledger = self.usage.ledger(self.usage.now());
        let standings = ledger.standings(&self.account, limits);
        standings.min_by_key(|standing| (standing.left(), std::cmp::Reverse(standing.period)))
    }

    const fn login(&self, way: Way) -> u64 {
        match way {
            Way::There => 0,
            Way::Switch | Way::Login => self.air.login(),
        }
    }
}

/// Content of one block (`<data_len>`, SIMCom manual L1215).
pub(super) const BLOCK: u64 = 2048;
