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
mod tests {
    use std::num::NonZeroU16;

    use super::*;
    use crate::ftps::tls::TlsPolicy;
    use crate::ftps::value::{Host, Password, ServerType, Username};

    fn server(host: &str) -> Arc<Server> {
        Arc::new(Server {
            host: Host::new(host).unwrap(),
            port: NonZeroU16::new(21).unwrap(),
            username: Username::new("u").unwrap(),
            password: Password::new("p").unwrap(),
            server_type: ServerType::Ftp,
            single_ip: true,
            tls: TlsPolicy::unverified(),
        })
    }

    fn at(host: &str, directory: Directory) -> Standing {
        Standing::LoggedIn(Place {
            server: server(host),
            transfer_type: TransferType::Binary,
            directory,
        })
    }

    fn done(body: Option<Body>) -> Settlement {
        Settlement {
            name: "AT",
            verdict: Verdict::Done(body),
            clean: true,
            info: Vec::new(),
            prompted: false,
            echoed: false,
        }
    }

    /// Plans and lets every command succeed, but for the refusals that are asked for.
    fn walk(session: &mut Session, standing: &Standing, refuse: &[&str]) -> Vec<String> {
        let mut said = Vec::new();
        while let Some(command) = session.next_towards(standing, &Profile::sim7600()) {
            let name = command
                .verb()
                .name()
                .trim_start_matches("AT+CFTPS")
                .to_owned();
            let mut settlement = match command {
                Command::WorkingDirectory => done(Some(Body::Text("/home/u".into()))),
                _ => done(None),
            };
            if refuse.contains(&name.as_str()) {
                settlement.verdict = Verdict::Failed(Cause::Refused(None));
            }
            session.follow(&command, &settlement, standing).unwrap();
            said.push(name);
            assert!(said.len() < 20, "no end: {said:?}");
        }
        said
    }

    fn path(text: &str) -> RemotePath {
        RemotePath::new(text).unwrap()
    }

    #[test]
    fn from_unknown_everything_is_ended_before_it_is_begun() {
        let mut session = Session::Unknown;
        let said = walk(&mut session, &at("a", Directory::Any), &["LOGOUT", "STOP"]);
        assert_eq!(
            said,
            ["LOGOUT", "STOP", "START", "SINGLEIP", "LOGIN", "TYPE"]
        );
        assert_eq!(walk(&mut session, &at("a", Directory::Any), &[]), [""; 0]);
    }

    #[test]
    fn another_server_needs_a_new_login_and_nothing_else() {
        let mut session = Session::Unknown;
        walk(&mut session, &at("a", Directory::Any), &[]);
        assert_eq!(
            walk(&mut session, &at("b", Directory::Any), &[]),
            ["LOGOUT", "LOGIN", "TYPE"]
        );
    }

    #[test]
    fn another_password_is_another_login() {
        let mut session = Session::Unknown;
        walk(&mut session, &at("a", Directory::Any), &[]);
        let mut other = (*server("a")).clone();
        other.password = Password::new("q").unwrap();
        let standing = Standing::LoggedIn(Place {
            server: Arc::new(other),
            transfer_type: TransferType::Binary,
            directory: Directory::Any,
        });
        assert_eq!(
            walk(&mut session, &standing, &[]),
            ["LOGOUT", "LOGIN", "TYPE"]
        );
    }

    #[test]
    fn the_way_back_to_the_login_directory_is_kept() {
        let mut session = Session::Unknown;
        walk(&mut session, &at("a", Directory::Login), &[]);
        let away = at("a", Directory::At(path("/x")));
        assert_eq!(walk(&mut session, &away, &[]), ["PWD", "CWD"]);
        assert_eq!(walk(&mut session, &away, &[]), [""; 0]);
        assert_eq!(walk(&mut session, &at("a", Directory::Login), &[]), ["CWD"]);
        let home = at("a", Directory::At(path("/home/u")));
        assert_eq!(walk(&mut session, &home, &[]), [""; 0]);
    }

    #[test]
    fn a_closed_connection_is_left_by_logging_out() {
        let mut session = Session::Unknown;
        walk(&mut session, &at("a", Directory::Any), &[]);
        session.note(ErrCode::SERVER_TIMEOUT);
        assert_eq!(
            walk(&mut session, &at("a", Directory::Any), &[]),
            ["LOGOUT", "LOGIN", "TYPE"]
        );
        session.close();
        let said = walk(&mut session, &at("a", Directory::Any), &["LOGOUT"]);
        assert_eq!(
            said,
            ["LOGOUT", "STOP", "START", "SINGLEIP", "LOGIN", "TYPE"]
        );
    }

    #[test]
    fn stopping_ends_what_there_is() {
        let mut session = Session::Unknown;
        assert_eq!(
            walk(&mut session, &Standing::Down, &["LOGOUT"]),
            ["LOGOUT", "STOP"]
        );
        walk(&mut session, &at("a", Directory::Any), &[]);
        assert_eq!(walk(&mut session, &Standing::Down, &[]), ["LOGOUT", "STOP"]);
        assert_eq!(walk(&mut session, &Standing::Started, &[]), ["START"]);
    }

    #[test]
    fn a_module_at_work_that_aborts_nothing_is_logged_out_once_it_is_done() {
        let standing = at("a", Directory::Any);
        let mut session = Session::Unknown;
        let mut busy = done(None);
        busy.verdict = Verdict::Failed(Cause::Reported(ErrCode::BUSY));
        session.follow(&Command::Logout, &busy, &standing).unwrap();
        let next = session.next_towards(&standing, &Profile::sim7600());
        assert_eq!(next, Some(Command::Abort));
        let mut refused = done(None);
        refused.verdict = Verdict::Failed(Cause::Refused(None));
        session
            .follow(&Command::Abort, &refused, &standing)
            .unwrap();
        // The planner pauses.
        let cause = session.follow(&Command::Logout, &busy, &standing);
        assert_eq!(cause, Err(Cause::Reported(ErrCode::BUSY)));
        assert_eq!(
            walk(&mut session, &standing, &[]),
            ["LOGOUT", "STOP", "START", "SINGLEIP", "LOGIN", "TYPE"]
        );
    }

    #[test]
    fn a_mode_set_by_hand_lasts_until_the_next_login() {
        let mut session = Session::Unknown;
        walk(&mut session, &at("a", Directory::Any), &[]);
        session.readdressed(false);
        assert_eq!(
            walk(&mut session, &at("a", Directory::Any), &[]),
            ["LOGOUT", "SINGLEIP", "LOGIN", "TYPE"]
        );
        session.readdressed(true);
        assert_eq!(
            walk(&mut session, &at("a", Directory::Any), &[]),
            ["LOGOUT", "LOGIN", "TYPE"]
        );
    }

    #[test]
    fn a_refused_login_ends_the_plan() {
        let mut session = Session::Started(Some(true));
        let command = Command::Login(server("a"));
        let mut refused = done(None);
        refused.verdict = Verdict::Failed(Cause::Reported(ErrCode::REJECTED));
        let standing = at("a", Directory::Any);
        let cause = session.follow(&command, &refused, &standing).unwrap_err();
        assert_eq!(cause, Cause::Reported(ErrCode::REJECTED));
        assert_eq!(session, Session::Started(Some(true)));
    }

    #[test]
    fn a_logout_without_result_counts_as_done() {
        let mut session = Session::Unknown;
        walk(&mut session, &at("a", Directory::Any), &[]);
        let mut silent = done(None);
        silent.verdict = Verdict::Failed(Cause::Timeout(Awaited::Result));
        session
            .follow(&Command::Logout, &silent, &Standing::Down)
            .unwrap();
        assert_eq!(session, Session::LoggedOut);
    }
}
