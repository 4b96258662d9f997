//! What callers may do, in one table of all methods.

use tonic::Status;

use super::role::{Role, Roles};
use super::status;
use crate::broker::terms::{Caller, Whose};
use crate::proto::{
    diagnostics_service_server as diagnostics, ftps_service_server as ftps,
    modem_service_server as modem, module_storage_service_server as storage,
    operation_service_server as operations, server_service_server as server,
    transfer_service_server as transfers,
};

/// What a method asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// Nothing, not even a name.
    Nothing,
    /// A name: every principal may call it.
    Name,
    /// A role.
    Role(Role),
}

impl Roles {
    /// `whose`, where the caller may act on that. Only administrators may act on what belongs to others.
    ///
    /// # Errors
    /// `ROLE_REQUIRED`.
    pub(super) fn admit(
        &self,
        caller: &Caller,
        whose: Whose,
        method: &str,
    ) -> Result<Whose, Status> {
        self.check(caller, &whose, method).map(|()| whose)
    }

    /// Whether the caller may act on that now.
    ///
    /// # Errors
    /// `ROLE_REQUIRED`.
    pub(super) fn check(&self, caller: &Caller, whose: &Whose, method: &str) -> Result<(), Status> {
        let own = match whose {
            Whose::Own => true,
            Whose::One(principal) => *principal == caller.principal,
            Whose::All => false,
        };
        if own || self.has(&caller.principal, Role::Administer) {
            return Ok(());
        }
        Err(status::role_required(
            &caller.principal,
            method,
            Role::Administer,
        ))
    }

    /// The caller as the principal whose things the call is about.
    ///
    /// # Errors
    /// As [`Roles::admit`].
    pub(super) fn acting(
        &self,
        caller: Caller,
        whose: Whose,
        method: &str,
    ) -> Result<Caller, Status> {
        Ok(match self.admit(&caller, whose, method)? {
            Whose::One(owner) => {
                if owner != caller.principal {
                    let principal = &caller.principal;
                    // The caller has written the name: it is logged with escapes.
                    let owner = owner.as_str();
                    tracing::info!(%principal, owner, method, "an administrator acts on what is another's");
                }
                caller.acting_for(owner)
            }
            Whose::Own | Whose::All => caller,
        })
    }
}

/// What the method at a path asks of its caller. `None`: the table has no row for it, and the method is not
/// served.
pub(super) fn need(path: &str) -> Option<Need> {
    let (service, method) = path.strip_prefix('/')?.split_once('/')?;
    Some(match service {
        ftps::SERVICE_NAME => match method {
            "OpenSession"
            | "CloseSession"
            | "ListSessions"
            | "ChangeDirectory"
            | "GetWorkingDirectory"
            | "SetTransferType"
            | "GetTransferType"
            | "List"
            | "GetSize"
            | "MakeDirectory"
            | "RemoveDirectory"
            | "DeleteFile"
            | "Stat"
            | "Walk"
            | "RemoveTree"
            | "Get"
            | "Put"
            | "PutFiles"
            | "GetFiles"
            | "DeleteFiles"
            | "StatFiles" => Need::Role(Role::Transfer),
            _ => return None,
        },
        operations::SERVICE_NAME => match method {
            // These are about the caller's own operations, those on the module's files included.
            "ListOperations" | "GetOperation" | "CancelOperation" | "WatchEvents" => Need::Name,
            _ => return None,
        },
        server::SERVICE_NAME => match method {
            "GetServerInfo" | "ListProfiles" => Need::Name,
            _ => return None,
        },
        transfers::SERVICE_NAME => match method {
            "CreateUpload" | "ResumeUpload" | "CreateDownload" | "GetTransfer"
            | "ListTransfers" | "WatchTransfer" | "WatchTransfers" | "ReadTransfer"
            | "RetryTransfer" | "CancelTransfer" | "DeleteTransfer" => Need::Role(Role::Transfer),
            _ => return None,
        },
        modem::SERVICE_NAME => match method {
            "GetStatus" | "GetUsage" | "GetCapabilities" => Need::Name,
            "StartFtps" => Need::Role(Role::Transfer),
            "StopFtps" | "Reset" => Need::Role(Role::Administer),
            _ => return None,
        },
        diagnostics::SERVICE_NAME => match method {
            "GetDataAddressMode" | "ListCommandForms" => Need::Role(Role::Transfer),
            "SetDataAddressMode" | "SendAtCommand" => Need::Role(Role::Administer),
            _ => return None,
        },
        storage::SERVICE_NAME => match method {
            "FetchToModule" | "SendFromModule" | "ListModuleFiles" | "DeleteModuleFile"
            | "ReadModuleFile" | "WriteModuleFile" | "GetModuleSpace" => {
                Need::Role(Role::ModuleFiles)
            }
            _ => return None,
        },
        // Health and reflection.
        "grpc.health.v1.Health"
        | "grpc.reflection.v1.ServerReflection"
        | "grpc.reflection.v1alpha.ServerReflection" => Need::Nothing,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use prost_types::FileDescriptorSet;

    use super::*;
    use crate::broker::terms::Principal;
    use crate::broker::terms::Who;
    use crate::proto::FILE_DESCRIPTOR_SET;
    use crate::rpc::role::Assigned;

    /// Every method of the contract by its path.
    fn paths() -> Vec<String> {
        let sets = [
            FILE_DESCRIPTOR_SET,
            tonic_health::pb::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
        ];
        let sets = sets.map(|set| FileDescriptorSet::decode(set).unwrap());
        let mut paths = Vec::new();
        for file in sets.iter().flat_map(|set| &set.file) {
            for service in &file.service {
                let methods = service.method.iter();
                paths.extend(methods.map(|method| {
                    format!("/{}.{}/{}", file.package(), service.name(), method.name())
                }));
            }
        }
        paths
    }

    fn who(names: &[&str]) -> Vec<Who> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    /// The methods that a principal may not call.
    fn closed(roles: &Roles, principal: &str) -> Vec<String> {
        let principal = Principal::new(principal);
        let mut paths = paths();
        paths.retain(|path| match need(path).unwrap() {
            Need::Nothing | Need::Name => false,
            Need::Role(role) => !roles.has(&principal, role),
        });
        let methods = paths.iter().filter_map(|path| path.rsplit_once('/'));
        methods.map(|(_, method)| method.to_owned()).collect()
    }

    #[test]
    fn somebody_has_decided_about_every_method() {
        let paths = paths();
        assert!(paths.len() > 40, "the contract was not found: {paths:?}");
        for path in paths {
            assert!(need(&path).is_some(), "{path} needs a row in `need`");
        }
        for path in ["", "/", "/x/y", "/cellftp.v1.FtpsService/Format", "Get"] {
            assert_eq!(need(path), None, "{path:?}");
        }
    }

    #[test]
    fn who_comes_from_this_machine_may_do_all_and_a_certificate_transfers() {
        let roles = Roles::default();
        assert_eq!(closed(&roles, "uid:1000"), [""; 0]);
        assert_eq!(closed(&roles, "tcp"), [""; 0]);
        let mut closed = closed(&roles, "cert:backup");
        closed.sort();
        assert_eq!(
            closed,
            [
                "DeleteModuleFile",
                "FetchToModule",
                "GetModuleSpace",
                "ListModuleFiles",
                "ReadModuleFile",
                "Reset",
                "SendAtCommand",
                "SendFromModule",
                "SetDataAddressMode",
                "StopFtps",
                "WriteModuleFile",
            ]
        );
    }

    #[test]
    fn a_list_means_whom_it_names() {
        let roles = Roles::from(Assigned {
            transfer: who(&["cert:*", "uid:0"]),
            module_files: who(&["*"]),
            administer: who(&["cert:ops"]),
        });
        let cases = [
            ("uid:0", [true, true, false]),
            ("uid:01", [false, true, false]),
            ("tcp", [false, true, false]),
            ("cert:meter", [true, true, false]),
            ("cert:ops", [true, true, true]),
            ("cert:ops2", [true, true, false]),
        ];
        for (name, want) in cases {
            let have = [Role::Transfer, Role::ModuleFiles, Role::Administer]
                .map(|role| roles.has(&Principal::new(name), role));
            assert_eq!(have, want, "{name}");
        }
    }
}
