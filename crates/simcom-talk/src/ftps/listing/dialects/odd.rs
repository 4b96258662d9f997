//! Lines whose meaning depends on the lines around them, and forms that few servers use.

use super::{check, read};

/// `12 345 file` was read as a file of 12 bytes with the name `345 file`.
#[test]
fn a_size_in_groups_is_told_from_a_name_that_begins_with_digits() {
    check(&[
        (
            "2025-12-31  23:59    <DIR>          d\r\n\
             2025-12-31  23:59         1 234 567 big\r\n\
             2025-12-31  23:59               345 123 report.txt\r\n\
             2025-12-31  23:59   12 345 odd",
            &[
                "d - 2025-12-31 23:59 d",
                "f 1234567 2025-12-31 23:59 big",
                "f 345 2025-12-31 23:59 123 report.txt",
                "raw 2025-12-31  23:59   12 345 odd",
            ],
        ),
        (
            "12-31-25  11:59PM                  345 123 report.txt\r\n12-31-25  11:59PM 345 123 report.txt",
            &[
                "f 345 2025-12-31 23:59 123 report.txt",
                "f 345 2025-12-31 23:59 123 report.txt",
            ],
        ),
        (
            "31/12/2025  23:59            12\u{202f}345 f\r\n31/12/2025  23:59            12\u{a0}345 g",
            &["f 12345 2025-12-31 23:59 f", "f 12345 2025-12-31 23:59 g"],
        ),
        (
            "-rw-r--r-- 1 u g 12'345 Jan 15 10:11 f",
            &["f 12345 2026-01-15 10:11 f"],
        ),
    ]);
    // Code page 850.
    let line = b"31/12/2025  23:59            12\xff345 f";
    assert_eq!(read(line), ["f 12345 2025-12-31 23:59 f"]);
}

/// A line that was cut off behind the month was read as a file with the month as its name.
#[test]
fn the_beginning_of_a_line_is_no_file() {
    for end in [
        "",
        " ",
        " J",
        " Ja",
        " Jan",
        " Jan ",
        " Jan 15",
        " Jan 15 10:1",
        " Jan 15 10:11",
        " Jan 15  202",
    ] {
        let whole = "-rw-r--r-- 1 u g 12 Jan 15 10:11 f";
        let cut = format!("-rw-r--r-- 1 u g 22{end}");
        let want = ["f 12 2026-01-15 10:11 f".to_owned(), format!("raw {cut}")];
        assert_eq!(read(format!("{whole}\r\n{cut}").as_bytes()), want, "{cut}");
    }
    check(&[
        (
            "drwxr-xr-x 3 u g 512 d\r\n-rw-r--r-- 1 u g 7 f",
            &["d - - d", "f 7 - f"],
        ),
        (
            "drwxr-xr-x 3 u g 512 d\r\n-rw-r--r-- 1 u g 12 Jan 15 10:11 f",
            &["raw drwxr-xr-x 3 u g 512 d", "f 12 2026-01-15 10:11 f"],
        ),
    ]);
}

#[test]
fn lines_end_in_many_ways() {
    let lines = [
        "-rw-r--r-- 1 u g 1 Jan 15 10:11 a",
        "-rw-r--r-- 1 u g 2 Jan 15 10:11 b",
    ];
    for end in ["\r\n", "\n", "\r\r\n", "\n\r", "\r"] {
        let listing = [lines[0], end, lines[1], end].concat();
        let want = ["f 1 2026-01-15 10:11 a", "f 2 2026-01-15 10:11 b"];
        assert_eq!(read(listing.as_bytes()), want, "{end:?}");
    }
    check(&[(
        "-rw-r--r-- 1 u g 1 Jan 15 10:11 a\rb",
        &["f 1 2026-01-15 10:11 a\rb"],
    )]);
}

#[test]
fn halves_of_the_day_and_time_zones_are_written_in_many_ways() {
    check(&[
        (
            "25/11/2026  07:08 a.m.             3,210 f\r\n25/11/2026  07:08 p. m.    <dir>          d",
            &["f 3210 2026-11-25 07:08 f", "d - 2026-11-25 19:08 d"],
        ),
        // The time was a quarter to three in the morning.
        (
            "X.TXT;1   1/9   15-JAN-2026 2:45:27 PM  [U]  (RWED,RWED,RE,)",
            &["f - 2026-01-15 14:45:27 X.TXT;1"],
        ),
        (
            "-rw-r--r-- 1 u g 1 2026-01-15T10:11:12Z a\r\n-rw-r--r-- 1 u g 1 2026-01-15T10:11:12+02:00 b",
            &["f 1 2026-01-15 10:11:12 a", "f 1 2026-01-15 10:11:12 b"],
        ),
        (
            "-rw-r--r-- 1 u g 1 2026-01-15 10:11 Z\r\n-rw-r--r-- 1 u g 1 2026-01-15 Z",
            &["f 1 2026-01-15 10:11 Z", "f 1 2026-01-15 00:00 Z"],
        ),
    ]);
}

#[test]
fn months_of_more_languages_are_read() {
    for (date, want) in [
        ("ian 15 10:11", "2026-01-15 10:11"),
        ("січ 15 10:11", "2026-01-15 10:11"),
        ("15 жов 2024", "2024-10-15 00:00"),
        ("Ιουν 15  2024", "2024-06-15 00:00"),
        ("avg 15 10:11", "2026-08-15 10:11"),
        ("veebr 15 10:11", "2026-02-15 10:11"),
        ("jūn 15 10:11", "2026-06-15 10:11"),
        ("spal. 15 10:11", "2026-10-15 10:11"),
        ("ное 15 2024", "2024-11-15 00:00"),
        ("febr. 15 10:11", "2026-02-15 10:11"),
        ("Xan 15 10:11", "2026-01-15 10:11"),
        ("urt 15 10:11", "2026-01-15 10:11"),
        ("Ogos 15 10:11", "2026-08-15 10:11"),
        ("15. joulukuuta 2024", "2024-12-15 00:00"),
    ] {
        let line = format!("-rw-r--r-- 1 u g 12 {date} f");
        assert_eq!(read(line.as_bytes()), [format!("f 12 {want} f")]);
    }
    // Latin-2, Windows-1251, KOI8-R.
    for (line, want) in [
        (
            &b"-rw-r--r-- 1 u g 1 pa\xbc 15 10:11 f"[..],
            "f 1 2026-10-15 10:11 f",
        ),
        (
            b"-rw-r--r-- 1 u g 1 \xff\xed\xe2 15 10:11 f",
            "f 1 2026-01-15 10:11 f",
        ),
        (
            b"-rw-r--r-- 1 u g 1 \xd1\xce\xd7 15 10:11 f",
            "f 1 2026-01-15 10:11 f",
        ),
    ] {
        assert_eq!(read(line), [want]);
    }
}

#[test]
fn sums_are_known_in_more_languages_and_only_with_their_number() {
    for sum in [
        "i alt 8",
        "iš viso 8",
        "загалом 8",
        "skupaj 8",
        "tổng cộng 8",
        "σύνολο 8",
        "общо 8",
        "spolu 4,0K",
    ] {
        let listing = format!("{sum}\r\n-rw-r--r-- 1 u g 1 Jan 15 10:11 f");
        assert_eq!(
            read(listing.as_bytes()),
            ["f 1 2026-01-15 10:11 f"],
            "{sum}"
        );
    }
    let latin1 = b"yhteens\xe4 8\r\n-rw-r--r-- 1 u g 1 Jan 15 10:11 f";
    assert_eq!(read(latin1), ["f 1 2026-01-15 10:11 f"]);
    check(&[("total12\r\nd", &["raw total12", "raw d"])]);
}

#[test]
fn rare_columns_of_known_forms_are_read() {
    check(&[
        (
            "FREEWARE40.DIR;1        27/36\r\n         16-FEB-1999 10:01:46  [A_LONG,OWNER     (RWE,RWE,RE,RE)\r\n\
             VERY_LONG.TXT;1\r\n     10/18     15-JAN-2026 10:11:12  [FTP,USER]\r\n    (RWED,RWED,RE,)\r\n\
             Two^ Words.txt;1   1/9   15-JAN-2026 10:11:12  [SYSTEM ADMIN,JO]  (RWED,RWED,RE,)\r\n\r\n\
             Grand total of 1 directory, 3 files, 46 blocks.",
            &[
                "d - 1999-02-16 10:01:46 FREEWARE40",
                "f - 2026-01-15 10:11:12 VERY_LONG.TXT;1",
                "f - 2026-01-15 10:11:12 Two^ Words.txt;1",
            ],
        ),
        (
            "Volume Unit    Referred Ext Used Recfm Lrecl BlkSz Dsorg Dsname\r\n\
             \u{20}                                             GDG  A.GDG\r\n\
             Error determining attributes                          A.BAD",
            &["f - - A.GDG", "f - - A.BAD"],
        ),
        (
            " Name      Size     TTR   Alias-of AC --------- Attributes --------- Amode Rmode\r\n\
             M1        000008   000B0A          00 FO             RN RU            31    ANY\r\n\
             M2        000008   000B0A M1       00 FO             RN RU            31    ANY",
            &["f - - M1", "f - - M2"],
        ),
        (
            "U  123456789012 2026-01-15 10:11:12 *STMF      f\r\nU  45056 01/15/26 10:11:12 *SYMLNK    l",
            &[
                "f 123456789012 2026-01-15 10:11:12 f",
                "l - 2026-01-15 10:11:12 l",
            ],
        ),
        (
            "587823    RSA    DIR   01-08-97   13:58  d\r\n 33280      A          02-09-97   13:49  f",
            &["d - 1997-01-08 13:58 d", "f 33280 1997-02-09 13:49 f"],
        ),
        (
            "     512    Jan-15-2026  10:11:12   BOOT.TXT          \r\n\
             \u{20}    512    Jan-15-2026  10:11:12   SUB               <DIR>",
            &[
                "f 512 2026-01-15 10:11:12 BOOT.TXT",
                "d 512 2026-01-15 10:11:12 SUB",
            ],
        ),
        (
            "-[RWCEAFMS] admin      12345 Jan 15  2024 f",
            &["f 12345 2024-01-15 00:00 f"],
        ),
        // The target was cut at its blank, and the rest was taken for the name.
        (
            "type=OS.unix=slink:/a b;size=3; l\r\ntype=file; a; b",
            &["l - - l -> /a b", "f - - a; b"],
        ),
        (
            "lrwxrwxrwx 1 u g 5 Jan 15 10:11 l ->\r\nlrwxrwxrwx 1 u g 5 Jan 15 10:11 m -> ",
            &["l - 2026-01-15 10:11 l", "l - 2026-01-15 10:11 m"],
        ),
    ]);
}
