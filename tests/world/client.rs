//! What clients do with the daemon, and what they remember.

mod lasting;
mod passing;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::net::HOSTS;
use crate::oracle::{At, Told};
use crate::plan::client_name;
use crate::trouble::SHARED;
use crate::world::World;
use cellftp::broker::Broker;
use cellftp::broker::terms::{Caller, Error, Principal, Target};
use cellftp::modem::clock;
use cellftp::transfers::Transfers;
use lasting::Lasting;
pub(crate) use lasting::{keeping, settle};
use simcom_talk::dialogue::failure::Finding;
use simcom_talk::ftps::value::RemotePath;

/// How late after its deadline a call may end. Its work on the link is broken off, which takes an
/// abort, or the end of a block and a deletion. The module may be silent until somebody has cut its
/// power, 200 s later, and may then need repair.
const LATE: Duration = Duration::from_secs(200 + 180);

/// How long a call without a deadline may take: some hundred others before it, each with a module
/// that is repaired meanwhile.
const LONGEST: Duration = Duration::from_secs(4 * 3600);

/// What a client remembers across the ends of daemons.
#[derive(Debug, Default)]
pub(crate) struct Mine {
    transfers: Vec<Lasting>,
    names: u32,
    done: u32,
}

impl Mine {
    /// It wants one thing more than before.
    pub(crate) fn goes_on(&mut self) {
        self.done = self.done.saturating_sub(1);
    }

    /// Writers of transfers that go on by themselves.
    pub(crate) fn lasting(&self) -> BTreeSet<u32> {
        self.transfers
            .iter()
            .filter_map(|mine| mine.writer)
            .collect()
    }
}

/// A client in one life of the daemon.
struct Client<'a> {
    world: &'a Arc<World>,
    broker: &'a Broker,
    transfers: &'a Transfers,
    index: usize,
    name: String,
    random: fastrand::Rng,
}

/// Does what a client does, until it has done everything that it wanted.
pub(crate) async fn live(world: &Arc<World>, transfers: &Transfers, index: usize, life: usize) {
    let name = client_name(index);
    let mut client = Client {
        random: world.plan.random(&name, life),
        world,
        broker: transfers.broker(),
        transfers,
        index,
        name,
    };
    loop {
        {
            let mut mine = client.mine();
            if mine.done >= world.plan.operations {
                return;
            }
            mine.done += 1;
        }
        let pause = client.random.u64(..300_000);
        sleep(Duration::from_millis(pause)).await;
        client.act().await;
    }
}

impl Client<'_> {
    fn mine(&self) -> std::sync::MutexGuard<'_, Mine> {
        self.world.mine[self.index].lock().unwrap()
    }

    async fn act(&mut self) {
        match self.random.u8(..20) {
            0..=5 => self.put().await,
            6..=8 => self.get().await,
            9 => self.size().await,
            10 => self.list().await,
            11 => self.delete().await,
            12 => self.directories().await,
            13 => self.session().await,
            14 | 15 => self.upload().await,
            16 => self.download().await,
            _ => self.tend().await,
        }
    }

    /// A file, mostly one that others use as well.
    fn file(&mut self) -> At {
        let host = self.random.usize(..2);
        let path = if self.random.u8(..4) == 0 {
            format!("/{}.own", self.name)
        } else {
            SHARED[self.random.usize(..SHARED.len())].to_owned()
        };
        (host, path)
    }

    /// Sizes that look like error codes, one that many files have, sizes at the ends of blocks, and
    /// sizes of more than one block.
    fn len(&mut self) -> usize {
        match self.random.u8(..10) {
            0 => self.random.usize(..18),
            1 => 421,
            2 | 3 => 1000,
            4..=6 => self.random.usize(1..3000),
            7 | 8 => self.random.usize(3000..12_000),
            _ => self.random.usize(12_000..40_000),
        }
    }

    fn caller(&mut self, deadline: Option<Duration>) -> Caller {
        Caller {
            principal: Principal::new(self.name.as_str()),
            deadline: deadline.map(|time| clock::now() + time),
            priority: None,
            yields: None,
            options: cellftp::broker::terms::Options::default(),
        }
    }

    fn deadline(&mut self) -> Option<Duration> {
        let some = self.random.bool();
        some.then(|| Duration::from_secs(self.random.u64(1..600)))
    }

    /// One call, which must end in time.
    async fn call<T>(
        &self,
        what: &str,
        deadline: Option<Duration>,
        call: impl Future<Output = T>,
    ) -> Option<T> {
        self.world.oracle().operations += 1;
        self.world.note(&format!("{}: {what}", self.name));
        let longest = deadline.map_or(LONGEST, |deadline| deadline + LATE);
        let done = timeout(longest, call).await.ok();
        if done.is_none() {
            self.world
                .violated("a call does not end", format!("{} {what}", self.name));
        }
        done
    }

    fn said(&self, what: &str, error: &Error) {
        let chain = error.failure().map(|failure| format!(" {failure:?}"));
        let chain = chain.unwrap_or_default();
        self.world
            .note(&format!("{}: {what}: {error}{chain}", self.name));
    }

    /// What an error says about a file must be true.
    fn believe(&self, at: &At, since: Duration, error: &Error) {
        let told = match error.failure().and_then(|failure| failure.finding) {
            Some(Finding::NameAbsent) => Told::Absent,
            Some(Finding::NamePresent) => Told::Present,
            _ => return,
        };
        let times = (since, self.world.now());
        self.world.oracle().told(&self.name, at, times, told);
    }
}

fn target(host: usize) -> Target {
    Target::Profile(HOSTS[host].into())
}

fn path(text: &str) -> RemotePath {
    RemotePath::new(text).unwrap()
}
