//! Dialects other than those of `ls -l`.

use super::check;

#[test]
fn servers_on_windows_write_as_dir_does() {
    check(&[
        (
            "2009-05-04  16:27       <DIR>          a b\r\n2009-05-04  16:58                8,317 f",
            &["d - 2009-05-04 16:27 a b", "f 8317 2009-05-04 16:58 f"],
        ),
        (
            "10/21/2021  04:26 PM    <DIR>          d\r\n05/06/2021  12:47 AM             4,321 f",
            &["d - 2021-10-21 16:26 d", "f 4321 2021-05-06 00:47 f"],
        ),
        (
            "21.10.2021  16:26    <DIR>          d\r\n06.05.2021  16:26             4.321 f",
            &["d - 2021-10-21 16:26 d", "f 4321 2021-05-06 16:26 f"],
        ),
        ("04/03/2020  15:19             1,234 f", &["f 1234 - f"]),
        // In the first listing, days come first, as one of its lines shows. In the second, years
        // do, and no line shows it.
        (
            "04-03-2020  15:19  1 f\r\n25-03-2020  15:19  1 g",
            &["f 1 2020-03-04 15:19 f", "f 1 2020-03-25 15:19 g"],
        ),
        ("13-02-24  10:15AM                 1234 f", &["f 1234 - f"]),
        (
            "12-07-97  15:26         <DIR>          d",
            &["d - 1997-12-07 15:26 d"],
        ),
        (
            "  02-13-24  10:15p                  1234 f",
            &["f 1234 2024-02-13 22:15 f"],
        ),
        (
            "02-13-24  10:15AM       <SYMLINKD>     Logs [C:\\Some Logs]\r\n\
             02-13-24  10:15AM       <SYMLINK>      l.txt [..\\t.txt]\r\n\
             02-13-24  10:15AM       <JUNCTION>     J [D:\\]\r\n\
             02-13-24  10:15AM                   12 a [b]",
            &[
                "l - 2024-02-13 10:15 Logs -> C:\\Some Logs",
                "l - 2024-02-13 10:15 l.txt -> ..\\t.txt",
                "l - 2024-02-13 10:15 J -> D:\\",
                "f 12 2024-02-13 10:15 a [b]",
            ],
        ),
        (
            " Volume in drive C is X\r\n Volume Serial Number is 2718-2818\r\n\r\n Directory of C:\\ftp\r\n\r\n\
             10/21/2021  04:26 PM    <DIR>          .\r\n\
             10/21/2021  04:26 PM                 5 f\r\n\
             \u{20}              1 File(s)              5 bytes\r\n\
             \u{20}              1 Dir(s)  3,141,592,653 bytes free\r\n",
            &["f 5 2021-10-21 16:26 f"],
        ),
    ]);
}

#[test]
fn eplf_and_mlsd_are_read() {
    check(&[
        (
            "+i2718281.82845,m1577880662,/,\td 1\r\n+i9.5,m1577880664,r,s731,\tf\r\n+r,\t lead",
            &[
                "d - 2020-01-01 12:11:02 d 1",
                "f 731 2020-01-01 12:11:04 f",
                "f - -  lead",
            ],
        ),
        (
            "type=cdir;modify=20170916193542; /pub\r\n\
             Type=file;Modify=20131209174623;Size=2345; a  b\r\n\
             type=OS.unix=slink:/bar; l\r\ntype=dir; \td\r\n\
             type=OS.unix=chr-17/41; c\r\nType=file;modify=19671209174623; old",
            &[
                "f 2345 2013-12-09 17:46:23 a  b",
                "l - - l -> /bar",
                "d - - \td",
                "o - - c",
                "f - 1967-12-09 17:46:23 old",
            ],
        ),
    ]);
}

#[test]
fn openvms_is_read_with_its_versions_and_second_lines() {
    check(&[(
        "Directory DISK:[A]\r\n\r\n\
             A.TXT;12       137   4-JUL-2007 11:24:35.71\r\n\
             LONG_NAME.COM;1\r\n                  5/12         26-FEB-2007 15:41:08  [X,Y]    (RWED,RWED,R,)\r\n\
             SUB.DIR;1               1/6           5-JUN-2001 08:21:16  [T]     (,RWED,RE,RE)\r\n\
             B.;1   [RESULTS]    1/6     5-AUG-2008 14:23  (RWE,RWE,R,)\r\n\
             C.X;1       19-JUN-1996 18:04:52     4711/6      (RWED,RE,R,)\r\n\
             D.X;3   %RMS-E-PRV, insufficient privilege\r\n\
             LAST.X;1\r\n\r\nTotal of 7 files.\r\n",
        &[
            "f - 2007-07-04 11:24:35 A.TXT;12",
            "f - 2007-02-26 15:41:08 LONG_NAME.COM;1",
            "d - 2001-06-05 08:21:16 SUB",
            "f - 2008-08-05 14:23 B.;1",
            "f - 1996-06-19 18:04:52 C.X;1",
            "f - - D.X;3",
            "raw LAST.X;1",
        ],
    )]);
}

#[test]
fn ibm_is_read() {
    check(&[
        (
            "Volume Unit    Referred Ext Used Recfm Lrecl BlkSz Dsorg Dsname\r\n\
             DSK011 3390   2007/05/08  2    5  FB     120  6240  PO  A.PDS\r\n\
             DSK012 3390   **NONE**    2   12  NONE     0     0  PO-E  A.LIB\r\n\
             DSK013 3390   2009/07/03 417000 U 0 32760 PS A.SEQ\r\n\
             DSK014 3390   2013/10/22  3 ++++  FB     400 24000  PS  A.BIG\r\n\
             DSK015 3390   VSAM A.KSDS\r\n\
             DSK016 Tape                                 A.TAPE\r\n\
             Migrated                                    A.OLD",
            &[
                "d - 2007-05-08 00:00 A.PDS",
                "d - - A.LIB",
                "f - 2009-07-03 00:00 A.SEQ",
                "f - 2013-10-22 00:00 A.BIG",
                "f - - A.KSDS",
                "f - - A.TAPE",
                "f - - A.OLD",
            ],
        ),
        (
            " Name     VV.MM   Created       Changed      Size  Init   Mod   Id\r\n\
             M1       01.07 2006/04/18 2006/05/23 16:42    27    25     0 MIA\r\n\
             M2                                                                \r\n",
            &["f - 2006-05-23 16:42 M1", "f - - M2"],
        ),
        (
            "M3 00C4A0 0007F2  00 FO                24    ANY",
            &["f - - M3"],
        ),
        (
            "QSYS            53248 04/27/03 11:35:41 *DIR       a b/\r\n\
             QPGMR             519 03/05/08 17:46:08 *STMF      c.txt\r\n\
             QPGMR                                   *MEM       D.FILE/E.MBR",
            &[
                "d - 2003-04-27 11:35:41 a b",
                "f 519 2008-03-05 17:46:08 c.txt",
                "f - - D.FILE/E.MBR",
            ],
        ),
        (
            "QPGMR           28672 21.08.09 17:46:08 *FILE      A.FILE",
            &["f 28672 2009-08-21 17:46:08 A.FILE"],
        ),
        (
            "QSYS             5120 05/06/16 13:27:44 *STMF      f",
            &["f 5120 - f"],
        ),
        (
            "RESULTS  DATA     V        72       93        3 2009-08-06 14:39:51 041283",
            &["f - 2009-08-06 14:39:51 RESULTS.DATA"],
        ),
        (
            "27182      A    05-27-106  11:38  f x\r\n    0 DIR       03-14-106  18:42  d",
            &["f 27182 2006-05-27 11:38 f x", "d - 2006-03-14 18:42 d"],
        ),
    ]);
}

#[test]
fn rare_servers_are_read() {
    check(&[
        (
            "161803  Apr 08, 2004 19:32 f x\r\n0  Dec 10, 2005 03:24 d/",
            &["f 161803 2004-04-08 19:32 f x", "d - 2005-12-10 03:24 d"],
        ),
        (
            "040755 0 0 4096 1000000000 d",
            &["d - 2001-09-09 01:46:40 d"],
        ),
        // 2001-02-03 was a Saturday, and so was 2003-02-01.
        ("f  87  01/02/03  Sat.  11:31:14", &["f 87 - f"]),
        (
            "REC 101 743 8-May-09 16:32:27 255, 0 \"nunu\"",
            &["f 743 2009-05-08 16:32:27 REC"],
        ),
        (
            "31.41 09/05/27 1137 d-ewrewr 3a10 71680 a b",
            &["d - 2009-05-27 11:37 a b"],
        ),
        (
            "   768    AUG-14-2003   09:41:55   a b.txt",
            &["f 768 2003-08-14 09:41:55 a b.txt"],
        ),
    ]);
}
