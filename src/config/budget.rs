//! `[budget]`: how much data may go over the air.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::Problem;
use super::server::ServerProfile;
use super::size;
use super::transfers::Upload;
use crate::broker::terms::Limit;
use crate::broker::usage::Limits;

/// Where systemd puts the state of a service (systemd.exec(5)).
const STATE: &str = "STATE_DIRECTORY";

/// Limits of estimated bytes over the air; 0: no limit. Days and months are those of UTC.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Budget {
    /// In a day, of all clients together.
    #[serde(with = "size")]
    #[cfg_attr(test, schemars(schema_with = "super::schema::size"))]
    pub per_day: u64,
    /// In a month, of all clients together.
    #[serde(with = "size")]
    #[cfg_attr(test, schemars(schema_with = "super::schema::size"))]
    pub per_month: u64,
    /// In a day, of one client.
    #[serde(with = "size")]
    #[cfg_attr(test, schemars(schema_with = "super::schema::size"))]
    pub client_per_day: u64,
    /// In a month, of one client.
    #[serde(with = "size")]
    #[cfg_attr(test, schemars(schema_with = "super::schema::size"))]
    pub client_per_month: u64,
    /// File that keeps the counts while the daemon is down; empty: `usage.json` in the state directory that
    /// systemd gives the service, where it gives one.
    pub state: PathBuf,
}

impl Budget {
    /// The file of the counts; `None` where there is none.
    pub(super) fn path(&self) -> Option<PathBuf> {
        if !self.state.as_os_str().is_empty() {
            return Some(self.state.clone());
        }
        let directories = std::env::var_os(STATE)?;
        // The variable may have several directories; this is the first (systemd.exec(5)).
        let first = std::env::split_paths(&directories).next()?;
        first.is_absolute().then(|| first.join("usage.json"))
    }

    /// The limits for the broker, without those of profiles.
    pub(super) fn limits(&self, upload: Upload) -> Limits {
        Limits {
            module: Limit {
                per_day: self.per_day,
                per_month: self.per_month,
            },
            client: Limit {
                per_day: self.client_per_day,
                per_month: self.client_per_month,
            },
            blocks: upload == Upload::Blocks,
        }
    }

    pub(super) fn check(&self, problems: &mut Vec<Problem>) {
        let state = self.state.as_path();
        if !state.as_os_str().is_empty() && (state.is_relative() || state.parent().is_none()) {
            let rule = "is no absolute path of a file";
            problems.push(Problem::new("budget.state", rule));
        } else if state
            .parent()
            .is_some_and(|parent| !parent.as_os_str().is_empty() && !Path::is_dir(parent))
        {
            let rule = "is in a directory that there is not";
            problems.push(Problem::new("budget.state", rule));
        }
    }
}

impl ServerProfile {
    /// The limit of this server.
    pub(super) const fn data_limit(&self) -> Limit {
        Limit {
            per_day: self.data_per_day,
            per_month: self.data_per_month,
        }
    }
}
