//! Dialects that are not those of `ls -l`.

use super::check;

#[test]
fn servers_on_windows_write_as_dir_does() {
    check(&[
        (
            "2002-09-02  18:48       <DIR>          a b\r\n2002-09-02  19:06                9,730 f",
            &["d - 2002-09-02 18:48 a b", "f 9730 2002-09-02 19:06 f"],
        ),
        (
            "10/19/2020  03:19 PM    <DIR>          d\r\n03/04/2020  12:19 AM             1,234 f",
            &["d - 2020-10-19 15:19 d", "f 1234 2020-03-04 00:19 f"],
        ),
        (
            "19.10.2020  15:19    <DIR>          d\r\n04.03.2020  15:19             1.234 f",
            &["d - 2020-10-19 15:19 d", "f 1234 2020-03-04 15:19 f"],
        ),
        ("04/03/2020  15:19             1,234 f", &["f 1234 - f"]),
        // Days come first here, as one of the lines tells; or years, of which none tells.
        (
            "04-03-2020  15:19  1 f\r\n25-03-2020  15:19  1 g",
            &["f 1 2020-03-04 15:19 f", "f 1 2020-03-25 15:19 g"],
        ),
        ("13-02-24  10:15AM                 1234 f", &["f 1234 - f"]),
        (
            "12-05-96  17:03         <DIR>          d",
            &["d - 1996-12-05 17:03 d"],
        ),
        (
            "  02-13-24  10:15p                  1234 f",
            &["f 1234 2024-02-13 22:15 f"],
        ),
        (
            "02-13-24  10:15AM       <SYMLINKD>     Data [C:\\My Data]\r\n\
             02-13-24  10:15AM       <SYMLINK>      l.txt [..\\t.txt]\r\n\
             02-13-24  10:15AM       <JUNCTION>     J [D:\\]\r\n\
             02-13-24  10:15AM                   12 a [b]",
            &[
                "l - 2024-02-13 10:15 Data -> C:\\My Data",
                "l - 2024-02-13 10:15 l.txt -> ..\\t.txt",
                "l - 2024-02-13 10:15 J -> D:\\",
                "f 12 2024-02-13 10:15 a [b]",
            ],
        ),
        (
            " Volume in drive C is X\r\n Volume Serial Number is 1234-ABCD\r\n\r\n Directory of C:\\ftp\r\n\r\n\
             10/19/2020  03:19 PM    <DIR>          .\r\n\
             10/19/2020  03:19 PM                 5 f\r\n\
             \u{20}              1 File(s)              5 bytes\r\n\
             \u{20}              1 Dir(s)  12,345,678,912 bytes free\r\n",
            &["f 5 2020-10-19 15:19 f"],
        ),
    ]);
}

#[test]
fn eplf_and_mlsd_are_read() {
    check(&[
        (
            "+i8388621.50690,m824255907,/,\td 1\r\n+i8.4,m824253270,r,s612,\tf\r\n+r,\t lead",
            &[
                "d - 1996-02-13 23:58:27 d 1",
                "f 612 1996-02-13 23:14:30 f",
                "f - -  lead",
            ],
        ),
        (
            "type=cdir;modify=20150813224845; /pub\r\n\
             Type=file;Modify=20081105165215;Size=1234; a  b\r\n\
             type=OS.unix=slink:/foo; l\r\ntype=dir; \td\r\n\
             type=OS.unix=chr-13/29; c\r\nType=file;modify=19681105165215; old",
            &[
                "f 1234 2008-11-05 16:52:15 a  b",
                "l - - l -> /foo",
                "d - - \td",
                "o - - c",
                "f - 1968-11-05 16:52:15 old",
            ],
        ),
    ]);
}

#[test]
fn openvms_is_read_with_its_versions_and_second_lines() {
    check(&[(
        "Directory DISK:[A]\r\n\r\n\
             A.TXT;12       155   2-JUL-2003 10:30:13.64\r\n\
             LONG_NAME.COM;1\r\n                  4/15         24-FEB-2003 13:17:24  [X,Y]    (RWED,RWED,RE,)\r\n\
             SUB.DIR;1               1/9           2-JUN-1998 07:32:04  [T]     (,RWED,RWED,RE)\r\n\
             B.;1   [SUMMARY]    1/3     2-AUG-2006 13:05  (RWE,RWE,RE,)\r\n\
             C.X;1       17-JUN-1994 17:25:37     6308/13     (RWED,RWED,R,)\r\n\
             D.X;3   %RMS-E-PRV, insufficient privilege\r\n\
             LAST.X;1\r\n\r\nTotal of 7 files.\r\n",
        &[
            "f - 2003-07-02 10:30:13 A.TXT;12",
            "f - 2003-02-24 13:17:24 LONG_NAME.COM;1",
            "d - 1998-06-02 07:32:04 SUB",
            "f - 2006-08-02 13:05 B.;1",
            "f - 1994-06-17 17:25:37 C.X;1",
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
             VOL001 3290   2004/03/04  1    3  FB      80  3125  PO  A.PDS\r\n\
             VOL002 3390   **NONE**    1   15  NONE     0     0  PO-E  A.LIB\r\n\
             VOL003 3390   2005/06/06 213000 U 0 27998 PS A.SEQ\r\n\
             VOL004 3390   2011/08/25  2 ++++  FB     904 18080  PS  A.BIG\r\n\
             VOL005 3390   VSAM A.KSDS\r\n\
             VOL006 Tape                                 A.TAPE\r\n\
             Migrated                                    A.OLD",
            &[
                "d - 2004-03-04 00:00 A.PDS",
                "d - - A.LIB",
                "f - 2005-06-06 00:00 A.SEQ",
                "f - 2011-08-25 00:00 A.BIG",
                "f - - A.KSDS",
                "f - - A.TAPE",
                "f - - A.OLD",
            ],
        ),
        (
            " Name     VV.MM   Created       Changed      Size  Init   Mod   Id\r\n\
             M1       01.03 2002/09/12 2002/10/11 09:37    11    11     0 USER1\r\n\
             M2                                                                \r\n",
            &["f - 2002-10-11 09:37 M1", "f - - M2"],
        ),
        (
            "M3 00B308 000411  00 FO                31    ANY",
            &["f - - M3"],
        ),
        (
            "QSYS            77824 02/23/00 15:09:55 *DIR       a b/\r\n\
             QPGMR             364 01/02/06 14:21:26 *STMF      c.txt\r\n\
             QPGMR                                   *MEM       D.FILE/E.MBR",
            &[
                "d - 2000-02-23 15:09:55 a b",
                "f 364 2006-01-02 14:21:26 c.txt",
                "f - - D.FILE/E.MBR",
            ],
        ),
        (
            "QPGMR           36864 18.09.06 14:21:26 *FILE      A.FILE",
            &["f 36864 2006-09-18 14:21:26 A.FILE"],
        ),
        (
            "QSYS             4019 04/03/18 18:58:16 *STMF      f",
            &["f 4019 - f"],
        ),
        (
            "PROFILE  EXEC     V        65      107        2 2005-10-04 15:28:42 060191",
            &["f - 2005-10-04 15:28:42 PROFILE.EXEC"],
        ),
        (
            "36611      A    04-23-103  10:57  f x\r\n    0 DIR       02-11-103  16:15  d",
            &["f 36611 2003-04-23 10:57 f x", "d - 2003-02-11 16:15 d"],
        ),
    ]);
}

#[test]
fn rare_servers_are_read() {
    check(&[
        (
            "206876  Apr 04, 2000 21:06 f x\r\n0  Dec 12, 2002 02:13 d/",
            &["f 206876 2000-04-04 21:06 f x", "d - 2002-12-12 02:13 d"],
        ),
        (
            "040755 0 0 4096 123456789 d",
            &["d - 1973-11-29 21:33:09 d"],
        ),
        // 2001-02-03 was a Saturday, and 2003-02-01 as well.
        ("f  99  01/02/03  Sat.  10:20:03", &["f 99 - f"]),
        (
            "ABC 101 528 6-Apr-07 14:21:18 255, 0 \"oooo\"",
            &["f 528 2007-04-06 14:21:18 ABC"],
        ),
        (
            "20.20 07/03/29 1026 d-ewrewr 2650 85920 a b",
            &["d - 2007-03-29 10:26 a b"],
        ),
        (
            "   512    JAN-01-1980   00:00:00   a b.txt",
            &["f 512 1980-01-01 00:00 a b.txt"],
        ),
    ]);
}
