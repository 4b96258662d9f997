//! Listings as a whole: cut anywhere, of any bytes, of any length.
//!
//! More than 400 lines: this is a list of listings, with the reading that each must have.

use std::time::{Duration, SystemTime};

use proptest::prelude::*;

use super::heading::heading;
use super::whole::LINES;
use super::*;
use crate::ftps::lossless;

const LISTING: &[u8] = b"total 8\r\n\
    -rw-r--r-- 1 ftp ftp 10 Mar 19 13:51 111.TXT\r\n\
    drwxr-xr-x   2 0        0            4096 Nov 22  2025 a b\r\n\
    lrwxrwxrwx 1 u g 3 Jan 01 2024 link -> ../x y\r\n\
    02-13-24  10:15AM       <DIR>          inetpub\r\n\
    02-13-24  10:15AM                 1234 some file.txt\r\n\
    what is this\r\n\
    -rw-r--r-- 1 ftp ftp 7 Mar 18 2020 last";

fn entries<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Vec<Entry> {
    let mut lines = Lines::new();
    let mut entries: Vec<_> = parts
        .into_iter()
        .flat_map(|part| lines.push(part))
        .collect();
    entries.extend(lines.finish());
    entries
}

fn one(line: &'static [u8]) -> Entry {
    let mut entries = entries([line]);
    assert_eq!(entries.len(), 1);
    entries.remove(0)
}

fn names(entries: &[Entry]) -> Vec<(String, Option<Kind>, Option<u64>)> {
    entries
        .iter()
        .map(|entry| match &entry.facts {
            Some(facts) => (facts.name.clone(), Some(facts.kind), facts.size),
            None => (String::from_utf8_lossy(&entry.raw).into_owned(), None, None),
        })
        .collect()
}

#[test]
fn a_listing_reads_the_same_however_it_was_cut() {
    let want: Vec<(String, Option<Kind>, Option<u64>)> = vec![
        ("111.TXT".into(), Some(Kind::File), Some(10)),
        ("a b".into(), Some(Kind::Directory), None),
        ("link".into(), Some(Kind::Link), None),
        ("inetpub".into(), Some(Kind::Directory), None),
        ("some file.txt".into(), Some(Kind::File), Some(1234)),
        ("what is this".into(), None, None),
        ("last".into(), Some(Kind::File), Some(7)),
    ];
    for cut in 1..LISTING.len() {
        assert_eq!(
            names(&entries(LISTING.chunks(cut))),
            want,
            "cut every {cut} bytes"
        );
    }
}

#[test]
fn a_link_tells_where_it_leads() {
    let facts = one(b"lrwxrwxrwx 1 u g 3 Jan 01 2024 l -> ../x y")
        .facts
        .unwrap();
    assert_eq!(facts.link_target.as_deref(), Some("../x y"));
    assert_eq!(facts.permissions, "rwxrwxrwx");
}

#[test]
fn permissions_are_as_the_server_prints_them() {
    let permissions = |line| one(line).facts.unwrap().permissions;
    assert_eq!(
        permissions(b"-rwsr-x--T 1 u g 1 Feb 13  2024 f"),
        "rwsr-x--T"
    );
    assert_eq!(
        permissions(b"-rwsr-x--T+ 1 u g 1 Feb 13  2024 f"),
        "rwsr-x--T"
    );
    assert_eq!(permissions(b"+r,up644,\tf"), "644");
    assert_eq!(permissions(b"02-13-24  12:00PM  1 f"), "");
}

#[test]
fn bytes_outside_utf8_are_kept_raw() {
    let line = b"-rw-r--r-- 1 u g 3 Jan 01 2024 caf\xE9";
    let entry = one(line);
    assert_eq!(entry.raw, line.as_slice());
    assert_eq!(entry.facts.unwrap().size, Some(3));
}

#[test]
fn a_year_and_its_two_last_digits_are_one_date() {
    let date = |line| one(line).facts.unwrap().modified;
    let noon = |days: u64| {
        let seconds = days * 86_400 + 43_200;
        Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
    };
    // 2024-02-13 and 1999-02-13.
    assert_eq!(date(b"02-13-24  12:00PM  1 f"), noon(19_766));
    assert_eq!(date(b"02-13-2024  12:00PM  1 f"), noon(19_766));
    assert_eq!(date(b"02-13-1999  12:00PM  1 f"), noon(10_635));
    assert_eq!(
        date(b"-rw-r--r-- 1 u g 1 Feb 13  12:00 f"),
        None,
        "the time is not known"
    );
}

/// The line is not lost: its beginning is kept.
#[test]
fn a_line_without_end_does_not_fill_the_memory() {
    let mut lines = Lines::new();
    for _ in 0..100 {
        assert!(lines.push(&[b'x'; 1000]).is_empty());
        assert!(lines.rest.len() <= MAX_LINE);
    }
    let entries = lines.push(b"\n-rw-r--r-- 1 u g 3 Jan 01 2024 f\n");
    assert_eq!(entries.len(), 2);
    assert_eq!((entries[0].raw.len(), &entries[0].facts), (MAX_LINE, &None));
    assert_eq!(entries[1].facts.as_ref().unwrap().name, "f");
}

/// Every line has one more blank than the one before, so that the last line could change the
/// meaning of all.
#[test]
fn a_listing_without_end_does_not_fill_the_memory() {
    let mut lines = Lines::new();
    let mut read = 0;
    for _ in 0..10 * LINES {
        read += lines
            .push(b"-rw-r--r-- 1 u g 3 04/03/2020 10:15  f\n")
            .len();
    }
    assert_eq!(read, 10 * LINES);
    assert!(lines.finish().is_empty());
}

/// One date of each form that is read behind a size.
const DATES: [&str; 20] = [
    "Nov 27 19:28",
    "Mar 19  2020",
    "27 Nov 19:28",
    "19 Mar 2020",
    "27. Nov., 19:28",
    "Mar 19, 2020 13:51",
    "Mar 19 13:51:22 2020",
    "Thu Mar 19 13:51:22 2020",
    "19-mar-2020",
    "19-mar-20 13:51",
    "2020-03-19",
    "2020-03-19 13:51",
    "2020-03-19 13:51:22.5 +0100",
    "11-27 19:28",
    "3 29 13:51",
    "19.03.2020 13:51",
    "03/29/20 01:51PM",
    "3月 19 13:51",
    "3月 19日  2020年",
    "2020年 3月 19日",
];

/// `1 1 1 2048 Nov 27 19:28 2048` was read as a file of one byte from 2048-01-01, and `1 0 0 2005
/// 3月 19 13:51 f` as an empty file from 2005-03-19.
#[test]
fn numbers_of_links_owner_group_and_size_are_no_date() {
    for links in [1, 2, 12, 31] {
        for (owner, group) in [(0, 0), (1, 1), (12, 31), (31, 12), (1000, 1)] {
            for size in [0, 1, 12, 31, 1999, 2048, 2199, 70_000] {
                for date in DATES {
                    for name in ["2048", "12 31 2048", "a 1 1 10:15 b"] {
                        let line =
                            format!("-rw-r--r-- {links} {owner} {group} {size} {date} {name}\r\n");
                        let read = names(&entries([line.as_bytes()]));
                        let want = (name.to_owned(), Some(Kind::File), Some(size));
                        assert_eq!(read, [want], "{line}");
                    }
                }
            }
        }
    }
}

/// `1 jan 20 2048 Nov 27 19:28 f` was read as a file of one byte from 2048-01-20.
#[test]
fn an_owner_or_a_group_that_is_called_as_a_month_is_no_part_of_a_date() {
    let mut read_right = 0;
    let months = [
        "jan", "mar", "mag", "mai", "set", "out", "pro", "ara", "lis", "may",
    ];
    for month in months {
        for number in [1, 20, 31, 1000, 2020] {
            for owners in [format!("{month} {number}"), format!("{number} {month}")] {
                for size in [0, 12, 1899, 1900, 2048, 2199, 2200] {
                    for date in DATES {
                        let line = format!("-rw-r--r-- 1 {owners} {size} {date} 20 jan 2048 f");
                        let read = names(&entries([line.as_bytes()]));
                        let right = ("20 jan 2048 f".to_owned(), Some(Kind::File), Some(size));
                        let raw = (line.clone(), None, None);
                        assert!(read == [right.clone()] || read == [raw], "{read:?}");
                        read_right += usize::from(read == [right]);
                    }
                }
            }
        }
    }
    // All except those whose size could be a year, behind a day and a month.
    let (years, days) = (3, 3);
    let left = months.len() * DATES.len() * 2 * (5 * 7 - years * days);
    assert!(read_right >= left, "{read_right} of {left}");
}

/// A size and a date in the name were taken for those of the file.
#[test]
fn a_name_with_a_size_and_a_date_is_not_read_for_the_columns() {
    for date in [
        "Mar 19 2020 13:51",
        "Xyz 19 13:51",
        "Xyz 19  2020",
        "19. Xyz 2020",
        "19 Xyz 25:61",
        "қаң 19 13:51",
        "ينا 19  2020",
        "Aug 22",
        "2563-10-06",
        "2020-13-41",
        "19-xyz-2020",
        "19/3",
        "13.51",
        "3月 41 13:51",
    ] {
        for kind in ["-", "d"] {
            for name in ["Invoice 42 2020-03-19 final.pdf", "7 Mar 19 13:51 f"] {
                let line = format!("{kind}rw-r--r-- 1 u g 10 {date} {name}");
                let read = names(&entries([line.as_bytes()]));
                assert_eq!(read, [(line, None, None)]);
            }
        }
    }
}

/// The order of `04-03-2020  15:19` is unknown. With AM or PM, or with two digits of the year, it
/// is that of IIS.
#[test]
fn a_date_of_windows_with_24_hours_and_a_whole_year_is_in_no_order() {
    let date = |line| one(line).facts.unwrap().modified;
    assert_eq!(date(b"04-03-2020  15:19  1 f"), None);
    assert!(date(b"04-03-2020  03:19PM  1 f").is_some());
    assert!(date(b"04-03-20  15:19  1 f").is_some());
    assert!(date(b"04-13-2020  15:19  1 f").is_some());
}

/// A 13th day far below changed the order of all lines behind it.
#[test]
fn one_listing_has_one_order_of_dates_and_one_padding() {
    let mut lines = Lines::new();
    let mut entries = Vec::new();
    let mut push = |line: &[u8]| entries.extend(lines.push(line));
    for _ in 0..=LINES {
        push(b"04-03-20  10:15AM                 1234  f\n");
    }
    push(b"25-03-2020  10:15AM               1234 g\n");
    for _ in 0..9 {
        push(b"04-03-20  10:15AM                 1234  f\n");
    }
    entries.extend(lines.finish());
    let facts = entries.iter().map(|entry| entry.facts.clone().unwrap());
    let mut seen: Vec<_> = facts.filter(|facts| !facts.name.ends_with('g')).collect();
    assert_eq!(seen.len(), LINES + 10);
    seen.dedup();
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert!(seen[0].modified.is_some());
}

/// `ERROR CODE IS 5` was read as a file with the name `5`.
#[test]
fn a_sentence_is_no_data_set_where_there_is_no_heading_of_data_sets() {
    let lines = ["ERROR CODE IS 5", "SEE Tape 3", "Migrated all"];
    for line in lines {
        assert_eq!(one(line.as_bytes().to_vec().leak()).facts, None, "{line}");
    }
    let heading = "Volume Unit    Referred Ext Used Recfm Lrecl BlkSz Dsorg Dsname";
    let text = [&[heading], &lines[..]].concat().join("\n");
    let names = names(&entries([text.as_bytes()]));
    let names: Vec<&str> = names.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(names, ["5", "3", "all"]);
}

/// Files whose names look like sums and headings were missing from a list of bare names.
#[test]
fn a_list_of_bare_names_has_all_of_them() {
    for odd in [
        "total 12",
        "Total 9 files",
        "size date time name",
        "--- ---",
    ] {
        for names in [
            [odd, "a.txt", "b.txt"],
            ["a.txt", odd, "b.txt"],
            ["a", "b", odd],
        ] {
            let entries = entries([names.join("\r\n").as_bytes()]);
            let raw: Vec<&[u8]> = entries.iter().map(|entry| &entry.raw[..]).collect();
            assert_eq!(raw, names.map(str::as_bytes));
        }
        let text = format!("{odd}\nwhat is this\n-rw-r--r-- 1 u g 3 Jan 01 2024 f\n");
        assert_eq!(entries([text.as_bytes()]).len(), 2, "{odd}");
    }
}

/// The first half of an OpenVMS line came behind the line.
#[test]
fn entries_keep_their_order_before_a_line_that_is_too_long() {
    let text = ["A.B;1\n", &"x".repeat(2 * MAX_LINE), "\nlast"].concat();
    let entries = entries([text.as_bytes()]);
    let begin = |entry: &Entry| entry.raw.first().copied();
    let begins: Vec<_> = entries.iter().filter_map(begin).collect();
    assert_eq!(begins, *b"Axl");
}

#[test]
fn usual_listings_are_not_held_back() {
    let mut lines = Lines::new();
    for line in LISTING.split_inclusive(|byte| *byte == b'\n') {
        let is_entry = line.ends_with(b"\n") && !line.starts_with(b"total");
        assert_eq!(lines.push(line).len(), usize::from(is_entry));
    }
}

/// A line that a server may print.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let any = prop::collection::vec(
        any::<u8>().prop_filter("no line end", |b| *b != b'\n'),
        0..60,
    );
    let like = "(-rw-r--r--|d[rwx-]{9}[+]?|02-13-24|A.B;1|[+]r,|type=file;|[0-9]{1,6}|[ -~]{0,9})\
        ( {1,2}([0-9]{1,5}|u|10:15(PM)?|<DIR>|[A-Z]{3} [0-9]{1,2}|Mar 19|2020(-0[1-9]-[0-9]{2})?|-> x|;|\t)){0,9}";
    prop_oneof![any, like.prop_map(String::into_bytes)]
}

proptest! {
    #[test]
    fn no_line_is_lost(lines in prop::collection::vec(line(), 0..20)) {
        let text = lines.join(&b'\n');
        let entries = entries([text.as_slice()]);
        let mut kept = entries.iter().flat_map(|entry| entry.raw.split(|b| *b == b'\n')).peekable();
        for line in &lines {
            let line = without_returns(line);
            if kept.peek() == Some(&line) {
                kept.next();
            } else {
                let is_here = |end: &[u8]| line.trim_ascii_end().ends_with(end) || line.ends_with(b"/");
                prop_assert!(
                    heading(line).is_some() || is_here(b"."),
                    "{:?}", String::from_utf8_lossy(line)
                );
            }
        }
        prop_assert!(kept.next().is_none());
        for facts in entries.iter().filter_map(|entry| entry.facts.as_ref()) {
            prop_assert!(!facts.name.is_empty() && facts.name != "." && facts.name != "..");
        }
    }

    #[test]
    fn a_cut_changes_nothing(text in prop::collection::vec(line(), 0..9), at in any::<prop::sample::Index>()) {
        let text = text.join(&b'\n');
        let (first, second) = text.split_at(at.index(text.len() + 1));
        prop_assert_eq!(entries([first, second]), entries([text.as_slice()]));
    }

    /// The exception is blanks before all names, which may be the server's ([`Facts::name`]).
    #[test]
    fn names_are_never_altered_but_for_blanks_before_all_of_them(
        name in "[^\n\r]{0,20}[^\n\r \t/.]",
        other_blanks in 0..3_usize,
    ) {
        let forms: [(&str, &str); 6] = [
            ("-rw-r--r-- 1 u g 5 Mar 19 13:51 ", "-rw-r--r-- 1 u g 5 Mar 19 13:51 x"),
            ("drwxr-xr-x 1 u g 5 19 Mar 13:51 ", "-rw-r--r-- 1 u g 5 19 Mar 13:51 x"),
            ("02-13-24  10:15AM                 1234 ", "02-13-24  10:15AM                 1234 x"),
            ("02-13-24  10:15AM       <DIR>          ", "02-13-24  10:15AM                 1234 x"),
            ("+r,\t", "+r,\tx"),
            ("type=file; ", "type=file; x"),
        ];
        for (columns, other) in forms {
            let other = other.strip_suffix('x').unwrap_or(other);
            let other_name = format!("{}x", " ".repeat(other_blanks));
            let text = format!("{columns}{name}\r\n{other}{other_name}\r\n");
            let entries = entries([text.as_bytes()]);
            let written = [&name, &other_name];
            for (entry, name) in entries.iter().zip(written) {
                let read = lossless::bytes(&entry.facts.as_ref().unwrap().name).into_owned();
                let read = String::from_utf8(read).unwrap();
                let lost = name.strip_suffix(read.as_str());
                prop_assert!(lost.is_some(), "{read:?} of {name:?}");
                let lost = lost.unwrap_or_default().len();
                let begins_blank = |name: &&String| {
                    name.bytes().take(lost).all(|byte| matches!(byte, b' ' | b'\t'))
                };
                prop_assert!(written.iter().all(begins_blank), "{read:?} of {name:?}");
            }
            if other_blanks == 0 {
                let read = lossless::bytes(&entries[0].facts.as_ref().unwrap().name);
                prop_assert_eq!(&*read, name.as_bytes());
            }
        }
    }
}

fn without_returns(line: &[u8]) -> &[u8] {
    let end = line.iter().rposition(|byte| *byte != b'\r');
    let begin = line.iter().position(|byte| *byte != b'\r');
    let inner = begin
        .zip(end)
        .and_then(|(begin, end)| line.get(begin..=end));
    inner.unwrap_or_default()
}
