//! The emulated module with its real network, against a real FTP server in this process.
//!
//! Above 400 lines because the tests share one FTP server and the host that speaks to the module by hand.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use simcom_emulator::serve::pty::{PortLink, Pty};
use simcom_emulator::serve::{InProcess, Module, emulate, in_process};
use simcom_emulator::{Family, Knobs, Model};

const PATIENCE: Duration = Duration::from_secs(20);
const SIZE: usize = 2 * 1024 * 1024;

/// Every byte value, with bytes that a careless parser would take for answers.
fn content(len: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..=255).cycle().take(1000).collect();
    bytes.extend_from_slice(b"\r\nOK\r\n\r\n+CFTPSGET: 0\r\n> \x03\x03\x1a\x1a\x03\x1a");
    bytes.iter().copied().cycle().take(len).collect()
}

/// Escapes a stream as SIMCom manual L1215 says.
fn escaped(bytes: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(bytes.len() + 64);
    for &byte in bytes {
        if matches!(byte, 0x03 | 0x1A) {
            escaped.push(0x03);
        }
        escaped.push(byte);
    }
    escaped.push(0x1A);
    escaped
}

/// A server on a free loopback port that accepts any user.
async fn server(root: &Path, tls: Option<(&Path, &Path)>) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let root = root.to_owned();
    let mut builder = libunftp::ServerBuilder::new(Box::new(move || {
        unftp_sbe_fs::Filesystem::new(root.clone()).unwrap()
    }))
    // An address that no machine has (RFC 5737): only a module that uses the address of the control connection
    // gets its data. The client is never led there, since SINGLEIP is 1.
    .passive_host(std::net::Ipv4Addr::new(192, 0, 2, 1));
    if let Some((certificate, key)) = tls {
        builder = builder.ftps(certificate, key);
    }
    let server = builder.build().unwrap();
    tokio::spawn(async move { server.listen(address.to_string()).await });
    let up = async {
        while tokio::net::TcpStream::connect(address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, up).await.unwrap();
    address
}

/// A host at the port.
struct Host<S> {
    port: S,
    seen: Vec<u8>,
}

impl<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin> Host<S> {
    fn new(port: S) -> Self {
        Self {
            port,
            seen: Vec::new(),
        }
    }

    async fn send(&mut self, bytes: &[u8]) {
        tokio::time::timeout(PATIENCE, self.port.write_all(bytes))
            .await
            .unwrap()
            .unwrap();
    }

    async fn more(&mut self) {
        let mut buffer = [0; 8192];
        let reading = self.port.read(&mut buffer);
        let len = tokio::time::timeout(PATIENCE, reading)
            .await
            .expect("no answer")
            .unwrap();
        assert!(
            len > 0,
            "the port closed after {:?}",
            String::from_utf8_lossy(&self.seen)
        );
        self.seen.extend_from_slice(&buffer[..len]);
    }

    /// Everything up to and including `mark`.
    async fn until(&mut self, mark: &str) -> String {
        loop {
            let found = self
                .seen
                .windows(mark.len())
                .position(|w| w == mark.as_bytes());
            if let Some(at) = found {
                let taken: Vec<u8> = self.seen.drain(..at + mark.len()).collect();
                return String::from_utf8_lossy(&taken).into_owned();
            }
            self.more().await;
        }
    }

    async fn command(&mut self, line: &str, mark: &str) -> String {
        self.send(format!("{line}\r").as_bytes()).await;
        self.until(mark).await
    }

    async fn bytes(&mut self, len: usize) -> Vec<u8> {
        while self.seen.len() < len {
            self.more().await;
        }
        self.seen.drain(..len).collect()
    }

    /// The frames of a download, joined.
    async fn download(&mut self, line: &str) -> Vec<u8> {
        self.command(line, "\r\nOK\r\n").await;
        let mut content = Vec::new();
        loop {
            assert_eq!(self.bytes(2).await, b"\r\n");
            let report = self.until("\r\n").await;
            let report = report
                .trim_end()
                .strip_prefix("+CFTPSGET: ")
                .unwrap()
                .to_owned();
            match report.strip_prefix("DATA,") {
                Some(len) => content.extend(self.bytes(len.parse().unwrap()).await),
                None => {
                    assert_eq!(report, "0");
                    return content;
                }
            }
        }
    }

    async fn log_in(&mut self, address: SocketAddr, server_type: u8) {
        self.command("ATE0", "\r\nOK\r\n").await;
        self.command("AT+CFTPSSTART", "+CFTPSSTART: 0\r\n").await;
        self.command("AT+CFTPSSINGLEIP=1", "\r\nOK\r\n").await;
        let (ip, port) = (address.ip(), address.port());
        let line = format!("AT+CFTPSLOGIN=\"{ip}\",{port},\"anonymous\",\"x\",{server_type}");
        let answer = self.command(&line, "+CFTPSLOGIN: ").await + &self.until("\r\n").await;
        assert_eq!(answer, "\r\nOK\r\n\r\n+CFTPSLOGIN: 0\r\n");
    }

    async fn upload(&mut self, line: &str, content: &[u8]) {
        self.command(line, "\r\n>").await;
        self.send(&escaped(content)).await;
        assert_eq!(
            self.until("+CFTPSPUT: 0\r\n").await,
            "\r\nOK\r\n\r\n+CFTPSPUT: 0\r\n"
        );
    }
}

fn module(knobs: Knobs) -> (InProcess, Host<DuplexStream>) {
    let module = in_process(Model::of(Family::Sim7600), knobs);
    let host = Host::new(module.open());
    (module, host)
}

/// Uploads and downloads, whole and from the middle.
async fn round_trip<S>(host: &mut Host<S>, root: &Path)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let whole = content(SIZE);
    host.upload("AT+CFTPSPUT=\"/up.bin\"", &whole).await;
    assert!(
        std::fs::read(root.join("up.bin")).unwrap() == whole,
        "the upload differs"
    );
    assert!(
        host.download("AT+CFTPSGET=\"/up.bin\"").await == whole,
        "the download differs"
    );
    let half = SIZE / 2;
    let rest = host
        .download(&format!("AT+CFTPSGET=\"/up.bin\",{half}"))
        .await;
    assert!(rest == whole[half..], "the resumed download differs");
    std::fs::write(root.join("part.bin"), &whole[..half]).unwrap();
    host.upload(
        &format!("AT+CFTPSPUT=\"/part.bin\",,{half}"),
        &whole[half..],
    )
    .await;
    assert!(
        std::fs::read(root.join("part.bin")).unwrap() == whole,
        "the resumed upload differs"
    );
}

#[tokio::test]
async fn plain_ftp_carries_two_mebibytes_both_ways() {
    let root = tempfile::tempdir().unwrap();
    let address = server(root.path(), None).await;
    let (_module, mut host) = module(Knobs::default());
    host.log_in(address, 0).await;
    round_trip(&mut host, root.path()).await;
    host.command("AT+CFTPSLOGOUT", "+CFTPSLOGOUT: 0\r\n\r\nOK\r\n")
        .await;
}

fn certificate(dir: &Path, name: &str) -> (std::path::PathBuf, std::path::PathBuf, String) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let (certificate, key) = (dir.join("cert.pem"), dir.join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    (certificate, key, made.cert.pem())
}

#[tokio::test]
async fn auth_tls_carries_two_mebibytes_both_ways() {
    let (root, keys) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (certificate, key, _) = certificate(keys.path(), "127.0.0.1");
    let address = server(root.path(), Some((&certificate, &key))).await;
    let (_module, mut host) = module(Knobs::default());
    host.log_in(address, 2).await;
    round_trip(&mut host, root.path()).await;
}

#[tokio::test]
async fn failures_of_the_real_server_have_their_codes() {
    let root = tempfile::tempdir().unwrap();
    let address = server(root.path(), None).await;
    let (_module, mut host) = module(Knobs::default());
    host.command("ATE0;+CFTPSSINGLEIP=1;+CFTPSSTART", "+CFTPSSTART: 0\r\n")
        .await;
    let ip = address.ip();
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    for (target, code) in [
        (format!("\"{ip}\",{free}"), 14),
        (format!("\"no-such-host.invalid\",{free}"), 12),
    ] {
        let line = format!("AT+CFTPSLOGIN={target},\"anonymous\",\"x\",0");
        host.command(&line, &format!("\r\nOK\r\n\r\n+CFTPSLOGIN: {code}\r\n"))
            .await;
    }
    let port = address.port();
    let line = format!("AT+CFTPSLOGIN=\"{ip}\",{port},\"anonymous\",\"x\",0");
    host.command(&line, "+CFTPSLOGIN: 0\r\n").await;
    for (line, answer) in [
        ("AT+CFTPSSIZE=\"/none\"", "\r\nOK\r\n\r\n+CFTPSSIZE: 9\r\n"),
        ("AT+CFTPSGET=\"/none\"", "\r\nOK\r\n\r\n+CFTPSGET: 9\r\n"),
        ("AT+CFTPSMKD=\"/dir\"", "\r\nOK\r\n\r\n+CFTPSMKD: 0\r\n"),
        ("AT+CFTPSCWD=\"/dir\"", "\r\nOK\r\n\r\n+CFTPSCWD: 0\r\n"),
        ("AT+CFTPSPWD", "\r\n+CFTPSPWD: \"/dir\"\r\n\r\nOK\r\n"),
        ("AT+CFTPSLIST", "\r\nOK\r\n\r\n+CFTPSLIST: 0\r\n"),
        ("AT+CFTPSRMD=\"/dir\"", "\r\nOK\r\n\r\n+CFTPSRMD: 0\r\n"),
        ("AT+CFTPSTYPE=A", "\r\nOK\r\n\r\n+CFTPSTYPE: 0\r\n"),
    ] {
        host.send(format!("{line}\r").as_bytes()).await;
        assert_eq!(
            String::from_utf8(host.bytes(answer.len()).await).unwrap(),
            answer,
            "{line}"
        );
    }
}

#[tokio::test]
async fn a_pty_survives_being_closed_and_opened_again() {
    let root = tempfile::tempdir().unwrap();
    let address = server(root.path(), None).await;
    let mut module = Module::new(Model::of(Family::A7670), Knobs::default());
    let mut pty = Pty::open().unwrap();
    let path = pty.path().to_str().unwrap().to_owned();
    tokio::spawn(async move { pty.serve(&mut module).await });
    let open = || {
        let builder = tokio_serial::new(&path, 115_200);
        Host::new(tokio_serial::SerialStream::open(&builder).unwrap())
    };
    let mut host = open();
    host.log_in(address, 0).await;
    round_trip(&mut host, root.path()).await;
    for _ in 0..3 {
        drop(host);
        host = open();
        host.command("AT+CFTPSPWD", "\r\nOK\r\n\r\n+CFTPSPWD: \"/\"\r\n")
            .await;
    }
}

/// Types a certificate and makes context 0 verify with it.
async fn trust<S>(host: &mut Host<S>, pem: &str)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    host.command("ATE0", "\r\nOK\r\n").await;
    host.command(&format!("AT+CCERTDOWN=\"ca.pem\",{}", pem.len()), "\r\n>")
        .await;
    host.send(pem.as_bytes()).await;
    host.until("\r\nOK\r\n").await;
    host.command("AT+CSSLCFG=\"cacert\",0,\"ca.pem\"", "\r\nOK\r\n")
        .await;
    host.command("AT+CSSLCFG=\"authmode\",0,1", "\r\nOK\r\n")
        .await;
}

#[tokio::test]
async fn a_module_told_to_verify_takes_only_the_right_certificate() {
    let (root, keys) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let other_keys = tempfile::tempdir().unwrap();
    let (right, key, right_pem) = certificate(keys.path(), "127.0.0.1");
    let (elsewhere, other_key, elsewhere_pem) = certificate(other_keys.path(), "ftp.example");
    let address = server(root.path(), Some((&right, &key))).await;
    let named_wrongly = server(root.path(), Some((&elsewhere, &other_key))).await;

    let (_module, mut host) = module(Knobs::default());
    trust(&mut host, &right_pem).await;
    host.log_in(address, 2).await;
    host.upload("AT+CFTPSPUT=\"/v.bin\"", b"verified").await;
    assert_eq!(
        std::fs::read(root.path().join("v.bin")).unwrap(),
        b"verified"
    );

    for (target, pem) in [(address, &elsewhere_pem), (named_wrongly, &elsewhere_pem)] {
        let (_module, mut host) = module(Knobs::default());
        trust(&mut host, pem).await;
        host.command("AT+CFTPSSTART", "+CFTPSSTART: 0\r\n").await;
        let (ip, port) = (target.ip(), target.port());
        let line = format!("AT+CFTPSLOGIN=\"{ip}\",{port},\"anonymous\",\"x\",2");
        host.command(&line, "\r\nOK\r\n\r\n+CFTPSLOGIN: 1\r\n")
            .await;
    }
}

#[tokio::test]
async fn obsolete_tls_versions_end_in_an_alert() {
    let (root, keys) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (certificate, key, _) = certificate(keys.path(), "127.0.0.1");
    let address = server(root.path(), Some((&certificate, &key))).await;
    let (_module, mut host) = module(Knobs::default());
    host.command("ATE0;+CSSLCFG=\"sslversion\",0,2", "\r\nOK\r\n")
        .await;
    host.command("AT+CFTPSSTART", "+CFTPSSTART: 0\r\n").await;
    let (ip, port) = (address.ip(), address.port());
    let line = format!("AT+CFTPSLOGIN=\"{ip}\",{port},\"anonymous\",\"x\",2");
    host.command(&line, "+CFTPSLOGIN: 1\r\n").await;
}

#[tokio::test]
async fn a_port_closed_in_mid_download_goes_on_with_the_next_opening() {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("f"), vec![b'q'; 100_000]).unwrap();
    let address = server(root.path(), None).await;
    let (module, mut host) = module(Knobs::default());
    host.log_in(address, 0).await;
    host.command("AT+CFTPSGET=\"/f\"", "+CFTPSGET: DATA,1480\r\n")
        .await;
    drop(host);
    let mut host = Host::new(module.open());
    host.until("\r\n+CFTPSGET: 0\r\n").await;
    host.command(
        "AT+CFTPSSIZE=\"/f\"",
        "\r\nOK\r\n\r\n+CFTPSSIZE: 100000\r\n",
    )
    .await;
}

/// A server that accepts the login and then reads no data connection.
async fn stuck_server() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut control, _) = listener.accept().await.unwrap();
        control.write_all(b"220 ready\r\n").await.unwrap();
        let data = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = data.local_addr().unwrap().port();
        let passive = format!("227 here (127,0,0,1,{},{})\r\n", port / 256, port % 256);
        let mut line = [0; 256];
        let mut unread = Vec::new();
        while let Ok(len @ 1..) = control.read(&mut line).await {
            let verb = line[..len]
                .split(|b| b.is_ascii_whitespace())
                .next()
                .unwrap();
            let reply = match verb {
                b"USER" => "331 password\r\n",
                b"PASS" => "230 welcome\r\n",
                b"PASV" => passive.as_str(),
                b"STOR" => {
                    unread.push(data.accept().await.unwrap());
                    "150 now\r\n"
                }
                _ => "200 fine\r\n",
            };
            control.write_all(reply.as_bytes()).await.unwrap();
        }
    });
    address
}

#[tokio::test]
async fn a_port_closed_while_the_server_stalls_is_free_at_once() {
    let address = stuck_server().await;
    let (module, mut host) = module(Knobs::default());
    host.log_in(address, 0).await;
    host.command("AT+CFTPSPUT=\"/f\"", "\r\n>").await;
    // More than all buffers on the way hold: the module stops reading.
    let endless = vec![b'a'; 64 << 20];
    let sending = host.port.write_all(&endless);
    tokio::time::timeout(Duration::from_secs(1), sending)
        .await
        .expect_err("never stopped");
    drop(host);
    let mut host = Host::new(module.open());
    // The module notices it long before the server's own timeout. Nobody hears what it sends before, so it is
    // made to send again and again.
    let heard = async {
        let mut asks = tokio::time::interval(Duration::from_millis(20));
        loop {
            tokio::select! {
                _ = host.until("\r\nRING\r\n") => return,
                _ = asks.tick() => {}
            }
            module
                .remote()
                .change(|module, now| module.inject_urc(now, "RING"))
                .await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), heard)
        .await
        .expect("the port is not free");
}

/// A server that knows commands only literally: `TYPE A N` is unknown.
async fn literal_server() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut control, _) = listener.accept().await.unwrap();
        control.write_all(b"220 ready\r\n").await.unwrap();
        let mut line = [0; 256];
        while let Ok(len @ 1..) = control.read(&mut line).await {
            let reply: &[u8] = match &line[..len] {
                b"TYPE A\r\n" | b"TYPE I\r\n" => b"200 fine\r\n",
                line if line.starts_with(b"TYPE") => b"504 not that type\r\n",
                line if line.starts_with(b"USER") => b"331 password\r\n",
                line if line.starts_with(b"PASS") => b"230 welcome\r\n",
                _ => b"200 fine\r\n",
            };
            control.write_all(reply).await.unwrap();
        }
    });
    address
}

#[tokio::test]
async fn a_server_that_knows_type_a_and_no_format_is_served() {
    let address = literal_server().await;
    let (_module, mut host) = module(Knobs::default());
    host.log_in(address, 0).await;
    let answer = host.command("AT+CFTPSTYPE=A", "+CFTPSTYPE: ").await;
    assert!(answer.contains("\r\nOK\r\n"), "{answer}");
    host.until("0\r\n").await;
    host.command("AT+CFTPSTYPE?", "+CFTPSTYPE: A\r\n").await;
}

#[tokio::test]
async fn a_module_can_be_reached_into_while_it_is_served() {
    let (module, mut host) = module(Knobs {
        boot_time: Duration::ZERO,
        ..Knobs::default()
    });
    host.command("AT", "\r\nOK\r\n").await;
    module
        .remote()
        .change(|module, now| module.inject_urc(now, "RING"))
        .await;
    host.until("\r\nRING\r\n").await;
    module
        .remote()
        .change(|module, now| module.power_cycle(now))
        .await;
    host.until("\r\nRDY\r\n\r\n+CPIN: READY\r\n").await;
    host.send(b"AT+CRESET\r").await;
    host.until("\r\nOK\r\n").await;
    let mut left = Vec::new();
    tokio::time::timeout(PATIENCE, host.port.read_to_end(&mut left))
        .await
        .unwrap()
        .unwrap();
    let mut host = Host::new(module.open());
    host.until("\r\nRDY\r\n").await;
}

#[tokio::test(start_paused = true)]
#[expect(
    clippy::disallowed_methods,
    reason = "the clock of this test is tokio's own, paused"
)]
async fn a_slow_line_takes_the_time_of_its_baud_rate() {
    let (_module, mut host) = module(Knobs {
        baud: 9600,
        echo: false,
        ..Knobs::default()
    });
    let start = tokio::time::Instant::now();
    let answer = host.command("AT+CFTPSGETFILE=?", "OK\r\n").await;
    let bytes = "AT+CFTPSGETFILE=?\r".len() + answer.len();
    let expected = Duration::from_secs(1) * u32::try_from(bytes).unwrap() / 960;
    let taken = start.elapsed();
    assert!(
        taken > expected * 8 / 10 && taken < expected * 12 / 10,
        "{taken:?}, not {expected:?}"
    );
}

#[tokio::test]
async fn a_link_leads_to_the_port_and_leaves_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let link = dir.path().join("modem");
    // What an emulator left that was killed.
    let left = Path::new("/dev/pts/4294967295");
    std::os::unix::fs::symlink(left, &link).unwrap();
    let parsed = <Cli as clap::Parser>::parse_from([
        "emulate",
        "--link",
        link.to_str().unwrap(),
        "--family",
        "a7670",
        "--echo",
        "false",
        "--refuse",
        "+CSQ",
    ]);
    let mut running = tokio::spawn(emulate::run(parsed.args));
    let made = async {
        while std::fs::read_link(&link).unwrap() == left {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        ended = &mut running => panic!("the emulator ended: {ended:?}"),
        made = tokio::time::timeout(PATIENCE, made) => made.unwrap(),
    }
    let builder = tokio_serial::new(link.to_str().unwrap(), 115_200);
    let mut host = Host::new(tokio_serial::SerialStream::open(&builder).unwrap());
    assert_eq!(
        host.command("AT+CGMM", "OK\r\n").await,
        "\r\nA7670E-FASE\r\n\r\nOK\r\n"
    );
    assert_eq!(
        host.command("AT+CSQ", "\r\nERROR\r\n").await,
        "\r\nERROR\r\n"
    );
    running.abort();
    running.await.unwrap_err();
    assert!(!link.is_symlink(), "the link was left behind");
}

#[test]
fn a_link_never_replaces_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("precious");
    std::fs::write(&file, "x").unwrap();
    assert!(PortLink::new(&file, Path::new("/dev/null")).is_err());
    assert_eq!(std::fs::read(&file).unwrap(), b"x");
}

#[derive(clap::Parser)]
struct Cli {
    #[command(flatten)]
    args: emulate::EmulateArgs,
}
