//! Which files nobody writes to any more.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;

use super::found::{Found, Version};

/// Since when the files of an outbox have not changed, by the runtime's clock: the times that files have are those of
/// a clock that may be wrong.
#[derive(Debug, Default)]
pub(crate) struct Steady {
    since: HashMap<PathBuf, (Version, Instant)>,
}

impl Steady {
    /// Takes note of all files that are there now.
    pub(crate) fn look(&mut self, found: &[Found], now: Instant) {
        let before = std::mem::take(&mut self.since);
        let since = |found: &Found| match before.get(&found.path) {
            Some((version, since)) if *version == found.version => *since,
            _ => now,
        };
        self.since = found
            .iter()
            .map(|found| (found.path.clone(), (found.version, since(found))))
            .collect();
    }

    /// How long the file must stay as it is until it has been so for `quiet`; zero where it has.
    pub(crate) fn wait(&self, found: &Found, quiet: Duration, now: Instant) -> Duration {
        match self.since.get(&found.path) {
            Some((version, since)) if *version == found.version => {
                quiet.saturating_sub(now.duration_since(*since))
            }
            _ => quiet,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modem::clock;

    fn found(path: &str, size: u64) -> Found {
        let version = Version {
            modified: (1, 0),
            size,
            inode: 7,
        };
        Found {
            path: path.into(),
            version,
        }
    }

    #[test]
    fn a_file_that_grows_is_never_steady_and_one_that_rests_is() {
        const QUIET: Duration = Duration::from_secs(2);
        let second = Duration::from_secs(1);
        let (mut steady, mut now) = (Steady::default(), clock::now());
        for size in 0..10 {
            let both = [found("grows", size), found("rests", 5)];
            steady.look(&both, now);
            assert_eq!(steady.wait(&both[0], QUIET, now), QUIET);
            let rest = QUIET.saturating_sub(second * u32::try_from(size).unwrap());
            assert_eq!(steady.wait(&both[1], QUIET, now), rest);
            now += second;
        }
        // It was away.
        steady.look(&[], now);
        steady.look(&[found("rests", 5)], now);
        assert_eq!(steady.wait(&found("rests", 5), QUIET, now), QUIET);
    }
}
