//! The parts of all forms of lines: blanks, words, numbers.

use std::ops::RangeInclusive;

use winnow::Parser;
use winnow::combinator::{alt, eof, peek};
use winnow::error::EmptyError;
use winnow::token::{one_of, take_till, take_while};

/// What a parser found, or nothing. A line that does not fit is no error.
pub(super) type Parsed<T> = winnow::Result<T, EmptyError>;

pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// The blanks between two columns.
pub(super) fn gap(input: &mut &[u8]) -> Parsed<()> {
    take_while(1.., is_blank).void().parse_next(input)
}

/// Blanks, if there are any.
pub(super) fn blanks(input: &mut &[u8]) -> Parsed<()> {
    take_while(0.., is_blank).void().parse_next(input)
}

/// A column: everything up to a blank.
pub(super) fn word<'a>(input: &mut &'a [u8]) -> Parsed<&'a [u8]> {
    take_till(1.., is_blank).parse_next(input)
}

/// The end of a column. It is not consumed.
pub(super) fn edge(input: &mut &[u8]) -> Parsed<()> {
    peek(alt((eof.void(), one_of(is_blank).void()))).parse_next(input)
}

/// A decimal number of as many digits as `digits` allows, at most nine.
pub(super) fn number(
    digits: RangeInclusive<usize>,
) -> impl FnMut(&mut &[u8]) -> Parsed<u32> + Clone {
    move |input| {
        take_while(digits.clone(), b'0'..=b'9')
            .map(|digits: &[u8]| {
                let digits = digits.iter().map(|digit| u32::from(digit - b'0'));
                digits.fold(0, |number: u32, digit| {
                    number.saturating_mul(10).saturating_add(digit)
                })
            })
            .parse_next(input)
    }
}

/// The rest, which is a name: it has at least one byte that is no blank.
pub(super) fn name<'a>(input: &mut &'a [u8]) -> Parsed<&'a [u8]> {
    winnow::token::rest
        .verify(|rest: &[u8]| !rest.iter().all(|byte| is_blank(*byte)))
        .parse_next(input)
}

/// A word to be compared: UTF-8, or else Latin-1.
pub(super) fn decoded(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    }
}

/// Text for people. Bytes that are not UTF-8 become replacement characters.
pub(super) fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
