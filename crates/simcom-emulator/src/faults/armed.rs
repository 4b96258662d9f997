//! The armed faults, and the counters that trigger them.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use fastrand::Rng;

use super::fault::{Effect, Fault, Phase, Trigger};

/// The armed faults, and the counters that trigger them.
#[derive(Debug)]
pub(crate) struct Armed {
    armed: Vec<Fault>,
    executions: BTreeMap<String, u32>,
    to_host: u64,
    from_host: u64,
    spoil_to_host: Spoil,
    spoil_from_host: Spoil,
    /// Gives the same numbers for the same seed.
    random: Rng,
}

/// How many bytes are still to be lost or doubled in one direction.
#[derive(Debug, Default)]
struct Spoil {
    lose: u32,
    duplicate: u32,
}

/// The two directions of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    ToHost,
    FromHost,
}

impl Armed {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self {
            armed: Vec::new(),
            executions: BTreeMap::new(),
            to_host: 0,
            from_host: 0,
            spoil_to_host: Spoil::default(),
            spoil_from_host: Spoil::default(),
            random: Rng::with_seed(seed),
        }
    }

    pub(crate) fn arm(&mut self, fault: Fault) {
        self.armed.push(fault);
    }

    /// Counts an execution and names it.
    pub(crate) fn execution(&mut self, command: &str) -> u32 {
        let count = self.executions.entry(command.to_owned()).or_default();
        *count = count.saturating_add(1);
        *count
    }

    /// The effects armed for a phase without a byte count.
    pub(crate) fn at(&mut self, command: &str, nth: u32, phase: Phase) -> Vec<Effect> {
        let here = |trigger: &Trigger| {
            matches!(trigger, Trigger::Command { command: c, nth: n, phase: p }
                if c == command && *n == nth && *p == phase)
        };
        self.armed
            .extract_if(.., |fault| here(&fault.trigger))
            .map(|fault| fault.effect)
            .collect()
    }

    /// The code armed to replace a successful result.
    pub(crate) fn failure(&mut self, command: &str, nth: u32) -> Option<u16> {
        let index = self.armed.iter().position(|fault| {
            matches!(&fault.trigger, Trigger::Command { command: c, nth: n, phase: Phase::BeforeResult }
                if c == command && *n == nth)
                && matches!(fault.effect, Effect::Fail(_))
        })?;
        match self.armed.remove(index).effect {
            Effect::Fail(code) => Some(code),
            _ => None,
        }
    }

    /// The first effect armed for a place among the `len` content bytes from `start` on, with its
    /// offset from `start`.
    pub(crate) fn in_block(
        &mut self,
        command: &str,
        nth: u32,
        start: u64,
        len: usize,
    ) -> Option<(usize, Effect)> {
        self.in_phase(command, nth, start, len, |phase| match phase {
            Phase::InBlock(at) => Some(at),
            _ => None,
        })
    }

    /// The same for data typed at a prompt.
    pub(crate) fn in_data(
        &mut self,
        command: &str,
        nth: u32,
        start: u64,
        len: usize,
    ) -> Option<(usize, Effect)> {
        self.in_phase(command, nth, start, len, |phase| match phase {
            Phase::InData(at) => Some(at),
            _ => None,
        })
    }

    fn in_phase(
        &mut self,
        command: &str,
        nth: u32,
        start: u64,
        len: usize,
        place: fn(Phase) -> Option<u64>,
    ) -> Option<(usize, Effect)> {
        self.take_first(start, len, |trigger| match trigger {
            Trigger::Command {
                command: c,
                nth: n,
                phase,
            } if c == command && *n == nth => place(*phase),
            _ => None,
        })
    }

    /// The first effect armed for a byte count within the next `len` bytes of a direction.
    pub(crate) fn in_bytes(&mut self, direction: Direction, len: usize) -> Option<(usize, Effect)> {
        let start = match direction {
            Direction::ToHost => self.to_host,
            Direction::FromHost => self.from_host,
        };
        self.take_first(start, len, |trigger| match (trigger, direction) {
            (Trigger::ToHost(at), Direction::ToHost)
            | (Trigger::FromHost(at), Direction::FromHost) => Some(*at),
            _ => None,
        })
    }

    /// The effects whose time has come.
    pub(crate) fn elapsed(&mut self, now: Duration) -> Vec<Effect> {
        self.armed
            .extract_if(
                ..,
                |fault| matches!(fault.trigger, Trigger::After(at) if at <= now),
            )
            .map(|fault| fault.effect)
            .collect()
    }

    /// When the next effect is due by time.
    pub(crate) fn next_elapsed(&self) -> Option<Duration> {
        let times = self.armed.iter().filter_map(|fault| match fault.trigger {
            Trigger::After(at) => Some(at),
            _ => None,
        });
        times.min()
    }

    /// Spoils the next bytes of a direction.
    pub(crate) fn spoil(&mut self, direction: Direction, effect: &Effect) {
        let spoil = match direction {
            Direction::ToHost => &mut self.spoil_to_host,
            Direction::FromHost => &mut self.spoil_from_host,
        };
        match effect {
            Effect::Lose(count) => spoil.lose = spoil.lose.saturating_add(*count),
            Effect::Duplicate(count) => spoil.duplicate = spoil.duplicate.saturating_add(*count),
            _ => {}
        }
    }

    /// Counts bytes of a direction and passes them on as the line delivers them.
    pub(crate) fn carry(&mut self, direction: Direction, bytes: Bytes, noise: Noise) -> Bytes {
        let len = bytes.len() as u64;
        let spoil = match direction {
            Direction::ToHost => {
                self.to_host = self.to_host.saturating_add(len);
                &mut self.spoil_to_host
            }
            Direction::FromHost => {
                self.from_host = self.from_host.saturating_add(len);
                &mut self.spoil_from_host
            }
        };
        if spoil.lose == 0 && spoil.duplicate == 0 && noise.is_none() {
            return bytes;
        }
        let mut carried = BytesMut::with_capacity(bytes.len() * 2);
        for byte in bytes {
            let lost = count_down(&mut spoil.lose) || one_in(&mut self.random, noise.lose_one_in);
            if lost {
                continue;
            }
            carried.extend_from_slice(&[byte]);
            if count_down(&mut spoil.duplicate) || one_in(&mut self.random, noise.duplicate_one_in)
            {
                carried.extend_from_slice(&[byte]);
            }
        }
        carried.freeze()
    }

    /// Random bytes.
    pub(crate) fn garbage(&mut self, count: u32) -> Bytes {
        (0..count).map(|_| self.random.u8(..)).collect()
    }

    /// A random number from 1 to `max`, or 1.
    pub(crate) fn up_to(&mut self, max: usize) -> usize {
        self.random.usize(1..=max.max(1))
    }

    fn take_first(
        &mut self,
        start: u64,
        len: usize,
        place: impl Fn(&Trigger) -> Option<u64>,
    ) -> Option<(usize, Effect)> {
        let end = start.saturating_add(len as u64);
        let (index, at) = self
            .armed
            .iter()
            .enumerate()
            .filter_map(|(index, fault)| Some((index, place(&fault.trigger)?)))
            .filter(|(_, at)| (start..end).contains(at))
            .min_by_key(|(_, at)| *at)?;
        let effect = self.armed.remove(index).effect;
        Some((usize::try_from(at - start).ok()?, effect))
    }
}

fn one_in(random: &mut Rng, n: u32) -> bool {
    n > 0 && random.u32(..n) == 0
}

fn count_down(counter: &mut u32) -> bool {
    let counting = *counter > 0;
    *counter = counter.saturating_sub(1);
    counting
}

/// Steady noise on the line.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Noise {
    pub(crate) lose_one_in: u32,
    pub(crate) duplicate_one_in: u32,
}

impl Noise {
    const fn is_none(self) -> bool {
        self.lose_one_in == 0 && self.duplicate_one_in == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_strikes_once_at_its_place() {
        let mut faults = Armed::seeded(1);
        faults.arm(Fault {
            trigger: Trigger::Command {
                command: "+CFTPSGET".into(),
                nth: 2,
                phase: Phase::InBlock(1500),
            },
            effect: Effect::Silence,
        });
        assert_eq!(faults.in_block("+CFTPSGET", 1, 1480, 1480), None);
        assert_eq!(faults.in_block("+CFTPSGET", 2, 0, 1480), None);
        assert_eq!(
            faults.in_block("+CFTPSGET", 2, 1480, 1480),
            Some((20, Effect::Silence))
        );
        assert_eq!(faults.in_block("+CFTPSGET", 2, 1480, 1480), None);
    }

    #[test]
    fn spoilt_bytes_are_lost_then_doubled() {
        let mut faults = Armed::seeded(1);
        faults.spoil(Direction::ToHost, &Effect::Lose(2));
        faults.spoil(Direction::ToHost, &Effect::Duplicate(1));
        let carried = faults.carry(
            Direction::ToHost,
            Bytes::from_static(b"abcd"),
            Noise::default(),
        );
        assert_eq!(&carried[..], b"ccd");
    }

    #[test]
    fn noise_is_the_same_for_the_same_seed() {
        let noise = Noise {
            lose_one_in: 10,
            duplicate_one_in: 10,
        };
        let run = |seed| {
            let bytes = Bytes::from(vec![7; 1000]);
            Armed::seeded(seed)
                .carry(Direction::FromHost, bytes, noise)
                .len()
        };
        assert_eq!(run(5), run(5));
        assert_ne!(run(5), 1000);
    }
}
