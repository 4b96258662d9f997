use std::time::Duration;

use tokio::sync::mpsc;
use tonic::Code;
use tonic_types::StatusExt;

use super::*;
use crate::rpc::limits::{CHUNK, HEADER, SHORT_AT_ONCE};

const PUT: &str = "/cellftp.v1.FtpsService/Put";
const SIZE: &str = "/cellftp.v1.FtpsService/GetSize";

/// A body whose parts the test sends.
struct Parts(mpsc::Receiver<Bytes>);

impl Body for Parts {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.0
            .poll_recv(cx)
            .map(|part| part.map(|part| Ok(Frame::data(part))))
    }
}

fn bounded_body(
    path: &str,
    messages: &MessageMemory,
    who: &str,
) -> (mpsc::Sender<Bytes>, BoundedBody) {
    let (send, parts) = mpsc::channel(8192);
    let body = tonic::body::Body::new(Parts(parts));
    let account = messages.of(&Principal::new(who));
    (send, BoundedBody::new(body, MessageForm::of(path), account))
}

fn message(len: u32, bytes: usize) -> Bytes {
    let mut text = vec![0];
    text.extend(len.to_be_bytes());
    text.extend(vec![7; bytes]);
    text.into()
}

async fn next(bounded_body: &mut BoundedBody) -> Option<Result<usize, Status>> {
    let frame = std::future::poll_fn(|cx| Pin::new(&mut *bounded_body).poll_frame(cx)).await;
    frame.map(|frame| frame.map(|frame| frame.into_data().map_or(0, |data| data.len())))
}

async fn refused(bounded_body: &mut BoundedBody) -> (Code, String) {
    loop {
        match next(bounded_body)
            .await
            .expect("an error comes before the end")
        {
            Ok(_) => {}
            Err(status) => {
                let reason = status.get_details_error_info().unwrap().reason;
                return (status.code(), reason);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn half_a_message_is_not_awaited_for_ever() {
    let messages = MessageMemory::new(1 << 20);
    for (path, first) in [(SIZE, message(100, 50)), (PUT, Bytes::new())] {
        let (_send, mut body) = bounded_body(path, &messages, "me");
        _send.try_send(first).unwrap();
        let began = clock::now();
        let status = refused(&mut body).await;
        assert_eq!(status.1, "MESSAGE_TOO_LATE", "{path}");
        assert_eq!(began.elapsed(), FIRST_MESSAGE);
    }
    let (send, mut body) = bounded_body(PUT, &messages, "me");
    send.try_send(message(10, 10)).unwrap();
    send.try_send(message(100_000, 50)).unwrap();
    let began = clock::now();
    assert_eq!(refused(&mut body).await.1, "MESSAGE_TOO_LATE");
    assert_eq!(began.elapsed(), MESSAGE);
}

/// Two clients whose services did not read on behind such frames held the memory of all.
#[tokio::test(start_paused = true)]
async fn a_message_that_nobody_wants_yet_takes_no_room_and_is_not_late() {
    let messages = MessageMemory::new(512 * 1024);
    let (send, mut body) = bounded_body(PUT, &messages, "me");
    send.try_send(message(10, 10)).unwrap();
    next(&mut body).await.unwrap().unwrap();
    let both = [message(1000, 1000), message(CHUNK, 500)].concat();
    send.try_send(both.into()).unwrap();
    assert_eq!(next(&mut body).await.unwrap().unwrap(), 1005);
    assert_eq!(messages.all.available_permits(), 512);
    sleep(10 * MESSAGE).await;
    assert_eq!(next(&mut body).await.unwrap().unwrap(), 505);
    assert!(messages.all.available_permits() < 512);
    sleep(10 * MESSAGE).await;
    send.try_send(vec![7; CHUNK as usize - 500].into()).unwrap();
    assert!(
        next(&mut body).await.unwrap().is_ok(),
        "the reader was late"
    );
    assert_eq!(messages.all.available_permits(), 512);
}

#[tokio::test(start_paused = true)]
async fn a_call_of_one_message_that_does_not_end_is_ended() {
    let messages = MessageMemory::new(1 << 20);
    let (_send, mut body) = bounded_body(SIZE, &messages, "me");
    _send.try_send(message(10, 10)).unwrap();
    assert_eq!(next(&mut body).await.unwrap().unwrap(), 15);
    assert_eq!(refused(&mut body).await.1, "MESSAGE_TOO_LATE");
}

#[tokio::test(start_paused = true)]
async fn between_two_chunks_a_client_may_wait() {
    let messages = MessageMemory::new(1 << 20);
    let (send, mut body) = bounded_body(PUT, &messages, "me");
    send.try_send(message(10, 10)).unwrap();
    assert_eq!(next(&mut body).await.unwrap().unwrap(), 15);
    let waiting = tokio::time::timeout(Duration::from_secs(3600), next(&mut body)).await;
    assert!(waiting.is_err(), "others know how long that may be");
}

#[tokio::test]
async fn a_message_is_as_long_as_its_method_needs() {
    let messages = MessageMemory::new(1 << 20);
    let cases = [
        (SIZE, vec![message(HEADER + 1, 0)]),
        (PUT, vec![message(HEADER + 1, 0)]),
        (PUT, vec![message(10, 10), message(CHUNK + 100, 0)]),
    ];
    for (path, parts) in cases {
        let (send, mut body) = bounded_body(path, &messages, "me");
        parts
            .into_iter()
            .for_each(|part| send.try_send(part).unwrap());
        let status = refused(&mut body).await;
        assert_eq!(
            status,
            (Code::InvalidArgument, "MESSAGE_TOO_LONG".to_owned()),
            "{path}"
        );
    }
}

#[tokio::test]
async fn what_is_no_message_is_told() {
    let messages = MessageMemory::new(1 << 20);
    let halves = [Bytes::new(), message(10, 9), Bytes::from_static(&[0, 0])];
    for half in halves {
        let (send, mut body) = bounded_body(SIZE, &messages, "me");
        send.try_send(half).unwrap();
        drop(send);
        let status = refused(&mut body).await;
        assert_eq!(status.0, Code::InvalidArgument);
        assert_eq!(status.1, "MALFORMED_MESSAGE");
    }
}

#[tokio::test(start_paused = true)]
async fn many_one_byte_chunks_end_with_a_reason() {
    let messages = MessageMemory::new(1 << 20);
    let (send, mut body) = bounded_body(PUT, &messages, "me");
    for _ in 0..=SHORT_AT_ONCE {
        send.try_send(message(3, 3)).unwrap();
        next(&mut body).await.unwrap().unwrap();
    }
    send.try_send(message(3, 3)).unwrap();
    assert_eq!(refused(&mut body).await.1, "CHUNKS_TOO_SHORT");

    let (send, mut body) = bounded_body(PUT, &messages, "me");
    for _ in 0..5000 {
        send.try_send(message(3, 3)).unwrap();
        next(&mut body).await.unwrap().unwrap();
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn half_messages_of_one_client_leave_room_for_others_and_are_given_back() {
    let messages = MessageMemory::new(512 * 1024);
    let mut held = Vec::new();
    for _ in 0..4 {
        let (send, mut body) = bounded_body(PUT, &messages, "greedy");
        send.try_send(message(10, 10)).unwrap();
        send.try_send(message(CHUNK, 1000)).unwrap();
        next(&mut body).await.unwrap().unwrap();
        let half = tokio::time::timeout(Duration::from_secs(1), next(&mut body)).await;
        held.push((half.is_ok(), send, body));
    }
    let taken = held.iter().filter(|(taken, ..)| *taken).count();
    assert_eq!(taken, 2, "256 KiB of 512");
    let (send, mut body) = bounded_body(PUT, &messages, "another");
    send.try_send(message(10, 10)).unwrap();
    send.try_send(message(CHUNK, 1000)).unwrap();
    next(&mut body).await.unwrap().unwrap();
    next(&mut body).await.unwrap().unwrap();
    drop((held, body));
    assert_eq!(messages.all.available_permits(), 512);
}
