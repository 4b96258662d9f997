//! Requests about transfers to values, and transfers to messages.

use bytes::Bytes;

use super::request::{Fields, Invalid, sha256};
use super::response::{count, signed, timestamp};
use crate::broker::put::{PutState, Verify};
use crate::broker::scheduler::Priority;
use crate::broker::transfers::{
    Direction, Remnant, State, Told, Transfer, TransferId, UploadWish, Wish,
};
use crate::proto;

/// Most transfers in one answer: a few hundred kilobytes.
const PAGE: usize = 200;

/// A header of an upload: its name, and what is wished for.
pub(in crate::rpc) fn upload(header: proto::UploadHeader) -> Result<(TransferId, Wish), Invalid> {
    let mut fields = Fields::default();
    let id = fields.transfer("header.transfer_id", header.transfer_id);
    let profile = fields.named("header.profile", header.profile);
    let path = fields.path("header.path", header.path);
    let must_be_new = fields
        .choice("header.if_exists", header.if_exists)
        .map(|choice| matches!(choice, proto::IfExists::Fail));
    let verify = fields.verify("header.verify", header.verify);
    let delete_on_failure = fields
        .choice("header.on_failure", header.on_failure)
        .map(|choice| !matches!(choice, proto::OnFailure::Keep));
    let sentinel = fields.sentinel("header.sentinel", header.sentinel, path.as_ref(), verify);
    let priority = fields.priority("header.priority", header.priority);
    let size = match header.size {
        None => Some(None),
        Some(size) => fields.count("header.size", size).map(Some),
    };
    let sha256 = sha256(&mut fields, "header.sha256", &header.sha256);
    let read = (|| {
        let upload = UploadWish {
            must_be_new: must_be_new?,
            verify: verify?,
            delete_on_failure: delete_on_failure?,
            sentinel: sentinel?,
            size: size?,
            sha256: sha256?,
        };
        let wish = Wish {
            profile: profile?,
            path: path?,
            priority: priority?.unwrap_or(Priority::Bulk),
            direction: Direction::Upload(upload),
        };
        Some((id?, wish))
    })();
    fields.finish(read)
}

/// Which upload goes on, and where.
pub(in crate::rpc) fn resume(header: proto::ResumeHeader) -> Result<(TransferId, u64), Invalid> {
    let mut fields = Fields::default();
    let id = fields.transfer("header.transfer_id", header.transfer_id);
    let offset = fields.count("header.offset", header.offset);
    fields.finish(id.zip(offset))
}

/// A download: its name, and what is wished for.
pub(in crate::rpc) fn download(
    request: proto::CreateDownloadRequest,
) -> Result<(TransferId, Wish), Invalid> {
    let mut fields = Fields::default();
    let id = fields.transfer("transfer_id", request.transfer_id);
    let profile = fields.named("profile", request.profile);
    let path = fields.path("path", request.path);
    let priority = fields.priority("priority", request.priority);
    let read = (|| {
        let wish = Wish {
            profile: profile?,
            path: path?,
            priority: priority?.unwrap_or(Priority::Bulk),
            direction: Direction::Download,
        };
        Some((id?, wish))
    })();
    fields.finish(read)
}

/// Which transfer.
pub(in crate::rpc) fn id(id: String) -> Result<TransferId, Invalid> {
    let mut fields = Fields::default();
    let id = fields.transfer("transfer_id", id);
    fields.finish(id)
}

/// Which download, and from where on.
pub(in crate::rpc) fn read(
    request: proto::ReadTransferRequest,
) -> Result<(TransferId, u64), Invalid> {
    let mut fields = Fields::default();
    let id = fields.transfer("transfer_id", request.transfer_id);
    let offset = fields.count("offset", request.offset);
    fields.finish(id.zip(offset))
}

/// Behind which transfer a page begins, and how long it is.
pub(in crate::rpc) fn page(
    request: proto::ListTransfersRequest,
) -> Result<(Option<TransferId>, usize), Invalid> {
    let mut fields = Fields::default();
    let size = match usize::try_from(request.page_size) {
        Ok(0) => Some(PAGE),
        Ok(size) => Some(size.min(PAGE)),
        Err(_) => fields.refuse("page_size", "is less than 0"),
    };
    let behind = if request.page_token.is_empty() {
        Some(None)
    } else {
        fields.transfer("page_token", request.page_token).map(Some)
    };
    fields.finish(behind.zip(size))
}

impl Fields {
    fn transfer(&mut self, field: &str, id: String) -> Option<TransferId> {
        TransferId::new(id).or_else(|| {
            let rule = "is not 1 to 128 of A-Z a-z 0-9 . _ -, beginning with another than a dot";
            self.refuse(field, rule)
        })
    }
}

impl From<Transfer> for proto::Transfer {
    fn from(transfer: Transfer) -> Self {
        let Transfer {
            record,
            live,
            next_attempt,
            ..
        } = transfer;
        let state = match record.state {
            State::Receiving => proto::TransferState::Receiving,
            State::Queued => proto::TransferState::Queued,
            State::Running => proto::TransferState::Running,
            State::Waiting { .. } => proto::TransferState::Waiting,
            State::Done => proto::TransferState::Done,
            State::Failed => proto::TransferState::Failed,
            State::Cancelled => proto::TransferState::Cancelled,
        };
        let direction = match record.wish.direction {
            Direction::Upload(_) => proto::Direction::Upload,
            Direction::Download => proto::Direction::Download,
        };
        let remnant = match record.remnant {
            Remnant::Nothing => proto::Remnant::Unspecified,
            Remnant::Pending { .. } => proto::Remnant::Pending,
            Remnant::Deleted => proto::Remnant::Deleted,
            Remnant::Kept => proto::Remnant::Kept,
            Remnant::Left => proto::Remnant::Left,
        };
        let (evidence_state, evidence) = match record.evidence {
            Some(evidence) => (proto::PutState::from(evidence.state), evidence.words),
            None => (proto::PutState::Unspecified, String::new()),
        };
        let verify = match record.wish.upload().map(|upload| upload.verify) {
            Some(Verify::Size) => proto::Verify::Size,
            Some(Verify::ReadBack) => proto::Verify::ReadBack,
            Some(Verify::Nothing) => proto::Verify::None,
            None => proto::Verify::Unspecified,
        };
        let operation = live.operation.as_ref().map(|id| id.as_str().to_owned());
        Self {
            transfer_id: record.key.id.as_str().into(),
            direction: direction.into(),
            profile: record.wish.profile,
            path: record.wish.path.as_str().into(),
            priority: proto::Priority::from(record.wish.priority).into(),
            state: state.into(),
            size: record.size.map(signed),
            committed_size: signed(record.committed),
            moved: signed(live.moved),
            moved_in_all: signed(record.moved.saturating_add(live.moved)),
            attempts: count(record.attempts),
            operation_id: operation.unwrap_or_default(),
            last_error: record.last_error.map(Into::into),
            next_attempt: next_attempt.map(timestamp),
            created: Some(timestamp(record.created)),
            changed: Some(timestamp(record.changed)),
            sha256: record
                .sha256
                .map(|hash| Bytes::copy_from_slice(&hash))
                .unwrap_or_default(),
            evidence_state: evidence_state.into(),
            evidence,
            remnant: remnant.into(),
            verify: verify.into(),
            grown_to: record.grown.map(signed),
        }
    }
}

impl From<Told> for proto::TransferError {
    fn from(told: Told) -> Self {
        Self {
            code: told.code,
            reason: told.reason,
            message: told.message,
            metadata: told.metadata.into_iter().collect(),
        }
    }
}

impl From<PutState> for proto::PutState {
    fn from(state: PutState) -> Self {
        match state {
            PutState::VerifiedSize => Self::VerifiedSize,
            PutState::VerifiedHash => Self::VerifiedHash,
            PutState::Unverified => Self::Unverified,
            PutState::Indeterminate => Self::Indeterminate,
        }
    }
}
