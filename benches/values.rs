//! What the values on the way of every byte cost, beside copying the same bytes: look at the ratios
//! within one run, since the times are the machine's. `cargo bench`.
#![expect(clippy::unwrap_used, reason = "a measurement of what fails is none")]

use std::hint::black_box;
use std::time::Duration;

use bytes::Bytes;
use divan::Bencher;
use divan::counter::BytesCount;
use tokio::io::DuplexStream;
use tokio::runtime::Runtime;

use cellftp::broker::catalogue::Servers;
use cellftp::broker::terms::{Caller, Principal, Target, Whose};
use cellftp::broker::{Broker, Limits};
use cellftp::modem::port::StreamConnector;
use cellftp::modem::{Modem, ModemOptions};
use simcom_talk::at::framer::{Expect, Frame, Framer};
use simcom_talk::ftps::escape::escape;
use simcom_talk::ftps::listing::Lines;
use simcom_talk::ftps::tls::TlsPolicy;
use simcom_talk::ftps::value::{Host, Password, RemotePath, Server, ServerType, Username};

const CONTENT: usize = 1 << 20;

/// Content of a block on most firmware (SIMCom manual L1214).
const BLOCK: usize = 1480;

/// What one read of the port brings at most.
const READ: usize = 4096;

fn main() {
    divan::main();
}

/// Every byte value, as often.
fn content() -> Bytes {
    (0..CONTENT).map(|at| (at % 256) as u8).collect()
}

/// A download as the module sends it.
fn frames() -> Vec<u8> {
    let mut wire = Vec::new();
    for block in content().chunks(BLOCK) {
        wire.extend_from_slice(format!("\r\n+CFTPSGET: DATA,{}\r\n", block.len()).as_bytes());
        wire.extend_from_slice(block);
    }
    wire.extend_from_slice(b"\r\n+CFTPSGET: 0\r\n");
    wire
}

fn listing() -> Vec<u8> {
    let line = |at| format!("-rw-r--r-- 1 user group {at} Mar 19 2020 some file {at}.txt\r\n");
    (0..1000).flat_map(|at| line(at).into_bytes()).collect()
}

#[divan::bench]
fn copying(bencher: Bencher<'_, '_>) {
    let content = content();
    bencher
        .counter(BytesCount::new(content.len()))
        .bench(|| black_box(&content).to_vec());
}

#[divan::bench]
fn framing_a_download(bencher: Bencher<'_, '_>) {
    let wire = frames();
    bencher.counter(BytesCount::new(wire.len())).bench(|| {
        let mut framer = Framer::new();
        let (mut left, mut got) = (0, 0);
        for read in wire.chunks(READ) {
            framer.push(read);
            let expect = |left| match left {
                0 => Expect::Line,
                left => Expect::Block(left),
            };
            while let Some(frame) = framer.pull(expect(left)) {
                match frame {
                    Frame::Block(bytes) => {
                        left -= bytes.len() as u64;
                        got += bytes.len();
                    }
                    Frame::Line(line) => {
                        let text = std::str::from_utf8(&line).unwrap();
                        let size = text.rsplit_once(',').map(|(_, size)| size);
                        left = size.map_or(0, |size| size.parse().unwrap());
                    }
                    other => unreachable!("{other:?}"),
                }
            }
        }
        assert_eq!(got, CONTENT);
    });
}

#[divan::bench]
fn escaping_an_upload(bencher: Bencher<'_, '_>) {
    let content = content();
    bencher
        .counter(BytesCount::new(content.len()))
        .bench(|| escape(black_box(&content)));
}

#[divan::bench]
fn reading_a_listing(bencher: Bencher<'_, '_>) {
    let listing = listing();
    bencher.counter(BytesCount::new(listing.len())).bench(|| {
        let mut lines = Lines::new();
        let read = listing.chunks(BLOCK).map(|part| lines.push(part).len());
        assert_eq!(read.sum::<usize>(), 1000);
    });
}

/// The order of those who wait, with the time that each is expected to begin.
#[divan::bench(args = [10, 100, 1000])]
fn telling_the_queue(bencher: Bencher<'_, '_>, waiting: usize) {
    let runtime = Runtime::new().unwrap();
    let queue = runtime.block_on(Queue::of(waiting));
    bencher.bench(|| queue.broker.queue(&queue.caller, &Whose::Own));
}

/// A queue in front of a module that never says a word.
struct Queue {
    broker: Broker,
    caller: Caller,
    _silence: DuplexStream,
}

impl Queue {
    async fn of(waiting: usize) -> Self {
        let (port, silence) = tokio::io::duplex(READ);
        let mut port = Some(port);
        let connector =
            StreamConnector(move || port.take().ok_or(std::io::ErrorKind::NotFound.into()));
        let (modem, _) = Modem::spawn(connector, ModemOptions::default());
        let names = ["a", "b", "c", "d"];
        let servers = names.map(|name| (name.to_owned(), server(name)));
        let servers = Servers::new(servers, false);
        let broker = Broker::new(modem, servers, Limits::default());
        let caller = |at: usize| Caller {
            yields: None,
            options: cellftp::broker::terms::Options::default(),
            principal: Principal::new(format!("uid:{}", at % 10)),
            deadline: None,
            priority: None,
        };
        for (at, name) in (0..=waiting).zip(names.iter().cycle()) {
            let (broker, caller) = (broker.clone(), caller(at));
            let target = Target::Profile((*name).into());
            tokio::spawn(async move {
                let path = RemotePath::new("/f").unwrap();
                broker.size(&caller, &target, &path).await
            });
        }
        while broker.status().queued < waiting {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Self {
            broker,
            caller: caller(0),
            _silence: silence,
        }
    }
}

fn server(host: &str) -> Server {
    Server {
        host: Host::new(host).unwrap(),
        port: ServerType::Ftp.default_port(),
        username: Username::new("u").unwrap(),
        password: Password::new("p").unwrap(),
        server_type: ServerType::Ftp,
        single_ip: true,
        tls: TlsPolicy::unverified(),
    }
}
