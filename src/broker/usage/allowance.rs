//! The data budget of one operation.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Usage;
use super::air::{Air, BLOCK, Traffic};
use super::ledger::Account;
use super::moved::Moved;
use crate::broker::terms::{Cause, Exceeded, Limit, LimitUse, Principal, Way};
use crate::broker::usage::ledger::Volume;
use crate::modem::Health;
use simcom_talk::dialogue::operation::Task;
use simcom_talk::ftps::value::Server;

/// The data budget of one operation, and the account that it is booked on.
#[derive(Debug)]
pub(crate) struct Allowance {
    usage: Arc<Usage>,
    account: Account,
    profile: Limit,
    air: Air,
    /// Bytes of an upload that its caller has announced or sent.
    brought: AtomicU64,
    /// Bytes booked for the operation so far.
    booked: AtomicU64,
}

impl Usage {
    /// The budget of a principal's operation on a server.
    pub(crate) fn allowance(
        self: &Arc<Self>,
        principal: Option<Principal>,
        server: &Server,
        (profile, limit): (Option<Arc<str>>, Limit),
        health: &Health,
    ) -> Allowance {
        let blocks = self.limits.load().blocks && health.capabilities.profile.blocks;
        Allowance {
            usage: Arc::clone(self),
            account: Account { profile, principal },
            profile: limit,
            air: Air::to(server, blocks.then_some(BLOCK)),
            brought: AtomicU64::new(0),
            booked: AtomicU64::new(0),
        }
    }
}

impl Allowance {
    /// Whether anything can be done at all.
    pub(crate) fn open(&self) -> Result<(), Cause> {
        self.afford(self.air.commands(1))
    }

    /// Whether an upload of so many bytes can be done, and read back where that is wanted.
    pub(crate) fn upload(&self, bytes: u64, read_back: bool) -> Result<(), Cause> {
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

    /// Whether a download of unknown size may have moved `bytes` bytes. Answers up to where it may go on without asking
    /// again: `ahead` bytes further where the budget has that, and else not at all.
    pub(crate) fn download(&self, bytes: u64, ahead: u64) -> Result<u64, Cause> {
        self.afford_in_all(self.air.whole(bytes))?;
        let further = bytes.saturating_add(ahead);
        let has = self.afford_in_all(self.air.whole(further)).is_ok();
        Ok(if has { further } else { bytes })
    }

    /// Admits a job if its least cost is affordable, and gives its task the largest size that it
    /// may have.
    pub(crate) fn permit(&self, task: &mut Task, way: Way) -> Result<(), Cause> {
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

    /// Books what a job has moved, and returns it; `None`: nothing moved.
    pub(crate) fn book(&self, job: &Moved) -> Option<Volume> {
        let volume = job.volume(self.air)?;
        self.usage
            .ledger(self.usage.now())
            .book(&self.account, volume);
        self.booked.fetch_add(volume.air, Ordering::Relaxed);
        self.usage.changed.store(true, Ordering::Relaxed);
        Some(volume)
    }

    /// The error of a job that its size made unaffordable.
    pub(crate) fn exceeded(&self, size: u64) -> Cause {
        let needed = self.air.whole(size);
        match self.tightest() {
            Some(limit_use) => self.refusal(limit_use, needed),
            None => Cause::WrongAnswer,
        }
    }

    /// Whether `needed` bytes are left beside those already booked.
    fn afford(&self, needed: u64) -> Result<(), Cause> {
        match self.tightest() {
            Some(limit_use) if needed > limit_use.left() => Err(self.refusal(limit_use, needed)),
            _ => Ok(()),
        }
    }

    /// Whether `needed` bytes are left, counting those already booked for this operation: its job
    /// may end before its caller has everything.
    fn afford_in_all(&self, needed: u64) -> Result<(), Cause> {
        self.afford(needed.saturating_sub(self.booked.load(Ordering::Relaxed)))
    }

    fn refusal(&self, limit_use: LimitUse, needed: u64) -> Cause {
        let now = self.usage.now();
        let lasts = self.usage.ledger(now).lasts(limit_use.period, now);
        Cause::DataBudget(Exceeded {
            limit_use,
            needed,
            retry_after: (needed <= limit_use.limit).then_some(lasts),
        })
    }

    /// The limit with the least left; of equal ones, the one that lasts longer.
    fn tightest(&self) -> Option<LimitUse> {
        let limits = self.usage.limits(&self.account, self.profile);
        let ledger = self.usage.ledger(self.usage.now());
        let limit_uses = ledger.limit_uses(&self.account, limits);
        limit_uses.min_by_key(|limit_use| (limit_use.left(), std::cmp::Reverse(limit_use.period)))
    }

    const fn login(&self, way: Way) -> u64 {
        match way {
            Way::There => 0,
            Way::Switch | Way::Login => self.air.login(),
        }
    }
}
