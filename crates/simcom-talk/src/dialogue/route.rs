//! Commands that are sent from another directory than the task's: listings, and commands on paths
//! that the module cannot take.

use super::operation::{Directory, SessionTarget, Standing};
use crate::ftps::value::RemotePath;
use crate::ftps::{Command, ModuleProfile, takes};

/// For a command that is sent from another directory: the standing for it, and the command to send
/// there. `None` where the command is fine as it is, or nothing helps.
///
/// A directory is listed from within, without a path. Some servers ignore the path that `LIST` names,
/// some take it for a pattern, and some list the directory itself and not its content; RFC 959 §4.1.3
/// makes it optional. Any other command on an absolute path that the module does not take is sent
/// from the directory that holds the name. The session can reach that directory step by step.
pub(crate) fn route(
    standing: &Standing,
    command: &Command,
    profile: &ModuleProfile,
) -> Option<(Standing, Command)> {
    let Standing::LoggedIn(place) = standing else {
        return None;
    };
    let path = command.path()?;
    let (directory, command) = match command {
        Command::List(_) => (directory(place, path)?, Command::List(None)),
        _ => {
            if place.directory != Directory::Any
                || !path.is_absolute()
                || takes(command.name(), path, profile)
            {
                return None;
            }
            let whole = tidy(path)?;
            let name = RemotePath::new(whole.file_name()?).ok()?;
            if !takes(command.name(), &name, profile) {
                return None;
            }
            (Directory::At(whole.parent()?), command.with_path(name))
        }
    };
    let standing = Standing::LoggedIn(SessionTarget {
        directory,
        ..place.clone()
    });
    Some((standing, command))
}

/// The directory that a path names, seen from where a task stands. `None` where only the server can
/// tell.
fn directory(place: &SessionTarget, path: &RemotePath) -> Option<Directory> {
    if path.is_absolute() {
        return tidy(path).map(Directory::At);
    }
    match &place.directory {
        Directory::Any | Directory::Login => Some(Directory::Below(path.clone())),
        Directory::At(base) if base.is_absolute() => {
            let whole = RemotePath::new(format!("{base}/{path}")).ok()?;
            tidy(&whole).map(Directory::At)
        }
        Directory::At(_) | Directory::Below(_) => None,
    }
}

/// An absolute path without components that name nothing. `..` is left to the server, which knows
/// where links lead.
fn tidy(path: &RemotePath) -> Option<RemotePath> {
    let parts = path.as_str().split('/');
    let parts: Vec<&str> = parts.filter(|part| !matches!(*part, "" | ".")).collect();
    RemotePath::new(format!("/{}", parts.join("/"))).ok()
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;
    use std::sync::Arc;

    use super::*;
    use crate::ftps::value::{Host, Offset, Password, Server, ServerType, TransferType, Username};

    fn routed(command: &Command) -> Option<(String, Command)> {
        let standing = Standing::LoggedIn(SessionTarget {
            server: Arc::new(Server {
                host: Host::new("h").unwrap(),
                port: NonZeroU16::new(21).unwrap(),
                username: Username::new("u").unwrap(),
                password: Password::new("p").unwrap(),
                server_type: ServerType::Ftp,
                single_ip: true,
                tls: crate::ftps::tls::TlsPolicy::unverified(),
            }),
            transfer_type: TransferType::Binary,
            directory: Directory::Any,
        });
        let (standing, command) = route(&standing, command, &ModuleProfile::sim7600())?;
        match standing {
            Standing::LoggedIn(SessionTarget {
                directory: Directory::At(path),
                ..
            }) => Some((path.as_str().to_owned(), command)),
            other => panic!("{other:?}"),
        }
    }

    fn path(text: &str) -> RemotePath {
        RemotePath::new(text).unwrap()
    }

    #[test]
    fn a_directory_is_listed_from_within() {
        for (named, directory) in [
            ("/", "/"),
            ("/d", "/d"),
            ("/d//e/./", "/d/e"),
            ("/d/../e", "/d/../e"),
        ] {
            assert_eq!(
                routed(&Command::List(Some(path(named)))),
                Some((directory.into(), Command::List(None)))
            );
        }
        assert_eq!(routed(&Command::List(None)), None);
    }

    #[test]
    fn what_the_module_takes_is_left_alone() {
        assert_eq!(routed(&Command::Size(path("/a/b"))), None);
        assert_eq!(routed(&Command::WorkingDirectory), None);
        assert_eq!(routed(&Command::Size(path(&"a/".repeat(200)))), None);
    }

    #[test]
    fn a_long_path_is_said_from_its_directory() {
        let long = format!("{}/b", "/a".repeat(150));
        let parent = "/a".repeat(150);
        assert_eq!(
            routed(&Command::Get(path(&long), Offset::ZERO)),
            Some((parent, Command::Get(path("b"), Offset::ZERO)))
        );
        assert_eq!(
            routed(&Command::List(Some(path(&long)))),
            Some((long, Command::List(None)))
        );
    }

    #[test]
    fn a_name_outside_ascii_is_no_obstacle_on_the_way() {
        assert_eq!(
            routed(&Command::MakeDirectory(path("/\u{e4}/b"))),
            Some(("/\u{e4}".into(), Command::MakeDirectory(path("b"))))
        );
        assert_eq!(routed(&Command::MakeDirectory(path("/\u{e4}"))), None);
    }

    #[test]
    fn a_name_that_is_too_long_cannot_be_helped() {
        let name = format!("/{}", "a".repeat(257));
        assert_eq!(routed(&Command::Size(path(&name))), None);
    }
}
