//! `cellftpd`: the command line of the daemon.

use std::alloc::System;
use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use cellftp::config::{self, Loaded};
use cellftp::daemon::{self, Passed};
#[cfg(feature = "demo")]
use cellftp::demo;
use cellftp::{doctor, manual, telemetry};
use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use rustix::process::{DumpableBehavior, Signal, set_dumpable_behavior};
#[cfg(feature = "emulator")]
use simcom_emulator::serve::emulate::{self, EmulateArgs};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use zeroizing_alloc::ZeroAlloc;

/// Freed memory is wiped. Passwords are in one type that wipes itself, and before that in buffers of HTTP/2,
/// messages, configuration and serial line, which belong to libraries.
#[global_allocator]
static MEMORY: ZeroAlloc<System> = ZeroAlloc(System);

/// Owns a SIMCom cellular module and serves FTP and FTPS transfers over gRPC.
#[derive(Debug, Parser)]
#[command(name = "cellftpd", version, max_term_width = 100, after_help = HELP)]
struct Args {
    /// Configuration file; without it, /etc/cellftpd/cellftpd.toml where it exists
    #[arg(long, global = true, env = "CELLFTPD_CONFIG", value_name = "PATH")]
    config: Option<PathBuf>,

    /// Without a command, the daemon serves
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve an emulated module on a pseudo-terminal
    #[cfg(feature = "emulator")]
    Emulate(Box<EmulateArgs>),
    /// Show a transfer through an emulated module and a real FTP server
    #[cfg(feature = "demo")]
    Demo(demo::DemoArgs),
    /// Read the configuration and say whether it is usable
    #[command(after_help = CHECK_HELP)]
    CheckConfig {
        /// Warnings count as errors
        #[arg(long)]
        strict: bool,
    },
    /// Print the configuration in force and where each value was given, without secrets
    PrintConfig,
    /// Print the JSON schema of the configuration, for editors
    ConfigSchema,
    /// Look at the port, the module, the network and the servers, and say what is wrong
    Doctor(doctor::DoctorArgs),
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
}

const HELP: &str = "\
The files conf.d/*.toml beside the configuration file override it, in the order of their names. Variables \
CELLFTPD_SECTION__KEY override all files, for example CELLFTPD_LISTEN__TCP=127.0.0.1:50051. SIGHUP has the daemon \
read them again.

Exit codes: 0 stopped by a signal, or done; 1 failed, or the doctor found a problem; 2 the command line or \
the configuration is not usable.";

const CHECK_HELP: &str = "\
All that is wrong is told on standard error, one line each: FILE:LINE:COLUMN: KEY: what is wrong and what is allowed. \
Nothing is changed, and neither the port nor a server is touched. A password or certificate that only systemd hands to \
the service (LoadCredential=) cannot be looked at elsewhere: that is a warning.

Exit codes: 0 the configuration is usable, perhaps with warnings; 1 standard output cannot be written; 2 the \
configuration is not usable, or has warnings and --strict was given.";

/// The exit code where the configuration is not usable, for systemd and scripts.
const NOT_USABLE: u8 = 2;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(words) => return said(&words),
    };
    match run(args) {
        Ok(code) => code,
        Err(error) => {
            let code = if is_unusable(error.as_ref()) {
                NOT_USABLE
            } else {
                1
            };
            let mut text = format!("cellftpd: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                text += &format!(": {error}");
                cause = error.source();
            }
            telemetry::last_words(&text);
            ExitCode::from(code)
        }
    }
}

/// Whether the configuration is to blame, which does not get better by trying again.
fn is_unusable(error: &(dyn Error + 'static)) -> bool {
    error.is::<config::Error>()
        || error.is::<doctor::Error>()
        || matches!(
            error.downcast_ref::<daemon::Error>(),
            Some(daemon::Error::Config(_))
        )
}

/// Prints help or version, or what is wrong with the command line.
fn said(words: &clap::Error) -> ExitCode {
    let printed = words.print().and_then(|()| io::stdout().flush());
    match printed {
        Ok(()) if !words.use_stderr() => ExitCode::SUCCESS,
        Err(error) if !words.use_stderr() => {
            telemetry::last_words(&format!("cellftpd: standard output: {error}"));
            ExitCode::FAILURE
        }
        Ok(()) | Err(_) => ExitCode::from(NOT_USABLE),
    }
}

fn run(args: Args) -> Result<ExitCode, Box<dyn Error>> {
    keep_memory_private()?;
    let load = || config::load(args.config.as_deref());
    match args.command {
        None => {
            let loaded = load()?;
            serve(args.config, loaded)?;
        }
        #[cfg(feature = "emulator")]
        Some(Command::Emulate(emulate)) => block_on(emulate::run(*emulate))??,
        #[cfg(feature = "demo")]
        Some(Command::Demo(demo)) => block_on(demo::run(demo))??,
        Some(Command::Doctor(doctor)) => {
            let found = block_on(doctor::run(doctor, load()?.config))??;
            print(&found.text)?;
            if !found.is_healthy {
                return Ok(ExitCode::FAILURE);
            }
        }
        Some(Command::CheckConfig { strict }) => {
            let warnings = load()?.warnings;
            for warning in &warnings {
                telemetry::last_words(&format!("cellftpd: {warning}"));
            }
            if strict && !warnings.is_empty() {
                return Ok(ExitCode::from(NOT_USABLE));
            }
            print("the configuration is usable\n")?;
        }
        Some(Command::PrintConfig) => print(&load()?.to_annotated_toml()?)?,
        Some(Command::ConfigSchema) => print(config::SCHEMA)?,
        Some(Command::Completions { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), "cellftpd", &mut script);
            print(&String::from_utf8_lossy(&script))?;
        }
        Some(Command::Man { directory }) => manual::write_daemon(Args::command(), &directory)
            .map_err(|source| ManError { directory, source })?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The manual pages cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("{}: the manual pages cannot be written there", directory.display())]
struct ManError {
    directory: PathBuf,
    source: io::Error,
}

/// Standard output cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("standard output")]
struct OutputError(#[source] io::Error);

/// The memory has passwords: it is written to no core, and only root reads it (prctl(2), `PR_SET_DUMPABLE`).
fn keep_memory_private() -> io::Result<()> {
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

/// Prints all of it, or fails.
fn print(text: &str) -> Result<(), Box<dyn Error>> {
    let mut stdout = io::stdout().lock();
    let printed = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
    Ok(printed.map_err(OutputError)?)
}

/// Runs a future, and does not wait for a write to standard output that nobody reads.
fn block_on<T>(work: impl Future<Output = T>) -> io::Result<T> {
    let runtime = runtime()?;
    let done = runtime.block_on(work);
    runtime.shutdown_background();
    Ok(done)
}

fn serve(path: Option<PathBuf>, loaded: Loaded) -> Result<(), Box<dyn Error>> {
    // First of all, while this is the only thread.
    let passed = Passed::from_env()?;
    let (config, warnings) = loaded.into_config();
    let log = telemetry::init(&config.log)?;
    for warning in warnings {
        tracing::warn!("configuration: {warning}");
    }
    let running = daemon::run(config, path, passed, log.level());
    Ok(runtime()?.block_on(running)?)
}

/// A runtime in a process that survives a limit on the size of files (`LimitFSIZE=`): a write beyond it fails
/// as on a full disk (setrlimit(2)).
///
/// It has one worker: there is one link, and each byte passes several tasks. With more workers most of
/// the time goes into waking one another. Work on disks has threads of its own.
fn runtime() -> io::Result<Runtime> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let _context = runtime.enter();
    // Tokio's handler stays after this receiver is dropped.
    let _ = signal(SignalKind::from_raw(Signal::XFSZ.as_raw()))?;
    Ok(runtime)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }
}
