//! Lines that only single servers print.

use winnow::Parser;
use winnow::ascii::digit1;
use winnow::combinator::{alt, opt, terminated};
use winnow::error::EmptyError;
use winnow::token::{take_till, take_while};

use super::date::{clock, hyphened_day, month_name, three_numbers};
use super::entry::Kind;
use super::reading::{Reading, epoch};
use super::size::{Size, size};
use super::stamp::{Clock, Stamp, full_year};
use super::text::{Parsed, blanks, gap, name, number, word};

/// Reads a line of any of these servers.
pub(super) fn read(line: &[u8]) -> Option<Reading> {
    alt((vxworks, old_vshell, numerical, nortel, nonstop, os9))
        .parse(line)
        .ok()
}

/// VxWorks: `    1024    Apr-24-2003  06:12:48   name             <DIR>`. The printed size of a
/// directory is the space that it occupies. Names are padded. Names of a FAT do not end in blanks.
fn vxworks(input: &mut &[u8]) -> Parsed<Reading> {
    let (_, bytes, _) = (blanks, digit1.verify_map(size), gap).parse_next(input)?;
    let (month, _, day, _, year) =
        (month_name, b'-', number(1..=2), b'-', number(4..=4)).parse_next(input)?;
    let (_, clock, _) = (gap, clock, gap).parse_next(input)?;
    let rest = name.parse_next(input)?;
    let stamp = Stamp::at(year, month, day, clock).ok_or(EmptyError)?;
    let reading = match rest.trim_ascii_end().strip_suffix(b"<DIR>") {
        Some(name) if !name.trim_ascii_end().is_empty() => {
            let mut reading = Reading::named(Kind::Directory, name.trim_ascii_end());
            reading.facts.size = bytes.bytes();
            reading
        }
        _ => Reading::named(Kind::File, rest.trim_ascii_end()).sized(bytes.bytes()),
    };
    Ok(reading.at(stamp))
}

/// VShell before 3.0: `161803  Apr 08, 2004 19:32 name`, with a slash behind directories.
fn old_vshell(input: &mut &[u8]) -> Parsed<Reading> {
    let (bytes, _, month, _, day, _, _) = (
        digit1.verify_map(size),
        gap,
        month_name,
        gap,
        number(1..=2),
        b',',
        gap,
    )
        .parse_next(input)?;
    let (year, _, clock, _) = (number(4..=4), gap, clock, b' ').parse_next(input)?;
    let rest = name.parse_next(input)?;
    let stamp = Stamp::at(year, month, day, clock).ok_or(EmptyError)?;
    let reading = match rest.strip_suffix(b"/") {
        Some(name) if !name.is_empty() => Reading::named(Kind::Directory, name),
        _ => Reading::named(Kind::File, rest).sized(bytes.bytes()),
    };
    Ok(reading.at(stamp))
}

/// Only numbers, in columns: `0100644   500  101   54321    1000000000      name`. They are mode,
/// owner, group, size, and the time as seconds since 1970.
fn numerical(input: &mut &[u8]) -> Parsed<Reading> {
    let octal = take_while(6..=7, b'0'..=b'7');
    let (mode, _, _, _, _, _) = (octal, gap, digit1, gap, digit1, gap).parse_next(input)?;
    let (bytes, _, seconds, _) = (digit1.verify_map(size), gap, digit1, gap).parse_next(input)?;
    let name = name.parse_next(input)?;
    // POSIX `st_mode`: the type is in the bits above the permissions.
    let kind = match mode.trim_ascii_start().strip_prefix(b"0").unwrap_or(mode) {
        [b'1', b'0', _, ..] => Kind::File,
        [b'4', _, ..] => Kind::Directory,
        [b'1', b'2', _, ..] => Kind::Link,
        _ => Kind::Other,
    };
    let seconds = size(seconds).and_then(Size::bytes);
    let stamp = seconds.map_or(Stamp::Absent, epoch);
    Ok(Reading::named(kind, name).sized(bytes.bytes()).at(stamp))
}

/// Routers of Nortel (wfFtp): `name       2015209  07/05/06  Wed.    11:31:14`. The day of the week
/// decides the order of the numbers.
fn nortel(input: &mut &[u8]) -> Parsed<Reading> {
    let weekday = take_while(3..=10, |byte: u8| {
        byte.is_ascii_alphabetic() || byte == b'.'
    });
    let (name, _, bytes, _, three) =
        (word, gap, digit1.verify_map(size), gap, three_numbers).parse_next(input)?;
    let (_, weekday, _, clock, _) = (gap, weekday, gap, clock, blanks).parse_next(input)?;
    let stamp = three.on(weekday, clock).ok_or(EmptyError)?;
    Ok(Reading::named(Kind::File, name)
        .sized(bytes.bytes())
        .at(stamp))
}

/// HP NonStop: `NAME  101   743 8-May-09 16:32:27 255, 0 "nunu"`. The columns are code, size, date,
/// owner and security.
fn nonstop(input: &mut &[u8]) -> Parsed<Reading> {
    let code = terminated(
        digit1,
        opt(take_while(1..=2, |byte: u8| byte.is_ascii_uppercase())),
    );
    let (name, _, _, _, bytes, _) =
        (word, gap, code, gap, digit1.verify_map(size), gap).parse_next(input)?;
    let (day, _, clock, _) = (hyphened_day, gap, clock, gap).parse_next(input)?;
    let owner = (digit1, b',', blanks, digit1, gap);
    let security = (b'"', take_till(1..=8, b'"'), b'"', blanks);
    (owner, security).void().parse_next(input)?;
    let (year, month, day) = day;
    let stamp = Stamp::at(year, month, day, clock).ok_or(EmptyError)?;
    Ok(Reading::named(Kind::File, name)
        .sized(bytes.bytes())
        .at(stamp))
}

/// Microware OS-9: `31.41 09/05/27 1137 d-ewrewr 3a10 71680 name`. The columns are owner, date
/// (year first), time, attributes, sector and size.
fn os9(input: &mut &[u8]) -> Parsed<Reading> {
    let digits = || take_while(1..=9, b'0'..=b'9');
    (digits(), b'.', digits(), gap).void().parse_next(input)?;
    let (year, _, month, _, day, _) =
        (number(2..=2), b'/', number(2..=2), b'/', number(2..=2), gap).parse_next(input)?;
    let (hour, minute, _) = (number(2..=2), number(2..=2), gap).parse_next(input)?;
    let attributes = take_while(8..=8, |byte: u8| b"dsewr-".contains(&byte));
    let (mode, _, _, _, bytes, _) =
        (attributes, gap, word, gap, digit1.verify_map(size), gap).parse_next(input)?;
    let name = name.parse_next(input)?;
    let kind = if mode.starts_with(b"d") {
        Kind::Directory
    } else {
        Kind::File
    };
    let clock = Clock {
        hour,
        minute,
        second: 0,
    };
    let stamp = Stamp::at(full_year(year), month, day, clock).ok_or(EmptyError)?;
    let reading = Reading::named(kind, name).sized(bytes.bytes());
    Ok(reading.at(stamp).permitted(mode))
}
