//! An amount that many principals share.

use std::sync::Arc;

use crate::broker::terms::Principal;
use crate::broker::terms::share::Places;

/// What one principal takes of a shared amount that no principal gets all of.
#[derive(Debug, Clone)]
pub(super) struct Purse {
    pub(super) places: Arc<Places>,
    pub(super) principal: Principal,
}

impl Purse {
    /// Takes all of `amount`, or takes nothing and answers `false`.
    pub(super) fn take(&self, amount: u64) -> bool {
        self.places.take_many(&self.principal, amount).is_ok()
    }

    /// Whether `amount` more exceeds the principal's own bound, whatever others give back.
    pub(super) fn is_beyond(&self, amount: u64) -> bool {
        self.places.is_beyond(&self.principal, amount)
    }

    /// Gives back what was taken.
    pub(super) fn give(&self, amount: u64) {
        self.places.give(&self.principal, amount);
    }
}
