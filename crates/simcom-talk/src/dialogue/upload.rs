//! Writes a file: as one escaped stream behind a prompt, or in blocks.

mod block_transfer;
mod blocks;
mod clear;
mod ending;
mod procedure;
mod rejoin;
mod resume;
mod state;
mod verify;

pub(crate) use clear::Clear;
pub(crate) use state::Upload;
