//! Measured costs of the work on the link, and when the waiting jobs will begin. Values only: no
//! clock and no queue.

use std::time::Duration;

use crate::broker::terms::{Load, Way};
use simcom_talk::ftps::value::Server;

/// The costs of work on the link: moving averages over jobs that succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Costs {
    /// A login when the module is logged in nowhere.
    pub login: Duration,
    /// A change from one server to another.
    pub switch: Duration,
    /// An operation that moves no file, on the server that the module is logged in to.
    pub small: Duration,
    /// The end of a download that yields, until the module is free.
    pub abort: Duration,
    /// The end of an upload that yields, until the module is free.
    pub pause: Duration,
    /// Bytes per second of an upload.
    pub up: u64,
    /// Bytes per second of an upload that resumes in blocks.
    pub blocks: u64,
    /// Bytes per second of a download.
    pub down: u64,
    /// Bytes of a transfer of unknown size.
    pub size: u64,
}

impl Default for Costs {
    /// Assumptions before the first measurement. A login takes 2 to 10 s over a cellular network,
    /// and a change of server adds a logout. A command is a round trip or two. The modules leave
    /// the factory at 115200 bits per second, which carries 11520 bytes. A block of 2048 bytes is
    /// about five round trips of 200 ms each.
    fn default() -> Self {
        Self {
            login: Duration::from_secs(6),
            switch: Duration::from_secs(7),
            small: Duration::from_millis(500),
            abort: Duration::from_secs(1),
            pause: Duration::from_secs(1),
            up: 11_520,
            blocks: 2048,
            down: 11_520,
            size: 256 * 1024,
        }
    }
}

/// The part of a transfer that ran in one turn on the link.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    /// It is an upload.
    pub(crate) up: bool,
    /// It went in blocks.
    pub(crate) in_blocks: bool,
    /// What the module had to do first.
    pub(crate) way: Way,
    /// Its time on the link.
    pub(crate) took: Duration,
    /// Bytes that it moved.
    pub(crate) bytes: u64,
    /// Time from the request to yield until the module was free, if it yielded.
    pub(crate) leaving: Option<Duration>,
}

/// Bytes from which a transfer measures the link's speed: below that, the commands around it cost
/// more than the bytes.
const TELLING: u64 = 16 * 1024;

impl Costs {
    /// Learns from a job that succeeded. It learns nothing that it cannot tell apart: a transfer
    /// that began with a login shows its size alone.
    pub(crate) fn learn(&mut self, load: Load, way: Way, took: Duration, bytes: u64) {
        let (up, rate) = match (load, way) {
            (Load::Small, Way::There) => return mix(&mut self.small, took),
            (Load::Small, Way::Switch) => {
                return mix(&mut self.switch, took.saturating_sub(self.small));
            }
            (Load::Small, Way::Login) => {
                return mix(&mut self.login, took.saturating_sub(self.small));
            }
            (Load::Up(_), _) => (true, &mut self.up),
            (Load::Down(_), _) => (false, &mut self.down),
        };
        // Listings are small and many: they would hide how large files are.
        if up || bytes >= TELLING {
            self.size = average(self.size, bytes);
        }
        learn_rate(rate, way, bytes, took.saturating_sub(self.small));
    }

    /// Learns from a transfer that yielded, or that resumed in blocks: it was only a part of a
    /// file. `leaving` is the time from the request to yield until the module was free.
    pub(crate) fn learn_part(&mut self, part: &Part) {
        let Part {
            up,
            in_blocks,
            way,
            took,
            bytes,
            leaving,
        } = *part;
        if let Some(leaving) = leaving {
            mix(if up { &mut self.pause } else { &mut self.abort }, leaving);
        }
        let rate = match (up, in_blocks) {
            (true, true) => &mut self.blocks,
            (true, false) => &mut self.up,
            (false, _) => &mut self.down,
        };
        let moving = took.saturating_sub(self.small + leaving.unwrap_or_default());
        learn_rate(rate, way, bytes, moving);
    }

    /// How long a job will have the link.
    pub(crate) fn of(&self, load: Load, way: Way) -> Duration {
        let way = match way {
            Way::There => Duration::ZERO,
            Way::Switch => self.switch,
            Way::Login => self.login,
        };
        let (bytes, rate) = match load {
            Load::Small => (0, 1),
            Load::Up(bytes) => (bytes.unwrap_or(self.size), self.up),
            Load::Down(bytes) => (bytes.unwrap_or(self.size), self.down),
        };
        let millis = bytes.saturating_mul(1000) / rate.max(1);
        (way + self.small).saturating_add(Duration::from_millis(millis))
    }

    /// How long each waiting job still waits. `rest` is the remaining time of the job on the link,
    /// `at` the server where that job leaves the module, and `queue` the waiting jobs in order; a
    /// job without a server concerns the module alone.
    pub(crate) fn starts<'a>(
        &self,
        rest: Duration,
        at: Option<&'a Server>,
        queue: impl IntoIterator<Item = (Option<&'a Server>, Load)>,
    ) -> Vec<Duration> {
        let (mut free, mut at) = (rest, at);
        let starts = queue.into_iter().map(|(server, load)| {
            let begins = free;
            let way = server.map_or(Way::There, |server| Way::between(at, server));
            free = free.saturating_add(self.of(load, way));
            at = server.or(at);
            begins
        });
        starts.collect()
    }
}

fn learn_rate(rate: &mut u64, way: Way, bytes: u64, moving: Duration) {
    let moving = moving.as_millis();
    if way == Way::There && bytes >= TELLING && moving > 0 {
        let measured = u128::from(bytes) * 1000 / moving;
        *rate = average(*rate, u64::try_from(measured).unwrap_or(u64::MAX)).max(1);
    }
}

/// The newest value weighs an eighth: one odd job does not make the estimate useless, and a change
/// of the network shows after a few jobs.
fn average(before: u64, now: u64) -> u64 {
    u64::try_from((u128::from(before) * 7 + u128::from(now)) / 8).unwrap_or(u64::MAX)
}

fn mix(average: &mut Duration, now: Duration) {
    // No job on the link takes days; the cap keeps the sum in range.
    *average = (*average * 7 + now.min(Duration::from_secs(86_400))) / 8;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::testing::server;

    const SECOND: Duration = Duration::from_secs(1);

    fn costs() -> Costs {
        Costs {
            login: 6 * SECOND,
            switch: 7 * SECOND,
            small: SECOND,
            up: 1000,
            down: 2000,
            size: 4000,
            ..Costs::default()
        }
    }

    #[test]
    fn who_waits_begins_when_those_before_are_done() {
        let (a, b) = (server("a"), server("b"));
        let queue = [
            (Some(&*a), Load::Small),
            (Some(&*b), Load::Up(Some(3000))),
            (None, Load::Small),
            (Some(&*b), Load::Down(None)),
            (Some(&*a), Load::Small),
        ];
        let starts = costs().starts(2 * SECOND, Some(&a), queue);
        let seconds = [2, 3, 14, 15, 18].map(|seconds| seconds * SECOND);
        assert_eq!(starts, seconds);
        let starts = costs().starts(Duration::ZERO, None, queue);
        assert_eq!(starts[1], 7 * SECOND, "the first has to log in");
    }

    #[test]
    fn what_is_measured_takes_the_place_of_what_was_believed() {
        let mut costs = costs();
        for _ in 0..60 {
            costs.learn(Load::Small, Way::There, SECOND / 10, 0);
            costs.learn(Load::Small, Way::Login, 3 * SECOND + SECOND / 10, 0);
            costs.learn(Load::Small, Way::Switch, 4 * SECOND + SECOND / 10, 0);
            costs.learn(Load::Up(None), Way::There, 10 * SECOND, 500_000);
            costs.learn(Load::Down(None), Way::There, 10 * SECOND, 1_000_000);
        }
        let near = |found: u64, wanted: u64| found.abs_diff(wanted) < wanted / 10;
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap();
        assert!(near(millis(costs.small), 100), "{costs:?}");
        assert!(near(millis(costs.login), 3000), "{costs:?}");
        assert!(near(millis(costs.switch), 4000), "{costs:?}");
        assert!(near(costs.up, 50_000), "{costs:?}");
        assert!(near(costs.down, 100_000), "{costs:?}");
        assert!((500_000..1_000_000).contains(&costs.size), "{costs:?}");
    }

    #[test]
    fn what_cannot_be_told_apart_is_not_learned() {
        let mut costs = costs();
        costs.learn(Load::Up(None), Way::Login, 100 * SECOND, 100_000);
        costs.learn(Load::Down(None), Way::There, SECOND / 2, 100);
        assert_eq!((costs.up, costs.down), (1000, 2000));
    }

    #[test]
    fn no_number_is_too_large() {
        let mut costs = costs();
        costs.learn(Load::Up(None), Way::There, Duration::MAX, u64::MAX);
        costs.learn(Load::Small, Way::There, Duration::MAX, 0);
        let load = Load::Up(Some(u64::MAX));
        assert!(costs.of(load, Way::Switch) > Duration::from_secs(1 << 30));
    }
}
