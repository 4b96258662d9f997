//! Transfers to messages.

use bytes::Bytes;

use super::options::labels;
use super::response::{count, duration, given, number, signed, timestamp, until};
use crate::broker::terms::{Key, PutState, Verify};
use crate::proto;
use crate::rpc::reason;
use crate::transfers::{
    Direction, Remnant, State, Terms, ToldError, Transfer, UploadWish, WatchItem,
};

impl From<WatchItem> for proto::WatchTransfersResponse {
    fn from(told: WatchItem) -> Self {
        use proto::watch_transfers_response::Event;
        let removed = |key: Key, removal: proto::TransferRemoval| {
            Event::Removed(proto::TransferRemoved {
                transfer_id: key.id.as_str().into(),
                principal: key.principal.as_str().into(),
                removal: removal.into(),
            })
        };
        let event = match told {
            WatchItem::Is(transfer) => Event::Transfer((*transfer).into()),
            WatchItem::Present(transfers) => Event::Present(proto::TransfersPresent {
                transfer_count: number(transfers),
            }),
            WatchItem::Deleted(key) => removed(key, proto::TransferRemoval::Deleted),
            WatchItem::Filtered(key) => removed(key, proto::TransferRemoval::Filtered),
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

impl From<ToldError> for proto::Failure {
    fn from(told: ToldError) -> Self {
        Self {
            code: reason::code_of(&told.reason).into(),
            reason: told.reason,
            message: told.message,
            metadata: told.metadata.into_iter().collect(),
            // The daemon retries by itself, or not at all.
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
