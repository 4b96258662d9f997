//! Requests about sessions.

use super::fields::{Fields, Invalid, both};
use super::options;
use super::page::{Page, page_of_names};
use crate::broker::catalogue::SessionRequest;
use crate::broker::terms::{ServerChoice, SessionId, Whose};
use crate::proto;
use simcom_talk::ftps::value::{RemotePath, TransferType};

/// Most sessions that one watcher keeps: as many as a client may have by default.
const MAX_SESSIONS: usize = 256;

pub(in crate::rpc) fn open_session(
    request: proto::OpenSessionRequest,
) -> Result<SessionRequest, Invalid> {
    use proto::open_session_request::Destination;
    let mut fields = Fields::default();
    let server = match request.destination {
        Some(Destination::Profile(name)) => {
            fields.named("profile", name).map(ServerChoice::Profile)
        }
        Some(Destination::InlineServer(server)) => {
            let code = fields.code("inline_server", &server.name_encoding);
            let server = fields.server("inline_server", server);
            let server = server.zip(code);
            server.map(|(server, code)| ServerChoice::Inline(server, code))
        }
        None => fields.refuse("destination", "names no profile or server"),
    };
    let directory = fields.optional_path("directory", (request.directory, request.raw_directory));
    let transfer_type = fields
        .choice("transfer_type", request.transfer_type)
        .map(|choice| transfer_type(choice).unwrap_or_default());
    let lease = match request.lease {
        None => Some(None),
        Some(lease) => fields.span("lease", lease).map(Some),
    };
    let request = (|| {
        Some(SessionRequest {
            server: server?,
            directory: directory?,
            transfer_type: transfer_type?,
            lease: lease?,
        })
    })();
    fields.finish(request)
}

pub(in crate::rpc) fn session(id: String) -> Result<SessionId, Invalid> {
    let mut fields = Fields::default();
    let id = fields.named("session_id", id);
    fields.finish(id.map(SessionId::new))
}

pub(in crate::rpc) fn sessions(ids: Vec<String>) -> Result<Vec<SessionId>, Invalid> {
    let mut fields = Fields::default();
    if ids.len() > MAX_SESSIONS {
        let rule = format!("has {}, at most {MAX_SESSIONS} are allowed", ids.len());
        let none = fields.refuse("session_ids", rule);
        return fields.finish(none);
    }
    let ids = ids.into_iter().enumerate();
    let ids: Vec<_> = ids
        .filter_map(|(at, id)| fields.named(&format!("session_ids[{at}]"), id))
        .map(SessionId::new)
        .collect();
    fields.finish(Some(ids))
}

pub(in crate::rpc) fn change_directory(
    request: proto::ChangeDirectoryRequest,
) -> Result<(SessionId, RemotePath), Invalid> {
    let mut fields = Fields::default();
    let id = fields
        .named("session_id", request.session_id)
        .map(SessionId::new);
    let path = fields.path("path", (request.path, request.raw_path));
    fields.finish(id.zip(path))
}

pub(in crate::rpc) fn set_transfer_type(
    request: proto::SetTransferTypeRequest,
) -> Result<(SessionId, TransferType), Invalid> {
    let mut fields = Fields::default();
    let id = fields
        .named("session_id", request.session_id)
        .map(SessionId::new);
    let to = fields
        .choice("transfer_type", request.transfer_type)
        .and_then(|choice| {
            transfer_type(choice).or_else(|| fields.refuse("transfer_type", "is not specified"))
        });
    fields.finish(id.zip(to))
}

pub(in crate::rpc) fn open_sessions(
    request: proto::ListSessionsRequest,
) -> Result<(Page<String>, Whose), Invalid> {
    let page = page_of_names(request.page_size, request.page_token);
    both(page, options::whose(request.principal))
}

fn transfer_type(choice: proto::TransferType) -> Option<TransferType> {
    match choice {
        proto::TransferType::Unspecified => None,
        proto::TransferType::Binary => Some(TransferType::Binary),
        proto::TransferType::Ascii => Some(TransferType::Ascii),
    }
}
