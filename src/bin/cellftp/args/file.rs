//! Commands about files of the server.

use std::ffi::OsString;
use std::num::NonZeroU64;
use std::path::PathBuf;

use clap::{ArgAction, Subcommand, ValueHint};

use super::asking::Asking;
use super::choice::{Check, Existing, Grown, OnServer, Remains};
use super::value::server_path;
use crate::completion::{remote, remote_pattern};
use cellftp::client::ServerPath;

#[derive(Debug, clap::Args)]
pub(crate) struct Put {
    /// Files to send, and where they go: FILE, FILE REMOTE, or FILE... DIRECTORY/. A file keeps its
    /// name where REMOTE is left out or ends in /. - is standard input
    #[arg(value_name = "FILE", required = true, num_args = 1.., value_hint = ValueHint::AnyPath)]
    pub(crate) names: Vec<PathBuf>,

    /// Path on the server for one file, whatever is here under that name
    #[arg(long, value_name = "REMOTE", conflicts_with = "target_directory", value_parser = server_path(), add = remote())]
    pub(crate) to: Option<ServerPath>,

    /// Directory on the server that all names go to, whatever is here under its name
    #[arg(short, long, value_name = "DIRECTORY", value_parser = server_path(), add = remote())]
    pub(crate) target_directory: Option<ServerPath>,

    /// Send directories with all that is below them, and make the directories that are not there
    #[arg(short, long)]
    pub(crate) recursive: bool,

    /// Send the file that a link leads to. Without it, links below a directory are left out. Links to
    /// directories are always left out
    #[arg(short = 'L', long)]
    pub(crate) dereference: bool,

    #[command(flatten)]
    pub(crate) how: Writing,
}

/// How a file is written on the server.
#[derive(Debug, clap::Args)]
pub(crate) struct Writing {
    /// What happens where the name exists on the server
    #[arg(long, value_enum, default_value_t)]
    pub(crate) if_exists: OnServer,

    /// How the result is made sure of
    #[arg(long, value_enum, default_value_t)]
    pub(crate) verify: Check,

    /// What becomes of a file that could not be written whole
    #[arg(long, value_enum, default_value_t)]
    pub(crate) on_failure: Remains,

    /// Second file, written after the first is verified; holds its size and SHA-256
    #[arg(long, value_name = "NAME", default_value = "", value_parser = server_path())]
    pub(crate) sentinel: ServerPath,

    #[command(flatten)]
    pub(crate) asking: Asking,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Get {
    /// Files to fetch, and where they go: REMOTE, REMOTE LOCAL, or REMOTE... DIRECTORY. *, ? and [...]
    /// stand for names on the server; quote them, so that the shell leaves them alone. A backslash
    /// before one of them makes it a part of the name. LOCAL - is standard output
    #[arg(value_name = "REMOTE", required = true, num_args = 1.., add = remote_pattern())]
    pub(crate) names: Vec<OsString>,

    /// File or directory for one file, whatever is here under the name of REMOTE
    #[arg(long, value_name = "LOCAL", conflicts_with = "target_directory")]
    pub(crate) to: Option<PathBuf>,

    /// Directory here that all names go to
    #[arg(short, long, value_name = "DIRECTORY", value_hint = ValueHint::DirPath)]
    pub(crate) target_directory: Option<PathBuf>,

    /// Fetch directories with all that is below them, and make the directories that are not there.
    /// Links on the server are left out
    #[arg(short, long)]
    pub(crate) recursive: bool,

    /// Take *, ?, [ and \\ in REMOTE for parts of the name
    #[arg(long)]
    pub(crate) literal: bool,

    /// Go on with the file that is here, where its last bytes are those of the server's file at the
    /// same place. It grows in place, and keeps what has come where this is interrupted
    #[arg(short = 'C', long = "continue", conflicts_with_all = ["offset", "length", "recursive"])]
    pub(crate) goes_on: bool,

    /// What comes of a file that grows while it is read, as a log does
    #[arg(long, value_enum, default_value_t)]
    pub(crate) growth: Grown,

    /// First byte to read
    #[arg(long, value_name = "BYTE", default_value_t = 0)]
    pub(crate) offset: u64,

    /// Bytes to read at most; without it, to the end of the file
    #[arg(long, value_name = "BYTES")]
    pub(crate) length: Option<NonZeroU64>,

    #[command(flatten)]
    pub(crate) landing: Landing,
}

/// How a file is put where it goes here.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Landing {
    /// What happens where the local file exists
    #[arg(long, value_enum, default_value_t)]
    pub(crate) if_exists: Existing,

    /// In a directory, follow a link that has the file's name, also out of the directory; a link that
    /// is named itself is followed in any case
    #[arg(long)]
    pub(crate) follow_links: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Rm {
    /// Paths on the server
    #[arg(required = true, value_parser = server_path(), add = remote())]
    pub(crate) paths: Vec<ServerPath>,

    /// Remove directories as well, with all that is below them; asks before
    #[arg(short, long)]
    pub(crate) recursive: bool,

    /// Ask nothing
    #[arg(short, long, requires = "recursive")]
    pub(crate) yes: bool,

    #[command(flatten)]
    pub(crate) asking: Asking,
}

#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Ls {
    /// List all directories below it as well
    #[arg(short = 'R', long)]
    pub(crate) recursive: bool,

    #[command(flatten)]
    pub(crate) form: Listing,

    /// Print help
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,

    /// Directory on the server; without it, the session's or the login directory
    #[arg(default_value = "", value_parser = server_path(), add = remote())]
    pub(crate) path: ServerPath,
}

/// How the lines of a listing look.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(crate) struct Listing {
    /// Sizes as 1.4K and 2.3M, which count by 1024
    #[arg(short = 'h', long)]
    pub(crate) human_readable: bool,

    /// Names alone, one on a line
    #[arg(short = '1', conflicts_with_all = ["human_readable", "long"])]
    pub(crate) one: bool,

    /// Kind, permissions, size, time and name, as without this option
    #[arg(short, long)]
    long: bool,
}

/// Makes one directory tree like another, in one direction.
#[derive(Debug, Subcommand)]
pub(crate) enum SyncCommand {
    /// Make a directory of the server like one here
    Up(SyncUp),
    /// Make a directory here like one of the server
    Down(SyncDown),
}

#[derive(Debug, clap::Args)]
pub(crate) struct SyncUp {
    /// Directory here
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) local: PathBuf,

    /// Directory on the server; it is made where it is not there
    #[arg(value_parser = server_path(), add = remote())]
    pub(crate) remote: ServerPath,

    #[command(flatten)]
    pub(crate) how: Syncing,

    /// Send the file that a link leads to. Without it, links are left out
    #[arg(short = 'L', long)]
    pub(crate) dereference: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct SyncDown {
    /// Directory on the server
    #[arg(value_parser = server_path(), add = remote())]
    pub(crate) remote: ServerPath,

    /// Directory here; it is made where it is not there
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) local: PathBuf,

    #[command(flatten)]
    pub(crate) how: Syncing,
}

#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Syncing {
    /// Compare files of the same size by their content as well: each is read from the server
    #[arg(long)]
    pub(crate) checksum: bool,

    /// Delete in the target what the source does not have. Nothing is deleted where a part of either
    /// could not be listed
    #[arg(long)]
    pub(crate) delete: bool,

    /// Show what would be done, and do nothing
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
}
