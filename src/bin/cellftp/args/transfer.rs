//! `cellftp transfer ...`: transfers that the daemon keeps.

use std::path::PathBuf;

use clap::Subcommand;

use super::asking::{Asking, Terms, Whose};
use super::file::{Landing, Writing};
use super::value::server_path;
use crate::completion::{remote, transfers};
use crate::failure::Failure;
use cellftp::client::ServerPath;

/// What the daemon has taken is on its disk, and outlives this program, the daemon and a power cut.
#[derive(Debug, Subcommand)]
pub(crate) enum TransferCommand {
    /// Hand a local file to the daemon, which writes it to the server
    Put(TransferPut),
    /// Have the daemon bring a file of the server to its disk
    Get(TransferGet),
    /// List all transfers, the newest last
    Ls {
        #[command(flatten)]
        whose: Whose,
    },
    /// Show transfers
    Show {
        /// Names of the transfers
        #[arg(value_name = "ID", required = true, add = transfers())]
        ids: Vec<String>,

        #[command(flatten)]
        whose: Whose,
    },
    /// Show transfers at each change, one after the other, until all are over; the exit code is that of
    /// their ends. Without a name, show all transfers, and what changes, until interrupted
    Watch {
        /// Names of the transfers
        #[arg(value_name = "ID", add = transfers())]
        ids: Vec<String>,

        #[command(flatten)]
        whose: Whose,
    },
    /// Read what `transfer get` brings, also while it arrives
    Read(TransferRead),
    /// Try transfers that failed, or that wait, at once
    Retry {
        /// Names of the transfers
        #[arg(value_name = "ID", required = true, add = transfers())]
        ids: Vec<String>,

        /// Wait until they are over; the exit code is that of their ends
        #[arg(short, long)]
        wait: bool,

        #[command(flatten)]
        whose: Whose,
    },
    /// End transfers
    Cancel {
        /// Names of the transfers
        #[arg(value_name = "ID", required = true, add = transfers())]
        ids: Vec<String>,

        #[command(flatten)]
        whose: Whose,
    },
    /// Forget transfers that have ended
    Rm {
        /// Names of the transfers
        #[arg(value_name = "ID", required = true, add = transfers())]
        ids: Vec<String>,

        #[command(flatten)]
        whose: Whose,
    },
}

impl TransferCommand {
    /// How the call is made. A transfer has a name of its own.
    pub(crate) fn asking(&self) -> Result<Asking, Failure> {
        match self {
            Self::Put(given) if given.how.asking.request_id.is_some() => Err(Failure::Usage(
                "a transfer is named by --id, which has it taken once; --request-id is for `put`"
                    .into(),
            )),
            Self::Put(given) if given.resume && given.how.asking.dry_run => Err(Failure::Usage(
                "--dry-run is for a transfer that is to be, and not for --resume".into(),
            )),
            Self::Put(given) => Ok(given.how.asking.clone()),
            Self::Get(given) => Ok(Asking {
                dry_run: given.dry_run,
                ..Asking::default()
            }),
            _ => Ok(Asking::default()),
        }
    }

    /// When what it creates may be delivered.
    pub(crate) const fn terms(&self) -> Option<&Terms> {
        match self {
            Self::Put(given) => Some(&given.terms),
            Self::Get(given) => Some(&given.terms),
            _ => None,
        }
    }

    /// Whose transfers it is about.
    pub(crate) const fn whose(&self) -> Option<&Whose> {
        match self {
            Self::Ls { whose }
            | Self::Show { whose, .. }
            | Self::Watch { whose, .. }
            | Self::Retry { whose, .. }
            | Self::Cancel { whose, .. }
            | Self::Rm { whose, .. } => Some(whose),
            Self::Put(_) | Self::Get(_) | Self::Read(_) => None,
        }
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct TransferPut {
    /// File to send; - is standard input
    pub(crate) local: PathBuf,

    /// Path on the server; where it ends in / or is left out, the file keeps its name. The name of
    /// another file here is refused, unless it begins with /
    #[arg(default_value = "", value_parser = server_path(), add = remote())]
    pub(crate) remote: ServerPath,

    /// The same as REMOTE, whatever is here under that name
    #[arg(long, value_name = "REMOTE", conflicts_with = "remote", value_parser = server_path(), add = remote())]
    pub(crate) to: Option<ServerPath>,

    #[command(flatten)]
    pub(crate) how: Writing,

    /// Name of the transfer; the same name again is the same transfer. Without it, a new one
    #[arg(long)]
    pub(crate) id: Option<String>,

    /// Go on with a transfer that was half sent
    #[arg(long, requires = "id")]
    pub(crate) resume: bool,

    /// Wait until it is over; the exit code is that of its end
    #[arg(short, long)]
    pub(crate) wait: bool,

    #[command(flatten)]
    pub(crate) terms: Terms,
}

#[derive(Debug, clap::Args)]
pub(crate) struct TransferGet {
    /// Path on the server
    #[arg(value_parser = server_path(), add = remote())]
    pub(crate) remote: ServerPath,

    /// Name of the transfer; the same name again is the same transfer. Without it, a new one
    #[arg(long)]
    pub(crate) id: Option<String>,

    #[command(flatten)]
    pub(crate) terms: Terms,

    /// Have the daemon check the request, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Wait until it is over; the exit code is that of its end
    #[arg(short, long)]
    pub(crate) wait: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct TransferRead {
    /// Name of the transfer
    #[arg(add = transfers())]
    pub(crate) id: String,

    /// File or directory to write to; - is standard output
    pub(crate) local: PathBuf,

    #[command(flatten)]
    pub(crate) landing: Landing,
}
