//! Places that many principals share, and that no principal can take all of.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

use super::caller::Principal;

/// Bounds of shared places: how many there are in all, and how many one principal may have.
///
/// The last quarter is for principals that have few: one that has [`Share::little`] or more gets
/// none of it. So a few principals at their bound leave some for everybody else. Where one
/// principal may have all, nothing is kept back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// In all.
    pub in_all: u64,
    /// Of one principal.
    pub of_one: u64,
}

/// A bound refused a request for places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full {
    /// The principal's own bound, not the one of all principals together.
    pub own: bool,
}

impl Share {
    /// Most that a principal may have to still get some of the last quarter: a sixty-fourth of all,
    /// at least one.
    #[must_use]
    pub fn little(self) -> u64 {
        (self.in_all / 64).max(1)
    }

    /// Whether a principal that has `own` of the `taken` places gets `more`.
    ///
    /// # Errors
    /// [`Full`] says which bound was met.
    pub fn admit(self, taken: u64, own: u64, more: u64) -> Result<(), Full> {
        let (taken, own) = (taken.saturating_add(more), own.saturating_add(more));
        if own > self.of_one {
            return Err(Full { own: true });
        }
        if taken > self.in_all {
            return Err(Full { own: false });
        }
        let last_quarter = taken > self.in_all - self.in_all / 4;
        if last_quarter && self.of_one < self.in_all && own > self.little() {
            return Err(Full { own: true });
        }
        Ok(())
    }
}

/// The taken places of a [`Share`], by principal.
#[derive(Debug)]
pub struct Places {
    taken: Mutex<Taken>,
}

#[derive(Debug)]
struct Taken {
    share: Share,
    in_all: u64,
    by: HashMap<Principal, u64>,
}

impl Places {
    /// No place is taken.
    #[must_use]
    pub fn new(share: Share) -> Self {
        Self {
            taken: Mutex::new(Taken {
                share,
                in_all: 0,
                by: HashMap::new(),
            }),
        }
    }

    /// Takes over other bounds. What is taken stays taken, beyond a smaller bound too.
    pub fn resize(&self, share: Share) {
        self.taken().share = share;
    }

    /// Takes one place; dropping the result gives it back.
    ///
    /// # Errors
    /// [`Full`] says which bound was met.
    pub fn take(self: &Arc<Self>, principal: &Principal) -> Result<Place, Full> {
        self.take_many(principal, 1)?;
        Ok(Place {
            places: Arc::clone(self),
            principal: principal.clone(),
        })
    }

    /// Takes `many` places, or none. [`Places::give`] gives them back.
    ///
    /// # Errors
    /// [`Full`] says which bound was met.
    pub fn take_many(&self, principal: &Principal, many: u64) -> Result<(), Full> {
        let mut taken = self.taken();
        let own = taken.by.get(principal).copied().unwrap_or_default();
        taken.share.admit(taken.in_all, own, many)?;
        if many > 0 {
            taken.in_all += many;
            taken.by.insert(principal.clone(), own + many);
        }
        Ok(())
    }

    /// Gives `many` places back.
    pub fn give(&self, principal: &Principal, many: u64) {
        let mut taken = self.taken();
        taken.in_all = taken.in_all.saturating_sub(many);
        if let Some(own) = taken.by.get_mut(principal) {
            *own = own.saturating_sub(many);
            if *own == 0 {
                taken.by.remove(principal);
            }
        }
    }

    /// Whether `many` more exceed the principal's own bound, whatever others give back.
    #[must_use]
    pub fn is_beyond(&self, principal: &Principal, many: u64) -> bool {
        let taken = self.taken();
        let own = taken.by.get(principal).copied().unwrap_or_default();
        own.saturating_add(many) > taken.share.of_one
    }

    /// Places taken by all.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.taken().in_all
    }

    /// Places left for all.
    #[must_use]
    pub fn rest(&self) -> u64 {
        let taken = self.taken();
        taken.share.in_all.saturating_sub(taken.in_all)
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        // No code panics while it holds the lock; and if one did, the counts would still be counts.
        self.taken.lock()
    }
}

/// One place. Dropping it gives it back.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    principal: Principal,
}

impl Place {
    /// The principal that holds it.
    #[must_use]
    pub const fn principal(&self) -> &Principal {
        &self.principal
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.give(&self.principal, 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_who_take_all_that_they_may_leave_something_for_others() {
        let places = Arc::new(Places::new(Share {
            in_all: 256,
            of_one: 128,
        }));
        let take = |name: &str| places.take(&Principal::new(name));
        let mut greedy = Vec::new();
        while let Ok(place) = take("a") {
            greedy.push(place);
        }
        assert_eq!(greedy.len(), 128);
        while let Ok(place) = take("b") {
            greedy.push(place);
        }
        assert_eq!(greedy.len(), 192, "the last quarter is not theirs");
        let others: Vec<_> = (0..16)
            .map(|other| {
                let name = format!("other {other}");
                let mine: Vec<_> = (0..4).map(|_| take(&name).unwrap()).collect();
                assert_eq!(take(&name).unwrap_err().own, other < 15);
                mine
            })
            .collect();
        assert_eq!(take("late").unwrap_err(), Full { own: false });
        drop(others);
        drop(greedy);
        assert_eq!(places.used(), 0);
        assert!(places.taken().by.is_empty(), "nobody is remembered");
    }

    #[test]
    fn all_or_nothing_is_taken() {
        let places = Places::new(Share {
            in_all: 1000,
            of_one: 500,
        });
        let me = Principal::new("me");
        assert_eq!(places.take_many(&me, 501), Err(Full { own: true }));
        places.take_many(&me, 500).unwrap();
        assert_eq!(places.take_many(&me, 1), Err(Full { own: true }));
        places.give(&me, 500);
        assert_eq!(places.used(), 0);
    }
}
