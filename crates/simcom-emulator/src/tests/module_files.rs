//! The drives, file transfer to and from them, and certificates.

use super::*;

#[test]
fn drives_and_directories() {
    let mut bench = Bench::quiet(Family::Sim7600);
    transcript(
        &mut bench,
        &[
            ("AT+FSCD?", "\r\n+FSCD: C:/\r\n\r\nOK\r\n"),
            ("AT+FSCD=F:/", "\r\n+FSCD: F:/\r\n\r\nOK\r\n"),
            ("AT+FSLS", "\r\nOK\r\n"),
            ("AT+FSMKDIR=sub", "\r\nOK\r\n"),
            ("AT+FSMKDIR=sub", "\r\nERROR\r\n"),
            ("AT+CFTRANRX=\"F:/a.txt\",0", "\r\nOK\r\n"),
            (
                "AT+FSLS?",
                "\r\n+FSLS: SUBDIRECTORIES:1,FILES:1\r\n\r\nOK\r\n",
            ),
            (
                "AT+FSLS",
                "\r\n+FSLS: SUBDIRECTORIES:\r\nsub\r\n\r\n+FSLS: FILES:\r\na.txt\r\n\r\nOK\r\n",
            ),
            ("AT+FSRENAME=a.txt,b.txt", "\r\nOK\r\n"),
            ("AT+FSLS=2", "\r\n+FSLS: FILES:\r\nb.txt\r\n\r\nOK\r\n"),
            ("AT+FSDEL=b.txt", "\r\nOK\r\n"),
            ("AT+FSDEL=b.txt", "\r\nERROR\r\n"),
            ("AT+FSRMDIR=sub", "\r\nOK\r\n"),
            ("AT+FSMEM", "\r\n+FSMEM: F:(67108864, 0)\r\n\r\nOK\r\n"),
            ("AT+FSCD=G:/", "\r\nERROR\r\n"),
        ],
    );
}

#[test]
fn files_are_typed_in_and_printed_by_count() {
    let mut bench = Bench::quiet(Family::Sim7600);
    let content: Vec<u8> = (0..=255).cycle().take(600).collect();
    assert_eq!(bench.command("AT+CFTRANRX=\"E:/x\",600"), "\r\n>");
    assert_eq!(bench.type_bytes(&content), b"\r\nOK\r\n");
    let printed = bench.type_bytes(b"AT+CFTRANTX=\"E:/x\"\r");
    let expected = [
        b"\r\n+CFTRANTX: DATA,512\r\n".as_slice(),
        &content[..512],
        b"\r\n+CFTRANTX: DATA,88\r\n",
        &content[512..],
        b"\r\n+CFTRANTX: 0\r\n\r\nOK\r\n",
    ];
    assert_eq!(printed, expected.concat());
    let part = bench.type_bytes(b"AT+CFTRANTX=\"E:/x\",97,3\r");
    assert_eq!(
        part,
        b"\r\n+CFTRANTX: DATA,3\r\nabc\r\n+CFTRANTX: 0\r\n\r\nOK\r\n"
    );
    for wrong in [
        "AT+CFTRANTX=\"E:/none\"",
        "AT+CFTRANTX=\"x\"",
        "AT+CFTRANRX=\"x\",5",
    ] {
        assert_eq!(bench.command(wrong), "\r\nERROR\r\n", "{wrong}");
    }
}

#[test]
fn a_long_file_goes_to_the_server_and_back() {
    let content: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let mut bench = Bench::logged_in(Family::Sim7600);
    bench
        .server()
        .files
        .insert(b"/dir/x.bin".to_vec(), content.clone());
    bench.server().directories.insert(b"/up".to_vec());
    transcript(
        &mut bench,
        &[
            (
                "AT+CFTPSGETFILE=\"/dir/x.bin\",3",
                "\r\nOK\r\n\r\n+CFTPSGETFILE: 0\r\n",
            ),
            (
                "AT+CFTPSPUTFILE=\"/up/x.bin\",3",
                "\r\nOK\r\n\r\n+CFTPSPUTFILE: 0\r\n",
            ),
            (
                "AT+CFTPSPUTFILE=\"/up/x.bin\",1",
                "\r\nOK\r\n\r\n+CFTPSPUTFILE: 17\r\n",
            ),
            (
                "AT+CFTPSPUTFILE=\"/up/x.bin\",3,99990",
                "\r\nOK\r\n\r\n+CFTPSPUTFILE: 0\r\n",
            ),
        ],
    );
    assert_eq!(bench.file("/up/x.bin"), content);
}

#[test]
fn a_full_drive_is_a_memory_error() {
    let knobs = Knobs { ..quiet() };
    let mut bench = Bench::logged_in_with(Family::A7670, knobs);
    bench
        .server()
        .files
        .insert(b"/big".to_vec(), vec![0; (6 << 20) + 1]);
    assert_eq!(
        bench.command("AT+CFTPSGETFILE=\"/big\",1"),
        "\r\nOK\r\n\r\n+CFTPSGETFILE: 7\r\n"
    );
    assert!(bench.command("AT+CFTPSPWD").contains("+CFTPSPWD: \"/\""));
}

#[test]
fn certificates_are_typed_in_listed_and_deleted() {
    let mut bench = Bench::quiet(Family::Sim7600);
    assert_eq!(bench.command("AT+CCERTDOWN=\"ca.pem\",3"), "\r\n>");
    assert_eq!(bench.type_bytes(b"abc"), b"\r\nOK\r\n");
    transcript(
        &mut bench,
        &[
            ("AT+CCERTLIST", "\r\n+CCERTLIST: \"ca.pem\"\r\n\r\nOK\r\n"),
            ("AT+CSSLCFG=\"cacert\",0,\"ca.pem\"", "\r\nOK\r\n"),
            ("AT+CSSLCFG=\"authmode\",0,1", "\r\nOK\r\n"),
            (
                "AT+CSSLCFG=0",
                "\r\n+CSSLCFG: 0,4,1,1,300,\"ca.pem\",\"\",\"\",0\r\n\r\nOK\r\n",
            ),
            ("AT+CCERTDELE=\"ca.pem\"", "\r\nOK\r\n"),
            ("AT+CCERTLIST", "\r\nOK\r\n"),
            ("AT+CCERTDOWN=\"ca.pem\",10241", "\r\nERROR\r\n"),
            ("AT+CCERTDOWN=\"../x\",3", "\r\nERROR\r\n"),
            ("AT+CSSLCFG=\"authmode\",10,1", "\r\nERROR\r\n"),
            ("AT+CSSLCFG=\"sslversion\",0,5", "\r\nERROR\r\n"),
            ("AT+CSSLCFG=\"nosuch\",0,1", "\r\nERROR\r\n"),
        ],
    );
}

#[test]
fn names_outside_ascii_are_hex() {
    let mut bench = Bench::logged_in(Family::Sim7600);
    let hex = "E6B58B";
    transcript(
        &mut bench,
        &[
            (
                &format!("AT+CFTPSMKD={{non-ascii}}\"{hex}\""),
                "\r\nOK\r\n\r\n+CFTPSMKD: 0\r\n",
            ),
            (
                &format!("AT+CFTPSCWD={{non-ascii}}\"{hex}\""),
                "\r\nOK\r\n\r\n+CFTPSCWD: 0\r\n",
            ),
            (
                "AT+CFTPSPWD",
                "\r\n+CFTPSPWD: {non-ascii}\"2FE6B58B\"\r\n\r\nOK\r\n",
            ),
        ],
    );
    assert!(bench.server().directories.contains("/测".as_bytes()));
}
