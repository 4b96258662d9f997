//! `ServerService`.

use tonic::{Request, Response};
use uuid::Uuid;

use super::call::{Answer, caller};
use super::convert::page;
use super::convert::response::{duration, moment, number, signed};
use super::limits::{CHUNK, HEADER};
use super::role::{Role, Roles};
use super::{require, status};
use crate::broker::Broker;
use crate::broker::catalogue::ProfileInfo;
use crate::broker::terms::{Rights, Yields};
use crate::modem::clock;
use crate::proto::server_service_server::ServerService;
use crate::proto::*;
use crate::transfers::Transfers;
use simcom_talk::ftps::value::ServerType;

/// The daemon itself.
#[derive(Debug, Clone)]
pub(super) struct ServerInfo {
    broker: Broker,
    transfers: Transfers,
    roles: Roles,
    /// A new one at each start.
    instance: Uuid,
}

impl ServerInfo {
    pub(super) fn new(broker: Broker, transfers: Transfers, roles: Roles) -> Self {
        Self {
            broker,
            transfers,
            roles,
            instance: Uuid::new_v4(),
        }
    }

    fn limits(&self) -> ServerLimits {
        let limits = self.broker.limits();
        let (transfers, bytes) = self.transfers.limits().unwrap_or_default();
        ServerLimits {
            max_chunk_bytes: CHUNK.into(),
            max_message_bytes: HEADER.into(),
            client_operation_count: number(limits.queue.max_per_principal),
            operation_count: number(limits.queue.max),
            client_session_count: number(limits.sessions.max_per_principal),
            client_transfer_count: number(transfers),
            client_transfer_bytes: signed(bytes),
            max_lease: Some(duration(limits.sessions.max_lease)),
        }
    }
}

#[tonic::async_trait]
impl ServerService for ServerInfo {
    async fn get_server_info(
        &self,
        request: Request<GetServerInfoRequest>,
    ) -> Answer<GetServerInfoResponse> {
        let caller = caller(&request)?;
        let started = self.broker.started();
        let roles = Role::ALL.into_iter();
        let roles = roles.filter(|role| self.roles.has(&caller.principal, *role));
        Ok(Response::new(GetServerInfoResponse {
            version: env!("CARGO_PKG_VERSION").into(),
            build: option_env!("CELLFTPD_BUILD").unwrap_or_default().into(),
            start_time: Some(moment(started)),
            uptime: Some(duration(clock::now() - started)),
            instance_id: self.instance.to_string(),
            features: require::FEATURES
                .iter()
                .map(|name| (*name).into())
                .collect(),
            principal: caller.principal.as_str().into(),
            roles: roles.map(|role| role.name().into()).collect(),
            limits: Some(self.limits()),
        }))
    }

    async fn list_profiles(
        &self,
        request: Request<ListProfilesRequest>,
    ) -> Answer<ListProfilesResponse> {
        let caller = caller(&request)?;
        let page = page::profiles(request.into_inner()).map_err(status::invalid)?;
        let mut profiles = self.broker.profiles(&caller);
        if let Some(behind) = page.behind {
            profiles.retain(|profile| profile.name > behind);
        }
        let more = profiles.len() > page.size;
        profiles.truncate(page.size);
        let last = profiles.last().filter(|_| more);
        Ok(Response::new(ListProfilesResponse {
            next_page_token: last.map(|last| last.name.clone()).unwrap_or_default(),
            profiles: profiles.into_iter().map(Into::into).collect(),
        }))
    }
}

impl From<ProfileInfo> for Profile {
    fn from(profile: ProfileInfo) -> Self {
        let security = match profile.server_type {
            ServerType::Ftp => Security::None,
            ServerType::AuthSsl => Security::AuthSsl,
            ServerType::AuthTls => Security::AuthTls,
            ServerType::Implicit => Security::Implicit,
        };
        let verification = match security {
            Security::None => ServerVerification::Unspecified,
            _ if profile.is_verified => ServerVerification::Required,
            _ => ServerVerification::None,
        };
        let access = match profile.access {
            Rights::Read => ProfileAccess::Read,
            Rights::Write => ProfileAccess::Write,
        };
        let yields = match profile.yields {
            Yields::Auto => YieldPolicy::Auto,
            Yields::Always => YieldPolicy::Always,
            Yields::Never => YieldPolicy::Never,
        };
        Self {
            name: profile.name,
            security: security.into(),
            verification: verification.into(),
            access: access.into(),
            priority: Priority::from(profile.priority).into(),
            yield_policy: yields.into(),
            name_encoding: profile.code.name().into(),
            host: profile.host,
            port: profile.port.into(),
        }
    }
}
