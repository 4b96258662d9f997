//! Where the module stands, and the next command towards where it must stand.

use std::sync::Arc;

use super::exchange::{Settlement, Verdict};
use super::failure::{Awaited, Cause};
use super::operation::{Directory, Place, Standing};
use crate::ftps::command::takes;
use crate::ftps::value::{RemotePath, Server, TransferType};
use crate::ftps::{Body, Command, ErrCode, Profile, Verb};

/// Where the module's one FTPS session stands.
///
/// Reconnecting is planning from [`Session::Unknown`]: there is no other way back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Session {
    /// Not known: a program before us may have left it anywhere.
    Unknown,
    /// A command that was begun before still runs: nothing but an abort ends it.
    Busy,
    /// As busy, and an abort did not end it: it is waited for.
    Occupied,
    /// As unknown, but logged out.
    LoggedOut,
    /// The service is stopped.
    Down,
    /// The service is started; the data address mode, where it was set.
    Started(Option<bool>),
    /// Logged in.
    LoggedIn(Login),
    /// Logged in to a server that closed the connection: log out, then in again (SIM7500/
    /// SIM7600 AT manual V3.00 §12.3).
    Closed(bool),
}

/// A login, and what was set since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// The server.
    pub server: Arc<Server>,
    transfer_type: Option<TransferType>,
    directory: Whereabouts,
    /// The directory of the login, where the server named it.
    home: Option<RemotePath>,
}

/// The current directory.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Whereabouts {
    Home,
    At(RemotePath),
    Unknown,
}

impl Session {
    /// The next command towards a standing; `None` where it is reached. A directory that is too
    /// long a path for the module is reached by several moves.
    #[must_use]
    pub fn next_towards(&self, standing: &Standing, profile: &Profile) -> Option<Command> {
        match (self, standing) {
            (_, Standing::Attached) => None,
            (Self::Busy, _) => Some(Command::Abort),
            (Self::Down, Standing::Down) => None,
            (
                Self::Unknown | Self::Occupied | Self::Closed(_) | Self::LoggedIn(_),
                Standing::Down,
            ) => Some(Command::Logout),
            (Self::LoggedOut | Self::Started(_), Standing::Down) => Some(Command::Stop),
            (Self::Unknown | Self::Occupied, _) => Some(Command::Logout),
            // A service left up by a crashed program would refuse to start.
            (Self::LoggedOut, _) => Some(Command::Stop),
            (Self::Down, _) => Some(Command::Start),
            (Self::Started(_) | Self::LoggedIn(_), Standing::Started) => None,
            (Self::Closed(_), _) => Some(Command::Logout),
            (Self::Started(single_ip), Standing::LoggedIn(place)) => {
                Some(if *single_ip == Some(place.server.single_ip) {
                    Command::Login(Arc::clone(&place.server))
                } else {
                    // Only counts before the login (SIMCom manual L1216).
                    Command::SingleIp(place.server.single_ip)
                })
            }
            (Self::LoggedIn(login), Standing::LoggedIn(place)) => {
                login.next_towards(place, profile)
            }
        }
    }

    /// Takes note of what a command of the plan towards a standing came to.
    ///
    /// # Errors
    /// Gives the cause back where the plan cannot go on.
    pub(crate) fn follow(
        &mut self,
        command: &Command,
        settlement: &Settlement,
        standing: &Standing,
    ) -> Result<(), Cause> {
        let outcome = match &settlement.verdict {
            Verdict::Done(body) => Ok(body.clone()),
            Verdict::Failed(cause) => Err(cause.clone()),
        };
        let next = match (command, outcome) {
            // An unanswered or refused LOGOUT or STOP says that there was nothing to end.
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
            // There was nothing to abort, or the module has no such command: then whoever is logged
            // in still is, and must be logged out before the service stops (A76XX AT manual V1.09
            // §17.2.4).
            (Command::Abort, Err(Cause::Refused(_) | Cause::Reported(_) | Cause::Timeout(_))) => {
                Self::Occupied
            }
            (Command::Start, Ok(_)) => Self::Started(None),
            // A module that cannot set the mode decides by itself; data connections tell.
            (Command::SingleIp(on), Ok(_) | Err(Cause::Refused(_))) => Self::Started(Some(*on)),
            // Two examples of SIMCom's application note for the SIM7600 have no result behind the
            // `OK`. Whether it stands shows at once: TYPE comes next, and is only carried out
            // there (SIMCom manual L1210).
            (Command::Login(server), Ok(_) | Err(Cause::Timeout(Awaited::Result))) => {
                Self::LoggedIn(Login {
                    server: Arc::clone(server),
                    transfer_type: None,
                    directory: Whereabouts::Home,
                    home: None,
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

    /// Takes note of an error code that any command reported.
    pub(crate) fn note(&mut self, code: ErrCode) {
        match code {
            ErrCode::CLOSED_BY_SERVER | ErrCode::SSL_CLOSED | ErrCode::SERVER_TIMEOUT => {
                self.close();
            }
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

    /// The data address mode was set outside the plan. It only counts before a login (SIMCom
    /// manual L1216), so that a login under another one ends before its next use.
    pub(crate) fn readdressed(&mut self, single_ip: bool) {
        match self {
            Self::Started(mode) => *mode = Some(single_ip),
            Self::LoggedIn(_) | Self::Closed(_) => *self = Self::Closed(single_ip),
            Self::Unknown | Self::Busy | Self::Occupied | Self::LoggedOut | Self::Down => {}
        }
    }

    /// The module moved to a directory outside the plan.
    pub(crate) fn moved(&mut self, directory: Option<RemotePath>) {
        if let Self::LoggedIn(login) = self {
            login.directory = directory.map_or(Whereabouts::Unknown, Whereabouts::At);
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
    fn next_towards(&self, place: &Place, profile: &Profile) -> Option<Command> {
        if self.server != place.server {
            return Some(Command::Logout);
        }
        if self.transfer_type != Some(place.transfer_type) {
            return Some(Command::Type(place.transfer_type));
        }
        match (&place.directory, &self.directory) {
            (Directory::Any, _) | (Directory::Login, Whereabouts::Home) => None,
            (Directory::At(want), Whereabouts::At(at)) if want == at => None,
            (Directory::At(want), _) if self.home.as_ref() == Some(want) => {
                (self.directory != Whereabouts::Home).then(|| self.step(want, profile))
            }
            // The way back must be known before the login directory is left.
            (Directory::At(_), Whereabouts::Home) if self.home.is_none() => {
                Some(Command::WorkingDirectory)
            }
            (Directory::At(want), _) => Some(self.step(want, profile)),
            (Directory::Login, _) => Some(match &self.home {
                Some(home) => self.step(home, profile),
                None => Command::Logout,
            }),
        }
    }

    /// The next move towards a directory: as far as the module's limit for a path allows.
    fn step(&self, want: &RemotePath, profile: &Profile) -> Command {
        let fits = |path: &RemotePath| takes(Verb::ChangeDirectory, path, profile);
        if fits(want) || !want.is_absolute() {
            return Command::ChangeDirectory(want.clone());
        }
        let from = match &self.directory {
            Whereabouts::At(at) => Some(at),
            Whereabouts::Home => self.home.as_ref(),
            Whereabouts::Unknown => None,
        };
        let rest = from.and_then(|from| want.below(from));
        Command::ChangeDirectory(rest.as_ref().unwrap_or(want).longest_start(fits))
    }

    fn follow(
        &mut self,
        command: &Command,
        outcome: Result<Option<Body>, Cause>,
        standing: &Standing,
    ) -> Result<(), Cause> {
        match (command, outcome?) {
            (Command::Type(transfer_type), _) => self.transfer_type = Some(*transfer_type),
            (Command::ChangeDirectory(path), _) => {
                let path = match (standing, &self.directory) {
                    (Standing::LoggedIn(place), from) if place.goes_by_steps() => {
                        let from = match from {
                            Whereabouts::At(at) => Some(at),
                            Whereabouts::Home => self.home.as_ref(),
                            Whereabouts::Unknown => None,
                        };
                        from.unwrap_or(path).join(path).map_err(Cause::Unsuitable)?
                    }
                    _ => path.clone(),
                };
                self.directory = if self.home.as_ref() == Some(&path) {
                    Whereabouts::Home
                } else {
                    Whereabouts::At(path)
                };
            }
            (Command::WorkingDirectory, Some(Body::Text(text))) => {
                let home = RemotePath::new(text).map_err(Cause::Unsuitable)?;
                self.home = Some(home);
            }
            (Command::WorkingDirectory, _) => {
                return Err(Cause::OutOfOrder("a directory without a name".into()));
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
