//! The escaping of an upload in stream mode (SIMCom manual L1215).

use bytes::{BufMut, Bytes, BytesMut};
use memchr::{memchr2, memchr2_iter};

/// Ends the stream: Ctrl-Z.
pub const END: u8 = 0x1A;
pub(crate) const ETX: u8 = 0x03;

/// Content as it goes on the wire: a 0x03 stands before each 0x03 and each 0x1A.
#[must_use]
pub fn escape(content: &Bytes) -> Bytes {
    let special = memchr2_iter(ETX, END, content).count();
    if special == 0 {
        return content.clone();
    }
    let mut wire = BytesMut::with_capacity(content.len() + special);
    let mut rest = content.as_ref();
    while let Some((plain, from)) = memchr2(ETX, END, rest).and_then(|at| rest.split_at_checked(at))
    {
        wire.extend_from_slice(plain);
        wire.put_u8(ETX);
        let (special, behind) = from.split_at(1);
        wire.extend_from_slice(special);
        rest = behind;
    }
    wire.extend_from_slice(rest);
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
