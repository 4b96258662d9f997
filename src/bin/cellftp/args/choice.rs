//! Words that options take.

use cellftp::client::{Growth, IfExists, OnFailure, Priority, Verify, YieldPolicy};
use clap::ValueEnum;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Existing {
    /// Replace it
    #[default]
    Overwrite,
    /// Leave it alone and fail
    Fail,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum OnServer {
    /// Replace it
    #[default]
    Overwrite,
    /// Leave it alone and fail
    Fail,
    /// Send nothing where it has the same size (with --verify read-back: and the same SHA-256), else replace
    /// it
    SkipSame,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Check {
    /// Ask the server for the size
    #[default]
    Size,
    /// Read the file back and compare SHA-256; costs the transfer again
    ReadBack,
    /// Ask the server for the size, and trust the module's report where it does not tell
    BestEffort,
    /// Trust the module's report
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Remains {
    /// Delete it from the server
    #[default]
    Delete,
    /// Leave what is there
    Keep,
}

/// When a transfer gives up the link before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Yields {
    /// Where that costs less than it saves
    Auto,
    /// Whenever somebody more urgent waits
    Always,
    /// Not at all
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Grown {
    /// As many bytes as it had when its size was asked for
    #[default]
    FirstSize,
    /// All that come
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Urgency {
    /// Somebody waits for it
    Interactive,
    /// Before what nobody waits for
    Normal,
    /// Nobody waits for it
    Bulk,
}

impl From<Urgency> for Priority {
    fn from(urgency: Urgency) -> Self {
        match urgency {
            Urgency::Interactive => Self::Interactive,
            Urgency::Normal => Self::Normal,
            Urgency::Bulk => Self::Bulk,
        }
    }
}

impl From<Yields> for YieldPolicy {
    fn from(yields: Yields) -> Self {
        match yields {
            Yields::Auto => Self::Auto,
            Yields::Always => Self::Always,
            Yields::Never => Self::Never,
        }
    }
}

impl From<Grown> for Growth {
    fn from(grown: Grown) -> Self {
        match grown {
            Grown::FirstSize => Self::FirstSize,
            Grown::All => Self::All,
        }
    }
}

impl From<OnServer> for IfExists {
    fn from(existing: OnServer) -> Self {
        match existing {
            OnServer::Overwrite => Self::Overwrite,
            OnServer::Fail => Self::Fail,
            OnServer::SkipSame => Self::SkipSame,
        }
    }
}

impl From<Existing> for IfExists {
    fn from(existing: Existing) -> Self {
        match existing {
            Existing::Overwrite => Self::Overwrite,
            Existing::Fail => Self::Fail,
        }
    }
}

impl From<Check> for Verify {
    fn from(check: Check) -> Self {
        match check {
            Check::Size => Self::Size,
            Check::ReadBack => Self::ReadBack,
            Check::BestEffort => Self::BestEffort,
            Check::None => Self::None,
        }
    }
}

impl From<Remains> for OnFailure {
    fn from(remains: Remains) -> Self {
        match remains {
            Remains::Delete => Self::Delete,
            Remains::Keep => Self::Keep,
        }
    }
}
