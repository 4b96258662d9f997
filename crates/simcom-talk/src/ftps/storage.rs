//! Files on the module: their names, the commands that move them, and the answers to these.

mod answer;
mod path;

use super::command_name::StorageCommandName;
use super::non_ascii;
use super::profile::ModuleProfile;
use super::value::ValueError;
use crate::at::CommandLine;
pub use answer::{DriveSpace, ModuleEntry, count, entries, size};
pub use path::ModulePath;

/// A command of the module's file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Storage {
    /// Changes the current directory (L2001).
    Enter(ModulePath),
    /// Asks how many names the current directory holds (L2004).
    Count,
    /// Lists the current directory (L2004). The number of names is given where it is known.
    List(Option<usize>),
    /// Deletes a file of the directory (L2005).
    Delete(ModulePath),
    /// Asks for the size of a file of the directory (L2007).
    Attributes(ModulePath),
    /// Asks for total and used bytes of the current drive (L2008).
    Space,
    /// Writes a file (L2011): this many literal bytes follow behind a prompt.
    Write(ModulePath, u32),
    /// Reads a file from this byte on (L2012).
    Read(ModulePath, u64),
}

impl Storage {
    /// Which command it is.
    #[must_use]
    pub const fn name(&self) -> StorageCommandName {
        match self {
            Self::Enter(_) => StorageCommandName::Enter,
            Self::Count => StorageCommandName::Count,
            Self::List(_) => StorageCommandName::List,
            Self::Delete(_) => StorageCommandName::Delete,
            Self::Attributes(_) => StorageCommandName::Attributes,
            Self::Space => StorageCommandName::Space,
            Self::Write(..) => StorageCommandName::Write,
            Self::Read(..) => StorageCommandName::Read,
        }
    }

    /// The line for the port.
    ///
    /// # Errors
    /// [`ValueError::NotAFileName`] where a file is needed and the path is a root, [`ValueError::TooLong`], and
    /// [`ValueError::NotAscii`] on a module that has no form for such names. The command must not be sent then.
    pub fn encode(&self, profile: &ModuleProfile) -> Result<CommandLine, ValueError> {
        let name = self.name().as_str();
        let path = match self {
            Self::Count => return Ok(CommandLine::read(name)),
            Self::List(_) | Self::Space => return Ok(CommandLine::bare(name)),
            Self::Enter(path)
            | Self::Delete(path)
            | Self::Attributes(path)
            | Self::Write(path, _)
            | Self::Read(path, _) => path,
        };
        // These two take the name of a file of the current directory.
        let argument = match self {
            Self::Delete(_) | Self::Attributes(_) => path.name().ok_or(ValueError::NotAFileName)?,
            _ => path.as_str(),
        };
        let written = |path: &str| match path.is_ascii() {
            true => path.len(),
            false => non_ascii::hex(path).len(),
        };
        let (len, max) = (written(path.as_str()), profile.max_module_path);
        if len > max {
            return Err(ValueError::TooLong { len, max });
        }
        let line = CommandLine::write(name);
        let line = match self {
            _ if !argument.is_ascii() => {
                if !profile.non_ascii_files {
                    return Err(ValueError::NotAscii);
                }
                line.prefixed(non_ascii::PREFIX, &non_ascii::hex(argument))
            }
            Self::Write(..) | Self::Read(..) => line.quoted(argument),
            // Every example has the name without quotation marks. A blank needs them.
            Self::Delete(_) | Self::Attributes(_) if argument.contains(' ') => {
                line.quoted(argument)
            }
            _ => line.unquoted(argument),
        };
        Ok(match self {
            Self::Write(_, len) => line.number(u64::from(*len)).finish(),
            Self::Read(_, from) if *from > 0 => line.number(*from).finish(),
            _ => line.finish(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> ModulePath {
        ModulePath::new(text).unwrap()
    }

    #[test]
    fn commands_are_written_as_the_manual_has_them() {
        let file = || path("F:/a.txt");
        for (command, want) in [
            (Storage::Enter(path("F:/")), "AT+FSCD=F:/\r"),
            (Storage::Count, "AT+FSLS?\r"),
            (Storage::List(None), "AT+FSLS\r"),
            (Storage::Delete(file()), "AT+FSDEL=a.txt\r"),
            (Storage::Delete(path("F:/a b")), "AT+FSDEL=\"a b\"\r"),
            (Storage::Attributes(file()), "AT+FSATTRI=a.txt\r"),
            (Storage::Space, "AT+FSMEM\r"),
            (Storage::Write(file(), 7), "AT+CFTRANRX=\"F:/a.txt\",7\r"),
            (Storage::Read(file(), 0), "AT+CFTRANTX=\"F:/a.txt\"\r"),
            (Storage::Read(file(), 9), "AT+CFTRANTX=\"F:/a.txt\",9\r"),
            (
                Storage::Enter(path("F:/\u{e4}")),
                "AT+FSCD={non-ascii}\"463A2FC3A4\"\r",
            ),
            (
                Storage::Delete(path("F:/\u{e4} b")),
                "AT+FSDEL={non-ascii}\"C3A42062\"\r",
            ),
            // Sent from that directory.
            (Storage::Delete(path("F:/\u{e4}/b")), "AT+FSDEL=b\r"),
            (
                Storage::Write(path("F:/\u{e4}"), 7),
                "AT+CFTRANRX={non-ascii}\"463A2FC3A4\",7\r",
            ),
        ] {
            let line = command.encode(&ModuleProfile::sim7600()).unwrap();
            assert_eq!(line.bytes().as_ref(), want.as_bytes());
        }
        let named = Storage::Attributes(path("C:/\u{e4}"));
        assert_eq!(
            named.encode(&ModuleProfile::a76xx()),
            Err(ValueError::NotAscii)
        );
        let long = path(&format!("F:/{}", "\u{e4}".repeat(70)));
        let refused = Storage::Read(long, 0).encode(&ModuleProfile::sim7600());
        assert!(matches!(refused, Err(ValueError::TooLong { len: 286, .. })));
        let long = path(&format!("C:/{}", "x".repeat(200)));
        let refused = Storage::Read(long, 0).encode(&ModuleProfile::a76xx());
        assert!(matches!(refused, Err(ValueError::TooLong { max: 115, .. })));
    }
}
