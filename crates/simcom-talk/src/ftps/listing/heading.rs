//! Lines for people: sums, headings, and rules below them.

use winnow::Parser;
use winnow::ascii::{Caseless, digit1};
use winnow::combinator::{alt, opt, repeat, terminated};
use winnow::token::{one_of, rest, take_till};

use super::text::{Parsed, blanks, decoded, gap, is_blank, word};

/// What a line that is no entry says about the lines behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heading {
    /// Nothing. The line is blank: it is not even a name.
    Blank,
    /// Nothing.
    Plain,
    /// Data sets follow (MVS). Some of their lines are short.
    DataSets,
    /// Members of a partitioned data set follow (MVS). Some of their lines are a name only.
    Members,
}

/// What a line says as a heading. `None` where it is no heading.
pub(super) fn heading(line: &[u8]) -> Option<Heading> {
    let line = line.trim_ascii();
    if line.is_empty() {
        return Some(Heading::Blank);
    }
    let members = alt((
        columns(&["Name", "VV.MM"]),
        columns(&["Name", "Size", "TTR"]),
    ));
    let plain = alt((
        sum,
        vms,
        windows,
        columns(&["size", "date", "time", "name"]),
        rules,
    ));
    alt((
        members.value(Heading::Members),
        columns(&["Volume", "Unit"]).value(Heading::DataSets),
        plain.value(Heading::Plain),
    ))
    .parse(line)
    .ok()
}

/// `total` in the languages of GNU coreutils.
const TOTALS: [&str; 39] = [
    "total",
    "totalt",
    "totale",
    "totaal",
    "insgesamt",
    "gesamt",
    "summe",
    "razem",
    "celkem",
    "toplam",
    "summa",
    "suma",
    "yhteensä",
    "összesen",
    "ukupno",
    "celkom",
    "spolu",
    "skupaj",
    "ukupan",
    "i alt",
    "iš viso",
    "viso",
    "kokku",
    "guztira",
    "jumlah",
    "tổng cộng",
    "iomlán",
    "σύνολο",
    "общо",
    "укупно",
    "загалом",
    "всього",
    "итого",
    "всего",
    "合計",
    "合计",
    "总用量",
    "總計",
    "합계",
];

/// `total 12`, `total 4.0K`, `insgesamt: 8`.
fn sum(input: &mut &[u8]) -> Parsed<()> {
    let is_total = |words: &[u8]| {
        let words = decoded(words).to_lowercase();
        TOTALS.contains(&words.trim_end())
    };
    let end = |byte: u8| byte.is_ascii_digit() || byte == b':';
    let words = move || take_till(1.., end).verify(is_total);
    let spaced = |words: &[u8]| words.last().is_some_and(|byte| is_blank(*byte));
    let total = alt((words().verify(spaced).void(), (words(), b':', gap).void()));
    let fraction = (one_of((b'.', b',')), digit1);
    let unit = (opt(one_of(b"kKMGTPE")), opt(b'i'), opt(b'B'));
    let what = (
        gap,
        alt((
            b"bytes".as_slice(),
            b"blocks".as_slice(),
            b"files".as_slice(),
        )),
    );
    (total, digit1, opt(fraction), unit, opt(what))
        .void()
        .parse_next(input)
}

/// `Directory DISK:[NAME]`, `Total of 14 files, 54/54 blocks.`
fn vms(input: &mut &[u8]) -> Parsed<()> {
    let directory = (
        b"Directory".as_slice(),
        gap,
        take_till(1.., b'['),
        b'[',
        rest,
    );
    let files = alt((Caseless("files"), Caseless("file")));
    let total = (
        Caseless("total"),
        gap,
        opt((b"of".as_slice(), gap)),
        digit1,
        gap,
        files,
    );
    let total = (total, opt((one_of((b',', b'.')), rest)));
    let grand = (
        b"Grand total of ".as_slice(),
        digit1,
        b" director".as_slice(),
        rest,
    );
    // A line with an owner that had no room for the protection.
    let protection = (b"(RW".as_slice(), take_till(1.., b')'), b')');
    alt((
        directory.void(),
        total.void(),
        grand.void(),
        protection.void(),
    ))
    .parse_next(input)
}

/// What `DIR` prints above and below its entries.
fn windows(input: &mut &[u8]) -> Parsed<()> {
    let above = alt((
        b"Volume in drive ".as_slice(),
        b"Volume Serial Number is ".as_slice(),
        b"Directory of ".as_slice(),
    ));
    let number = || take_till(1.., is_blank);
    let what = alt((b"File(s)".as_slice(), b"Dir(s)".as_slice()));
    let bytes = (b"bytes".as_slice(), opt(b" free".as_slice()));
    let below = (digit1, gap, what, gap, number(), gap, bytes);
    alt(((above, rest).void(), below.void())).parse_next(input)
}

/// `--------       ------     ------    --------`
fn rules(input: &mut &[u8]) -> Parsed<()> {
    let rule = || word.verify(|word: &[u8]| word.len() > 2 && word.iter().all(|b| *b == b'-'));
    let more = repeat::<_, _, (), _, _>(1.., (gap, rule()));
    (rule(), more).void().parse_next(input)
}

/// A line that begins with these words, as the heading of columns.
fn columns(words: &'static [&'static str]) -> impl FnMut(&mut &[u8]) -> Parsed<()> {
    move |input| {
        for expected in words {
            let expected = |word: &[u8]| word == expected.as_bytes();
            terminated(word.verify(expected), blanks).parse_next(input)?;
        }
        rest.void().parse_next(input)
    }
}
