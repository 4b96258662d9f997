//! The forms of dates in listings. Before and after a date there are blanks.

use winnow::Parser;
use winnow::ascii::Caseless;
use winnow::combinator::{alt, cond, not, opt, preceded, terminated};
use winnow::token::{one_of, take_while};

use super::month::{MonthName, month};
use super::stamp::{Clock, Order, Stamp, full_year};
use super::text::{Parsed, blanks, edge, gap, number};

/// A date as programs print it that list like `ls -l`.
///
/// `Mar 19 13:51`, `Mar 19  2020`, `Oct 08, 2002 09:47` (VShell), `Mar 19 13:51:22 2020`
/// (`ls -T`), `19 Mar 2020`, `26. Juli, 20:10`, `01-jun-99`, `2005-04-08 11:22` and
/// `09-26 13:45` (`ls --time-style`), `1999/10/12 17:12`, `24.04.2003`, and `4月 18日 2003年` in
/// any encoding.
pub(super) fn date(input: &mut &[u8]) -> Parsed<Stamp> {
    let forms = alt((
        month_first,
        day_first,
        hyphened,
        year_first,
        month_and_day,
        numeric,
        with_units,
    ));
    preceded(opt((weekday, gap)), terminated(forms, edge)).parse_next(input)
}

/// `13:51`, `3:33`, `13:51:22`, and `24:00`.
pub(super) fn clock(input: &mut &[u8]) -> Parsed<Clock> {
    (
        number(1..=2),
        preceded(b':', number(2..=2)),
        opt(preceded(b':', number(2..=2))),
    )
        .map(|(hour, minute, second)| Clock {
            hour,
            minute,
            second: second.unwrap_or(0),
        })
        .verify(|clock| clock.hour <= 24 && clock.minute <= 59 && clock.second <= 60)
        .parse_next(input)
}

/// The same, or with twelve hours: `12:09PM`, `12:09p`.
pub(super) fn clock_of_12(input: &mut &[u8]) -> Parsed<Clock> {
    let half = opt(terminated(half, edge));
    (clock, half)
        .verify_map(|(clock, half)| clock.in_half(half))
        .parse_next(input)
}

/// `AM`, `PM`, with dots, and their short forms. Returns the hours to add.
pub(super) fn half(input: &mut &[u8]) -> Parsed<u32> {
    alt((
        // Spanish, with a blank inside on newer systems.
        alt((Caseless("a.m."), Caseless("a. m."))).value(0),
        alt((Caseless("p.m."), Caseless("p. m."))).value(12),
        Caseless("am").value(0),
        Caseless("pm").value(12),
        Caseless("a").value(0),
        Caseless("p").value(12),
    ))
    .parse_next(input)
}

/// Three numbers between hyphens, dots or slashes. The year has two digits or is the last of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Three {
    parts: [u32; 3],
    mark: u8,
}

impl Three {
    /// Whether the year has two digits.
    pub(super) fn has_short_year(&self) -> bool {
        let [_, _, last] = self.parts;
        last < 100
    }

    /// The date. `usual` is the order that such servers use with hyphens. With dots, days stand
    /// before months.
    pub(super) fn at(self, clock: Clock, usual: Option<Order>) -> Option<Stamp> {
        let usual = match self.mark {
            b'-' => usual,
            b'.' => Some(Order::DayMonthYear),
            _ => None,
        };
        let [_, _, last] = self.parts;
        Stamp::numeric(self.parts, clock, last < 100, usual)
    }

    /// The one date, in any order, that falls on this day of the week, which is given by its first
    /// three letters. Absent where several orders do.
    pub(super) fn on(self, weekday: &[u8], clock: Clock) -> Option<Stamp> {
        let stamp = self.at(clock, None)?;
        let short = weekday.get(..3)?;
        Some(stamp.on(|name| name.as_bytes().starts_with(short)))
    }
}

/// `02-13-24`, `13.02.2024`, and `04-23-103` (OS/2).
pub(super) fn three_numbers(input: &mut &[u8]) -> Parsed<Three> {
    let mark = one_of((b'-', b'/', b'.'));
    let (first, mark, second) = (number(1..=2), mark, number(1..=2)).parse_next(input)?;
    let year = alt((number(4..=4), number(3..=3), number(2..=2)));
    let third = preceded(mark, year).parse_next(input)?;
    let parts = [first, second, third];
    Ok(Three { parts, mark })
}

/// `2005-04-08`: year, month and day.
pub(super) fn iso_day(input: &mut &[u8]) -> Parsed<(u32, u32, u32)> {
    let mark = one_of((b'-', b'/', b'.'));
    let (year, mark, month) = (year, mark, number(1..=2)).parse_next(input)?;
    let day = preceded(mark, number(1..=2)).parse_next(input)?;
    Ok((year, month, day))
}

/// `01-jun-99`, `2-JUN-1998`.
pub(super) fn hyphened_day(input: &mut &[u8]) -> Parsed<(u32, u32, u32)> {
    let (day, _, month, _) = (number(1..=2), b'-', month_name, b'-').parse_next(input)?;
    let year = alt((number(4..=4), number(2..=2).map(full_year))).parse_next(input)?;
    Ok((year, month, day))
}

/// A month by a name that no other month has. Dots behind it belong to it.
pub(super) fn month_name(input: &mut &[u8]) -> Parsed<u32> {
    any_month
        .verify_map(|month| match month {
            MonthName::Of(number) => Some(number),
            MonthName::OfSeveral => None,
        })
        .parse_next(input)
}

fn any_month(input: &mut &[u8]) -> Parsed<MonthName> {
    let letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'.' || byte >= 0x80;
    // The longest, in UTF-8, is the Russian September.
    take_while(3..=20, letter)
        .verify_map(month)
        .parse_next(input)
}

/// The date in a month, if there is such a day. Where the name may mean several months, there is no
/// date, but everything else in the line counts.
fn in_month(month: MonthName, stamp: impl Fn(u32) -> Option<Stamp>) -> Parsed<Stamp> {
    known(match month {
        MonthName::Of(number) => stamp(number),
        // January is as long as any month.
        MonthName::OfSeveral => stamp(1).map(|_| Stamp::Absent),
    })
}

fn month_first(input: &mut &[u8]) -> Parsed<Stamp> {
    let (month, _, day) = (any_month, gap, day).parse_next(input)?;
    let comma = opt(b',').parse_next(input)?;
    let both = (preceded(gap, year), preceded(gap, clock));
    if let Some((year, clock)) = cond(comma.is_some(), opt(both))
        .parse_next(input)?
        .flatten()
    {
        return in_month(month, |month| Stamp::at(year, month, day, clock));
    }
    preceded(gap, time_or_year(month, day)).parse_next(input)
}

fn day_first(input: &mut &[u8]) -> Parsed<Stamp> {
    let (day, _, _, month, _) = (day, opt(b'.'), gap, any_month, opt(b',')).parse_next(input)?;
    preceded(gap, time_or_year(month, day)).parse_next(input)
}

/// A time within the last months, or a year. A year with a time behind it is neither: in `Nov 22
/// 2025 10:15 name` the time may belong to the date or to the name.
fn time_or_year(month: MonthName, day: u32) -> impl FnMut(&mut &[u8]) -> Parsed<Stamp> {
    move |input| {
        let time = opt(terminated(clock_of_12.with_taken(), edge)).parse_next(input)?;
        if let Some((clock, text)) = time {
            // `ls -T`. A year behind a time without seconds belongs to the name.
            let has_seconds = text.iter().filter(|byte| **byte == b':').count() > 1;
            let year = opt(preceded(gap, terminated(year, edge)));
            let year = cond(has_seconds, year).parse_next(input)?.flatten();
            return in_month(month, |month| match year {
                Some(year) => Stamp::at(year, month, day, clock),
                None => Stamp::yearless(month, day, clock),
            });
        }
        let year = terminated(year, not((gap, like_a_time))).parse_next(input)?;
        in_month(month, |month| Stamp::at(year, month, day, Clock::default()))
    }
}

fn numeric(input: &mut &[u8]) -> Parsed<Stamp> {
    let three = three_numbers.parse_next(input)?;
    let clock = maybe_clock.parse_next(input)?;
    known(three.at(clock, None))
}

/// A date with a time, where there is one: down to nanoseconds, with a time zone that is ignored,
/// since a listing is taken as it is printed.
fn year_first(input: &mut &[u8]) -> Parsed<Stamp> {
    let (year, month, day) = iso_day.parse_next(input)?;
    let fraction = (b'.', take_while(1..=9, b'0'..=b'9'));
    let zone = (gap, one_of((b'+', b'-')), number(4..=4), edge);
    let sign = one_of((b'+', b'-'));
    // ISO 8601: `Z`, `+0100`, `+01:00`, right behind the time.
    let near = (sign, number(2..=2), opt(b':'), number(2..=2));
    let near = alt((b'Z'.void(), near.void()));
    let exact = (
        preceded(alt((gap, b'T'.void())), clock),
        opt(fraction),
        opt(near),
        edge,
        opt(zone),
    );
    let exact = exact.map(|(clock, ..)| clock);
    let clock = alt((exact, maybe_clock)).parse_next(input)?;
    known(Stamp::at(year, month, day, clock))
}

/// The time, where there is one. Text that looks like a time and is none may or may not belong to
/// the name: then the whole is no date.
fn maybe_clock(input: &mut &[u8]) -> Parsed<Clock> {
    let time = preceded(gap, terminated(clock_of_12, edge));
    let none = not((gap, like_a_time)).value(Clock::default());
    alt((time, none)).parse_next(input)
}

fn hyphened(input: &mut &[u8]) -> Parsed<Stamp> {
    let (year, month, day) = hyphened_day.parse_next(input)?;
    let clock = maybe_clock.parse_next(input)?;
    known(Stamp::at(year, month, day, clock))
}

/// `09-26 13:45`, `09-26 2000`, as `ls --time-style=iso` prints. Some languages print it with a
/// blank. Then the order is not certain, and only a time shows that it is a date: in `1 1 1 2048
/// Nov 27 19:28 name`, the first numbers are links, owner, group and size.
fn month_and_day(input: &mut &[u8]) -> Parsed<Stamp> {
    let mark = alt((b'-'.value(true), gap.value(false)));
    let (month, is_iso, day, _) = (number(1..=2), mark, number(1..=2), gap).parse_next(input)?;
    if is_iso {
        return time_or_year(MonthName::Of(month), day).parse_next(input);
    }
    let clock = terminated(clock_of_12, edge).parse_next(input)?;
    let stamp = known(Stamp::yearless(month, day, clock))?;
    Ok(if day > 12 { stamp } else { Stamp::Absent })
}

/// Numbers with units: `4月 18日 2003年`, `8月 17日 20:10`, `2005년  1월  6일`. They may be in any encoding
/// of that language, so the units themselves are not compared. A year that comes first has its
/// unit: in `2005 3月 19 13:51 name`, the number is the size.
fn with_units(input: &mut &[u8]) -> Parsed<Stamp> {
    let year_with_unit = terminated(year, unit);
    let year = terminated(year, opt(unit));
    let month = || (number(1..=2), unit, blanks).map(|(month, ..)| month);
    let day = || terminated(day, opt(unit));
    let year_first = (year_with_unit, blanks, month(), day(), maybe_clock)
        .map(|(year, (), month, day, clock)| Stamp::at(year, month, day, clock));
    let with_year = (month(), day(), gap, year)
        .map(|(month, day, (), year)| Stamp::at(year, month, day, Clock::default()));
    let with_time = (month(), day(), gap, clock)
        .map(|(month, day, (), clock)| Stamp::yearless(month, day, clock));
    alt((year_first, terminated(with_time, edge), with_year))
        .verify_map(|stamp| stamp)
        .parse_next(input)
}

/// A unit in some encoding: its first byte is outside ASCII.
fn unit(input: &mut &[u8]) -> Parsed<()> {
    let later = |byte: u8| byte > b' ' && !byte.is_ascii_digit();
    (take_while(1..=1, 0x80..=0xFF), take_while(0..=2, later))
        .void()
        .parse_next(input)
}

fn like_a_time(input: &mut &[u8]) -> Parsed<()> {
    (number(1..=2), b':', number(2..=2))
        .void()
        .parse_next(input)
}

fn weekday(input: &mut &[u8]) -> Parsed<()> {
    let names = alt((
        b"Mon".as_slice(),
        b"Tue".as_slice(),
        b"Wed".as_slice(),
        b"Thu".as_slice(),
        b"Fri".as_slice(),
        b"Sat".as_slice(),
        b"Sun".as_slice(),
    ));
    names.void().parse_next(input)
}

fn day(input: &mut &[u8]) -> Parsed<u32> {
    number(1..=2).parse_next(input)
}

fn year(input: &mut &[u8]) -> Parsed<u32> {
    // Many names hold numbers of four digits that are no year.
    number(4..=4)
        .verify(|year| (1900..2200).contains(year))
        .parse_next(input)
}

/// The stamp, if there is such a day.
pub(super) fn known(stamp: Option<Stamp>) -> Parsed<Stamp> {
    stamp.ok_or(winnow::error::EmptyError)
}
