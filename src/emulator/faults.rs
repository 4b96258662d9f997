//! What can go wrong with a module, when and how: deterministic, for tests and demonstrations.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};

/// One thing that goes wrong once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// When.
    pub trigger: Trigger,
    /// What.
    pub effect: Effect,
}

/// The moment a fault strikes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// So long after the emulator's origin of time.
    #[serde(with = "humantime_serde")]
    After(Duration),
    /// When this many bytes have gone to the host.
    ToHost(u64),
    /// When this many bytes have come from the host.
    FromHost(u64),
    /// In the nth (from 1) execution of a command.
    Command {
        /// As on the wire, without `AT`: `+CFTPSGET`.
        command: String,
        /// Which execution.
        nth: u32,
        /// Where in it.
        phase: Phase,
    },
}

/// A place in the exchange of one command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Before its final code (`OK` or `ERROR`).
    BeforeOk,
    /// Before its result line.
    BeforeResult,
    /// In the middle of the first `DATA` header.
    InHeader,
    /// After so many bytes of downloaded content, inside a frame unless that is where one ends.
    InBlock(u64),
    /// Right after the prompt.
    AtPrompt,
    /// After so many bytes typed at the prompt.
    InData(u64),
    /// After the last byte of an upload, before the server has confirmed it.
    AfterData,
}

/// What a fault does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The module hangs: it swallows everything and says nothing until power is cut.
    Silence,
    /// It reboots: everything is forgotten, a banner follows.
    Reboot,
    /// The port vanishes.
    Hangup,
    /// These bytes appear, as they are.
    Text(String),
    /// The next bytes are lost: to the host, or from it where the trigger lies in that direction.
    Lose(u32),
    /// The next bytes come twice.
    Duplicate(u32),
    /// So many random bytes are slipped in.
    Garbage(u32),
    /// The server closes the control connection.
    PeerClosed,
    /// The network takes the PDN connection away.
    PdnDeactivated,
    /// The running command fails with this result code.
    Fail(u16),
    /// Something between the module and its network is stuck, until it is made to let go.
    Stuck(Stuck),
}

/// What is stuck. Whatever runs fails with code 10, and every START fails, until one of the
/// commands that cure it; a reset and a power cycle cure all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stuck {
    /// The network has dropped the PDP context and the module has not noticed (a "ghost
    /// context"; `AT+CGPADDR` prints 0.0.0.0): START fails with code 10. Cured by deactivating
    /// and activating it (`AT+CGACT`, 3GPP TS 27.007 §10.1.10), and by the radio on its way.
    Context,
    /// The radio searches for ever (`AT+CREG?` and its kin print 2): START fails with code 10.
    /// Cured by switching it off and on (`AT+CFUN`, 3GPP TS 27.007 §8.2).
    Radio,
    /// The module's own TCP/IP stack has no sockets left: START fails with code 13, whatever the
    /// network does.
    Stack,
}

/// The armed faults, and the counters they go by.
#[derive(Debug, Default)]
pub(super) struct Faults {
    armed: Vec<Fault>,
    executions: BTreeMap<String, u32>,
    to_host: u64,
    from_host: u64,
    spoil_to_host: Spoil,
    spoil_from_host: Spoil,
    random: Random,
}

/// Bytes still to be lost or doubled in one direction.
#[derive(Debug, Default)]
struct Spoil {
    lose: u32,
    duplicate: u32,
}

/// The two directions of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    ToHost,
    FromHost,
}

impl Faults {
    pub(super) fn seeded(seed: u64) -> Self {
        Self {
            random: Random::seeded(seed),
            ..Self::default()
        }
    }

    pub(super) fn arm(&mut self, fault: Fault) {
        self.armed.push(fault);
    }

    /// Counts an execution and names it.
    pub(super) fn execution(&mut self, command: &str) -> u32 {
        let count = self.executions.entry(command.to_owned()).or_default();
        *count = count.saturating_add(1);
        *count
    }

    /// The effects armed for a phase that is a point.
    pub(super) fn at(&mut self, command: &str, nth: u32, phase: Phase) -> Vec<Effect> {
        let here = |trigger: &Trigger| {
            matches!(trigger, Trigger::Command { command: c, nth: n, phase: p }
                if c == command && *n == nth && *p == phase)
        };
        self.armed
            .extract_if(.., |fault| here(&fault.trigger))
            .map(|fault| fault.effect)
            .collect()
    }

    /// The code armed to take the place of a successful result.
    pub(super) fn failure(&mut self, command: &str, nth: u32) -> Option<u16> {
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
    /// offset from there.
    pub(super) fn in_block(
        &mut self,
        command: &str,
        nth: u32,
        start: u64,
        len: usize,
    ) -> Option<(usize, Effect)> {
        self.take_first(start, len, |trigger| match trigger {
            Trigger::Command {
                command: c,
                nth: n,
                phase: Phase::InBlock(at),
            } if c == command && *n == nth => Some(*at),
            _ => None,
        })
    }

    /// The same for data typed at a prompt.
    pub(super) fn in_data(
        &mut self,
        command: &str,
        nth: u32,
        start: u64,
        len: usize,
    ) -> Option<(usize, Effect)> {
        self.take_first(start, len, |trigger| match trigger {
            Trigger::Command {
                command: c,
                nth: n,
                phase: Phase::InData(at),
            } if c == command && *n == nth => Some(*at),
            _ => None,
        })
    }

    /// The first effect armed for a byte count within the next `len` bytes of a direction.
    pub(super) fn in_bytes(&mut self, direction: Direction, len: usize) -> Option<(usize, Effect)> {
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
    pub(super) fn elapsed(&mut self, now: Duration) -> Vec<Effect> {
        self.armed
            .extract_if(
                ..,
                |fault| matches!(fault.trigger, Trigger::After(at) if at <= now),
            )
            .map(|fault| fault.effect)
            .collect()
    }

    /// When the next effect is due by time.
    pub(super) fn next_elapsed(&self) -> Option<Duration> {
        let times = self.armed.iter().filter_map(|fault| match fault.trigger {
            Trigger::After(at) => Some(at),
            _ => None,
        });
        times.min()
    }

    /// Spoils the next bytes of a direction.
    pub(super) fn spoil(&mut self, direction: Direction, effect: &Effect) {
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
    pub(super) fn carry(&mut self, direction: Direction, bytes: Bytes, noise: Noise) -> Bytes {
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
            let lost = count_down(&mut spoil.lose) || self.random.one_in(noise.lose_one_in);
            if lost {
                continue;
            }
            carried.extend_from_slice(&[byte]);
            if count_down(&mut spoil.duplicate) || self.random.one_in(noise.duplicate_one_in) {
                carried.extend_from_slice(&[byte]);
            }
        }
        carried.freeze()
    }

    /// Random bytes.
    pub(super) fn garbage(&mut self, count: u32) -> Bytes {
        (0..count).map(|_| self.random.byte()).collect()
    }

    /// A random number from 1 to `max`, or 1.
    pub(super) fn up_to(&mut self, max: usize) -> usize {
        let max = u64::try_from(max).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.random.next() % max).unwrap_or(0) + 1
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

fn count_down(counter: &mut u32) -> bool {
    let counting = *counter > 0;
    *counter = counter.saturating_sub(1);
    counting
}

/// Steady noise on the line.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Noise {
    pub(super) lose_one_in: u32,
    pub(super) duplicate_one_in: u32,
}

impl Noise {
    const fn is_none(self) -> bool {
        self.lose_one_in == 0 && self.duplicate_one_in == 0
    }
}

/// Xorshift: small, and the same everywhere for the same seed.
#[derive(Debug)]
struct Random(u64);

impl Default for Random {
    fn default() -> Self {
        Self::seeded(1)
    }
}

impl Random {
    /// Zero is the one state xorshift never leaves.
    fn seeded(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).max(1))
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn byte(&mut self) -> u8 {
        self.next().to_be_bytes()[0]
    }

    fn one_in(&mut self, n: u32) -> bool {
        n > 0 && self.next().is_multiple_of(u64::from(n))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_strikes_once_at_its_place() {
        let mut faults = Faults::default();
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
    fn faults_are_written_in_toml() {
        #[derive(Deserialize)]
        struct File {
            fault: Vec<Fault>,
        }
        let text = r#"
            [[fault]]
            trigger = { command = { command = "+CFTPSGET", nth = 1, phase = { in_block = 1480 } } }
            effect = "reboot"
            [[fault]]
            trigger = { after = "5s" }
            effect = { text = "RING" }
        "#;
        let file: File = toml::from_str(text).unwrap();
        let phase = Phase::InBlock(1480);
        let trigger = Trigger::Command {
            command: "+CFTPSGET".into(),
            nth: 1,
            phase,
        };
        let expected = [
            Fault {
                trigger,
                effect: Effect::Reboot,
            },
            Fault {
                trigger: Trigger::After(Duration::from_secs(5)),
                effect: Effect::Text("RING".into()),
            },
        ];
        assert_eq!(file.fault, expected);
    }

    #[test]
    fn spoilt_bytes_are_lost_then_doubled() {
        let mut faults = Faults::default();
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
            Faults::seeded(seed)
                .carry(Direction::FromHost, bytes, noise)
                .len()
        };
        assert_eq!(run(5), run(5));
        assert_ne!(run(5), 1000);
    }
}
