//! The order of the waiting jobs.

use std::collections::HashMap;

use tokio::time::Instant;

use super::{QueueKey, Scheduler, Waiting};
use crate::broker::terms::{Principal, Priority};

/// The smaller rank goes first.
type Rank = (Kind, u64, u64);

/// Jobs of one kind take turns by principal. The fields: whether the job is no preferred deletion;
/// whether it is still patient; how urgent it is; whether the module is logged in to another
/// server.
type Kind = (bool, bool, Priority, bool);

impl Scheduler {
    /// The waiting jobs, in the order expected if none comes or goes.
    pub(super) fn order(&self, now: Instant) -> Vec<QueueKey> {
        let mut ranked: Vec<(Rank, &Principal, QueueKey)> = self
            .waiting
            .iter()
            .map(|(key, waiting)| (self.rank(waiting, now), &waiting.principal, *key))
            .collect();
        ranked.sort_unstable();
        // The second job of a principal follows the first job of every other principal of the same
        // rank, and the principals keep their order.
        let mut rounds: HashMap<(Kind, &Principal), (u64, usize)> = HashMap::new();
        let mut order: Vec<_> = ranked
            .into_iter()
            .enumerate()
            .map(|(at, ((kind, ..), principal, key))| {
                let (round, first) = rounds.entry((kind, principal)).or_insert((0, at));
                *round += 1;
                ((kind, *round, *first), key)
            })
            .collect();
        order.sort_unstable();
        order.into_iter().map(|(_, key)| key).collect()
    }

    /// The criteria, in this order: a job that deletes a partial file goes first, unless the last
    /// job did that too; then a job whose patience is over; then the more urgent one; then one for
    /// the server that the module is logged in to; then one of the principal whose last turn is
    /// longest ago; then the one that asked first.
    ///
    /// A job with `m - 1` older jobs of its principal waits at most `m * (patience + n * stay)`.
    /// Here `n` principals wait, and `stay` is the longest time that a job, with a deletion before
    /// it, has the link. When the job's patience is over, each other principal goes at most once;
    /// then this job or one of the older ones goes.
    pub(super) fn rank(&self, waiting: &Waiting, now: Instant) -> Rank {
        let share = self.shares.get(&waiting.principal);
        let priority = waiting.wish.priority;
        let starving = now.duration_since(waiting.since) >= self.limits.patience;
        let turn = share.map_or(0, |share| share.last_turn);
        // When ten uploads end at once, the others do not wait for ten deletions in a row.
        let later = self.deleted_last || !waiting.wish.deletes_a_part;
        let kind = if starving {
            (later, false, Priority::Interactive, false)
        } else {
            let away = waiting.wish.server.is_some() && self.server != waiting.wish.server;
            (later, true, priority, away)
        };
        (kind, turn, waiting.order)
    }

    /// Restarts the patience timer of the principal's later jobs of this priority: serving `chosen`
    /// advanced them. So a client with five hundred jobs does not count as starving while its jobs
    /// are served one by one. Its earlier jobs were passed over and keep their timers.
    pub(super) fn brought_forward(&mut self, chosen: &Waiting, now: Instant) {
        for waiting in self.waiting.values_mut() {
            if waiting.principal == chosen.principal
                && waiting.wish.priority == chosen.wish.priority
                && waiting.order > chosen.order
            {
                waiting.since = now;
            }
        }
    }
}
