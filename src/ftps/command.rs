//! The commands of the FTPS service, typed.

use std::sync::Arc;

use super::profile::Profile;
use super::value::{Offset, RemotePath, Server, TransferType, ValueError};
use crate::at::CommandLine;
use crate::at::args::CommandLineBuilder;

/// A command of the FTPS service with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Starts the service and activates the PDP context (SIMCom manual L1201).
    Start,
    /// Stops the service (L1202).
    Stop,
    /// Logs in (L1203). The server type is always sent: its default is implicit FTPS.
    Login(Arc<Server>),
    /// Logs out (L1204).
    Logout,
    /// Creates a directory (L1205).
    MakeDirectory(RemotePath),
    /// Removes a directory (L1206).
    RemoveDirectory(RemotePath),
    /// Deletes a file (L1207).
    DeleteFile(RemotePath),
    /// Changes the current directory (L1208).
    ChangeDirectory(RemotePath),
    /// Asks for the current directory (L1209).
    WorkingDirectory,
    /// Sets the representation type (L1210).
    Type(TransferType),
    /// Lists a directory (L1211).
    List(Option<RemotePath>),
    /// Reads a file to the port (L1214), pushed in frames.
    Get(RemotePath, Offset),
    /// Writes a file from the port (L1215).
    Put(RemotePath, PutForm),
    /// Sets the address of data connections (L1216).
    SingleIp(bool),
    /// Ends what is under way, logs out and drops the PDP context (L1218).
    Abort,
    /// Asks for the size of a file (L1219).
    Size(RemotePath),
}

impl Command {
    /// Which command it is.
    #[must_use]
    pub const fn verb(&self) -> Verb {
        match self {
            Self::Start => Verb::Start,
            Self::Stop => Verb::Stop,
            Self::Login(_) => Verb::Login,
            Self::Logout => Verb::Logout,
            Self::MakeDirectory(_) => Verb::MakeDirectory,
            Self::RemoveDirectory(_) => Verb::RemoveDirectory,
            Self::DeleteFile(_) => Verb::DeleteFile,
            Self::ChangeDirectory(_) => Verb::ChangeDirectory,
            Self::WorkingDirectory => Verb::WorkingDirectory,
            Self::Type(_) => Verb::Type,
            Self::List(_) => Verb::List,
            Self::Get(..) => Verb::Get,
            Self::Put(..) => Verb::Put,
            Self::SingleIp(_) => Verb::SingleIp,
            Self::Abort => Verb::Abort,
            Self::Size(_) => Verb::Size,
        }
    }

    /// The line for the port, within the limits of the module.
    ///
    /// # Errors
    /// Says which limit of the module an argument breaks. Nothing may be written then.
    pub fn encode(&self, profile: &Profile) -> Result<CommandLine, ValueError> {
        let verb = self.verb();
        let line = match self {
            Self::Start | Self::Stop | Self::Logout | Self::WorkingDirectory | Self::Abort => {
                CommandLine::bare(verb.name())
            }
            Self::List(None) => CommandLine::bare(verb.name()),
            Self::Login(server) => {
                let limit = profile.max_credential;
                within(server.host.as_str(), limit)?;
                within(server.username.as_str(), limit)?;
                within(server.password.expose(), limit)?;
                CommandLine::write(verb.name())
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
            | Self::Size(path) => path_argument(verb, path, profile)?.finish(),
            Self::Get(path, offset) => {
                let line = path_argument(verb, path, profile)?;
                match offset.get() {
                    0 => line.finish(),
                    rest => line.number(rest).finish(),
                }
            }
            Self::Put(path, form) => {
                let line = path_argument(verb, path, profile)?;
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
                CommandLine::write(verb.name()).word(word).finish()
            }
            Self::SingleIp(on) => CommandLine::write(verb.name())
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

/// How the content of an upload is handed over (L1215).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutForm {
    /// One escaped stream from the start of the file, ended by Ctrl-Z. The grammar has no
    /// `<rest_size>` without a `<data_len>`.
    Stream,
    /// So many literal bytes, written at an offset.
    Block {
        /// Bytes to come, 1 to 2048.
        len: u16,
        /// Where they go.
        offset: Offset,
    },
}

/// Names of the commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// `CFTPSSTART`
    Start,
    /// `CFTPSSTOP`
    Stop,
    /// `CFTPSLOGIN`
    Login,
    /// `CFTPSLOGOUT`
    Logout,
    /// `CFTPSMKD`
    MakeDirectory,
    /// `CFTPSRMD`
    RemoveDirectory,
    /// `CFTPSDELE`
    DeleteFile,
    /// `CFTPSCWD`
    ChangeDirectory,
    /// `CFTPSPWD`
    WorkingDirectory,
    /// `CFTPSTYPE`
    Type,
    /// `CFTPSLIST`
    List,
    /// `CFTPSGET`
    Get,
    /// `CFTPSPUT`
    Put,
    /// `CFTPSSINGLEIP`
    SingleIp,
    /// `CFTPSABORT`
    Abort,
    /// `CFTPSSIZE`
    Size,
}

impl Verb {
    /// Every verb.
    pub const ALL: [Self; 16] = [
        Self::Start,
        Self::Stop,
        Self::Login,
        Self::Logout,
        Self::MakeDirectory,
        Self::RemoveDirectory,
        Self::DeleteFile,
        Self::ChangeDirectory,
        Self::WorkingDirectory,
        Self::Type,
        Self::List,
        Self::Get,
        Self::Put,
        Self::SingleIp,
        Self::Abort,
        Self::Size,
    ];

    /// The command as it is typed, without arguments.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Start => "AT+CFTPSSTART",
            Self::Stop => "AT+CFTPSSTOP",
            Self::Login => "AT+CFTPSLOGIN",
            Self::Logout => "AT+CFTPSLOGOUT",
            Self::MakeDirectory => "AT+CFTPSMKD",
            Self::RemoveDirectory => "AT+CFTPSRMD",
            Self::DeleteFile => "AT+CFTPSDELE",
            Self::ChangeDirectory => "AT+CFTPSCWD",
            Self::WorkingDirectory => "AT+CFTPSPWD",
            Self::Type => "AT+CFTPSTYPE",
            Self::List => "AT+CFTPSLIST",
            Self::Get => "AT+CFTPSGET",
            Self::Put => "AT+CFTPSPUT",
            Self::SingleIp => "AT+CFTPSSINGLEIP",
            Self::Abort => "AT+CFTPSABORT",
            Self::Size => "AT+CFTPSSIZE",
        }
    }

    /// What stands before the colon of the command's reports, for example `+CFTPSGET`.
    #[must_use]
    pub fn report(self) -> &'static str {
        self.name().trim_start_matches("AT")
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

/// Begins a line whose first argument is a path. Names outside ASCII go as hexadecimal UTF-8
/// with a prefix outside the quotation marks, where the command has that form.
fn path_argument(
    verb: Verb,
    path: &RemotePath,
    profile: &Profile,
) -> Result<CommandLineBuilder, ValueError> {
    let line = CommandLine::write(verb.name());
    let text = path.as_str();
    if text.is_ascii() {
        within(text, profile.max_path)?;
        return Ok(line.quoted(text));
    }
    if !profile.takes_non_ascii(verb) {
        return Err(ValueError::NotAscii);
    }
    // TODO-correctness: the manual gives the encoding for the file system commands only
    // (UTF-8); for the FTPS commands it is assumed to be the same.
    let hex: String = text.bytes().map(|byte| format!("{byte:02X}")).collect();
    within(&hex, profile.max_path)?;
    Ok(line.prefixed("{non-ascii}", &hex))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;

    use super::*;
    use crate::ftps::tls::TlsPolicy;
    use crate::ftps::value::{Host, Password, ServerType, Username};

    fn encoded(command: &Command) -> String {
        let line = command.encode(&Profile::careful()).unwrap();
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
    fn names_outside_ascii_are_refused_where_the_command_has_no_form_for_them() {
        let profile = Profile::careful();
        for command in [
            Command::MakeDirectory(path("\u{e4}")),
            Command::Size(path("\u{e4}")),
        ] {
            assert_eq!(command.encode(&profile), Err(ValueError::NotAscii));
        }
    }

    #[test]
    fn four_long_strings_break_the_line_limit() {
        let long = "u".repeat(250);
        let mut login = (*server(&long)).clone();
        login.host = Host::new("h".repeat(250)).unwrap();
        login.password = Password::new("p".repeat(250)).unwrap();
        let refused = Command::Login(Arc::new(login)).encode(&Profile::sim7600());
        assert!(
            matches!(refused, Err(ValueError::TooLong { max: 559, .. })),
            "{refused:?}"
        );
    }

    #[test]
    fn every_verb_has_its_report() {
        for verb in Verb::ALL {
            assert!(verb.report().starts_with("+CFTPS"), "{verb:?}");
        }
    }
}
