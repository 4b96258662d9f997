//! Where the paths of an operation are read from.

use std::sync::Arc;

use crate::broker::terms::Access;
use crate::broker::terms::Cause;
use crate::broker::terms::Principal;
use crate::broker::terms::{Priority, Yields};
use crate::broker::usage;
use simcom_talk::dialogue::operation::{Directory, SessionTarget, Standing};
use simcom_talk::ftps::value::{NameCode, RemotePath, Server, TransferType};

/// A server, the directory that relative paths are read from, and how content is represented.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) server: Arc<Server>,
    pub(crate) transfer_type: TransferType,
    pub(crate) base: Base,
    /// The directory as the server named it; empty until it was asked.
    pub(crate) name: String,
    /// What the configuration says of the server.
    pub(crate) profile: Profile,
}

/// A server's profile, as far as it concerns those who share the link.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Profile {
    /// Its name; `None` for a server named inline.
    pub(crate) name: Option<Arc<str>>,
    /// How urgent transfers are where their callers do not say.
    pub(crate) priority: Priority,
    /// What may go over the air to it.
    pub(crate) data: usage::Limit,
    /// When they give up the link where their callers do not say.
    pub(crate) yields: Yields,
    /// Who may use it.
    pub(crate) access: Arc<Access>,
    /// The code in which the server has its names.
    pub(crate) code: NameCode,
}

impl Profile {
    /// Whether a principal may use it for what a method does.
    pub(crate) fn allow(&self, principal: &Principal, method: &'static str) -> Result<(), Cause> {
        if self.access.allows(principal, method) {
            return Ok(());
        }
        let profile = self.name.as_deref().unwrap_or_default().into();
        Err(Cause::ProfileNotAllowed { profile, method })
    }
}

/// The directory that relative paths are read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Base {
    /// The one that the server puts the user in at login, whatever its name.
    Login,
    /// This one, from the root on: paths are made absolute, and the module may stand anywhere.
    Absolute(RemotePath),
    /// This one, in a server's own way of naming: the module has to go there.
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
            profile: Profile::default(),
        }
    }

    /// The login directory of a server of the configuration.
    pub(crate) fn of(server: Arc<Server>, profile: Profile) -> Self {
        Self {
            profile,
            ..Self::login(server)
        }
    }

    /// Moves to the directory that the server named.
    pub(crate) fn enter(&mut self, name: String) -> Result<(), Cause> {
        self.base = match RemotePath::new(name.as_str()) {
            Ok(path) if path.is_absolute() => Base::Absolute(path),
            Ok(path) => Base::Named(path),
            Err(error) => return Err(Cause::UnusableDirectory(error)),
        };
        self.name = name;
        Ok(())
    }

    /// Stays in the login directory and learns its name, which may be one that no command can
    /// carry.
    pub(crate) fn learn(&mut self, name: String) {
        if self.enter(name.clone()).is_err() {
            self.name = name;
        }
    }

    /// Where the module must stand for a path as a client gave it, and the path that is then right: in the code of
    /// the server. What comes out of this goes in no second time.
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

    /// A name that a client gave, read from the directory of a file that was located.
    pub(crate) fn beside(&self, file: &RemotePath, name: &RemotePath) -> Result<RemotePath, Cause> {
        let name = name
            .in_code(self.profile.code)
            .map_err(Cause::InvalidPath)?;
        beside(file, &name)
    }

    /// Where the module must stand for the directory itself, and its path where one is needed.
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

/// A name read from the directory of a file. Not the file's own, as far as the names tell.
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
