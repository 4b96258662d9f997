//! HTTP/2 frames as an attacker writes them (RFC 9113 §4, §6; RFC 7541).

use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

/// Methods that are called.
pub(crate) const HEALTH: &str = "/grpc.health.v1.Health/Check";
pub(crate) const STATUS: &str = "/cellftp.v1.ModemService/GetStatus";
pub(crate) const SIZE: &str = "/cellftp.v1.FtpsService/GetSize";
pub(crate) const GET: &str = "/cellftp.v1.FtpsService/Get";
pub(crate) const PUT: &str = "/cellftp.v1.FtpsService/Put";
pub(crate) const QUEUE: &str = "/cellftp.v1.OperationService/ListOperations";
pub(crate) const REFLECTION: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

const END_HEADERS: u8 = 4;

/// Either of the doors.
trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

/// A connection whose frames the test writes.
pub(crate) struct Wire {
    stream: Box<dyn Duplex>,
    unread: Vec<u8>,
}

/// A frame that came.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) payload: Vec<u8>,
}

impl Wire {
    /// A connection on which the client's preface was sent (RFC 9113 §3.4).
    pub(crate) async fn open(tcp: &str) -> Self {
        let mut wire = Self::silent(tcp).await;
        wire.begin(&[]).await;
        wire
    }

    /// The same at the unix socket.
    pub(crate) async fn open_unix(path: &Path) -> Self {
        let stream = UnixStream::connect(path).await.unwrap();
        let mut wire = Self::of(stream);
        wire.begin(&[]).await;
        wire
    }

    /// Sends the client's preface with these settings.
    pub(crate) async fn begin(&mut self, settings: &[u8]) -> bool {
        let settings = frame(SETTINGS, 0, 0, settings);
        self.write(&[PREFACE, settings.as_slice()].concat()).await
    }

    /// A connection on which nothing was sent.
    pub(crate) async fn silent(tcp: &str) -> Self {
        Self::of(TcpStream::connect(tcp).await.unwrap())
    }

    fn of(stream: impl Duplex + 'static) -> Self {
        Self {
            stream: Box::new(stream),
            unread: Vec::new(),
        }
    }

    /// Announces the end of what is sent. What comes from the other end can still be read.
    pub(crate) async fn half_close(&mut self) {
        let _ = self.stream.shutdown().await;
    }

    /// Writes what the other end takes within a second. An attacker does not care what it refuses.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> bool {
        let written = timeout(Duration::from_secs(1), self.stream.write_all(bytes)).await;
        matches!(written, Ok(Ok(())))
    }

    /// The next frame; `None` where the connection has ended or nothing comes within `patience`.
    pub(crate) async fn read(&mut self, patience: Duration) -> Option<Frame> {
        loop {
            if let Some(head) = self.unread.first_chunk::<9>() {
                let len = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
                let kind = head[3];
                if self.unread.len() >= 9 + len {
                    let payload = self.unread.drain(..9 + len).skip(9).collect();
                    return Some(Frame { kind, payload });
                }
            }
            let more = timeout(patience, self.stream.read_buf(&mut self.unread)).await;
            if !matches!(more, Ok(Ok(1..))) {
                return None;
            }
        }
    }

    /// Writes bytes, and reads what comes meanwhile.
    pub(crate) async fn say(&mut self, bytes: &[u8]) -> bool {
        let written = self.write(bytes).await;
        while self.read(Duration::from_millis(5)).await.is_some() {}
        written
    }

    /// Whether the other end has closed the connection within `patience`.
    pub(crate) async fn ended(&mut self, patience: Duration) -> bool {
        let ended = async { while self.read(patience).await.is_some() {} };
        let mut byte = [0];
        timeout(patience, ended).await.is_ok()
            && matches!(
                timeout(Duration::from_millis(10), self.stream.read(&mut byte)).await,
                Ok(Ok(0) | Err(_))
            )
    }
}

/// A frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let head = [len[1], len[2], len[3], kind, flags];
    [&head, stream.to_be_bytes().as_slice(), payload].concat()
}

/// HEADERS of a call, whose body is to come.
pub(crate) fn call(stream: u32, path: &str) -> Vec<u8> {
    call_with(stream, path, &[])
}

/// The same with this metadata.
pub(crate) fn call_with(stream: u32, path: &str, metadata: &[(&str, &str)]) -> Vec<u8> {
    let fields = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "localhost"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ];
    let mut block = Vec::new();
    for (name, value) in fields.iter().chain(metadata) {
        // A literal without indexing, and without Huffman's code (RFC 7541 §6.2.2).
        block.push(0);
        for text in [name, value] {
            assert!(text.len() < 127, "longer texts have a longer length");
            block.push(u8::try_from(text.len()).unwrap());
            block.extend_from_slice(text.as_bytes());
        }
    }
    frame(HEADERS, END_HEADERS, stream, &block)
}

/// DATA, after which more is to come.
pub(crate) fn data(stream: u32, payload: &[u8]) -> Vec<u8> {
    frame(DATA, 0, stream, payload)
}

/// RST_STREAM with CANCEL.
pub(crate) fn reset(stream: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())
}

/// A call with one complete message.
pub(crate) fn asked(stream: u32, path: &str, content: &[u8]) -> Vec<u8> {
    [call(stream, path), data(stream, &whole(content))].concat()
}

/// A message as gRPC frames it.
pub(crate) fn whole(content: &[u8]) -> Vec<u8> {
    message(u32::try_from(content.len()).unwrap(), content)
}

/// The beginning of a message as gRPC frames it.
pub(crate) fn message(len: u32, beginning: &[u8]) -> Vec<u8> {
    [&[0], len.to_be_bytes().as_slice(), beginning].concat()
}
