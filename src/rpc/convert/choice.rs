//! Enumerations of requests to values.

use super::fields::{Fields, Invalid};
use crate::broker::terms::{Priority, Verify, Yields};
use crate::proto;
use simcom_talk::dialogue::operation::Growth;

/// How a transfer shares the link with others: its priority, and when it yields. `None` where the caller does not say.
pub(in crate::rpc) type Sharing = (Option<Priority>, Option<Yields>);

impl Fields {
    /// `Some(None)` where it is not specified.
    pub(super) fn priority(&mut self, field: &str, number: i32) -> Option<Option<Priority>> {
        Some(match self.choice(field, number)? {
            proto::Priority::Unspecified => None,
            proto::Priority::Interactive => Some(Priority::Interactive),
            proto::Priority::Normal => Some(Priority::Normal),
            proto::Priority::Bulk => Some(Priority::Bulk),
        })
    }

    /// `Some(None)` where it is not specified.
    pub(super) fn yields(&mut self, field: &str, number: i32) -> Option<Option<Yields>> {
        Some(match self.choice(field, number)? {
            proto::YieldPolicy::Unspecified => None,
            proto::YieldPolicy::Auto => Some(Yields::Auto),
            proto::YieldPolicy::Always => Some(Yields::Always),
            proto::YieldPolicy::Never => Some(Yields::Never),
        })
    }

    /// How much of a growing file is read.
    pub(super) fn growth(&mut self, field: &str, number: i32) -> Option<Growth> {
        Some(match self.choice(field, number)? {
            proto::Growth::Unspecified | proto::Growth::FirstSize => Growth::FirstSize,
            proto::Growth::All => Growth::All,
        })
    }

    /// `Some(None)` where it is not specified.
    pub(super) fn verify(&mut self, field: &str, number: i32) -> Option<Option<Verify>> {
        Some(match self.choice(field, number)? {
            proto::Verify::Unspecified => None,
            proto::Verify::Size => Some(Verify::Size),
            proto::Verify::ReadBack => Some(Verify::ReadBack),
            proto::Verify::None => Some(Verify::Nothing),
            proto::Verify::BestEffort => Some(Verify::BestEffort),
        })
    }

    /// Whether a file must be new, where nothing else can be asked.
    pub(super) fn must_be_new(&mut self, field: &str, number: i32) -> Option<bool> {
        Some(match self.choice(field, number)? {
            proto::IfExists::Unspecified | proto::IfExists::Overwrite => false,
            proto::IfExists::Fail => true,
            proto::IfExists::SkipSame => {
                return self.refuse(field, "SKIP_SAME is for Put alone");
            }
        })
    }

    /// Whether a file that could not be written whole is deleted.
    pub(super) fn delete_on_failure(&mut self, field: &str, number: i32) -> Option<bool> {
        self.choice(field, number)
            .map(|choice| !matches!(choice, proto::OnFailure::Keep))
    }
}

/// The priority of a request.
pub(in crate::rpc) fn priority(number: i32) -> Result<Option<Priority>, Invalid> {
    let mut fields = Fields::default();
    let priority = fields.priority("priority", number);
    fields.finish(priority)
}
