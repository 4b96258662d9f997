//! Attacks by transfers that outlive their caller.

use cellftp::client::Client;
use cellftp::proto::{
    CreateUploadRequest, ReadTransferRequest, UploadHeader, create_upload_request,
};
use prost::Message as _;
use tokio::time::sleep;

use crate::frames::{Wire, asked};
use crate::{CALLS, LASTS, OTHERS, Siege};

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

/// Transfers that are half sent, and one that many clients read without taking anything: each had a file
/// open, and nobody else could connect.
#[test]
fn transfers_half_sent_and_half_read() {
    let siege = Siege::of(512, "");
    let (tcp, address) = (siege.tcp.clone(), siege.address());
    // Taking turns on the link is no attack. It is over before the attack begins.
    OTHERS.block_on(async {
        let client = Client::connect(&address).await.unwrap();
        let download = client.create_download("down", "here", "/large");
        download.await.unwrap();
        let mut watch = client.watch_transfer("down").await.unwrap();
        while let Some(there) = watch.next().await.unwrap() {
            if there.end_time.is_some() {
                break;
            }
        }
    });
    siege.beside("transfers half sent and half read", CALLS, async {
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
