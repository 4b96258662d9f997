//! Somebody who behaves well, and what the daemon is like for them.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cellftp::client::{Address, Client, Target};
use tokio::task::JoinHandle;
use tokio::time::{interval, sleep, timeout};

use crate::OTHERS;
use crate::program::Program;

/// Between two questions, and between two connections.
const QUESTION: Duration = Duration::from_millis(100);
const CONNECTION: Duration = Duration::from_secs(1);

/// How long the usual is looked at.
const USUAL: Duration = Duration::from_secs(3);

/// An answer that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a question may take beside twice the usual. A usual answer takes 50 ms, of which 45 are a pause of
/// the emulated module's, so that twice the usual is less than a process waits for a processor on a machine
/// that others use. With a load of 12 on two processors the p99 was 123 to 293 ms beside the attacks, and
/// 116 to 332 ms at the same time with a daemon that nobody attacked. Where the attackers ask questions of
/// their own, they have the link in turn with the neighbour: it was 417 and 526 ms, and elsewhere 218 and 173.
const SHARED: Duration = Duration::from_millis(300);

/// A client of another principal than the attackers.
pub(crate) struct Neighbour {
    address: Address,
    client: Client,
    usual: Vec<Duration>,
}

/// One who is asking while an attack goes on.
pub(crate) struct Besieged {
    usual: Vec<Duration>,
    heard: Arc<Heard>,
    tasks: [JoinHandle<()>; 2],
}

/// What the answers were.
#[derive(Default)]
struct Heard {
    took: Mutex<Vec<Duration>>,
    failures: Mutex<Vec<String>>,
}

/// What its questions took.
pub(crate) struct Found {
    usual: Vec<Duration>,
    during: Vec<Duration>,
    failures: Vec<String>,
}

impl Neighbour {
    pub(crate) async fn of(program: &Program) -> Self {
        let address = program.unix();
        let client = Client::connect(&address).await.unwrap();
        // The first question waits for the module to log in.
        ask(&client).await.unwrap();
        let neighbour = Self {
            address,
            client,
            usual: Vec::new(),
        };
        let usual = neighbour.begin();
        sleep(USUAL).await;
        let usual = usual.over();
        assert!(usual.failures.is_empty(), "{:?}", usual.failures);
        Self {
            usual: usual.during,
            ..neighbour
        }
    }

    /// Goes about its business.
    pub(crate) fn besieged(self) -> Besieged {
        let mut besieged = self.begin();
        besieged.usual = self.usual;
        besieged
    }

    fn begin(&self) -> Besieged {
        let heard = Arc::new(Heard::default());
        let asking = {
            let (client, heard) = (self.client.clone(), heard.clone());
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
            usual: Vec::new(),
            heard,
            tasks: [asking, coming],
        }
    }
}

impl Besieged {
    /// Ends it, and tells what it was like.
    pub(crate) fn over(self) -> Found {
        self.tasks.iter().for_each(JoinHandle::abort);
        Found {
            usual: self.usual,
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
    /// Nothing failed, and it took no longer than twice the usual, before or at the same time with a
    /// daemon that nobody attacks.
    pub(crate) fn check(&self, name: &str, elsewhere: &Self, dearer: Duration) {
        assert!(self.failures.is_empty(), "{name}: {:?}", self.failures);
        let usual = share(&self.usual, 99).max(share(&elsewhere.during, 99));
        let bound = 2 * usual + SHARED + dearer;
        let during = share(&self.during, 99);
        assert!(during <= bound, "{name}: {during:?}, of {bound:?}");
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [half, most, all] = [50, 99, 100].map(|percent| share(&self.during, percent));
        let usual = share(&self.usual, 99);
        write!(
            f,
            "{half:.0?}, p99 {most:.0?}, at most {all:.0?} ({} answers, {} failures; p99 before {usual:.0?})",
            self.during.len(),
            self.failures.len()
        )
    }
}

/// Within which time so many of a hundred answers came.
fn share(times: &[Duration], percent: usize) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    let at = times.len() * percent / 100;
    times.get(at).or(times.last()).copied().unwrap_or_default()
}
