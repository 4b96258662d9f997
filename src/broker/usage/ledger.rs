//! How much each principal has moved on this day and in this month: a value without a clock.
//!
//! Above 400 lines because the ledger is one state machine, and its tests run it through years of
//! wrong clocks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use time::{Date, Month, OffsetDateTime, Time};

use crate::broker::terms::{Limit, LimitUse, Period, Principal, Scope};

/// Most accounts. A principal is a user of this machine, or a name that a site's authority has
/// signed, and a profile is an entry of the configuration, so there are few. Bookings beyond go to
/// an account without a principal.
const MAX_ACCOUNTS: usize = 4096;

/// A wall clock that shows an earlier date was never set: this program is younger.
const SET: Date = match Date::from_calendar_date(2026, Month::January, 1) {
    Ok(date) => date,
    Err(_) => Date::MIN,
};

/// The longest running time of a day, whatever the clock shows: an hour more than a day has, so
/// that a small correction of the clock does not end the day before midnight.
const LONGEST_DAY: Duration = Duration::from_secs(25 * 3600);

/// The longest running time of a month: a day more than a month has.
const LONGEST_MONTH: Duration = Duration::from_secs(32 * 86400);

/// Counts of one day and of its month, both in UTC.
///
/// Clocks are wrong by years, and jump. A period ends when the clock shows a later one, as it does
/// after a night without power. It also ends when daemons have run for its full length; the clock
/// is then believed, whatever it shows. So a clock that is set back begins no new period. A clock
/// that was ahead blocks nothing for longer than a day or a month. A clock that jumps to and fro
/// ends a period early at most once for each full length of running time. A clock that was never
/// set ends no period; a period that begins under it gets its date when the clock is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ledger {
    pub(super) day: Span,
    pub(super) month: Span,
    pub(super) accounts: BTreeMap<Account, Counts>,
    /// Running time of this daemon at the last look at the ledger.
    seen: Duration,
    /// Running time of this daemon when the ledger was last stored.
    stored: Duration,
}

/// The current period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Span {
    /// Its first day; `None` where the clock was not set yet.
    pub(super) first: Option<Date>,
    /// Its running time: how long daemons have run in it.
    pub(super) lived: Duration,
}

/// The present.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    /// By the wall clock.
    pub(super) wall: OffsetDateTime,
    /// Running time of this daemon.
    pub(super) lived: Duration,
}

impl Now {
    /// The first day of the current period by the clock; `None` where the clock was not set.
    fn first(self, period: Period) -> Option<Date> {
        let today = Some(self.wall.date()).filter(|today| *today >= SET);
        today.map(|today| match period {
            Period::Day => today,
            Period::Month => first_of(today),
        })
    }
}

impl Span {
    /// Adds running time. Answers whether a new period begins.
    fn roll(&mut self, shown: Option<Date>, passed: Duration, longest: Duration) -> bool {
        self.lived = self.lived.saturating_add(passed);
        let is_later = self.first.is_some() && shown > self.first;
        if is_later || self.lived >= longest {
            *self = Self {
                first: shown,
                lived: Duration::ZERO,
            };
            return true;
        }
        self.first = self.first.or(shown);
        false
    }
}

/// The account that a booking goes to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Account {
    /// The server profile; `None` for a server named inline.
    pub profile: Option<Arc<str>>,
    /// The principal; `None`: the daemon itself, which keeps connections alive.
    pub principal: Option<Principal>,
}

/// What one account has moved.
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
    /// Estimated bytes on the air for it, in both directions.
    pub air: u64,
}

impl Ledger {
    /// Nothing has moved.
    pub(super) fn new(now: Now) -> Self {
        let begins = |period| Span {
            first: now.first(period),
            lived: Duration::ZERO,
        };
        Self {
            seen: now.lived,
            stored: now.lived,
            ..Self::of(begins(Period::Day), begins(Period::Month), BTreeMap::new())
        }
    }

    /// A ledger as it was stored.
    pub(super) const fn of(day: Span, month: Span, accounts: BTreeMap<Account, Counts>) -> Self {
        Self {
            day,
            month,
            accounts,
            seen: Duration::ZERO,
            stored: Duration::ZERO,
        }
    }

    /// Closes the periods that have ended.
    pub(super) fn roll(&mut self, now: Now) {
        let passed = now.lived.saturating_sub(self.seen);
        self.seen = now.lived;
        let day = now.first(Period::Day);
        let month = now.first(Period::Month);
        let day_is_over = self.day.roll(day, passed, LONGEST_DAY);
        let month_is_over = self.month.roll(month, passed, LONGEST_MONTH);
        if !day_is_over && !month_is_over {
            return;
        }
        for counts in self.accounts.values_mut() {
            if day_is_over {
                counts.day = Volume::default();
            }
            if month_is_over {
                counts.month = Volume::default();
            }
        }
        self.accounts
            .retain(|_, counts| *counts != Counts::default());
    }

    /// Running time that is not stored, if there are counts that it matters to.
    pub(super) fn not_stored(&self) -> Duration {
        if self.accounts.is_empty() {
            return Duration::ZERO;
        }
        self.seen.saturating_sub(self.stored)
    }

    /// Records that the ledger is being stored.
    pub(super) const fn is_stored(&mut self) {
        self.stored = self.seen;
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

    /// The counts of all accounts together.
    pub(super) fn total(&self) -> Counts {
        self.sum(|_| true)
    }

    /// The state of an account's limits, if it has any.
    pub(super) fn limit_uses(
        &self,
        account: &Account,
        limits: [(Scope, Limit); 3],
    ) -> impl Iterator<Item = LimitUse> {
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
            let of = |period, limit, used| LimitUse {
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
            .filter(|limit_use| limit_use.limit > 0)
        })
    }

    /// When the current period ends, by the clock as it stands.
    pub(super) fn ends(&self, period: Period, now: Now) -> OffsetDateTime {
        // The latest date that can be represented stands for a later one.
        now.wall
            .checked_add(
                self.lasts(period, now)
                    .try_into()
                    .unwrap_or(time::Duration::MAX),
            )
            .unwrap_or(now.wall)
    }

    /// How long the current period lasts at most.
    pub(super) fn lasts(&self, period: Period, now: Now) -> Duration {
        let (span, longest) = match period {
            Period::Day => (self.day, LONGEST_DAY),
            Period::Month => (self.month, LONGEST_MONTH),
        };
        let lasts = longest.saturating_sub(span.lived);
        // A clock that shows another period says nothing about the end of this one.
        let Some(first) = span.first.filter(|_| span.first == now.first(period)) else {
            return lasts;
        };
        let next = match period {
            Period::Day => first.next_day(),
            Period::Month => first_of_next(first),
        };
        let next = next.map(|next| next.with_time(Time::MIDNIGHT).assume_utc());
        let by_clock = next.and_then(|next| Duration::try_from(next - now.wall).ok());
        by_clock.map_or(lasts, |by_clock| by_clock.min(lasts))
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

/// The first day of the month of `day`.
pub(super) fn first_of(day: Date) -> Date {
    day.replace_day(1).unwrap_or(day)
}

fn first_of_next(day: Date) -> Option<Date> {
    let month = day.month().next();
    let year = day.year() + i32::from(month == Month::January);
    Date::from_calendar_date(year, month, 1).ok()
}

impl std::ops::AddAssign for Volume {
    fn add_assign(&mut self, more: Self) {
        self.up = self.up.saturating_add(more.up);
        self.down = self.down.saturating_add(more.down);
        self.air = self.air.saturating_add(more.air);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::{date, datetime};

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

    /// A moment by the wall clock, with no running time.
    fn at(wall: OffsetDateTime) -> Now {
        Now {
            wall,
            lived: Duration::ZERO,
        }
    }

    /// A clock that is wrong by so much, and the hours of running time.
    struct Router {
        ledger: Ledger,
        right: OffsetDateTime,
        wrong: time::Duration,
        lived: Duration,
        /// How often a day and a month began.
        begun: (u32, u32),
    }

    impl Router {
        fn new(wall: OffsetDateTime) -> Self {
            let mut ledger = Ledger::new(at(wall));
            ledger.book(&account("a", "me"), air(1));
            Self {
                ledger,
                right: wall,
                wrong: time::Duration::ZERO,
                lived: Duration::ZERO,
                begun: (0, 0),
            }
        }

        fn now(&self) -> Now {
            Now {
                wall: self.right + self.wrong,
                lived: self.lived,
            }
        }

        /// Uses the budget each hour, for `hours` hours.
        fn live(&mut self, hours: u32) {
            for _ in 0..hours {
                self.right += Duration::from_secs(3600);
                self.lived += Duration::from_secs(3600);
                self.look();
            }
        }

        /// The clock is wrong by `days` days from now on.
        fn jump(&mut self, days: i64) {
            self.wrong = time::Duration::days(days);
            self.look();
        }

        fn look(&mut self) {
            let me = account("a", "me");
            self.ledger.roll(self.now());
            let total = self.ledger.total();
            self.begun.0 += u32::from(total.day.air == 0);
            self.begun.1 += u32::from(total.month.air == 0);
            self.ledger.book(&me, air(1));
        }

        /// Stores and loads the ledger.
        fn restart(&mut self) {
            let Ledger {
                day,
                month,
                accounts,
                ..
            } = self.ledger.clone();
            self.ledger = Ledger::of(day, month, accounts);
            self.lived = Duration::ZERO;
            self.look();
        }
    }

    const YEAR: i64 = 365;

    #[test]
    fn a_day_ends_at_midnight_and_a_month_with_its_last_day() {
        let mut ledger = Ledger::new(at(datetime!(2026-01-30 12:00 UTC)));
        let me = account("a", "me");
        ledger.book(&me, air(10));
        ledger.roll(at(datetime!(2026-01-30 23:59:59 UTC)));
        assert_eq!(ledger.total().day.air, 10);
        let now = at(datetime!(2026-01-31 00:00 UTC));
        ledger.roll(now);
        ledger.book(&me, air(5));
        let total = ledger.total();
        assert_eq!((total.day.air, total.month.air), (5, 15));
        let ends = ledger.ends(Period::Month, now);
        assert_eq!(ends, datetime!(2026-02-01 00:00 UTC));
        ledger.roll(at(datetime!(2026-02-01 00:00 UTC)));
        assert_eq!(ledger.total(), Counts::default());
        assert!(ledger.accounts.is_empty());
    }

    #[test]
    fn a_year_ends_too() {
        let now = at(datetime!(2026-12-31 23:00 UTC));
        let ledger = Ledger::new(now);
        let ends = ledger.ends(Period::Month, now);
        assert_eq!(ends, datetime!(2027-01-01 00:00 UTC));
        assert_eq!(ledger.lasts(Period::Day, now), Duration::from_secs(3600));
    }

    #[test]
    fn a_clock_that_is_set_back_begins_no_day_anew() {
        let mut ledger = Ledger::new(at(datetime!(2026-03-02 12:00 UTC)));
        ledger.book(&account("a", "me"), air(10));
        for earlier in [
            datetime!(2026-03-01 12:00 UTC),
            datetime!(1970-01-01 0:00 UTC),
        ] {
            ledger.roll(at(earlier));
            ledger.book(&account("a", "me"), air(1));
        }
        assert_eq!(ledger.total().day.air, 12);
        assert_eq!(ledger.day.first, Some(date!(2026 - 03 - 02)));
    }

    #[test]
    fn a_clock_that_was_a_year_ahead_blocks_no_budget_for_a_year() {
        let mut router = Router::new(datetime!(2026-03-02 12:00 UTC));
        router.live(3);
        // The ledger believes the clock: it cannot tell this from a year without power.
        router.jump(YEAR);
        assert_eq!(router.begun, (1, 1));
        router.live(2);
        router.restart();
        router.jump(0);
        assert_eq!(router.begun, (1, 1), "that it is set back begins nothing");
        let lasts = router.ledger.lasts(Period::Day, router.now());
        assert!(lasts <= LONGEST_DAY, "{lasts:?}");
        router.live(25);
        assert_eq!(router.begun, (2, 1));
        // From here on days end at midnight again.
        let lasts = router.ledger.lasts(Period::Day, router.now());
        let midnight = router
            .right
            .date()
            .next_day()
            .unwrap()
            .midnight()
            .assume_utc();
        assert_eq!(lasts, Duration::try_from(midnight - router.right).unwrap());
        router.live(32 * 24);
        assert_eq!(router.begun.1, 2, "the month as well");
    }

    #[test]
    fn a_clock_that_goes_to_and_fro_grants_no_allowance_again_and_again() {
        for (one, other) in [(0, YEAR), (0, -YEAR), (0, -56 * YEAR), (YEAR, -56 * YEAR)] {
            let mut router = Router::new(datetime!(2026-03-02 12:00 UTC));
            router.live(1);
            for _ in 0..240 {
                router.jump(other);
                router.live(1);
                router.restart();
                router.jump(one);
                router.live(1);
            }
            // Twenty days of running time.
            let (days, months) = router.begun;
            assert!((17..=2 * 21).contains(&days), "{one} {other}: {days}");
            assert!(months <= 2, "{one} {other}: {months}");
        }
    }

    #[test]
    fn a_router_that_begins_in_1970_each_time_counts_as_any_other() {
        let mut router = Router::new(datetime!(2026-03-02 12:00 UTC));
        router.live(1);
        for _ in 0..30 {
            // Half a day, two hours of it without a time server.
            router.restart();
            router.jump(-56 * YEAR);
            router.live(2);
            router.jump(0);
            router.live(22);
        }
        let (days, months) = router.begun;
        assert!((29..=31).contains(&days), "{days}");
        assert!(months <= 1, "{months}");
    }

    #[test]
    fn a_clock_that_is_never_set_blocks_no_budget_and_what_began_gets_its_date_later() {
        let mut router = Router::new(datetime!(1970-01-01 0:00 UTC));
        router.live(24 * 10);
        assert!((9..=10).contains(&router.begun.0), "{:?}", router.begun);
        let counted = router.ledger.total().day;
        assert!(counted.air > 0);
        let set = datetime!(2026-03-02 12:00 UTC) - datetime!(1970-01-11 0:00 UTC);
        router.wrong = set;
        router.ledger.roll(router.now());
        assert_eq!(
            router.ledger.total().day,
            counted,
            "that it is set begins nothing"
        );
        assert_eq!(router.ledger.day.first, Some(date!(2026 - 03 - 02)));
    }

    #[test]
    fn each_limit_counts_its_own() {
        let mut ledger = Ledger::new(at(datetime!(2026-03-02 12:00 UTC)));
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
            let limit_uses = ledger.limit_uses(&account, limits);
            limit_uses
                .map(|limit_use| limit_use.used)
                .collect::<Vec<_>>()
        };
        assert_eq!(used("a", "me"), [1111, 11, 101]);
        assert_eq!(used("b", "you"), [1111, 100, 10]);
        let none = [(Scope::Module, Limit::default()); 3];
        assert_eq!(ledger.limit_uses(&account("a", "me"), none).count(), 0);
    }

    #[test]
    fn accounts_are_bounded_and_nothing_is_lost() {
        let mut ledger = Ledger::new(at(datetime!(2026-03-02 12:00 UTC)));
        for number in 0..2 * MAX_ACCOUNTS {
            ledger.book(&account("a", &number.to_string()), air(1));
        }
        assert_eq!(ledger.accounts.len(), MAX_ACCOUNTS + 1);
        assert_eq!(ledger.total().month.air, 2 * MAX_ACCOUNTS as u64);
    }
}
