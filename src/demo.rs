//! `cellftpd demo`: a file is uploaded and downloaded, through an emulated module and a real FTP server, over
//! the same gRPC that every client uses.

use std::fmt::Display;
use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use data_encoding::HEXLOWER;
use indicatif::{ProgressBar, ProgressStyle};
use libunftp::ServerBuilder;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use unftp_sbe_fs::Filesystem;

use crate::client::{self, Client, PutOptions, Target};
use crate::config::{self, Config};
use crate::daemon::{self, Daemon, Passed};
use crate::modem::health::LinkState;

const CONFIG: &str = include_str!("../config/demo.toml");

/// The profile in the demo's configuration.
const PROFILE: &str = "demo";

/// Where the file goes.
const REMOTE: &str = "/demo.bin";

/// How long the bring-up of the emulated module may take. It has booted before, so that this is the time of
/// some twenty commands.
const BRING_UP: Duration = Duration::from_secs(30);

/// How long the exit waits until the last output is written.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How the demonstration runs.
#[derive(Debug, Clone, clap::Args)]
pub struct DemoArgs {
    /// End after the round trip, with exit code 0 if it went well
    #[arg(long)]
    pub once: bool,
    /// Size of the file in MiB
    #[arg(long, value_name = "MIB", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..))]
    pub size: u8,
    /// Pace the emulated line at this many bits per second; a file of 4 MiB takes 45 s at 921600
    #[arg(long, value_name = "BAUD", default_value_t = 0)]
    pub baud: u32,
}

/// Why the demonstration failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The scratch directory or the FTP server failed.
    #[error("the system refuses what the demo needs")]
    Io(#[from] io::Error),
    /// The output cannot be written.
    #[error("standard output")]
    Output(#[source] io::Error),
    /// The configuration of the demo cannot be used here.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// The daemon failed.
    #[error(transparent)]
    Daemon(#[from] daemon::Error),
    /// The emulated module did not come up.
    #[error("the emulated module is not ready after {BRING_UP:?}")]
    NotReady,
    /// A transfer failed.
    #[error(transparent)]
    Client(#[from] client::Error),
    /// The downloaded file differs from the uploaded one.
    #[error("the file that came back differs from the one that was sent")]
    Differs,
}

/// Runs the demonstration: one round trip, then, unless it is to run once, the daemon serves
/// until Ctrl-C.
///
/// # Errors
/// [`Error::Io`], [`Error::Config`] or [`Error::Daemon`] where something cannot be started, [`Error::NotReady`]
/// where the emulated module does not come up, [`Error::Client`] or [`Error::Differs`] where the round trip
/// fails, [`Error::Output`] where standard output is closed.
pub async fn run(args: DemoArgs) -> Result<(), Error> {
    let scratch = TempDir::with_prefix("cellftpd-demo-")?;
    let root = scratch.path().join("server");
    std::fs::create_dir(&root)?;
    let ftp = FtpServer::start(&root).await?;
    let socket = scratch.path().join("cellftpd.sock");
    let config = configuration(&socket, ftp.address, args.baud)?;
    let daemon = Daemon::open(&config, Passed::default()).await?;
    let tcp = daemon.tcp();
    say(format_args!(
        "FTP server      ftp://{}, files in {}\n\
         module          emulated {:?}\n\
         daemon          unix:{}{}\n",
        ftp.address,
        root.display(),
        config.module.emulator.family,
        socket.display(),
        tcp.map(|address| format!(" and http://{address}"))
            .unwrap_or_default(),
    ))
    .await?;

    let mut health = daemon.health();
    let (stop, hurry) = (CancellationToken::new(), CancellationToken::new());
    let _end = stop.clone().drop_guard();
    let serving = tokio::spawn(daemon.serve(stop.clone(), hurry.clone()));
    let ready = health.wait_for(|health| matches!(health.link, LinkState::Ready));
    timeout(BRING_UP, ready)
        .await
        .map_err(|_| Error::NotReady)?
        .map_err(|_| Error::NotReady)?;
    let client = Client::connect(&client::Address::Unix(socket.clone())).await?;
    round_trip(&client, &content(usize::from(args.size) << 20)).await?;

    if !args.once {
        say(invitation(&socket, tcp)).await?;
        tokio::signal::ctrl_c().await?;
        // The exit does not wait for a reader of this, and does not fail where nobody reads.
        let told = say("\nstopping; Ctrl-C once more waits for nothing\n");
        let _ = timeout(LAST_WORDS, told).await;
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                hurry.cancel();
            }
        });
    }
    drop(client);
    stop.cancel();
    match serving.await {
        Ok(served) => served?,
        // Nobody cancels the task: it panicked, which was printed.
        Err(error) => return Err(io::Error::other(error).into()),
    }
    Ok(())
}

/// Uploads and downloads `content`, and compares.
async fn round_trip(client: &Client, content: &[u8]) -> Result<(), Error> {
    let target = Target::Profile(PROFILE.into());
    let size = content.len() as u64;
    let bar = bar("upload", size);
    let options = PutOptions {
        size: Some(size),
        ..PutOptions::default()
    };
    let put = client
        .put(&target, REMOTE, &options, &mut &*content, |report| {
            bar.set_position(u64::try_from(report.moved_bytes).unwrap_or_default());
        })
        .await;
    bar.finish_and_clear();
    let put = put?;
    say(format_args!(
        "upload          {} bytes: {}\n",
        put.size, put.evidence
    ))
    .await?;

    let bar = self::bar("download", size);
    let mut back = Vec::with_capacity(content.len());
    let got = client
        .get(&target, REMOTE, 0)
        .await?
        .copy_to(&mut back, |arrived| bar.set_position(arrived))
        .await;
    bar.finish_and_clear();
    let got = got?;
    if back != content {
        return Err(Error::Differs);
    }
    let hash = HEXLOWER.encode(&Sha256::digest(&back));
    say(format_args!(
        "download        {} bytes, identical, SHA-256 {hash}\n",
        got.chunk_size
    ))
    .await
}

/// All byte values in random order, and text that a careless program takes for answers of the module.
fn content(size: usize) -> Vec<u8> {
    let mut content = Vec::with_capacity(size + 64);
    // A seed: the same file every time.
    let mut random = fastrand::Rng::with_seed(1);
    while content.len() < size {
        for _ in 0..512 {
            content.extend_from_slice(&random.u64(..).to_le_bytes());
        }
        content.extend_from_slice(b"\r\nOK\r\n\r\n+CFTPSGET: 0\r\n\r\n> \x03\x1a\x03\x03\x1a\x1a");
    }
    content.truncate(size);
    content
}

/// The configuration of the demo, with free addresses.
fn configuration(socket: &Path, ftp: SocketAddr, baud: u32) -> Result<Config, config::Error> {
    let own = [
        ("CELLFTPD_LISTEN__UNIX", socket.display().to_string()),
        ("CELLFTPD_LISTEN__UNIX_MODE", "0600".into()),
        ("CELLFTPD_LISTEN__TCP", "127.0.0.1:0".into()),
        ("CELLFTPD_SERVERS__DEMO__PORT", ftp.port().to_string()),
        ("CELLFTPD_MODULE__EMULATOR__KNOBS__BAUD", baud.to_string()),
    ];
    let own = own.map(|(name, value)| (name.to_string(), value));
    Ok(config::parse("demo.toml", CONFIG, own)?.config)
}

/// Commands to try while the daemon runs.
fn invitation(socket: &Path, tcp: Option<SocketAddr>) -> String {
    let installed = std::env::current_exe().map(|path| path.with_file_name("cellftp"));
    let cellftp = match installed {
        Ok(path) if path.exists() => path.display().to_string(),
        _ => "cargo run --release --quiet --bin cellftp --".into(),
    };
    let cellftp = format!("{cellftp} --socket {} -p {PROFILE}", socket.display());
    let mut text = format!(
        "\nThe daemon runs until Ctrl-C. In another terminal:\n\n  \
         {cellftp} status\n  \
         {cellftp} ls /\n  \
         {cellftp} get {REMOTE} copy.bin\n  \
         {cellftp} put Cargo.toml /\n"
    );
    if let Some(address) = tcp {
        let place = format!(r#"'{{"target":{{"profile":"{PROFILE}"}},"path":"{REMOTE}"}}'"#);
        text += &format!(
            "\n  \
             grpcurl -plaintext {address} describe cellftp.v1.FtpsService\n  \
             grpcurl -plaintext {address} cellftp.v1.ModemService/GetStatus\n  \
             grpcurl -plaintext -d {place} {address} cellftp.v1.FtpsService/GetSize\n  \
             grpcurl -plaintext -d '{{\"target\":{{\"profile\":\"{PROFILE}\"}}}}' {address} \
             cellftp.v1.FtpsService/List\n"
        );
    }
    text
}

fn bar(name: &'static str, size: u64) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(size).with_message(name);
    let style = "{msg:15} {bar:32} {bytes}/{total_bytes} {binary_bytes_per_sec}";
    match ProgressStyle::with_template(style) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

async fn say(text: impl Display) -> Result<(), Error> {
    let mut stdout = tokio::io::stdout();
    let written = async {
        stdout.write_all(text.to_string().as_bytes()).await?;
        stdout.flush().await
    };
    written.await.map_err(Error::Output)
}

/// An FTP server on a free loopback port that accepts any login. A drop ends it.
struct FtpServer {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl FtpServer {
    async fn start(root: &Path) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let root = root.to_owned();
        // Opened once, to check that it works before the first login.
        Filesystem::new(&root)?;
        let accepting = tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let root = root.clone();
                let open = Box::new(move || {
                    #[expect(
                        clippy::expect_used,
                        reason = "the demo's own directory, opened before"
                    )]
                    Filesystem::new(root.clone()).expect("the demo's directory is there")
                });
                match ServerBuilder::new(open).build() {
                    Ok(server) => drop(tokio::spawn(server.service(connection))),
                    Err(error) => tracing::warn!(%error, "the FTP server cannot serve"),
                }
            }
        });
        Ok(Self { address, accepting })
    }
}

impl Drop for FtpServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_what_it_says() {
        let content = content(1 << 20);
        assert_eq!(content.len(), 1 << 20);
        assert!((0..=255).all(|byte| content.contains(&byte)));
        assert!(content.windows(6).any(|window| window == b"\r\nOK\r\n"));
    }
}
