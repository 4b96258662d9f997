//! Where the module stands, and the next command on the way to where it must stand.

use std::sync::Arc;

use super::exchange::{Outcome, Response};
use super::failure::{Awaited, Cause};
use super::operation::{Directory, SessionTarget, Standing};
use crate::ftps::value::{RemotePath, Server, TransferType};
use crate::ftps::{Body, Command, CommandName, ErrCode, ModuleProfile, takes};

/// Where the module's one FTPS session stands.
///
/// Reconnecting is a plan from [`Session::Unknown`]: there is no other way back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Session {
    /// Unknown: an earlier program may have left it anywhere.
    Unknown,
    /// A command of an earlier operation is still running. Only an abort ends it.
    Busy,
    /// The same as [`Session::Busy`], but an abort did not end it: the dialogue waits for it.
    Occupied,
    /// The same as [`Session::Unknown`], but logged out.
    LoggedOut,
    /// The service is stopped.
    Down,
    /// The service is started; the data address mode, where it was set.
    Started(Option<bool>),
    /// Logged in.
    LoggedIn(Login),
    /// The server closed the connection of the login: log out, then log in again (SIM7500/ SIM7600 AT
    /// manual V3.00 §12.3).
    Closed(bool),
}

/// A login, and what was set since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// The server.
    pub server: Arc<Server>,
    transfer_type: Option<TransferType>,
    directory: Whereabouts,
    home: Home,
    /// The server has told the size of a file. Where it then refuses SIZE, the file has none.
    tells_sizes: bool,
}

/// The name of the login directory, which is the way back to it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Home {
    NotAsked,
    At(RemotePath),
    /// The server gives no name that leads there. The way back is a new login.
    Nameless,
}

/// The current directory.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Whereabouts {
    Home,
    At(RemotePath),
    /// This relative path leads to it from the login directory.
    Below(RemotePath),
    Unknown,
}

impl Session {
    /// The next command on the way to a standing. `None` where the standing is reached. A directory
    /// whose path is too long for the module is reached by several moves.
    #[must_use]
    pub fn next_towards(&self, standing: &Standing, profile: &ModuleProfile) -> Option<Command> {
        match (self, standing) {
            (_, Standing::Ready) => None,
            (Self::Busy, _) => Some(Command::Abort),
            (Self::Down, Standing::Down) => None,
            (
                Self::Unknown | Self::Occupied | Self::Closed(_) | Self::LoggedIn(_),
                Standing::Down,
            ) => Some(Command::Logout),
            (Self::LoggedOut | Self::Started(_), Standing::Down) => Some(Command::Stop),
            (Self::Unknown | Self::Occupied, _) => Some(Command::Logout),
            // A crashed program may have left the service started. Then START would be refused.
            (Self::LoggedOut, _) => Some(Command::Stop),
            (Self::Down, _) => Some(Command::Start),
            (Self::Started(_) | Self::LoggedIn(_), Standing::Started) => None,
            (Self::Closed(_), _) => Some(Command::Logout),
            (Self::Started(single_ip), Standing::LoggedIn(place)) => {
                Some(if *single_ip == Some(place.server.single_ip) {
                    Command::Login(Arc::clone(&place.server))
                } else {
                    // It counts only before the login (SIMCom manual L1216).
                    Command::SingleIp(place.server.single_ip)
                })
            }
            (Self::LoggedIn(login), Standing::LoggedIn(place)) => {
                login.next_towards(place, profile)
            }
        }
    }

    /// Takes the outcome of a command of the plan towards a standing.
    ///
    /// # Errors
    /// The [`Cause`] of the failed command, where the plan cannot go on.
    pub(crate) fn follow(
        &mut self,
        command: &Command,
        response: &Response,
        standing: &Standing,
    ) -> Result<(), Cause> {
        let outcome = match &response.outcome {
            Outcome::Done(body) => Ok(body.clone()),
            Outcome::Failed(cause) => Err(cause.clone()),
        };
        let next = match (command, outcome) {
            // A LOGOUT or STOP that was refused or not answered shows that there was nothing to end.
            (Command::Logout, outcome) => match (&*self, outcome) {
                (Self::LoggedIn(login), Ok(_)) => Self::Started(Some(login.server.single_ip)),
                (Self::Closed(single_ip), Ok(_)) => Self::Started(Some(*single_ip)),
                (Self::Occupied, Err(cause @ Cause::Reported(ErrCode::BUSY))) => return Err(cause),
                (_, Err(Cause::Reported(ErrCode::BUSY))) => Self::Busy,
                (_, Ok(_) | Err(Cause::Refused(_) | Cause::Reported(_) | Cause::Timeout(_))) => {
                    Self::LoggedOut
                }
                (_, Err(cause)) => return Err(cause),
            },
            (Command::Stop, Ok(_) | Err(Cause::Refused(_) | Cause::Reported(_))) => Self::Down,
            (Command::Stop, Err(Cause::Timeout(_))) => Self::Down,
            // It logs out and drops the PDP context (SIMCom manual L1218).
            (Command::Abort, Ok(_)) => Self::Down,
            // There was nothing to abort, or the module has no such command. Then a login still
            // exists, and must end before the service stops (A76XX AT manual V1.09 §17.2.4).
            (Command::Abort, Err(Cause::Refused(_) | Cause::Reported(_) | Cause::Timeout(_))) => {
                Self::Occupied
            }
            (Command::Start, Ok(_)) => Self::Started(None),
            // A module that cannot set the mode decides by itself. Data connections show whether that
            // works.
            (Command::SingleIp(on), Ok(_) | Err(Cause::Refused(_))) => Self::Started(Some(*on)),
            // Two examples of SIMCom's application note for the SIM7600 have no result behind the
            // `OK`. The next command shows whether the login succeeded: TYPE is only carried out
            // after a login (SIMCom manual L1210).
            (Command::Login(server), Ok(_) | Err(Cause::Timeout(Awaited::Result))) => {
                Self::LoggedIn(Login {
                    server: Arc::clone(server),
                    transfer_type: None,
                    directory: Whereabouts::Home,
                    home: Home::NotAsked,
                    tells_sizes: false,
                })
            }
            (command, outcome) => {
                let Self::LoggedIn(login) = self else {
                    return outcome.map(drop);
                };
                return login.follow(command, outcome, standing);
            }
        };
        *self = next;
        Ok(())
    }

    /// Takes an error code that any command reported.
    pub(crate) fn note(&mut self, code: ErrCode) {
        match code {
            ErrCode::CLOSED_BY_SERVER | ErrCode::SSL_CLOSED | ErrCode::SERVER_TIMEOUT => {
                self.close();
            }
            // No data connection was opened. A new session has new ones; field programs open one.
            ErrCode::CONNECT_SOCKET | ErrCode::CREATE_SOCKET => self.close(),
            ErrCode::STATE | ErrCode::NETWORK => *self = Self::Unknown,
            _ => {}
        }
    }

    /// The connection to the server is gone.
    pub(crate) fn close(&mut self) {
        if let Self::LoggedIn(login) = self {
            *self = Self::Closed(login.server.single_ip);
        }
    }

    /// The data address mode was set outside of the plan. It counts only before a login (SIMCom
    /// manual L1216), so that a login with another mode ends before its next use.
    pub(crate) fn readdressed(&mut self, single_ip: bool) {
        match self {
            Self::Started(mode) => *mode = Some(single_ip),
            Self::LoggedIn(_) | Self::Closed(_) => *self = Self::Closed(single_ip),
            Self::Unknown | Self::Busy | Self::Occupied | Self::LoggedOut | Self::Down => {}
        }
    }

    /// The module moved to a directory outside of the plan.
    pub(crate) fn moved(&mut self, directory: Option<RemotePath>) {
        if let Self::LoggedIn(login) = self {
            login.directory = directory.map_or(Whereabouts::Unknown, Whereabouts::At);
        }
    }

    /// Whether a command of a plan asks for the name of the login directory, or goes back there.
    pub(crate) fn is_way_back(&self, command: &Command, standing: &Standing) -> bool {
        let (Self::LoggedIn(login), Standing::LoggedIn(place)) = (self, standing) else {
            return false;
        };
        match command {
            Command::WorkingDirectory => login.home == Home::NotAsked,
            Command::ChangeDirectory(path) => {
                let back = matches!(place.directory, Directory::Login | Directory::Below(_))
                    && login.directory != Whereabouts::Home;
                let home = login.home.name();
                back && home.is_some_and(|home| home.as_str().starts_with(path.as_str()))
            }
            _ => false,
        }
    }

    /// No name leads back to the login directory. The way back is a new login.
    pub(crate) fn has_no_way_back(&mut self) {
        if let Self::LoggedIn(login) = self {
            login.home = Home::Nameless;
        }
    }

    /// The server has told the size of a file.
    pub(crate) fn told_a_size(&mut self) {
        if let Self::LoggedIn(login) = self {
            login.tells_sizes = true;
        }
    }

    /// Whether the server has told a size since the login.
    pub(crate) fn tells_sizes(&self) -> bool {
        matches!(self, Self::LoggedIn(login) if login.tells_sizes)
    }

    /// The server that the module is logged in to, where a command has proven the login. TYPE is only
    /// carried out after a login (SIMCom manual L1210), and not every login tells its result.
    #[must_use]
    pub fn proven_server(&self) -> Option<&Arc<Server>> {
        match self {
            Self::LoggedIn(login) if login.transfer_type.is_some() => Some(&login.server),
            _ => None,
        }
    }

    /// The server that the module is logged in to.
    #[must_use]
    pub fn server(&self) -> Option<&Arc<Server>> {
        match self {
            Self::LoggedIn(login) => Some(&login.server),
            _ => None,
        }
    }
}

impl Login {
    fn next_towards(&self, place: &SessionTarget, profile: &ModuleProfile) -> Option<Command> {
        if self.server != place.server {
            return Some(Command::Logout);
        }
        if self.transfer_type != Some(place.transfer_type) {
            return Some(Command::Type(place.transfer_type));
        }
        // The way back must be known before the session leaves the login directory.
        let asks_home = self.home == Home::NotAsked && self.directory == Whereabouts::Home;
        match (&place.directory, &self.directory) {
            (Directory::Any, _) | (Directory::Login, Whereabouts::Home) => None,
            (Directory::At(want), Whereabouts::At(at)) if want == at => None,
            (Directory::Below(want), Whereabouts::Below(at)) if want == at => None,
            (Directory::At(want), Whereabouts::Home) if self.home.name() == Some(want) => None,
            (Directory::At(_) | Directory::Below(_), _) if asks_home => {
                Some(Command::WorkingDirectory)
            }
            (Directory::At(want), _) => Some(self.step(want, profile)),
            (Directory::Below(want), Whereabouts::Home) => {
                Some(Command::ChangeDirectory(want.clone()))
            }
            (Directory::Login | Directory::Below(_), _) => Some(match self.home.name() {
                Some(home) => self.step(home, profile),
                None => Command::Logout,
            }),
        }
    }

    /// The next move towards a directory, as far as the module's limit for a path allows.
    fn step(&self, want: &RemotePath, profile: &ModuleProfile) -> Command {
        let fits = |path: &RemotePath| takes(CommandName::ChangeDirectory, path, profile);
        if fits(want) || !want.is_absolute() {
            return Command::ChangeDirectory(want.clone());
        }
        let rest = self.place().and_then(|from| want.below(from));
        Command::ChangeDirectory(rest.as_ref().unwrap_or(want).longest_start(fits))
    }

    fn follow(
        &mut self,
        command: &Command,
        outcome: Result<Option<Body>, Cause>,
        standing: &Standing,
    ) -> Result<(), Cause> {
        match (command, outcome?) {
            (Command::Type(transfer_type), _) => {
                self.transfer_type = Some(*transfer_type);
                // Some servers tell sizes in one type and not in another.
                self.tells_sizes = false;
            }
            (Command::ChangeDirectory(path), _) => {
                self.directory = self.moved_by(path, standing)?;
            }
            (Command::WorkingDirectory, Some(Body::Text(text))) => {
                self.home = RemotePath::new(text).map_or(Home::Nameless, Home::At);
            }
            (Command::WorkingDirectory, _) => {
                return Err(Cause::OutOfOrder("a directory without a name".into()));
            }
            _ => {}
        }
        Ok(())
    }

    /// Where a move of a plan has led.
    fn moved_by(&self, path: &RemotePath, standing: &Standing) -> Result<Whereabouts, Cause> {
        let Standing::LoggedIn(place) = standing else {
            return Ok(Whereabouts::Unknown);
        };
        let is_home = |path: &RemotePath| self.home.name() == Some(path);
        if is_home(path) {
            return Ok(Whereabouts::Home);
        }
        if let Directory::Below(want) = &place.directory
            && want == path
        {
            return Ok(Whereabouts::Below(path.clone()));
        }
        let path = match self.place() {
            Some(from) if place.goes_by_steps() && !path.is_absolute() => {
                let from = from.as_str().trim_end_matches('/');
                RemotePath::new(format!("{from}/{path}")).map_err(Cause::Unsuitable)?
            }
            _ => path.clone(),
        };
        Ok(if is_home(&path) {
            Whereabouts::Home
        } else {
            Whereabouts::At(path)
        })
    }

    /// The current directory, where it has a name that leads there from anywhere.
    fn place(&self) -> Option<&RemotePath> {
        match &self.directory {
            Whereabouts::At(at) => Some(at),
            Whereabouts::Home => self.home.name(),
            Whereabouts::Below(_) | Whereabouts::Unknown => None,
        }
    }
}

impl Home {
    fn name(&self) -> Option<&RemotePath> {
        match self {
            Self::At(path) => Some(path),
            Self::NotAsked | Self::Nameless => None,
        }
    }
}

#[cfg(test)]
mod tests;
