//! Attacks by transfers that outlive their caller.

use std::time::Duration;

use cellftp::client::Client;
use cellftp::proto::{
    self, CreateUploadRequest, ListTransfersRequest, ReadTransferRequest, UploadHeader,
    WatchTransferRequest, create_upload_request,
};
use prost::Message as _;
use tokio::time::{sleep, timeout};

use crate::attacks::asking;
use crate::frames::{Wire, asked, call, data, whole};
use crate::{CALLS, LASTS, MANY, Siege, over_and_over};

const UPLOAD: &str = "/cellftp.v1.TransferService/CreateUpload";
const READ: &str = "/cellftp.v1.TransferService/ReadTransfer";
const WATCH: &str = "/cellftp.v1.TransferService/WatchTransfer";
const LIST: &str = "/cellftp.v1.TransferService/ListTransfers";

/// The beginning of an upload that is kept.
fn upload(id: String) -> Vec<u8> {
    let header = UploadHeader {
        transfer_id: id.clone(),
        profile: "here".into(),
        path: format!("/{id}"),
        ..Default::default()
    };
    let request = CreateUploadRequest {
        message: Some(create_upload_request::Message::Header(header)),
    };
    request.encode_to_vec()
}

/// Transfers that are half sent, and one that is read by many who take nothing: each had a file open, and
/// nobody else could come in.
#[test]
fn transfers_half_sent_and_half_read() {
    let siege = Siege::of(512, "");
    let (tcp, address) = (siege.tcp.clone(), siege.address());
    siege.beside("transfers half sent and half read", CALLS, async {
        let client = Client::connect(&address).await.unwrap();
        client
            .create_download("down", "here", "/large")
            .await
            .unwrap();
        let mut wires = Vec::new();
        for _ in 0..12 {
            let mut wire = Wire::silent(&tcp).await;
            // A window of a byte (RFC 9113 section 6.5.2).
            wire.begin(&[0, 4, 0, 0, 0, 1]).await;
            wires.push(wire);
        }
        let request = ReadTransferRequest {
            transfer_id: "down".into(),
            offset: 0,
        };
        let read = request.encode_to_vec();
        for (at, wire) in wires.iter_mut().enumerate() {
            for one in 0..100 {
                let stream = one * 2 + 1;
                let half = upload(format!("up-{at}-{one}"));
                let bytes = if at < 6 {
                    asked(stream, READ, &read)
                } else {
                    [call(stream, UPLOAD), data(stream, &whole(&half))].concat()
                };
                wire.say(&bytes).await;
            }
        }
        sleep(LASTS).await;
        drop(wires);
    });
}

/// A transfer that is watched by as many as one client may have calls.
#[test]
fn a_transfer_that_many_watch() {
    let siege = Siege::of(MANY, "");
    let (tcp, address, elsewhere) = (siege.tcp.clone(), siege.address(), siege.elsewhere());
    let attack = async {
        let client = Client::connect(&address).await.unwrap();
        client
            .create_download("down", "here", "/large")
            .await
            .unwrap();
        let request = WatchTransferRequest {
            transfer_id: "down".into(),
        };
        let watch = request.encode_to_vec();
        let mut wires = Vec::new();
        for _ in 0..20 {
            wires.push(Wire::open(&tcp).await);
        }
        for wire in &mut wires {
            let calls: Vec<_> = (0..100)
                .flat_map(|one| asked(one * 2 + 1, WATCH, &watch))
                .collect();
            wire.say(&calls).await;
        }
        over_and_over(async || {
            for wire in &mut wires {
                while wire.read(Duration::from_millis(1)).await.is_some() {}
            }
        })
        .await;
        drop(wires);
    };
    let work = async {
        let client = Client::connect(&elsewhere).await.unwrap();
        client
            .create_download("down", "here", "/large")
            .await
            .unwrap();
        sleep(2 * LASTS).await;
    };
    siege.beside_as_much("a transfer that many watch", CALLS, attack, work);
}

/// Small transfers that are created, read and deleted without end.
#[test]
fn small_transfers_without_end() {
    let siege = Siege::of(MANY, "");
    let (address, elsewhere) = (siege.address(), siege.elsewhere());
    let attack = async {
        let mut clients = Vec::new();
        for client in 0..8 {
            let address = address.clone();
            clients.push(tokio::spawn(async move {
                let transfers = Client::connect(&address).await.unwrap();
                for one in 0.. {
                    let id = format!("{client}-{one}");
                    let header = UploadHeader {
                        transfer_id: id.clone(),
                        profile: "here".into(),
                        path: format!("/{id}"),
                        ..Default::default()
                    };
                    let mut content = b"x".as_slice();
                    let _ = transfers.create_upload(header, &mut content, |_| ()).await;
                    if one % 2 == 0 {
                        let _ = transfers.cancel_transfer(&id).await;
                        let _ = transfers.delete_transfer(&id).await;
                    }
                }
            }));
        }
        sleep(LASTS).await;
        clients.iter().for_each(tokio::task::JoinHandle::abort);
    };
    let work = async {
        let _ = timeout(2 * LASTS, asking(elsewhere)).await;
    };
    siege.beside_as_much("small transfers without end", CALLS, attack, work);
}

/// Names, tokens and messages that nobody meant.
#[test]
fn requests_that_nobody_meant() {
    let siege = Siege::of(MANY, "");
    let tcp = siege.tcp.clone();
    siege.beside("requests that nobody meant", CALLS, async {
        let names = [
            "\u{202e}gpj.exe".to_owned(),
            "../../etc/passwd".into(),
            "x".repeat(20_000),
            "\0\r\nAT+CFUN=0\r\n".into(),
            "\u{10ffff}".repeat(30),
        ];
        let mut stream = 1;
        let mut wire = Wire::open(&tcp).await;
        over_and_over(async || {
            for name in &names {
                let list = ListTransfersRequest {
                    page_size: i32::MIN,
                    page_token: name.clone(),
                    states: vec![i32::MAX; 2000],
                    transfer_id_prefix: name.clone(),
                };
                let read = ReadTransferRequest {
                    transfer_id: name.clone(),
                    offset: i64::MAX,
                };
                let size = proto::GetSizeRequest {
                    target: Some(proto::Target {
                        destination: Some(proto::target::Destination::SessionId(name.clone())),
                    }),
                    path: name.clone(),
                };
                let junk: Vec<u8> = (0..300).map(|at| (at * 7 % 256) as u8).collect();
                // A message that says that it is compressed.
                let mut packed = whole(&junk);
                packed[0] = 1;
                let calls = [
                    asked(stream, LIST, &list.encode_to_vec()),
                    asked(stream + 2, READ, &read.encode_to_vec()),
                    asked(
                        stream + 4,
                        "/cellftp.v1.FtpsService/GetSize",
                        &size.encode_to_vec(),
                    ),
                    asked(stream + 6, UPLOAD, &upload(name.clone())),
                    asked(stream + 8, LIST, &junk),
                    [call(stream + 10, LIST), data(stream + 10, &packed)].concat(),
                ];
                stream += 12;
                if !wire.say(&calls.concat()).await || stream > 2000 {
                    wire = Wire::open(&tcp).await;
                    stream = 1;
                }
            }
        })
        .await;
    });
}
