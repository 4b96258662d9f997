//! How servers write, beside the cases of `tests/listings`: each dialect of `ls -l` with a line
//! or more.

use std::time::{Duration, SystemTime};

use time::OffsetDateTime;
use time::macros::format_description;

use super::{Entry, Kind, Lines};

mod others;

/// 2026-11-27T12:00:00Z.
const NOW: u64 = 1_795_780_800;

/// An entry in short: the kind's letter, size, time and name, and where a link leads.
fn shown(entry: &Entry) -> String {
    let Some(facts) = &entry.facts else {
        return format!("raw {}", String::from_utf8_lossy(&entry.raw));
    };
    let kind = match facts.kind {
        Kind::File => 'f',
        Kind::Directory => 'd',
        Kind::Link => 'l',
        Kind::Other => 'o',
    };
    let size = facts.size.map_or("-".into(), |size| size.to_string());
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
    let time = facts.modified.map_or("-".into(), |time| {
        let text = OffsetDateTime::from(time).format(&format).unwrap();
        text.strip_suffix(":00").unwrap_or(&text).to_owned()
    });
    let target = facts.link_target.as_deref();
    let target = target.map_or(String::new(), |target| format!(" -> {target}"));
    format!("{kind} {size} {time} {}{target}", facts.name)
}

fn read(listing: &[u8]) -> Vec<String> {
    let mut lines = Lines::at(SystemTime::UNIX_EPOCH + Duration::from_secs(NOW));
    let mut entries = lines.push(listing);
    entries.extend(lines.finish());
    entries.iter().map(shown).collect()
}

/// Each listing and what is read in it. Lines of one listing stand together, since they may
/// tell about one another.
fn check(table: &[(&str, &[&str])]) {
    for (listing, want) in table {
        assert_eq!(read(listing.as_bytes()), *want, "{listing}");
    }
}

#[test]
fn columns_of_ls_may_be_missing_or_have_blanks() {
    check(&[
        (
            "-rw-r--r-- 1 owner 10 Mar 19 2020 f",
            &["f 10 2020-03-19 00:00 f"],
        ),
        (
            "-rw-r--r-- 1 10 Mar 19 2020 f",
            &["f 10 2020-03-19 00:00 f"],
        ),
        ("-rw-r--r-- 10 Mar 19 2020 f", &["f 10 2020-03-19 00:00 f"]),
        (
            "-rw-r--r-- owner group 10 Mar 19 2020 f",
            &["f 10 2020-03-19 00:00 f"],
        ),
        (
            "-rw-r--r-- 500 500 10 Mar 19 2020 f",
            &["f 10 2020-03-19 00:00 f"],
        ),
        (
            "-rw-r--r--1 u g 10 Mar 19 2020 f",
            &["f 10 2020-03-19 00:00 f"],
        ),
        (
            "-rw-r--r--. 1 u g 10 Mar 19  2020 f",
            &["f 10 2020-03-19 00:00 f"],
        ),
        (
            "drwxrws--T+ 23 u g 0 Jan 10 13:09 d",
            &["d - 2026-01-10 13:09 d"],
        ),
        (
            "drwxr-xr-x 2 ACME\\john smith domain users 4096 Nov  2  2025 d",
            &["d - 2025-11-02 00:00 d"],
        ),
        (
            "-rw-r--r-- 1 john Domain Users 10 Mar 19 13:51 1 Apr 2 report",
            &["f 10 2026-03-19 13:51 1 Apr 2 report"],
        ),
        (
            "-rwxrwx--- 1 ftp team-9 816026400 Oct  5  2008 b 7 c.img",
            &["f 816026400 2008-10-05 00:00 b 7 c.img"],
        ),
        // A number of the file and its blocks; HDFS; Android, which prints no size of directories.
        (
            "  123456    8 -rw-r--r-- 1 u g 531 Jan 29 03:26 f",
            &["f 531 2026-01-29 03:26 f"],
        ),
        (
            "drwxr-xr-x   - hdfs super 0 2020-03-19 13:51 /user",
            &["d - 2020-03-19 13:51 /user"],
        ),
        (
            "drwxrwx--x root     sdcard          2014-01-01 10:00 A",
            &["d - 2014-01-01 10:00 A"],
        ),
        // A group that is longer than its column has grown into the size.
        (
            "-r-xr-xr-x owner verylonggroup123456 Feb 12 17:20 f",
            &["f - 2026-02-12 17:20 f"],
        ),
        (
            "drwxr-xr-x 1 ftp ftp 0 Mar 19 13:51 sub/",
            &["d - 2026-03-19 13:51 sub"],
        ),
        (
            "-AR--M----TCP B unix      17570  2313708 Mar 29 08:56 f",
            &["f 2313708 2026-03-29 08:56 f"],
        ),
        (
            "d [RWCEAFMS] admin            512 Jan 16 18:53    n d",
            &["d - 2026-01-16 18:53 n d"],
        ),
    ]);
}

#[test]
fn devices_pipes_and_sockets_are_no_files() {
    check(&[
        (
            "brw-rw---- 1 root disk 8, 1 Jan 30 11:42 sda1",
            &["o - 2026-01-30 11:42 sda1"],
        ),
        (
            "crw------- 1 root sys 109,767 Jul  2  2004 c",
            &["o - 2004-07-02 00:00 c"],
        ),
        (
            "prw-r--r-- 1 u g 0 Jan 30 11:42 pipe",
            &["o - 2026-01-30 11:42 pipe"],
        ),
        (
            "srw-r--r-- 1 u g 0 Jan 30 11:42 sock",
            &["o - 2026-01-30 11:42 sock"],
        ),
    ]);
}

#[test]
fn a_size_that_is_not_certain_is_absent() {
    check(&[
        (
            "-rw-r--r-- 1 u g 18446744073709551616 Nov 16  2006 f",
            &["f - 2006-11-16 00:00 f"],
        ),
        (
            "-rw-r--r-- 1 u g -2147483648 Nov 16  2006 f",
            &["f - 2006-11-16 00:00 f"],
        ),
        (
            "-rw-r--r-- 1 u g 1,5M Nov 16  2006 f",
            &["f - 2006-11-16 00:00 f"],
        ),
        (
            "-rw-r--r-- 1 u g 12B Nov 16  2006 f",
            &["f 12 2006-11-16 00:00 f"],
        ),
        (
            "-rw-r--r-- 1 u g 1,234,567 Nov 16  2006 f",
            &["f 1234567 2006-11-16 00:00 f"],
        ),
        (
            "-rw-r--r-- 1 u g 3:14 Nov 16  2006 f",
            &["raw -rw-r--r-- 1 u g 3:14 Nov 16  2006 f"],
        ),
    ]);
}

#[test]
fn dates_are_read_in_many_forms() {
    check(&[
        (
            "-rw-r--r-- 1 u g 1 3 29 03:26 f",
            &["f 1 2026-03-29 03:26 f"],
        ),
        ("-rw-r--r-- 1 u g 1 3 4 03:26 f", &["f 1 - f"]),
        (
            "-rw-r--r-- 1 u g 1 09-26 13:45 f",
            &["f 1 2026-09-26 13:45 f"],
        ),
        (
            "-rw-r--r-- 1 u g 1 09-26 2000 f",
            &["f 1 2000-09-26 00:00 f"],
        ),
        (
            "-rw-r--r-- 1 u g 1 2004.07.15   f",
            &["f 1 2004-07-15 00:00 f"],
        ),
        (
            "-rw-r--r-- 1 u g 1 24-04-2003 17:12 f",
            &["f 1 2003-04-24 17:12 f"],
        ),
        (
            "-rw-r--r-- 1 u g 1 04.03.2003 17:12 f",
            &["f 1 2003-03-04 17:12 f"],
        ),
        ("-rw-r--r-- 1 u g 1 04/03/2003 17:12 f", &["f 1 - f"]),
        (
            "-rw-r--r-- 1 u g 1 2020-03-19 13:51:22.123456789 +0100 f",
            &["f 1 2020-03-19 13:51:22 f"],
        ),
        (
            "-rw-r--r-- 1 u g 1 2020-03-19T13:51:22 f",
            &["f 1 2020-03-19 13:51:22 f"],
        ),
        (
            "-rw-r--r-- 1 u g 1 Thu Mar 19 13:51:22 2020 f",
            &["f 1 2020-03-19 13:51:22 f"],
        ),
        (
            "-rw-r--r-- 1 u g 1 Mar 19 13:51 2020 report",
            &["f 1 2026-03-19 13:51 2020 report"],
        ),
        (
            "-rw-r--r-- 1 u g 1 Mar 19 3:33 f",
            &["f 1 2026-03-19 03:33 f"],
        ),
        (
            "-rw-r--r-- 1 u g 1 Oct 08, 09:47 f",
            &["f 1 2026-10-08 09:47 f"],
        ),
        (
            "-rw-r--r-- 1 u g 1 Oct 08 09:47PM f",
            &["f 1 2026-10-08 21:47 f"],
        ),
        (
            "-rw-r--r-- 1 u g 1 31-dec-1999 24:00 f",
            &["f 1 2000-01-01 00:00 f"],
        ),
        (
            "-rw-r--r-- 1 u g 1 Feb 29 13:51 f",
            &["f 1 2024-02-29 13:51 f"],
        ),
        (
            "-rw-r--r-- 1 u g 1 Dec 31 23:51 f",
            &["f 1 2025-12-31 23:51 f"],
        ),
        (
            "-rw-r--r-- 1 u g 1 Nov 28 11:51 ahead",
            &["f 1 2026-11-28 11:51 ahead"],
        ),
        (
            "-rw-r--r-- 1 u g 1 Nov 28 12:01 f",
            &["f 1 2025-11-28 12:01 f"],
        ),
    ]);
}

#[test]
fn months_are_read_in_other_languages() {
    check(&[
        (
            "-rw-r--r-- 1 u g 1 26. Juli, 20:10 f",
            &["f 1 2026-07-26 20:10 f"],
        ),
        (
            "-rw-r--r-- 1 u g 1 2.   Okt.  2003 f",
            &["f 1 2003-10-02 00:00 f"],
        ),
        (
            "-rw-r--r-- 1 u g 1 30. Jan., 12:40 f",
            &["f 1 2026-01-30 12:40 f"],
        ),
        (
            "-rw-r--r-- 1 u g 1 Mär 19 13:51 f",
            &["f 1 2026-03-19 13:51 f"],
        ),
        (
            "-rw-r--r-- 1 u g 1 19 août 2020 f",
            &["f 1 2020-08-19 00:00 f"],
        ),
        (
            "-rw-r--r-- 1 u g 1 19 déc. 13:51 f",
            &["f 1 2025-12-19 13:51 f"],
        ),
        (
            "-rw-r--r-- 1 u g 1 szept 26 20:10 f",
            &["f 1 2026-09-26 20:10 f"],
        ),
        (
            "-rw-r--r-- 1 u g 1 янв 19 13:51 f",
            &["f 1 2026-01-19 13:51 f"],
        ),
        (
            "-rw-r--r-- 1 u g 1 8月 17日 20:10 f",
            &["f 1 2026-08-17 20:10 f"],
        ),
        (
            "-rw-r--r-- 1 u g 1  3月 19  2020 f",
            &["f 1 2020-03-19 00:00 f"],
        ),
        (
            "-rw-r--r-- 1 u g 1 2005년  1월  6일 f",
            &["f 1 2005-01-06 00:00 f"],
        ),
        (
            "-rw-r--r-- 1 u g 1 2003年4月18日 f",
            &["f 1 2003-04-18 00:00 f"],
        ),
    ]);
    // EUC-JP, GBK, Latin-1.
    let other: &[(&[u8], &str)] = &[
        (
            b"-rw-r--r-- 1 u g 1 4\xb7\xee 18\xc6\xfc 2003\xc7\xaf f",
            "f 1 2003-04-18 00:00 f",
        ),
        (
            b"-rw-r--r-- 1 u g 1 4\xd4\xc2 18 10:15 f",
            "f 1 2026-04-18 10:15 f",
        ),
        (
            b"-rw-r--r-- 1 u g 1 M\xe4r 19 2020 f",
            "f 1 2020-03-19 00:00 f",
        ),
        (
            b"-rw-r--r-- 1 u g 1 ao\xfbt 19 2020 f",
            "f 1 2020-08-19 00:00 f",
        ),
    ];
    for (line, want) in other {
        assert_eq!(read(line), [*want]);
    }
}

/// A wrong reading is worse than none.
#[test]
fn what_is_not_certain_stays_raw() {
    for line in [
        "-rw-r--r-- 1 u g 10 Mar 19 2020 13:51 f",
        "-rw-r--r-- 1 u g 10 Mar 19 2020 09:47AM f",
        "-rw-r--r-- 1 u g 10 Feb 30 2020 f",
        "-rw-r--r-- 1 u g 10 Feb 29 2023 f",
        "-rw-r--r-- 1 u g 10 Mar 36 2020 f",
        "-rw-r--r-- 1 u g 10 Mar 19 25:51 f",
        "-rw-r--r-- 1 u g 10 2002-10-08 09:47:99 f",
        "-rw-r--r-- 1 u g 10 2563-10-08 09:47 f",
        "-rw-r--r-- 1 u g 10 Jam 19 2020 f",
        "-rw-r--r-- 1 14 staff 80284 Aug 22  f",
        "-rw-r--r-- 1 u g 10 Mar 19 13:51   ",
        "drwxr-xr-x 3 who lab 512 2005-06-07",
        "drwxr-xr-x 3 who lab 512 two words",
        "zrwxr-xr-x 2 u g 4096 Mar  2 15:13 f",
        "dxrwr-zr-x 2 u g 4096 Mar  2 15:13 f",
        "-rw-r--r\u{e4}- 1 u g 10 Mar 19 2020 f",
        "lrwxrwxrwx 1 u g 3 Jan 01 2024 a -> b -> c",
        "02-13-24  13:15PM                 1234 f",
        "02-30-24  10:15AM                 1234 f",
        "02-13-24  10:15AM       <WHAT>         f",
        "READ.ME;1   1   2-JAN-2024 10:15 [U] !(RWED)",
        "A.;2   18/18   (RWED,RWED,RWED,RE)",
        "+i8388621.29609,m824255902,/, no tab",
        "Type=file;Perm=awdrf;Unique=keVO1+LH4;",
        "550 what is this",
        "/pub/sub:",
        "d",
        "OK",
    ] {
        assert_eq!(read(line.as_bytes()), [format!("raw {line}")]);
    }
}

#[test]
fn the_length_of_a_target_tells_where_a_name_with_arrows_ends() {
    check(&[
        (
            "lrwxrwxrwx 1 u g 6 Jan 01 2024 a -> b -> c",
            &["l - 2024-01-01 00:00 a -> b -> c"],
        ),
        (
            "lrwxrwxrwx 1 u g 3 Jan 01 2024 no-target",
            &["l - 2024-01-01 00:00 no-target"],
        ),
        (
            "-rw-r--r-- 1 u g 3 Jan 01 2024 a -> b",
            &["f 3 2024-01-01 00:00 a -> b"],
        ),
    ]);
}

#[test]
fn padding_is_what_every_line_has() {
    check(&[
        (
            "drwxrwxrwx 1 u g 0 Nov 19 13:51  .\r\n-rw-rw-rw- 1 u g 10 Nov 19 13:51  a.txt",
            &["f 10 2026-11-19 13:51 a.txt"],
        ),
        (
            "-rw-r--r-- 1 u g 1 Oct 5 21:22 x\r\n-rw-r--r-- 1 u g 1 Oct 15 21:22  y",
            &["f 1 2026-10-05 21:22 x", "f 1 2026-10-15 21:22  y"],
        ),
        (
            "-rw-r--r-- 1 u g 1 Oct 5 21:22  x\r\n-rw-r--r-- 1 u g 1 Oct 15 21:22 y",
            &["f 1 2026-10-05 21:22 x", "f 1 2026-10-15 21:22 y"],
        ),
        (
            "-rw-r--r-- 1 u g 1 Oct  5 21:22  x",
            &["f 1 2026-10-05 21:22  x"],
        ),
        (
            "-rw-r--r-- 1 u g 1 2000-09-26  old\r\n-rw-r--r-- 1 u g 1 09-26 13:45 new",
            &["f 1 2000-09-26 00:00 old", "f 1 2026-09-26 13:45 new"],
        ),
        (
            "02-13-24  10:15AM       <DIR>           lead\r\n02-13-24  10:15AM                   12 f",
            &["d - 2024-02-13 10:15  lead", "f 12 2024-02-13 10:15 f"],
        ),
    ]);
}

#[test]
fn sums_and_headings_are_no_entries() {
    for line in [
        "total 12",
        "total: 4.0K",
        "total 4,0K",
        "Total 0",
        "insgesamt 8",
        "итого 8",
        "合計 8",
        "total 123 bytes",
        "Directory USER1:[TEMP]",
        "Total of 14 files, 54/54 blocks.",
        "Total 14 files",
        "Volume Unit    Referred Ext Used Recfm Lrecl BlkSz Dsorg Dsname",
        "  size          date       time       name",
        "--------       ------     ------    --------",
        "  \t ",
    ] {
        assert_eq!(read(line.as_bytes()), [""; 0], "{line}");
    }
    for line in ["total", "total loss", "totals 3", "Directory", "--------"] {
        assert_eq!(read(line.as_bytes()), [format!("raw {line}")]);
    }
}
