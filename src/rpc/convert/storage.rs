//! Files on the module: requests to values, results to answers.

use bytes::Bytes;

use super::fields::{Fields, Invalid};
use super::path::Given;
use super::response::{count, duration, signed};
use crate::broker::flow::storage::{Transfer, TransferResult, Written};
use crate::proto::{
    self, FetchToModuleResponse, FetchToModuleResult, OperationProgress, PutState,
    SendFromModuleResponse, SendFromModuleResult, WriteModuleFileResponse, WriteModuleFileResult,
    fetch_to_module_response, send_from_module_response, write_module_file_response,
};
use simcom_talk::dialogue::operation::WriteModuleFile;
use simcom_talk::ftps::question::Question;
use simcom_talk::ftps::storage::ModulePath;
use simcom_talk::ftps::value::{Drive, Offset, ValueError};

pub(in crate::rpc) fn fetch_to_module(
    request: proto::FetchToModuleRequest,
) -> Result<Transfer, Invalid> {
    let mut fields = Fields::default();
    let if_exists = fields.choice("if_exists", request.if_exists);
    let path = (request.path, request.raw_path);
    let what = (request.target, path, request.drive, request.offset);
    let transfer = transfer(&mut fields, what).zip(if_exists);
    if let Some((made, _)) = &transfer {
        let name = made.path.file_name().unwrap_or_default();
        if let Ok(file) = ModulePath::of_remote(made.drive, name) {
            fields.check("path", file.to_be_made());
        }
    }
    fields.finish(transfer.map(|(transfer, choice)| Transfer {
        must_be_new: matches!(choice, proto::IfExists::Fail),
        ..transfer
    }))
}

pub(in crate::rpc) fn send_from_module(
    request: proto::SendFromModuleRequest,
) -> Result<Transfer, Invalid> {
    let mut fields = Fields::default();
    let path = (request.path, request.raw_path);
    let what = (request.target, path, request.drive, request.offset);
    let transfer = transfer(&mut fields, what);
    fields.finish(transfer)
}

/// A drive or directory of the module, or a file.
pub(in crate::rpc) fn module_path(field: &str, path: String) -> Result<ModulePath, Invalid> {
    let mut fields = Fields::default();
    let path = fields.check(field, ModulePath::new(&path));
    fields.finish(path)
}

/// A file of the module.
pub(in crate::rpc) fn module_file(field: &str, path: String) -> Result<ModulePath, Invalid> {
    let mut fields = Fields::default();
    let file = fields.module_file(field, &path);
    fields.finish(file)
}

pub(in crate::rpc) fn write_module_file(
    header: proto::WriteModuleFileHeader,
) -> Result<WriteModuleFile, Invalid> {
    let mut fields = Fields::default();
    let file = fields.module_file("header.path", &header.path);
    let file = file.and_then(|file| fields.check("header.path", file.to_be_made()));
    let size = fields
        .count("header.size", header.size)
        // The module takes as much as its largest offset.
        .and_then(|size| fields.check("header.size", Offset::new(size)))
        .and_then(|size| u32::try_from(size.get()).ok());
    let must_be_new = fields.must_be_new("header.if_exists", header.if_exists);
    let header = (|| {
        Some(WriteModuleFile {
            file: file?,
            size: size?,
            must_be_new: must_be_new?,
        })
    })();
    fields.finish(header)
}

/// `None` for an empty name.
pub(in crate::rpc) fn optional_drive(drive: String) -> Result<Option<Drive>, Invalid> {
    if drive.is_empty() {
        return Ok(None);
    }
    let mut fields = Fields::default();
    let drive = fields.check("drive", Drive::new(&drive));
    fields.finish(drive.map(Some))
}

pub(in crate::rpc) fn single_ip(mode: i32) -> Result<bool, Invalid> {
    use proto::DataAddressMode as Mode;
    let mut fields = Fields::default();
    let on = match fields.choice("mode", mode) {
        Some(Mode::Unspecified) => fields.refuse("mode", "is not specified"),
        Some(Mode::FromReply) => Some(false),
        Some(Mode::SameAsControl) => Some(true),
        None => None,
    };
    fields.finish(on)
}

/// A line for the module.
pub(in crate::rpc) fn at_command(line: &str) -> Result<Question, Invalid> {
    let mut fields = Fields::default();
    let line = fields.check("line", Question::new(line));
    fields.finish(line)
}

fn transfer(
    fields: &mut Fields,
    (target, path, drive, offset): (Option<proto::Target>, Given, String, i64),
) -> Option<Transfer> {
    let target = fields.target("target", target);
    let path = fields.path("path", path);
    let drive = fields.check("drive", Drive::new(&drive));
    if let (Some(path), Some(drive)) = (&path, drive) {
        // The name that the file has on the module.
        let name = path.file_name().unwrap_or_default();
        fields.check("path", ModulePath::of_remote(drive, name));
    }
    let offset = fields
        .count("offset", offset)
        .and_then(|offset| fields.check("offset", Offset::new(offset)));
    Some(Transfer {
        target: target?,
        path: path?,
        drive: drive?,
        offset: offset?,
        must_be_new: false,
    })
}

impl Fields {
    fn module_file(&mut self, field: &str, path: &str) -> Option<ModulePath> {
        let file = ModulePath::new(path).and_then(|path| match path.name() {
            Some(_) => Ok(path),
            None => Err(ValueError::NotAFileName),
        });
        self.check(field, file)
    }
}

const fn state(result: &TransferResult) -> PutState {
    if result.verified {
        PutState::VerifiedSize
    } else {
        PutState::Unverified
    }
}

impl From<TransferResult> for FetchToModuleResponse {
    fn from(result: TransferResult) -> Self {
        let result = FetchToModuleResult {
            module_path: result.file.as_str().into(),
            size: signed(result.size),
            state: state(&result).into(),
            resume_count: count(result.resumes),
            link_duration: Some(duration(result.elapsed)),
        };
        Self {
            message: Some(fetch_to_module_response::Message::Result(result)),
            ..Self::default()
        }
    }
}

impl From<TransferResult> for SendFromModuleResponse {
    fn from(result: TransferResult) -> Self {
        let result = SendFromModuleResult {
            size: signed(result.size),
            state: state(&result).into(),
            link_duration: Some(duration(result.elapsed)),
        };
        Self {
            message: Some(send_from_module_response::Message::Result(result)),
            ..Self::default()
        }
    }
}

impl From<Written> for WriteModuleFileResponse {
    fn from(written: Written) -> Self {
        let result = WriteModuleFileResult {
            size: signed(written.size),
            sha256: Bytes::copy_from_slice(&written.sha256),
            link_duration: Some(duration(written.elapsed)),
        };
        Self {
            message: Some(write_module_file_response::Message::Result(result)),
            ..Self::default()
        }
    }
}

impl From<OperationProgress> for FetchToModuleResponse {
    fn from(progress: OperationProgress) -> Self {
        Self {
            message: Some(fetch_to_module_response::Message::Progress(progress)),
            ..Self::default()
        }
    }
}

impl From<OperationProgress> for SendFromModuleResponse {
    fn from(progress: OperationProgress) -> Self {
        Self {
            message: Some(send_from_module_response::Message::Progress(progress)),
            ..Self::default()
        }
    }
}

impl From<OperationProgress> for WriteModuleFileResponse {
    fn from(progress: OperationProgress) -> Self {
        Self {
            message: Some(write_module_file_response::Message::Progress(progress)),
            ..Self::default()
        }
    }
}
