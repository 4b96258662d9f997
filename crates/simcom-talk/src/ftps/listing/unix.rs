//! Lines as `ls -l` prints them, and similar forms.
//!
//! Anything may stand between the permissions and the size: a number of links or none, owners and groups
//! that may be missing or have blanks in them (`Domain Users`). So the size is the first number with a date
//! behind it. Where the date has an unknown form, there is no such number: the next one would be a part of
//! the name.

use winnow::Parser;
use winnow::ascii::digit1;
use winnow::combinator::{alt, opt, peek, preceded, repeat, terminated};
use winnow::stream::Offset;
use winnow::token::{one_of, take_while};

use super::date::date;
use super::datelike::is_behind_a_date;
use super::entry::Kind;
use super::month::month;
use super::reading::{Blanks, Reading, split_blanks};
use super::size::{Size, size};
use super::stamp::Stamp;
use super::text::{Parsed, edge, gap, is_blank, word};

/// The first column.
#[derive(Debug, Clone, Copy)]
struct Mode<'a> {
    kind: Kind,
    permissions: &'a [u8],
    /// How many blanks such servers put before names.
    blanks: usize,
}

/// Columns that are searched for the size: links, an owner and a group of some words, a size.
const COLUMNS: usize = 24;

/// `-rw-r--r--   1 owner  group  1234 Mar 19 13:51 name`
pub(super) fn read(line: &[u8]) -> Option<Reading> {
    let mut columns = line;
    let mode = mode(&mut columns).ok()?;
    dated(mode, columns, size)
        .or_else(|| dated(mode, columns, grown_together))
        .or_else(|| (mode.kind != Kind::File).then(|| dated(mode, columns, left_out))?)
        .or_else(|| dateless(mode, columns))
}

/// Finds the size and the date behind it, wherever they are.
fn dated(mode: Mode<'_>, columns: &[u8], size: fn(&[u8]) -> Option<Size>) -> Option<Reading> {
    let mut rest = columns;
    let mut passed = Vec::new();
    for _ in 0..COLUMNS {
        let _ = opt(gap).parse_next(&mut rest).ok()?;
        let column = word(&mut rest).ok()?;
        if let Some(found) = found(column, rest, size) {
            let is_only = !passed.is_empty() || !has_another(&found, size);
            return is_only.then(|| named(mode, found))?;
        }
        passed.push(column);
        if is_behind_a_date(&passed) {
            return None;
        }
    }
    None
}

/// A size and a date.
#[derive(Debug, Clone, Copy)]
struct Found<'a> {
    size: Size,
    stamp: Stamp,
    /// The line from the beginning of the date.
    begin: &'a [u8],
    /// The text behind the date.
    rest: &'a [u8],
}

/// The size in a column and the date behind it, if there are both.
fn found<'a>(
    column: &[u8],
    behind: &'a [u8],
    size: fn(&[u8]) -> Option<Size>,
) -> Option<Found<'a>> {
    let size = size(column)?;
    let mut rest = behind;
    gap(&mut rest).ok()?;
    let begin = rest;
    let stamp = date(&mut rest).ok()?;
    Some(Found {
        size,
        stamp,
        begin,
        rest,
    })
}

/// Whether a column of the date is a size with a date behind it as well. In `1 jan 20 2048 Nov 27 19:28
/// name`, the owner has the name of a month, and the size could be a year. Only a size in the first column
/// may really be the number of links. No owner has a colon in its name, so a date with a time is a date.
fn has_another(found: &Found<'_>, size: fn(&[u8]) -> Option<Size>) -> bool {
    let length = found.rest.offset_from(&found.begin);
    if found.begin.iter().take(length).any(|byte| *byte == b':') {
        return false;
    }
    let mut rest = found.begin;
    while rest.offset_from(&found.begin) < length {
        let Ok(column) = word(&mut rest) else {
            return false;
        };
        if self::found(column, rest, size).is_some() {
            return true;
        }
        let Ok(()) = gap(&mut rest) else {
            return false;
        };
    }
    false
}

/// Reads the name behind the date.
fn named(mode: Mode<'_>, found: Found<'_>) -> Option<Reading> {
    let Found {
        size,
        stamp,
        begin,
        rest,
    } = found;
    let (count, tail) = split_blanks(rest)?;
    let column = rest.offset_from(&begin) + count;
    let mut blanks = Blanks::usual(mode.blanks, count, column);
    // `2004.07.15   name`: the column is as wide as that of dates with a time.
    let has_day_only = begin.iter().take(4).all(u8::is_ascii_digit)
        && begin
            .iter()
            .take(rest.offset_from(&begin))
            .all(|byte| !is_blank(*byte));
    if has_day_only {
        blanks.alone = 0;
    }
    let (name, target) = match mode.kind {
        Kind::Link => link(tail, size)?,
        Kind::File | Kind::Directory | Kind::Other => (tail, b"".as_slice()),
    };
    let reading = Reading::named(mode.kind, name)
        .sized(size.bytes())
        .at(stamp)
        .permitted(mode.permissions)
        .leading_to(target)
        .after(blanks);
    Some(reading)
}

/// The name and the target of a link. Where there is more than one arrow, the size decides: it is the length
/// of the target (POSIX `lstat`).
fn link(tail: &[u8], size: Size) -> Option<(&[u8], &[u8])> {
    const ARROW: &[u8] = b" -> ";
    let arrows = tail.windows(ARROW.len()).enumerate();
    let mut splits = arrows
        .filter(|(at, window)| *window == ARROW && !tail.iter().take(*at).all(|b| is_blank(*b)))
        .filter_map(|(at, _)| Some((tail.get(..at)?, tail.get(at + ARROW.len()..)?)));
    let Some(first) = splits.next() else {
        // The server could not read the target of the link.
        let name = tail.strip_suffix(b" ->").filter(|name| !name.is_empty());
        return Some((name.unwrap_or(tail), b""));
    };
    let Some(second) = splits.next() else {
        return Some(first);
    };
    let length = usize::try_from(size.bytes()?).ok()?;
    let fits = |(_, target): &(&[u8], &[u8])| target.len() == length;
    [first, second].into_iter().chain(splits).find(fits)
}

/// A group that is longer than its column touches the size: `group714025`. Where the group ends is not
/// known.
fn grown_together(column: &[u8]) -> Option<Size> {
    let (first, last) = (column.first()?, column.last()?);
    (first.is_ascii_alphabetic() && last.is_ascii_digit()).then_some(Size::Vague)
}

/// Android prints no sizes of directories.
fn left_out(_: &[u8]) -> Option<Size> {
    Some(Size::Vague)
}

/// `drwxr-xr-x 3 owner group 512 name`: the name is one word that is no part of a date. In a listing whose
/// other lines have dates, this is the beginning of a line ([`Reading::dateless`]).
fn dateless(mode: Mode<'_>, columns: &[u8]) -> Option<Reading> {
    let size = preceded(gap, word.verify_map(size));
    let (links, _, _, size, _, name) = (
        preceded(gap, digit1),
        preceded(gap, word),
        preceded(gap, word),
        size,
        gap,
        word,
    )
        .parse(columns)
        .ok()?;
    let is_date = |byte: u8| byte.is_ascii_digit() || matches!(byte, b':' | b'-' | b'/' | b'.');
    let is_plain =
        !links.is_empty() && !name.iter().all(|byte| is_date(*byte)) && month(name).is_none();
    let reading = Reading::named(mode.kind, name)
        .sized(size.bytes())
        .permitted(mode.permissions)
        .dateless();
    (is_plain && mode.kind != Kind::Link).then_some(reading)
}

fn mode<'a>(input: &mut &'a [u8]) -> Parsed<Mode<'a>> {
    // `ls -is`: the number of the file, and its blocks.
    let numbers = repeat::<_, _, (), _, _>(0..=2, (digit1, gap));
    let numbers = (opt(gap), numbers);
    preceded(numbers, alt((posix, netware, enterprise))).parse_next(input)
}

/// `drwxr-xr-x`, and a mark for access lists and labels. The number of links may follow without a blank.
fn posix<'a>(input: &mut &'a [u8]) -> Parsed<Mode<'a>> {
    let bits = take_while(9..=9, |byte: u8| b"rwxsStTlL-".contains(&byte));
    let mark = take_while(0..=1, |byte: u8| b".+@*".contains(&byte));
    let end = alt((edge, peek(one_of(b'0'..=b'9')).void()));
    terminated((kind, bits), (mark, end))
        .map(|(kind, permissions)| Mode {
            kind,
            permissions,
            blanks: 1,
        })
        .parse_next(input)
}

fn kind(input: &mut &[u8]) -> Parsed<Kind> {
    alt((
        one_of((b'-', b'f')).value(Kind::File),
        b'd'.value(Kind::Directory),
        b'l'.value(Kind::Link),
        // Devices, pipes, sockets, Solaris' doors and ports.
        one_of(b"bcpsDP").value(Kind::Other),
    ))
    .parse_next(input)
}

/// NetWare: `d [R----F--] owner   384  Jan 12 07:35    name`
fn netware<'a>(input: &mut &'a [u8]) -> Parsed<Mode<'a>> {
    let kind = alt((b'-'.value(Kind::File), b'd'.value(Kind::Directory)));
    let rights = take_while(8..=8, |byte: u8| byte.is_ascii_uppercase() || byte == b'-');
    let rights = preceded(b'[', terminated(rights, (b']', edge)));
    (terminated(kind, opt(b' ')), rights)
        .map(|(kind, permissions)| Mode {
            kind,
            permissions,
            blanks: 4,
        })
        .parse_next(input)
}

/// Connect:Enterprise: `-C--E-----FTP B DEPOT   4242  690113 Mar 27 21:08 name`
fn enterprise<'a>(input: &mut &'a [u8]) -> Parsed<Mode<'a>> {
    let flags = take_while(9..=9, |byte: u8| byte.is_ascii_uppercase() || byte == b'-');
    let protocol = take_while(3..=3, |byte: u8| byte.is_ascii_uppercase());
    preceded(b'-', terminated((flags, protocol).take(), edge))
        .map(|permissions| Mode {
            kind: Kind::File,
            permissions,
            blanks: 1,
        })
        .parse_next(input)
}
