//! The real network: an FTP client that does what the module's own would.
//!
//! One task owns the session; requests and events pass through bounded channels. Dropping
//! everything ends the task and starts a new one, which closes data and control connection at
//! once: servers leave stale replies behind after `ABOR`.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use secrecy::ExposeSecret;
use suppaftp::tokio::{ImplAsyncFtpStream, TransferStream};
use suppaftp::types::{FileType, FormatControl};
use suppaftp::{FtpError, FtpResult, Mode, Status};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::{Answer, Ask, Event, Failure, Login, Request, Security, TransferType};

mod latin1;
mod tls;

use latin1::{Latin1, from_wire, to_wire};
use tls::{ModuleTls, Stream};

/// Requests and events that may wait between the core and the task. Uploads are bounded by bytes
/// in the core; this many pieces of the smallest useful size fit beside them.
const QUEUE: usize = 1024;
/// Longest silence of a server. The A76XX manual V1.09 §17 allows 9 s a command and field logs
/// show LOGIN taking up to 60 s; the host's own deadlines should strike first.
const SERVER_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest wait for the answer to QUIT.
const QUIT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for a TCP connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

type Control = ImplAsyncFtpStream<Stream>;

/// A handle on the task.
#[derive(Debug)]
pub struct Ftp {
    requests: mpsc::Sender<Request>,
    to_core: mpsc::Sender<Event>,
    events: mpsc::Receiver<Event>,
    task: JoinHandle<()>,
}

impl Ftp {
    /// Starts the task; needs a running tokio runtime. Dropping the handle ends it.
    #[must_use]
    pub fn spawn() -> Self {
        let (to_core, events) = mpsc::channel(QUEUE);
        let (requests, task) = start(to_core.clone());
        Self {
            requests,
            to_core,
            events,
            task,
        }
    }

    /// Passes a request on, at once.
    pub fn request(&mut self, request: Request) {
        if matches!(request.ask, Ask::DropAll) {
            self.task.abort();
            // What the old task still had to say is about connections that are gone.
            while self.events.try_recv().is_ok() {}
            (self.requests, self.task) = start(self.to_core.clone());
        }
        // The core keeps fewer requests outstanding than the queue holds; should one not fit,
        // its failure is the answer. Should even that not fit, the module hangs, and its host's
        // deadline finds it.
        if let Err(unsent) = self.requests.try_send(request) {
            let Request { id, .. } = unsent.into_inner();
            let _ = self.to_core.try_send(Event::Answer {
                id,
                answer: Err(Failure::Unknown),
            });
        }
    }

    /// The next event. Safe to drop and call again.
    pub async fn event(&mut self) -> Option<Event> {
        self.events.recv().await
    }
}

impl Drop for Ftp {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn start(events: mpsc::Sender<Event>) -> (mpsc::Sender<Request>, JoinHandle<()>) {
    let (requests, inbox) = mpsc::channel(QUEUE);
    (requests, tokio::spawn(run(inbox, events)))
}

async fn run(mut inbox: mpsc::Receiver<Request>, events: mpsc::Sender<Event>) {
    let mut client = Client::default();
    loop {
        let request = tokio::select! {
            biased;
            request = inbox.recv() => request,
            () = client.closed() => {
                client = Client::default();
                if events.send(Event::PeerClosed).await.is_err() {
                    return;
                }
                continue;
            }
        };
        let Some(Request { id, ask }) = request else {
            return;
        };
        let answer = client.answer(ask).await;
        if let Err(failure) = &answer {
            tracing::debug!(%failure, "the network side of the emulator failed");
        }
        if answer.as_ref().is_err_and(|failure| failure.ends_session()) {
            client = Client::default();
        }
        if events.send(Event::Answer { id, answer }).await.is_err() {
            return;
        }
    }
}

/// The session, and the one transfer it may have open.
#[derive(Default)]
struct Client {
    // Before the control connection, so that it is dropped first.
    transfer: Option<TransferStream<Stream>>,
    control: Option<Control>,
    implicit: bool,
}

impl Client {
    async fn answer(&mut self, ask: Ask) -> Result<Answer, Failure> {
        let patience = match ask {
            Ask::Logout => QUIT_TIMEOUT,
            _ => SERVER_TIMEOUT,
        };
        let transfers = matches!(ask, Ask::Read { .. } | Ask::StoreData(_) | Ask::StoreEnd);
        if !transfers {
            self.transfer = None;
        }
        let logout = matches!(ask, Ask::Logout);
        let answer = tokio::time::timeout(patience, self.carry_out(ask)).await;
        if logout {
            *self = Self::default();
            return Ok(Answer::Done);
        }
        let answer = match answer.unwrap_or(Err(Failure::Timeout)) {
            // Owners of A7670E modules saw code 14 in place of 1 where a data connection of an
            // implicit session failed its handshake.
            Err(Failure::Tls) if self.implicit => Err(Failure::Connect),
            answer => answer,
        };
        if transfers && answer.is_err() {
            self.transfer = None;
        }
        answer
    }

    async fn carry_out(&mut self, ask: Ask) -> Result<Answer, Failure> {
        match ask {
            Ask::Login(login) => {
                self.control = Some(log_in(&login).await?);
                self.implicit = login.security == Security::Implicit;
                return Ok(Answer::Done);
            }
            Ask::DropAll => {
                *self = Self::default();
                return Ok(Answer::Done);
            }
            Ask::DropTransfer => return Ok(Answer::Done),
            Ask::Resolve(host) => {
                let mut found = tokio::net::lookup_host((host, 0))
                    .await
                    .map_err(|_| Failure::Dns)?;
                return found
                    .next()
                    .map(|a| Answer::Address(a.ip()))
                    .ok_or(Failure::Dns);
            }
            Ask::Read { max } => return self.read(max).await,
            Ask::StoreData(bytes) => return self.store(bytes).await,
            Ask::StoreEnd => {
                let transfer = self.transfer.take().ok_or(Failure::State)?;
                return transfer
                    .finish()
                    .await
                    .map(|()| Answer::Done)
                    .map_err(failure);
            }
            _ => {}
        }
        let control = self.control.as_mut().ok_or(Failure::State)?;
        self.transfer = match ask {
            Ask::Retrieve { path, offset } => {
                restart(control, offset).await?;
                Some(
                    control
                        .retr_as_stream(from_wire(&path))
                        .await
                        .map_err(failure)?,
                )
            }
            Ask::StoreBegin { path, offset } => {
                restart(control, offset).await?;
                Some(
                    control
                        .put_with_stream(from_wire(&path))
                        .await
                        .map_err(failure)?,
                )
            }
            Ask::List(path) => {
                let command =
                    path.map_or_else(|| "LIST".to_owned(), |p| format!("LIST {}", from_wire(&p)));
                let opening = [Status::AboutToSend, Status::AlreadyOpen];
                let opened = control.custom_data_command(command, &opening).await;
                Some(opened.map_err(failure)?.1)
            }
            ask => return simple(control, ask).await,
        };
        Ok(Answer::Done)
    }

    async fn read(&mut self, max: usize) -> Result<Answer, Failure> {
        let transfer = self.transfer.as_mut().ok_or(Failure::State)?;
        let mut buffer = BytesMut::zeroed(max);
        let Ok(len) = transfer.read(&mut buffer).await else {
            return Err(self.broken_off().await);
        };
        if len > 0 {
            buffer.truncate(len);
            return Ok(Answer::Data(buffer.freeze()));
        }
        let transfer = self.transfer.take().ok_or(Failure::State)?;
        transfer
            .finish()
            .await
            .map(|()| Answer::End)
            .map_err(failure)
    }

    async fn store(&mut self, bytes: Bytes) -> Result<Answer, Failure> {
        let transfer = self.transfer.as_mut().ok_or(Failure::State)?;
        match transfer.write_all(&bytes).await {
            Ok(()) => Ok(Answer::Stored(bytes.len())),
            Err(_) => Err(self.broken_off().await),
        }
    }

    /// Why a data connection broke off: the reply on the control connection says it, or nothing
    /// does. The break is the transfer's failure, not the session's.
    async fn broken_off(&mut self) -> Failure {
        match self.transfer.take() {
            Some(transfer) => match transfer.finish().await {
                Err(error @ FtpError::UnexpectedResponse(_)) => failure(error),
                _ => Failure::Transfer,
            },
            None => Failure::State,
        }
    }

    /// Waits until the server ends an idle session. A server has nothing to say unasked but
    /// goodbye (RFC 959 §4.2.2, reply 421), so whatever arrives is that.
    async fn closed(&mut self) {
        match (&self.control, &self.transfer) {
            (Some(control), None) => {
                let socket = control.get_ref().await;
                let _ = socket.peek(&mut [0]).await;
            }
            _ => std::future::pending().await,
        }
    }
}

async fn log_in(login: &Login) -> Result<Control, Failure> {
    let mut addresses = tokio::net::lookup_host((login.host.as_str(), login.port))
        .await
        .map_err(|_| Failure::Dns)?;
    let address = addresses.next().ok_or(Failure::Dns)?;
    let mut control = match login.security {
        Security::Plain | Security::AuthTls => {
            let stream = connect(address).await.map_err(failure)?;
            let control = Control::connect_with_stream(stream)
                .await
                .map_err(failure)?;
            if login.security == Security::Plain {
                control
            } else {
                control
                    .into_secure(ModuleTls::new(login)?, &login.host)
                    .await
                    .map_err(failure)?
            }
        }
        Security::AuthSsl | Security::Implicit => {
            let tls = ModuleTls::new(login)?;
            Control::connect_secure_implicit(address, tls, &login.host)
                .await
                .map_err(failure)?
        }
    };
    control.set_encoding(Latin1).await;
    control.set_mode(if login.passive {
        Mode::Passive
    } else {
        Mode::Active
    });
    if login.passive && address.is_ipv6() {
        control.set_mode(Mode::ExtendedPassive);
    }
    control.set_passive_nat_workaround(login.single_ip);
    let mut control = control.passive_stream_builder(|address| Box::pin(connect(address)));
    control
        .login(login.user.as_str(), login.password.expose_secret())
        .await
        .map_err(failure)?;
    if matches!(login.security, Security::AuthSsl | Security::Implicit) {
        // RFC 4217 §9: data connections are in the clear until told otherwise. The client says
        // so itself where it has sent AUTH TLS.
        for command in ["PBSZ 0", "PROT P"] {
            control
                .custom_command(command, &[Status::CommandOk])
                .await
                .map_err(failure)?;
        }
    }
    control
        .transfer_type(FileType::Image)
        .await
        .map_err(failure)?;
    Ok(control)
}

async fn connect(address: SocketAddr) -> FtpResult<TcpStream> {
    match tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
        Ok(connected) => connected.map_err(FtpError::ConnectionError),
        Err(late) => Err(FtpError::ConnectionError(late.into())),
    }
}

async fn restart(control: &mut Control, offset: u64) -> Result<(), Failure> {
    let offset = usize::try_from(offset).map_err(|_| Failure::Refused)?;
    control.resume_transfer(offset).await.map_err(failure)
}

async fn simple(control: &mut Control, ask: Ask) -> Result<Answer, Failure> {
    let done = match ask {
        Ask::Cwd(path) => control.cwd(from_wire(&path)).await,
        Ask::Mkd(path) => control.mkdir(from_wire(&path)).await,
        Ask::Rmd(path) => control.rmdir(from_wire(&path)).await,
        Ask::Dele(path) => control.rm(from_wire(&path)).await,
        Ask::Type(TransferType::Ascii) => {
            control
                .transfer_type(FileType::Ascii(FormatControl::Default))
                .await
        }
        Ask::Type(TransferType::Binary) => control.transfer_type(FileType::Image).await,
        Ask::Logout => control.quit().await,
        Ask::Pwd => {
            let path = control.pwd().await.map_err(failure)?;
            // RFC 959 appendix II: a quote within the path is doubled.
            return Ok(Answer::Directory(to_wire(&path.replace("\"\"", "\""))));
        }
        Ask::Size(path) => {
            let size = control.size(from_wire(&path)).await.map_err(failure)?;
            return Ok(Answer::Size(size as u64));
        }
        _ => return Err(Failure::State),
    };
    done.map(|()| Answer::Done).map_err(failure)
}

/// Sorts an FTP failure into the module's classes: replies 4xx and 5xx are refusals, except 421,
/// which has a code of its own.
fn failure(error: FtpError) -> Failure {
    tracing::debug!(%error, "FTP operation failed");
    match error {
        FtpError::UnexpectedResponse(response) => match response.status {
            Status::NotAvailable => Failure::ServerTimeout,
            // RFC 4217 §10 leaves session reuse to servers; vsftpd refuses with 522.
            _ if response.body.starts_with(b"522") => Failure::Tls,
            _ => Failure::Refused,
        },
        FtpError::SecureError(_) => Failure::Tls,
        FtpError::ConnectionError(error) => match error.kind() {
            std::io::ErrorKind::ConnectionRefused
            | std::io::ErrorKind::HostUnreachable
            | std::io::ErrorKind::NetworkUnreachable
            | std::io::ErrorKind::TimedOut => Failure::Connect,
            std::io::ErrorKind::InvalidData => Failure::Unknown,
            _ => Failure::Closed,
        },
        _ => Failure::Unknown,
    }
}
