//! Who has moved how much on this day and in this month: a value without a clock.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use time::{Date, Month, OffsetDateTime, Time};

use crate::broker::caller::Principal;

/// Accounts kept. A principal is a user of this machine, or a name that the authority of a site has
/// signed, and a profile an entry of the configuration: there are a few. What is beyond is booked
/// under no principal's name.
const MAX_ACCOUNTS: usize = 4096;

/// Counts of one day and of the month that it is in, both in UTC.
///
/// A clock that is set back begins no day anew: until it has caught up, the later day goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ledger {
    pub(super) day: Date,
    pub(super) accounts: BTreeMap<Account, Counts>,
}

/// On whose account something is booked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Account {
    /// The server profile; `None` for a server named inline.
    pub profile: Option<Arc<str>>,
    /// Who it was for; `None`: the daemon itself, which keeps connections alive.
    pub principal: Option<Principal>,
}

/// What an account has moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// On this day.
    pub day: Volume,
    /// In this month.
    pub month: Volume,
}

/// Bytes that have moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Volume {
    /// Content to servers.
    pub up: u64,
    /// Content from servers.
    pub down: u64,
    /// An estimate of all that went over the air for it, both ways.
    pub air: u64,
}

/// What may go over the air in bytes; 0: as much as there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limit {
    /// In a day.
    pub per_day: u64,
    /// In a month.
    pub per_month: u64,
}

/// Whom a limit is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// All operations.
    Module,
    /// Those on one server profile.
    Profile,
    /// Those of one client.
    Client,
}

/// The time that a limit is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Period {
    /// From midnight to midnight, in UTC.
    Day,
    /// From the first of the month, in UTC.
    Month,
}

/// How a limit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Whom it is for.
    pub scope: Scope,
    /// What time it is for.
    pub period: Period,
    /// What may go over the air.
    pub limit: u64,
    /// What has gone.
    pub used: u64,
}

impl Ledger {
    /// An empty one.
    pub(super) fn new(now: OffsetDateTime) -> Self {
        Self {
            day: now.date(),
            accounts: BTreeMap::new(),
        }
    }

    /// Closes what is over.
    pub(super) fn roll(&mut self, now: OffsetDateTime) {
        let today = now.date();
        if today <= self.day {
            return;
        }
        if (today.year(), today.month()) == (self.day.year(), self.day.month()) {
            for counts in self.accounts.values_mut() {
                counts.day = Volume::default();
            }
        } else {
            self.accounts.clear();
        }
        self.day = today;
    }

    /// Books what has moved.
    pub(super) fn book(&mut self, account: &Account, volume: Volume) {
        let room = self.accounts.len() < MAX_ACCOUNTS || self.accounts.contains_key(account);
        let account = if room {
            account.clone()
        } else {
            Account::default()
        };
        let counts = self.accounts.entry(account).or_default();
        counts.day += volume;
        counts.month += volume;
    }

    /// All together.
    pub(super) fn total(&self) -> Counts {
        self.sum(|_| true)
    }

    /// How the limits of an account stand, where there are any.
    pub(super) fn standings(
        &self,
        account: &Account,
        limits: [(Scope, Limit); 3],
    ) -> impl Iterator<Item = Standing> {
        limits.into_iter().flat_map(|(scope, limit)| {
            let counts = if limit == Limit::default() {
                Counts::default()
            } else {
                self.sum(|other| match scope {
                    Scope::Module => true,
                    Scope::Profile => other.profile == account.profile,
                    Scope::Client => other.principal == account.principal,
                })
            };
            let of = |period, limit, used| Standing {
                scope,
                period,
                limit,
                used,
            };
            [
                of(Period::Day, limit.per_day, counts.day.air),
                of(Period::Month, limit.per_month, counts.month.air),
            ]
            .into_iter()
            .filter(|standing| standing.limit > 0)
        })
    }

    /// When a period is over that is under way now.
    pub(super) fn ends(&self, period: Period) -> OffsetDateTime {
        let next = match period {
            Period::Day => self.day.next_day(),
            Period::Month => first_of_next(self.day),
        };
        // The last day that a date can name is the end of everything.
        next.unwrap_or(Date::MAX)
            .with_time(Time::MIDNIGHT)
            .assume_utc()
    }

    /// How long a period that is under way still lasts.
    pub(super) fn lasts(&self, period: Period, now: OffsetDateTime) -> Duration {
        (self.ends(period) - now).try_into().unwrap_or_default()
    }

    fn sum(&self, is: impl Fn(&Account) -> bool) -> Counts {
        let mut sum = Counts::default();
        for (account, counts) in &self.accounts {
            if is(account) {
                sum.day += counts.day;
                sum.month += counts.month;
            }
        }
        sum
    }
}

fn first_of_next(day: Date) -> Option<Date> {
    let month = day.month().next();
    let year = day.year() + i32::from(month == Month::January);
    Date::from_calendar_date(year, month, 1).ok()
}

impl Standing {
    /// What is left.
    #[must_use]
    pub const fn left(&self) -> u64 {
        self.limit.saturating_sub(self.used)
    }
}

impl std::ops::AddAssign for Volume {
    fn add_assign(&mut self, more: Self) {
        self.up = self.up.saturating_add(more.up);
        self.down = self.down.saturating_add(more.down);
        self.air = self.air.saturating_add(more.air);
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.scope {
            Scope::Module => "the module's data",
            Scope::Profile => "the profile's data",
            Scope::Client => "the client's data",
        })?;
        f.write_str(match self.period {
            Period::Day => " of this day (UTC)",
            Period::Month => " of this month (UTC)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    fn account(profile: &str, principal: &str) -> Account {
        Account {
            profile: Some(profile.into()),
            principal: Some(Principal::new(principal)),
        }
    }

    const fn air(air: u64) -> Volume {
        Volume {
            up: 1,
            down: 2,
            air,
        }
    }

    #[test]
    fn a_day_ends_at_midnight_and_a_month_with_its_last_day() {
        let mut ledger = Ledger::new(datetime!(2026-01-30 12:00 UTC));
        let me = account("a", "me");
        ledger.book(&me, air(10));
        ledger.roll(datetime!(2026-01-30 23:59:59 UTC));
        assert_eq!(ledger.total().day.air, 10);
        ledger.roll(datetime!(2026-01-31 00:00 UTC));
        ledger.book(&me, air(5));
        let total = ledger.total();
        assert_eq!((total.day.air, total.month.air), (5, 15));
        assert_eq!(ledger.ends(Period::Month), datetime!(2026-02-01 00:00 UTC));
        ledger.roll(datetime!(2026-02-01 00:00 UTC));
        assert_eq!(ledger.total(), Counts::default());
        assert!(ledger.accounts.is_empty());
    }

    #[test]
    fn a_year_ends_too() {
        let now = datetime!(2026-12-31 23:00 UTC);
        let ledger = Ledger::new(now);
        assert_eq!(ledger.ends(Period::Month), datetime!(2027-01-01 00:00 UTC));
        assert_eq!(ledger.lasts(Period::Day, now), Duration::from_secs(3600));
    }

    #[test]
    fn a_clock_that_is_set_back_begins_no_day_anew() {
        let mut ledger = Ledger::new(datetime!(2026-03-02 12:00 UTC));
        ledger.book(&account("a", "me"), air(10));
        for earlier in [
            datetime!(2026-03-01 12:00 UTC),
            datetime!(1970-01-01 0:00 UTC),
        ] {
            ledger.roll(earlier);
            ledger.book(&account("a", "me"), air(1));
        }
        assert_eq!(ledger.total().day.air, 12);
        assert_eq!(ledger.day, datetime!(2026-03-02 0:00 UTC).date());
    }

    #[test]
    fn each_limit_counts_its_own() {
        let mut ledger = Ledger::new(datetime!(2026-03-02 12:00 UTC));
        ledger.book(&account("a", "me"), air(1));
        ledger.book(&account("a", "you"), air(10));
        ledger.book(&account("b", "me"), air(100));
        ledger.book(&Account::default(), air(1000));
        let limit = Limit {
            per_day: 50,
            per_month: 0,
        };
        let limits = [Scope::Module, Scope::Profile, Scope::Client].map(|scope| (scope, limit));
        let used = |profile, principal| {
            let account = account(profile, principal);
            let standings = ledger.standings(&account, limits);
            standings.map(|standing| standing.used).collect::<Vec<_>>()
        };
        assert_eq!(used("a", "me"), [1111, 11, 101]);
        assert_eq!(used("b", "you"), [1111, 100, 10]);
        let none = [(Scope::Module, Limit::default()); 3];
        assert_eq!(ledger.standings(&account("a", "me"), none).count(), 0);
    }

    #[test]
    fn accounts_are_bounded_and_nothing_is_lost() {
        let mut ledger = Ledger::new(datetime!(2026-03-02 12:00 UTC));
        for number in 0..2 * MAX_ACCOUNTS {
            ledger.book(&account("a", &number.to_string()), air(1));
        }
        assert_eq!(ledger.accounts.len(), MAX_ACCOUNTS + 1);
        assert_eq!(ledger.total().month.air, 2 * MAX_ACCOUNTS as u64);
    }
}
