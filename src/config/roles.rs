//! `[roles]`: what clients may do.

use serde::{Deserialize, Serialize};

use super::error::Problem;
use crate::broker::terms::{Who, WhoError};
use crate::rpc::role;

/// Who has which role, by the names that the daemon knows clients by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Roles {
    /// Who may work with servers.
    pub transfer: Vec<String>,
    /// Who may work with the files on the module.
    pub module_files: Vec<String>,
    /// Who may do to the module what all others notice.
    pub administer: Vec<String>,
}

impl Default for Roles {
    fn default() -> Self {
        let roles = role::Assigned::default();
        let names = |list: Vec<Who>| list.iter().map(Who::to_string).collect();
        Self {
            transfer: names(roles.transfer),
            module_files: names(roles.module_files),
            administer: names(roles.administer),
        }
    }
}

impl Roles {
    /// The roles for the server.
    ///
    /// # Errors
    /// A [`Problem`] for each key that is wrong.
    pub fn resolve(&self) -> Result<role::Assigned, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut list = |key: &str, names: &[String]| {
            let (known, unknown): (Vec<_>, Vec<_>) = names
                .iter()
                .map(|name| name.parse::<Who>())
                .partition(Result::is_ok);
            let refused = unknown.into_iter().filter_map(Result::err);
            problems.extend(
                refused.map(|error: WhoError| Problem::new(["roles", key], error.to_string())),
            );
            known.into_iter().flatten().collect()
        };
        let roles = role::Assigned {
            transfer: list("transfer", &self.transfer),
            module_files: list("module_files", &self.module_files),
            administer: list("administer", &self.administer),
        };
        if problems.is_empty() {
            Ok(roles)
        } else {
            Err(problems)
        }
    }

    pub(super) fn check(&self, problems: &mut Vec<Problem>) {
        problems.extend(self.resolve().err().into_iter().flatten());
    }
}
