//! `cellftp transfer ...`: transfers that the daemon keeps.

use std::path::PathBuf;

use clap::Subcommand;

use cellftp::client::ServerPath;

use super::{Landing, Put, server_path};

/// What the daemon has taken is on its disk, and outlives this program, the daemon and a power cut.
#[derive(Debug, Subcommand)]
pub(crate) enum TransferCommand {
    /// Hand a local file to the daemon, which writes it to the server
    Put(TransferPut),
    /// Have the daemon bring a file of the server to its disk
    Get(TransferGet),
    /// List all transfers
    Ls,
    /// Show a transfer
    Show {
        /// Name of the transfer
        id: String,
    },
    /// Show a transfer at each change, until it is over; the exit code is that of its end
    Watch {
        /// Name of the transfer
        id: String,
    },
    /// Read what `transfer get` brings, also while it arrives
    Read(TransferRead),
    /// Try a transfer that failed, or that waits, at once
    Retry {
        /// Name of the transfer
        id: String,
    },
    /// End a transfer
    Cancel {
        /// Name of the transfer
        id: String,
    },
    /// Forget a transfer that has ended
    Rm {
        /// Name of the transfer
        id: String,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct TransferPut {
    #[command(flatten)]
    pub(crate) put: Put,

    /// Name of the transfer; the same name again is the same transfer. Without it, a new one
    #[arg(long)]
    pub(crate) id: Option<String>,

    /// Go on with a transfer that was half sent
    #[arg(long, requires = "id")]
    pub(crate) resume: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct TransferGet {
    /// Path on the server
    #[arg(value_parser = server_path())]
    pub(crate) remote: ServerPath,

    /// Name of the transfer; the same name again is the same transfer. Without it, a new one
    #[arg(long)]
    pub(crate) id: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct TransferRead {
    /// Name of the transfer
    pub(crate) id: String,

    /// File or directory to write to; - is standard output
    pub(crate) local: PathBuf,

    #[command(flatten)]
    pub(crate) landing: Landing,
}
