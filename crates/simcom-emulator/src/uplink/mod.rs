//! The networks behind the module.

pub mod ftp;
pub mod memory;
