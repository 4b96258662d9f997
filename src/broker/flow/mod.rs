//! Content between servers, the module and callers.

pub mod get;
pub mod many;
pub mod put;
pub mod storage;
pub mod tree;
