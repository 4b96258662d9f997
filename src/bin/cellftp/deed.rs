//! What a person did: the words that an error begins with.

use crate::args::{Args, Command, ModuleCommand, SyncCommand, TransferCommand};
use cellftp::client::ServerPath;

/// A command, the name that it was given, and where that name is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Deed {
    /// As it is written: `get`, `transfer watch`.
    pub(crate) verb: &'static str,
    /// The file, directory, transfer or operation, where there is one alone.
    pub(crate) name: Option<String>,
    /// The profile, or words for another place.
    pub(crate) place: String,
    /// Whether the name may be a directory as well.
    pub(crate) of_directories: bool,
}

impl Deed {
    /// What a command line asks for.
    pub(crate) fn of(args: &Args) -> Self {
        let place = args.place();
        let (verb, name) = described(&args.command);
        // Of several names, an error names the one that it is about.
        let name = name.filter(|_| match &args.command {
            Command::Put(put) => put.names.len() <= 2,
            Command::Get(get) => get.names.len() <= 2,
            Command::Rm(rm) => rm.paths.len() == 1,
            Command::Cat { paths } => paths.len() == 1,
            _ => true,
        });
        let of_directories = !matches!(verb, "get" | "put" | "cat" | "size" | "rm");
        Self {
            verb,
            name,
            place: if verb.starts_with("module") {
                "the module".into()
            } else {
                place.into()
            },
            of_directories,
        }
    }

    /// A command line that cannot be read.
    pub(crate) fn nothing() -> Self {
        Self {
            verb: "cellftp",
            name: None,
            place: "the server".into(),
            of_directories: false,
        }
    }
}

/// The command, and the name that it was given.
fn described(command: &Command) -> (&'static str, Option<String>) {
    let path = |path: &ServerPath| Some(path.to_string()).filter(|path| !path.is_empty());
    match command {
        Command::Put(put) => (
            "put",
            put.names.first().map(|name| name.display().to_string()),
        ),
        Command::Get(get) => (
            "get",
            get.names
                .first()
                .map(|name| name.to_string_lossy().into_owned()),
        ),
        Command::Cat { paths } => ("cat", paths.first().and_then(path)),
        Command::Sync { command } => match command {
            SyncCommand::Up(given) => ("sync up", Some(given.local.display().to_string())),
            SyncCommand::Down(given) => ("sync down", path(&given.remote)),
        },
        Command::Ls(ls) => ("ls", path(&ls.path)),
        Command::Size { path: of } => ("size", path(of)),
        Command::Stat { path: of } => ("stat", path(of)),
        Command::Du { path: of, .. } => ("du", path(of)),
        Command::Mkdir { path: of, .. } => ("mkdir", path(of)),
        Command::Rmdir { path: of, .. } => ("rmdir", path(of)),
        Command::Rm(rm) => ("rm", rm.paths.first().and_then(path)),
        Command::Cancel { operation, .. } => ("cancel", Some(operation.clone())),
        Command::Status { .. } => ("status", None),
        Command::Health { service } => ("health", service.clone()),
        Command::Profiles => ("profiles", None),
        Command::Version => ("version", None),
        Command::Usage => ("usage", None),
        Command::Queue { .. } => ("queue", None),
        Command::Events { .. } => ("events", None),
        Command::Completions { .. } => ("completions", None),
        Command::Man { .. } => ("man", None),
        Command::Transfer { command } => of_transfers(command),
        Command::Module { command } => of_module(command),
    }
}

fn of_transfers(command: &TransferCommand) -> (&'static str, Option<String>) {
    match command {
        TransferCommand::Put(given) => ("transfer put", Some(given.local.display().to_string())),
        TransferCommand::Get(given) => ("transfer get", Some(given.remote.to_string())),
        TransferCommand::Ls { .. } => ("transfer ls", None),
        TransferCommand::Show { ids, .. } => ("transfer show", only(ids)),
        TransferCommand::Watch { ids, .. } => ("transfer watch", only(ids)),
        TransferCommand::Read(given) => ("transfer read", Some(given.id.clone())),
        TransferCommand::Retry { ids, .. } => ("transfer retry", only(ids)),
        TransferCommand::Cancel { ids, .. } => ("transfer cancel", only(ids)),
        TransferCommand::Rm { ids, .. } => ("transfer rm", only(ids)),
    }
}

/// The one name, where there is one alone.
fn only(names: &[String]) -> Option<String> {
    match names {
        [name] => Some(name.clone()),
        _ => None,
    }
}

fn of_module(command: &ModuleCommand) -> (&'static str, Option<String>) {
    match command {
        ModuleCommand::Ls { directory } => ("module ls", Some(directory.clone())),
        ModuleCommand::Df => ("module df", None),
        ModuleCommand::Rm { path } => ("module rm", Some(path.clone())),
        ModuleCommand::Get(given) => ("module get", Some(given.path.clone())),
        ModuleCommand::Put(given) => ("module put", Some(given.path.clone())),
        ModuleCommand::Fetch(given) => ("module fetch", Some(given.remote.to_string())),
        ModuleCommand::Send(given) => ("module send", Some(given.remote.to_string())),
        ModuleCommand::Reset => ("module reset", None),
        ModuleCommand::Service(_) => ("module", None),
    }
}
