//! A network in memory: servers with users, files and directories, which answer at once. It is for
//! tests in virtual time. They see every operation and can make servers difficult.
//!
//! More than 400 lines: one `match` answers every request, with one function for each.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use bytes::Bytes;
use secrecy::ExposeSecret;

use crate::emulator::{Action, Emulator};
use crate::request::{Answer, Ask, Event, Failure, Login, Request, Security, TransferType};

mod server;

use server::parent;
pub use server::{ListPath, Names, Rest, Server};

/// The network of one emulator.
#[derive(Debug, Default)]
pub struct Memory {
    servers: BTreeMap<(String, u16), Server>,
    session: Option<Session>,
    last_login: Option<Login>,
    seen: Vec<String>,
}

#[derive(Debug)]
struct Session {
    server: (String, u16),
    directory: Vec<u8>,
    transfer: Option<Transfer>,
}

#[derive(Debug)]
enum Transfer {
    Down {
        content: Bytes,
        moved: u64,
    },
    Up {
        path: Vec<u8>,
        /// The position in the file of the first byte.
        start: usize,
        moved: u64,
    },
    /// Content of a file that is refused at its end.
    Vain,
}

/// What an emulator did until it had to wait.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// The bytes it sent.
    pub sent: Vec<u8>,
    /// The time it waits for.
    pub until: Option<Duration>,
    /// The port vanished. What follows is not included.
    pub hung_up: bool,
}

impl Memory {
    /// A network without servers: no name resolves.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds or replaces a server.
    pub fn insert(&mut self, host: &str, port: u16, server: Server) {
        self.servers.insert((host.to_owned(), port), server);
    }

    /// A server, to be looked at or changed.
    pub fn server_mut(&mut self, host: &str, port: u16) -> Option<&mut Server> {
        self.servers.get_mut(&(host.to_owned(), port))
    }

    /// The FTP operations since the last call, as `VERB argument`.
    pub fn take_seen(&mut self) -> Vec<String> {
        std::mem::take(&mut self.seen)
    }

    /// The last login, whether or not it succeeded.
    #[must_use]
    pub fn last_login(&self) -> Option<&Login> {
        self.last_login.as_ref()
    }

    /// The server that the module is logged in to, and the meaning of a path there.
    #[must_use]
    pub fn resolve(&self, path: &[u8]) -> Option<(&str, Vec<u8>)> {
        let session = self.session.as_ref()?;
        Some((&session.server.0, self.absolute(path).ok()?))
    }

    /// The server ends the idle session. Deliver the returned event, if there is one.
    pub fn close_session(&mut self) -> Option<Event> {
        self.session.take().map(|_| Event::PeerClosed)
    }

    /// Polls `emulator` and answers its requests until it waits or hangs up.
    pub fn settle(&mut self, emulator: &mut Emulator, now: Duration) -> Settled {
        let mut settled = Settled::default();
        loop {
            match emulator.poll() {
                Action::Send(bytes) => settled.sent.extend_from_slice(&bytes),
                Action::Uplink(request) => {
                    if let Some(event) = self.answer(request) {
                        emulator.handle_uplink(now, event);
                    }
                }
                Action::Wait { until } => return Settled { until, ..settled },
                Action::Hangup => {
                    return Settled {
                        hung_up: true,
                        ..settled
                    };
                }
            }
        }
    }

    /// Answers one request. `None` where the server is silent.
    pub fn answer(&mut self, request: Request) -> Option<Event> {
        let Request { id, ask } = request;
        let silent = self.server().is_some_and(|server| server.silent);
        if silent && !matches!(ask, Ask::DropAll | Ask::DropTransfer) {
            return None;
        }
        let answer = self.carry_out(ask);
        if answer.as_ref().is_err_and(|failure| failure.ends_session()) {
            self.session = None;
        }
        Some(Event::Answer { id, answer })
    }

    fn carry_out(&mut self, ask: Ask) -> Result<Answer, Failure> {
        match ask {
            Ask::Login(login) => self.login(&login),
            Ask::Logout => {
                self.note("QUIT", b"");
                self.session = None;
                Ok(Answer::Done)
            }
            Ask::DropAll => {
                self.session = None;
                Ok(Answer::Done)
            }
            Ask::DropTransfer => {
                if let Some(session) = &mut self.session {
                    session.transfer = None;
                }
                Ok(Answer::Done)
            }
            Ask::Resolve(host) => {
                let known = self.servers.keys().any(|(name, _)| *name == host);
                let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
                if known {
                    Ok(Answer::Address(address))
                } else {
                    Err(Failure::Dns)
                }
            }
            Ask::Read { max } => self.read(max),
            Ask::StoreData(bytes) => self.store(&bytes),
            Ask::StoreEnd => match self.session.as_mut().ok_or(Failure::State)?.transfer.take() {
                Some(Transfer::Up { .. }) => Ok(Answer::Done),
                Some(Transfer::Vain) => Err(Failure::Refused),
                _ => Err(Failure::State),
            },
            Ask::Retrieve { path, offset } => self.retrieve(&path, offset),
            Ask::StoreBegin { path, offset } => self.store_begin(&path, offset),
            Ask::List(path) => self.list(path.as_deref()),
            Ask::Pwd => {
                self.note("PWD", b"");
                let session = self.session.as_ref().ok_or(Failure::State)?;
                Ok(Answer::Directory(Bytes::copy_from_slice(
                    &session.directory,
                )))
            }
            Ask::Type(TransferType::Ascii) => self.done("TYPE", b"A"),
            Ask::Type(TransferType::Binary) => self.done("TYPE", b"I"),
            Ask::Size(path) => {
                self.note("SIZE", &path);
                let path = self.absolute(&path)?;
                self.check(|server| server.knows_size)?;
                let path = self.followed(path);
                let content = self.server().and_then(|s| s.files.get(&path));
                content
                    .map(|c| Answer::Size(c.len() as u64))
                    .ok_or(Failure::Refused)
            }
            Ask::Cwd(path) => {
                self.note("CWD", &path);
                let named = self.absolute(&path)?;
                self.check(|server| !server.not_entered.contains(&named))?;
                let path = self.followed(named);
                self.check(|server| server.is_directory(&path))?;
                if let Some(session) = &mut self.session {
                    session.directory = path;
                }
                Ok(Answer::Done)
            }
            Ask::Mkd(path) => self.change("MKD", &path, |server, path| {
                let free = !server.is_directory(&path) && !server.files.contains_key(&path);
                free && server.is_directory(parent(&path)) && server.directories.insert(path)
            }),
            Ask::Rmd(path) => self.change("RMD", &path, |server, path| {
                server.is_empty(&path) && server.directories.remove(&path)
            }),
            Ask::Dele(path) => self.change("DELE", &path, |server, path| {
                !server.keeps_all && server.files.remove(&path).is_some()
            }),
        }
    }

    fn login(&mut self, login: &Login) -> Result<Answer, Failure> {
        self.note("LOGIN", login.user.as_bytes());
        self.last_login = Some(login.clone());
        if !self.servers.keys().any(|(host, _)| *host == login.host) {
            return Err(Failure::Dns);
        }
        let key = (login.host.clone(), login.port);
        let server = self.servers.get(&key).ok_or(Failure::Connect)?;
        if server.security != login.security {
            let plain = login.security == Security::Plain;
            return Err(if plain {
                Failure::Refused
            } else {
                Failure::Tls
            });
        }
        if login.security != Security::Plain && !server.shakes_hands(&login.control_tls) {
            return Err(Failure::Tls);
        }
        let refused = self
            .servers
            .get_mut(&key)
            .and_then(|s| s.logins.pop_front());
        if let Some(failure) = refused {
            return Err(failure);
        }
        let server = self.servers.get(&key).ok_or(Failure::Connect)?;
        let password = server.users.get(&login.user).ok_or(Failure::Refused)?;
        if password != login.password.expose_secret() {
            return Err(Failure::Refused);
        }
        self.session = Some(Session {
            server: key,
            directory: b"/".to_vec(),
            transfer: None,
        });
        Ok(Answer::Done)
    }

    fn list(&mut self, path: Option<&[u8]>) -> Result<Answer, Failure> {
        self.note("LIST", path.unwrap_or_default());
        let working = self.absolute(b".")?;
        let named = path.map(|path| self.absolute(path)).transpose()?;
        let server = self.server().ok_or(Failure::State)?;
        let content = server.list(&working, named).ok_or(Failure::Refused)?;
        self.open(Transfer::Down {
            content: content.into(),
            moved: 0,
        })
    }

    fn retrieve(&mut self, path: &[u8], offset: u64) -> Result<Answer, Failure> {
        self.note_rest(offset);
        self.note("RETR", path);
        let path = self.followed(self.absolute(path)?);
        let start = usize::try_from(self.restart(offset)?).unwrap_or(usize::MAX);
        let file = self.server().and_then(|server| server.files.get(&path));
        let content = file
            .ok_or(Failure::Refused)?
            .get(start..)
            .ok_or(Failure::Refused)?;
        let content = Bytes::copy_from_slice(content);
        self.open(Transfer::Down { content, moved: 0 })
    }

    fn store_begin(&mut self, path: &[u8], offset: u64) -> Result<Answer, Failure> {
        self.note_rest(offset);
        self.note("STOR", path);
        let path = self.followed(self.absolute(path)?);
        let start = usize::try_from(self.restart(offset)?).unwrap_or(usize::MAX);
        let server = self.server_of_session()?;
        let refused = server.is_directory(&path)
            || !server.is_directory(parent(&path))
            || server.protected.contains(&path);
        if refused && server.refuses_late {
            return self.open(Transfer::Vain);
        }
        if refused {
            return Err(Failure::Refused);
        }
        let file = server.files.entry(path.clone()).or_default();
        if start > file.len() {
            return Err(Failure::Refused);
        }
        if start == 0 || server.rest != Rest::WriteOver {
            file.truncate(start);
        }
        let moved = 0;
        self.open(Transfer::Up { path, start, moved })
    }

    fn read(&mut self, max: usize) -> Result<Answer, Failure> {
        let limit = self.server().and_then(|server| server.close_after);
        let session = self.session.as_mut().ok_or(Failure::State)?;
        let Some(Transfer::Down { content, moved }) = &mut session.transfer else {
            return Err(Failure::State);
        };
        let left = limit.map_or(u64::MAX, |limit| limit.saturating_sub(*moved));
        if content.is_empty() {
            session.transfer = None;
            return Ok(Answer::End);
        }
        if left == 0 {
            return Err(Failure::Closed);
        }
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        let piece = content.split_to(content.len().min(max).min(left));
        *moved = moved.saturating_add(piece.len() as u64);
        Ok(Answer::Data(piece))
    }

    fn store(&mut self, bytes: &[u8]) -> Result<Answer, Failure> {
        let session = self.session.as_mut().ok_or(Failure::State)?;
        if matches!(session.transfer, Some(Transfer::Vain)) {
            return Ok(Answer::Stored(bytes.len()));
        }
        let Some(Transfer::Up { path, start, moved }) = &mut session.transfer else {
            return Err(Failure::State);
        };
        let server = self
            .servers
            .get_mut(&session.server)
            .ok_or(Failure::State)?;
        let limit = server
            .close_after
            .map_or(u64::MAX, |limit| limit.saturating_sub(*moved));
        let room = server.room.unwrap_or(u64::MAX);
        let fits = usize::try_from(limit.min(room)).map_or(bytes.len(), |n| n.min(bytes.len()));
        let kept = bytes.get(..fits).unwrap_or(bytes);
        let file = server.files.entry(path.clone()).or_default();
        let at =
            usize::try_from(*moved).map_or(file.len(), |moved| (*start + moved).min(file.len()));
        let over = (at + kept.len()).min(file.len());
        file.splice(at..over, kept.iter().copied());
        *moved = moved.saturating_add(fits as u64);
        if let Some(room) = &mut server.room {
            *room = room.saturating_sub(fits as u64);
        }
        if fits == bytes.len() {
            return Ok(Answer::Stored(fits));
        }
        session.transfer = None;
        // RFC 959 §4.2.2: 452, insufficient storage, is a refusal. A closed connection is a closed
        // connection.
        Err(if room < limit {
            Failure::Refused
        } else {
            Failure::Closed
        })
    }

    fn open(&mut self, transfer: Transfer) -> Result<Answer, Failure> {
        self.session.as_mut().ok_or(Failure::State)?.transfer = Some(transfer);
        Ok(Answer::Done)
    }

    fn restart(&self, offset: u64) -> Result<u64, Failure> {
        match self.server().map(|server| server.rest) {
            _ if offset == 0 => Ok(0),
            Some(Rest::Honour | Rest::WriteOver) => Ok(offset),
            Some(Rest::Ignore) => Ok(0),
            Some(Rest::Refuse) => Err(Failure::Refused),
            None => Err(Failure::State),
        }
    }

    fn change(
        &mut self,
        verb: &str,
        path: &[u8],
        action: impl FnOnce(&mut Server, Vec<u8>) -> bool,
    ) -> Result<Answer, Failure> {
        self.note(verb, path);
        let path = self.absolute(path)?;
        let server = self.server_of_session()?;
        if action(server, path) {
            Ok(Answer::Done)
        } else {
            Err(Failure::Refused)
        }
    }

    fn done(&mut self, verb: &str, argument: &[u8]) -> Result<Answer, Failure> {
        self.note(verb, argument);
        self.session
            .as_ref()
            .map(|_| Answer::Done)
            .ok_or(Failure::State)
    }

    fn check(&self, holds: impl FnOnce(&Server) -> bool) -> Result<(), Failure> {
        let server = self.server().ok_or(Failure::State)?;
        if holds(server) {
            Ok(())
        } else {
            Err(Failure::Refused)
        }
    }

    fn server(&self) -> Option<&Server> {
        self.servers.get(&self.session.as_ref()?.server)
    }

    fn server_of_session(&mut self) -> Result<&mut Server, Failure> {
        let session = self.session.as_ref().ok_or(Failure::State)?;
        self.servers.get_mut(&session.server).ok_or(Failure::State)
    }

    fn absolute(&self, path: &[u8]) -> Result<Vec<u8>, Failure> {
        let session = self.session.as_ref().ok_or(Failure::State)?;
        let base: &[u8] = if path.starts_with(b"/") {
            b""
        } else {
            &session.directory
        };
        let mut parts: Vec<&[u8]> = Vec::new();
        for part in base.split(|&b| b == b'/').chain(path.split(|&b| b == b'/')) {
            match part {
                b"" | b"." => {}
                b".." => {
                    parts.pop();
                }
                part => parts.push(part),
            }
        }
        Ok([b"/", parts.join(&b'/').as_slice()].concat())
    }

    fn followed(&self, path: Vec<u8>) -> Vec<u8> {
        match self.server() {
            Some(server) => server.followed(path),
            None => path,
        }
    }

    fn note_rest(&mut self, offset: u64) {
        if offset > 0 {
            self.note("REST", offset.to_string().as_bytes());
        }
    }

    fn note(&mut self, verb: &str, argument: &[u8]) {
        let argument = String::from_utf8_lossy(argument);
        self.seen
            .push(format!("{verb} {argument}").trim_end().to_owned());
    }
}
