//! `cellftp module ...`: the module, and files on it.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

use super::choice::Existing;
use super::file::Landing;
use super::value::server_path;
use crate::completion::remote;
use cellftp::client::{DataAddressMode, ServerPath};

/// A path on the module begins with its drive: F:/name.
#[derive(Debug, Subcommand)]
pub(crate) enum ModuleCommand {
    #[command(flatten)]
    Service(ServiceCommand),
    /// List a directory of the module
    Ls {
        /// Drive or directory, for example F: or F:/logs
        directory: String,
    },
    /// Show the drives of the module and their room
    Df,
    /// Delete a file of the module
    Rm {
        /// Path on the module, for example F:/name
        path: String,
    },
    /// Read a file of the module
    Get(ModuleGet),
    /// Write a local file to the module
    Put(ModulePut),
    /// Have the module read a file of the server to one of its drives
    Fetch(ModuleFetch),
    /// Have the module write a file of the server from one of its drives
    Send(ModuleSend),
    /// Start the module anew and wait until it is back
    Reset,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ServiceCommand {
    /// Start the module's FTPS service
    Start,
    /// Log out and stop the module's FTPS service
    Stop,
    /// Show where data connections go, or set it until the next login
    Address {
        /// What is to be set
        #[arg(value_enum)]
        mode: Option<AddressMode>,
    },
    /// Show what the module can do, as far as the daemon knows
    Capabilities,
    /// Ask the module for the forms of its FTPS commands
    Forms,
    /// Send an AT command, where the daemon's configuration allows it
    At {
        /// The command line, for example AT+CSQ
        line: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AddressMode {
    /// To the address in the server's reply
    Reply,
    /// To the address of the control connection
    Control,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ModuleGet {
    /// Path on the module, for example F:/name
    pub(crate) path: String,

    /// File or directory to write to; - is standard output
    pub(crate) local: PathBuf,

    #[command(flatten)]
    pub(crate) landing: Landing,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ModulePut {
    /// File to send; - is standard input
    pub(crate) local: PathBuf,

    /// Path on the module, for example F:/name
    pub(crate) path: String,

    /// Bytes to come from a pipe or from standard input, which do not tell
    #[arg(long)]
    pub(crate) size: Option<u64>,

    /// What happens where the name exists on the module
    #[arg(long, value_enum, default_value_t)]
    pub(crate) if_exists: Existing,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ModuleFetch {
    /// Path on the server; the file on the module gets its last component as name
    #[arg(value_parser = server_path(), add = remote())]
    pub(crate) remote: ServerPath,

    /// Drive of the module, for example F:
    pub(crate) drive: String,

    /// Go on with a file of the module that has so many bytes
    #[arg(long, default_value_t)]
    pub(crate) offset: u64,

    /// What happens where the name exists on the module
    #[arg(long, value_enum, default_value_t)]
    pub(crate) if_exists: Existing,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ModuleSend {
    /// Path on the server; the file of the module has its last component as name
    #[arg(value_parser = server_path(), add = remote())]
    pub(crate) remote: ServerPath,

    /// Drive of the module, for example F:
    pub(crate) drive: String,

    /// Go on with a file of the server that has so many bytes
    #[arg(long, default_value_t)]
    pub(crate) offset: u64,
}

impl From<AddressMode> for DataAddressMode {
    fn from(mode: AddressMode) -> Self {
        match mode {
            AddressMode::Reply => Self::FromReply,
            AddressMode::Control => Self::SameAsControl,
        }
    }
}
