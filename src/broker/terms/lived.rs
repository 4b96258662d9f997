//! Time as transfers count it.

use std::ops::{Add, AddAssign};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Deserializer, Serialize};

/// A moment on the running-time clock: the time that daemons have run with these transfers since
/// the first one.
///
/// Ages and pauses count in it. The clock of a router is wrong by years, and jumps: the daemon
/// tells clients what it says, and decides nothing by it. Nothing ages while no daemon runs, and a
/// crash repeats the time since it was last stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Lived(Duration);

impl Lived {
    /// The beginning. Records of versions that counted by the wall clock have this.
    pub(crate) const ZERO: Self = Self(Duration::ZERO);

    pub(crate) const fn from_secs(secs: u32) -> Self {
        Self(Duration::from_secs(secs as u64))
    }

    /// Whole seconds since the beginning.
    pub(crate) fn as_secs(self) -> u32 {
        u32::try_from(self.0.as_secs()).unwrap_or(u32::MAX)
    }

    /// Time since an earlier moment; zero where that moment is later.
    pub(crate) const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// The moment `span` earlier.
    pub(crate) const fn before(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(span))
    }

    /// Reads a moment that a former version wrote as wall-clock time: that moment has come.
    pub(crate) fn or_of_day<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        /// A [`Duration`] has both fields; a [`SystemTime`] has fields of other names.
        #[derive(Deserialize)]
        struct Either {
            #[serde(default)]
            secs: u64,
            #[serde(default)]
            nanos: u32,
        }
        let Either { secs, nanos } = Either::deserialize(from)?;
        let whole = Duration::from_secs(secs);
        Ok(Self(
            whole.saturating_add(Duration::from_nanos(nanos.into())),
        ))
    }
}

impl Add<Duration> for Lived {
    type Output = Self;

    fn add(self, later: Duration) -> Self {
        Self(self.0.saturating_add(later))
    }
}

/// The present: running time, which decides, and wall-clock time, which clients are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Now {
    pub(crate) lived: Lived,
    pub(crate) wall: SystemTime,
}

impl Now {
    /// What the wall clock will show at `then`, unless somebody sets it.
    pub(crate) fn wall_at(self, then: Lived) -> SystemTime {
        let later = self.wall.checked_add(then.since(self.lived));
        later.unwrap_or(self.wall)
    }
}

impl Add<Duration> for Now {
    type Output = Self;

    fn add(self, later: Duration) -> Self {
        Self {
            lived: self.lived + later,
            wall: self.wall_at(self.lived + later),
        }
    }
}

impl AddAssign<Duration> for Now {
    fn add_assign(&mut self, later: Duration) {
        *self = *self + later;
    }
}
