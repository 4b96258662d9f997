//! Content on its way: between servers, module and callers.

pub mod get;
pub mod many;
pub mod put;
pub mod storage;
pub mod tree;
