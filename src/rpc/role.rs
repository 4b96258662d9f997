//! Roles, and who has which.

use std::sync::Arc;

use arc_swap::ArcSwap;
use strum::IntoStaticStr;

use crate::broker::Broker;
use crate::broker::terms::{Principal, Who};
use crate::modem::health::LoggedIn;

/// A role of a principal.
#[derive(Debug, IntoStaticStr, Clone, Copy, PartialEq, Eq)]
#[strum(serialize_all = "snake_case")]
pub enum Role {
    /// Work with servers, in sessions, operations and transfers of one's own; also what queues for the link and
    /// changes nothing for others.
    Transfer,
    /// Work with the files on the module. They belong to nobody, so that whoever has this role may read,
    /// replace and delete all of them.
    ModuleFiles,
    /// Do to the module what all others notice, and see and end what belongs to others.
    Administer,
}

/// Who has which role, now. Cheap to clone; [`Roles::reload`] changes all clones.
#[derive(Debug, Clone, Default)]
pub struct Roles(Arc<ArcSwap<Assigned>>);

/// Who has which role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assigned {
    /// Who has [`Role::Transfer`].
    pub transfer: Vec<Who>,
    /// Who has [`Role::ModuleFiles`].
    pub module_files: Vec<Who>,
    /// Who has [`Role::Administer`].
    pub administer: Vec<Who>,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Transfer, Self::ModuleFiles, Self::Administer];

    /// Its name in the configuration and in errors.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }
}

impl Roles {
    /// Takes over other roles. Calls that have begun go on, but nobody is told more of what belongs to others.
    pub fn reload(&self, assigned: Assigned) {
        self.0.store(Arc::new(assigned));
    }

    /// Whether a principal has a role.
    #[must_use]
    pub fn has(&self, principal: &Principal, role: Role) -> bool {
        let assigned = self.0.load();
        let list = match role {
            Role::Transfer => &assigned.transfer,
            Role::ModuleFiles => &assigned.module_files,
            Role::Administer => &assigned.administer,
        };
        list.iter().any(|who| who.means(principal))
    }

    /// Whether a principal may see the server that the module is logged in to: one of its own profiles, or any
    /// for an administrator.
    pub(super) fn sees_servers_of<'a>(
        &self,
        principal: &'a Principal,
        broker: &'a Broker,
    ) -> impl Fn(&LoggedIn) -> bool + 'a {
        let all = self.has(principal, Role::Administer);
        move |server| all || broker.may_know(principal, server)
    }
}

impl From<Assigned> for Roles {
    fn from(assigned: Assigned) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(assigned)))
    }
}

impl Default for Assigned {
    /// Every principal may transfer. Principals of this machine may do everything: the mode of the socket has
    /// decided who they are. Principals of other machines may do nothing that others notice, unless they are
    /// named.
    fn default() -> Self {
        let here = || vec![Who::users(), Who::tcp()];
        Self {
            transfer: vec![Who::everybody()],
            module_files: here(),
            administer: here(),
        }
    }
}
