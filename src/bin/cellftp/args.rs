//! The command line.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cellftp::client::{
    Address, Credentials, DataAddressMode, Error, IfExists, OnFailure, Priority, Target, Verify,
    YieldPolicy,
};
use clap::{Parser, Subcommand, ValueEnum};
use humantime_serde::re::humantime;

use crate::exit::Failure;

/// Moves files to and from FTP and FTPS servers over the cellular module that cellftpd owns.
#[derive(Debug, Parser)]
#[command(name = "cellftp", version, max_term_width = 100, after_help = crate::exit::HELP)]
pub(crate) struct Args {
    /// Where the daemon listens: unix:/path, http://127.0.0.1:port or https://host:port
    #[arg(
        long,
        global = true,
        env = "CELLFTP_ADDRESS",
        default_value = "unix:/run/cellftpd/cellftpd.sock"
    )]
    address: Address,

    /// The daemon's unix socket; short for --address unix:PATH
    #[arg(long, global = true, value_name = "PATH")]
    socket: Option<PathBuf>,

    /// With https://: PEM file with the authority that signed the daemon's certificate
    #[arg(long, global = true, env = "CELLFTP_CA", value_name = "PATH")]
    ca: Option<PathBuf>,

    /// With https://: PEM file with your certificate, whose name the daemon knows you by
    #[arg(long, global = true, env = "CELLFTP_CERTIFICATE", value_name = "PATH")]
    certificate: Option<PathBuf>,

    /// With https://: PEM file with the key of your certificate
    #[arg(long, global = true, env = "CELLFTP_KEY", value_name = "PATH")]
    key: Option<PathBuf>,

    /// Server profile of the daemon's configuration
    #[arg(short, long, global = true, env = "CELLFTP_PROFILE")]
    profile: Option<String>,

    /// Open session of the daemon; goes before a profile
    #[arg(long, global = true, value_name = "ID")]
    pub(crate) session: Option<String>,

    /// Time limit for the whole operation, for example 90s or 10m
    #[arg(long, global = true, value_parser = humantime::parse_duration)]
    pub(crate) timeout: Option<Duration>,

    /// How urgent a transfer is beside others; without it, as the server profile says
    #[arg(long, global = true, value_enum)]
    pub(crate) priority: Option<Urgency>,

    /// When a transfer gives up the link to others and goes on later; without it, as the server
    /// profile says
    #[arg(long, global = true, value_enum)]
    pub(crate) yields: Option<Yields>,

    /// Results on stdout and errors on stderr as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a local file to the server
    Put(Put),
    /// Read a file of the server
    Get(Get),
    /// List a directory of the server
    Ls(Ls),
    /// Show the state of the module and of the link
    Status,
    /// Show how much data has moved, and what is allowed
    Usage,
    /// Show the operation on the link and those that wait
    Queue,
    /// Show what happens, until interrupted; with --session, that session does not expire meanwhile
    Events,
    /// Transfers that the daemon keeps and goes on with by itself
    Transfer {
        #[command(subcommand)]
        command: TransferCommand,
    },
    /// Files on the module, and the module itself
    Module {
        #[command(subcommand)]
        command: ModuleCommand,
    },
}

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
    /// Show a transfer at each change, until it is over
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
    pub(crate) remote: String,

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

    /// What happens where the local file exists
    #[arg(long, value_enum, default_value_t)]
    pub(crate) if_exists: Existing,
}

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

    /// What happens where the local file exists
    #[arg(long, value_enum, default_value_t)]
    pub(crate) if_exists: Existing,
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
    pub(crate) remote: String,

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
    pub(crate) remote: String,

    /// Drive of the module, for example F:
    pub(crate) drive: String,

    /// Go on with a file of the server that has so many bytes
    #[arg(long, default_value_t)]
    pub(crate) offset: u64,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Put {
    /// File to send; - is standard input
    pub(crate) local: PathBuf,

    /// Path on the server; ends in / to keep the local file's name
    pub(crate) remote: String,

    /// What happens where the name exists on the server
    #[arg(long, value_enum, default_value_t)]
    pub(crate) if_exists: Existing,

    /// How the result is made sure of
    #[arg(long, value_enum, default_value_t)]
    pub(crate) verify: Check,

    /// What becomes of a file that could not be written whole
    #[arg(long, value_enum, default_value_t)]
    pub(crate) on_failure: Remains,

    /// Second file, written after the first is verified; holds its size and SHA-256
    #[arg(long, value_name = "NAME", default_value = "")]
    pub(crate) sentinel: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Get {
    /// Path on the server
    pub(crate) remote: String,

    /// File or directory to write to; - is standard output
    pub(crate) local: PathBuf,

    /// What happens where the local file exists
    #[arg(long, value_enum, default_value_t)]
    pub(crate) if_exists: Existing,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Ls {
    /// Directory on the server; without it, the session's or the login directory
    #[arg(default_value = "")]
    pub(crate) path: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Existing {
    /// Replace it
    #[default]
    Overwrite,
    /// Leave it alone and fail
    Fail,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Check {
    /// Ask the server for the size
    #[default]
    Size,
    /// Read the file back and compare SHA-256; costs the transfer again
    ReadBack,
    /// Trust the module's report
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Remains {
    /// Delete it from the server
    #[default]
    Delete,
    /// Leave what is there
    Keep,
}

/// When a transfer gives up the link before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Yields {
    /// Where that costs less than it saves
    Auto,
    /// Whenever somebody more urgent waits
    Always,
    /// Not at all
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Urgency {
    /// Somebody waits for it
    Interactive,
    /// Before what nobody waits for
    Normal,
    /// Nobody waits for it
    Bulk,
}

impl Args {
    /// Where the daemon is looked for.
    pub(crate) fn address(&self) -> Result<Address, Error> {
        match &self.socket {
            None => Ok(self.address.clone()),
            Some(path) => format!("unix:{}", path.display()).parse(),
        }
    }

    /// By what the two sides prove who they are, where the daemon's address needs it.
    pub(crate) fn credentials(&self, address: &Address) -> Result<Option<Credentials>, Failure> {
        if !matches!(address, Address::Tls(_)) {
            return Ok(None);
        }
        let read = |file: &Option<PathBuf>, option: &str| {
            let path = file.as_ref().ok_or_else(|| {
                Failure::Usage(format!(
                    "{address} takes a certificate: name --ca, --certificate and --key (or \
                     CELLFTP_CA, CELLFTP_CERTIFICATE and CELLFTP_KEY); {option} is missing"
                ))
            })?;
            fs::read(path).map_err(|source| Failure::Local {
                path: path.display().to_string(),
                source,
            })
        };
        let ca = read(&self.ca, "--ca")?;
        let certificate = read(&self.certificate, "--certificate")?;
        let key = read(&self.key, "--key")?;
        Ok(Some(Credentials::from_pem(&ca, &certificate, &key)))
    }

    /// The profile that is meant, where nothing else will do.
    pub(crate) fn profile(&self) -> Result<String, Failure> {
        self.profile.clone().ok_or_else(|| {
            Failure::Usage(
                "which server? A transfer goes to a profile of the daemon's configuration: name it \
                 with --profile NAME (or CELLFTP_PROFILE)"
                    .into(),
            )
        })
    }

    /// How urgent it is.
    pub(crate) fn urgency(&self) -> Priority {
        self.priority.map_or(Priority::Unspecified, Into::into)
    }

    /// The server that is meant.
    pub(crate) fn target(&self) -> Result<Target, Failure> {
        match (&self.session, &self.profile) {
            (Some(id), _) => Ok(Target::Session(id.clone())),
            (None, Some(name)) => Ok(Target::Profile(name.clone())),
            (None, None) => Err(Failure::Usage(
                "which server? Name a profile of the daemon's configuration with --profile NAME \
                 (or CELLFTP_PROFILE), or an open session with --session ID"
                    .into(),
            )),
        }
    }
}

/// Whether a path stands for standard input or output.
pub(crate) fn is_standard_stream(path: &Path) -> bool {
    path.as_os_str() == "-"
}

impl From<Urgency> for Priority {
    fn from(urgency: Urgency) -> Self {
        match urgency {
            Urgency::Interactive => Self::Interactive,
            Urgency::Normal => Self::Normal,
            Urgency::Bulk => Self::Bulk,
        }
    }
}

impl From<AddressMode> for DataAddressMode {
    fn from(mode: AddressMode) -> Self {
        match mode {
            AddressMode::Reply => Self::FromReply,
            AddressMode::Control => Self::SameAsControl,
        }
    }
}

impl From<Yields> for YieldPolicy {
    fn from(yields: Yields) -> Self {
        match yields {
            Yields::Auto => Self::Auto,
            Yields::Always => Self::Always,
            Yields::Never => Self::Never,
        }
    }
}

impl From<Existing> for IfExists {
    fn from(existing: Existing) -> Self {
        match existing {
            Existing::Overwrite => Self::Overwrite,
            Existing::Fail => Self::Fail,
        }
    }
}

impl From<Check> for Verify {
    fn from(check: Check) -> Self {
        match check {
            Check::Size => Self::Size,
            Check::ReadBack => Self::ReadBack,
            Check::None => Self::None,
        }
    }
}

impl From<Remains> for OnFailure {
    fn from(remains: Remains) -> Self {
        match remains {
            Remains::Delete => Self::Delete,
            Remains::Keep => Self::Keep,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn options_stand_before_or_after_the_command() {
        let before = Args::try_parse_from(["cellftp", "-p", "office", "ls", "/x"]).unwrap();
        let after = Args::try_parse_from(["cellftp", "ls", "/x", "--profile", "office"]).unwrap();
        for args in [before, after] {
            assert_eq!(args.target().unwrap(), Target::Profile("office".into()));
        }
        let both = Args::try_parse_from(["cellftp", "ls", "-p", "a", "--session", "b"]).unwrap();
        assert_eq!(both.target().unwrap(), Target::Session("b".into()));
    }

    #[test]
    fn a_socket_goes_before_the_address() {
        let args = Args::try_parse_from(["cellftp", "status", "--socket", "/run/x.sock"]).unwrap();
        assert_eq!(args.address().unwrap(), Address::Unix("/run/x.sock".into()));
    }

    #[test]
    fn tls_takes_a_certificate_and_nothing_else_does() {
        let args = Args::try_parse_from(["cellftp", "status", "--ca", "/no/ca.pem"]).unwrap();
        let at = |address: &str| args.credentials(&address.parse().unwrap());
        assert!(at("unix:/run/x.sock").unwrap().is_none());
        let Failure::Local { path, .. } = at("https://gateway.lan:1").unwrap_err() else {
            panic!("the file is not there")
        };
        assert_eq!(path, "/no/ca.pem");
        let args = Args::try_parse_from(["cellftp", "status"]).unwrap();
        let error = args.credentials(&"https://gateway.lan:1".parse().unwrap());
        let Err(Failure::Usage(said)) = error else {
            panic!("nothing is named")
        };
        assert!(said.contains("--ca is missing"), "{said}");
    }
}
