//! `cellftpd emulate`: an emulated module on a pseudo-terminal, for any program that opens serial
//! ports.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::signal::unix::{SignalKind, signal};

use super::module::{Ended, Module};
use super::pty::{PortLink, Pty};
use crate::{
    CacheFull, FailureForm, Family, Fault, Hearing, Knobs, Model, OkOrder, Prompt, Reaction, Sim,
};

/// How long a port stays away after a reset, like a USB device that is enumerated again.
const GONE: Duration = Duration::from_secs(1);

/// The options of the emulated module. Everything without a flag is in the knobs file.
#[derive(Clone, Debug, clap::Args)]
pub struct EmulateArgs {
    /// Keep a symbolic link to the port here
    #[arg(long, value_name = "PATH")]
    pub link: Option<PathBuf>,
    /// Module family
    #[arg(long, value_enum, default_value_t)]
    pub family: Family,
    /// TOML file with knobs; flags win over it
    #[arg(long, value_name = "FILE")]
    pub knobs: Option<PathBuf>,
    /// TOML file with faults, one table `fault` with trigger and effect for each
    #[arg(long, value_name = "FILE")]
    pub faults: Option<PathBuf>,
    /// Echo at power-up
    #[arg(long, value_name = "BOOL")]
    pub echo: Option<bool>,
    /// Order of OK and result
    #[arg(long, value_enum)]
    pub ok_order: Option<OkOrder>,
    /// Wording of failures
    #[arg(long, value_enum)]
    pub failure_form: Option<FailureForm>,
    /// Blank after the colon of result lines
    #[arg(long, value_name = "BOOL")]
    pub space_after_colon: Option<bool>,
    /// Bytes of the data prompt
    #[arg(long, value_enum)]
    pub prompt: Option<Prompt>,
    /// Largest DATA frame in bytes
    #[arg(long, value_name = "BYTES")]
    pub chunk: Option<usize>,
    /// Capacity of the download cache in bytes
    #[arg(long, value_name = "BYTES")]
    pub cache_limit: Option<usize>,
    /// What a full cache does
    #[arg(long, value_enum)]
    pub cache_full: Option<CacheFull>,
    /// What becomes of a command typed while a download is pushed
    #[arg(long, value_enum)]
    pub typed_while_pushing: Option<Hearing>,
    /// STOP while logged in: error, ok or a code
    #[arg(long, value_name = "VERDICT")]
    pub stop_while_logged_in: Option<Reaction>,
    /// START when started: error, ok or a code
    #[arg(long, value_name = "VERDICT")]
    pub start_when_started: Option<Reaction>,
    /// File commands without a login: error or a code
    #[arg(long, value_name = "VERDICT")]
    pub not_logged_in: Option<Reaction>,
    /// Pace the line at this rate in bits per second
    #[arg(long, value_name = "BAUD")]
    pub baud: Option<u32>,
    /// Seconds from power to the first line
    #[arg(long, value_name = "SECONDS")]
    pub boot_time: Option<f32>,
    /// Boot first
    #[arg(long)]
    pub cold_start: bool,
    /// Answer these commands with ERROR
    #[arg(long, value_name = "+COMMAND")]
    pub refuse: Vec<String>,
    /// State of the SIM card
    #[arg(long, value_enum)]
    pub sim: Option<Sim>,
    /// Data connections resume the TLS session
    #[arg(long, value_name = "BOOL")]
    pub tls_session_reuse: Option<bool>,
    /// Lose one byte in this many
    #[arg(long, value_name = "N")]
    pub lose_one_in: Option<u32>,
    /// Seed of everything random
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
}

/// Why an emulator cannot run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of knobs or faults cannot be read.
    #[error("cannot read {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A file of knobs or faults cannot be understood.
    #[error("cannot understand {path}")]
    Toml {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// The boot time is negative or not a number.
    #[error("a boot time of {0} s is not possible")]
    BootTime(f32),
    /// The link cannot be created.
    #[error("cannot link {path} to the port")]
    Link {
        /// The link.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The pseudo-terminal failed.
    #[error("the pseudo-terminal failed")]
    Pty(#[source] io::Error),
    /// The program cannot wait for signals.
    #[error("cannot wait for signals")]
    Signals(#[source] io::Error),
    /// Nobody can learn where the port is: there is no link to it either.
    #[error("cannot write the port's path to standard output")]
    Output(#[source] io::Error),
}

/// The faults file.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultsFile {
    #[serde(default)]
    fault: Vec<Fault>,
}

/// Serves a module on a pseudo-terminal until SIGINT or SIGTERM. Prints the port's path on standard
/// output, again each time a reset gives the module a new one. With a link to the port, it is served
/// even where that cannot be printed.
///
/// # Errors
///
/// [`Error::File`], [`Error::Toml`] and [`Error::BootTime`] for the options; [`Error::Link`],
/// [`Error::Pty`], [`Error::Signals`] and [`Error::Output`] where the system refuses.
pub async fn run(args: EmulateArgs) -> Result<(), Error> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::Signals)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::Signals)?;
    let mut module = Module::new(Model::of(args.family), args.knobs()?);
    for fault in args.faults()? {
        module.emulator_mut().arm(fault);
    }
    tokio::select! {
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
        ended = serve(&args, &mut module) => ended,
    }
}

async fn serve(args: &EmulateArgs, module: &mut Module) -> Result<(), Error> {
    loop {
        let mut pty = Pty::open().map_err(Error::Pty)?;
        let link = args
            .link
            .as_deref()
            .map(|path| {
                PortLink::new(path, pty.path()).map_err(|source| Error::Link {
                    path: path.to_owned(),
                    source,
                })
            })
            .transpose()?;
        let path = pty.path().to_owned();
        let ended = tokio::select! {
            // A reader that does not read the path does not keep the module waiting.
            error = announce(&path, link.is_some()) => return Err(Error::Output(error)),
            ended = pty.serve(module) => ended,
        };
        if ended.map_err(Error::Pty)? == Ended::Hangup {
            drop((link, pty));
            tokio::time::sleep(GONE).await;
        }
    }
}

/// Prints the port's path. Returns only where that fails and there is no link to the port.
async fn announce(path: &Path, linked: bool) -> io::Error {
    let mut stdout = tokio::io::stdout();
    let line = format!("{}\n", path.display());
    let written = async {
        stdout.write_all(line.as_bytes()).await?;
        stdout.flush().await
    };
    match written.await {
        Err(error) if !linked => error,
        Ok(()) | Err(_) => std::future::pending().await,
    }
}

impl EmulateArgs {
    /// The knobs: defaults, then the file, then the flags.
    ///
    /// # Errors
    ///
    /// [`Error::File`], [`Error::Toml`], [`Error::BootTime`].
    pub fn knobs(&self) -> Result<Knobs, Error> {
        let mut knobs: Knobs = self
            .knobs
            .as_ref()
            .map_or_else(|| Ok(Knobs::default()), read)?;
        set(&mut knobs.echo, self.echo);
        set(&mut knobs.ok_order, self.ok_order);
        set(&mut knobs.failure_form, self.failure_form);
        set(&mut knobs.space_after_colon, self.space_after_colon);
        set(&mut knobs.prompt, self.prompt);
        set(&mut knobs.chunk, self.chunk);
        set(&mut knobs.cache_limit, self.cache_limit);
        set(&mut knobs.cache_full, self.cache_full);
        set(&mut knobs.typed_while_pushing, self.typed_while_pushing);
        set(&mut knobs.stop_while_logged_in, self.stop_while_logged_in);
        set(&mut knobs.start_when_started, self.start_when_started);
        set(&mut knobs.not_logged_in, self.not_logged_in);
        set(&mut knobs.baud, self.baud);
        set(&mut knobs.sim, self.sim);
        set(&mut knobs.tls_session_reuse, self.tls_session_reuse);
        set(&mut knobs.lose_one_in, self.lose_one_in);
        set(&mut knobs.seed, self.seed);
        if let Some(seconds) = self.boot_time {
            knobs.boot_time =
                Duration::try_from_secs_f32(seconds).map_err(|_| Error::BootTime(seconds))?;
        }
        knobs.cold_start |= self.cold_start;
        knobs.refuse.extend(self.refuse.iter().cloned());
        Ok(knobs)
    }

    fn faults(&self) -> Result<Vec<Fault>, Error> {
        let file: Option<FaultsFile> = self.faults.as_ref().map(read).transpose()?;
        Ok(file.map(|file| file.fault).unwrap_or_default())
    }
}

fn set<T>(knob: &mut T, flag: Option<T>) {
    if let Some(value) = flag {
        *knob = value;
    }
}

fn read<T: serde::de::DeserializeOwned>(path: &PathBuf) -> Result<T, Error> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::File {
        path: path.clone(),
        source,
    })?;
    toml::from_str(&text).map_err(|source| Error::Toml {
        path: path.clone(),
        source: Box::new(source),
    })
}
