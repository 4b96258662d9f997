//! Clients that try to take the daemon from others. During each attack, a well-behaved client asks for the
//! size of a file ten times a second and connects again every second. It must not notice the attack.
//!
//! The daemon is a process of its own, so that its memory and descriptors are what the system reports. The
//! attackers write HTTP/2 frames themselves (RFC 9113), since a library would not. In the field they have a
//! processor of their own. Here they share the daemon's, and their threads yield to others (nice(2)), so
//! that the neighbour waits for the daemon's work and not for theirs.
//!
//! As many attacks run side by side as there are processors. A second daemon, which nobody attacks, runs at
//! the same time: it shows what the machine alone does to a daemon.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test says what it measured, in real time"
)]

mod attacks;
mod doors;
mod frames;
mod kept;
mod limits;
mod neighbour;
#[path = "../support/program.rs"]
mod program;
mod transport;

use std::future::pending;
use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use cellftp::client::Address;
use neighbour::Neighbour;
use program::{Figures, Program, free_port, ftp_server};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{sleep, timeout};

/// An attack ends within this time, and so does what it left.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long an attack lasts: more than a hundred questions, so that a share of 95 % is not decided by two of them.
const LASTS: Duration = Duration::from_secs(11);

/// How much more memory the daemon may use after an attack than before it: an allocator keeps some.
const LEFT: u64 = 8 << 20;

/// Bytes of log that an attack may write: a hundred lines of each of a few kinds, and five a second.
const LOG: u64 = 192 << 10;

/// The part of a processor that the daemon may use while it is attacked. Of the two of a small computer,
/// one is left. A debug build, which is measured here, needs ten times as much for everything.
const WORK: f64 = 0.9;

/// Files that the daemon may open where descriptors are not what is attacked.
const MANY: u64 = 4096;

/// What an attack by calls may cost: as many as a client may have at once, at 16 KiB each.
const CALLS: u64 = 32 << 20;

/// All but the attackers.
static OTHERS: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// The attacks that may begin now.
static LANES: LazyLock<Lanes> = LazyLock::new(|| Lanes {
    free: Mutex::new(available_parallelism().map_or(1, Into::into)),
    left: Condvar::new(),
});

/// The lanes on which attacks run side by side: one for each processor, so that each daemon has one.
struct Lanes {
    free: Mutex<usize>,
    left: Condvar,
}

/// A lane that an attack holds.
struct Lane;

impl Lanes {
    fn enter(&self) -> Lane {
        let free = self.left.wait_while(self.free(), |free| *free == 0);
        *free.unwrap_or_else(PoisonError::into_inner) -= 1;
        Lane
    }

    fn free(&self) -> MutexGuard<'_, usize> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        *LANES.free() += 1;
        LANES.left.notify_one();
    }
}

/// One attack, with what is measured around it.
struct Siege {
    program: Program,
    neighbour: Neighbour,
    tcp: String,
    /// Another daemon of the same kind, which nobody attacks: what the machine does to both is not the
    /// attacker's doing.
    control: (Program, Neighbour, String),
    before: Figures,
    _lane: Lane,
}

impl Siege {
    /// A daemon that may open so many files, with a client that is served.
    fn of(descriptors: u64, more: &str) -> Self {
        Self::beside_other(descriptors, more, more)
    }

    /// The same where the other daemon has its own configuration.
    fn beside_other(descriptors: u64, more: &str, other: &str) -> Self {
        let lane = LANES.enter();
        // In a thread that yields to nobody: the daemon inherits the priority of its parent.
        let attacked = OTHERS.spawn(start(descriptors, more.to_owned()));
        let control = OTHERS.spawn(start(MANY, other.to_owned()));
        let (program, neighbour, tcp) = OTHERS.block_on(attacked).unwrap();
        let control = OTHERS.block_on(control).unwrap();
        Self {
            before: program.figures(),
            program,
            neighbour,
            tcp,
            control,
            _lane: lane,
        }
    }

    /// The TCP port as the client's library takes it.
    fn address(&self) -> Address {
        address(&self.tcp)
    }

    /// The same for the daemon that nobody attacks.
    fn elsewhere(&self) -> Address {
        address(&self.control.2)
    }

    /// Runs an attack. The daemon must not take more than `bound` bytes for it, and must give back
    /// memory and descriptors when it is over.
    fn beside<T>(self, name: &str, bound: u64, attack: impl Future<Output = T>) -> T {
        self.beside_as_much(name, bound, attack, pending())
    }

    /// The same where the attacker takes turns with the neighbour on the link, as any client may: at the
    /// other daemon, a client that behaves well does the same work.
    fn beside_as_much<T>(
        self,
        name: &str,
        bound: u64,
        attack: impl Future<Output = T>,
        work: impl Future<Output = ()>,
    ) -> T {
        let Self {
            program,
            neighbour,
            tcp: _,
            control: (_control, unmolested, _),
            before,
            _lane,
        } = self;
        let (besieged, unmolested) = (neighbour.besieged(), unmolested.besieged());
        let began = Instant::now();
        let (done, during) = in_the_background(async {
            let work = async {
                work.await;
                pending().await
            };
            let done = async {
                tokio::select! {
                    done = attack => done,
                    () = work => unreachable!("it goes on"),
                }
            };
            let done = timeout(PATIENCE, done).await.expect("the attack ends");
            (done, program.figures())
        });
        let lasted = began.elapsed();
        let (found, unmolested) = (besieged.over(), unmolested.over());
        let work = (during.work - before.work).as_secs_f64() / lasted.as_secs_f64();
        let after = OTHERS.block_on(settled(&program, &before));
        println!(
            "{name}: a size in {found}; elsewhere {unmolested}; {:.0} % of a processor; memory {} KiB before, {} more at its peak, {} after; \
             descriptors {}, {}, {}; log {} bytes",
            100.0 * work,
            before.memory / 1024,
            // The system counts pages roughly (proc(5)).
            after.peak.saturating_sub(before.resident) / 1024,
            after.memory / 1024,
            before.descriptors,
            during.descriptors,
            after.descriptors,
            during.log - before.log,
        );
        assert!(
            after.peak < before.resident + bound,
            "{name}: more than {bound} bytes"
        );
        assert!(is_settled(&before, &after), "{name}: not all is given back");
        assert!(during.log - before.log < LOG, "{name}: it floods the log");
        assert!(work < WORK, "{name}: it takes {work} of a processor");
        found.check(name, &unmolested);
        done
    }
}

fn address(tcp: &str) -> Address {
    format!("http://{tcp}").parse().unwrap()
}

/// Starts a daemon, with files on a server, and a client that is served.
async fn start(descriptors: u64, more: String) -> (Program, Neighbour, String) {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join("server");
    let durable = scratch.path().join("durable");
    std::fs::create_dir(&root).unwrap();
    std::fs::create_dir(&durable).unwrap();
    std::fs::write(root.join("small"), b"content").unwrap();
    std::fs::write(root.join("large"), vec![7; 3_000_000]).unwrap();
    std::fs::write(root.join("larger"), vec![7; 6_000_000]).unwrap();
    let (ftp, port) = (ftp_server(root).await, free_port());
    let config = format!(
        "[durable]\ndirectory = {durable:?}\n[listen]\ntcp = \"127.0.0.1:{port}\"\n\
         [servers.here]\nhost = \"127.0.0.1\"\nport = {ftp}\nsecurity = \"none\"\n{more}"
    );
    let program = Program::start(scratch, descriptors, &config).await;
    let neighbour = Neighbour::of(&program).await;
    (program, neighbour, format!("127.0.0.1:{port}"))
}

/// Repeats a part of an attack until it has lasted long enough.
async fn over_and_over(mut part: impl AsyncFnMut()) {
    let began = Instant::now();
    while began.elapsed() < LASTS {
        part().await;
    }
}

/// Runs an attack in threads that yield to all others.
fn in_the_background<T>(attack: impl Future<Output = T>) -> T {
    // On Linux this concerns the thread, and the threads that it starts (sched(7)).
    let yield_to_others = || {
        rustix::process::nice(19).unwrap();
    };
    yield_to_others();
    let runtime = Builder::new_multi_thread()
        .on_thread_start(yield_to_others)
        .enable_all()
        .build();
    runtime.unwrap().block_on(attack)
}

/// Waits until what an attack took is given back.
async fn settled(program: &Program, before: &Figures) -> Figures {
    let mut after = program.figures();
    let waiting = async {
        while !is_settled(before, &after) {
            sleep(Duration::from_millis(100)).await;
            after = program.figures();
        }
    };
    let _ = timeout(PATIENCE, waiting).await;
    after
}

fn is_settled(before: &Figures, after: &Figures) -> bool {
    after.memory <= before.memory + LEFT && after.descriptors <= before.descriptors
}
