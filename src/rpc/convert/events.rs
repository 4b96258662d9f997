//! Events and the queue to responses.

use tonic_types::StatusExt;

use super::response::{duration, link, moment, number, signed, timestamp};
use crate::broker::estimate::Costs;
use crate::broker::events::{About, Event, Heard, OperationChange, Outcome, SessionChange, What};
use crate::broker::queue::{Queue, Queued, State};
use crate::broker::scheduler::{Priority, Why};
use crate::proto;
use crate::proto::operation_event::Change;
use crate::proto::watch_events_response::Event as Message;
use crate::rpc::status;

impl From<Heard> for proto::WatchEventsResponse {
    fn from(heard: Heard) -> Self {
        match heard {
            Heard::Event(Event {
                sequence,
                time,
                what,
            }) => Self {
                sequence: signed(sequence),
                time: Some(timestamp(time)),
                event: Some(what.into()),
            },
            Heard::Lost(lost) => Self {
                event: Some(Message::Lost(signed(lost))),
                ..Self::default()
            },
        }
    }
}

impl From<What> for Message {
    fn from(what: What) -> Self {
        match what {
            What::Link {
                link: state,
                logged_in,
            } => {
                let (state, detail) = link(&state);
                let server = logged_in.map(|at| format!("{}:{}", at.host.as_str(), at.port));
                Self::Link(proto::LinkEvent {
                    state: state.into(),
                    detail,
                    logged_in: server.unwrap_or_default(),
                })
            }
            What::Repair(repaired) => Self::Repair((*repaired).into()),
            What::Session { own, change } => {
                let change = match change {
                    SessionChange::Opened => proto::SessionChange::Opened,
                    SessionChange::Closed => proto::SessionChange::Closed,
                    SessionChange::Expired => proto::SessionChange::Expired,
                };
                let (principal, session_id) = own.map_or_else(Default::default, |(owner, id)| {
                    (owner.as_str().to_owned(), id.as_str().to_owned())
                });
                Self::Session(proto::SessionEvent {
                    session_id,
                    principal,
                    change: change.into(),
                })
            }
            What::Operation { about, change } => Self::Operation(proto::OperationEvent {
                operation: Some(about.into()),
                change: Some(change.into()),
            }),
        }
    }
}

impl From<OperationChange> for Change {
    fn from(change: OperationChange) -> Self {
        match change {
            OperationChange::Admitted { admitted } => Self::Admitted(proto::Admitted {
                admitted: number(admitted),
            }),
            OperationChange::Started { waited } => Self::Started(proto::Started {
                waited: Some(duration(waited)),
            }),
            OperationChange::Progress { bytes } => Self::Progress(proto::Progress {
                bytes: signed(bytes),
            }),
            OperationChange::Yielded { bytes, why } => Self::Yielded(proto::Yielded {
                bytes: signed(bytes),
                reason: match why {
                    Why::Urgent => proto::YieldReason::Urgent,
                    Why::Patience => proto::YieldReason::Patience,
                    Why::Trickle => proto::YieldReason::Trickle,
                }
                .into(),
            }),
            OperationChange::Resumed { waited } => Self::Resumed(proto::Resumed {
                waited: Some(duration(waited)),
            }),
            OperationChange::Ended { on_link, outcome } => {
                let status = match &outcome {
                    Outcome::Failed(Some(why)) => Some(status::of(why)),
                    Outcome::Done | Outcome::Failed(None) => None,
                };
                let info = status.as_ref().and_then(StatusExt::get_details_error_info);
                Self::Ended(proto::Ended {
                    ok: matches!(outcome, Outcome::Done),
                    reason: info.map(|info| info.reason).unwrap_or_default(),
                    message: status.map_or_else(String::new, |status| status.message().into()),
                    on_link: Some(duration(on_link)),
                })
            }
        }
    }
}

impl From<About> for proto::OperationInfo {
    fn from(about: About) -> Self {
        let principal = about.principal.as_ref();
        Self {
            operation_id: about.operation.as_str().into(),
            method: about.method.into(),
            principal: principal.map_or_else(String::new, ToString::to_string),
            profile: about.profile.as_deref().unwrap_or_default().into(),
            priority: proto::Priority::from(about.priority).into(),
        }
    }
}

impl From<Priority> for proto::Priority {
    fn from(priority: Priority) -> Self {
        match priority {
            Priority::Interactive => Self::Interactive,
            Priority::Normal => Self::Normal,
            Priority::Bulk => Self::Bulk,
        }
    }
}

impl From<Queue> for proto::ListQueueResponse {
    fn from(queue: Queue) -> Self {
        Self {
            operations: queue.operations.into_iter().map(Into::into).collect(),
            costs: Some(queue.costs.into()),
        }
    }
}

impl From<Queued> for proto::QueuedOperation {
    fn from(queued: Queued) -> Self {
        let common = Self {
            operation: Some(queued.about.into()),
            admitted: Some(moment(queued.admitted)),
            bytes: signed(queued.bytes),
            ..Self::default()
        };
        match queued.state {
            State::Running { elapsed } => Self {
                state: proto::OperationState::Running.into(),
                running: Some(duration(elapsed)),
                ..common
            },
            State::Waiting(place) => Self {
                state: proto::OperationState::Waiting.into(),
                position: number(place.ahead),
                estimated_start: place.start.map(moment),
                ..common
            },
            State::Aside => Self {
                state: proto::OperationState::Aside.into(),
                ..common
            },
        }
    }
}

impl From<Costs> for proto::Costs {
    fn from(costs: Costs) -> Self {
        Self {
            login: Some(duration(costs.login)),
            switch: Some(duration(costs.switch)),
            small: Some(duration(costs.small)),
            upload_rate: signed(costs.up),
            download_rate: signed(costs.down),
            abort: Some(duration(costs.abort)),
            pause: Some(duration(costs.pause)),
            block_rate: signed(costs.blocks),
        }
    }
}
