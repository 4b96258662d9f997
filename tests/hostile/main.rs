//! Clients that want to take the daemon from the others: each is tried while a well-behaved client asks
//! the size of a file ten times a second and comes anew every second. That one must not notice.
//!
//! The daemon is a process of its own, so that its memory and descriptors are what the system says.
//! The attackers write HTTP/2 frames themselves (RFC 9113): a library would not.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test says what it measured"
)]

mod attacks;
mod frames;
mod neighbour;
mod program;

use std::time::Duration;

use neighbour::Neighbour;
use program::{Figures, Program};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{sleep, timeout};

/// An attack ends within this time, and so does what it left.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the memory may be more, once an attack is over, than before it. What an allocator keeps.
const LEFT: u64 = 8 << 20;

/// Bytes of log that an attack may write: a hundred lines of each of some kinds, and five a second.
const LOG: u64 = 192 << 10;

/// One attack, with what is measured around it.
struct Siege {
    program: Program,
    neighbour: Neighbour,
    before: Figures,
    /// What a question may take more, where the attacker has the link as it may.
    dearer: Duration,
    _alone: MutexGuard<'static, ()>,
}

/// One attack at a time: what a neighbour feels of it is measured.
static ALONE: Mutex<()> = Mutex::const_new(());

impl Siege {
    /// A daemon that may open so many files, with a client that is served.
    async fn of(descriptors: u64, more: &str) -> Self {
        let alone = ALONE.lock().await;
        let program = Program::start(descriptors, more).await;
        let neighbour = Neighbour::of(&program).await;
        let before = program.figures();
        Self {
            program,
            neighbour,
            before,
            dearer: Duration::ZERO,
            _alone: alone,
        }
    }

    /// Runs an attack. The daemon must not take more than `bound` bytes for it, and must give back
    /// memory and descriptors when it is over.
    async fn beside<T>(self, name: &str, bound: u64, attack: impl Future<Output = T>) -> T {
        let Self {
            program,
            neighbour,
            before,
            dearer,
            _alone,
        } = self;
        let attacked = async {
            let done = timeout(PATIENCE, attack).await.expect("the attack ends");
            (done, program.figures())
        };
        let (found, (done, during)) = neighbour.beside(attacked).await;
        let mut after = program.figures();
        let settled = async {
            while after.memory > before.memory + LEFT || after.descriptors > before.descriptors {
                sleep(Duration::from_millis(100)).await;
                after = program.figures();
            }
        };
        let settled = timeout(PATIENCE, settled).await;
        let peak = program.peak();
        println!(
            "{name}: a size in {found}; memory {} KiB before, {} at its peak, {} after; \
             descriptors {}, {}, {}; log {} bytes",
            before.memory / 1024,
            peak / 1024,
            after.memory / 1024,
            before.descriptors,
            during.descriptors,
            after.descriptors,
            during.log - before.log,
        );
        assert!(
            peak < before.memory + bound,
            "{name}: more than {bound} bytes"
        );
        assert!(settled.is_ok(), "{name}: not all was given back");
        assert!(during.log - before.log < LOG, "{name}: it floods the log");
        found.check(name, dearer);
        done
    }
}
