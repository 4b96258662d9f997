//! Lines as `DIR` prints them: IIS, Windows CE, and other servers on Windows.

use winnow::Parser;
use winnow::combinator::{alt, opt, preceded, repeat, terminated};
use winnow::error::EmptyError;
use winnow::stream::Offset;
use winnow::token::take_while;

use super::date::{clock, half, iso_day, three_numbers};
use super::entry::Kind;
use super::reading::{Blanks, Reading, split_blanks};
use super::size::{Size, size};
use super::stamp::{Clock, Order, Stamp};
use super::text::{Parsed, blanks, edge, gap, word};

/// The column behind the time.
#[derive(Debug, Clone, Copy)]
enum Column<'a> {
    Mark(Kind, &'a [u8]),
    Size(Size),
}

/// `05-23-04  12:16PM       <DIR>          name`, `05-18-04  04:38PM                  617 name`
pub(super) fn read(line: &[u8]) -> Option<Reading> {
    let mut input = line;
    blanks(&mut input).ok()?;
    let begin = input;
    let stamp = stamp(&mut input).ok()?;
    let column = column(&mut input).ok()?;
    let (count, tail) = split_blanks(input)?;
    let at = input.offset_from(&begin) + count;
    let reading = match column {
        Column::Mark(kind, mark) => {
            // IIS pads the mark up to where the names begin.
            let usual = MARK_COLUMN.saturating_sub(mark.len());
            let (name, target) = match kind {
                Kind::Link => target(tail),
                Kind::File | Kind::Directory | Kind::Other => (tail, b"".as_slice()),
            };
            let reading = Reading::named(kind, name).leading_to(target);
            reading.after(Blanks::usual(usual, count, at))
        }
        Column::Size(size) => {
            let reading = Reading::named(Kind::File, tail).sized(size.bytes());
            reading.after(Blanks::one_of(count, at))
        }
    };
    Some(reading.at(stamp))
}

/// `<DIR>` and ten blanks, or `<SYMLINKD>` and five.
const MARK_COLUMN: usize = 15;

/// With hyphens the month comes first: IIS prints it so in every language, with twelve hours. Other
/// servers print four digits of the year and 24 hours, in an order of their own.
fn stamp(input: &mut &[u8]) -> Parsed<Stamp> {
    let time = || preceded(gap, time);
    let year_first = (iso_day, time())
        .map(|((year, month, day), (clock, _))| Stamp::at(year, month, day, clock));
    let year_last = (three_numbers, time()).map(|(three, (clock, hours))| {
        let is_usual = hours == Hours::Twelve || three.has_short_year();
        three.at(clock, is_usual.then_some(Order::MonthDayYear))
    });
    alt((year_first, year_last))
        .verify_map(|stamp| stamp)
        .parse_next(input)
}

/// How a time counts the hours of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hours {
    Twelve,
    TwentyFour,
}

/// `12:09PM`, `12:09 pm`, `12:09p`, `14:12`.
fn time(input: &mut &[u8]) -> Parsed<(Clock, Hours)> {
    let half = opt(preceded(opt(b' '), terminated(half, edge)));
    (clock, half)
        .verify_map(|(clock, half)| {
            let hours = half.map_or(Hours::TwentyFour, |_| Hours::Twelve);
            Some((clock.in_half(half)?, hours))
        })
        .parse_next(input)
}

fn column<'a>(input: &mut &'a [u8]) -> Parsed<Column<'a>> {
    let number = alt((spaced_out, near_a_name));
    alt((preceded(gap, mark), number.map(Column::Size))).parse_next(input)
}

/// The widths of the size column, including the blanks before it: of `DIR`, and of IIS.
const WIDTHS: [usize; 2] = [18, 21];

/// `12 345`: groups of three digits between blanks, as Swedish and French servers print them. Only the
/// end of the column tells such a size from a size of 12 bytes and a name that begins with `345`.
fn spaced_out(input: &mut &[u8]) -> Parsed<Size> {
    let groups = repeat::<_, _, (), _, _>(1.., (b' ', digits(3..=3)));
    let number = (digits(1..=3), groups).take();
    (gap, number)
        .with_taken()
        .verify_map(|(((), number), column): (((), &[u8]), &[u8])| {
            let digits: Vec<u8> = number.iter().copied().filter(|b| *b != b' ').collect();
            WIDTHS.contains(&column.len()).then(|| size(&digits))?
        })
        .parse_next(input)
}

/// A size without blanks. Where a group of three digits follows and the number does not end at the end
/// of the column, the group may belong to the size or to the name.
fn near_a_name(input: &mut &[u8]) -> Parsed<Size> {
    let begin = *input;
    let (blanks, number) = (gap.take(), word).parse_next(input)?;
    let width = blanks.len() + number.len();
    let is_group = number.len() <= 3
        && (b' ', digits(3..=3), b' ')
            .parse_next(&mut &**input)
            .is_ok();
    // Columns that are one or two blanks apart have no width.
    if is_group && blanks.len() > 2 && !WIDTHS.contains(&width) {
        *input = begin;
        return Err(EmptyError);
    }
    size(number).ok_or(EmptyError)
}

fn digits<'a>(
    count: std::ops::RangeInclusive<usize>,
) -> impl FnMut(&mut &'a [u8]) -> Parsed<&'a [u8]> {
    move |input| take_while(count.clone(), b'0'..=b'9').parse_next(input)
}

/// A directory, or a point from which another place is reached.
fn mark<'a>(input: &mut &'a [u8]) -> Parsed<Column<'a>> {
    let letters = take_while(1.., |byte: u8| byte.is_ascii_alphabetic());
    (b'<', letters, b'>')
        .take()
        .verify_map(|mark: &[u8]| {
            let kind = match mark.to_ascii_uppercase().as_slice() {
                b"<DIR>" => Kind::Directory,
                b"<JUNCTION>" | b"<SYMLINK>" | b"<SYMLINKD>" => Kind::Link,
                _ => return None,
            };
            Some(Column::Mark(kind, mark))
        })
        .parse_next(input)
}

/// The name of a link and, in brackets, its target.
fn target(tail: &[u8]) -> (&[u8], &[u8]) {
    let split = || {
        let inner = tail.strip_suffix(b"]")?;
        let at = inner.windows(2).position(|window| window == b" [")?;
        Some((inner.get(..at)?, inner.get(at + 2..)?))
    };
    split()
        .filter(|(name, _)| !name.iter().all(|byte| *byte == b' '))
        .unwrap_or((tail, b""))
}
