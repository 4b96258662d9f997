//! `[access.NAME]`: who may use a server profile.

use serde::{Deserialize, Serialize};

use super::error::Problem;
use crate::broker::terms::{self, Who};

/// Who may use a profile, by the names that the daemon knows clients by.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Access {
    /// Who may look at its server and read files.
    pub read: Vec<String>,
    /// Who may also write, make and delete.
    pub write: Vec<String>,
}

impl Access {
    /// The access list for the broker; `profile` is the profile's name.
    ///
    /// # Errors
    /// A [`Problem`] for each key that is wrong.
    pub fn resolve(&self, profile: &str) -> Result<terms::Access, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut list = |key: &str, names: &[String]| {
            let mut known = Vec::new();
            for name in names {
                match name.parse::<Who>() {
                    Ok(who) => known.push(who),
                    Err(error) => {
                        problems.push(Problem::new(["access", profile, key], error.to_string()));
                    }
                }
            }
            known
        };
        let access = terms::Access {
            read: list("read", &self.read),
            write: list("write", &self.write),
        };
        if problems.is_empty() {
            Ok(access)
        } else {
            Err(problems)
        }
    }
}
