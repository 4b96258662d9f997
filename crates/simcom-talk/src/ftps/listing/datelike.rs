//! Text that looks like a date in an unknown form. The name is behind it.

use winnow::Parser;
use winnow::combinator::{alt, eof, opt, preceded};
use winnow::token::{one_of, rest, take_till, take_while};

use super::month::month;
use super::size::size;
use super::text::{Parsed, number};

/// Whether the last of these columns is a part of a date, or is behind one: a time, a day, a year
/// behind a day and a word, a month and its day, or anything behind these. The first three columns may
/// be the number of links, an owner and a group.
///
/// An owner or a group may be a word or a number. So a word and a number are a date only where a
/// number that may be the size stands before them.
pub(super) fn is_behind_a_date(columns: &[&[u8]]) -> bool {
    let Some((last, before)) = columns.split_last() else {
        return false;
    };
    let is_day = || day.parse(*last).is_ok() && size(last).is_none();
    clock.parse(*last).is_ok()
        || is_day()
        || is_year_of(last, before)
        || (columns.len() > 3 && ends_in_a_day(columns))
        || ends_in_a_day(before)
}

/// `1234 Xyz 19 2020`, `1234 19. Xyz 2020`, and a month of two words.
fn is_year_of(last: &[u8], before: &[&[u8]]) -> bool {
    let is_part = |column: &&[u8]| is_day_of_month(column) || is_word(column);
    let is_date = |length| {
        let Some((size_at, date)) = behind(before, length) else {
            return false;
        };
        size(size_at).is_some()
            && date.iter().all(is_part)
            && date.iter().any(|column| is_word(column))
            && date.iter().any(|column| is_day_of_month(column))
    };
    (year, opt(b',')).parse(last).is_ok() && (is_date(2) || is_date(3))
}

/// `1234 Mar 19`, `1234 19. Mar`: a month whose name is known, and a day.
fn ends_in_a_day(columns: &[&[u8]]) -> bool {
    let Some((size_at, [first, second])) = behind(columns, 2) else {
        return false;
    };
    let is_month = |column: &[u8]| month(column.strip_suffix(b",").unwrap_or(column)).is_some();
    size(size_at).is_some()
        && (is_month(first) && is_day_of_month(second)
            || is_day_of_month(first) && is_month(second))
}

/// The last `length` columns, and the one before them.
fn behind<'a, 'b>(columns: &'a [&'b [u8]], length: usize) -> Option<(&'b [u8], &'a [&'b [u8]])> {
    let (before, last) = columns.split_at_checked(columns.len().checked_sub(length)?)?;
    Some((*before.last()?, last))
}

/// `13:51` and whatever follows it; `13h51`, `13.51`.
fn clock(input: &mut &[u8]) -> Parsed<()> {
    let open = (number(1..=2), one_of([b':', b'h']), number(2..=2), rest);
    let dotted = (number(1..=2), b'.', number(2..=2), eof);
    alt((open.void(), dotted.void())).parse_next(input)
}

/// `2563-10-08`, `19.03.2020`, `19-xyz-2020`, `19/3`, `19.3.`, `Mar-19-2020`, and a number with a unit
/// outside ASCII behind it.
fn day(input: &mut &[u8]) -> Parsed<()> {
    let mark = || one_of([b'-', b'/', b'.']);
    let inner = || take_till(1..=20, |byte: u8| b"-/.".contains(&byte));
    let open = || {
        alt((
            eof.void(),
            (b'T', rest).void(),
            (one_of([b'.', b',']), eof).void(),
        ))
    };
    let three = (
        number(1..=4),
        mark(),
        inner(),
        mark(),
        number(1..=4),
        open(),
    );
    let two = (number(1..=2), one_of([b'-', b'/']), number(1..=2), eof);
    let dotted = (number(1..=2), b'.', number(1..=2), b'.', eof);
    let named = inner().verify(|name: &[u8]| month(name).is_some());
    let named = (named, b'-', number(1..=2), b'-', number(2..=4), eof);
    let digits = take_while(1..=4, b'0'..=b'9');
    let unit = preceded(digits, (one_of(0x80..=0xFF), rest));
    alt((
        three.void(),
        two.void(),
        dotted.void(),
        named.void(),
        unit.void(),
    ))
    .parse_next(input)
}

fn year(input: &mut &[u8]) -> Parsed<u32> {
    number(4..=4)
        .verify(|year| (1900..2200).contains(year))
        .parse_next(input)
}

fn is_day_of_month(column: &[u8]) -> bool {
    (number(1..=2), opt(one_of([b'.', b','])))
        .parse(column)
        .is_ok()
}

fn is_word(column: &[u8]) -> bool {
    column.first().is_some_and(|byte| !byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_that_cannot_be_read_is_seen_all_the_same() {
        let is_behind = |columns: &str| {
            let columns: Vec<&[u8]> = columns.split(' ').map(str::as_bytes).collect();
            is_behind_a_date(&columns)
        };
        for columns in [
            "1 u g 10 Mar 19 2020",
            "1 u g 10 Xyz 19 2020",
            "1 u g 10 19. Xyz 2020",
            "1 u g 10 Thg 3 19 2020",
            "1 u g 10 Xyz 19 25:61",
            "1 u g 10 Xyz 19 9:47PM",
            "1 u g 10 19 Xyz 13.51",
            "1 u g 10 Aug 22 name",
            "1 u g 10 22 Aug, name",
            "1 u g 10 2563-10-08",
            "1 u g 10 19.03.",
            "1 u g 10 8/3",
            "1 u g 10 19-xyz-2020",
            "1 u g 10 2020-03-19T13:51",
            "1 u g 10 Feb-28-2020",
            "1 u g 10 3\u{6708}",
        ] {
            assert!(is_behind(columns), "{columns}");
        }
        for columns in [
            "1 jan 20",
            "2 ftpuser 2001",
            "5 staff 2020",
            "1 john smith 2020",
            "1 1001 2020",
            "1 root disk 8,",
            "1 mar users",
            "1 ftp group with 2 blanks 38634",
            "1 10.0.0.5",
            "1 user-1 2.5",
            "1 1.234.567",
            "",
        ] {
            assert!(!is_behind(columns), "{columns}");
        }
    }
}
