//! Paths that are too long for the module, or that a command has no form for.

use super::operation::{Directory, Place, Standing};
use crate::ftps::command::takes;
use crate::ftps::value::RemotePath;
use crate::ftps::{Command, Profile};

/// A command on an absolute path that the module does not take is said from the directory that
/// holds the name, which the session can reach step by step. Gives back where to stand for it
/// and what to say there; `None` where the command is fine as it is, or cannot be helped.
pub(crate) fn route(
    standing: &Standing,
    command: &Command,
    profile: &Profile,
) -> Option<(Standing, Command)> {
    let Standing::LoggedIn(place) = standing else {
        return None;
    };
    let path = command.path()?;
    if place.directory != Directory::Any
        || !path.is_absolute()
        || takes(command.verb(), path, profile)
    {
        return None;
    }
    let trimmed = path.as_str().trim_end_matches('/');
    let whole = RemotePath::new(trimmed).ok()?;
    let (directory, command) = match command {
        Command::List(_) => (whole, Command::List(None)),
        _ => {
            let name = RemotePath::new(whole.file_name()?).ok()?;
            if !takes(command.verb(), &name, profile) {
                return None;
            }
            (whole.parent()?, command.with_path(name))
        }
    };
    let standing = Standing::LoggedIn(Place {
        directory: Directory::At(directory),
        ..place.clone()
    });
    Some((standing, command))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;
    use std::sync::Arc;

    use super::*;
    use crate::ftps::value::{Host, Offset, Password, Server, ServerType, TransferType, Username};

    fn routed(command: &Command) -> Option<(String, Command)> {
        let standing = Standing::LoggedIn(Place {
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
        let (standing, command) = route(&standing, command, &Profile::sim7600())?;
        match standing {
            Standing::LoggedIn(Place {
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
