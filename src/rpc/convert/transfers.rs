//! Requests about transfers to values, and transfers to messages.

use std::collections::HashMap;

use bytes::Bytes;

use super::options::{labels, one, whose};
use super::request::{Fields, Invalid, Page, both, sha256};
use super::response::{count, duration, given, number, signed, timestamp, until};
use crate::broker::terms::Labels;
use crate::broker::terms::Priority;
use crate::broker::terms::{Caller, Principal, Whose};
use crate::broker::terms::{Key, TransferId};
use crate::broker::terms::{PutState, Verify};
use crate::proto;
use crate::transfers::{
    Direction, Record, Remnant, State, Terms, Told, Transfer, UploadWish, WatchTold, Wish,
};

/// Most transfers in one answer: a few hundred kilobytes.
const PAGE: usize = 200;

/// A transfer that is to be.
#[derive(Debug)]
pub(in crate::rpc) struct Creation {
    pub(in crate::rpc) id: TransferId,
    pub(in crate::rpc) wish: Wish,
    /// It is only checked.
    pub(in crate::rpc) validate_only: bool,
}

/// A header of an upload: its name, and what is wished for.
pub(in crate::rpc) fn upload(header: proto::UploadHeader) -> Result<Creation, Invalid> {
    let mut fields = Fields::default();
    let terms = fields.terms("header.transfer_options", header.transfer_options);
    let validate_only = fields.creating("header.options", header.options);
    let id = fields.transfer("header.transfer_id", header.transfer_id);
    let profile = fields.named("header.profile", header.profile);
    let path = fields.path("header.path", (header.path, header.raw_path));
    let must_be_new = fields.must_be_new("header.if_exists", header.if_exists);
    let verify = fields.verify("header.verify", header.verify);
    let delete_on_failure = fields
        .choice("header.on_failure", header.on_failure)
        .map(|choice| !matches!(choice, proto::OnFailure::Keep));
    let sentinel = fields.sentinel(
        "header.sentinel",
        (header.sentinel, header.raw_sentinel),
        path.as_ref(),
        verify,
    );
    let priority = fields.priority("header.priority", header.priority);
    let size = match header.size {
        None => Some(None),
        Some(size) => fields.count("header.size", size).map(Some),
    };
    let sha256 = sha256(&mut fields, "header.sha256", &header.sha256);
    let read = (|| {
        let upload = UploadWish {
            must_be_new: must_be_new?,
            verify: verify?.unwrap_or_default(),
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
            terms: terms?,
        };
        Some(Creation {
            id: id?,
            wish,
            validate_only: validate_only?,
        })
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
pub(in crate::rpc) fn download(request: proto::CreateDownloadRequest) -> Result<Creation, Invalid> {
    let mut fields = Fields::default();
    let terms = fields.terms("transfer_options", request.transfer_options);
    let validate_only = fields.creating("options", request.options);
    let id = fields.transfer("transfer_id", request.transfer_id);
    let profile = fields.named("profile", request.profile);
    let path = fields.path("path", (request.path, request.raw_path));
    let priority = fields.priority("priority", request.priority);
    let read = (|| {
        let wish = Wish {
            profile: profile?,
            path: path?,
            priority: priority?.unwrap_or(Priority::Bulk),
            direction: Direction::Download,
            terms: terms?,
        };
        Some(Creation {
            id: id?,
            wish,
            validate_only: validate_only?,
        })
    })();
    fields.finish(read)
}

/// Which transfer, and whose.
pub(in crate::rpc) fn id(id: String, principal: String) -> Result<(TransferId, Whose), Invalid> {
    let mut fields = Fields::default();
    let id = fields.transfer("transfer_id", id);
    both(fields.finish(id), one(principal))
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

/// Which transfers, whose, and which page of them.
pub(in crate::rpc) fn list(
    request: proto::ListTransfersRequest,
) -> Result<(Page<Behind>, (Filter, Whose)), Invalid> {
    let mut fields = Fields::default();
    let whose = whose(request.principal);
    let all = matches!(whose, Ok(Whose::All));
    let size = fields.page_size(request.page_size, PAGE);
    let behind = if request.page_token.is_empty() {
        Some(None)
    } else {
        fields.behind(request.page_token, all).map(Some)
    };
    let filter = Filter::read(
        &mut fields,
        request.states,
        request.transfer_id_prefix,
        request.labels,
    );
    let page = size.zip(behind).map(|(size, behind)| Page { behind, size });
    let read = page.zip(filter);
    let read = both(fields.finish(read), whose);
    read.map(|((page, filter), whose)| (page, (filter, whose)))
}

/// Which transfers are watched, and whose.
pub(in crate::rpc) fn watch(
    request: proto::WatchTransfersRequest,
) -> Result<(Filter, Whose), Invalid> {
    let mut fields = Fields::default();
    let filter = Filter::read(
        &mut fields,
        request.states,
        request.transfer_id_prefix,
        request.labels,
    );
    both(fields.finish(filter), whose(request.principal))
}

/// The transfer before the first of a page; without a principal, one of those that the list is of.
#[derive(Debug)]
pub(in crate::rpc) struct Behind {
    id: TransferId,
    principal: Option<Principal>,
}

impl Behind {
    /// Its key in a list of these transfers.
    pub(in crate::rpc) fn key(self, whose: &Whose, caller: &Caller) -> Option<Key> {
        let principal = self.principal.or_else(|| whose.one(caller).cloned())?;
        let id = self.id;
        Some(Key { principal, id })
    }
}

/// The token of the page that follows a transfer.
pub(in crate::rpc) fn token(last: &Key, whose: &Whose) -> String {
    match whose {
        Whose::All => format!("{}/{}", last.id, last.principal),
        Whose::Own | Whose::One(_) => last.id.as_str().to_owned(),
    }
}

/// Which transfers are meant.
#[derive(Debug)]
pub(in crate::rpc) struct Filter {
    states: Vec<proto::TransferState>,
    prefix: Option<TransferId>,
    labels: Labels,
}

impl Filter {
    fn read(
        fields: &mut Fields,
        numbers: Vec<i32>,
        prefix: String,
        labels: HashMap<String, String>,
    ) -> Option<Self> {
        let mut states = Some(Vec::new());
        for (at, number) in numbers.into_iter().enumerate() {
            let field = format!("states[{at}]");
            let state = match fields.choice(&field, number) {
                Some(proto::TransferState::Unspecified) => {
                    fields.refuse(&field, "is not specified")
                }
                state => state,
            };
            states = states.zip(state).map(|(mut states, state)| {
                states.push(state);
                states
            });
        }
        let prefix = match prefix {
            prefix if prefix.is_empty() => Some(None),
            prefix => fields.transfer("transfer_id_prefix", prefix).map(Some),
        };
        let labels = fields.labels("labels", labels);
        Some(Self {
            states: states?,
            prefix: prefix?,
            labels: labels?,
        })
    }

    /// Whether a transfer is one of them.
    pub(in crate::rpc) fn takes(&self, record: &Record) -> bool {
        let state = proto::TransferState::from(&record.state);
        let id = record.key.id.as_str();
        let begins = |prefix: &TransferId| id.starts_with(prefix.as_str());
        (self.states.is_empty() || self.states.contains(&state))
            && self.prefix.as_ref().is_none_or(begins)
            && record.wish.terms.labels.have(&self.labels)
    }
}

impl From<WatchTold> for proto::WatchTransfersResponse {
    fn from(told: WatchTold) -> Self {
        use proto::watch_transfers_response::Event;
        let removed = |key: Key, removal: proto::TransferRemoval| {
            Event::Removed(proto::TransferRemoved {
                transfer_id: key.id.as_str().into(),
                principal: key.principal.as_str().into(),
                removal: removal.into(),
            })
        };
        let event = match told {
            WatchTold::Is(transfer) => Event::Transfer((*transfer).into()),
            WatchTold::Present(transfers) => Event::Present(proto::TransfersPresent {
                transfer_count: number(transfers),
            }),
            WatchTold::Deleted(key) => removed(key, proto::TransferRemoval::Deleted),
            WatchTold::Filtered(key) => removed(key, proto::TransferRemoval::Filtered),
        };
        Self { event: Some(event) }
    }
}

impl From<&Terms> for proto::TransferOptions {
    fn from(terms: &Terms) -> Self {
        let delay = Some(terms.start_delay).filter(|delay| !delay.is_zero());
        Self {
            start_delay: delay.map(duration),
            lifetime: terms.lifetime.map(duration),
            labels: labels(&terms.labels),
        }
    }
}

impl From<&State> for proto::TransferState {
    fn from(state: &State) -> Self {
        match state {
            State::Receiving => Self::Receiving,
            State::Queued => Self::Queued,
            State::Running => Self::Running,
            State::Waiting { .. } => Self::Waiting,
            State::Done => Self::Done,
            State::Failed => Self::Failed,
            State::Cancelled => Self::Cancelled,
        }
    }
}

impl Fields {
    fn transfer(&mut self, field: &str, id: String) -> Option<TransferId> {
        TransferId::new(id).or_else(|| {
            let rule = "is not 1 to 128 of A-Z a-z 0-9 . _ -, beginning with another than a dot";
            self.refuse(field, rule)
        })
    }

    /// A page token: the id of a transfer, with its principal in a list of all.
    fn behind(&mut self, token: String, all: bool) -> Option<Behind> {
        if !all {
            let id = self.transfer("page_token", token)?;
            return Some(Behind {
                id,
                principal: None,
            });
        }
        let Some((id, principal)) = token.split_once('/') else {
            return self.refuse("page_token", "is not one of a list of all");
        };
        let id = self.transfer("page_token", id.to_owned())?;
        let principal = self.named("page_token", principal.to_owned())?;
        Some(Behind {
            id,
            principal: Some(Principal::new(principal)),
        })
    }
}

impl From<Transfer> for proto::Transfer {
    fn from(transfer: Transfer) -> Self {
        let Transfer {
            record,
            live,
            next_attempt,
            expires_in,
            ..
        } = transfer;
        let state = proto::TransferState::from(&record.state);
        let direction = match record.wish.direction {
            Direction::Upload(_) => proto::TransferDirection::Upload,
            Direction::Download => proto::TransferDirection::Download,
        };
        let remnant = match record.remnant {
            Remnant::Nothing => proto::Remnant::None,
            Remnant::Pending { .. } => proto::Remnant::Pending,
            Remnant::Deleted => proto::Remnant::Deleted,
            Remnant::Kept => proto::Remnant::Kept,
            Remnant::Left => proto::Remnant::Left,
        };
        let (put_state, evidence) = match record.evidence {
            Some(evidence) => (proto::PutState::from(evidence.state), evidence.words),
            None => (proto::PutState::Unspecified, String::new()),
        };
        let wish = record.wish.upload().cloned();
        let terms = &record.wish.terms;
        let transfer_options = (*terms != Terms::default()).then(|| terms.into());
        let operation = live.operation.as_ref().map(|id| id.as_str().to_owned());
        let update_time = timestamp(record.changed);
        let (path, raw_path) = given(&record.wish.path);
        let transfer = Self {
            transfer_id: record.key.id.as_str().into(),
            principal: record.key.principal.as_str().into(),
            transfer_options,
            expire_wait: expires_in.map(duration),
            direction: direction.into(),
            profile: record.wish.profile,
            path,
            raw_path,
            priority: proto::Priority::from(record.wish.priority).into(),
            state: state.into(),
            end_time: record.state.is_over().then_some(update_time),
            size: record.size.map(signed),
            committed_size: signed(record.committed),
            attempt_moved_bytes: signed(live.moved),
            total_moved_bytes: signed(record.moved.saturating_add(live.moved)),
            attempt_count: count(record.attempts),
            operation_id: operation.unwrap_or_default(),
            last_failure: record.last_error.map(Into::into),
            next_attempt_wait: next_attempt.map(until),
            create_time: Some(timestamp(record.created)),
            update_time: Some(update_time),
            sha256: record
                .sha256
                .map(|hash| Bytes::copy_from_slice(&hash))
                .unwrap_or_default(),
            put_state: put_state.into(),
            evidence,
            remnant: remnant.into(),
            grown_size: record.grown.map(signed),
            ..Self::default()
        };
        match wish {
            Some(wish) => transfer.wished_as(wish),
            None => transfer,
        }
    }
}

impl proto::Transfer {
    /// How the upload was asked for.
    fn wished_as(self, wish: UploadWish) -> Self {
        let if_exists = if wish.must_be_new {
            proto::IfExists::Fail
        } else {
            proto::IfExists::Overwrite
        };
        let on_failure = if wish.delete_on_failure {
            proto::OnFailure::Delete
        } else {
            proto::OnFailure::Keep
        };
        let sentinel = wish.sentinel.as_ref().map(given);
        let (sentinel, raw_sentinel) = sentinel.unwrap_or_default();
        Self {
            if_exists: if_exists.into(),
            verify: proto::Verify::from(wish.verify).into(),
            on_failure: on_failure.into(),
            sentinel,
            raw_sentinel,
            ..self
        }
    }
}

impl From<Verify> for proto::Verify {
    fn from(verify: Verify) -> Self {
        match verify {
            Verify::Size => Self::Size,
            Verify::ReadBack => Self::ReadBack,
            Verify::Nothing => Self::None,
            Verify::BestEffort => Self::BestEffort,
        }
    }
}

impl From<Told> for proto::Failure {
    fn from(told: Told) -> Self {
        Self {
            code: told.code,
            reason: told.reason,
            message: told.message,
            metadata: told.metadata.into_iter().collect(),
            // The daemon tries again by itself, or not at all.
            retry_after: None,
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
