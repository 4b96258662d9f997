//! `[repair]`: how far and how often the daemon repairs the link by itself.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::{Problem, positive};
use simcom_talk::dialogue::{Rung, ladder};

/// Bounds of the higher rungs of the repair ladder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Repair {
    /// The highest rung of the module that is tried.
    pub highest: Highest,
    /// PDP context off and on.
    pub context: Bound,
    /// Radio off and on.
    pub radio: Bound,
    /// Reset of the module.
    pub reset: Bound,
    /// Port closed and opened.
    pub reopen: Bound,
}

/// The highest rung of the module that is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Highest {
    /// The FTPS service stopped and started, which a login may need at any time.
    Service,
    /// The PDP context off and on.
    Context,
    /// The radio off and on.
    Radio,
    /// A reset of the module.
    Reset,
}

/// How often one rung is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Bound {
    /// The least time between two tries.
    #[serde(with = "super::duration")]
    #[cfg_attr(test, schemars(schema_with = "super::schema::time"))]
    pub cool_down: Duration,
    /// Tries in an hour; 0: never.
    pub per_hour: u32,
}

impl Default for Repair {
    fn default() -> Self {
        let limits = ladder::Limits::default();
        Self {
            highest: Highest::Reset,
            context: limits.context.into(),
            radio: limits.radio.into(),
            reset: limits.reset.into(),
            reopen: limits.reopen.into(),
        }
    }
}

impl Repair {
    /// The bounds for the module's task.
    #[must_use]
    pub fn limits(&self) -> ladder::Limits {
        ladder::Limits {
            highest: self.highest.into(),
            context: self.context.into(),
            radio: self.radio.into(),
            reset: self.reset.into(),
            reopen: self.reopen.into(),
        }
    }

    pub(super) fn check(&self, problems: &mut Vec<Problem>) {
        for (key, bound) in [
            ("repair.context.cool_down", self.context),
            ("repair.radio.cool_down", self.radio),
            ("repair.reset.cool_down", self.reset),
            ("repair.reopen.cool_down", self.reopen),
        ] {
            positive(problems, key, bound.cool_down);
        }
    }
}

impl From<Highest> for Rung {
    fn from(highest: Highest) -> Self {
        match highest {
            Highest::Service => Self::Service,
            Highest::Context => Self::Context,
            Highest::Radio => Self::Radio,
            Highest::Reset => Self::Reset,
        }
    }
}

impl From<ladder::Bound> for Bound {
    fn from(bound: ladder::Bound) -> Self {
        Self {
            cool_down: bound.cool_down,
            per_hour: bound.per_hour,
        }
    }
}

impl From<Bound> for ladder::Bound {
    fn from(bound: Bound) -> Self {
        Self {
            cool_down: bound.cool_down,
            per_hour: bound.per_hour,
        }
    }
}
