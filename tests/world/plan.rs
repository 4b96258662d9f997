//! What a seed determines.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use simcom_emulator::uplink::memory::Rest;
use simcom_emulator::{Family, Knobs};

/// The kinds of trouble. Each can be left out, to find the smallest set that is needed.
pub(crate) const KINDS: [&str; 7] = [
    "others", "servers", "line", "module", "disk", "clock", "ends",
];

/// A seed, and what is left out of its world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seed {
    pub(crate) number: u64,
    pub(crate) without: BTreeSet<String>,
    /// The one rule that is checked. `None`: all.
    pub(crate) rule: Option<String>,
    /// Whether the world goes on after a rule was broken.
    pub(crate) goes_on: bool,
}

/// A world as its seed determines it.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) seed: Seed,
    pub(crate) family: Family,
    pub(crate) knobs: Knobs,
    pub(crate) baud: u32,
    pub(crate) latency: Duration,
    pub(crate) clients: usize,
    pub(crate) operations: u32,
    pub(crate) lives: Vec<Life>,
    pub(crate) without_size: bool,
    pub(crate) rests: [Rest; 2],
    /// What each server does with an upload that is cut off.
    pub(crate) cut_off: [CutOff; 2],
    /// The server without SIZE lists in an unknown form.
    pub(crate) strange: bool,
    /// Servers send nothing from behind the end of a file, and do not refuse.
    pub(crate) past_end: bool,
    /// The longest time for one operation of the disk, as on an SD card.
    pub(crate) disk_takes: Duration,
    /// Whether bytes are lost on the line. Otherwise they come twice. Not both: a lost byte and a
    /// doubled one make the size right again, and a client that asks only for the size cannot notice.
    /// On the way to the module only content is affected: a command without one of its bytes is
    /// another command, and no module repeats what it heard.
    pub(crate) loses: bool,
    /// Time between two troubles of a kind.
    pub(crate) calm: Duration,
    kinds: BTreeSet<&'static str>,
}

/// What a server does with an upload that is cut off before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CutOff {
    /// It keeps what came.
    Keeps,
    /// Only some of it had left the module, or reaches the file.
    Loses,
    /// It removes the file (ProFTPD's `DeleteAbortedStores`).
    Removes,
}

/// One run of the daemon.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Life {
    pub(crate) lasts: Duration,
    pub(crate) end: End,
    /// The module loses power, too.
    pub(crate) module_too: bool,
}

/// How it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// As on SIGTERM.
    Orderly,
    /// As on SIGKILL.
    Killed,
    /// The power is cut.
    Cut,
    /// The power is cut at the change of the disk with this number.
    CutAt(u64),
}

impl Seed {
    pub(crate) fn new(number: u64) -> Self {
        Self {
            number,
            without: BTreeSet::new(),
            rule: std::env::var("WORLD_RULE").ok(),
            goes_on: std::env::var_os("WORLD_GOES_ON").is_some(),
        }
    }

    pub(crate) fn has(&self, actor: &str) -> bool {
        !self.without.contains(actor)
    }

    /// The same with only these actors.
    pub(crate) fn only(self, actors: &[String]) -> Self {
        let all = Plan::of(self.clone()).actors();
        self.without(all.into_iter().filter(|actor| !actors.contains(actor)))
    }

    pub(crate) fn without(&self, actors: impl IntoIterator<Item = String>) -> Self {
        let mut less = self.clone();
        less.without.extend(actors);
        less
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WORLD_SEED={}", self.number)?;
        if let Some(rule) = &self.rule {
            write!(f, " WORLD_RULE={rule:?}")?;
        }
        if !self.without.is_empty() {
            let only = Plan::of(self.clone()).actors();
            write!(f, " WORLD_ONLY={}", only.join(","))?;
        }
        Ok(())
    }
}

impl Plan {
    pub(crate) fn of(seed: Seed) -> Self {
        let mut random = fastrand::Rng::with_seed(seed.number);
        let seconds = Duration::from_secs;
        let lives = (0..random.usize(1..=4))
            .map(|_| Life {
                lasts: seconds(random.u64(60..900)),
                end: match random.u8(..5) {
                    0 => End::Orderly,
                    1 => End::Killed,
                    2 => End::Cut,
                    _ => End::CutAt(random.u64(1..300)),
                },
                module_too: random.u8(..3) == 0,
            })
            .collect();
        let rest = |random: &mut fastrand::Rng| match random.u8(..6) {
            0 => Rest::WriteOver,
            1 => Rest::Refuse,
            2 => Rest::Ignore,
            _ => Rest::Honour,
        };
        let family = if random.bool() {
            Family::Sim7600
        } else {
            Family::A7670
        };
        let loses = random.bool();
        let knobs = Knobs {
            seed: seed.number,
            reset_hangs_up: random.bool(),
            boot_time: seconds(random.u64(2..12)),
            chunk_random: random.bool(),
            ..Knobs::default()
        };
        let kinds = KINDS.into_iter().filter(|_| random.u8(..10) < 6).collect();
        let mut plan = Self {
            family,
            knobs,
            baud: if random.bool() { 921_600 } else { 460_800 },
            latency: Duration::from_millis(random.u64(..80)),
            clients: random.usize(20..=120),
            operations: random.u32(2..=6),
            lives,
            without_size: random.u8(..3) == 0,
            rests: [rest(&mut random), rest(&mut random)],
            loses,
            calm: seconds(random.u64(20..120)),
            kinds,
            seed,
            cut_off: [CutOff::Keeps; 2],
            strange: random.bool(),
            past_end: random.bool(),
            disk_takes: Duration::ZERO,
        };
        for cut_off in &mut plan.cut_off {
            *cut_off = [CutOff::Keeps, CutOff::Loses, CutOff::Removes][random.usize(..3)];
        }
        if random.u8(..3) > 0 && plan.has("disk") {
            plan.disk_takes = Duration::from_millis(random.u64(20..400));
        }
        if !plan.has("ends") {
            plan.lives.truncate(1);
            plan.lives[0].end = End::Orderly;
        }
        plan
    }

    /// Whether a kind of trouble, or a client, takes part.
    pub(crate) fn has(&self, actor: &str) -> bool {
        self.seed.has(actor) && (self.kinds.contains(actor) || !KINDS.contains(&actor))
    }

    /// Everything that could be left out.
    pub(crate) fn actors(&self) -> Vec<String> {
        let kinds = self.kinds.iter().map(|kind| (*kind).to_owned());
        let clients = (0..self.clients).map(client_name);
        let all = kinds.chain(clients);
        all.filter(|actor| self.seed.has(actor)).collect()
    }

    /// Random numbers for an actor in a life. Leaving out another actor does not change them.
    pub(crate) fn random(&self, actor: &str, life: usize) -> fastrand::Rng {
        let mut hash: u64 = 0xcbf2_9ce4_8422_2325 ^ self.seed.number.wrapping_mul(31) ^ life as u64;
        for byte in actor.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
        fastrand::Rng::with_seed(hash)
    }
}

pub(crate) fn client_name(index: usize) -> String {
    format!("c{index}")
}
