//! The escaping of an upload in stream mode (SIMCom manual L1215).

use bytes::{BufMut, Bytes, BytesMut};

/// Ends the stream: Ctrl-Z.
pub const END: u8 = 0x1A;
pub(crate) const ETX: u8 = 0x03;

/// Content as it goes on the wire: a 0x03 stands before each 0x03 and each 0x1A.
#[must_use]
pub fn escape(content: &Bytes) -> Bytes {
    let special = content
        .iter()
        .filter(|byte| matches!(**byte, ETX | END))
        .count();
    if special == 0 {
        return content.clone();
    }
    let mut wire = BytesMut::with_capacity(content.len() + special);
    for byte in content {
        if matches!(*byte, ETX | END) {
            wire.put_u8(ETX);
        }
        wire.put_u8(*byte);
    }
    wire.freeze()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn etx_and_ctrl_z_are_escaped() {
        let content = Bytes::from_static(b"a\x03b\x1A\x1A");
        assert_eq!(escape(&content).as_ref(), b"a\x03\x03b\x03\x1A\x03\x1A");
    }

    proptest! {
        #[test]
        fn no_unescaped_ctrl_z_is_left_and_nothing_is_lost(content: Vec<u8>) {
            let wire = escape(&Bytes::from(content.clone()));
            let mut back = Vec::new();
            let mut bytes = wire.iter();
            while let Some(byte) = bytes.next() {
                prop_assert_ne!(*byte, END);
                back.push(if *byte == ETX { *bytes.next().unwrap() } else { *byte });
            }
            prop_assert_eq!(back, content);
        }
    }
}
