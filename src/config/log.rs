//! `[log]`: the log of the daemon.

use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;

use super::error::Problem;

/// What is logged, and in which form. The log goes to standard error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug`, `trace`, or a list as `info,cellftp::modem=trace`.
    pub level: String,
    /// The form of a line.
    pub format: Format,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            level: "info".into(),
            format: Format::default(),
        }
    }
}

impl Log {
    pub(super) fn check(&self, problems: &mut Vec<Problem>) {
        if let Err(error) = EnvFilter::builder().parse(&self.level) {
            let rule = format!(
                "is `{}` ({error}); allowed: error, warn, info, debug, trace, or a list as \
                 `info,cellftp::modem=trace`",
                self.level
            );
            problems.push(Problem::new("log.level", rule));
        }
    }
}

/// The form of a line of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// `journal` where systemd's journal reads standard error, else `text`.
    #[default]
    Auto,
    /// For people, with the time.
    Text,
    /// For systemd's journal, which has the time: the priority precedes each line.
    Journal,
    /// One JSON object a line.
    Json,
}
