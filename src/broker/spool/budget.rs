//! An amount that many share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::broker::caller::Principal;
use crate::broker::share::Places;

/// Bytes that are left of a bound.
#[derive(Debug)]
pub(super) struct Budget {
    left: Mutex<u64>,
}

impl Budget {
    pub(super) const fn new(bound: u64) -> Self {
        Self {
            left: Mutex::new(bound),
        }
    }

    /// Takes all of `amount`, or nothing and answers `false`.
    pub(super) fn take(&self, amount: u64) -> bool {
        let mut left = self.left();
        match left.checked_sub(amount) {
            Some(rest) => {
                *left = rest;
                true
            }
            None => false,
        }
    }

    /// Gives back what was taken.
    pub(super) fn give(&self, amount: u64) {
        let mut left = self.left();
        *left = left.saturating_add(amount);
    }

    fn left(&self) -> MutexGuard<'_, u64> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is left.
    pub(super) fn rest(&self) -> u64 {
        *self.left()
    }
}

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

    /// Gives back what was taken.
    pub(super) fn give(&self, amount: u64) {
        self.places.give(&self.principal, amount);
    }
}
