//! Paths as bytes: the FTP client takes text, and the wire carries any byte except CR and LF.

use std::io;

use bytes::Bytes;
use suppaftp::Encoding;

/// One character for each byte, in both directions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Latin1;

impl Encoding for Latin1 {
    fn decode(&self, bytes: &[u8]) -> String {
        from_wire(bytes)
    }

    fn encode(&self, text: &str) -> io::Result<Vec<u8>> {
        text.chars()
            .map(|c| u8::try_from(c).map_err(|_| io::ErrorKind::InvalidInput.into()))
            .collect()
    }
}

/// Bytes as text for the client.
pub(super) fn from_wire(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// Text of the client as bytes. Characters outside Latin-1 cannot occur in it.
pub(super) fn to_wire(text: &str) -> Bytes {
    text.chars().filter_map(|c| u8::try_from(c).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives_the_round_trip() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(to_wire(&from_wire(&all)), all);
        assert_eq!(Latin1.encode(&Latin1.decode(&all)).unwrap(), all);
    }
}
