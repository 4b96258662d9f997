//! One world: its lives, one after the other, and the looking after at the end.
//!
//! Above 400 lines because the lives of one world share one state.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::client::{self, Mine};
use crate::disk::{Mood, Mounted, SimDisk};
use crate::module::{Module, Poke, Shared, plug};
use crate::net::{HOSTS, Net};
use crate::oracle::{Oracle, Violation};
use crate::plan::{End, Plan, Seed, client_name};
use crate::trouble;
use cellftp::broker::catalogue::Servers;
use cellftp::broker::disk::Disk;
use cellftp::broker::terms::Error;
use cellftp::broker::{Broker, Limits, spool};
use cellftp::modem::port::StreamConnector;
use cellftp::modem::{Modem, ModemOptions, clock, health};
use cellftp::transfers::{self, Budget, Storage, Transfers};
use simcom_emulator::Model;
use simcom_talk::ftps::value::{Host, Password, Server, Username};

/// Where the daemon keeps its transfers.
const DIRECTORY: &str = "/spool";

/// Time after the last trouble within which everything must be repaired: the twenty attempts of a
/// transfer with the pauses between them, and a queue of some hundred operations.
const HEALING: Duration = Duration::from_secs(6 * 3600);

/// The result of a seed.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) operations: u64,
    pub(crate) trace: Vec<String>,
    pub(crate) broken: Vec<Violation>,
}

/// Everything that outlives a daemon.
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) poke: Poke,
    pub(crate) disk: Arc<SimDisk>,
    /// What each client remembers.
    pub(crate) mine: Vec<Mutex<Mine>>,
    /// Clients that are still at work.
    pub(crate) busy: AtomicUsize,
    module: Shared,
    oracle: Mutex<Oracle>,
    /// When this life began, on the runtime's clock and on the world's.
    began: Mutex<(Option<Instant>, Duration)>,
}

impl World {
    pub(crate) fn now(&self) -> Duration {
        match *self.began.lock().unwrap() {
            (Some(began), before) => before + (clock::now() - began),
            (None, before) => before,
        }
    }

    pub(crate) fn module(&self) -> MutexGuard<'_, Module> {
        self.module.lock().unwrap()
    }

    pub(crate) fn oracle(&self) -> MutexGuard<'_, Oracle> {
        self.oracle.lock().unwrap()
    }

    pub(crate) fn note(&self, what: &str) {
        let now = self.now();
        self.oracle().note(now, what);
    }

    pub(crate) fn violated(&self, rule: &'static str, what: String) {
        let now = self.now();
        self.oracle().violated(now, rule, what);
    }

    /// The disk without trouble.
    pub(crate) fn well(&self) -> Mood {
        Mood {
            slow: self.plan.disk_takes,
            ..Mood::default()
        }
    }

    fn is_broken(&self) -> bool {
        !self.plan.seed.goes_on && !self.oracle().broken.is_empty()
    }
}

/// Runs the world of a seed to its end, or to the first rule that is broken.
pub(crate) fn run(seed: Seed) -> Outcome {
    step_wall(0);
    let plan = Plan::of(seed);
    let number = plan.seed.number;
    let net = Net::new(&plan);
    let module = Module::new(Model::of(plan.family), plan.knobs.clone(), net);
    let world = Arc::new(World {
        poke: Poke::new(),
        disk: SimDisk::new(number, Path::new(DIRECTORY)),
        mine: (0..plan.clients).map(|_| Mutex::default()).collect(),
        busy: AtomicUsize::new(0),
        module: Mutex::new(module),
        oracle: Mutex::new(Oracle::new(plan.seed.rule.clone())),
        began: Mutex::new((None, Duration::ZERO)),
        plan,
    });
    let lives = world.plan.lives.len();
    for life in 0..lives {
        if !world.is_broken() {
            live(&world, life);
        }
    }
    if !world.is_broken() {
        heal(&world, lives);
    }
    let mut oracle = world.oracle();
    Outcome {
        operations: oracle.operations,
        trace: std::mem::take(&mut oracle.trace),
        broken: std::mem::take(&mut oracle.broken),
    }
}

/// A daemon, during one life.
struct Daemon {
    transfers: Transfers,
    stop: CancellationToken,
    delivering: JoinHandle<()>,
    keeping: JoinHandle<()>,
    modem: JoinHandle<()>,
}

impl Daemon {
    fn start(world: &Arc<World>) -> Option<Self> {
        let settings = transfers::Settings {
            directory: DIRECTORY.into(),
            budget: Budget::default(),
            disk: Arc::new(Mounted(Arc::clone(&world.disk))) as Arc<dyn Disk>,
            wall,
            ..transfers::Settings::default()
        };
        let storage = match Storage::open(settings, told) {
            Ok(storage) => storage,
            Err(error) => {
                // A start that meets a failing disk is repeated by whoever starts daemons.
                world.note(&format!("the daemon does not start: {error}"));
                return None;
            }
        };
        let plugged = Arc::clone(world);
        let connector = StreamConnector(move || plug(&plugged));
        let (modem, task) = Modem::spawn(connector, ModemOptions::default());
        let profiles = HOSTS.map(|host| (host.to_owned(), server(host)));
        let limits = Limits {
            spool: spool::Limits {
                // These bytes have no name on the disk, and are not among those that are kept.
                disk: 0,
                ..spool::Limits::default()
            },
            ..Limits::default()
        };
        let broker = Broker::new(modem, Servers::new(profiles, false), limits);
        let transfers = Transfers::new(broker.clone(), storage);
        let stop = CancellationToken::new();
        let delivering = tokio::spawn({
            let (transfers, stop) = (transfers.clone(), stop.clone());
            async move { transfers.deliver(stop).await }
        });
        let keeping = tokio::spawn(async move {
            broker.upkeep().await;
        });
        Some(Self {
            transfers,
            stop,
            delivering,
            keeping,
            modem: task,
        })
    }

    /// Ends as on SIGTERM.
    async fn end(self, world: &World) {
        self.stop.cancel();
        if timeout(Duration::from_secs(600), self.delivering)
            .await
            .is_err()
        {
            world.violated("stopping takes for ever", "deliver".into());
        }
        self.keeping.abort();
        let _ = self.keeping.await;
        drop(self.transfers);
        if timeout(Duration::from_secs(600), self.modem).await.is_err() {
            world.violated("stopping takes for ever", "the owner of the port".into());
        }
    }
}

/// Runs something in a runtime of its own, whose clock begins where the world's is.
fn within<T>(world: &Arc<World>, life: usize, work: impl Future<Output = T>) -> T {
    fastrand::seed(world.plan.seed.number ^ life as u64);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let done = runtime.block_on(async {
        world.began.lock().unwrap().0 = Some(clock::now());
        BEGAN.set(Some((clock::now(), world.began.lock().unwrap().1)));
        let done = work.await;
        let now = world.now();
        *world.began.lock().unwrap() = (None, now);
        BEGAN.set(None);
        done
    });
    // The tasks are dropped here, wherever they are.
    drop(runtime);
    done
}

fn live(world: &Arc<World>, number: usize) {
    let life = world.plan.lives[number];
    world.note(&format!("life {number}: {life:?}"));
    within(world, number, async {
        let mut daemon = Daemon::start(world);
        while daemon.is_none() {
            world.disk.set_mood(world.well());
            daemon = Daemon::start(world);
            if daemon.is_none() {
                world.violated("what was accepted cannot be read", "the store".into());
                return;
            }
        }
        let Some(daemon) = daemon else { return };
        world.disk.set_mood(world.well());
        // A power cut at the very end of the last life is over.
        let _ = timeout(Duration::ZERO, world.disk.cut.notified()).await;
        if let End::CutAt(changes) = life.end {
            world.disk.cut_after(Some(changes));
        }
        let mut clients = start_clients(world, &daemon.transfers, number);
        clients.extend(trouble::start(world, number));
        clients.push(tokio::spawn(trouble::look_after(Arc::clone(world))));
        let mut left = life.lasts;
        let step = Duration::from_secs(10);
        loop {
            tokio::select! {
                biased;
                () = world.disk.cut.notified() => break,
                () = sleep(left.min(step)) => {}
            }
            left = left.saturating_sub(step);
            if left.is_zero() || world.is_broken() {
                break;
            }
        }
        if world.is_broken() {
            world.disk.kill();
            return;
        }
        world.note(&format!("life {number} ends"));
        if life.end == End::Orderly {
            for client in clients {
                client.abort();
                let _ = client.await;
            }
            let now = world.now();
            killed(world, now);
            daemon.end(world).await;
        }
        world.disk.kill();
    });
    let now = world.now();
    killed(world, now);
    world
        .disk
        .restart(!matches!(life.end, End::Orderly | End::Killed));
    if life.module_too {
        world.module().power_cycle(now);
    }
}

fn killed(world: &World, now: Duration) {
    let lasting: BTreeSet<u32> = world
        .mine
        .iter()
        .flat_map(|mine| mine.lock().unwrap().lasting())
        .collect();
    world.oracle().killed(now, &lasting);
}

/// No more trouble: all remaining work is done, and everything comes to rest.
fn heal(world: &Arc<World>, number: usize) {
    world.note("healing");
    world.disk.set_mood(world.well());
    let now = world.now();
    world.module().heal();
    world.module().power_cycle(now);
    within(world, number, async {
        let Some(daemon) = Daemon::start(world) else {
            return world.violated("what was accepted cannot be read", "the store".into());
        };
        let mut health = daemon.transfers.broker().health();
        let ready = health.wait_for(|health| matches!(health.link, health::LinkState::Ready));
        if timeout(Duration::from_secs(600), ready).await.is_err() {
            return world.violated("the module is not brought up", String::new());
        }
        for mine in &world.mine {
            mine.lock().unwrap().goes_on();
        }
        // A fault that was planned for a later upload still comes.
        let looked_after = tokio::spawn(trouble::look_after(Arc::clone(world)));
        let clients = start_clients(world, &daemon.transfers, number);
        for client in clients {
            let _ = client.await;
        }
        let until = world.now() + HEALING;
        for index in 0..world.plan.clients {
            if world.plan.has(&client_name(index)) {
                client::settle(world, &daemon.transfers, index, until).await;
            }
        }
        if world.is_broken() {
            return;
        }
        // Longer than the lease of a session whose client has left.
        sleep(Duration::from_secs(900)).await;
        looked_after.abort();
        let _ = looked_after.await;
        let status = daemon.transfers.broker().status();
        if status.queued > 0 || status.running.is_some() || status.sessions > 0 {
            let what = format!(
                "{} queued, {:?} running, {} sessions",
                status.queued, status.running, status.sessions
            );
            world.violated("not all came to rest", what);
        }
        // The daemon's four: the owner of the port, deliver, upkeep, and the pump of the line. Work of
        // the disk at this moment ends soon.
        let tasks = || {
            tokio::runtime::Handle::current()
                .metrics()
                .num_alive_tasks()
        };
        let rests = async {
            while tasks() > 4 {
                sleep(Duration::from_millis(1)).await;
            }
        };
        if timeout(Duration::from_secs(5), rests).await.is_err() {
            world.violated("tasks are left", format!("{}", tasks()));
        }
        let kept = client::keeping(world, &daemon.transfers);
        let files = world.disk.files_in(&Path::new(DIRECTORY).join("files"));
        if files > kept {
            let what = format!("{files} files, {kept} transfers that may have one");
            world.violated("files of no transfer are left", what);
        }
        daemon.end(world).await;
        let open = world.disk.open_files();
        if open > 0 {
            world.violated("files are left open", format!("{open}"));
        }
    });
}

fn start_clients(world: &Arc<World>, transfers: &Transfers, life: usize) -> Vec<JoinHandle<()>> {
    let here = (0..world.plan.clients).filter(|index| world.plan.has(&client_name(*index)));
    let clients: Vec<usize> = here.collect();
    world.busy.store(clients.len(), Ordering::Relaxed);
    clients
        .into_iter()
        .map(|index| {
            let (world, transfers) = (Arc::clone(world), transfers.clone());
            tokio::spawn(async move {
                client::live(&world, &transfers, index, life).await;
                world.busy.fetch_sub(1, Ordering::Relaxed);
            })
        })
        .collect()
}

thread_local! {
    /// How far the wall clock differs from the world's, in seconds.
    static WALL: Cell<i64> = const { Cell::new(0) };
    static BEGAN: Cell<Option<(Instant, Duration)>> = const { Cell::new(None) };
}

/// The wall clock steps.
pub(crate) fn step_wall(seconds: i64) {
    WALL.set(seconds);
}

/// The wall clock, which begins in 2026.
pub(crate) fn wall() -> SystemTime {
    let now = BEGAN.get().map_or(Duration::ZERO, |(began, before)| {
        before + (clock::now() - began)
    });
    let right = 1_790_000_000 + now.as_secs() as i64;
    let shown = u64::try_from(right + WALL.get()).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::new(shown, now.subsec_nanos())
}

fn told(error: &Error) -> transfers::ToldError {
    transfers::ToldError {
        reason: format!("{:?}", error.cause),
        message: error.to_string(),
        metadata: Default::default(),
    }
}

fn server(host: &str) -> Server {
    let (user, password) = (Username::new("user"), Password::new("pass"));
    Server::without_tls(Host::new(host).unwrap(), user.unwrap(), password.unwrap())
}
