//! Somebody who behaves well, and what the daemon is like for them.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cellftp::client::{Address, Client, Target};
use tokio::time::{interval, sleep, timeout};

use crate::program::Program;

/// Between two questions, and between two connections.
const QUESTION: Duration = Duration::from_millis(100);
const CONNECTION: Duration = Duration::from_secs(1);

/// How long the usual is looked at.
const USUAL: Duration = Duration::from_secs(2);

/// An answer that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a question may take beside twice the usual: the attacker works on the same two processors, and
/// with a hundred questions the p99 is nearly the worst of them.
const SHARED: Duration = Duration::from_millis(400);

/// A client of another principal than the attackers.
pub(crate) struct Neighbour {
    address: Address,
    client: Client,
    usual: Vec<Duration>,
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
        let mut neighbour = Self {
            address,
            client,
            usual: Vec::new(),
        };
        // The first question waits for the module to log in.
        ask(&neighbour.client).await.unwrap();
        let usual = neighbour.beside_it(sleep(USUAL)).await.0;
        assert!(usual.failures.is_empty(), "{:?}", usual.failures);
        neighbour.usual = usual.during;
        neighbour
    }

    /// Goes about its business until `attack` is over.
    pub(crate) async fn beside<T>(self, attack: impl Future<Output = T>) -> (Found, T) {
        let (mut found, done) = self.beside_it(attack).await;
        found.usual = self.usual;
        (found, done)
    }

    async fn beside_it<T>(&self, attack: impl Future<Output = T>) -> (Found, T) {
        let took = Arc::new(Mutex::new(Vec::new()));
        let failures = Arc::new(Mutex::new(Vec::new()));
        // Tasks of their own: an attacker's work must not hold up the one who measures.
        let asking = {
            let (client, took, failures) = (self.client.clone(), took.clone(), failures.clone());
            tokio::spawn(async move {
                let mut next = interval(QUESTION);
                loop {
                    next.tick().await;
                    match ask(&client).await {
                        Ok(time) => took.lock().unwrap().push(time),
                        Err(why) => failures.lock().unwrap().push(why),
                    }
                }
            })
        };
        let coming = {
            let (address, failures) = (self.address.clone(), failures.clone());
            tokio::spawn(async move {
                let mut next = interval(CONNECTION);
                loop {
                    next.tick().await;
                    if let Err(why) = come(&address).await {
                        failures.lock().unwrap().push(why);
                    }
                }
            })
        };
        let done = attack.await;
        asking.abort();
        coming.abort();
        let during = std::mem::take(&mut *took.lock().unwrap());
        let failures = std::mem::take(&mut *failures.lock().unwrap());
        let found = Found {
            usual: Vec::new(),
            during,
            failures,
        };
        (found, done)
    }
}

#[expect(clippy::disallowed_methods, reason = "the test measures real time")]
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
    /// Nothing failed, and it took no longer than usual and `dearer`.
    pub(crate) fn check(&self, name: &str, dearer: Duration) {
        assert!(self.failures.is_empty(), "{name}: {:?}", self.failures);
        let bound = 2 * p99(&self.usual) + SHARED + dearer;
        let during = p99(&self.during);
        assert!(during <= bound, "{name}: {during:?}, of {bound:?}");
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (during, usual) = (p99(&self.during), p99(&self.usual));
        write!(
            f,
            "{during:?} (p99 of {}), usually {usual:?}, {} failures",
            self.during.len(),
            self.failures.len()
        )
    }
}

fn p99(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    let at = times.len() * 99 / 100;
    times.get(at).or(times.last()).copied().unwrap_or_default()
}
