//! The directory that an operation's paths are relative to.

use std::sync::Arc;

use crate::broker::terms::{Access, Cause, Principal, Priority, Yields};
use crate::broker::usage;
use simcom_talk::dialogue::operation::{Directory, SessionTarget, Standing};
use simcom_talk::ftps::value::{NameCode, RemotePath, Server, TransferType};

/// A server, the directory that relative paths start from, and the transfer type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) server: Arc<Server>,
    pub(crate) transfer_type: TransferType,
    pub(crate) base: Base,
    /// The directory as the server named it; empty before the server was asked.
    pub(crate) name: String,
    /// The server's settings in the configuration.
    pub(crate) profile: ServerProfile,
    /// The path that an operation there is about, for whoever is told of it.
    pub(crate) about: Option<RemotePath>,
}

/// The parts of a server's profile that concern operations on the shared link.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ServerProfile {
    /// Its name; `None` for a server named inline.
    pub(crate) name: Option<Arc<str>>,
    /// The priority of transfers whose callers do not set one.
    pub(crate) priority: Priority,
    /// The limit of the bytes on the air to it.
    pub(crate) data: usage::Limit,
    /// When transfers yield whose callers do not say.
    pub(crate) yields: Yields,
    /// Principals that may use it.
    pub(crate) access: Arc<Access>,
    /// The character code of the server's names.
    pub(crate) code: NameCode,
}

impl ServerProfile {
    /// Whether a principal may call a method on it.
    pub(crate) fn allow(&self, principal: &Principal, method: &'static str) -> Result<(), Cause> {
        if self.access.allows(principal, method) {
            return Ok(());
        }
        let profile = self.name.as_deref().unwrap_or_default().into();
        Err(Cause::ProfileNotAllowed { profile, method })
    }
}

/// The directory that relative paths start from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Base {
    /// The directory where the server puts the user at login, whatever its name.
    Login,
    /// This directory, by its path from the root: the daemon makes paths absolute, and the module
    /// may be in any directory.
    Absolute(RemotePath),
    /// This directory, in a server's own way of naming: the module must change to it.
    Named(RemotePath),
}

impl Location {
    /// The login directory of a server.
    pub(crate) fn login(server: Arc<Server>) -> Self {
        Self {
            server,
            transfer_type: TransferType::Binary,
            base: Base::Login,
            name: String::new(),
            profile: ServerProfile::default(),
            about: None,
        }
    }

    /// The login directory of a server of the configuration.
    pub(crate) fn of(server: Arc<Server>, profile: ServerProfile) -> Self {
        Self {
            profile,
            ..Self::login(server)
        }
    }

    /// The same, for an operation on this path, which [`Location::locate`] returned.
    pub(crate) fn about(self, path: &RemotePath) -> Self {
        Self {
            about: Some(path.clone()),
            ..self
        }
    }

    /// Moves to a directory that the server named.
    pub(crate) fn enter(&mut self, name: String) -> Result<(), Cause> {
        self.base = match RemotePath::new(name.as_str()) {
            Ok(path) if path.is_absolute() => Base::Absolute(path),
            Ok(path) => Base::Named(path),
            Err(error) => return Err(Cause::UnusableDirectory(error)),
        };
        self.name = name;
        Ok(())
    }

    /// Stays in the login directory and records its name, even one that no command can carry.
    pub(crate) fn learn(&mut self, name: String) {
        if self.enter(name.clone()).is_err() {
            self.name = name;
        }
    }

    /// The directory that the module must be in for a path of a client, and the path from there, in
    /// the server's character code. A path that this returns must not go through it again.
    pub(crate) fn locate(&self, path: &RemotePath) -> Result<(Standing, RemotePath), Cause> {
        let path = &path
            .in_code(self.profile.code)
            .map_err(Cause::InvalidPath)?;
        let (directory, path) = match &self.base {
            Base::Absolute(base) => (Directory::Any, base.join(path).map_err(Cause::InvalidPath)?),
            _ if path.is_absolute() => (Directory::Any, path.clone()),
            Base::Login => (Directory::Login, path.clone()),
            Base::Named(base) => (Directory::At(base.clone()), path.clone()),
        };
        Ok((self.standing(directory), path))
    }

    /// A client's name, relative to the directory of a file whose path `locate` returned.
    pub(crate) fn beside(&self, file: &RemotePath, name: &RemotePath) -> Result<RemotePath, Cause> {
        let name = name
            .in_code(self.profile.code)
            .map_err(Cause::InvalidPath)?;
        beside(file, &name)
    }

    /// The directory that the module must be in for the location itself, and its path where a
    /// command needs one.
    pub(crate) fn here(&self) -> (Standing, Option<RemotePath>) {
        let (directory, path) = match &self.base {
            Base::Login => (Directory::Login, None),
            Base::Absolute(base) => (Directory::Any, Some(base.clone())),
            Base::Named(base) => (Directory::At(base.clone()), None),
        };
        (self.standing(directory), path)
    }

    fn standing(&self, directory: Directory) -> Standing {
        Standing::LoggedIn(SessionTarget {
            server: Arc::clone(&self.server),
            transfer_type: self.transfer_type,
            directory,
        })
    }
}

/// A name relative to the directory of a file. It is not the file's own name, as far as the names
/// show.
fn beside(file: &RemotePath, name: &RemotePath) -> Result<RemotePath, Cause> {
    if name.is_beside(file) {
        return Err(Cause::OwnSentinel);
    }
    match file.parent() {
        Some(directory) => directory.join(name).map_err(Cause::InvalidPath),
        None => Ok(name.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::testing::{path, server};

    fn located(location: &Location, text: &str) -> (Directory, String) {
        let (standing, path) = location.locate(&path(text)).unwrap();
        let Standing::LoggedIn(place) = standing else {
            panic!("not logged in")
        };
        (place.directory, path.as_str().to_owned())
    }

    #[test]
    fn without_a_known_directory_a_relative_path_is_read_at_login() {
        let location = Location::login(server("h"));
        assert_eq!(
            located(&location, "a/../b"),
            (Directory::Login, "a/../b".into())
        );
        assert_eq!(located(&location, "/a"), (Directory::Any, "/a".into()));
    }

    #[test]
    fn in_an_absolute_directory_every_path_is_absolute() {
        let mut location = Location::login(server("h"));
        location.enter("/home/u".into()).unwrap();
        assert_eq!(
            located(&location, "../b"),
            (Directory::Any, "/home/b".into())
        );
        assert_eq!(location.here().1, Some(path("/home/u")));
    }

    #[test]
    fn in_a_directory_named_otherwise_the_module_goes_there() {
        let mut location = Location::login(server("h"));
        location.enter("DISK:[U]".into()).unwrap();
        assert_eq!(
            located(&location, "b"),
            (Directory::At(path("DISK:[U]")), "b".into())
        );
        assert_eq!(location.here().1, None);
    }

    #[test]
    fn a_name_that_no_command_can_carry_is_good_for_the_login_directory_only() {
        let mut location = Location::login(server("h"));
        let name = "/a\"b".to_owned();
        assert!(matches!(
            location.enter(name.clone()),
            Err(Cause::UnusableDirectory(_))
        ));
        location.learn(name.clone());
        assert_eq!((location.base, location.name), (Base::Login, name));
    }
}
