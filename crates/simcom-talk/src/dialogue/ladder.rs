//! The repair ladder. It remembers what was tried and when, and names the next rung.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Failure, Rung, Sign};
use crate::ftps::value::Server;

/// How often the higher rungs may be tried. The lower rungs, up to STOP and START, are part of
/// every way to a server and are bounded within each operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The highest rung of the module that may be tried. [`Rung::Reopen`] is no rung of the module.
    pub highest: Rung,
    /// PDP context off and on.
    pub context: Bound,
    /// Radio off and on.
    pub radio: Bound,
    /// Reset of the module.
    pub reset: Bound,
    /// Port closed and opened.
    pub reopen: Bound,
}

/// How often one rung may be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// The rung is not tried again before this time has passed.
    pub cool_down: Duration,
    /// Most tries in an hour. 0 means never.
    pub per_hour: u32,
}

impl Default for Limits {
    /// A reset takes half a minute, and a module that needs one every 10 minutes needs a person:
    /// after three in an hour it is clear that they do not help. The radio takes as long where the
    /// module has to search for the network, and networks reject a subscriber that comes back too
    /// often. The context takes seconds. Reopening the port costs nothing, except that bytes on
    /// their way are lost.
    fn default() -> Self {
        let bound = |seconds, per_hour| Bound {
            cool_down: Duration::from_secs(seconds),
            per_hour,
        };
        Self {
            highest: Rung::Reset,
            context: bound(30, 12),
            radio: bound(120, 6),
            reset: bound(600, 3),
            reopen: bound(10, 120),
        }
    }
}

impl Limits {
    fn bound(&self, rung: Rung) -> Option<Bound> {
        match rung {
            Rung::Resynchronise | Rung::Login | Rung::Service => None,
            Rung::Context => Some(self.context),
            Rung::Radio => Some(self.radio),
            Rung::Reset => Some(self.reset),
            Rung::Reopen => Some(self.reopen),
        }
        .filter(|_| rung <= self.highest || rung == Rung::Reopen)
        .filter(|bound| bound.per_hour > 0)
    }
}

/// Why no rung is tried now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No rung of the ladder can help.
    #[error("no repair of the module helps here")]
    NotTheModule,
    /// The next rung was tried a short while ago, or every rung was tried and none helped.
    #[error("the next repair has to wait")]
    Cooling {
        /// When it may be tried, counted from the same origin as all times here.
        until: Duration,
    },
    /// The configuration allows none.
    #[error("no repair is allowed")]
    Forbidden,
}

/// Remembers what was tried. Times are counted from one origin and never go back.
///
/// The ladder climbs only while nothing helps. The next rung is the lowest that can help and that
/// was not tried since the module last served.
#[derive(Debug)]
pub struct Ladder {
    limits: Limits,
    /// When each rung was tried, within the last hour.
    tried: Vec<(Rung, Duration)>,
    /// The highest rung tried since the module last served.
    reached: Option<Rung>,
    /// How many bring-ups in a row failed for want of an answer.
    silent: u32,
    /// Servers that could not be reached since the last one that could.
    unreached: BTreeSet<(String, u16)>,
}

/// The period of the budgets.
const HOUR: Duration = Duration::from_secs(3600);

/// Failed bring-ups of a silent module before the port is reopened: a device that was enumerated
/// again may have left a dead descriptor.
const SILENT: u32 = 2;

/// Where this many different servers are out of reach, the module is at fault.
const SERVERS: usize = 2;

impl Ladder {
    /// A ladder on which nothing was tried.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            tried: Vec::new(),
            reached: None,
            silent: 0,
            unreached: BTreeSet::new(),
        }
    }

    /// The next rung after a failure, on the way to `server` where there is one. The rung counts as
    /// tried from now on.
    ///
    /// # Errors
    /// [`Refusal`] says why no rung is tried.
    pub fn next(
        &mut self,
        failure: &Failure,
        server: Option<&Server>,
        now: Duration,
    ) -> Result<Rung, Refusal> {
        let rungs: &[Rung] = match self.weigh(failure, server) {
            Sign::Nothing => return Err(Refusal::NotTheModule),
            Sign::Transfer => &[Rung::Context],
            // The servers may be at fault after all.
            Sign::Doubt => &[Rung::Context, Rung::Radio],
            Sign::Network => &[Rung::Context, Rung::Radio, Rung::Reset],
            // Without a network there is no context to repair.
            Sign::Unregistered => &[Rung::Radio, Rung::Reset],
            // The module would hear no other rung.
            Sign::Silence => &[Rung::Reopen],
        };
        let rung = match self.climb(rungs, now) {
            Err(Refusal::Cooling { until }) if until <= now => {
                self.reached = None;
                self.climb(rungs, now)?
            }
            climbed => climbed?,
        };
        self.note(rung, now);
        if rung != Rung::Reopen {
            self.reached = self.reached.max(Some(rung));
        }
        self.silent = 0;
        Ok(rung)
    }

    /// Takes note of a rung that was tried without asking the ladder. It counts for the budget.
    pub fn note(&mut self, rung: Rung, now: Duration) {
        self.tried.retain(|(_, at)| now.saturating_sub(*at) < HOUR);
        self.tried.push((rung, now));
    }

    /// The module reached a server, or a rung helped. The next failure is a new one.
    pub fn served(&mut self) {
        self.reached = None;
        self.silent = 0;
        self.unreached.clear();
    }

    /// The lowest rung that is free and stands above the one reached. A spent budget shows that a
    /// rung is not enough, so the next rung is tried. A rung that was tried a short while ago may
    /// still help, so nothing above it is tried.
    fn climb(&self, rungs: &[Rung], now: Duration) -> Result<Rung, Refusal> {
        let mut free_at: Option<Duration> = None;
        let mut later = |at: Duration| {
            free_at = Some(free_at.map_or(at, |known| known.min(at)));
        };
        for rung in rungs.iter().copied() {
            let Some(bound) = self.limits.bound(rung) else {
                continue;
            };
            let last = self.recent(rung, now).max();
            let cool_at = last.map_or(now, |last| last.saturating_add(bound.cool_down));
            if let Some(at) = self.spent_until(rung, bound, now) {
                later(at.max(cool_at));
                continue;
            }
            // A rung at or below the one reached waits until that one has cooled down as well.
            if self.reached.is_some_and(|reached| rung <= reached) {
                later(self.rested_at(now).max(cool_at));
                continue;
            }
            if cool_at > now {
                return Err(Refusal::Cooling { until: cool_at });
            }
            return Ok(rung);
        }
        match free_at {
            Some(until) => Err(Refusal::Cooling { until }),
            None => Err(Refusal::Forbidden),
        }
    }

    /// When the highest rung tried has cooled down, so that the ladder may begin again.
    fn rested_at(&self, now: Duration) -> Duration {
        let rested = self.reached.and_then(|rung| {
            let last = self.recent(rung, now).max()?;
            Some(last.saturating_add(self.limits.bound(rung)?.cool_down))
        });
        rested.unwrap_or(now)
    }

    /// When a spent budget has room again.
    fn spent_until(&self, rung: Rung, bound: Bound, now: Duration) -> Option<Duration> {
        let uses: Vec<_> = self.recent(rung, now).collect();
        let most = usize::try_from(bound.per_hour).unwrap_or(usize::MAX);
        let over = uses.len().checked_sub(most)?;
        uses.get(over).map(|first| first.saturating_add(HOUR))
    }

    fn recent(&self, rung: Rung, now: Duration) -> impl Iterator<Item = Duration> {
        let times = self.tried.iter();
        times
            .filter(move |(other, at)| *other == rung && now.saturating_sub(*at) < HOUR)
            .map(|(_, at)| *at)
    }

    /// What a failure tells, together with the failures before it.
    fn weigh(&mut self, failure: &Failure, server: Option<&Server>) -> Sign {
        match failure.sign() {
            Sign::Doubt => {
                // More servers would tell no more.
                if let Some(server) = server.filter(|_| self.unreached.len() < SERVERS) {
                    let name = server.host.as_str().to_owned();
                    self.unreached.insert((name, server.port.get()));
                }
                let several = self.unreached.len() >= SERVERS;
                if several { Sign::Doubt } else { Sign::Nothing }
            }
            Sign::Silence => {
                self.silent = self.silent.saturating_add(1);
                let lasting = self.silent >= SILENT;
                if lasting {
                    Sign::Silence
                } else {
                    Sign::Nothing
                }
            }
            sign => sign,
        }
    }
}

#[cfg(test)]
mod tests;
