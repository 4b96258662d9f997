//! Commands as lines for the port.

use super::command::{Command, PutForm};
use crate::at::CommandLine;
use crate::at::args::CommandLineBuilder;
use crate::ftps::command_name::CommandName;
use crate::ftps::non_ascii;
use crate::ftps::profile::ModuleProfile;
use crate::ftps::value::{RemotePath, TransferType, ValueError, is_escape};

impl Command {
    /// The line for the port, within the limits of the module.
    ///
    /// # Errors
    /// [`ValueError::TooLong`] for an argument or a line beyond the limits of the profile, [`ValueError::NotAscii`] and
    /// [`ValueError::Escape`] for a path that the command has no form for, [`ValueError::UnknownDrive`], and the errors
    /// of [`Storage::encode`](crate::ftps::Storage::encode). The command must not be sent then.
    pub fn encode(&self, profile: &ModuleProfile) -> Result<CommandLine, ValueError> {
        let name = self.name();
        let line = match self {
            Self::Start
            | Self::Stop
            | Self::Logout
            | Self::WorkingDirectory
            | Self::Abort
            | Self::CacheRead => CommandLine::bare(name.as_str()),
            Self::CacheLength => CommandLine::read(name.as_str()),
            Self::List(None) => CommandLine::bare(name.as_str()),
            Self::Login(server) => {
                let limit = profile.max_credential;
                within(server.host.as_str(), limit)?;
                within(server.username.as_str(), limit)?;
                within(server.password.expose(), limit)?;
                CommandLine::write(name.as_str())
                    .quoted(server.host.as_str())
                    .number(u64::from(server.port.get()))
                    .quoted(server.username.as_str())
                    .secret(server.password.expose())
                    .number(u64::from(server.server_type.code()))
                    .finish()
            }
            Self::MakeDirectory(path)
            | Self::RemoveDirectory(path)
            | Self::DeleteFile(path)
            | Self::ChangeDirectory(path)
            | Self::List(Some(path))
            | Self::ListPath(path)
            | Self::Size(path) => path_argument(name, path, profile)?.finish(),
            Self::Get(path, offset) => {
                let line = path_argument(name, path, profile)?;
                match offset.get() {
                    0 => line.finish(),
                    rest => line.number(rest).finish(),
                }
            }
            Self::GetToCache(path, offset) => path_argument(name, path, profile)?
                .number(offset.get())
                .number(1)
                .finish(),
            Self::Put(path, form) => {
                let line = path_argument(name, path, profile)?;
                match form {
                    PutForm::Stream => line.finish(),
                    PutForm::Block { len, offset } => {
                        line.number(u64::from(*len)).number(offset.get()).finish()
                    }
                }
            }
            Self::Type(transfer_type) => {
                let word = match transfer_type {
                    TransferType::Binary => "I",
                    TransferType::Ascii => "A",
                };
                CommandLine::write(name.as_str()).word(word).finish()
            }
            Self::GetFile(file) | Self::PutFile(file) => {
                let number = profile
                    .drive_number(file.drive)
                    .ok_or(ValueError::UnknownDrive)?;
                let line = path_argument(name, &file.path, profile)?.number(u64::from(number));
                match file.offset.get() {
                    0 => line.finish(),
                    rest => line.number(rest).finish(),
                }
            }
            Self::Storage(storage) => storage.encode(profile)?,
            Self::ReadSingleIp => CommandLine::read(name.as_str()),
            Self::SingleIp(on) => CommandLine::write(name.as_str())
                .number(u64::from(*on))
                .finish(),
        };
        if line.len() > profile.max_line {
            return Err(ValueError::TooLong {
                len: line.len(),
                max: profile.max_line,
            });
        }
        Ok(line)
    }
}

fn within(text: &str, max: usize) -> Result<(), ValueError> {
    if text.len() > max {
        return Err(ValueError::TooLong {
            len: text.len(),
            max,
        });
    }
    Ok(())
}

/// Whether a command takes a path on this module.
pub fn takes(name: CommandName, path: &RemotePath, profile: &ModuleProfile) -> bool {
    path_argument(name, path, profile).is_ok()
}

/// Begins a line whose first argument is a path. Where the command has that form, names outside ASCII go as hexadecimal
/// UTF-8 with a prefix outside the quotation marks. So do names with a backslash that a module may read as another
/// character: hexadecimal digits can be read in only one way.
fn path_argument(
    name: CommandName,
    path: &RemotePath,
    profile: &ModuleProfile,
) -> Result<CommandLineBuilder, ValueError> {
    let line = CommandLine::write(name.as_str());
    let text = path.as_str();
    let escape = is_escape(text);
    if text.is_ascii() && !escape {
        within(text, profile.max_path)?;
        return Ok(line.quoted(text));
    }
    if !profile.takes_non_ascii(name) {
        return Err(if escape {
            ValueError::Escape
        } else {
            ValueError::NotAscii
        });
    }
    let hex = non_ascii::hex(text);
    within(&hex, profile.max_path)?;
    Ok(line.prefixed(non_ascii::PREFIX, &hex))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;
    use std::sync::Arc;

    use super::*;
    use crate::ftps::command::ModuleFile;
    use crate::ftps::tls::TlsPolicy;
    use crate::ftps::value::{Drive, Host, Offset, Password, Server, ServerType, Username};

    fn encoded(command: &Command) -> String {
        let line = command.encode(&ModuleProfile::careful()).unwrap();
        String::from_utf8(line.bytes().to_vec()).unwrap()
    }

    fn path(text: &str) -> RemotePath {
        RemotePath::new(text).unwrap()
    }

    fn server(user: &str) -> Arc<Server> {
        Arc::new(Server {
            host: Host::new("ftp.example.com").unwrap(),
            port: NonZeroU16::new(21).unwrap(),
            username: Username::new(user).unwrap(),
            password: Password::new("pa ss,word").unwrap(),
            server_type: ServerType::Ftp,
            single_ip: true,
            tls: TlsPolicy::unverified(),
        })
    }

    #[test]
    fn every_command_is_written_as_the_manual_has_it() {
        let cases = [
            (Command::Start, "AT+CFTPSSTART\r"),
            (
                Command::Login(server("u")),
                "AT+CFTPSLOGIN=\"ftp.example.com\",21,\"u\",\"pa ss,word\",0\r",
            ),
            (
                Command::MakeDirectory(path("/a b")),
                "AT+CFTPSMKD=\"/a b\"\r",
            ),
            (Command::Type(TransferType::Binary), "AT+CFTPSTYPE=I\r"),
            (Command::List(None), "AT+CFTPSLIST\r"),
            (Command::List(Some(path("/"))), "AT+CFTPSLIST=\"/\"\r"),
            (Command::Get(path("f"), Offset::ZERO), "AT+CFTPSGET=\"f\"\r"),
            (
                Command::Get(path("f"), Offset::new(7).unwrap()),
                "AT+CFTPSGET=\"f\",7\r",
            ),
            (
                Command::GetToCache(path("f"), Offset::ZERO),
                "AT+CFTPSGET=\"f\",0,1\r",
            ),
            (Command::CacheLength, "AT+CFTPSCACHERD?\r"),
            (Command::CacheRead, "AT+CFTPSCACHERD\r"),
            (
                Command::Put(path("f"), PutForm::Stream),
                "AT+CFTPSPUT=\"f\"\r",
            ),
            (
                Command::Put(
                    path("f"),
                    PutForm::Block {
                        len: 2048,
                        offset: Offset::new(4096).unwrap(),
                    },
                ),
                "AT+CFTPSPUT=\"f\",2048,4096\r",
            ),
            (Command::SingleIp(true), "AT+CFTPSSINGLEIP=1\r"),
            (Command::ReadSingleIp, "AT+CFTPSSINGLEIP?\r"),
            (
                Command::ChangeDirectory(path("/\u{e4}")),
                "AT+CFTPSCWD={non-ascii}\"2FC3A4\"\r",
            ),
        ];
        for (command, want) in cases {
            assert_eq!(encoded(&command), want);
        }
    }

    #[test]
    fn a_drive_goes_by_the_number_that_the_family_gives_it() {
        let file = |drive, offset| ModuleFile {
            path: path("/d/f"),
            drive,
            offset: Offset::new(offset).unwrap(),
            bytes: None,
        };
        let line = |command: Command, profile: &ModuleProfile| {
            let line = command.encode(profile)?;
            Ok(String::from_utf8(line.bytes().to_vec()).unwrap())
        };
        let (sim7600, a76xx) = (ModuleProfile::sim7600(), ModuleProfile::a76xx());
        let get = Command::GetFile(file(Drive::E, 0));
        assert_eq!(
            line(get.clone(), &sim7600).unwrap(),
            "AT+CFTPSGETFILE=\"/d/f\",3\r"
        );
        assert_eq!(line(get, &a76xx), Err(ValueError::UnknownDrive));
        let put = Command::PutFile(file(Drive::C, 5));
        assert_eq!(
            line(put.clone(), &a76xx).unwrap(),
            "AT+CFTPSPUTFILE=\"/d/f\",1,5\r"
        );
        assert_eq!(line(put, &sim7600), Err(ValueError::UnknownDrive));
    }

    #[test]
    fn names_outside_ascii_are_refused_where_the_command_has_no_form_for_them() {
        let profile = ModuleProfile::careful();
        for command in [
            Command::MakeDirectory(path("\u{e4}")),
            Command::Size(path("\u{e4}")),
        ] {
            assert_eq!(command.encode(&profile), Err(ValueError::NotAscii));
        }
    }

    #[test]
    fn a_path_with_a_backslash_that_may_be_decoded_goes_in_hexadecimal_or_not_at_all() {
        let get = Command::Get(path("/a\\41"), Offset::ZERO);
        assert_eq!(encoded(&get), "AT+CFTPSGET={non-ascii}\"2F615C3431\"\r");
        let size = Command::Size(path("/a\\41"));
        assert_eq!(
            size.encode(&ModuleProfile::careful()),
            Err(ValueError::Escape)
        );
        assert_eq!(get.encode(&ModuleProfile::a76xx()), Err(ValueError::Escape));
        assert_eq!(
            encoded(&Command::Get(path("/a\\b"), Offset::ZERO)),
            "AT+CFTPSGET=\"/a\\b\"\r"
        );
    }

    #[test]
    fn four_long_strings_break_the_line_limit() {
        let long = "u".repeat(250);
        let mut login = (*server(&long)).clone();
        login.host = Host::new("h".repeat(250)).unwrap();
        login.password = Password::new("p".repeat(250)).unwrap();
        let refused = Command::Login(Arc::new(login)).encode(&ModuleProfile::sim7600());
        assert!(
            matches!(refused, Err(ValueError::TooLong { max: 559, .. })),
            "{refused:?}"
        );
    }
}
