//! What has moved, for those who ask.

use std::path::PathBuf;
use std::sync::Arc;

use crate::broker::Broker;
use crate::broker::terms::Caller;
use crate::broker::usage::{Keeper, Report};

impl Broker {
    /// What has moved, for all and for the caller, and how the caller's limits stand.
    #[must_use]
    pub fn usage(&self, caller: &Caller) -> Report {
        let profiles = self.shared.servers.data_limits();
        self.shared.usage.report(&caller.principal, profiles)
    }

    /// What stores the counts at `path` from time to time. It holds no handle of the module.
    #[must_use]
    pub fn usage_keeper(&self, path: impl Into<PathBuf>) -> Keeper {
        Keeper::new(Arc::clone(&self.shared.usage), path.into())
    }
}
