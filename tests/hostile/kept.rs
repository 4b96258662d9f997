//! Attacks by transfers that outlive their caller.

use cellftp::client::Client;
use cellftp::proto::{
    CreateUploadRequest, ReadTransferRequest, UploadHeader, create_upload_request,
};
use prost::Message as _;
use tokio::time::{sleep, timeout};

use crate::attacks::asking;
use crate::frames::{Wire, asked};
use crate::{CALLS, LASTS, MANY, Siege};

const UPLOAD: &str = "/cellftp.v1.TransferService/CreateUpload";
const READ: &str = "/cellftp.v1.TransferService/ReadTransfer";

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
            let mut bytes = Vec::new();
            for one in 0..100 {
                let stream = one * 2 + 1;
                let half = upload(format!("up-{at}-{one}"));
                bytes.extend(if at < 6 {
                    asked(stream, READ, &read)
                } else {
                    asked(stream, UPLOAD, &half)
                });
            }
            wire.say(&bytes).await;
        }
        sleep(LASTS).await;
        drop(wires);
    });
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
