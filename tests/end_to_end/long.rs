//! Eight mebibytes in each direction at 921,600 baud, a minute and a half and more, while another client
//! asks for a size every few seconds.

use std::time::{Duration, Instant};

use cellftp::client::{Address, Client, PutOptions, PutState, Target, YieldPolicy};
use tokio::time::sleep;

use crate::content::traps;
use crate::support::servers::{Security, Server, ServerKind};
use crate::support::site::{Family, Site};
use crate::support::tools;

const SIZE: usize = 8 << 20;

const BETWEEN: Duration = Duration::from_secs(4);

/// The shortest time for that at 92,160 bytes a second.
const LINE: Duration = Duration::from_secs(91);

#[test]
fn a_size_is_told_within_three_seconds_during_eight_mebibytes() {
    if !tools::wanted("a_size_is_told_within_three_seconds_during_eight_mebibytes") {
        return;
    }
    // Two modules, side by side: each line is idle for most of its time.
    std::thread::scope(|scope| {
        scope.spawn(|| on_a_slow_line(up));
        scope.spawn(|| on_a_slow_line(down));
    });
}

fn on_a_slow_line(work: impl AsyncFnOnce(&Server, &Site)) {
    let server = Server::start(ServerKind::Vsftpd, Security::None);
    server.place("small", b"12345");
    let site = Site::start_on(
        Family::Sim7600,
        &[("server", &server)],
        &["--baud", "921600"],
    );
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(work(&server, &site));
}

async fn up(server: &Server, site: &Site) {
    let content = traps(SIZE);
    let (path, options) = (server.remote("large"), PutOptions::default());
    let client = client(site).await;
    let (at, mut source) = (profile(), content.as_slice());
    let put = client.put(&at, &path, &options, &mut source, |_| ());
    let result = meanwhile(server, site, "up", put).await;
    let result = result.expect("written");
    assert_eq!(result.state(), PutState::VerifiedSize, "{result:?}");
    let stored = std::fs::read(server.local("large")).expect("it is there");
    assert!(stored == content, "byte by byte");
}

async fn down(server: &Server, site: &Site) {
    let content = traps(SIZE);
    server.place("large", &content);
    let path = server.remote("large");
    let client = client(site).await;
    let mut back = Vec::new();
    let at = profile();
    let get = async {
        let download = client.get(&at, &path, 0).await?;
        download.copy_to(&mut back, |_| ()).await
    };
    let result = meanwhile(server, site, "down", get).await;
    result.expect("read");
    assert!(back == content, "byte by byte");
}

/// Asks as another client until `work` is done. Returns how long the answers took.
async fn meanwhile<T>(
    server: &Server,
    site: &Site,
    what: &str,
    work: impl Future<Output = T>,
) -> T {
    let other = client(site).await;
    let (at, path) = (profile(), server.remote("small"));
    let mut waits = Vec::new();
    let asking = async {
        loop {
            sleep(BETWEEN).await;
            let began = Instant::now();
            assert_eq!(other.size(&at, &path).await.expect("a size"), 5);
            waits.push(began.elapsed());
        }
    };
    let began = Instant::now();
    let done = tokio::select! {
        done = work => done,
        () = asking => unreachable!("it goes on asking"),
    };
    let took = began.elapsed();
    waits.sort_unstable();
    let (median, longest) = (waits[waits.len() / 2], waits[waits.len() - 1]);
    println!(
        "8 MiB {what} in {took:.1?}: {} sizes meanwhile, median {median:.2?}, longest {longest:.2?}",
        waits.len()
    );
    assert!(took >= LINE, "the line is faster than it should be");
    assert!(median < Duration::from_secs(3), "{waits:?}");
    done
}

async fn client(site: &Site) -> Client {
    let client = Client::connect(&Address::Unix(site.socket())).await;
    client
        .expect("the daemon listens")
        .with_yields(YieldPolicy::Always)
}

fn profile() -> Target {
    Target::Profile("server".into())
}
