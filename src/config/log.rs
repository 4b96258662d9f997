//! `[log]`: the log of the daemon.

use serde::{Deserialize, Serialize};

use super::error::Problem;
use super::fault::shown;
use super::nearest::nearest;

/// What is logged, and in which form. The log goes to standard error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// A level (`error`, `warn`, `info`, `debug`, `trace` or `off`), or a list of a level and of levels for parts
    /// of the program, as `info,cellftp::modem=trace`.
    pub level: String,
    /// Whether the line of an operation has its path.
    pub paths: bool,
    /// The form of a line.
    pub format: Format,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            level: "info".into(),
            paths: true,
            format: Format::default(),
        }
    }
}

impl Log {
    pub(super) fn check(&self, problems: &mut Vec<Problem>) {
        let refused = self.level.split(',').filter_map(refusal);
        problems.extend(refused.map(|rule| Problem::new("log.level", rule)));
    }
}

/// The levels, from the one with the fewest lines on.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Why a part of the list is not usable: `LEVEL`, or `TARGET=LEVEL`. The library takes more forms than these, and
/// any misspelt level for the name of a target.
fn refusal(part: &str) -> Option<String> {
    let is_level = |word: &str| LEVELS.contains(&word.to_lowercase().as_str());
    let (target, level) = match part.split_once('=') {
        Some((target, level)) => (Some(target), level),
        None => (None, part),
    };
    let is_target = |target: &str| {
        let mut segments = target.split("::");
        let is_name = |name: &str| {
            let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            !name.is_empty() && name.chars().all(is_part)
        };
        // The program's parts have the name of its library.
        target.split("::").next() != Some("cellftpd") && segments.all(is_name)
    };
    let mut hint = String::new();
    match target {
        Some(target) if !is_target(target) => {
            if let Some(rest) = target.strip_prefix("cellftpd") {
                hint = format!("; did you mean `cellftp{}`?", shown(rest));
            }
        }
        _ if is_level(level) => return None,
        _ => {
            if let Some(meant) = nearest(level, LEVELS) {
                hint = format!("; did you mean `{meant}`?");
            }
        }
    }
    Some(format!(
        "has `{}`; allowed: {}, or a list as `info,cellftp::modem=trace`{hint}",
        shown(part),
        LEVELS.join(", ")
    ))
}

/// The form of a line of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
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

#[cfg(test)]
mod tests {
    use super::*;

    fn told(level: &str) -> Vec<String> {
        let mut problems = Vec::new();
        let log = Log {
            level: level.into(),
            ..Log::default()
        };
        log.check(&mut problems);
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_no_level_is_refused() {
        for level in [
            "info",
            "WARN",
            "off",
            "info,cellftp::modem=trace",
            "warn,h2=debug",
            "simcom_talk=debug",
        ] {
            assert_eq!(told(level), [""; 0], "{level}");
            level
                .parse::<tracing_subscriber::filter::Targets>()
                .unwrap();
        }
        for (level, part) in [
            ("verbose", "has `verbose`"),
            ("inof", "did you mean `info`?"),
            ("", "has ``"),
            ("warn, h2=debug", "has ` h2=debug`"),
            ("info,", "has ``"),
            ("3", "has `3`"),
            ("cellftp=loud", "has `cellftp=loud`"),
            ("cellftpd=debug", "did you mean `cellftp`?"),
            ("cellftpd::modem=debug", "did you mean `cellftp::modem`?"),
            ("cellftp[x{y=.*}]=debug", "a list as"),
        ] {
            let told = told(level);
            assert_eq!(told.len(), 1, "{level}: {told:?}");
            assert!(told[0].contains(part), "{level}: {told:?}");
        }
        assert_eq!(told("verbose,a=loud").len(), 2);
    }
}
