//! The data moved, for clients that ask.

use std::path::PathBuf;
use std::sync::Arc;

use crate::broker::Broker;
use crate::broker::terms::Caller;
use crate::broker::usage::{Keeper, Report};

impl Broker {
    /// The data moved by all and by the caller, and the state of the caller's limits.
    #[must_use]
    pub fn usage(&self, caller: &Caller) -> Report {
        let servers = self.servers();
        let profiles = servers.data_limits(&caller.principal);
        self.shared.usage.report(&caller.principal, profiles)
    }

    /// Stores the counts at `path` periodically. It holds no handle of the module.
    #[must_use]
    pub fn usage_keeper(&self, path: impl Into<PathBuf>) -> Keeper {
        Keeper::new(Arc::clone(&self.shared.usage), path.into())
    }
}
