//! The operations that a transcript names.

use std::num::NonZeroU16;
use std::sync::Arc;

use crate::format::{HOST, Server, parse};
use simcom_emulator::request::Security;
use simcom_talk::dialogue::operation::{
    Directory, Download, ModuleTransfer, Operation, SessionTarget, Standing, Task, Upload,
    WriteModuleFile,
};
use simcom_talk::ftps::question::Question;
use simcom_talk::ftps::storage::ModulePath;
use simcom_talk::ftps::tls::TlsPolicy;
use simcom_talk::ftps::value::{
    self, Drive, Host, Offset, Password, RemotePath, ServerType, TransferType, Username,
};

/// Reads the words of an `@do`: the operation, and the content of an upload.
///
/// # Errors
/// Says which word is wrong.
pub(crate) fn operation(server: &Server, words: &[u8]) -> Result<(Operation, Vec<u8>), String> {
    let mut words = words.splitn(3, |byte| *byte == b' ');
    let name = words.next().unwrap_or_default();
    let name = String::from_utf8_lossy(name).into_owned();
    let bytes = words.next();
    let text = bytes.map(String::from_utf8_lossy);
    let rest = words.next().unwrap_or_default();
    let path = || -> Result<RemotePath, String> {
        RemotePath::from_bytes(bytes.ok_or("a path is missing")?).map_err(|error| error.to_string())
    };
    let file = || -> Result<ModulePath, String> {
        let text = text.as_deref().ok_or("a path is missing")?;
        ModulePath::new(text).map_err(|error| error.to_string())
    };
    let transfer = || -> Result<ModuleTransfer, String> {
        let rest = String::from_utf8_lossy(rest);
        let (drive, from) = rest.split_once(' ').unwrap_or((&rest, "0"));
        let value = |error: value::ValueError| error.to_string();
        let path = path()?;
        let name = path.file_name().unwrap_or_default();
        let file = ModulePath::of_remote(Drive::new(drive).map_err(value)?, name);
        Ok(ModuleTransfer {
            file: file.map_err(value)?,
            path,
            offset: Offset::new(parse(Some(from))?).map_err(value)?,
            must_be_new: false,
            limit: None,
        })
    };
    let mut content = Vec::new();
    let task = match name.as_str() {
        "start" | "stop" | "login" => Task::Stand,
        "pwd" => Task::WorkingDirectory,
        "cwd" => Task::ChangeDirectory(path()?),
        "mkd" => Task::MakeDirectory(path()?),
        "rmd" => Task::RemoveDirectory(path()?),
        "dele" => Task::DeleteFile(path()?),
        "size" => Task::Size(path()?),
        "list" => Task::List(text.is_some().then(path).transpose()?),
        "get" => {
            let from = String::from_utf8_lossy(rest);
            let from = if from.is_empty() {
                0
            } else {
                parse(Some(&from))?
            };
            let offset = Offset::new(from).map_err(|error| error.to_string())?;
            Task::Download(Download::of(path()?, offset))
        }
        "put" | "put-unverified" => {
            content = rest.to_vec();
            Task::Upload(Upload {
                path: path()?,
                must_be_new: false,
                verify_size: name == "put",
                delete_on_failure: name == "put",
                begun: None,
                at_hand: None,
            })
        }
        "fetch" => Task::Fetch(transfer()?),
        "send" => Task::Send(transfer()?),
        "module-ls" => Task::ListModule(file()?),
        "module-rm" => Task::DeleteModuleFile(file()?),
        "module-get" => Task::ReadModuleFile(file()?),
        "module-df" => Task::Space(Some(file()?.drive())),
        "module-put" => {
            content = rest.to_vec();
            Task::WriteModuleFile(WriteModuleFile {
                file: file()?,
                size: u32::try_from(content.len()).map_err(|error| error.to_string())?,
                must_be_new: false,
            })
        }
        "mode" => Task::ReadSingleIp,
        "ask" => {
            let line = text.as_deref().ok_or("a line is missing")?;
            let question = Question::new(line).map_err(|error| error.to_string())?;
            Task::Ask(vec![question])
        }
        _ => return Err(format!("`{name}` is no operation")),
    };
    let standing = match name.as_str() {
        "start" => Standing::Started,
        "stop" => Standing::Down,
        "mode" | "ask" => Standing::Ready,
        name if name.starts_with("module-") => Standing::Ready,
        _ => logged_in(server)?,
    };
    Ok((Operation { standing, task }, content))
}

/// Logged in to the server of a transcript.
///
/// # Errors
/// Says which value is wrong.
pub(crate) fn logged_in(server: &Server) -> Result<Standing, String> {
    let value = |error: value::ValueError| error.to_string();
    Ok(Standing::LoggedIn(SessionTarget {
        server: Arc::new(value::Server {
            host: Host::new(HOST).map_err(value)?,
            port: NonZeroU16::new(server.port).ok_or("port 0")?,
            username: Username::new("user").map_err(value)?,
            password: Password::new("pass").map_err(value)?,
            server_type: match server.security {
                Security::Plain => ServerType::Ftp,
                Security::AuthSsl => ServerType::AuthSsl,
                Security::AuthTls => ServerType::AuthTls,
                Security::Implicit => ServerType::Implicit,
            },
            single_ip: server.single_ip,
            tls: TlsPolicy::unverified(),
        }),
        transfer_type: if server.ascii {
            TransferType::Ascii
        } else {
            TransferType::Binary
        },
        directory: Directory::Any,
    }))
}
