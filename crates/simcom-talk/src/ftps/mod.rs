//! Floor 1, the words: the commands, reports, codes and listings of SIMCom's FTPS service.

pub mod command;
pub mod command_name;
mod encode;
pub mod errcode;
pub mod escape;
pub mod listing;
pub mod lossless;
mod non_ascii;
pub mod profile;
pub mod question;
pub mod quirk;
pub mod report;
pub mod response_form;
pub mod storage;
pub mod tls;
pub mod unsolicited;
pub mod value;

pub use command::Command;
pub use command_name::{CommandName, StorageCommandName};
pub use encode::takes;
pub use errcode::ErrCode;
pub use profile::ModuleProfile;
pub use quirk::Quirks;
pub use report::{Body, Report};
pub use response_form::{ResponseForm, Timing};
pub use storage::Storage;
pub use unsolicited::Urc;
