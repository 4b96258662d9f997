//! `[outbox.NAME]`: directories whose files are sent.

use std::path::{Component, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::Problem;
use super::server::Priority;
use crate::broker::terms::Verify;
use crate::outbox;
use simcom_talk::ftps::value::RemotePath;

/// Longest name, in bytes: it is a part of a principal's name.
const MAX_NAME: usize = 64;

/// A directory whose files are sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Outbox {
    /// The directory that is watched, an absolute path.
    pub directory: PathBuf,
    /// The server profile that its files go to.
    pub profile: String,
    /// The directory on the server; empty: the login directory.
    pub target: String,
    /// How urgent its files are.
    pub priority: Priority,
    /// How the result is made sure of.
    pub verify: Check,
    /// A file is taken when it has not changed for this long.
    #[serde(with = "super::duration")]
    #[cfg_attr(test, schemars(schema_with = "super::schema::time"))]
    pub quiet: Duration,
    /// What happens to a file that the server has.
    pub sent: Sent,
}

/// How the result of an upload is made sure of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// The server is asked for the size.
    #[default]
    Size,
    /// The file is read back, which costs the transfer again.
    ReadBack,
}

/// What happens to a file that the server has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Sent {
    /// It is deleted.
    #[default]
    Delete,
    /// It is moved to `sent/` in the outbox.
    Keep,
}

impl Default for Outbox {
    fn default() -> Self {
        Self {
            directory: PathBuf::new(),
            profile: String::new(),
            target: String::new(),
            priority: Priority::Bulk,
            verify: Check::default(),
            // Longer than a program pauses between two writes of one file.
            quiet: Duration::from_secs(2),
            sent: Sent::default(),
        }
    }
}

impl Outbox {
    /// The outbox under its name.
    ///
    /// # Errors
    /// A [`Problem`] for each key that is wrong.
    pub fn resolve(&self, name: &str) -> Result<outbox::Outbox, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut wrong = |key: &str, rule: String| {
            problems.push(Problem::new(["outbox", name, key], rule));
        };
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(good) {
            wrong(
                "directory",
                format!("the name of an outbox is 1 to {MAX_NAME} of A-Z a-z 0-9 . _ -"),
            );
        }
        let has_dots = self
            .directory
            .components()
            .any(|part| part == Component::ParentDir);
        if self.directory.is_relative() || has_dots {
            wrong("directory", "is no absolute path without `..`".into());
        }
        let target = match self.target.as_str() {
            "" => ".",
            target => target,
        };
        let target = RemotePath::new(target);
        if let Err(error) = &target {
            wrong("target", error.to_string());
        }
        match target {
            Ok(target) if problems.is_empty() => Ok(outbox::Outbox {
                name: name.to_owned(),
                directory: self.directory.clone(),
                profile: self.profile.clone(),
                target,
                priority: self.priority.into(),
                verify: match self.verify {
                    Check::Size => Verify::Size,
                    Check::ReadBack => Verify::ReadBack,
                },
                quiet: self.quiet,
                sent: match self.sent {
                    Sent::Delete => outbox::Sent::Delete,
                    Sent::Keep => outbox::Sent::Keep,
                },
            }),
            _ => Err(problems),
        }
    }
}
