//! Lines of MVS and z/OS: data sets, and members of a partitioned one (z/OS Communications
//! Server: IP User's Guide, "FTP").
//!
//! The size of a data set in bytes is not known before it is sent: the server makes lines of its
//! records.

use winnow::Parser;
use winnow::combinator::{alt, opt, preceded, repeat_till, terminated};
use winnow::error::EmptyError;
use winnow::token::take_while;

use super::date::{clock, iso_day};
use super::entry::Kind;
use super::reading::Reading;
use super::stamp::{Clock, Stamp};
use super::text::{Parsed, blanks, edge, gap, word};

/// Reads a line of either kind, in a form that no other line has.
pub(super) fn read(line: &[u8]) -> Option<Reading> {
    let mut input = line;
    blanks(&mut input).ok()?;
    alt((terminated(data_set, end), terminated(member, end), module))
        .parse(input)
        .ok()
}

/// A data set without a date: a data set of VSAM, or one that is on a tape or nowhere. Sentences
/// may look the same, so a line is read like this only in a listing of data sets.
pub(super) fn short_data_set(line: &[u8]) -> Option<Reading> {
    let mut input = line;
    blanks(&mut input).ok()?;
    terminated(alt((moved, short)), end).parse(input).ok()
}

/// A member without statistics: only its name. A line is read like this only in a listing of
/// members.
pub(super) fn bare_member(line: &[u8]) -> Option<Reading> {
    let name = terminated(member_name, end).parse(line).ok()?;
    Some(Reading::named(Kind::File, name))
}

fn end(input: &mut &[u8]) -> Parsed<()> {
    (blanks, winnow::combinator::eof).void().parse_next(input)
}

/// `Migrated   NAME`, `Pseudo Directory   NAME`: entries that are not on a disk.
fn moved(input: &mut &[u8]) -> Parsed<Reading> {
    let kind = alt((
        b"Migrated".as_slice().value(Kind::File),
        b"ARCIVE Not Direct Access Device"
            .as_slice()
            .value(Kind::File),
        b"Not Direct Access Device".as_slice().value(Kind::File),
        b"Error determining attributes".as_slice().value(Kind::File),
        // The base of generations. Its data sets have lines of their own.
        b"GDG".as_slice().value(Kind::File),
        b"Pseudo Directory".as_slice().value(Kind::Directory),
    ));
    (terminated(kind, gap), data_set_name)
        .map(|(kind, name)| Reading::named(kind, name))
        .parse_next(input)
}

/// `VOLUME UNIT   REFERRED  EXT USED RECFM LRECL BLKSZ DSORG NAME`
fn data_set(input: &mut &[u8]) -> Parsed<Reading> {
    let referred = alt((
        iso_day.map(|(year, month, day)| Stamp::at(year, month, day, Clock::default())),
        b"**NONE**".as_slice().value(Some(Stamp::Absent)),
    ));
    let referred = terminated(referred.verify_map(|stamp| stamp), gap);
    (volume, unit, referred, organized, data_set_name)
        .map(|((), (), stamp, kind, name)| Reading::named(kind, name).at(stamp))
        .parse_next(input)
}

/// `VOLUME UNIT   DSORG NAME`, `VOLUME Tape   NAME`
fn short(input: &mut &[u8]) -> Parsed<Reading> {
    let vsam = (unit, terminated(organization, gap), data_set_name);
    let tape = (b"Tape".as_slice(), gap, data_set_name);
    let forms = alt((
        vsam.map(|((), kind, name)| Reading::named(kind, name)),
        tape.map(|(_, (), name)| Reading::named(Kind::File, name)),
    ));
    preceded(volume, forms).parse_next(input)
}

fn volume(input: &mut &[u8]) -> Parsed<()> {
    (take_while(1..=6, is_sign), gap).void().parse_next(input)
}

fn unit(input: &mut &[u8]) -> Parsed<()> {
    (take_while(1..=8, is_sign), gap).void().parse_next(input)
}

fn is_sign(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"@#$".contains(&byte)
}

/// The numbers, some of which may touch, and the organization of the data set.
fn organized(input: &mut &[u8]) -> Parsed<Kind> {
    let number = |byte: u8| byte.is_ascii_alphanumeric() || b"?+*".contains(&byte);
    let number = terminated(take_while(1..=8, number), gap);
    let organization = terminated(organization, gap);
    repeat_till::<_, _, (), _, _, _, _>(0..=6, number, organization)
        .map(|((), kind)| kind)
        .parse_next(input)
}

/// Partitioned data sets hold members, as directories do.
fn organization(input: &mut &[u8]) -> Parsed<Kind> {
    terminated(
        take_while(2..=4, |byte: u8| byte.is_ascii_uppercase() || byte == b'-'),
        edge,
    )
    .verify_map(|name: &[u8]| match name {
        b"PO" | b"PO-E" | b"PO-L" | b"PATH" => Some(Kind::Directory),
        b"PS" | b"PS-E" | b"PS-L" | b"PSU" | b"DA" | b"IS" | b"VS" | b"VSAM" | b"GDG" => {
            Some(Kind::File)
        }
        _ => None,
    })
    .parse_next(input)
}

/// `NAME  01.07 2006/04/18 2006/05/23 16:42    27    25     0 USER`: version, made, changed,
/// and numbers of lines.
fn member(input: &mut &[u8]) -> Parsed<Reading> {
    let digits = |count| take_while(count, b'0'..=b'9');
    let version = (digits(2..=2), b'.', digits(2..=2), gap);
    let (name, _) = (member_name, gap).parse_next(input)?;
    let (_, _, _, (year, month, day), _, clock) =
        (version, iso_day, gap, iso_day, gap, clock).parse_next(input)?;
    let lines = || (gap, digits(1..=9));
    (lines(), lines(), lines(), opt((gap, word)))
        .void()
        .parse_next(input)?;
    let stamp = Stamp::at(year, month, day, clock).ok_or(EmptyError)?;
    Ok(Reading::named(Kind::File, name).at(stamp))
}

/// A load module: `NAME  00C4A0 0007F2  00 FO     24    ANY`.
fn module(input: &mut &[u8]) -> Parsed<Reading> {
    let hex = |count| {
        take_while(count, |byte: u8| {
            byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte)
        })
    };
    let alias_of = opt((member_name, gap));
    let authorization = alt((
        terminated(hex(2..=2), gap).void(),
        (alias_of, hex(2..=2), gap).void(),
    ));
    let place = (gap, hex(6..=6), gap, hex(6..=6), gap, authorization);
    let attributes = take_while(1.., |byte: u8| {
        byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' '
    });
    (member_name, place, attributes)
        .map(|(name, ..)| Reading::named(Kind::File, name))
        .parse_next(input)
}

fn member_name<'a>(input: &mut &'a [u8]) -> Parsed<&'a [u8]> {
    let sign = |byte: u8| byte.is_ascii_alphanumeric() || b"@#$-".contains(&byte);
    take_while(1.., sign).parse_next(input)
}

fn data_set_name<'a>(input: &mut &'a [u8]) -> Parsed<&'a [u8]> {
    word.parse_next(input)
}
