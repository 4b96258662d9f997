//! How much data the module moves, for whom, and what of it the configuration allows.
//!
//! A mobile subscription counts what goes over the air, and the module tells nobody how much that
//! was: it is estimated (`air`) from the content that each job moved and from what is said around
//! it. Jobs that failed count with what they had moved. Days and months are those of UTC.

mod air;
mod keeper;
mod ledger;
mod store;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use time::OffsetDateTime;

use super::Broker;
use super::caller::{Caller, Principal};
use super::error::Cause;
use super::estimate::Way;
use super::location::{Location, Profile};
use crate::ftps::value::Server;
use crate::modem::clock;
use crate::modem::failure::{self, Ending, Stage};
use crate::modem::operation::{Output, Progress, Task};
use crate::modem::{self, Health};
use air::Air;
pub(super) use air::Traffic;
pub use keeper::Keeper;
use ledger::Ledger;
pub use ledger::{Account, Counts, Limit, Period, Scope, Standing, Volume};

/// What may go over the air, beside what single profiles may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// For all together.
    pub module: Limit,
    /// For each client.
    pub client: Limit,
    /// Uploads go in blocks where the module can do that: each costs a data connection.
    pub blocks: bool,
}

/// What has moved, and the limits of it. One for each module.
#[derive(Debug)]
pub struct Usage {
    limits: Limits,
    ledger: Mutex<Ledger>,
    /// Something was booked that was not stored yet.
    changed: AtomicBool,
}

/// A limit that an operation would exceed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{standing}: {} of {} bytes are left, and this takes about {needed}", standing.left(), standing.limit)]
pub struct Exceeded {
    /// The limit.
    pub standing: Standing,
    /// What the operation takes on the air, in bytes.
    pub needed: u64,
    /// When the limit counts from 0 again; `None` where the operation is beyond all of it.
    pub retry_after: Option<Duration>,
}

/// What has moved, as a principal may see it.
#[derive(Debug, Clone)]
pub struct Report {
    /// All together.
    pub total: Counts,
    /// The principal's own accounts.
    pub own: Vec<(Account, Counts)>,
    /// The limits that its operations have, with the profile that they are for, where it is one.
    pub limits: Vec<(Option<Arc<str>>, Standing)>,
    /// When the day under way is over.
    pub day_ends: SystemTime,
    /// When the month under way is over.
    pub month_ends: SystemTime,
}

/// Content of one block (`<data_len>`, SIMCom manual L1215).
const BLOCK: u64 = 2048;

impl Usage {
    pub(super) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            ledger: Mutex::new(Ledger::new(now())),
            changed: AtomicBool::new(false),
        })
    }

    /// All together, of the day and of the month that are under way.
    #[must_use]
    pub fn total(&self) -> Counts {
        self.ledger(now()).total()
    }

    /// How the limits of all together stand.
    pub(super) fn standings(&self) -> Vec<Standing> {
        let limits = [(Scope::Module, self.limits.module); 1];
        let none = (Scope::Client, Limit::default());
        let ledger = self.ledger(now());
        ledger
            .standings(&Account::default(), [limits[0], none, none])
            .collect()
    }

    /// What the operations of a principal on a server may take.
    pub(super) fn allowance(
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

    fn limits(&self, account: &Account, profile: Limit) -> [(Scope, Limit); 3] {
        // The daemon itself is no client.
        let client = account.principal.as_ref().map(|_| self.limits.client);
        [
            (Scope::Module, self.limits.module),
            (Scope::Profile, profile),
            (Scope::Client, client.unwrap_or_default()),
        ]
    }

    fn ledger(&self, now: OffsetDateTime) -> MutexGuard<'_, Ledger> {
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        ledger.roll(now);
        ledger
    }
}

/// What one operation may take, and on whose account it is booked.
#[derive(Debug)]
pub(super) struct Allowance {
    usage: Arc<Usage>,
    account: Account,
    profile: Limit,
    air: Air,
    /// Bytes that its caller has announced or brought for an upload.
    brought: AtomicU64,
    /// What was booked for it so far.
    booked: AtomicU64,
}

impl Allowance {
    /// Whether anything can be done at all.
    pub(super) fn open(&self) -> Result<(), Cause> {
        self.afford(self.air.commands(1))
    }

    /// Whether an upload of so many bytes can be done, and read back where that is wanted.
    pub(super) fn upload(&self, bytes: u64, read_back: bool) -> Result<(), Cause> {
        self.brought.fetch_max(bytes, Ordering::Relaxed);
        let up = Traffic::Up {
            from: 0,
            whole: false,
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
    pub(super) fn download(&self, bytes: u64) -> Result<(), Cause> {
        self.afford_in_all(self.air.whole(bytes))
    }

    /// Lets a job begin whose least cost can be afforded, and tells its task the size that it may
    /// have.
    pub(super) fn permit(&self, task: &mut Task, way: Way) -> Result<(), Cause> {
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
            .saturating_add(traffic.cost(self.air, bytes));
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
    pub(super) fn book(&self, job: &Moved) {
        let Some(volume) = job.volume(self.air) else {
            return;
        };
        self.usage.ledger(now()).book(&self.account, volume);
        self.booked.fetch_add(volume.air, Ordering::Relaxed);
        self.usage.changed.store(true, Ordering::Relaxed);
        super::metrics::moved(volume, job.resumes);
    }

    /// The error of a job that was refused because of its size.
    pub(super) fn exceeded(&self, size: u64) -> Cause {
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
        let now = now();
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
        let ledger = self.usage.ledger(now());
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

/// What a job has done on the air.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moved {
    traffic: Traffic,
    way: Way,
    /// How far it came.
    reached: Reached,
    bytes: u64,
    resumes: u32,
}

/// How far a job came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reached {
    Nothing,
    /// The server's door.
    Login,
    /// It was logged in; no content was asked for.
    Commands,
    Transfer,
}

impl Moved {
    /// What a job of this task has done, by its answer, or by how far it was seen to come.
    pub(super) fn by(
        traffic: Traffic,
        way: Way,
        answer: &Result<Output, modem::Error>,
        progress: Progress,
    ) -> Self {
        let from = match traffic {
            Traffic::Down { from, .. } | Traffic::Up { from, .. } => from,
            Traffic::None | Traffic::Commands(_) => 0,
        };
        let (reached, bytes, resumes) = match answer {
            Ok(Output::Delivered(done)) => (
                Reached::Transfer,
                done.bytes.saturating_sub(from),
                done.resumes,
            ),
            Ok(Output::Stored(done)) => (
                Reached::Transfer,
                done.sent.saturating_sub(from),
                done.resumes,
            ),
            // The resumes are told again by the job that ends it.
            Ok(Output::UploadYielded(begun)) => {
                (Reached::Transfer, begun.at.saturating_sub(from), 0)
            }
            Ok(Output::DownloadYielded(begun)) => {
                (Reached::Transfer, begun.got.saturating_sub(from), 0)
            }
            Ok(Output::Moved(done)) => (
                Reached::Transfer,
                done.size.saturating_sub(from),
                done.resumes,
            ),
            Ok(_) => (Reached::Transfer, 0, 0),
            Err(modem::Error::Failed(failure)) => {
                let counted = progress.bytes.max(failure.committed.unwrap_or_default());
                let bytes = counted.saturating_sub(from);
                (
                    Reached::before(failure, bytes),
                    bytes,
                    failure.attempt.saturating_sub(1),
                )
            }
            // What became of it nobody can tell.
            Err(modem::Error::Io(_) | modem::Error::Stopping) if progress.bytes > from => {
                (Reached::Transfer, progress.bytes - from, 0)
            }
            Err(_) => (Reached::Nothing, 0, 0),
        };
        Self {
            traffic,
            way,
            reached,
            bytes,
            resumes,
        }
    }

    fn volume(&self, air: Air) -> Option<Volume> {
        let login = match self.way {
            Way::There => 0,
            Way::Switch | Way::Login => air.login(),
        };
        let task = match (self.reached, self.traffic) {
            (Reached::Nothing, _) | (_, Traffic::None) => return None,
            (Reached::Login, _) => 0,
            (Reached::Commands, _) => air.commands(1),
            (Reached::Transfer, traffic) => traffic.cost(air, self.bytes),
        };
        // A new connection for all, and the size asked for before and after.
        let again = air.login() + air.commands(2) + air.data_connection();
        let resumes = again.saturating_mul(u64::from(self.resumes));
        let (up, down) = match self.traffic {
            Traffic::Up { .. } => (self.bytes, 0),
            Traffic::Down { .. } => (0, self.bytes),
            Traffic::None | Traffic::Commands(_) => (0, 0),
        };
        Some(Volume {
            up,
            down,
            air: login.saturating_add(task).saturating_add(resumes),
        })
    }
}

impl Reached {
    /// How far a job came that failed, having moved so many bytes.
    fn before(failure: &failure::Failure, bytes: u64) -> Self {
        match (&failure.cause, failure.stage) {
            _ if bytes > 0 => Self::Transfer,
            (failure::Cause::Cancelled(Ending::BeforeItBegan), _)
            | (_, Stage::Device | Stage::Sim | Stage::Network) => Self::Nothing,
            (_, Stage::Dns | Stage::Tcp | Stage::Tls | Stage::Login) => Self::Login,
            (failure::Cause::OverLimit { .. }, _) | (_, Stage::Directory) => Self::Commands,
            (_, Stage::Data | Stage::Commit) => Self::Transfer,
        }
    }
}

impl Broker {
    /// What has moved, for all and for the caller, and how the caller's limits stand.
    #[must_use]
    pub fn usage(&self, caller: &Caller) -> Report {
        let usage = &self.shared.usage;
        let ledger = usage.ledger(now());
        let own = ledger.accounts.iter();
        let own = own.filter(|(account, _)| account.principal.as_ref() == Some(&caller.principal));
        let of = |profile: Option<Arc<str>>, limit: Limit| {
            let account = Account {
                profile,
                principal: Some(caller.principal.clone()),
            };
            let limits = usage.limits(&account, limit);
            let standings: Vec<_> = ledger.standings(&account, limits).collect();
            (account.profile, standings)
        };
        let (_, shared) = of(None, Limit::default());
        let shared = shared.into_iter().map(|standing| (None, standing));
        let profiles = self.shared.servers.data_limits().flat_map(|(name, limit)| {
            let (name, standings) = of(Some(name), limit);
            let standings = standings.into_iter();
            let standings = standings.filter(|standing| standing.scope == Scope::Profile);
            standings
                .map(|standing| (name.clone(), standing))
                .collect::<Vec<_>>()
        });
        Report {
            total: ledger.total(),
            own: own
                .map(|(account, counts)| (account.clone(), *counts))
                .collect(),
            limits: shared.chain(profiles).collect(),
            day_ends: ledger.ends(Period::Day).into(),
            month_ends: ledger.ends(Period::Month).into(),
        }
    }

    /// What stores the counts at `path` from time to time. It holds no handle of the module.
    #[must_use]
    pub fn usage_keeper(&self, path: impl Into<std::path::PathBuf>) -> Keeper {
        Keeper::new(Arc::clone(&self.shared.usage), path.into())
    }

    /// What a caller's operations at a location may take.
    pub(super) fn allowance(
        &self,
        principal: Option<&Principal>,
        location: &Location,
    ) -> Allowance {
        let health = self.shared.link.modem.health();
        let health = health.borrow();
        let (server, profile) = (&location.server, &location.profile);
        self.shared
            .usage
            .allowance(principal.cloned(), server, profile, &health)
    }
}

/// The time of day, which is UTC here.
fn now() -> OffsetDateTime {
    clock::wall(clock::now()).into()
}
