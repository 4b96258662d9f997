//! Answers about files on the module.

use bytes::Bytes;

use super::response::{count, duration, signed};
use crate::broker::flow::storage::{TransferResult, Written};
use crate::proto::{
    FetchToModuleResponse, FetchToModuleResult, OperationProgress, PutState,
    SendFromModuleResponse, SendFromModuleResult, WriteModuleFileResponse, WriteModuleFileResult,
    fetch_to_module_response, send_from_module_response, write_module_file_response,
};

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
