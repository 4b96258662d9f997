//! Reading a file: pushed by the module in counted blocks, or pulled out of its cache.

mod procedure;
mod resume;
mod state;
#[cfg(test)]
mod tests;
mod twins;

pub(crate) use state::Download;
