//! Floor 1, the words: the commands, reports and codes of SIMCom's FTPS service.

pub mod errcode;
pub mod value;
