//! Commands about files of the server.

use std::num::NonZeroU64;
use std::path::PathBuf;

use super::asking::Asking;
use super::choice::{Check, Existing, Grown, OnServer, Remains};
use super::value::server_path;
use cellftp::client::ServerPath;

#[derive(Debug, clap::Args)]
pub(crate) struct Put {
    /// File to send; - is standard input
    pub(crate) local: PathBuf,

    /// Path on the server; where it ends in / or is left out, the file keeps its name. The name of
    /// another file here is refused, unless it begins with /
    #[arg(default_value = "", value_parser = server_path())]
    pub(crate) remote: ServerPath,

    /// The same as REMOTE, whatever is here under that name
    #[arg(long, value_name = "REMOTE", conflicts_with = "remote", value_parser = server_path())]
    pub(crate) to: Option<ServerPath>,

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
    /// Path on the server
    #[arg(value_parser = server_path())]
    pub(crate) remote: ServerPath,

    /// File or directory to write to; - is standard output. A second file here is refused where REMOTE
    /// is the name of one as well, unless that begins with /
    #[arg(default_value = ".")]
    pub(crate) local: PathBuf,

    /// The same as LOCAL, whatever is here under the name of REMOTE
    #[arg(long, value_name = "LOCAL", conflicts_with = "local")]
    pub(crate) to: Option<PathBuf>,

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
#[derive(Debug, clap::Args)]
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
    #[arg(required = true, value_parser = server_path())]
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
pub(crate) struct Ls {
    /// List all directories below it as well
    #[arg(short = 'R', long)]
    pub(crate) recursive: bool,

    /// Directory on the server; without it, the session's or the login directory
    #[arg(default_value = "", value_parser = server_path())]
    pub(crate) path: ServerPath,
}
