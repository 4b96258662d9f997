//! When an entry was changed, as far as one line tells.

use std::time::{Duration, SystemTime};

use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time};

/// A date as it is printed. Some dates need other lines to be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stamp {
    /// The line has no date, or none that can be read.
    Absent,
    /// The date is complete.
    At(PrimitiveDateTime),
    /// The year is missing. It is the last such day.
    Yearless(Day),
    /// Three numbers. Other lines may tell their order.
    Numeric(Numeric),
}

/// The time of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Clock {
    pub(super) hour: u32,
    pub(super) minute: u32,
    pub(super) second: u32,
}

/// A day of an unknown year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Day {
    month: u32,
    day: u32,
    clock: Clock,
}

/// `02-13-24`, `13.02.2024`, `24/02/13`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Numeric {
    parts: [u32; 3],
    clock: Clock,
    /// The orders in which the numbers are a date.
    orders: Orders,
    /// The order that such servers use where nothing speaks against it.
    usual: Option<Order>,
}

/// An order in which numbers are a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    MonthDayYear,
    DayMonthYear,
    YearMonthDay,
}

/// A set of orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Orders(u8);

/// How far the clock of a server may be ahead: time zones are up to 14 hours apart.
const AHEAD: Duration = Duration::from_secs(24 * 60 * 60);

/// From one leap day to the next there are at most eight years (1896 to 1904).
const YEARS_BACK: i32 = 8;

impl Clock {
    /// The time in the half of the day that begins at this hour, if the time counts twelve hours.
    pub(super) fn in_half(self, begin: Option<u32>) -> Option<Self> {
        let Some(begin) = begin else {
            return Some(self);
        };
        (1..=12).contains(&self.hour).then_some(Self {
            hour: self.hour % 12 + begin,
            ..self
        })
    }
}

impl Stamp {
    /// A date with its year. `None` where there is no such day.
    pub(super) fn at(year: u32, month: u32, day: u32, clock: Clock) -> Option<Self> {
        moment(i32::try_from(year).ok()?, month, day, clock).map(Self::At)
    }

    /// A date without a year. `None` where no year has such a day.
    pub(super) fn yearless(month: u32, day: u32, clock: Clock) -> Option<Self> {
        let leap_year = 2000;
        moment(leap_year, month, day, clock)?;
        Some(Self::Yearless(Day { month, day, clock }))
    }

    /// Three numbers, of which the last or the first is the year, with two digits or more. `None`
    /// where they are a date in no order.
    pub(super) fn numeric(
        parts: [u32; 3],
        clock: Clock,
        may_begin_with_year: bool,
        usual: Option<Order>,
    ) -> Option<Self> {
        let mut numeric = Numeric {
            parts,
            clock,
            orders: Orders(0),
            usual,
        };
        for order in Order::ALL {
            let possible = order != Order::YearMonthDay || may_begin_with_year;
            if possible && numeric.read(order).is_some() {
                numeric.orders.insert(order);
            }
        }
        (!numeric.orders.is_empty()).then_some(Self::Numeric(numeric))
    }

    /// The date in the order in which it falls on a day of the week, which is given by its name in
    /// English. Absent where not exactly one order does.
    pub(super) fn on(self, is_day: impl Fn(&str) -> bool) -> Self {
        let Self::Numeric(mut numeric) = self else {
            return self;
        };
        let fits = |order: &Order| {
            let moment = numeric.read(*order);
            moment.is_some_and(|moment| is_day(&moment.weekday().to_string()))
        };
        let mut orders = Orders(0);
        for order in Order::ALL.into_iter().filter(fits) {
            orders.insert(order);
        }
        numeric.orders = numeric.orders.and(orders);
        match numeric.orders.only() {
            Some(_) => Self::Numeric(numeric),
            None => Self::Absent,
        }
    }

    /// The orders that this date allows.
    pub(super) fn orders(&self) -> Orders {
        match self {
            Self::Numeric(numeric) => numeric.orders,
            Self::Absent | Self::At(_) | Self::Yearless(_) => Orders::ANY,
        }
    }

    /// Whether other lines cannot change what it means any more.
    pub(super) fn is_settled(&self, listing: Orders) -> bool {
        match self {
            Self::Numeric(numeric) => numeric.orders.only().is_some() || !listing.is_open(),
            Self::Absent | Self::At(_) | Self::Yearless(_) => true,
        }
    }

    /// What the date means, taken as UTC, since a listing names no time zone. `now` gives the year
    /// where none is printed. `listing` has the orders that all dates of the listing allow.
    pub(super) fn resolve(&self, now: Option<SystemTime>, listing: Orders) -> Option<SystemTime> {
        let moment = match self {
            Self::Absent => None,
            Self::At(moment) => Some(*moment),
            Self::Yearless(day) => day.before(now?),
            Self::Numeric(numeric) => numeric.resolve(listing),
        }?;
        Some(moment.assume_utc().into())
    }
}

impl Day {
    /// The last such day that is at most one day ahead of `now`.
    fn before(&self, now: SystemTime) -> Option<PrimitiveDateTime> {
        let latest = OffsetDateTime::from(now.checked_add(AHEAD)?);
        let latest = PrimitiveDateTime::new(latest.date(), latest.time());
        (0..=YEARS_BACK)
            .filter_map(|back| moment(latest.year() - back, self.month, self.day, self.clock))
            .find(|moment| *moment <= latest)
    }
}

impl Numeric {
    fn resolve(&self, listing: Orders) -> Option<PrimitiveDateTime> {
        let left = self.orders.and(listing);
        let usual = self.usual.filter(|order| left.contains(*order));
        let order = self.orders.only().or(usual).or_else(|| left.only())?;
        self.read(order)
    }

    fn read(&self, order: Order) -> Option<PrimitiveDateTime> {
        let [first, second, third] = self.parts;
        let (year, month, day) = match order {
            Order::MonthDayYear => (third, first, second),
            Order::DayMonthYear => (third, second, first),
            Order::YearMonthDay => (first, second, third),
        };
        let year = i32::try_from(full_year(year)).ok()?;
        moment(year, month, day, self.clock)
    }
}

impl Order {
    const ALL: [Self; 3] = [Self::MonthDayYear, Self::DayMonthYear, Self::YearMonthDay];

    fn bit(self) -> u8 {
        match self {
            Self::MonthDayYear => 1,
            Self::DayMonthYear => 2,
            Self::YearMonthDay => 4,
        }
    }
}

impl Orders {
    /// Nothing is known.
    pub(super) const ANY: Self = Self(7);

    /// The orders that both sets have.
    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    fn insert(&mut self, order: Order) {
        self.0 |= order.bit();
    }

    fn contains(self, order: Order) -> bool {
        self.0 & order.bit() != 0
    }

    fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether more than one order is left.
    fn is_open(self) -> bool {
        self.0.count_ones() > 1
    }

    /// The only order that is left.
    fn only(self) -> Option<Order> {
        let mut left = Order::ALL.into_iter().filter(|order| self.contains(*order));
        left.next().filter(|_| !self.is_open())
    }
}

/// A year with two digits is one from 1970 on, as POSIX's epoch. A year with three digits counts
/// from 1900, as OS/2 prints it.
pub(super) fn full_year(year: u32) -> u32 {
    match year {
        0..70 => year + 2000,
        70..1000 => year + 1900,
        _ => year,
    }
}

/// A moment. 24:00 is the end of a day.
fn moment(year: i32, month: u32, day: u32, clock: Clock) -> Option<PrimitiveDateTime> {
    let small = |number: u32| u8::try_from(number).ok();
    let month = Month::try_from(small(month)?).ok()?;
    let date = Date::from_calendar_date(year, month, small(day)?).ok()?;
    if (clock.hour, clock.minute, clock.second) == (24, 0, 0) {
        return Some(PrimitiveDateTime::new(date.next_day()?, Time::MIDNIGHT));
    }
    let (hour, minute) = (small(clock.hour)?, small(clock.minute)?);
    // A leap second counts as the last second of its minute.
    let second = small(clock.second.min(59))?;
    let time = Time::from_hms(hour, minute, second).ok()?;
    (clock.second <= 60).then(|| PrimitiveDateTime::new(date, time))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    const NOON: Clock = Clock {
        hour: 12,
        minute: 0,
        second: 0,
    };

    /// 2025-12-31T23:30:00Z.
    const NEW_YEARS_EVE: u64 = 1_767_223_800;

    #[test]
    fn a_day_without_a_year_is_the_last_one() {
        let year = |month, day, now: u64| {
            let stamp = Stamp::yearless(month, day, Clock::default()).unwrap();
            let time = stamp.resolve(Some(at(now)), Orders::ANY).unwrap();
            OffsetDateTime::from(time).year()
        };
        assert_eq!(year(12, 31, NEW_YEARS_EVE), 2025);
        assert_eq!(year(1, 1, NEW_YEARS_EVE), 2026, "a clock ahead of ours");
        assert_eq!(year(1, 2, NEW_YEARS_EVE), 2025);
        assert_eq!(year(2, 29, NEW_YEARS_EVE), 2024);
        // 2026-01-01T00:30:00Z: the clock of the server is behind.
        assert_eq!(year(12, 31, NEW_YEARS_EVE + 3600), 2025);
        assert_eq!(Stamp::yearless(2, 30, NOON), None);
        let stamp = Stamp::yearless(2, 3, NOON).unwrap();
        assert_eq!(stamp.resolve(None, Orders::ANY), None);
    }

    #[test]
    fn numbers_are_a_date_where_their_order_is_certain() {
        let numeric = |parts, usual| Stamp::numeric(parts, NOON, true, usual).unwrap();
        let day = |stamp: Stamp, orders| {
            let time = OffsetDateTime::from(stamp.resolve(None, orders)?);
            Some((time.year(), u8::from(time.month()), time.day()))
        };
        let us = Some(Order::MonthDayYear);
        assert_eq!(
            day(numeric([2, 13, 24], None), Orders::ANY),
            Some((2024, 2, 13))
        );
        assert_eq!(
            day(numeric([4, 6, 22], us), Orders::ANY),
            Some((2022, 4, 6))
        );
        assert_eq!(day(numeric([4, 6, 22], None), Orders::ANY), None);
        // Other lines tell the order.
        let listing = numeric([13, 2, 2024], None).orders();
        assert_eq!(day(numeric([4, 6, 22], us), listing), Some((2022, 6, 4)));
        // The order of a server that prints both is unknown.
        let listing = listing.and(numeric([2, 13, 2024], None).orders());
        assert_eq!(day(numeric([4, 6, 22], us), listing), None);
        assert_eq!(Stamp::numeric([13, 13, 24], NOON, true, us), None);
    }
}
