//! A daemon with everything around it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::program::ftp_server;
use cellftp::client::{Address, Client, Target};
use cellftp::config::parse;
use cellftp::daemon::{Daemon, Passed};
use cellftp::modem::health::LinkState;
use cellftp::proto;
use cellftp::proto::ftps_service_client::FtpsServiceClient;
use cellftp::proto::operation_service_client::OperationServiceClient;

/// More than any step of a test takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A daemon, its emulated module, and an FTP server that accepts any user.
pub(crate) struct House {
    scratch: TempDir,
    pub(crate) tcp: String,
    pub(crate) ftp_port: u16,
    pub(crate) stop: CancellationToken,
    pub(crate) serving: JoinHandle<()>,
}

impl House {
    /// Everything is up, and the module is ready.
    pub(crate) async fn ready() -> Self {
        Self::with("").await
    }

    /// The same with a module whose line moves 46080 bytes a second: transfers take their time.
    pub(crate) async fn slow() -> Self {
        Self::with("[module.emulator.knobs]\nbaud = 460800\n").await
    }

    /// The same with additional configuration.
    pub(crate) async fn with(more: &str) -> Self {
        Self::up("", more).await
    }

    /// The same with additional settings of the module.
    pub(crate) async fn with_module(module: &str) -> Self {
        Self::up(module, "").await
    }

    /// The same without a directory for transfers.
    pub(crate) async fn without_transfers() -> Self {
        Self::up_keeping("", "", false).await
    }

    async fn up(module: &str, more: &str) -> Self {
        Self::up_keeping(module, more, true).await
    }

    /// The same with a module at a serial device.
    pub(crate) async fn at(device: &Path, module: &str, more: &str) -> Self {
        Self::up_at(&device.display().to_string(), module, more, true).await
    }

    async fn up_keeping(module: &str, more: &str, transfers: bool) -> Self {
        Self::up_at("emulator", module, more, transfers).await
    }

    async fn up_at(device: &str, module: &str, more: &str, transfers: bool) -> Self {
        let (house, daemon) = Self::open(device, module, more, transfers).await;
        let mut health = daemon.health();
        let house = house.serve(daemon);
        let ready = health.wait_for(|health| matches!(health.link, LinkState::Ready));
        timeout(PATIENCE, ready).await.unwrap().unwrap();
        house
    }

    /// A daemon whose module is not there.
    pub(crate) async fn without_module() -> Self {
        let (house, daemon) = Self::open("/no/such/device", "", "", true).await;
        let mut health = daemon.health();
        let house = house.serve(daemon);
        let absent = health.wait_for(|health| matches!(health.link, LinkState::Absent(_)));
        timeout(PATIENCE, absent).await.unwrap().unwrap();
        house
    }

    async fn open(device: &str, module: &str, more: &str, transfers: bool) -> (Self, Daemon) {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path().join("server");
        std::fs::create_dir(&root).unwrap();
        if transfers {
            std::fs::create_dir(durable(scratch.path())).unwrap();
        }
        let port = ftp_server(root).await;
        let text = format!(
            "[module]\ndevice = \"{device}\"\n{module}\
             [durable]\ndirectory = \"{}\"\n\
             [listen]\nunix = \"{}\"\ntcp = \"127.0.0.1:0\"\n\
             [servers.here]\nhost = \"127.0.0.1\"\nport = {port}\nsecurity = \"none\"\n{}",
            durable(scratch.path()).display(),
            scratch.path().join("s").display(),
            more.replace("PORT", &port.to_string()),
        );
        let config = parse("test.toml", &text, []).unwrap().config;
        let daemon = Daemon::open(&config, Passed::default()).await.unwrap();
        let tcp = format!("http://{}", daemon.tcp().unwrap());
        let house = Self {
            scratch,
            tcp,
            ftp_port: port,
            stop: CancellationToken::new(),
            serving: tokio::spawn(async {}),
        };
        (house, daemon)
    }

    fn serve(mut self, daemon: Daemon) -> Self {
        let stop = self.stop.clone();
        self.serving =
            tokio::spawn(
                async move { daemon.serve(stop, CancellationToken::new()).await.unwrap() },
            );
        self
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.scratch.path().join("s")
    }

    /// Where the daemon keeps transfers.
    pub(crate) fn durable(&self) -> PathBuf {
        durable(self.scratch.path())
    }

    /// Files of the FTP server.
    pub(crate) fn root(&self) -> PathBuf {
        self.scratch.path().join("server")
    }

    pub(crate) fn store(&self, name: &str, content: &[u8]) {
        std::fs::write(self.root().join(name), content).unwrap();
    }

    /// A client at the unix socket.
    pub(crate) async fn client(&self) -> Client {
        Client::connect(&Address::Unix(self.socket()))
            .await
            .unwrap()
    }

    /// The bare stub at the unix socket.
    pub(crate) async fn ftps(&self) -> FtpsServiceClient<Channel> {
        FtpsServiceClient::new(self.channel().await)
    }

    /// The stub of operations, likewise.
    pub(crate) async fn operations(&self) -> OperationServiceClient<Channel> {
        OperationServiceClient::new(self.channel().await)
    }

    pub(crate) async fn channel(&self) -> Channel {
        connect(&self.socket()).await
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub(crate) async fn connect(socket: &Path) -> Channel {
    Endpoint::from_shared(format!("unix:{}", socket.display()))
        .unwrap()
        .connect()
        .await
        .unwrap()
}

/// The profile of the house's FTP server.
pub(crate) fn here() -> Target {
    Target::Profile("here".into())
}

/// The messages before the error of a stream that ends with one, and that error.
pub(crate) async fn ended<T>(
    answer: Result<tonic::Response<tonic::Streaming<T>>, Status>,
) -> Result<(), Status> {
    let mut stream = answer?.into_inner();
    while stream.message().await?.is_some() {}
    Ok(())
}

/// The same for the stub.
pub(crate) fn target() -> Option<proto::Target> {
    Some(proto::Target {
        destination: Some(proto::target::Destination::Profile("here".into())),
    })
}

/// Every byte value, and bytes that a careless parser takes for answers.
pub(crate) fn content(size: usize) -> Vec<u8> {
    let mut pattern: Vec<u8> = (0..=255).collect();
    pattern.extend_from_slice(b"\r\nOK\r\n\r\n+CFTPSGET: 0\r\n\r\n> \x03\x03\x1a\x1a\x03\x1a");
    pattern.iter().copied().cycle().take(size).collect()
}

/// Code and reason of an error.
pub(crate) fn kind(status: &Status) -> (Code, String) {
    let reason = status.get_details_error_info().map(|info| info.reason);
    (status.code(), reason.unwrap_or_default())
}

/// Asserts code and reason.
#[track_caller]
pub(crate) fn refused<T>(outcome: Result<T, Status>, code: Code, reason: &str) -> Status {
    match outcome {
        Ok(_) => panic!("this was to end in {code:?} {reason}"),
        Err(status) => {
            assert_eq!(kind(&status), (code, reason.to_string()), "{status:?}");
            status
        }
    }
}

fn durable(scratch: &Path) -> PathBuf {
    scratch.join("durable")
}
