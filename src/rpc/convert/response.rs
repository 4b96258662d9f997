//! Values to responses.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use tokio::time::Instant;

use crate::broker::api::Status;
use crate::broker::catalogue::OpenSession;
use crate::broker::terms::PutResult;
use crate::modem;
use crate::modem::health::{LinkState, LoggedIn};
use crate::proto;
use crate::transfers::{Condition, Keeping, Transfers};
use simcom_talk::dialogue::facts::{Capabilities, Identity, Sim};
use simcom_talk::ftps::profile::{NON_ASCII, NON_ASCII_FILES, Probe};
use simcom_talk::ftps::value::{NameCode, RemotePath, TransferType};
use simcom_talk::ftps::{CommandName, ModuleProfile, StorageCommandName, listing, lossless, takes};

impl From<TransferType> for proto::TransferType {
    fn from(transfer_type: TransferType) -> Self {
        match transfer_type {
            TransferType::Binary => Self::Binary,
            TransferType::Ascii => Self::Ascii,
        }
    }
}

/// A name on a server as a client gets it: text, and the bytes where the text is not exact.
pub(in crate::rpc) fn said(name: &str, code: NameCode) -> (String, Bytes) {
    match code.text(name) {
        Some(text) => (text.into_owned(), Bytes::new()),
        None => {
            let bytes = lossless::bytes(name).into_owned().into();
            (lossless::shown(name).into_owned(), bytes)
        }
    }
}

/// A path as its client has sent it.
pub(in crate::rpc) fn given(path: &RemotePath) -> (String, Bytes) {
    said(path.as_str(), NameCode::default())
}

/// What an entry of a listing is.
pub(in crate::rpc) const fn kind(kind: listing::Kind) -> proto::EntryKind {
    match kind {
        listing::Kind::File => proto::EntryKind::File,
        listing::Kind::Directory => proto::EntryKind::Directory,
        listing::Kind::Link => proto::EntryKind::Link,
        listing::Kind::Other => proto::EntryKind::Unspecified,
    }
}

impl proto::Entry {
    /// A line of a listing, read by a module of this profile.
    pub(in crate::rpc) fn of(
        entry: listing::Entry,
        profile: &ModuleProfile,
        code: NameCode,
    ) -> Self {
        let Some(facts) = entry.facts else {
            return Self {
                raw: entry.raw,
                ..Self::default()
            };
        };
        // GET stands for DELE and CWD as well: the three commands take the same paths.
        let addressable = RemotePath::new(facts.name.as_str())
            .is_ok_and(|path| takes(CommandName::Get, &path, profile));
        let (name, raw_name) = said(&facts.name, code);
        let target = facts.link_target.map(|target| said(&target, code));
        let (link_target, raw_link_target) = target.unwrap_or_default();
        Self {
            name,
            kind: kind(facts.kind).into(),
            // A size that does not fit is absent: another number would be wrong.
            size: facts.size.and_then(|size| i64::try_from(size).ok()),
            modify_time: facts.modified.map(timestamp),
            permissions: facts.permissions,
            link_target,
            raw_link_target,
            raw: entry.raw,
            raw_name,
            addressable: Some(addressable),
        }
    }
}

impl From<OpenSession> for proto::SessionInfo {
    fn from(session: OpenSession) -> Self {
        let (directory, raw_directory) = said(&session.directory, session.code);
        Self {
            session_id: session.id.as_str().into(),
            principal: session.principal.as_str().into(),
            profile: session.profile.as_deref().unwrap_or_default().into(),
            directory,
            raw_directory,
            transfer_type: proto::TransferType::from(session.transfer_type).into(),
            lease: Some(duration(session.lease)),
            remaining_lease: session.left.map(duration),
        }
    }
}

impl From<PutResult> for proto::PutResult {
    fn from(result: PutResult) -> Self {
        Self {
            size: signed(result.size),
            sha256: Bytes::copy_from_slice(&result.sha256),
            state: proto::PutState::from(result.state).into(),
            evidence: result.evidence,
            resume_count: count(result.resumes),
            link_duration: Some(duration(result.elapsed)),
            sentinel_written: result.sentinel_written,
            skipped: false,
        }
    }
}

impl From<(Status, &Transfers)> for proto::GetStatusResponse {
    fn from((status, transfers): (Status, &Transfers)) -> Self {
        let health = status.health;
        let condition = Condition {
            link: health.link,
            is_stopping: status.stopping.is_some(),
            keeping: transfers.keeping().borrow().clone(),
        };
        let storage = match &condition.keeping {
            Keeping::Off => proto::TransferStorage::Off,
            Keeping::Waiting(_) => proto::TransferStorage::Waiting,
            Keeping::Unusable(_) => proto::TransferStorage::Unusable,
            Keeping::On => proto::TransferStorage::On,
        };
        let (state, detail) = if condition.is_stopping {
            (proto::LinkState::Stopping, condition.why())
        } else {
            link(&condition.link)
        };
        let sim = match health.registration.sim {
            Sim::Unknown => proto::SimState::Unspecified,
            Sim::Ready => proto::SimState::Ready,
            Sim::Locked => proto::SimState::Locked,
            Sim::Missing => proto::SimState::Missing,
        };
        let registration = match (health.registration.registered, health.registration.roaming) {
            (None, _) => proto::RegistrationState::Unspecified,
            (Some(false), _) => proto::RegistrationState::NotRegistered,
            (Some(true), false) => proto::RegistrationState::Home,
            (Some(true), true) => proto::RegistrationState::Roaming,
        };
        Self {
            state: state.into(),
            detail,
            state_duration: Some(duration(status.stopping.unwrap_or(status.lasted))),
            identity: Some(proto::Identity {
                manufacturer: health.identity.manufacturer,
                model: health.identity.model,
                firmware: health.identity.firmware,
            }),
            registration: Some(proto::Registration {
                sim: sim.into(),
                state: registration.into(),
                rssi_dbm: health.registration.rssi_dbm,
                operator_name: health.registration.operator,
            }),
            login: health
                .logged_in
                .map(|server| login(status.profile.unwrap_or_default(), &server)),
            running: status.running.map(|running| proto::RunningOperation {
                operation_id: running.operation.as_str().into(),
                method: running.method.into(),
                running_duration: Some(duration(running.elapsed)),
            }),
            queued_operation_count: number(status.queued),
            session_count: number(status.sessions),
            data: Some(status.data.into()),
            repairs: Some(status.repairs.into()),
            transfer_storage: storage.into(),
            transfer_storage_detail: condition.keeping.why().unwrap_or_default(),
            transfer_storage_set_aside: transfers.set_aside(),
            waiting_for: health
                .waiting
                .map(|waiting| waiting.why.into())
                .unwrap_or_default(),
            waiting_duration: status.waited.map(duration),
            version: env!("CARGO_PKG_VERSION").into(),
            uptime: Some(duration(status.uptime)),
        }
    }
}

impl From<(Identity, &Capabilities)> for proto::GetCapabilitiesResponse {
    fn from((identity, capabilities): (Identity, &Capabilities)) -> Self {
        let profile = &capabilities.profile;
        let length = |bytes| i32::try_from(bytes).unwrap_or(i32::MAX);
        let probe = |(probe, answer): &(Probe, Option<String>)| proto::ProbeAnswer {
            command: format!("{}=?", probe.command()),
            answer: answer.clone(),
        };
        let non_ascii = NON_ASCII.into_iter().filter(|_| profile.non_ascii);
        let files = NON_ASCII_FILES
            .into_iter()
            .filter(|_| profile.non_ascii_files);
        Self {
            family: profile.name.into(),
            model: identity.model,
            firmware: identity.firmware,
            quirks: capabilities.quirks.clone(),
            max_path_bytes: length(profile.max_path),
            max_credential_bytes: length(profile.max_credential),
            max_line_length: length(profile.max_line),
            can_abort: profile.abort,
            can_read_cache: profile.cache,
            can_write_blocks: profile.blocks,
            can_choose_active: profile.mode,
            can_bind_tls: profile.binds_tls,
            non_ascii_commands: non_ascii
                .map(CommandName::as_str)
                .chain(files.map(StorageCommandName::as_str))
                .map(Into::into)
                .collect(),
            probe_answers: capabilities.answers.iter().map(probe).collect(),
        }
    }
}

/// A size as the contract has it. No file of an FTP server reaches 2^63 bytes.
pub(in crate::rpc) fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

pub(in crate::rpc) fn count(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

pub(in crate::rpc) fn duration(duration: Duration) -> prost_types::Duration {
    prost_types::Duration::try_from(duration).unwrap_or(prost_types::Duration {
        seconds: i64::MAX,
        nanos: 0,
    })
}

pub(super) fn timestamp(time: SystemTime) -> prost_types::Timestamp {
    time.into()
}

/// A moment of the monotonic clock, as the time of day.
pub(in crate::rpc) fn moment(at: Instant) -> prost_types::Timestamp {
    timestamp(modem::clock::wall(at))
}

/// How long it is until a time of day.
pub(super) fn until(time: SystemTime) -> prost_types::Duration {
    let now = modem::clock::wall(modem::clock::now());
    duration(time.duration_since(now).unwrap_or_default())
}

/// How long it is until a moment of the monotonic clock.
pub(super) fn from_now(at: Instant) -> prost_types::Duration {
    duration(at.saturating_duration_since(modem::clock::now()))
}

pub(super) fn login(profile: String, server: &LoggedIn) -> proto::ServerLogin {
    proto::ServerLogin {
        profile,
        host: server.host.as_str().into(),
        port: u32::from(server.port),
    }
}

pub(in crate::rpc) fn number(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// State of the link, and what is wrong with it.
pub(super) fn link(link: &LinkState) -> (proto::LinkState, String) {
    let state = match link {
        LinkState::Absent(_) => proto::LinkState::DeviceAbsent,
        LinkState::BringingUp => proto::LinkState::BringingUp,
        LinkState::Searching => proto::LinkState::Searching,
        LinkState::Ready => proto::LinkState::Ready,
        LinkState::Repairing(_) => proto::LinkState::Repairing,
        LinkState::Fault(_) => proto::LinkState::Fault,
    };
    (state, link.why().unwrap_or_default())
}
