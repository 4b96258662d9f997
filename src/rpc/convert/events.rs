//! Events and the queue to responses.

use super::options::labels;
use super::page::Page;
use super::response::{duration, from_now, link, login, moment, number, signed, timestamp};
use crate::broker::api::{Found, Heard, Queue};
use crate::broker::operation::{Queued, State};
use crate::broker::scheduler::estimate::Costs;
use crate::broker::terms::{Priority, YieldReason};
use crate::broker::watch::{About, Event, Failing, OperationChange, Outcome, SessionChange, What};
use crate::modem::health::LoggedIn;
use crate::proto;
use crate::proto::operation_event::Change;
use crate::proto::watch_events_response::Event as Message;
use crate::rpc::status;

/// What a watcher heard. `named` answers with the profile of a server that it may know of.
pub(in crate::rpc) fn heard(
    heard: Heard,
    named: impl Fn(&LoggedIn) -> Option<String>,
) -> proto::WatchEventsResponse {
    match heard {
        Heard::Event(Event {
            sequence,
            time,
            what,
        }) => proto::WatchEventsResponse {
            sequence: signed(sequence),
            event_time: Some(timestamp(time)),
            event: Some(event(what, named)),
        },
        Heard::Lost(lost) => proto::WatchEventsResponse {
            event: Some(Message::Lost(proto::LostEvents {
                event_count: signed(lost),
            })),
            ..proto::WatchEventsResponse::default()
        },
    }
}

fn event(what: What, named: impl Fn(&LoggedIn) -> Option<String>) -> Message {
    match what {
        What::Link {
            link: state,
            logged_in,
        } => {
            let (state, detail) = link(&state);
            let login = logged_in.and_then(|at| {
                let profile = named(&at)?;
                Some(login(profile, &at))
            });
            Message::Link(proto::LinkEvent {
                state: state.into(),
                detail,
                login,
            })
        }
        What::Repair(repaired) => Message::Repair((*repaired).into()),
        What::Session { own, change } => {
            let change = match change {
                SessionChange::Opened => proto::SessionChange::Opened,
                SessionChange::Closed => proto::SessionChange::Closed,
                SessionChange::Expired => proto::SessionChange::Expired,
            };
            let (principal, session_id) = own.map_or_else(Default::default, |(owner, id)| {
                (owner.as_str().to_owned(), id.as_str().to_owned())
            });
            Message::Session(proto::SessionEvent {
                session_id,
                principal,
                change: change.into(),
            })
        }
        What::Operation { about, change } => Message::Operation(proto::OperationEvent {
            operation: Some(about.into()),
            change: Some(change.into()),
        }),
    }
}

impl From<OperationChange> for Change {
    fn from(change: OperationChange) -> Self {
        match change {
            OperationChange::Admitted { admitted } => Self::Admitted(proto::OperationAdmitted {
                admitted_count: number(admitted),
            }),
            OperationChange::Started { waited } => Self::Started(proto::OperationStarted {
                waiting_duration: Some(duration(waited)),
            }),
            OperationChange::Progress { bytes } => Self::Moved(proto::OperationMoved {
                moved_bytes: signed(bytes),
            }),
            OperationChange::Yielded { bytes, why } => Self::Yielded(proto::OperationYielded {
                moved_bytes: signed(bytes),
                reason: match why {
                    YieldReason::Urgent => proto::YieldReason::Urgent,
                    YieldReason::Patience => proto::YieldReason::Patience,
                    YieldReason::Trickle => proto::YieldReason::Trickle,
                }
                .into(),
            }),
            OperationChange::Resumed { waited } => Self::Resumed(proto::OperationResumed {
                waiting_duration: Some(duration(waited)),
            }),
            OperationChange::Ended {
                on_link,
                bytes,
                outcome,
            } => {
                let (outcome, failure) = ending(outcome);
                Self::Ended(proto::OperationEnded {
                    outcome: outcome.into(),
                    failure,
                    link_duration: Some(duration(on_link)),
                    moved_bytes: signed(bytes),
                })
            }
        }
    }
}

/// How an operation ended, and why, where that may be told.
fn ending(outcome: Outcome) -> (proto::Outcome, Option<proto::Failure>) {
    match outcome {
        Outcome::Done => (proto::Outcome::Succeeded, None),
        Outcome::Failed { how, why } => {
            let outcome = match how {
                Failing::Cancelled => proto::Outcome::Cancelled,
                Failing::Indeterminate => proto::Outcome::Indeterminate,
                Failing::Failed => proto::Outcome::Failed,
            };
            (outcome, why.map(|why| status::failure(&why)))
        }
    }
}

impl From<Found> for proto::GetOperationResponse {
    fn from(found: Found) -> Self {
        match found {
            Found::Live(queued) => Self {
                live: Some(queued.into()),
                ended: None,
            },
            Found::Ended(ended) => {
                let (outcome, failure) = ending(ended.outcome);
                let ended = proto::EndedOperation {
                    operation: Some(ended.about.into()),
                    outcome: outcome.into(),
                    failure,
                    link_duration: Some(duration(ended.on_link)),
                    moved_bytes: signed(ended.bytes),
                    end_time: Some(moment(ended.at)),
                };
                Self {
                    live: None,
                    ended: Some(ended),
                }
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
            path: about.path.as_deref().unwrap_or_default().into(),
            priority: proto::Priority::from(about.priority).into(),
            labels: labels(&about.labels),
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

/// A page of the queue.
pub(in crate::rpc) fn queue(queue: Queue, page: Page<usize>) -> proto::ListOperationsResponse {
    let behind = page.behind.unwrap_or_default();
    let all = queue.operations.len();
    let operations = queue.operations.into_iter().skip(behind).take(page.size);
    let next = behind.saturating_add(page.size);
    proto::ListOperationsResponse {
        operations: operations.map(Into::into).collect(),
        next_page_token: if next < all {
            next.to_string()
        } else {
            String::new()
        },
        costs: Some(queue.costs.into()),
    }
}

impl From<Queued> for proto::QueuedOperation {
    fn from(queued: Queued) -> Self {
        let common = Self {
            operation: Some(queued.about.into()),
            admit_time: Some(moment(queued.admitted)),
            moved_bytes: signed(queued.bytes),
            ..Self::default()
        };
        match queued.state {
            State::Running { elapsed } => Self {
                state: proto::OperationState::Running.into(),
                running_duration: Some(duration(elapsed)),
                ..common
            },
            State::Waiting(place) => Self {
                state: proto::OperationState::Waiting.into(),
                queue_position: number(place.ahead),
                estimated_wait: place.start.map(from_now),
                ..common
            },
            State::Aside => Self {
                state: proto::OperationState::Aside.into(),
                ..common
            },
        }
    }
}

impl From<Costs> for proto::LinkCosts {
    fn from(costs: Costs) -> Self {
        Self {
            login_duration: Some(duration(costs.login)),
            change_server_duration: Some(duration(costs.switch)),
            small_operation_duration: Some(duration(costs.small)),
            abort_duration: Some(duration(costs.abort)),
            pause_duration: Some(duration(costs.pause)),
            upload_bytes_per_second: signed(costs.up),
            download_bytes_per_second: signed(costs.down),
            block_bytes_per_second: signed(costs.blocks),
        }
    }
}
