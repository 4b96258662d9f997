//! cellftp: FTP and FTPS over the AT port of a SIMCom cellular module.

pub mod emulator;
