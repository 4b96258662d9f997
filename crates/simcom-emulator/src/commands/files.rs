//! Files on the module: the FS commands (SIMCom manual §20), CFTRANRX and CFTRANTX (§10.2), and
//! the two FTPS commands that move them, L1212 and L1213.

use bytes::{Bytes, BytesMut};

use super::Outcome;
use super::transfer::rest_size;
use super::values::{Optional, optional, values};
use crate::emulator::{Emulator, Execution};
use crate::line::{Form, Parameter, printed_path};
use crate::pending::{Download, Kind, PendingCommand, Target, Upload};
use crate::request::Ask;
use crate::settings::{Receipt, ReceiptKind};
use crate::storage::StorageError;

/// Bytes of one CFTRANTX frame, as field parsers of SIM7600 boards expect it.
const FILE_FRAME: usize = 512;
/// Bytes of a file handed to the network at a time.
const FILE_CHUNK: usize = 16 * 1024;

impl Emulator {
    /// Carries out the file and TLS commands. Any other command is unknown.
    pub(super) fn module_command(&mut self, name: &str, form: &Form) -> Outcome {
        if let Form::Write(text) = form
            && !self.model.non_ascii_files
            && name != "+CFTRANRX"
            && text.starts_with(b"{non-ascii}")
        {
            return Outcome::Error;
        }
        match (name, form) {
            ("+FSCD", Form::Write(text)) => {
                let moved =
                    name_of(text).and_then(|name| self.storage.change_directory(&name).ok());
                if moved.is_none() {
                    return Outcome::Error;
                }
                self.say_directory()
            }
            ("+FSCD", Form::Read) => self.say_directory(),
            ("+FSLS", Form::Execute(_)) => self.list_files(0),
            ("+FSLS", Form::Read) => {
                let (directories, files) = self.storage.list(self.storage.current());
                let line = format!(
                    "+FSLS: SUBDIRECTORIES:{},FILES:{}",
                    directories.len(),
                    files.len()
                );
                self.say(&line);
                Outcome::Ok
            }
            ("+FSLS", Form::Write(kind)) => match kind.as_slice() {
                b"0" => self.list_files(0),
                b"1" => self.list_files(1),
                b"2" => self.list_files(2),
                _ => Outcome::Error,
            },
            ("+FSDEL", Form::Write(text)) => self.on_name(text, |e, n| e.storage.delete(n)),
            ("+FSMKDIR", Form::Write(text)) => {
                self.on_name(text, |e, n| e.storage.make_directory(n))
            }
            ("+FSRMDIR", Form::Write(text)) => {
                self.on_name(text, |e, n| e.storage.remove_directory(n))
            }
            ("+FSRENAME", Form::Write(text)) => self.rename(text),
            ("+FSATTRI", Form::Write(text)) => self.attributes(text),
            ("+FSMEM", Form::Execute(_)) => {
                let (drive, total, used) = self.storage.space();
                if self.knobs.memory_refused.contains(drive) {
                    return Outcome::Error;
                }
                self.say(&format!("+FSMEM: {drive}:({total}, {used})"));
                Outcome::Ok
            }
            ("+CFTRANRX", Form::Write(text)) => self.receive_file(text),
            ("+CFTRANTX", Form::Write(text)) => self.print_file(text),
            _ => self.tls(name, form),
        }
    }

    fn say_directory(&mut self) -> Outcome {
        let line = format!("+FSCD: {}", self.storage.current());
        self.say(&line);
        Outcome::Ok
    }

    fn list_files(&mut self, kind: u8) -> Outcome {
        let (directories, files) = self.storage.list(self.storage.current());
        let mut text = String::new();
        for (title, names, wanted) in [
            ("SUBDIRECTORIES", directories, kind != 2),
            ("FILES", files, kind != 1),
        ] {
            if wanted && !names.is_empty() {
                let hex = self.knobs.names_in_hex;
                let names = names.into_iter().map(|name| {
                    if name.is_ascii() || !hex {
                        name.to_owned()
                    } else {
                        printed_path(name.as_bytes())
                    }
                });
                let names: Vec<String> = names.collect();
                text.push_str(&format!(
                    "\r\n+FSLS: {title}:\r\n{}\r\n",
                    names.join("\r\n")
                ));
            }
        }
        self.send(text);
        Outcome::Ok
    }

    fn on_name(
        &mut self,
        text: &[u8],
        action: fn(&mut Self, &[u8]) -> Result<(), StorageError>,
    ) -> Outcome {
        match name_of(text).map(|name| action(self, &name)) {
            Some(Ok(())) => Outcome::Ok,
            _ => Outcome::Error,
        }
    }

    fn rename(&mut self, text: &[u8]) -> Outcome {
        let Some(values) = values(text) else {
            return Outcome::Error;
        };
        let done = match values.as_slice() {
            [from, to] => from
                .name()
                .zip(to.name())
                .map(|(a, b)| self.storage.rename(a, b)),
            _ => None,
        };
        if done == Some(Ok(())) {
            Outcome::Ok
        } else {
            Outcome::Error
        }
    }

    fn attributes(&mut self, text: &[u8]) -> Outcome {
        let size = name_of(text)
            .and_then(|name| self.storage.resolve(&name).ok())
            .and_then(|path| self.storage.size(&path));
        let Some(size) = size else {
            return Outcome::Error;
        };
        let date = if self.model.attributes_dated {
            ", 2008/04/28 10:24:46 Tue"
        } else {
            ""
        };
        self.say(&format!("+FSATTRI: {size}{date}"));
        Outcome::Ok
    }

    /// `AT+CFTRANRX="C:/x",len`: the full path is obligatory.
    fn receive_file(&mut self, text: &[u8]) -> Outcome {
        let Some(values) = values(text) else {
            return Outcome::Error;
        };
        let path = values.first().and_then(|path| self.full_path(path));
        let length = values.get(1).and_then(Parameter::number);
        let (Some(path), Some(length)) = (path, length) else {
            return Outcome::Error;
        };
        if !self.queue.is_empty() || self.storage.truncate(&path, 0).is_err() {
            return Outcome::Error;
        }
        self.receive(ReceiptKind::File(path), length)
    }

    /// Prompts for content.
    pub(super) fn receive(&mut self, kind: ReceiptKind, length: u64) -> Outcome {
        let Execution { name, nth } = self.current.clone();
        let receipt = Receipt {
            kind,
            content: BytesMut::new(),
        };
        if length == 0 {
            self.received(receipt, &name, nth);
        } else {
            self.prompt(Some(length), Some(receipt), (name, nth));
        }
        Outcome::Later
    }

    /// The content is complete.
    pub(crate) fn received(&mut self, receipt: Receipt, name: &str, nth: u32) {
        let path = match receipt.kind {
            ReceiptKind::File(path) => path,
            ReceiptKind::Certificate(name) => {
                format!("{}{name}", crate::storage::CERTIFICATES)
            }
        };
        let code = match self.storage.write(&path, &receipt.content) {
            Ok(()) => "OK",
            Err(StorageError) => "ERROR",
        };
        self.final_code(name, nth, code);
    }

    /// `AT+CFTRANTX="C:/x"[,from[,size]]`: frames, `+CFTRANTX: 0`, `OK`.
    fn print_file(&mut self, text: &[u8]) -> Outcome {
        let Some(values) = values(text) else {
            return Outcome::Error;
        };
        let content = values
            .first()
            .and_then(|path| self.full_path(path))
            .and_then(|path| self.storage.read(&path));
        let Some(mut content) = content else {
            return Outcome::Error;
        };
        let from = match optional(values.get(1)) {
            Optional::Absent => 0,
            Optional::Given(from) => usize::try_from(from).unwrap_or(usize::MAX),
            Optional::Bad => return Outcome::Error,
        };
        if from > content.len() || values.len() > 3 {
            return Outcome::Error;
        }
        let mut content = content.split_off(from);
        match optional(values.get(2)) {
            Optional::Absent => {}
            Optional::Given(size) => content.truncate(usize::try_from(size).unwrap_or(usize::MAX)),
            Optional::Bad => return Outcome::Error,
        }
        let name = self.current.name.clone();
        while !content.is_empty() {
            let frame = content.split_to(content.len().min(FILE_FRAME));
            let header = self.spaced(&format!("{name}: DATA,{}", frame.len()));
            self.send(format!("\r\n{header}\r\n"));
            self.send(frame);
        }
        self.say(&format!("{name}: 0"));
        Outcome::Ok
    }

    /// `"path"[,dir[,offset]]`: the file goes to the root of the chosen drive under its base name.
    /// An offset resumes a partial file there; where that is missing, the code is 7
    /// (SIM7500/SIM7600 FTP(S) application note V3.00 §5.2.3).
    pub(super) fn get_file(&mut self, text: &[u8]) -> Outcome {
        let Some((path, local, offset)) = self.file_values(text, self.model.getfile_roots) else {
            return Outcome::Error;
        };
        if let Some(refusal) = self.logged_in() {
            return refusal;
        }
        if self.storage.truncate(&local, offset).is_err() {
            return self.begin_and_fail(7);
        }
        let download = Download {
            sink: Target::File(local),
            ..Download::default()
        };
        self.begin(
            Kind::Download(download),
            Some(Ask::Retrieve { path, offset }),
        )
    }

    /// `"path"[,dir[,rest]]`: the local file is the base name in the root of the chosen drive.
    pub(super) fn put_file(&mut self, text: &[u8]) -> Outcome {
        let Some((path, local, offset)) = self.file_values(text, self.model.putfile_roots) else {
            return Outcome::Error;
        };
        if let Some(refusal) = self.logged_in() {
            return refusal;
        }
        // 17, "file not exist", by the A76XX FTP(S) application note V1.02.
        let Some(mut content) = self.storage.read(&local) else {
            return self.begin_and_fail(17);
        };
        let skip = usize::try_from(offset).unwrap_or(usize::MAX);
        if skip > content.len() {
            return self.begin_and_fail(17);
        }
        let upload = Upload {
            file: Some(content.split_off(skip)),
            ..Upload::default()
        };
        self.begin(Kind::Upload(upload), Some(Ask::StoreBegin { path, offset }))
    }

    /// Hands the next piece of a module file to the network, or its end.
    pub(crate) fn upload_file_on(&mut self) {
        let Some(PendingCommand {
            kind: Kind::Upload(upload),
            ..
        }) = &mut self.pending
        else {
            return;
        };
        let Some(file) = &mut upload.file else { return };
        if file.is_empty() {
            if upload.unconfirmed == 0 && !upload.complete {
                upload.complete = true;
                self.accept();
                self.wait_for(Ask::StoreEnd);
            }
            return;
        }
        let piece = file.split_to(file.len().min(FILE_CHUNK));
        upload.unconfirmed = upload.unconfirmed.saturating_add(piece.len());
        self.ask(Ask::StoreData(piece));
    }

    pub(super) fn append_file(&mut self, path: &str, content: &[u8]) -> Result<(), StorageError> {
        self.storage.append(path, content)
    }

    fn file_values(
        &self,
        text: &[u8],
        roots: &'static [&'static str],
    ) -> Option<(Bytes, String, u64)> {
        let values = values(text)?;
        let path = values.first().and_then(|path| self.path_of(path))?;
        let root = match optional(values.get(1)) {
            Optional::Absent => roots.first(),
            Optional::Given(number) => roots.get(usize::try_from(number).ok()?.checked_sub(1)?),
            Optional::Bad => None,
        }?;
        let offset = rest_size(values.get(2))?;
        let base = path.rsplit(|&byte| byte == b'/').next()?;
        let base = std::str::from_utf8(base)
            .ok()
            .filter(|base| !base.is_empty())?;
        (values.len() <= 3).then(|| (path.clone(), format!("{root}{base}"), offset))
    }

    fn full_path(&self, parameter: &Parameter) -> Option<String> {
        let path = parameter.text(self.model.file_name_limit)?;
        (path.get(1) == Some(&b':'))
            .then(|| self.storage.resolve(path).ok())
            .flatten()
    }
}

/// The one name of a command, quoted or not.
fn name_of(text: &[u8]) -> Option<Vec<u8>> {
    match values(text)?.as_slice() {
        [name] => name.name().map(<[u8]>::to_vec),
        _ => None,
    }
}
