//! Limits of the transport for a connection: which it announces, and where it ends a connection that
//! exceeds them.

use std::time::Duration;

use crate::frames::{
    DATA, Frame, GOAWAY, HEADERS, HEALTH, RST_STREAM, SETTINGS, Wire, call, call_with, frame,
    reset, whole,
};
use crate::{MANY, OTHERS, start};

const PATIENCE: Duration = Duration::from_secs(10);

/// A flag of DATA and HEADERS (RFC 9113 section 6.1).
const END_STREAM: u8 = 1;

/// The next frame of one of these kinds.
async fn next(wire: &mut Wire, kinds: &[u8]) -> Option<Frame> {
    while let Some(frame) = wire.read(PATIENCE).await {
        if kinds.contains(&frame.kind) {
            return Some(frame);
        }
    }
    None
}

/// The bounds in the README, as the client's library learns them (RFC 9113 section 6.5.2).
#[test]
fn a_connection_is_told_how_many_streams_and_how_much_metadata() {
    OTHERS.block_on(async {
        let (_program, _neighbour, tcp) = start(MANY, String::new()).await;
        let mut wire = Wire::open(&tcp).await;
        let settings = next(&mut wire, &[SETTINGS]).await.unwrap().payload;
        let of = |id| {
            let (entries, _) = settings.as_chunks::<6>();
            let mut values = entries.iter().filter_map(|[a, b, value @ ..]| {
                (u16::from_be_bytes([*a, *b]) == id).then_some(u32::from_be_bytes(*value))
            });
            values.next()
        };
        // SETTINGS_MAX_CONCURRENT_STREAMS, SETTINGS_MAX_HEADER_LIST_SIZE.
        assert_eq!((of(3), of(6)), (Some(100), Some(8192)));
    });
}

#[test]
fn a_call_with_too_much_metadata_is_refused_and_one_with_less_is_not() {
    OTHERS.block_on(async {
        let (_program, _neighbour, tcp) = start(MANY, String::new()).await;
        for (many, served) in [(200, true), (300, false)] {
            let mut wire = Wire::open(&tcp).await;
            // A field counts 32 bytes in addition to its text (RFC 9113 section 6.5.2).
            let metadata = vec![("a", "b"); many];
            let head = call_with(1, HEALTH, &metadata);
            let body = frame(DATA, END_STREAM, 1, &whole(&[]));
            wire.write(&[head, body].concat()).await;
            let answer = next(&mut wire, &[HEADERS, RST_STREAM, GOAWAY])
                .await
                .unwrap();
            // `:status 200` has a number of its own (RFC 7541 appendix A).
            let is_served = answer.kind == HEADERS && answer.payload.first() == Some(&0x88);
            assert_eq!(is_served, served, "{many} fields: {answer:?}");
        }
    });
}

/// Rapid reset: at most twenty reset streams may wait to be handled.
#[test]
fn who_resets_many_streams_at_once_is_sent_away() {
    OTHERS.block_on(async {
        let (_program, _neighbour, tcp) = start(MANY, String::new()).await;
        let mut wire = Wire::open(&tcp).await;
        let pairs = (0..200).map(|one| one * 2 + 1);
        let pairs: Vec<u8> = pairs
            .flat_map(|one| [call(one, HEALTH), reset(one)].concat())
            .collect();
        wire.write(&pairs).await;
        let goaway = next(&mut wire, &[GOAWAY]).await.expect("it is sent away");
        // The last stream, and ENHANCE_YOUR_CALM (RFC 9113 section 7).
        assert_eq!(goaway.payload.get(4..8), Some([0, 0, 0, 11].as_slice()));
    });
}
