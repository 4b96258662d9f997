//! Whether a transfer gives up the link before its end, for the waiting jobs. Values only.

use std::time::Duration;

use tokio::time::Instant;

use crate::broker::scheduler::estimate::Costs;
use crate::broker::terms::{Load, Priority, YieldReason, Yields};

/// How a transfer on the link yields, if it can resume later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Yielding {
    /// The policy of its caller, or of the profile of its server.
    pub(crate) policy: Yields,
    /// Its rest goes in blocks, whether it yields or not.
    pub(crate) in_blocks: bool,
    /// It has yielded before.
    pub(crate) again: bool,
}

/// The transfer on the link and its progress.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tenant {
    pub(super) yielding: Yielding,
    pub(super) priority: Priority,
    /// What it had to move when it got the link.
    pub(super) load: Load,
    /// Bytes moved since then.
    pub(super) moved: u64,
    pub(super) since: Instant,
    /// Its caller has sent nothing for a while, or has left no room for more.
    pub(super) trickles: bool,
}

/// A waiting job.
#[derive(Debug, Clone, Copy)]
pub(super) struct Guest {
    pub(super) priority: Priority,
    /// When its patience ends: it then goes before more urgent ones.
    pub(super) starves: Instant,
    /// Its expected time on the link.
    pub(super) takes: Duration,
}

/// What the transfer on the link does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It keeps the link until something changes.
    Keep,
    /// It gives up the link.
    MakeWay(YieldReason),
    /// It keeps the link at least until this moment.
    LookAgainAt(Instant),
}

/// A transfer that ends within this time is not worth an interruption: about the time of an
/// operation.
const SOON: Duration = Duration::from_secs(2);

/// After a transfer has yielded, it keeps the link for this many times the cost of yielding before
/// it yields again: so four fifths of its time on the link bring it forward. With
/// [`Yields::Always`] it is half.
pub(super) const SHARE: u32 = 4;

/// Bytes after which a transfer measures its own pace.
const TELLING: u64 = 16 * 1024;

/// A job whose patience is over interrupts a transfer only if it is this many times shorter than
/// the rest of the transfer. If two long transfers took turns, both would end later.
const SHORTER: u32 = 4;

impl Tenant {
    /// Whether the transfer yields to `guests`.
    pub(super) fn verdict(&self, guests: &[Guest], costs: &Costs, now: Instant) -> Verdict {
        if self.trickles && !guests.is_empty() {
            return Verdict::MakeWay(YieldReason::Trickle);
        }
        let rest = self.rest(costs, now);
        if self.yielding.policy == Yields::Never || rest <= SOON || !self.is_worth(rest, costs) {
            return Verdict::Keep;
        }
        let short = |guest: &&Guest| guest.takes.saturating_mul(SHORTER) <= rest;
        let why = if guests.iter().any(|guest| guest.priority < self.priority) {
            YieldReason::Urgent
        } else {
            let soonest = guests.iter().filter(short).map(|guest| guest.starves);
            match soonest.min() {
                Some(starves) if starves <= now => YieldReason::Patience,
                Some(starves) => return Verdict::LookAgainAt(starves),
                None => return Verdict::Keep,
            }
        };
        let forward = self.since + self.share(costs);
        if now < forward {
            Verdict::LookAgainAt(forward)
        } else if self.yielding.again && self.moved == 0 {
            // The link may have broken. The transfer must have moved something before it yields
            // again.
            Verdict::LookAgainAt(now + SOON)
        } else {
            Verdict::MakeWay(why)
        }
    }

    /// How long the transfer has the link at least before it yields.
    fn share(&self, costs: &Costs) -> Duration {
        if !self.yielding.again {
            return Duration::ZERO;
        }
        let cost = self.cost(costs);
        match self.yielding.policy {
            Yields::Always => cost,
            Yields::Auto | Yields::Never => cost.saturating_mul(SHARE),
        }
    }

    /// Whether the policy finds yielding worth its cost.
    fn is_worth(&self, rest: Duration, costs: &Costs) -> bool {
        let Yielding {
            policy, in_blocks, ..
        } = self.yielding;
        match (policy, self.load) {
            (Yields::Always, _) => true,
            (_, Load::Up(_)) => in_blocks || self.priority == Priority::Bulk,
            _ => costs.abort.saturating_add(costs.login) < rest,
        }
    }

    /// The cost of yielding: to leave, and to come back to the same place.
    fn cost(&self, costs: &Costs) -> Duration {
        match self.load {
            // A resumed upload asks for the size and reads the end again.
            Load::Up(_) => costs.pause + costs.small * 2,
            _ => costs.abort + costs.login + costs.small,
        }
    }

    /// The transfer's remaining time on the link.
    fn rest(&self, costs: &Costs, now: Instant) -> Duration {
        let known = match self.load {
            Load::Up(size) | Load::Down(size) => size,
            Load::Small => return Duration::ZERO,
        };
        // A transfer that has moved so much may well move as much again.
        let size = known.unwrap_or_else(|| costs.size.max(self.moved.saturating_mul(2)));
        let bytes = size.saturating_sub(self.moved);
        let millis = u64::try_from((now - self.since).as_millis()).unwrap_or(u64::MAX);
        let rate = match self.load {
            _ if self.moved >= TELLING && millis > 0 => self.moved.saturating_mul(1000) / millis,
            Load::Up(_) if self.yielding.in_blocks => costs.blocks,
            Load::Up(_) => costs.up,
            _ => costs.down,
        };
        Duration::from_millis(bytes.saturating_mul(1000) / rate.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modem::clock;

    const SECOND: Duration = Duration::from_secs(1);

    fn costs() -> Costs {
        Costs {
            login: 5 * SECOND,
            small: SECOND / 2,
            abort: SECOND,
            pause: SECOND / 2,
            up: 10_000,
            down: 10_000,
            blocks: 2000,
            ..Costs::default()
        }
    }

    fn tenant(load: Load, policy: Yields) -> Tenant {
        Tenant {
            yielding: Yielding {
                policy,
                in_blocks: false,
                again: false,
            },
            priority: Priority::Normal,
            load,
            moved: 0,
            since: clock::now(),
            trickles: false,
        }
    }

    fn guest(priority: Priority, starves: Instant) -> Guest {
        Guest {
            priority,
            starves,
            takes: SECOND / 2,
        }
    }

    const LARGE: Option<u64> = Some(1_000_000);

    #[test]
    fn nobody_gives_way_to_nobody_or_to_those_less_urgent() {
        for policy in [Yields::Auto, Yields::Always, Yields::Never] {
            let tenant = tenant(Load::Down(LARGE), policy);
            let now = tenant.since + SECOND;
            assert_eq!(tenant.verdict(&[], &costs(), now), Verdict::Keep);
            let bulk = Guest {
                takes: 1000 * SECOND,
                ..guest(Priority::Bulk, now)
            };
            assert_eq!(tenant.verdict(&[bulk], &costs(), now), Verdict::Keep);
        }
    }

    #[test]
    fn a_download_gives_way_where_an_abort_and_a_login_are_quicker_than_its_rest() {
        for (bytes, gives_way) in [(50_000, false), (70_000, true)] {
            let tenant = tenant(Load::Down(Some(bytes)), Yields::Auto);
            let now = tenant.since;
            let urgent = guest(Priority::Interactive, now + 20 * SECOND);
            let verdict = tenant.verdict(&[urgent], &costs(), now);
            let expected = if gives_way {
                Verdict::MakeWay(YieldReason::Urgent)
            } else {
                Verdict::Keep
            };
            assert_eq!(verdict, expected, "{bytes} bytes");
        }
    }

    #[test]
    fn an_upload_in_one_stream_gives_way_where_nobody_waits_for_it_or_where_it_was_told_to() {
        let normal = tenant(Load::Up(LARGE), Yields::Auto);
        let now = normal.since + SECOND;
        let urgent = [guest(Priority::Interactive, now + 20 * SECOND)];
        assert_eq!(normal.verdict(&urgent, &costs(), now), Verdict::Keep);
        let mut in_blocks = normal;
        in_blocks.yielding.in_blocks = true;
        let bulk = Tenant {
            priority: Priority::Bulk,
            ..normal
        };
        let told = tenant(Load::Up(LARGE), Yields::Always);
        for tenant in [in_blocks, bulk, told] {
            let verdict = tenant.verdict(&urgent, &costs(), now);
            assert_eq!(verdict, Verdict::MakeWay(YieldReason::Urgent), "{tenant:?}");
        }
        let short = tenant(Load::Up(Some(20_000)), Yields::Always);
        assert_eq!(short.verdict(&urgent, &costs(), now), Verdict::Keep);
    }

    #[test]
    fn one_that_gave_way_has_the_link_for_a_while_before_it_does_again() {
        for (policy, share) in [(Yields::Always, 1), (Yields::Auto, 4)] {
            let mut tenant = tenant(Load::Down(LARGE), policy);
            tenant.yielding.again = true;
            let cost = 6 * SECOND + SECOND / 2;
            let forward = tenant.since + cost * share;
            let urgent = [guest(Priority::Interactive, forward + SECOND)];
            let look = |tenant: &Tenant, now| tenant.verdict(&urgent, &costs(), now);
            assert_eq!(
                look(&tenant, tenant.since + SECOND),
                Verdict::LookAgainAt(forward)
            );
            let later = look(&tenant, forward);
            assert!(
                matches!(later, Verdict::LookAgainAt(_)),
                "it has not moved a byte"
            );
            tenant.moved = 100;
            assert_eq!(
                look(&tenant, forward),
                Verdict::MakeWay(YieldReason::Urgent)
            );
        }
    }

    #[test]
    fn who_has_waited_beyond_patience_is_let_in_if_that_is_quick() {
        let tenant = tenant(Load::Down(LARGE), Yields::Auto);
        let patient = tenant.since + 20 * SECOND;
        let equal = [guest(Priority::Normal, patient)];
        let early = tenant.since + SECOND;
        assert_eq!(
            tenant.verdict(&equal, &costs(), early),
            Verdict::LookAgainAt(patient)
        );
        assert_eq!(
            tenant.verdict(&equal, &costs(), patient),
            Verdict::MakeWay(YieldReason::Patience)
        );
        let long = [Guest {
            takes: 80 * SECOND,
            ..equal[0]
        }];
        assert_eq!(tenant.verdict(&long, &costs(), patient), Verdict::Keep);
    }

    #[test]
    fn who_trickles_gives_way_to_anybody_and_whatever_was_agreed() {
        let mut tenant = tenant(Load::Up(None), Yields::Never);
        tenant.trickles = true;
        let now = tenant.since;
        let anybody = [guest(Priority::Bulk, now + 20 * SECOND)];
        let verdict = tenant.verdict(&anybody, &costs(), now);
        assert_eq!(verdict, Verdict::MakeWay(YieldReason::Trickle));
        assert_eq!(tenant.verdict(&[], &costs(), now), Verdict::Keep);
    }

    #[test]
    fn its_own_pace_counts_more_than_that_of_others() {
        let mut tenant = tenant(Load::Down(Some(100_000)), Yields::Always);
        tenant.moved = 50_000;
        let urgent = [guest(Priority::Interactive, tenant.since + 99 * SECOND)];
        // 50000 bytes in one second: the rest takes one second more.
        let now = tenant.since + SECOND;
        assert_eq!(tenant.verdict(&urgent, &costs(), now), Verdict::Keep);
    }
}
