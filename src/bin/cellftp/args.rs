//! The command line.
//!
//! Above 400 lines because the help of each command is its comment here.

mod asking;
mod choice;
mod file;
mod module;
mod transfer;
mod value;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Parser, Subcommand};
use clap_complete::Shell;

use crate::completion::{profiles, remote};
use crate::failure::Failure;
pub(crate) use asking::{Asking, Whose};
use cellftp::client::{Address, Credentials, Error, Priority, ServerPath, Target};
pub(crate) use choice::{Check, Existing, OnServer, Remains, Urgency, Yields};
pub(crate) use file::{Get, Landing, Listing, Ls, Put, Rm, SyncCommand, SyncDown, SyncUp, Writing};
pub(crate) use module::{ModuleCommand, ModuleGet, ModulePut, ServiceCommand};
pub(crate) use transfer::{TransferCommand, TransferGet, TransferPut, TransferRead};
pub(crate) use value::{is_standard_stream, label};
use value::{server_path, time};

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
    #[arg(short, long, global = true, env = "CELLFTP_PROFILE", add = profiles())]
    profile: Option<String>,

    /// Open session of the daemon; goes before a profile
    #[arg(long, global = true, value_name = "ID")]
    pub(crate) session: Option<String>,

    /// Time limit for the whole operation, for example 90s or 10m
    #[arg(long, global = true, value_parser = time)]
    pub(crate) timeout: Option<Duration>,

    /// How urgent a transfer is beside others; without it, as the server profile says
    #[arg(long, global = true, value_enum)]
    pub(crate) priority: Option<Urgency>,

    /// When a transfer gives up the link to others and goes on later; without it, as the server
    /// profile says
    #[arg(long, global = true, value_enum)]
    pub(crate) yields: Option<Yields>,

    /// Label of the operation, or of the transfer; in `transfer ls` and `transfer watch`, only those
    /// that have it. May be given several times
    #[arg(long = "label", global = true, value_name = "KEY=VALUE", value_parser = label)]
    pub(crate) labels: Vec<(String, String)>,

    /// Results on stdout and errors on stderr as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Tell more: each of many files, and in a pipe the progress every 10 s
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub(crate) verbose: bool,

    /// Tell nothing but errors, and what was asked for
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Send files and directories to the server
    Put(Put),
    /// Fetch files and directories of the server
    Get(Get),
    /// Make a directory like another, in one direction: what has the same size is left alone
    Sync {
        #[command(subcommand)]
        command: SyncCommand,
    },
    /// Write files of the server to standard output
    Cat {
        /// Paths on the server
        #[arg(required = true, value_parser = server_path(), add = remote())]
        paths: Vec<ServerPath>,
    },
    /// List a directory of the server
    Ls(Ls),
    /// Show the size of a file of the server, in bytes
    Size {
        /// Path on the server
        #[arg(value_parser = server_path(), add = remote())]
        path: ServerPath,
    },
    /// Show what a name on the server is
    Stat {
        /// Path on the server
        #[arg(value_parser = server_path(), add = remote())]
        path: ServerPath,
    },
    /// Show how many bytes the files of a directory and of all below it have
    #[command(disable_help_flag = true)]
    Du {
        /// The sum as 1.4K or 2.3M, which count by 1024
        #[arg(short = 'h', long)]
        human_readable: bool,

        /// Print help
        #[arg(long, action = ArgAction::Help)]
        help: Option<bool>,

        /// Directory on the server; without it, the session's or the login directory
        #[arg(default_value = "", value_parser = server_path(), add = remote())]
        path: ServerPath,
    },
    /// Make a directory on the server
    Mkdir {
        /// Path on the server
        #[arg(value_parser = server_path(), add = remote())]
        path: ServerPath,

        /// Make the directories around it as well; nothing is wrong where it is there
        #[arg(short = 'p', long)]
        parents: bool,

        // The same value as that of the whole program, whose `-p` means `--parents` here.
        /// Server profile of the daemon's configuration
        #[arg(long, env = "CELLFTP_PROFILE", add = profiles())]
        profile: Option<String>,

        #[command(flatten)]
        asking: Asking,
    },
    /// Remove an empty directory of the server
    Rmdir {
        /// Path on the server
        #[arg(value_parser = server_path(), add = remote())]
        path: ServerPath,

        #[command(flatten)]
        asking: Asking,
    },
    /// Delete files of the server
    Rm(Rm),
    /// End an operation, as `cellftp queue` lists it
    Cancel {
        /// Name of the operation
        operation: String,

        #[command(flatten)]
        whose: Whose,
    },
    /// Show the state of the module and of the link
    Status {
        /// Exit with 5 unless files can be moved now and transfers, where the configuration has them, are kept
        #[arg(long)]
        check: bool,
    },
    /// Ask whether a service does its job now (grpc.health.v1): exit code 0 if it does, 5 if not
    Health {
        /// FtpsService, TransferService, ModuleStorageService or ModemService; without it, the daemon as a whole
        service: Option<String>,
    },
    /// Show the server profiles that you may use
    Profiles,
    /// Show the versions of this program and of the daemon, and who the daemon takes you for
    Version,
    /// Show how much data has moved, and what is allowed
    Usage,
    /// Show the operation on the link and those that wait
    Queue {
        #[command(flatten)]
        whose: Whose,
    },
    /// Show what happens, until interrupted; with --session, that session does not expire meanwhile. With
    /// --principal -, also whose each operation is and where it goes
    Events {
        #[command(flatten)]
        whose: Whose,
    },
    /// Transfers that the daemon keeps and goes on with by itself
    Transfer {
        #[command(subcommand)]
        command: TransferCommand,
    },
    /// Print what completes the command line in a shell
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Write the manual pages
    Man {
        /// Directory to write to
        directory: PathBuf,
    },
    /// Files on the module, and the module itself
    Module {
        #[command(subcommand)]
        command: ModuleCommand,
    },
}

impl Args {
    /// The address of the daemon.
    pub(crate) fn address(&self) -> Result<Address, Error> {
        match &self.socket {
            None => Ok(self.address.clone()),
            Some(path) => format!("unix:{}", path.display()).parse(),
        }
    }

    /// The certificates and the key for TLS, where the daemon's address needs them.
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
            fs::read(path).map_err(|source| Failure::local(path, source))
        };
        let ca = read(&self.ca, "--ca")?;
        let certificate = read(&self.certificate, "--certificate")?;
        let key = read(&self.key, "--key")?;
        Ok(Some(Credentials::from_pem(&ca, &certificate, &key)))
    }

    /// Where names on the server are, for people: the profile, or words for a session.
    pub(crate) fn place(&self) -> &str {
        match (&self.session, &self.profile) {
            (None, Some(profile)) => profile,
            (Some(_), _) | (None, None) => "the server",
        }
    }

    /// The profile, for commands that take no session.
    pub(crate) fn profile(&self) -> Result<String, Failure> {
        self.profile.clone().ok_or_else(|| {
            Failure::Usage(
                "which server? A transfer goes to a profile of the daemon's configuration: name it \
                 with --profile NAME (or CELLFTP_PROFILE)"
                    .into(),
            )
        })
    }

    /// The priority.
    pub(crate) fn urgency(&self) -> Priority {
        self.priority.map_or(Priority::Unspecified, Into::into)
    }

    /// The target of the command.
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::aim::Aim;
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
    fn mkdir_takes_p_for_parents_as_people_write_it() {
        let parse = |line: &str| Args::try_parse_from(line.split(' '));
        for line in [
            "cellftp mkdir -p /a/b --profile office",
            "cellftp -p office mkdir -p /a/b",
        ] {
            let args = parse(line).unwrap();
            assert_eq!(args.target().unwrap(), Target::Profile("office".into()));
            assert!(matches!(args.command, Command::Mkdir { parents: true, .. }));
        }
        // No directory `office` is made by mistake.
        assert!(parse("cellftp mkdir -p office /a/b").is_err());
    }

    #[test]
    fn a_file_keeps_its_name_where_no_other_is_given() {
        let args = Args::try_parse_from(["cellftp", "get", "/a.bin"]).unwrap();
        let Command::Get(get) = args.command else {
            panic!("a get")
        };
        let Aim::One { local, .. } = Aim::of_get(&get).unwrap() else {
            panic!("one file")
        };
        assert_eq!(local, Path::new("."));
        let args = Args::try_parse_from(["cellftp", "put", "d/a.bin"]).unwrap();
        let Command::Put(put) = args.command else {
            panic!("a put")
        };
        let Aim::One { remote, .. } = Aim::of_put(&put).unwrap() else {
            panic!("one file")
        };
        assert_eq!(remote, "a.bin".into());
    }

    #[test]
    fn a_target_is_named_in_one_way() {
        let parse = |line: &str| Args::try_parse_from(line.split(' '));
        let aim = |line: &str| match parse(line).unwrap().command {
            Command::Put(put) => Aim::of_put(&put).map(drop),
            Command::Get(get) => Aim::of_get(&get).map(drop),
            _ => panic!("a put or a get"),
        };
        assert!(aim("cellftp put a b --to c").is_err());
        assert!(aim("cellftp get a b --to c").is_err());
        assert!(parse("cellftp put a -t b --to c").is_err());
        aim("cellftp put a --to b").unwrap();
    }

    #[test]
    fn a_bad_time_limit_says_how_times_are_written() {
        let parsed = Args::try_parse_from(["cellftp", "--timeout", "soon", "ls"]);
        let error = parsed.unwrap_err().to_string();
        assert!(error.contains("1h30m"), "{error}");
        let parsed = Args::try_parse_from(["cellftp", "--timeout", "1h30m", "ls"]);
        assert_eq!(parsed.unwrap().timeout, Some(Duration::from_secs(5400)));
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
