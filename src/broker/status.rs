//! What is known of the link that all share.

use std::time::Duration;

use super::caller::Principal;
use super::usage::Counts;
use crate::modem::{Health, JobId};

/// State of the module, of the link and of those who share it.
#[derive(Debug, Clone)]
pub struct Status {
    /// State of the module.
    pub health: Health,
    /// How long `health.link` has lasted.
    pub lasted: Duration,
    /// Name of the profile that the module is logged in to; `None` for a server named inline.
    pub profile: Option<String>,
    /// The operation on the link.
    pub running: Option<Running>,
    /// Operations that wait for the link.
    pub queued: usize,
    /// Open sessions.
    pub sessions: usize,
    /// What has moved on this day and in this month.
    pub data: Counts,
}

/// The operation on the link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// Names the operation.
    pub operation: JobId,
    /// Name of the method, for example `Put`.
    pub method: &'static str,
    /// Whose it is.
    pub principal: Principal,
    /// How long it has had the link.
    pub elapsed: Duration,
}
