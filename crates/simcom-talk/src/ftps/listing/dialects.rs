//! Further forms of listings, in addition to the cases of `tests/listings`: each dialect of `ls -l`
//! with one line or more.
//!
//! More than 400 lines: it is a table of listings that servers print.

use std::time::{Duration, SystemTime};

use time::OffsetDateTime;
use time::macros::format_description;

use super::{Entry, Kind, Lines};

mod odd;
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

/// Each listing, and how its lines must be read. Lines of one listing stand together, since one may
/// decide the meaning of another.
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
            "drwxrws--T+ 17 u g 6 Jan 14 06:37 d",
            &["d - 2026-01-14 06:37 d"],
        ),
        (
            "drwxr-xr-x 2 DEPOT\\mia berg domain users 4096 Nov  4  2025 d",
            &["d - 2025-11-04 00:00 d"],
        ),
        (
            "-rw-r--r-- 1 mia Domain Users 10 Mar 19 13:51 3 Apr 5 minutes",
            &["f 10 2026-03-19 13:51 3 Apr 5 minutes"],
        ),
        (
            "-rwxrwx--- 1 ftp team-9 718281828 Oct  7  2012 b 7 c.img",
            &["f 718281828 2012-10-07 00:00 b 7 c.img"],
        ),
        // A number of the file and its blocks; HDFS; Android, which prints no size of directories.
        (
            "  271828    8 -rw-r--r-- 1 u g 617 Jan 23 04:18 f",
            &["f 617 2026-01-23 04:18 f"],
        ),
        (
            "drwxr-xr-x   - node super 0 2021-08-17 13:51 /logs",
            &["d - 2021-08-17 13:51 /logs"],
        ),
        (
            "drwxrwx--x root     card            2016-05-03 11:20 A",
            &["d - 2016-05-03 11:20 A"],
        ),
        // A group that is longer than its column touches the size.
        (
            "-r-xr-xr-x mia measurements714025 Feb 16 19:40 f",
            &["f - 2026-02-16 19:40 f"],
        ),
        (
            "drwxr-xr-x 1 ftp ftp 0 Mar 19 13:51 sub/",
            &["d - 2026-03-19 13:51 sub"],
        ),
        (
            "-AR--M----TCP B depot      4242   690113 Mar 27 21:08 f",
            &["f 690113 2026-03-27 21:08 f"],
        ),
        (
            "d [RWCEAFMS] mia              384 Jan 12 07:35    n d",
            &["d - 2026-01-12 07:35 n d"],
        ),
    ]);
}

#[test]
fn devices_pipes_and_sockets_are_no_files() {
    check(&[
        (
            "brw-rw---- 1 root disk 8, 5 Jan 26 10:14 sda5",
            &["o - 2026-01-26 10:14 sda5"],
        ),
        (
            "crw------- 1 root sys 113,402 Jul  6  2011 c",
            &["o - 2011-07-06 00:00 c"],
        ),
        (
            "prw-r--r-- 1 u g 0 Jan 26 10:14 pipe",
            &["o - 2026-01-26 10:14 pipe"],
        ),
        (
            "srw-r--r-- 1 u g 0 Jan 26 10:14 sock",
            &["o - 2026-01-26 10:14 sock"],
        ),
    ]);
}

#[test]
fn a_size_that_is_not_certain_is_absent() {
    check(&[
        (
            "-rw-r--r-- 1 u g 18446744073709551616 Nov 14  2009 f",
            &["f - 2009-11-14 00:00 f"],
        ),
        (
            "-rw-r--r-- 1 u g -2147483648 Nov 14  2009 f",
            &["f - 2009-11-14 00:00 f"],
        ),
        (
            "-rw-r--r-- 1 u g 1,5M Nov 14  2009 f",
            &["f - 2009-11-14 00:00 f"],
        ),
        (
            "-rw-r--r-- 1 u g 12B Nov 14  2009 f",
            &["f 12 2009-11-14 00:00 f"],
        ),
        (
            "-rw-r--r-- 1 u g 1,234,567 Nov 14  2009 f",
            &["f 1234567 2009-11-14 00:00 f"],
        ),
        (
            "-rw-r--r-- 1 u g 3:14 Nov 14  2009 f",
            &["raw -rw-r--r-- 1 u g 3:14 Nov 14  2009 f"],
        ),
    ]);
}

#[test]
fn dates_are_read_in_many_forms() {
    check(&[
        (
            "-rw-r--r-- 1 u g 1 3 27 05:12 f",
            &["f 1 2026-03-27 05:12 f"],
        ),
        ("-rw-r--r-- 1 u g 1 3 4 05:12 f", &["f 1 - f"]),
        (
            "-rw-r--r-- 1 u g 1 09-24 15:36 f",
            &["f 1 2026-09-24 15:36 f"],
        ),
        (
            "-rw-r--r-- 1 u g 1 09-24 2003 f",
            &["f 1 2003-09-24 00:00 f"],
        ),
        (
            "-rw-r--r-- 1 u g 1 2008.05.21   f",
            &["f 1 2008-05-21 00:00 f"],
        ),
        (
            "-rw-r--r-- 1 u g 1 27-05-2007 16:38 f",
            &["f 1 2007-05-27 16:38 f"],
        ),
        (
            "-rw-r--r-- 1 u g 1 06.05.2007 16:38 f",
            &["f 1 2007-05-06 16:38 f"],
        ),
        ("-rw-r--r-- 1 u g 1 06/05/2007 16:38 f", &["f 1 - f"]),
        (
            "-rw-r--r-- 1 u g 1 2020-03-19 13:51:22.314159265 +0100 f",
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
            "-rw-r--r-- 1 u g 1 Mar 19 4:44 f",
            &["f 1 2026-03-19 04:44 f"],
        ),
        (
            "-rw-r--r-- 1 u g 1 Oct 06, 05:29 f",
            &["f 1 2026-10-06 05:29 f"],
        ),
        (
            "-rw-r--r-- 1 u g 1 Oct 06 05:29PM f",
            &["f 1 2026-10-06 17:29 f"],
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
            "-rw-r--r-- 1 u g 1 23. Juli, 18:25 f",
            &["f 1 2026-07-23 18:25 f"],
        ),
        (
            "-rw-r--r-- 1 u g 1 4.   Okt.  2012 f",
            &["f 1 2012-10-04 00:00 f"],
        ),
        (
            "-rw-r--r-- 1 u g 1 28. Jan., 14:05 f",
            &["f 1 2026-01-28 14:05 f"],
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
            "-rw-r--r-- 1 u g 1 szept 23 18:25 f",
            &["f 1 2026-09-23 18:25 f"],
        ),
        (
            "-rw-r--r-- 1 u g 1 янв 19 13:51 f",
            &["f 1 2026-01-19 13:51 f"],
        ),
        (
            "-rw-r--r-- 1 u g 1 8月 13日 18:25 f",
            &["f 1 2026-08-13 18:25 f"],
        ),
        (
            "-rw-r--r-- 1 u g 1  3月 19  2020 f",
            &["f 1 2020-03-19 00:00 f"],
        ),
        (
            "-rw-r--r-- 1 u g 1 2011년  2월  8일 f",
            &["f 1 2011-02-08 00:00 f"],
        ),
        (
            "-rw-r--r-- 1 u g 1 2011年5月14日 f",
            &["f 1 2011-05-14 00:00 f"],
        ),
    ]);
    // The name of June in Croatia is that of July in Poland, and the name of October there is that
    // of November in Poland and Czechia.
    check(&[
        ("-rw-r--r-- 1 u g 1 lip 19 13:51 f", &["f 1 - f"]),
        ("-rw-r--r-- 1 u g 1 19. lis 2020 f", &["f 1 - f"]),
        (
            "-rw-r--r-- 1 u g 1 lis 41 13:51 f",
            &["raw -rw-r--r-- 1 u g 1 lis 41 13:51 f"],
        ),
    ]);
    // EUC-JP, GBK, Latin-1.
    let other: &[(&[u8], &str)] = &[
        (
            b"-rw-r--r-- 1 u g 1 5\xb7\xee 14\xc6\xfc 2011\xc7\xaf f",
            "f 1 2011-05-14 00:00 f",
        ),
        (
            b"-rw-r--r-- 1 u g 1 5\xd4\xc2 14 10:15 f",
            "f 1 2026-05-14 10:15 f",
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
        "-rw-r--r-- 1 u g 10 Mar 19 2020 05:29AM f",
        "-rw-r--r-- 1 u g 10 Feb 30 2020 f",
        "-rw-r--r-- 1 u g 10 Feb 29 2023 f",
        "-rw-r--r-- 1 u g 10 Mar 36 2020 f",
        "-rw-r--r-- 1 u g 10 Mar 19 25:51 f",
        "-rw-r--r-- 1 u g 10 2002-10-06 05:29:99 f",
        "-rw-r--r-- 1 u g 10 2563-10-06 05:29 f",
        "-rw-r--r-- 1 u g 10 Jam 19 2020 f",
        "-rw-r--r-- 1 12 staff 60221 Aug 24  f",
        "-rw-r--r-- 1 u g 10 Mar 19 13:51   ",
        "drwxr-xr-x 3 mia lab 640 2009-04-03",
        "drwxr-xr-x 3 mia lab 640 two words",
        "zrwxr-xr-x 2 u g 4096 Mar  6 17:31 f",
        "dxrwr-zr-x 2 u g 4096 Mar  6 17:31 f",
        "-rw-r--r\u{e4}- 1 u g 10 Mar 19 2020 f",
        "lrwxrwxrwx 1 u g 3 Jan 01 2024 a -> b -> c",
        "02-13-24  13:15PM                 1234 f",
        "02-30-24  10:15AM                 1234 f",
        "02-13-24  10:15AM       <WHAT>         f",
        "NOTES.X;1   1   4-JAN-2024 10:15 [U] !(RWED)",
        "A.;2   12/18   (RWED,RED,RED,RE)",
        "+i2718281.828,m1577880662,/, no tab",
        "Type=file;Perm=adfrw;Unique=qB7xd+M2;",
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
            "drwxrwxrwx 1 u g 0 Nov 17 13:51  .\r\n-rw-rw-rw- 1 u g 11 Nov 17 13:51  a.log",
            &["f 11 2026-11-17 13:51 a.log"],
        ),
        (
            "-rw-r--r-- 1 u g 1 Oct 7 20:33 x\r\n-rw-r--r-- 1 u g 1 Oct 17 20:33  y",
            &["f 1 2026-10-07 20:33 x", "f 1 2026-10-17 20:33  y"],
        ),
        (
            "-rw-r--r-- 1 u g 1 Oct 7 20:33  x\r\n-rw-r--r-- 1 u g 1 Oct 17 20:33 y",
            &["f 1 2026-10-07 20:33 x", "f 1 2026-10-17 20:33 y"],
        ),
        (
            "-rw-r--r-- 1 u g 1 Oct  7 20:33  x",
            &["f 1 2026-10-07 20:33  x"],
        ),
        (
            "-rw-r--r-- 1 u g 1 2003-09-24  old\r\n-rw-r--r-- 1 u g 1 09-24 15:36 new",
            &["f 1 2003-09-24 00:00 old", "f 1 2026-09-24 15:36 new"],
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
        "Directory DEPOT:[LOGS]",
        "Total of 9 files, 47/47 blocks.",
        "Total 9 files",
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
