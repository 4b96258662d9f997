//! The two kinds of TLS that in-process servers lack, and a server that insists on resumed
//! sessions: AUTH SSL and implicit TLS, against a server with a few replies.

use std::time::Duration;

use rustls::HandshakeKind;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::acceptor::self_signed;
use simcom_emulator::serve::in_process;
use simcom_emulator::{Family, Knobs, Model};

const PATIENCE: Duration = Duration::from_secs(20);

/// A server that knows one login and one file. It refuses data connections that do not resume the
/// session of the control connection, as vsftpd does (522), after it has created the file.
struct Server {
    tls: TlsAcceptor,
    stored: Vec<u8>,
}

impl Server {
    fn new() -> Self {
        Self {
            tls: self_signed().1,
            stored: b"stored".to_vec(),
        }
    }

    /// One client, until it leaves.
    async fn serve(mut self, listener: TcpListener, implicit: bool) {
        let (mut stream, _) = listener.accept().await.unwrap();
        if !implicit {
            stream
                .write_all(b"220-a greeting\r\n220 of two lines\r\n")
                .await
                .unwrap();
            let mut line = [0; 10];
            stream.read_exact(&mut line).await.unwrap();
            assert_eq!(&line, b"AUTH SSL\r\n");
            stream.write_all(b"234 go\r\n").await.unwrap();
        }
        let mut control = BufReader::new(self.tls.accept(stream).await.unwrap());
        if implicit {
            control.write_all(b"220 secret\r\n").await.unwrap();
        }
        let mut data = None;
        let mut line = String::new();
        while control.read_line(&mut line).await.is_ok_and(|len| len > 0) {
            let verb = line
                .split_whitespace()
                .next()
                .unwrap_or_default()
                .to_owned();
            line.clear();
            let reply = match verb.as_str() {
                "USER" => "331 password".to_owned(),
                "PASS" => "230 welcome".to_owned(),
                "PBSZ" | "PROT" | "TYPE" => "200 fine".to_owned(),
                "PASV" => {
                    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                    let port = listener.local_addr().unwrap().port();
                    data = Some(listener);
                    format!("227 here (127,0,0,1,{},{})", port / 256, port % 256)
                }
                "RETR" | "STOR" => {
                    control.write_all(b"150 now\r\n").await.unwrap();
                    let (stream, _) = data.take().unwrap().accept().await.unwrap();
                    self.transfer(stream, verb == "STOR").await.to_owned()
                }
                "QUIT" => "221 bye".to_owned(),
                other => panic!("unexpected {other}"),
            };
            control
                .write_all(format!("{reply}\r\n").as_bytes())
                .await
                .unwrap();
        }
    }

    async fn transfer(&mut self, stream: TcpStream, upload: bool) -> &'static str {
        let mut stream: TlsStream<TcpStream> = self.tls.accept(stream).await.unwrap();
        if upload {
            self.stored.clear();
        }
        if stream.get_ref().1.handshake_kind() != Some(HandshakeKind::Resumed) {
            return "522 SSL connection failed; session reuse required";
        }
        if upload {
            stream.read_to_end(&mut self.stored).await.unwrap();
        } else {
            stream.write_all(&self.stored).await.unwrap();
            stream.shutdown().await.unwrap();
        }
        "226 done"
    }
}

async fn command(port: &mut DuplexStream, line: &[u8], end: &str) -> String {
    let talking = async {
        port.write_all(line).await.unwrap();
        let mut seen = Vec::new();
        while !seen.ends_with(end.as_bytes()) {
            seen.push(port.read_u8().await.unwrap());
        }
        String::from_utf8(seen).unwrap()
    };
    tokio::time::timeout(PATIENCE, talking)
        .await
        .expect("no answer")
}

/// Logs in, uploads, downloads; the answers to the last two.
async fn session(implicit: bool, session_reuse: bool) -> [String; 2] {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(Server::new().serve(listener, implicit));
    let knobs = Knobs {
        echo: false,
        tls_session_reuse: session_reuse,
        ..Knobs::default()
    };
    let module = in_process(Model::of(Family::A7670), knobs);
    let mut host = module.open();
    command(&mut host, b"AT+CFTPSSTART\r", "+CFTPSSTART: 0\r\n").await;
    let server_type = if implicit { 3 } else { 1 };
    let login = format!("AT+CFTPSLOGIN=\"127.0.0.1\",{port},\"u\",\"p\",{server_type}\r");
    command(
        &mut host,
        login.as_bytes(),
        "\r\nOK\r\n\r\n+CFTPSLOGIN: 0\r\n",
    )
    .await;
    command(&mut host, b"AT+CFTPSPUT=\"f\"\r", "\r\n>").await;
    let put = command(&mut host, b"content\x1a", "\r\n\r\n+CFTPSPUT: ").await;
    let put = put + &command(&mut host, b"", "\r\n").await;
    let get = command(&mut host, b"AT+CFTPSGET=\"f\"\r", "+CFTPSGET: ").await;
    let get = get + &command(&mut host, b"", "\r\n").await;
    let get = if get.contains("DATA") {
        get + &command(&mut host, b"", "\r\n+CFTPSGET: 0\r\n").await
    } else {
        get
    };
    [put, get]
}

#[tokio::test]
async fn auth_ssl_and_implicit_tls_carry_files_and_resume_sessions() {
    for implicit in [false, true] {
        let [put, get] = session(implicit, true).await;
        assert_eq!(put, "\r\nOK\r\n\r\n+CFTPSPUT: 0\r\n", "implicit {implicit}");
        assert_eq!(
            get, "\r\nOK\r\n\r\n+CFTPSGET: DATA,7\r\ncontent\r\n+CFTPSGET: 0\r\n",
            "implicit {implicit}"
        );
    }
}

/// What owners of A7670E modules see: the login succeeds, transfers fail with 1 (explicit) or 14
/// (implicit).
#[tokio::test]
async fn a_server_that_insists_on_resumed_sessions_refuses_a_module_without() {
    for (implicit, code) in [(false, 1), (true, 14)] {
        let [put, get] = session(implicit, false).await;
        assert_eq!(put, format!("\r\nOK\r\n\r\n+CFTPSPUT: {code}\r\n"));
        assert_eq!(get, format!("\r\nOK\r\n\r\n+CFTPSGET: {code}\r\n"));
    }
}
