//! `cellftp`: moves files over the cellular module that `cellftpd` owns.

mod about;
mod advice;
mod aim;
mod args;
mod arrival;
mod batch;
mod begun;
mod comparing;
mod completion;
mod deed;
mod descriptor;
mod destination;
mod directory;
mod events;
mod exit;
mod failure;
mod files;
mod get;
mod glob;
mod health;
mod links;
mod local_tree;
mod ls;
mod manual;
mod meter;
mod module;
mod output;
mod pair;
mod partial;
mod places;
mod plain;
mod put;
mod queue;
mod receiving;
mod remote;
mod remote_tree;
mod sending;
mod service;
mod status;
mod surplus;
mod sync;
mod table;
mod telling;
mod transfer;
mod transfer_text;
mod tree;
mod usage;
mod words;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory, Parser};
use clap_complete::env::Shells;
use clap_complete::{CompleteEnv, Shell};
use rustix::process::Signal;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

use args::{Args, Asking, Command, Put, Remains, Rm, SyncCommand, TransferCommand, Writing};
use cellftp::client::{Client, Error};
use deed::Deed;
use failure::Failure;

/// Added to the time limit before the whole run is ended: a run may have several calls, or wait for something
/// else than the daemon. Each call ends by itself before, and says what was under way.
const GRACE: Duration = Duration::from_secs(3);

fn main() -> ExitCode {
    completion::remember_shell();
    CompleteEnv::with_factory(Args::command)
        .var(completion::ASKED)
        .complete();
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(words) => return said(&words),
    };
    let json = args.json;
    let deed = Deed::of(&args);
    let outcome = match papers(&args.command) {
        Some(outcome) => outcome,
        None => work(args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.print(json, &deed);
            failure.exit_code()
        }
    }
}

/// Prints help or version, or what is wrong with the command line.
fn said(words: &clap::Error) -> ExitCode {
    if !words.use_stderr() {
        return match words.print().and_then(|()| io::stdout().flush()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                let failure = Failure::Output(error);
                failure.print(false, &Deed::nothing());
                failure.exit_code()
            }
        };
    }
    let text = words.render().to_string();
    let failure = Failure::Usage(text.trim_start_matches("error: ").trim_end().into());
    if is_json(std::env::args_os()) {
        failure.print(true, &Deed::nothing());
    } else {
        // Nobody reads it where standard error is closed.
        let _ = words.print();
    }
    failure.exit_code()
}

/// Whether a command line that cannot be read asks for JSON.
fn is_json(words: impl Iterator<Item = OsString>) -> bool {
    words
        .skip(1)
        .take_while(|word| word != "--")
        .any(|word| word == "--json")
}

/// Runs a command that needs no daemon.
fn papers(command: &Command) -> Option<Result<(), Failure>> {
    match command {
        Command::Completions { shell } => Some(completions(*shell)),
        Command::Man { directory } => {
            let written = cellftp::manual::write(Args::command(), "1", manual::CHAPTERS, directory);
            Some(written.map_err(|source| Failure::local(directory, source)))
        }
        _ => None,
    }
}

/// Prints what has a shell ask this program for completions.
fn completions(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    let name = shell.to_string();
    let shells = Shells::builtins();
    let completer = shells
        .completer(&name)
        .ok_or_else(|| Failure::Usage(format!("there are no completions for {name}")))?;
    completer.write_registration(
        completion::ASKED,
        "cellftp",
        "cellftp",
        "cellftp",
        &mut script,
    )?;
    output::write(&script)
}

fn work(args: Args) -> Result<(), Failure> {
    match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => {
            let outcome = runtime.block_on(run_until_interrupted(args));
            // A read of standard input that still waits must not delay the exit.
            runtime.shutdown_background();
            outcome
        }
        Err(error) => Err(Failure::Start(error)),
    }
}

async fn run_until_interrupted(args: Args) -> Result<(), Failure> {
    let left = left_behind(&args.command);
    let interrupted = interrupted().map_err(Failure::Start)?;
    // A limit on the size of files then causes an error instead of a signal that ends the program
    // (setrlimit(2)). Tokio's handler stays after this receiver is dropped.
    let size = signal(SignalKind::from_raw(Signal::XFSZ.as_raw()));
    drop(size.map_err(Failure::Start)?);
    let limit = args.timeout;
    let passed = async {
        match limit {
            Some(limit) => tokio::time::sleep(limit.saturating_add(GRACE)).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        outcome = run(args) => outcome,
        () = passed => Err(Error::Timeout(limit.unwrap_or_default()).into()),
        // A drop of the call cancels the operation, and deletes what is half written here.
        () = interrupted => Err(Failure::Interrupted(left)),
    }
}

/// Completes at Ctrl-C, when the terminal closes, or when another program ends this one. What is half written
/// is deleted then.
fn interrupted() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    })
}

/// Says what an interrupted command has left.
fn left_behind(command: &Command) -> &'static str {
    match command {
        Command::Get(get) if get.goes_on => "; what has come is kept, and -C goes on",
        Command::Get(_)
        | Command::Sync {
            command: SyncCommand::Down(_),
        } => "; files that had come are whole, and the others as they were before",
        Command::Put(put) if put.how.on_failure == Remains::Delete => {
            "; files that were sent are whole, and the daemon deletes the part of another; with \
             --if-exists skip-same the same command sends the rest"
        }
        Command::Sync {
            command: SyncCommand::Up(_),
        } => {
            "; files that were sent are whole, and the daemon deletes the part of another; the same \
             command sends the rest"
        }
        Command::Put(_) => "; a part may be on the server",
        Command::Transfer {
            command: TransferCommand::Put(_),
        } => "; `cellftp transfer ls` tells what the daemon has, and `put --resume` goes on",
        _ => "",
    }
}

/// Sets the options that the command line has besides the command itself.
fn asked(args: &Args, client: Client) -> Result<Client, Failure> {
    let asking = match &args.command {
        Command::Rm(rm) if rm.paths.len() > 1 && rm.asking.request_id.is_some() => {
            return Err(Failure::Usage(
                "one request has one name: give --request-id with one path alone".into(),
            ));
        }
        Command::Put(Put {
            how: Writing { asking, .. },
            ..
        })
        | Command::Mkdir { asking, .. }
        | Command::Rmdir { asking, .. }
        | Command::Rm(Rm { asking, .. }) => asking.clone(),
        Command::Transfer { command } => command.asking()?,
        _ => Asking::default(),
    };
    let client = match &args.command {
        Command::Transfer { command } => match command.terms() {
            Some(terms) => client.with_transfer_options(terms.options(&args.labels)),
            None => client,
        },
        _ => client,
    };
    let whose = match &args.command {
        Command::Transfer { command } => command.whose(),
        Command::Cancel { whose, .. } | Command::Queue { whose } | Command::Events { whose } => {
            Some(whose)
        }
        _ => None,
    };
    let client = client.with_options(asking.options(&args.labels));
    Ok(match whose.and_then(|whose| whose.principal.clone()) {
        Some(principal) => client.with_principal(principal),
        None => client,
    })
}

async fn run(args: Args) -> Result<(), Failure> {
    let address = args.address()?;
    let credentials = args.credentials(&address)?;
    let mut client = Client::connect_with(&address, credentials.as_ref()).await?;
    if let Some(timeout) = args.timeout {
        client = client.with_timeout(timeout);
    }
    if let Some(yields) = args.yields {
        client = client.with_yields(yields.into());
    }
    if let Some(urgency) = args.priority {
        client = client.with_priority(urgency.into());
    }
    client = asked(&args, client)?;
    match &args.command {
        Command::Put(put) => put::run(&args, put, &client).await,
        Command::Get(get) => get::run(&args, get, &client).await,
        Command::Cat { paths } => get::cat(&args, paths, &client).await,
        Command::Sync { command } => sync::run(&args, command, &client).await,
        Command::Ls(ls) if ls.recursive => tree::ls(&args, ls, &client).await,
        Command::Ls(ls) => ls::run(&args, ls, &client).await,
        Command::Transfer { command } => transfer::run(&args, command, &client).await,
        Command::Module { command } => module::run(&args, command, &client).await,
        Command::Size { path } => files::size(&args, path, &client).await,
        Command::Stat { path } => ls::stat(&args, path, &client).await,
        Command::Du {
            path,
            human_readable,
            ..
        } => tree::du(&args, path, *human_readable, &client).await,
        Command::Mkdir {
            path,
            parents: true,
            ..
        } => files::mkdir_parents(&args, path, &client).await,
        Command::Mkdir { path, .. } => files::mkdir(&args, path, &client).await,
        Command::Rmdir { path, .. } => files::rmdir(&args, path, &client).await,
        Command::Rm(rm) if rm.recursive => tree::rm(&args, rm, &client).await,
        Command::Rm(rm) => files::rm(&args, &rm.paths, &client).await,
        Command::Cancel { operation, .. } => queue::cancel(&args, operation, &client).await,
        Command::Status { check } => status::run(&args, *check, &client).await,
        Command::Health { service } => health::run(&args, service.as_deref(), &client).await,
        Command::Profiles => about::profiles(&args, &client).await,
        Command::Version => about::version(&args, &client).await,
        Command::Usage => usage::run(&args, &client).await,
        Command::Queue { .. } => queue::run(&args, &client).await,
        Command::Events { .. } => events::run(&args, &client).await,
        // These ran before.
        Command::Completions { .. } | Command::Man { .. } => Ok(()),
    }
}
