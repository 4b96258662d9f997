//! A client that behaves well, and how the daemon serves it.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cellftp::client::{Address, Client, Target};
use tokio::task::JoinHandle;
use tokio::time::{interval, timeout};

use crate::OTHERS;
use crate::program::Program;

/// Between two questions, and between two connections.
const QUESTION: Duration = Duration::from_millis(100);
const CONNECTION: Duration = Duration::from_secs(1);

/// Questions before anything is measured: the module has then logged in, and the memory is what a daemon in
/// use needs.
const FIRST: usize = 5;

/// An answer that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a question may take in addition to twice the usual time: the pause of the scheduler between two
/// turns of a processor that a dozen others want (4 ms each by Linux's custom). The usual time is measured
/// at the same moment.
const GRAIN: Duration = Duration::from_millis(20);

/// What the longest question may take in addition to twice the longest one elsewhere. It comes in the midst of an attack that
/// begins with a thousand calls at once: an unoptimised daemon has work with them for about 0.3 s.
const BURST: Duration = Duration::from_secs(1);

/// A client of another principal than the attackers.
pub(crate) struct Neighbour {
    address: Address,
    client: Client,
}

/// A neighbour that asks while an attack goes on.
pub(crate) struct Besieged {
    heard: Arc<Heard>,
    tasks: [JoinHandle<()>; 2],
}

/// The answers.
#[derive(Default)]
struct Heard {
    took: Mutex<Vec<Duration>>,
    failures: Mutex<Vec<String>>,
}

/// What its questions took.
pub(crate) struct Found {
    during: Vec<Duration>,
    failures: Vec<String>,
}

impl Neighbour {
    pub(crate) async fn of(program: &Program) -> Self {
        let address = program.unix();
        let client = Client::connect(&address).await.unwrap();
        for _ in 0..FIRST {
            ask(&client).await.unwrap();
        }
        Self { address, client }
    }

    /// Begins to ask.
    pub(crate) fn besieged(self) -> Besieged {
        let heard = Arc::new(Heard::default());
        let asking = {
            let (client, heard) = (self.client, heard.clone());
            OTHERS.spawn(async move {
                let mut next = interval(QUESTION);
                loop {
                    next.tick().await;
                    match ask(&client).await {
                        Ok(time) => heard.took.lock().unwrap().push(time),
                        Err(why) => heard.failures.lock().unwrap().push(why),
                    }
                }
            })
        };
        let coming = {
            let (address, heard) = (self.address.clone(), heard.clone());
            OTHERS.spawn(async move {
                let mut next = interval(CONNECTION);
                loop {
                    next.tick().await;
                    if let Err(why) = come(&address).await {
                        heard.failures.lock().unwrap().push(why);
                    }
                }
            })
        };
        Besieged {
            heard,
            tasks: [asking, coming],
        }
    }
}

impl Besieged {
    /// Ends the asking, and returns what was found.
    pub(crate) fn over(self) -> Found {
        self.tasks.iter().for_each(JoinHandle::abort);
        Found {
            during: std::mem::take(&mut *self.heard.took.lock().unwrap()),
            failures: std::mem::take(&mut *self.heard.failures.lock().unwrap()),
        }
    }
}

async fn ask(client: &Client) -> Result<Duration, String> {
    let began = Instant::now();
    let target = Target::Profile("here".into());
    match timeout(PATIENCE, client.size(&target, "/small")).await {
        Ok(Ok(7)) => Ok(began.elapsed()),
        Ok(other) => Err(format!("a size: {other:?}")),
        Err(_) => Err(format!("no size within {PATIENCE:?}")),
    }
}

async fn come(address: &Address) -> Result<(), String> {
    let coming = async {
        let client = Client::connect(address).await?;
        client.status().await.map(drop)
    };
    match timeout(PATIENCE, coming).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(format!("a connection: {error:?}")),
        Err(_) => Err(format!("no connection within {PATIENCE:?}")),
    }
}

impl Found {
    /// Nothing failed. 19 of 20 questions took at most twice the usual time, and none of them much more. The
    /// usual time is that of a daemon that nobody attacks at the same moment.
    ///
    /// An attack has about a hundred answers: a higher share would be decided by two of them.
    pub(crate) fn check(&self, name: &str, elsewhere: &Self) {
        assert!(self.failures.is_empty(), "{name}: {:?}", self.failures);
        for (percent, more) in [(95, GRAIN), (100, BURST)] {
            let bound = 2 * share(&elsewhere.during, percent) + more;
            let during = share(&self.during, percent);
            assert!(
                during <= bound,
                "{name}: {percent} % of the answers took up to {during:?}, of {bound:?}"
            );
        }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [half, most, all] = [50, 95, 100].map(|percent| share(&self.during, percent));
        write!(
            f,
            "{half:.0?}, p95 {most:.0?}, at most {all:.0?} ({} answers, {} failures)",
            self.during.len(),
            self.failures.len()
        )
    }
}

/// The time within which `percent` of the answers came.
fn share(times: &[Duration], percent: usize) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    let at = times.len() * percent / 100;
    times.get(at).or(times.last()).copied().unwrap_or_default()
}
