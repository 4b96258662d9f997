//! An amount that many share.

use std::sync::Arc;

use crate::broker::terms::Principal;
use crate::broker::terms::share::Places;

/// What one principal takes of an amount of which nobody gets all.
#[derive(Debug, Clone)]
pub(super) struct Purse {
    pub(super) places: Arc<Places>,
    pub(super) principal: Principal,
}

impl Purse {
    /// Takes all of `amount`, or nothing and answers `false`.
    pub(super) fn take(&self, amount: u64) -> bool {
        self.places.take_many(&self.principal, amount).is_ok()
    }

    /// Whether `amount` more is beyond what its principal may have, whatever others give back.
    pub(super) fn is_beyond(&self, amount: u64) -> bool {
        self.places.is_beyond(&self.principal, amount)
    }

    /// Gives back what was taken.
    pub(super) fn give(&self, amount: u64) {
        self.places.give(&self.principal, amount);
    }
}
