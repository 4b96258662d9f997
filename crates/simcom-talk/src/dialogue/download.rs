//! Reads a file: the module pushes it in counted blocks, or the host pulls it out of the module's
//! cache.

mod procedure;
mod resume;
mod state;
#[cfg(test)]
mod tests;
mod twins;

pub(crate) use state::Download;
