//! An outbox in front of a real server, while the daemon and the module are killed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::support::servers::{Security, Server, ServerKind};
use crate::support::site::{Family, Site};
use crate::support::{tools, wait};

/// Files, kills of the daemon, and kills of the module. `CELLFTPD_OUTBOX=1000,50,20` has more of them.
const SIZES: [usize; 3] = [150, 12, 4];

/// The longest life of a daemon.
const LIFE: Duration = Duration::from_millis(1500);

/// How long what is left may take.
const REST: Duration = Duration::from_secs(200);

#[test]
fn an_outbox_survives_kills_of_the_daemon_and_of_the_module() {
    if !tools::wanted("an_outbox_survives_kills_of_the_daemon_and_of_the_module") {
        return;
    }
    let wished = std::env::var("CELLFTPD_OUTBOX").unwrap_or_default();
    let mut wished = wished.split(',').map(str::parse);
    let [files, kills, cuts] = SIZES.map(|size| wished.next().and_then(Result::ok).unwrap_or(size));
    let server = Server::start(ServerKind::Pyftpdlib, Security::None);
    let outbox = tempfile::tempdir().expect("a scratch directory");
    let here = outbox.path().display().to_string();
    let target = server.remote("in");
    let set = [
        ("CELLFTPD_DURABLE__BACKOFF", "100ms"),
        ("CELLFTPD_DURABLE__MAX_BACKOFF", "500ms"),
        ("CELLFTPD_DURABLE__ATTEMPTS", "1000"),
        ("CELLFTPD_OUTBOX__BOX__DIRECTORY", here.as_str()),
        ("CELLFTPD_OUTBOX__BOX__PROFILE", "server"),
        ("CELLFTPD_OUTBOX__BOX__TARGET", target.as_str()),
        ("CELLFTPD_OUTBOX__BOX__QUIET", "100ms"),
    ];
    let mut wanted = BTreeMap::new();
    for number in 0..files {
        // Some in directories, some with names outside ASCII, some empty.
        let directory = ["", "a/", "a/b c/", "d/e/f/"][number % 4];
        let name = format!("{directory}n\u{f6} {number}.csv");
        let content = vec![b'0' + (number % 10) as u8; (number % 7) * 997];
        put(outbox.path(), &name, &content);
        wanted.insert(name, content);
    }
    let mut site = Site::start_set(Family::Sim7600, &[("server", &server)], &[], &set);
    let mut chance = fastrand::Rng::with_seed(7);
    for kill in 0..kills {
        std::thread::sleep(LIFE.mul_f32(chance.f32()));
        if cuts > 0 && kill % (kills / cuts).max(1) == 0 {
            site.reboot_module();
        }
        site.kill_daemon();
        site.start_daemon();
    }
    let begun = Instant::now();
    wait::until("an outbox that is empty", REST, || {
        files_of(outbox.path()).is_empty().then_some(())
    });
    let there = files_of(&server.local("in"));
    assert!(there == wanted, "{:?}", there.keys());
    println!(
        "{files} files, {kills} kills of the daemon, {cuts} of the module; the rest took {:.1} s",
        begun.elapsed().as_secs_f64()
    );
    assert!(site.stop());
}

/// Puts a file under its name at once.
fn put(outbox: &Path, name: &str, content: &[u8]) {
    let half = outbox.join(".half");
    fs::write(&half, content).expect("a scratch directory is writable");
    let whole = outbox.join(name);
    let parent = whole.parent().expect("a file is in a directory");
    fs::create_dir_all(parent).expect("a scratch directory is writable");
    fs::rename(half, whole).expect("it is on the same disk");
}

/// All files below a directory by their paths from there, the hidden ones too.
fn files_of(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(directory) = open.pop() {
        // The daemon removes directories of its own.
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let path: PathBuf = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if let Ok(content) = fs::read(&path) {
                let below = path.strip_prefix(root).expect("it was found below");
                found.insert(below.display().to_string(), content);
            }
        }
    }
    found
}
