//! What typed bytes are: commands, or data for the command that printed the prompt.

use bytes::{Bytes, BytesMut};

use crate::settings::Receipt;

/// ETX, which escapes itself and Ctrl-Z in stream mode (SIMCom manual L1215).
const ETX: u8 = 0x03;
/// Ctrl-Z, which ends stream mode.
const CTRL_Z: u8 = 0x1A;

/// How the module reads its line.
#[derive(Debug)]
pub(crate) enum Input {
    Commands,
    Data(Data),
}

/// Data after a prompt.
#[derive(Debug)]
pub(crate) struct Data {
    pub(crate) extent: Extent,
    /// `None`: the data belongs to the running upload.
    pub(crate) receipt: Option<Receipt>,
    /// The command and the bytes typed so far, by which faults count.
    pub(crate) command: (String, u32),
    pub(crate) typed: u64,
}

/// How the end of the data is known.
#[derive(Debug)]
pub(crate) enum Extent {
    /// By count.
    Remaining(u64),
    /// By a Ctrl-Z that no ETX precedes.
    Stream { escaped: bool },
}

impl Extent {
    /// The content among `bytes`, how many of them were used, and whether the data has ended.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> (Bytes, usize, bool) {
        match self {
            Self::Remaining(remaining) => {
                let len = usize::try_from(*remaining).map_or(bytes.len(), |r| r.min(bytes.len()));
                let content = bytes.get(..len).unwrap_or(bytes);
                *remaining -= len as u64;
                (Bytes::copy_from_slice(content), len, *remaining == 0)
            }
            Self::Stream { escaped } => {
                let mut content = BytesMut::with_capacity(bytes.len());
                for (index, &byte) in bytes.iter().enumerate() {
                    match byte {
                        ETX if !*escaped => *escaped = true,
                        CTRL_Z if !*escaped => return (content.freeze(), index + 1, true),
                        _ => {
                            // TODO-correctness: no document says what ETX before another byte
                            // means. The byte is taken as it is.
                            *escaped = false;
                            content.extend_from_slice(&[byte]);
                        }
                    }
                }
                (content.freeze(), bytes.len(), false)
            }
        }
    }
}
