//! Attacks by frames of HTTP/2 that no library would write.

use std::time::Duration;

use cellftp::client::Address;
use cellftp::proto::{self, PutHeader, PutRequest, put_request};
use prost::Message as _;
use prost_types::FileDescriptorSet;
use tokio::time::{sleep, timeout};

use crate::frames::{
    CONTINUATION, GOAWAY, HEADERS, HEALTH, PING, PRIORITY, PUT, QUEUE, REFLECTION, SETTINGS, SIZE,
    STATUS, WINDOW_UPDATE, Wire, asked, call, data, frame, message, whole,
};
use crate::{CALLS, LASTS, MANY, Siege, over_and_over};

/// Connections that an attack has at once.
const WIRES: usize = 8;

/// Writes the same frames over and over on connections that read what comes, where they `read`.
async fn flood(tcp: &str, frames: &[u8], read: bool) {
    let mut wires = Vec::new();
    for _ in 0..WIRES {
        wires.push(Wire::open(tcp).await);
    }
    over_and_over(async || {
        for wire in &mut wires {
            let written = timeout(Duration::from_millis(50), wire.write(frames)).await;
            let mut ended = written == Ok(false);
            while read && let Some(frame) = wire.read(Duration::from_millis(1)).await {
                ended |= frame.kind == GOAWAY;
            }
            if ended {
                *wire = Wire::open(tcp).await;
            }
        }
    })
    .await;
}

/// A part of a frame may be written. The rest of it comes with the next write: all writes have the same
/// bytes, so the frames fit together.
fn ask_for_nothing(name: &str, one: &[u8]) {
    let siege = Siege::of(MANY, "");
    let tcp = siege.tcp.clone();
    let many = one.repeat(10_000);
    siege.beside(&format!("{name} at full speed"), CALLS, async {
        flood(&tcp, &many, true).await;
    });
}

#[test]
fn pings_at_full_speed() {
    ask_for_nothing("PING", &frame(PING, 0, 0, &[0; 8]));
}

#[test]
fn settings_at_full_speed() {
    ask_for_nothing("SETTINGS", &frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100]));
}

#[test]
fn priorities_at_full_speed() {
    ask_for_nothing("PRIORITY", &frame(PRIORITY, 0, 1, &[0, 0, 0, 3, 7]));
}

#[test]
fn windows_at_full_speed() {
    ask_for_nothing("WINDOW_UPDATE", &frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]));
}

#[test]
fn pings_whose_answers_nobody_reads() {
    let siege = Siege::of(MANY, "");
    let tcp = siege.tcp.clone();
    let many = frame(PING, 0, 0, &[0; 8]).repeat(10_000);
    siege.beside("PING, of which no answer is read", CALLS, async {
        flood(&tcp, &many, false).await;
    });
}

/// A header that never ends, and one that a small table of names expands into a large one.
#[test]
fn headers_without_end() {
    let siege = Siege::of(MANY, "");
    let tcp = siege.tcp.clone();
    // A literal of a new name, which is kept (RFC 7541 §6.2.1), then that name again and again (§6.1).
    let mut bomb = vec![0x40, 4, b'b', b'o', b'm', b'b', 0x7f, 0xa1, 0x1e];
    bomb.extend(vec![b'x'; 4000]);
    bomb.extend(vec![0xbe; 8000]);
    siege.beside("headers without end", CALLS, async {
        over_and_over(async || {
            let mut wire = Wire::open(&tcp).await;
            let mut block = frame(HEADERS, 0, 1, &[]);
            for _ in 0..200 {
                // A literal that is not kept, of a name and a value of a byte.
                let literals = [0, 1, b'a', 1, b'b'].repeat(200);
                block.extend(frame(CONTINUATION, 0, 1, &literals));
            }
            wire.say(&block).await;
            let mut wire = Wire::open(&tcp).await;
            wire.say(&frame(HEADERS, 4, 1, &bomb)).await;
        })
        .await;
    });
}

/// SETTINGS_INITIAL_WINDOW_SIZE of so many bytes (RFC 9113 §6.5.2).
const fn window(bytes: u8) -> [u8; 6] {
    [0, 4, 0, 0, 0, bytes]
}

/// A hundred calls of a method with the same message, on a connection with a window of this size.
async fn calls(tcp: &str, of: u8, path: &str, whole: &[u8]) -> Wire {
    let mut wire = Wire::silent(tcp).await;
    wire.begin(&window(of)).await;
    let calls: Vec<u8> = (0..100)
        .map(|one| one * 2 + 1)
        .flat_map(|one| [call(one, path), data(one, whole)].concat())
        .collect();
    wire.say(&calls).await;
    wire
}

/// Answers that cannot be sent: the window is closed (RFC 9113 §6.9.2). Of the memory that 800 such calls
/// needed, the allocator keeps 12 MiB for the next, and four times as many attacks need no more. Of that of
/// 400, it keeps half as much.
#[test]
fn a_window_that_stays_closed() {
    let siege = Siege::of(MANY, "");
    let tcp = siege.tcp.clone();
    siege.beside("a closed window", CALLS, async {
        let mut wires = Vec::new();
        for of in [0, 1].repeat(WIRES / 4) {
            wires.push(calls(&tcp, of, STATUS, &message(0, &[])).await);
        }
        sleep(LASTS).await;
        drop(wires);
    });
}

/// A hundred uploads in the queue, and many clients that ask for the whole queue and do not read it.
#[test]
fn long_answers_that_nobody_reads() {
    let siege = Siege::of(MANY, "");
    let tcp = siege.tcp.clone();
    let put = put(&format!("/{}", "x".repeat(200)));
    siege.beside("long answers", CALLS, async {
        let mut wires = Vec::new();
        wires.push(calls(&tcp, 100, PUT, &put).await);
        for of in [0, 1].repeat(WIRES / 2) {
            wires.push(calls(&tcp, of, QUEUE, &message(0, &[])).await);
        }
        sleep(LASTS).await;
        drop(wires);
    });
}

/// As many uploads in the queue as there are long answers to it.
#[test]
fn four_hundred_long_answers() {
    let siege = Siege::of(MANY, "");
    let tcp = siege.tcp.clone();
    siege.beside("400 uploads, 400 long answers", 4 * CALLS, async {
        let mut wires = Vec::new();
        for at in 0..4 {
            wires.push(calls(&tcp, 100, PUT, &put(&format!("/{at}{}", "x".repeat(200)))).await);
        }
        for of in [0, 1].repeat(2) {
            wires.push(calls(&tcp, of, QUEUE, &message(0, &[])).await);
        }
        sleep(LASTS).await;
        drop(wires);
    });
}

/// The beginning of an upload.
pub(crate) fn put(path: &str) -> Vec<u8> {
    let header = PutHeader {
        target: Some(proto::Target {
            destination: Some(proto::target::Destination::Profile("here".into())),
        }),
        path: path.into(),
        ..Default::default()
    };
    let put = PutRequest {
        message: Some(put_request::Message::Header(header)),
    };
    whole(&put.encode_to_vec())
}

/// Questions about the contract, whose answers are long and not read.
#[test]
fn reflection_that_nobody_reads() {
    let siege = Siege::of(MANY, "");
    let tcp = siege.tcp.clone();
    // `file_containing_symbol` (3) of a ServerReflectionRequest.
    let symbol = b"cellftp.v1.FtpsService";
    let question = [&[0x22, 22], symbol.as_slice()].concat();
    let question = message(24, &question);
    siege.beside("reflection", CALLS, async {
        let mut wires = Vec::new();
        for _ in 0..WIRES {
            wires.push(Wire::open(&tcp).await);
        }
        for wire in &mut wires {
            for stream in (0..50).map(|one| one * 2 + 1) {
                let many = question.repeat(200);
                wire.write(&[call(stream, REFLECTION), data(stream, &many)].concat())
                    .await;
            }
        }
        sleep(LASTS).await;
        drop(wires);
    });
}

/// Connections whose client closes its side in the middle of calls.
#[test]
fn half_closed_connections() {
    let siege = Siege::of(MANY, "");
    let tcp = siege.tcp.clone();
    siege.beside("half-closed connections", CALLS, async {
        let mut wires = Vec::new();
        for _ in 0..200 {
            let mut wire = Wire::open(&tcp).await;
            let half = message(1000, &[7; 10]);
            wire.write(&[call(1, PUT), data(1, &half)].concat()).await;
            wire.half_close().await;
            wires.push(wire);
        }
        sleep(LASTS).await;
        drop(wires);
    });
}

/// Streams whose ids were used before, come too late, or belong to the server (RFC 9113 §5.1.1).
#[test]
fn streams_whose_ids_were_used() {
    let siege = Siege::of(MANY, "");
    let tcp = siege.tcp.clone();
    let whole = message(0, &[]);
    siege.beside("ids that were used", CALLS, async {
        over_and_over(async || {
            for ids in [[1, 1], [3, 1], [1, 2], [0, 0]] {
                let mut wire = Wire::open(&tcp).await;
                let calls = ids.map(|id| [call(id, HEALTH), data(id, &whole)].concat());
                wire.say(&calls.concat()).await;
            }
        })
        .await;
    });
}

/// The unix socket is no exception: its clients have the same bounds. The neighbour is the same user here,
/// whose share the attack takes, and is still served.
#[test]
fn what_comes_by_the_unix_socket_is_bounded_too() {
    let siege = Siege::of(MANY, "");
    let Address::Unix(path) = siege.program.unix() else {
        unreachable!("it is a path");
    };
    siege.beside("half messages at the unix socket", CALLS, async {
        let mut wires = Vec::new();
        for _ in 0..100 {
            wires.push(Wire::open_unix(&path).await);
        }
        for wire in &mut wires {
            let half = message(4 << 20, &[7; 8_000]);
            wire.say(&[call(1, PUT), data(1, &half)].concat()).await;
        }
        sleep(LASTS).await;
        drop(wires);
    });
}

/// A stream of each method that never ends, and of which no answer is read.
#[test]
fn a_call_of_each_method_that_never_ends() {
    let siege = Siege::of(MANY, "");
    let tcp = siege.tcp.clone();
    let set = FileDescriptorSet::decode(proto::FILE_DESCRIPTOR_SET).unwrap();
    let services = set.file.iter().flat_map(|file| {
        let package = file.package();
        file.service.iter().map(move |service| (package, service))
    });
    let paths: Vec<_> = services
        .flat_map(|(package, service)| {
            let methods = service.method.iter();
            methods.map(move |method| format!("/{package}.{}/{}", service.name(), method.name()))
        })
        .collect();
    siege.beside("a call of each method", CALLS, async {
        let mut wires = Vec::new();
        for of in [0, 1].repeat(WIRES / 2) {
            let mut wire = Wire::silent(&tcp).await;
            wire.begin(&window(of)).await;
            for (one, path) in (0..).zip(&paths) {
                let stream = one * 2 + 1;
                // Nothing, an empty message, or the beginning of one.
                let part: &[u8] = [&[], [0; 5].as_slice(), &[0, 0, 0, 9]][one as usize % 3];
                wire.say(&[call(stream, path), data(stream, part)].concat())
                    .await;
            }
            wires.push(wire);
        }
        sleep(LASTS).await;
        drop(wires);
    });
}

/// A window that grows by one byte, and one that the client makes large and small, while answers wait for
/// it.
#[test]
fn windows_that_grow_by_a_byte() {
    let siege = Siege::of(MANY, "");
    let tcp = siege.tcp.clone();
    siege.beside("windows that grow by a byte", CALLS, async {
        let mut wires = Vec::new();
        for _ in 0..WIRES {
            wires.push(calls(&tcp, 0, STATUS, &message(0, &[])).await);
        }
        let mut of = 0;
        over_and_over(async || {
            of = (of + 1) % 3;
            for wire in &mut wires {
                let grow =
                    (0..100).flat_map(|one| frame(WINDOW_UPDATE, 0, one * 2 + 1, &[0, 0, 0, 1]));
                let mut bytes: Vec<u8> = grow.collect();
                bytes.extend(frame(SETTINGS, 0, 0, &window(of)).repeat(20));
                wire.say(&bytes).await;
            }
        })
        .await;
        drop(wires);
    });
}

/// A table of header fields (RFC 7541 section 4.2) that the client makes as large as numbers can be, and
/// small again, while each answer adds other trailers to it.
#[test]
fn a_table_of_header_fields_without_bound() {
    let siege = Siege::of(MANY, "");
    let tcp = siege.tcp.clone();
    siege.beside("tables of header fields", CALLS, async {
        let mut wires = Vec::new();
        for _ in 0..WIRES {
            wires.push(Wire::open(&tcp).await);
        }
        let mut stream = 1;
        over_and_over(async || {
            for wire in &mut wires {
                let mut bytes = Vec::new();
                for size in [[255; 4], [0; 4], [0, 0, 1, 0], [255; 4]] {
                    let resize = [&[0, 1], size.as_slice()].concat();
                    bytes.extend(frame(SETTINGS, 0, 0, &resize));
                }
                for one in 0..10 {
                    let name = format!("{:0>100}", stream + one * 2);
                    let request = proto::GetSizeRequest {
                        target: Some(proto::Target {
                            destination: Some(proto::target::Destination::Profile(name.clone())),
                        }),
                        path: "/x".into(),
                        ..Default::default()
                    };
                    bytes.extend(asked(stream + one * 2, SIZE, &request.encode_to_vec()));
                }
                wire.say(&bytes).await;
            }
            stream += 20;
        })
        .await;
        drop(wires);
    });
}
