//! One line of a listing: what can be told from it without guessing.

use std::path::Path;

use suppaftp::list::{File, ListParser};

use super::{Facts, Kind};

/// As `ls` prints them.
const MONTHS: [&str; 12] = [
    " Jan ", " Feb ", " Mar ", " Apr ", " May ", " Jun ", " Jul ", " Aug ", " Sep ", " Oct ",
    " Nov ", " Dec ",
];

/// Reads a line in the form of `ls -l` or of DOS; `None` where it has neither, or could mean
/// more than one thing.
pub(super) fn read(line: &str) -> Option<Facts> {
    if line.starts_with(['-', 'd', 'l', 'b', 'c', 'p', 's']) {
        posix(line)
    } else {
        dos(line)
    }
}

fn posix(line: &str) -> Option<Facts> {
    let permissions = line.get(1..10)?;
    // A mark for labels and access lists stands where there is a blank otherwise.
    let rest = line.get(10..)?;
    let rest = rest.strip_prefix(['.', '+', '@']).unwrap_or(rest);
    let start = line.get(..10)?;
    let wordy = from_size(rest).map(|rest| format!("{start} 1 - - {rest}"));
    let file = columns(start, rest)
        .into_iter()
        .chain(wordy)
        .find_map(|line| ListParser::parse_posix(&line).ok())?;
    let tail = match target(&file) {
        Some(target) => format!("{} -> {}", file.name(), target.to_str()?),
        None => file.name().to_owned(),
    };
    // Where an arrow is part of a link's name or target, there is more than one way to read it.
    let before = line.strip_suffix(&tail)?;
    let name = with_leading_blanks(before, file.name(), 1);
    if has_time(&name) && !before.contains(':') {
        // `Nov 22 2025 10:15 name`: a year and a time, of which only one is expected.
        return None;
    }
    Some(Facts {
        permissions: permissions.to_owned(),
        ..facts(&file, name)
    })
}

/// The line, and what it would be if it had the columns that some servers leave out: the number
/// of links, the group, owner and group, or all of them.
fn columns(start: &str, rest: &str) -> [String; 6] {
    let trimmed = rest.trim_start();
    let (first, others) = trimmed.split_once(' ').unwrap_or((trimmed, ""));
    [
        format!("{start}{rest}"),
        format!("{start} 1{rest}"),
        format!("{start} {first} - {others}"),
        format!("{start} {first} - - {others}"),
        format!("{start} 1 - -{rest}"),
        format!("{start} 1 -{rest}"),
    ]
}

/// What begins with the size, the number before the month: where users come from a Windows domain, owner
/// and group have blanks in them (`Domain Users`).
fn from_size(rest: &str) -> Option<&str> {
    let starts = MONTHS.iter().filter_map(|month| {
        let before = rest.get(..rest.find(month)?)?.trim_end();
        let size = before.rsplit(' ').next()?;
        let is_number = !size.is_empty() && size.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| before.len() - size.len())
    });
    rest.get(starts.min()?..)
}

fn dos(line: &str) -> Option<Facts> {
    let shortened = short_year(line);
    let file = ListParser::parse_dos(shortened.as_deref().unwrap_or(line)).ok()?;
    let before = line.strip_suffix(file.name())?;
    // IIS pads a directory's mark to where the names begin.
    let usual = if file.is_directory() { 10 } else { 1 };
    let name = with_leading_blanks(before, file.name(), usual);
    Some(facts(&file, name))
}

/// IIS can be told to print four digits of the year.
fn short_year(line: &str) -> Option<String> {
    let (date, rest) = line.split_at_checked(10)?;
    let (day, year) = date.split_at_checked(6)?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (century, year) = year.split_at_checked(2)?;
    let right = match century {
        "20" => "00"..="68",
        "19" => "69"..="99",
        _ => return None,
    };
    (digits(year) && right.contains(&year)).then(|| format!("{day}{year}{rest}"))
}

/// A name with the blanks that it begins with: those that are more than the usual ones before it.
fn with_leading_blanks(before: &str, name: &str, usual: usize) -> String {
    let blanks = before.len() - before.trim_end_matches(' ').len();
    format!("{}{name}", " ".repeat(blanks.saturating_sub(usual)))
}

/// Whether a name begins like a time of the day with something behind it.
fn has_time(name: &str) -> bool {
    let Some((time, _)) = name.split_once(' ') else {
        return false;
    };
    let Some((hour, minute)) = time.split_once(':') else {
        return false;
    };
    [hour, minute]
        .iter()
        .all(|part| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Where a link leads, where the server tells.
fn target(file: &File) -> Option<&Path> {
    let target = file.symlink()?;
    (!target.as_os_str().is_empty()).then_some(target)
}

fn facts(file: &File, name: String) -> Facts {
    let kind = if file.is_symlink() {
        Kind::Link
    } else if file.is_directory() {
        Kind::Directory
    } else {
        Kind::File
    };
    Facts {
        name,
        kind,
        size: (kind == Kind::File).then(|| u64::try_from(file.size()).unwrap_or(u64::MAX)),
        modified: Some(file.modified()),
        permissions: String::new(),
        link_target: target(file).map(|target| target.to_string_lossy().into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    /// Name, kind and size of what is read.
    type Read<'a> = Option<(&'a str, Kind, Option<u64>)>;

    /// What is read of lines as odd servers print them.
    #[test]
    fn odd_servers_are_read_or_left_alone() {
        use Kind::{Directory, File, Link};
        let table: &[(&str, Read<'_>)] = &[
            // unix: times and years, blanks, marks behind the permissions.
            (
                "-rw-r--r-- 1 u g 10 Mar 19 13:51 a b  c",
                Some(("a b  c", File, Some(10))),
            ),
            (
                "-rw-r--r-- 1 u g 10 Mar 19  2020 2021 report",
                Some(("2021 report", File, Some(10))),
            ),
            (
                "-rw-r--r-- 1 u g 10 Mar 19  2020   lead",
                Some(("  lead", File, Some(10))),
            ),
            (
                "-rw-r--r-- 1 u g 10 Mar 19  2020 trail ",
                Some(("trail ", File, Some(10))),
            ),
            (
                "drwxrwsr-t    2 0        0            4096 Nov 02 2025 d",
                Some(("d", Directory, None)),
            ),
            (
                "-rw-r--r--. 1 u g 10 Mar 19  2020 selinux",
                Some(("selinux", File, Some(10))),
            ),
            (
                "-rw-r--r--+ 1 u g 10 Mar 19  2020 acl",
                Some(("acl", File, Some(10))),
            ),
            (
                "-rw-r--r-- 1 u g 5368709120 Mar 19  2020 big",
                Some(("big", File, Some(5_368_709_120))),
            ),
            // Owners and groups of a Windows domain.
            (
                "-rw-r--r-- 1 john Domain Users 10 Mar 19 13:51 1 Apr 2 report",
                Some(("1 Apr 2 report", File, Some(10))),
            ),
            (
                "drwxr-xr-x 2 ACME\\john smith domain users 4096 Nov  2  2025 d",
                Some(("d", Directory, None)),
            ),
            // Arrows.
            (
                "lrwxrwxrwx 1 u g 3 Jan 01 2024 l -> ../x y",
                Some(("l", Link, None)),
            ),
            (
                "lrwxrwxrwx 1 u g 3 Jan 01 2024  l -> x",
                Some((" l", Link, None)),
            ),
            (
                "lrwxrwxrwx 1 u g 3 Jan 01 2024 no-target",
                Some(("no-target", Link, None)),
            ),
            ("lrwxrwxrwx 1 u g 3 Jan 01 2024 a -> b -> c", None),
            (
                "-rw-r--r-- 1 u g 3 Jan 01 2024 a -> b",
                Some(("a -> b", File, Some(3))),
            ),
            // Columns that are missing.
            (
                "-rw-r--r-- 1 owner 10 Mar 19 2020 f",
                Some(("f", File, Some(10))),
            ),
            ("-rw-r--r-- 1 10 Mar 19 2020 f", Some(("f", File, Some(10)))),
            (
                "-rw-r--r-- owner group 10 Mar 19 2020 f",
                Some(("f", File, Some(10))),
            ),
            (
                "-rw-r--r-- owner 10 Mar 19 2020 f",
                Some(("f", File, Some(10))),
            ),
            ("-rw-r--r-- 10 Mar 19 2020 f", Some(("f", File, Some(10)))),
            // Dates that may mean anything.
            ("-rw-r--r-- 1 u g 10 19 Mar 2020 f", None),
            ("-rw-r--r-- 1 u g 10 2020-03-19 13:51 f", None),
            ("-rw-r--r-- 1 u g 10 Mar 19 2020 13:51 f", None),
            ("-rw-r--r-- 1 u g 10 M\u{e4}r 19 2020 f", None),
            ("-rw-r--r-- 1 u g 10 Feb 30 2020 f", None),
            // Devices have two numbers for a size.
            ("crw-rw-rw- 1 0 0 1, 3 Mar 19 2020 null", None),
            // DOS and IIS.
            (
                "02-13-24  10:15AM       <DIR>          inetpub",
                Some(("inetpub", Directory, None)),
            ),
            (
                "02-13-24  10:15AM       <DIR>           lead",
                Some((" lead", Directory, None)),
            ),
            (
                "02-13-24  10:15AM                 1234 some file.txt",
                Some(("some file.txt", File, Some(1234))),
            ),
            (
                "02-13-24  10:15AM                 1234  lead",
                Some((" lead", File, Some(1234))),
            ),
            (
                "02-13-2024  10:15AM                 1234 f",
                Some(("f", File, Some(1234))),
            ),
            ("02-13-24  10:15AM       <JUNCTION>     j", None),
            ("13-02-24  10:15AM                 1234 f", None),
            ("2024-02-13  10:15                 1234 f", None),
            // Neither.
            ("+i8388621.29609,m824255902,/,\tdev", None),
            ("READ.ME;1   1   2-JAN-2024 10:15 [U] (RWED)", None),
            ("550 what is this", None),
            ("d", None),
            ("-rw-r--r\u{e4}- 1 u g 10 Mar 19 2020 f", None),
        ];
        for (line, want) in table {
            let facts = read(line);
            let found = facts
                .as_ref()
                .map(|facts| (facts.name.as_str(), facts.kind, facts.size));
            assert_eq!(found, *want, "{line:?}");
        }
    }

    #[test]
    fn a_year_and_its_two_last_digits_are_one_date() {
        let day = |days: u64| Some(SystemTime::UNIX_EPOCH + Duration::from_secs(days * 86_400));
        let date = |line: &str| read(line).unwrap().modified;
        // 2024-02-13 and 1999-02-13 at noon, less half a day.
        let noon = |days| day(days).map(|day| day + Duration::from_secs(43_200));
        assert_eq!(date("02-13-24  12:00PM  1 f"), noon(19_766));
        assert_eq!(date("02-13-2024  12:00PM  1 f"), noon(19_766));
        assert_eq!(date("02-13-1999  12:00PM  1 f"), noon(10_635));
        assert_eq!(date("-rw-r--r-- 1 u g 1 Feb 13  2024 f"), day(19_766));
    }

    #[test]
    fn permissions_are_as_the_server_prints_them() {
        let facts = read("-rwsr-x--T 1 u g 1 Feb 13  2024 f").unwrap();
        assert_eq!(facts.permissions, "rwsr-x--T");
    }
}
