//! Lines of OpenVMS: `NAME.TXT;1   5/12   5-JUN-2001 08:21:16  [GROUP,OWNER]  (RWED,RE,RE,)`.
//!
//! The columns and their order differ from server to server. Sizes are in blocks, so the size in bytes is
//! unknown.

use winnow::Parser;
use winnow::ascii::{Caseless, digit1};
use winnow::combinator::{alt, eof, opt, preceded, repeat, terminated};
use winnow::token::{one_of, rest, take_till, take_while};

use super::date::{clock, hyphened_day};
use super::entry::Kind;
use super::reading::Reading;
use super::stamp::{Clock, Stamp};
use super::text::{Parsed, blanks, edge, gap, is_blank, number};

#[derive(Debug, Clone, Copy)]
enum Column<'a> {
    Date(Stamp),
    Protection(&'a [u8]),
    Other,
}

/// Reads a line. A long name may have its columns in a line of their own, which then follows behind a line
/// feed.
pub(super) fn read(line: &[u8]) -> Option<Reading> {
    let mut input = line;
    let name = name(&mut input).ok()?;
    let (kind, shown) = match name.len().checked_sub(DIRECTORY.len()) {
        Some(at) if name.get(at..)?.eq_ignore_ascii_case(DIRECTORY) && at > 0 => {
            (Kind::Directory, name.get(..at)?)
        }
        _ => (Kind::File, name),
    };
    let reading = Reading::named(kind, shown);
    if preceded(gap, refusal).parse_next(&mut input).is_ok() {
        return Some(reading);
    }
    let (mut stamp, mut protection) = (None, b"".as_slice());
    while preceded(space, eof).parse_next(&mut input).is_err() {
        match preceded(space, column).parse_next(&mut input).ok()? {
            Column::Date(found) if stamp.is_none() => stamp = Some(found),
            Column::Date(_) => return None,
            Column::Protection(found) => protection = found,
            Column::Other => {}
        }
    }
    Some(reading.at(stamp?).permitted(protection))
}

/// Whether a line is the first half of such a line: a name with its version, and maybe its blocks.
pub(super) fn is_first_half(line: &[u8]) -> bool {
    let blocks = (gap, digit1, opt((b'/', digit1)));
    (name, opt(blocks), blanks, eof).parse(line).is_ok()
}

const DIRECTORY: &[u8] = b".DIR;1";

/// `NAME.TXT;1`: the version is needed to get that version and no other. A blank in a name has a `^` before
/// it (ODS-5).
fn name<'a>(input: &mut &'a [u8]) -> Parsed<&'a [u8]> {
    let plain = take_till(1..=255, |byte: u8| {
        is_blank(byte) || matches!(byte, b';' | b'^' | b'\n')
    });
    let escaped = (b'^', one_of(|byte: u8| byte != b'\n'));
    let name = repeat::<_, _, (), _, _>(1..=255, alt((plain.void(), escaped.void())));
    (name, b';', number(1..=5)).take().parse_next(input)
}

/// `PM` behind a time.
fn half_of_day(input: &mut &[u8]) -> Parsed<Option<u32>> {
    let marks = alt((Caseless("am").value(0), Caseless("pm").value(12)));
    opt(preceded(gap, terminated(marks, edge))).parse_next(input)
}

fn space(input: &mut &[u8]) -> Parsed<()> {
    take_while(0.., |byte: u8| {
        is_blank(byte) || matches!(byte, b'\r' | b'\n')
    })
    .void()
    .parse_next(input)
}

/// A file about which the user may not know more.
fn refusal(input: &mut &[u8]) -> Parsed<()> {
    let texts = alt((
        b"%RMS-".as_slice(),
        b"%SYSTEM-".as_slice(),
        b"No privilege".as_slice(),
        b"insufficient privilege".as_slice(),
    ));
    (texts, rest).void().parse_next(input)
}

fn column<'a>(input: &mut &'a [u8]) -> Parsed<Column<'a>> {
    let fraction = (b'.', take_while(1..=2, b'0'..=b'9'));
    let time = (
        preceded(gap, terminated(clock, (opt(fraction), edge))),
        half_of_day,
    );
    let time = time.verify_map(|(clock, half)| clock.in_half(half));
    let date = (terminated(hyphened_day, edge), opt(time)).verify_map(
        |((year, month, day), clock): (_, Option<Clock>)| {
            Stamp::at(year, month, day, clock.unwrap_or_default())
        },
    );
    let protection = (b'(', take_till(0.., b')'), b')').map(|(_, inner, _)| inner);
    // An owner that is too long is cut off.
    let whole = (
        b'[',
        take_till(0.., |byte: u8| b"]()\n".contains(&byte)),
        b']',
    );
    let owner = alt((whole.void(), (b'[', take_till(0.., is_blank)).void()));
    alt((
        date.map(Column::Date),
        protection.map(Column::Protection),
        owner.value(Column::Other),
        take_till(1.., |byte: u8| is_blank(byte) || byte == b'\n')
            .verify(|word: &[u8]| is_other(word))
            .value(Column::Other),
    ))
    .parse_next(input)
}

/// Whether a word is a number of blocks (`9/15`, `155`, `2KB`), or an owner without brackets.
fn is_other(word: &[u8]) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/$_-.".contains(byte);
    word.iter().all(is_plain)
}
