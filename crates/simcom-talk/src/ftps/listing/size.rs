//! Sizes as servers print them.

use winnow::Parser;
use winnow::combinator::{alt, eof, opt, peek, repeat, terminated};
use winnow::token::{one_of, take_while};

use super::text::Parsed;

/// What a column of sizes holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    /// So many bytes.
    Bytes(u64),
    /// A size that does not tell the bytes: it is rounded (`4.0K`), is out of range (more than 64
    /// bits, or negative), or is left out (`-`).
    Vague,
}

impl Size {
    /// The number of bytes, where it is known.
    pub(super) fn bytes(self) -> Option<u64> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Vague => None,
        }
    }
}

/// The size in a column, if the column is a size.
pub(super) fn size(column: &[u8]) -> Option<Size> {
    column
        .first()
        .filter(|byte| matches!(byte, b'0'..=b'9' | b'-'))?;
    alt((terminated(plain, opt(b'B')), grouped, rounded, missing))
        .parse(column)
        .ok()
}

fn plain(input: &mut &[u8]) -> Parsed<Size> {
    terminated(
        take_while(1.., b'0'..=b'9'),
        peek(alt((eof, b"B".as_slice()))),
    )
    .map(|digits: &[u8]| of_digits(digits.iter().copied()))
    .parse_next(input)
}

/// `1,234,567`, or with the dots, apostrophes or no-break spaces of other languages.
fn grouped(input: &mut &[u8]) -> Parsed<Size> {
    let group = (between_groups, take_while(3..=3, b'0'..=b'9'));
    let groups = repeat::<_, _, (), _, _>(1.., group);
    terminated((take_while(1..=3, b'0'..=b'9'), groups).take(), eof)
        .map(|text: &[u8]| of_digits(text.iter().copied().filter(u8::is_ascii_digit)))
        .parse_next(input)
}

/// The no-break space of UTF-8, of Latin-1, or of the code pages of DOS.
fn between_groups(input: &mut &[u8]) -> Parsed<()> {
    let of_utf8 = alt((
        "\u{a0}".as_bytes(),
        "\u{202f}".as_bytes(),
        "\u{2019}".as_bytes(),
    ));
    alt((
        one_of((b',', b'.', b'\'', 0xA0_u8, 0xFF_u8)).void(),
        of_utf8.void(),
    ))
    .parse_next(input)
}

/// No size, or a negative one because the server counts with too few bits.
fn missing(input: &mut &[u8]) -> Parsed<Size> {
    (b'-', take_while(0.., b'0'..=b'9'))
        .value(Size::Vague)
        .parse_next(input)
}

/// `ls -h`: `1.5K`, `4,0M`, `33.5k`.
fn rounded(input: &mut &[u8]) -> Parsed<Size> {
    (
        take_while(1.., b'0'..=b'9'),
        opt((one_of((b'.', b',')), take_while(1..=3, b'0'..=b'9'))),
        one_of(b"kKmMgGtTpPeE"),
        opt(one_of(b"iI")),
        opt(one_of(b"bB")),
        eof,
    )
        .value(Size::Vague)
        .parse_next(input)
}

fn of_digits(digits: impl IntoIterator<Item = u8>) -> Size {
    let number = digits.into_iter().try_fold(0_u64, |number, digit| {
        number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
    });
    number.map_or(Size::Vague, Size::Bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_number_of_bytes_or_none() {
        let table: &[(&str, Option<Size>)] = &[
            ("0", Some(Size::Bytes(0))),
            ("1234", Some(Size::Bytes(1234))),
            ("10B", Some(Size::Bytes(10))),
            ("18446744073709551615", Some(Size::Bytes(u64::MAX))),
            ("18446744073709551616", Some(Size::Vague)),
            ("99999999999999999999999999", Some(Size::Vague)),
            ("1,234,567", Some(Size::Bytes(1_234_567))),
            ("1.234", Some(Size::Bytes(1234))),
            ("1'234'567", Some(Size::Bytes(1_234_567))),
            ("1\u{a0}234", Some(Size::Bytes(1234))),
            ("1\u{202f}234\u{202f}567", Some(Size::Bytes(1_234_567))),
            ("4.0K", Some(Size::Vague)),
            ("33.5k", Some(Size::Vague)),
            ("1,5M", Some(Size::Vague)),
            ("12MiB", Some(Size::Vague)),
            ("-", Some(Size::Vague)),
            ("", None),
            ("12,34", None),
            ("-2147483648", Some(Size::Vague)),
            ("0,", None),
            ("group", None),
            ("119:26", None),
        ];
        for (text, want) in table {
            assert_eq!(size(text.as_bytes()), *want, "{text:?}");
        }
    }
}
