//! The order of those who wait.

use std::collections::HashMap;

use tokio::time::Instant;

use super::{Key, Scheduler, Waiting};
use crate::broker::terms::Principal;
use crate::broker::terms::Priority;

/// Smaller goes first.
type Rank = (Kind, u64, u64);

/// Jobs of one kind take turns by principal: whether it does not go first as a deletion; whether it is
/// still patient; how urgent it is; whether the module is logged in to another server.
type Kind = (bool, bool, Priority, bool);

impl Scheduler {
    /// Those who wait, in the order that is to be expected if nobody comes or goes.
    pub(super) fn order(&self, now: Instant) -> Vec<Key> {
        let mut ranked: Vec<(Rank, &Principal, Key)> = self
            .waiting
            .iter()
            .map(|(key, waiting)| (self.rank(waiting, now), &waiting.principal, *key))
            .collect();
        ranked.sort_unstable();
        // The second of a principal comes after the first of every other of the same rank, and
        // the principals keep their order.
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

    /// What decides, in this order: a job that deletes a part of a file, unless the last one did so too;
    /// who has waited over the limit of patience; the more urgent; the server that the module is logged
    /// in to; the principal whose last turn is longest ago; who asked first.
    ///
    /// So a job with `m - 1` older ones of its principal waits for `m * (patience + n * stay)` at most,
    /// where `n` principals wait and `stay` is the longest time that a job, with a deletion before it, has
    /// the link: when its patience has ended, each other principal goes once at most, and then it or one
    /// of the older.
    pub(super) fn rank(&self, waiting: &Waiting, now: Instant) -> Rank {
        let share = self.shares.get(&waiting.principal);
        let priority = waiting.wish.priority;
        let starving = now.duration_since(waiting.since) >= self.limits.patience;
        let turn = share.map_or(0, |share| share.last_turn);
        // Where ten uploads end at once, the others do not wait for ten deletions in a row.
        let later = self.deleted_last || !waiting.wish.deletes_a_part;
        let kind = if starving {
            (later, false, Priority::Interactive, false)
        } else {
            let away = waiting.wish.server.is_some() && self.server != waiting.wish.server;
            (later, true, priority, away)
        };
        (kind, turn, waiting.order)
    }

    /// One of a principal's has its turn: its younger ones of the same priority have come forward by
    /// that, and are patient anew. So a client with five hundred jobs is not starving while one after
    /// the other is served. Its older ones were passed over, and are not.
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
