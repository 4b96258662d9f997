//! The commands of the FTPS service, typed.

use std::sync::Arc;

use super::profile::Profile;
use super::shape::{Shape, Timing};
use super::storage::{Drive, Storage, StorageVerb};
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
    /// Reads a file to the module's cache (L1214 b).
    GetToCache(RemotePath, Offset),
    /// Asks how many bytes the cache holds (L1217).
    CacheLength,
    /// Reads the next bytes out of the cache (L1217).
    CacheRead,
    /// Writes a file from the port (L1215).
    Put(RemotePath, PutForm),
    /// Reads a file to a drive of the module (L1212).
    GetFile(ModuleFile),
    /// Writes a file from a drive of the module (L1213).
    PutFile(ModuleFile),
    /// Asks for the address of data connections (L1216).
    ReadSingleIp,
    /// Sets the address of data connections (L1216).
    SingleIp(bool),
    /// Ends what is under way, logs out and drops the PDP context (L1218).
    Abort,
    /// Asks for the size of a file (L1219).
    Size(RemotePath),
    /// Of the module's own file system.
    Storage(Storage),
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
            Self::Get(..) | Self::GetToCache(..) => Verb::Get,
            Self::CacheLength | Self::CacheRead => Verb::CacheRead,
            Self::Put(..) => Verb::Put,
            Self::GetFile(_) => Verb::GetFile,
            Self::PutFile(_) => Verb::PutFile,
            Self::ReadSingleIp => Verb::ReadSingleIp,
            Self::SingleIp(_) => Verb::SingleIp,
            Self::Abort => Verb::Abort,
            Self::Size(_) => Verb::Size,
            Self::Storage(storage) => Verb::Storage(storage.verb()),
        }
    }

    /// How long the parts of the command may take.
    #[must_use]
    pub fn timing(&self) -> Timing {
        match self {
            Self::GetFile(file) | Self::PutFile(file) => Timing::of_module_file(file.bytes),
            other => other.verb().timing(),
        }
    }

    /// Bytes of content that the command announces and then takes behind its prompt.
    #[must_use]
    pub const fn literal(&self) -> Option<u64> {
        match self {
            Self::Storage(Storage::Write(_, len)) => Some(*len as u64),
            _ => None,
        }
    }

    /// How the command is settled.
    #[must_use]
    pub const fn shape(&self) -> Shape {
        match self {
            Self::GetToCache(..) => Shape::Cached,
            Self::CacheRead => Shape::CacheRead,
            _ => self.verb().shape(),
        }
    }

    /// Whose reports answer the command: what is read out of the cache comes under the name of
    /// the download that filled it (L1217).
    #[must_use]
    pub const fn reporter(&self) -> Verb {
        match self {
            Self::CacheRead => Verb::Get,
            _ => self.verb(),
        }
    }

    /// The path that the command is about.
    #[must_use]
    pub const fn path(&self) -> Option<&RemotePath> {
        match self {
            Self::MakeDirectory(path)
            | Self::RemoveDirectory(path)
            | Self::DeleteFile(path)
            | Self::ChangeDirectory(path)
            | Self::List(Some(path))
            | Self::Get(path, _)
            | Self::GetToCache(path, _)
            | Self::Put(path, _)
            | Self::Size(path) => Some(path),
            _ => None,
        }
    }

    /// The same command about another path; itself, where it is about none.
    #[must_use]
    pub fn with_path(&self, path: RemotePath) -> Self {
        match self {
            Self::MakeDirectory(_) => Self::MakeDirectory(path),
            Self::RemoveDirectory(_) => Self::RemoveDirectory(path),
            Self::DeleteFile(_) => Self::DeleteFile(path),
            Self::ChangeDirectory(_) => Self::ChangeDirectory(path),
            Self::List(Some(_)) => Self::List(Some(path)),
            Self::Get(_, offset) => Self::Get(path, *offset),
            Self::GetToCache(_, offset) => Self::GetToCache(path, *offset),
            Self::Put(_, form) => Self::Put(path, *form),
            Self::Size(_) => Self::Size(path),
            other => other.clone(),
        }
    }

    /// The line for the port, within the limits of the module.
    ///
    /// # Errors
    /// Says which limit of the module an argument breaks. Nothing may be written then.
    pub fn encode(&self, profile: &Profile) -> Result<CommandLine, ValueError> {
        let verb = self.verb();
        let line = match self {
            Self::Start
            | Self::Stop
            | Self::Logout
            | Self::WorkingDirectory
            | Self::Abort
            | Self::CacheRead => CommandLine::bare(verb.name()),
            Self::CacheLength => CommandLine::read(verb.name()),
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
            Self::GetToCache(path, offset) => path_argument(verb, path, profile)?
                .number(offset.get())
                .number(1)
                .finish(),
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
            Self::GetFile(file) | Self::PutFile(file) => {
                let number = profile
                    .drive_number(file.drive)
                    .ok_or(ValueError::UnknownDrive)?;
                let line = path_argument(verb, &file.path, profile)?.number(u64::from(number));
                match file.offset.get() {
                    0 => line.finish(),
                    rest => line.number(rest).finish(),
                }
            }
            Self::Storage(storage) => storage.encode(profile)?,
            Self::ReadSingleIp => CommandLine::read(verb.name()),
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

/// A file that goes between the server and a drive of the module, where it has the last
/// component of the remote path as its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleFile {
    /// On the server.
    pub path: RemotePath,
    /// On the module.
    pub drive: Drive,
    /// The byte to go on at.
    pub offset: Offset,
    /// Bytes to be moved, where known: the module says nothing until it is done.
    pub bytes: Option<u64>,
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
    /// `CFTPSGETFILE`
    GetFile,
    /// `CFTPSPUTFILE`
    PutFile,
    /// `CFTPSSINGLEIP?`
    ReadSingleIp,
    /// `CFTPSSINGLEIP`
    SingleIp,
    /// `CFTPSABORT`
    Abort,
    /// `CFTPSCACHERD`
    CacheRead,
    /// `CFTPSSIZE`
    Size,
    /// One of the file system.
    Storage(StorageVerb),
}

impl Verb {
    /// Every verb that is answered by a report.
    pub const ALL: [Self; 20] = [
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
        Self::GetFile,
        Self::PutFile,
        Self::SingleIp,
        Self::Abort,
        Self::CacheRead,
        Self::Size,
        Self::Storage(StorageVerb::Read),
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
            Self::GetFile => "AT+CFTPSGETFILE",
            Self::PutFile => "AT+CFTPSPUTFILE",
            Self::SingleIp | Self::ReadSingleIp => "AT+CFTPSSINGLEIP",
            Self::Abort => "AT+CFTPSABORT",
            Self::CacheRead => "AT+CFTPSCACHERD",
            Self::Size => "AT+CFTPSSIZE",
            Self::Storage(verb) => verb.name(),
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

/// Whether a command takes a path on this module.
pub(crate) fn takes(verb: Verb, path: &RemotePath, profile: &Profile) -> bool {
    path_argument(verb, path, profile).is_ok()
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
        let line = |command: Command, profile: &Profile| {
            let line = command.encode(profile)?;
            Ok(String::from_utf8(line.bytes().to_vec()).unwrap())
        };
        let (sim7600, a76xx) = (Profile::sim7600(), Profile::a76xx());
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
            assert!(verb.report().starts_with("+CFT"), "{verb:?}");
        }
    }
}
