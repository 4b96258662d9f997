//! How much data the module moves, for which principal, and what the configuration allows.
//!
//! A mobile subscription counts the bytes on the air, and the module reports them to nobody. So
//! `air` estimates them from the content that each job moved and from the commands around it. A
//! failed job counts with what it moved. Days and months are those of UTC, as far as the clock can
//! be believed (`ledger`).

mod air;
mod allowance;
mod keeper;
mod ledger;
mod moved;
mod store;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;

use crate::broker::terms::Principal;
pub use crate::broker::terms::{Limit, LimitUse, Period, Scope};
use crate::modem::clock;
pub(crate) use air::Traffic;
pub(crate) use allowance::Allowance;
pub use keeper::Keeper;
pub use ledger::{Account, Counts, Volume};
use ledger::{Ledger, Now};
pub(crate) use moved::Moved;

/// Limits of the data on the air, apart from those of single profiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// For all principals together.
    pub module: Limit,
    /// For each client.
    pub client: Limit,
    /// Uploads go in blocks where the module can do that; each block costs a data connection.
    pub blocks: bool,
}

/// The data that one module has moved, and its limits.
#[derive(Debug)]
pub struct Usage {
    limits: ArcSwap<Limits>,
    ledger: Mutex<Ledger>,
    /// When counting began.
    start: Instant,
    /// Some bookings are not stored yet.
    changed: AtomicBool,
}

/// The data moved, as one principal may see it.
#[derive(Debug, Clone)]
pub struct Report {
    /// All principals together.
    pub total: Counts,
    /// The principal's own accounts.
    pub own: Vec<(Account, Counts)>,
    /// The limits of the principal's operations; each with its profile, if it has one.
    pub limits: Vec<(Option<Arc<str>>, LimitUse)>,
    /// When the current day ends.
    pub day_ends: SystemTime,
    /// When the current month ends.
    pub month_ends: SystemTime,
}

impl Usage {
    pub(crate) fn new(limits: Limits) -> Arc<Self> {
        let start = clock::now();
        Arc::new(Self {
            limits: ArcSwap::from_pointee(limits),
            ledger: Mutex::new(Ledger::new(Now {
                wall: clock::wall(start).into(),
                lived: Duration::ZERO,
            })),
            start,
            changed: AtomicBool::new(false),
        })
    }

    /// The counts of all principals for the current day and month.
    #[must_use]
    pub fn total(&self) -> Counts {
        self.ledger(self.now()).total()
    }

    /// The counts of all and of one principal, and the state of the limits on its operations:
    /// `profiles` gives those of each profile by its name.
    pub(crate) fn report(
        &self,
        principal: &Principal,
        profiles: impl Iterator<Item = (Arc<str>, Limit)>,
    ) -> Report {
        let now = self.now();
        let ledger = self.ledger(now);
        let own = ledger.accounts.iter();
        let own = own.filter(|(account, _)| account.principal.as_ref() == Some(principal));
        let of = |profile: Option<Arc<str>>, limit: Limit| {
            let account = Account {
                profile,
                principal: Some(principal.clone()),
            };
            let limits = self.limits(&account, limit);
            let limit_uses: Vec<_> = ledger.limit_uses(&account, limits).collect();
            (account.profile, limit_uses)
        };
        let (_, shared) = of(None, Limit::default());
        let shared = shared.into_iter().map(|limit_use| (None, limit_use));
        let profiles = profiles.flat_map(|(name, limit)| {
            let (name, limit_uses) = of(Some(name), limit);
            let limit_uses = limit_uses.into_iter();
            let limit_uses = limit_uses.filter(|limit_use| limit_use.scope == Scope::Profile);
            limit_uses
                .map(|limit_use| (name.clone(), limit_use))
                .collect::<Vec<_>>()
        });
        Report {
            total: ledger.total(),
            own: own
                .map(|(account, counts)| (account.clone(), *counts))
                .collect(),
            limits: shared.chain(profiles).collect(),
            day_ends: ledger.ends(Period::Day, now).into(),
            month_ends: ledger.ends(Period::Month, now).into(),
        }
    }

    /// The state of the limits that all principals share.
    pub(crate) fn limit_uses(&self) -> Vec<LimitUse> {
        let limits = [(Scope::Module, self.limits.load().module); 1];
        let none = (Scope::Client, Limit::default());
        let ledger = self.ledger(self.now());
        ledger
            .limit_uses(&Account::default(), [limits[0], none, none])
            .collect()
    }

    /// Takes over other limits, which hold at once.
    pub(crate) fn reload(&self, limits: Limits) {
        self.limits.store(Arc::new(limits));
    }

    /// The present.
    fn now(&self) -> Now {
        let now = clock::now();
        Now {
            wall: clock::wall(now).into(),
            lived: now.saturating_duration_since(self.start),
        }
    }

    fn limits(&self, account: &Account, profile: Limit) -> [(Scope, Limit); 3] {
        // The daemon itself is no client.
        let limits = self.limits.load();
        let client = account.principal.as_ref().map(|_| limits.client);
        [
            (Scope::Module, limits.module),
            (Scope::Profile, profile),
            (Scope::Client, client.unwrap_or_default()),
        ]
    }

    fn ledger(&self, now: Now) -> MutexGuard<'_, Ledger> {
        let mut ledger = self.ledger.lock();
        ledger.roll(now);
        ledger
    }
}
