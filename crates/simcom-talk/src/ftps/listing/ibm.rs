//! Lines of OS/2, OS/400 and z/VM.

use winnow::Parser;
use winnow::ascii::digit1;
use winnow::combinator::{alt, opt, peek, preceded, repeat, terminated};
use winnow::stream::Offset;
use winnow::token::{one_of, take_while};

use super::date::{clock, iso_day, three_numbers};
use super::entry::Kind;
use super::reading::{Blanks, Reading, split_blanks};
use super::size::{Size, size};
use super::stamp::{Order, Stamp};
use super::text::{Parsed, blanks, edge, gap, name, word};

/// Reads a line of any of these systems.
pub(super) fn read(line: &[u8]) -> Option<Reading> {
    os2(line)
        .or_else(|| os400.parse(line).ok())
        .or_else(|| vm.parse(line).ok())
}

/// OS/2: `     0 DIR  A    03-14-106   18:42  name`: size, `DIR`, attributes, a date whose year
/// counts from 1900, and two blanks before the name.
fn os2(line: &[u8]) -> Option<Reading> {
    let mut input = line;
    let marks = || take_while(1..=5, |byte: u8| b"ARHSDC".contains(&byte));
    let attributes = repeat::<_, _, (), _, _>(0..=5, terminated(marks(), gap));
    let (_, bytes, _, _, directory, _, three, _, clock) = (
        blanks,
        digit1.verify_map(size),
        gap,
        opt(terminated(marks(), (gap, peek(b"DIR".as_slice())))),
        opt(terminated(b"DIR".as_slice(), gap)),
        attributes,
        three_numbers,
        gap,
        terminated(clock, edge),
    )
        .parse_next(&mut input)
        .ok()?;
    let kind = directory.map_or(Kind::File, |_| Kind::Directory);
    let (count, tail) = split_blanks(input)?;
    let blanks = Blanks::usual(2, count, input.offset_from(&line) + count);
    let stamp = three.at(clock, Some(Order::MonthDayYear))?;
    let reading = Reading::named(kind, tail).sized(bytes.bytes());
    Some(reading.at(stamp).after(blanks))
}

/// OS/400: `QSYS            53248 04/27/03 11:35:41 *STMF      name`, with a slash behind
/// directories. A setting of the job decides the order of the date. A member of a file has no size
/// and no date.
fn os400(input: &mut &[u8]) -> Parsed<Reading> {
    let numeric =
        (three_numbers, gap, clock).verify_map(|(three, (), clock)| three.at(clock, None));
    let iso = (iso_day, gap, clock)
        .verify_map(|((year, month, day), (), clock)| Stamp::at(year, month, day, clock));
    let changed = alt((iso, numeric));
    let full = (
        terminated(word.verify_map(size), gap),
        terminated(changed, gap),
    );
    let (_, numbers, kind) =
        (terminated(word, gap), opt(full), kind_of_object).parse_next(input)?;
    let name = preceded(gap, name).parse_next(input)?;
    let (kind, name) = match name.strip_suffix(b"/") {
        Some(name) if !name.is_empty() => (Kind::Directory, name),
        _ => (kind, name),
    };
    let (size, stamp) = numbers.unwrap_or((Size::Vague, Stamp::Absent));
    Ok(Reading::named(kind, name).sized(size.bytes()).at(stamp))
}

/// `*DIR`, `*STMF`, `*FILE`: types of objects (CL reference).
fn kind_of_object(input: &mut &[u8]) -> Parsed<Kind> {
    let letters = take_while(2..=7, |byte: u8| byte.is_ascii_uppercase());
    preceded(b'*', terminated(letters, edge))
        .map(|name: &[u8]| match name {
            b"DIR" | b"DDIR" | b"FLR" | b"LIB" => Kind::Directory,
            b"SYMLNK" => Kind::Link,
            _ => Kind::File,
        })
        .parse_next(input)
}

/// z/VM: `NAME     TYPE     V   72    93   3 2009-08-06 14:39:51 041283`. Its server names such a
/// file `NAME.TYPE`. Sizes are in records.
fn vm(input: &mut &[u8]) -> Parsed<Reading> {
    let sign = |byte: u8| byte.is_ascii_alphanumeric() || b"@#$+-:_".contains(&byte);
    let part = || terminated(take_while(1.., sign), gap);
    let number = || terminated(digit1, gap);
    let format = terminated(one_of((b'F', b'V')), gap);
    let (first, second, ..) =
        (part(), part(), format, number(), number(), number()).parse_next(input)?;
    let iso = (terminated(iso_day, gap), clock)
        .map(|((year, month, day), clock)| Stamp::at(year, month, day, clock));
    let us = (terminated(three_numbers, gap), clock).map(|(three, clock)| three.at(clock, None));
    let stamp = alt((iso, us)).verify_map(|stamp| stamp).parse_next(input)?;
    opt((gap, word, blanks)).parse_next(input)?;
    let name = [first, second].join(&b'.');
    Ok(Reading::named(Kind::File, &name).at(stamp))
}
