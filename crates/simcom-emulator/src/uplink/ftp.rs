//! The real network: an FTP client that does what the module's own client would do.
//!
//! One task owns the session. Requests and events pass through bounded channels. Dropping everything ends the
//! task and starts a new one, which closes the data and control connections at once: servers leave stale
//! replies behind after `ABOR`.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use suppaftp::tokio::TransferStream;
use suppaftp::types::FileType;
use suppaftp::{FtpError, Status};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::request::{Answer, Ask, Event, Failure, Request, Security, TransferType};

mod control;
mod latin1;
mod login;
mod tls;

use control::{Control, failure};
use latin1::{from_wire, to_wire};
use login::log_in;
use tls::Stream;

/// Requests and events that may wait between the core and the task. Uploads are bounded by bytes
/// in the core; this many pieces of the smallest useful size fit beside them.
const QUEUE: usize = 1024;
/// Longest silence of a server. The A76XX manual V1.09 §17 allows 9 s for a command, and field logs show a
/// LOGIN of up to 60 s. The host's own deadlines should come first.
const SERVER_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest silence of a server that has all of an upload: some check it for viruses, or copy it, before they
/// answer. Longer than the 120 s that hosts wait.
const STORE_TIMEOUT: Duration = Duration::from_secs(180);
/// Longest wait for the answer to QUIT.
const QUIT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for a server to close its side of a finished upload.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

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
            // The events of the old task are about connections that have gone.
            while self.events.try_recv().is_ok() {}
            (self.requests, self.task) = start(self.to_core.clone());
        }
        // The core keeps fewer requests outstanding than the queue holds. If one does not fit, its failure is
        // the answer. If even that does not fit, the module hangs, and the host's deadline ends the wait.
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
    // It stands before the control connection so that it is dropped first.
    transfer: Option<TransferStream<Stream>>,
    control: Option<Control>,
    security: Option<Security>,
}

impl Client {
    async fn answer(&mut self, ask: Ask) -> Result<Answer, Failure> {
        let patience = match ask {
            Ask::Logout => QUIT_TIMEOUT,
            Ask::StoreEnd => STORE_TIMEOUT,
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
            Err(Failure::Tls) if self.security == Some(Security::Implicit) => Err(Failure::Connect),
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
                self.security = Some(login.security);
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
            Ask::StoreEnd => return self.store_end().await,
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
                // The client's own upload is not used: there, a reset of the data connection hides the reply
                // that gives the reason.
                Some(open(control, format!("STOR {}", from_wire(&path))).await?)
            }
            Ask::List(None) => Some(open(control, "LIST".to_owned()).await?),
            Ask::List(Some(path)) => {
                Some(open(control, format!("LIST {}", from_wire(&path))).await?)
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

    /// Ends an upload. Only the server's reply decides whether it has the file.
    async fn store_end(&mut self) -> Result<Answer, Failure> {
        let mut transfer = self.transfer.take().ok_or(Failure::State)?;
        let closed = transfer.shutdown().await;
        if closed.is_ok() && self.security != Some(Security::Plain) {
            // Closing a socket with unread bytes (TLS 1.3 session tickets) resets it, and the server may lose
            // the end of the file. So the server must close first.
            let mut unread = [0; 1024];
            let drain = async { while transfer.read(&mut unread).await.is_ok_and(|n| n > 0) {} };
            let _ = tokio::time::timeout(DRAIN_TIMEOUT, drain).await;
        }
        transfer
            .finish()
            .await
            .map(|()| Answer::Done)
            .map_err(failure)
    }

    /// Why a data connection broke off, as far as the reply on the control connection says it. The break is a
    /// failure of the transfer, not of the session.
    async fn broken_off(&mut self) -> Failure {
        match self.transfer.take() {
            Some(transfer) => match transfer.finish().await {
                Err(error @ FtpError::UnexpectedResponse(_)) => failure(error),
                _ => Failure::Transfer,
            },
            None => Failure::State,
        }
    }

    /// Waits until the server ends an idle session. The only thing that a server sends without a request is
    /// its goodbye (RFC 959 §4.2.2, reply 421), so whatever arrives is that.
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

async fn open(control: &mut Control, command: String) -> Result<TransferStream<Stream>, Failure> {
    let opening = [Status::AboutToSend, Status::AlreadyOpen];
    let opened = control.custom_data_command(command, &opening).await;
    opened.map(|(_, transfer)| transfer).map_err(failure)
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
            // RFC 959 section 5.3.2: the format is optional, and some servers know none. The client's own
            // command names it.
            control
                .custom_command("TYPE A", &[Status::CommandOk])
                .await
                .map(drop)
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
