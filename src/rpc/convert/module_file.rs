//! Answers about files on the module.

use std::time::Duration;

use bytes::Bytes;

use super::response::{count, duration, moment, number, signed};
use crate::broker::modem::clock;
use crate::broker::storage::{ModuleProgress, ProgressStage, TransferResult, Written};
use crate::proto::{
    self, FetchToModuleResponse, FetchToModuleResult, ModuleStage, SendFromModuleResponse,
    SendFromModuleResult, WriteModuleFileResponse, WriteModuleFileResult, fetch_to_module_response,
    send_from_module_response, write_module_file_response,
};

impl From<ModuleProgress> for proto::ModuleProgress {
    /// The operation's id is not known here; the caller adds it.
    fn from(progress: ModuleProgress) -> Self {
        let (stage, queued) = match progress.stage {
            ProgressStage::Waiting => (ModuleStage::Queued, true),
            ProgressStage::Preparing => (ModuleStage::Preparing, false),
            ProgressStage::Transferring => (ModuleStage::Transferring, false),
            ProgressStage::Verifying => (ModuleStage::Verifying, false),
        };
        let elapsed = progress.since.map(|since| clock::now() - since);
        Self {
            operation_id: String::new(),
            stage: stage.into(),
            bytes: signed(progress.bytes),
            queue_position: number(progress.place.ahead),
            estimated_start: progress.place.start.filter(|_| queued).map(moment),
            elapsed: elapsed.map(|time| duration(Duration::from_secs(time.as_secs()))),
        }
    }
}

impl From<TransferResult> for FetchToModuleResponse {
    fn from(result: TransferResult) -> Self {
        let result = FetchToModuleResult {
            module_path: result.file.as_str().into(),
            size: signed(result.size),
            verified: result.verified,
            resumes: count(result.resumes),
            elapsed: Some(duration(result.elapsed)),
        };
        Self {
            message: Some(fetch_to_module_response::Message::Result(result)),
        }
    }
}

impl From<TransferResult> for SendFromModuleResponse {
    fn from(result: TransferResult) -> Self {
        let result = SendFromModuleResult {
            size: signed(result.size),
            verified: result.verified,
            elapsed: Some(duration(result.elapsed)),
        };
        Self {
            message: Some(send_from_module_response::Message::Result(result)),
        }
    }
}

impl From<Written> for WriteModuleFileResponse {
    fn from(written: Written) -> Self {
        let result = WriteModuleFileResult {
            size: signed(written.size),
            sha256: Bytes::copy_from_slice(&written.sha256),
            elapsed: Some(duration(written.elapsed)),
        };
        Self {
            message: Some(write_module_file_response::Message::Result(result)),
        }
    }
}

impl From<proto::ModuleProgress> for FetchToModuleResponse {
    fn from(progress: proto::ModuleProgress) -> Self {
        Self {
            message: Some(fetch_to_module_response::Message::Progress(progress)),
        }
    }
}

impl From<proto::ModuleProgress> for SendFromModuleResponse {
    fn from(progress: proto::ModuleProgress) -> Self {
        Self {
            message: Some(send_from_module_response::Message::Progress(progress)),
        }
    }
}

impl From<proto::ModuleProgress> for WriteModuleFileResponse {
    fn from(progress: proto::ModuleProgress) -> Self {
        Self {
            message: Some(write_module_file_response::Message::Progress(progress)),
        }
    }
}
