//! Directories whose files are sent.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::Signal;
use tempfile::TempDir;

use super::ftp::Server;
use super::{CELLFTP, CELLFTPD, PATIENCE, Service, run, text, wait};

/// Bytes that the outbox may have in the daemon's directory.
const DISK: usize = 1_000_000;

/// An outbox, the daemon's state, and a server.
struct Site {
    scratch: TempDir,
    server: Server,
}

impl Site {
    fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        for directory in ["out", "state"] {
            fs::create_dir(scratch.path().join(directory)).unwrap();
        }
        Self {
            scratch,
            server: Server::start(),
        }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.scratch.path().join("out").join(path)
    }

    /// Puts a file into the outbox as programs should: under another name first.
    fn put(&self, name: &str, content: &[u8]) {
        let half = self.at(".half");
        fs::write(&half, content).unwrap();
        fs::create_dir_all(self.at(name).parent().unwrap()).unwrap();
        fs::rename(half, self.at(name)).unwrap();
    }

    fn daemon(&self, more: &str) -> Service {
        self.daemon_after("100ms", more)
    }

    /// One that takes a file when it has not changed for `quiet`.
    fn daemon_after(&self, quiet: &str, more: &str) -> Service {
        let mut command = Command::new(CELLFTPD);
        command.env(
            "CELLFTPD_DURABLE__DIRECTORY",
            self.scratch.path().join("state"),
        );
        command.env("CELLFTPD_DURABLE__DISK_PER_CLIENT", DISK.to_string());
        command.env("CELLFTPD_DURABLE__BACKOFF", "100ms");
        command.env("CELLFTPD_DURABLE__MAX_BACKOFF", "100ms");
        command.stderr(Stdio::null());
        let out = self.at("");
        Service::by(
            command,
            &format!(
                "[outbox.logs]\ndirectory = {out:?}\nprofile = \"s\"\ntarget = \"/in\"\n\
                 quiet = {quiet:?}\n{more}{}",
                self.server.profile()
            ),
        )
    }

    /// What is in the outbox, by its path.
    fn left(&self) -> BTreeMap<String, String> {
        let mut left = BTreeMap::new();
        let mut open = vec![self.at("")];
        while let Some(directory) = open.pop() {
            // The daemon removes directories of its own.
            for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() && !path.is_symlink() {
                    open.push(path);
                } else {
                    let below = path.strip_prefix(self.at("")).unwrap();
                    let content = fs::read_to_string(&path).unwrap_or_default();
                    left.insert(below.display().to_string(), content);
                }
            }
        }
        left
    }

    fn is_sent(&self, wanted: &HashMap<String, Vec<u8>>) {
        let begun = std::time::Instant::now();
        while !(self.left().is_empty() && self.server.files() == *wanted) {
            let sizes: BTreeMap<_, _> = self
                .server
                .files()
                .into_iter()
                .map(|(name, content)| (name, content.len()))
                .collect();
            assert!(
                begun.elapsed() < PATIENCE,
                "here {:?}, there {sizes:?}",
                self.left()
            );
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}

fn stops(mut service: Service) {
    service.signal(Signal::TERM);
    assert_eq!(service.process.wait().unwrap().code(), Some(0));
}

/// The transfers of all, as a person sees them.
fn transfers(service: &Service) -> String {
    let door = service.door().display().to_string();
    let shown = run(
        CELLFTP,
        &["--socket", &door, "transfer", "ls", "--principal", "-"],
    );
    assert!(shown.status.success(), "{}", text(&shown.stderr));
    text(&shown.stdout)
}

#[test]
fn a_file_that_is_put_into_an_outbox_is_on_the_server_and_gone_here() {
    let site = Site::new();
    site.put("early", b"before the daemon");
    let service = site.daemon("");
    let mut wanted = HashMap::from([("early".to_owned(), b"before the daemon".to_vec())]);
    site.is_sent(&wanted);
    for (name, content) in [("a.csv", "1;2"), ("empty", ""), ("na me", "x")] {
        site.put(name, content.as_bytes());
        wanted.insert(name.into(), content.as_bytes().to_vec());
    }
    site.put("large", &[7; 300_000]);
    wanted.insert("large".into(), vec![7; 300_000]);
    site.is_sent(&wanted);
    // The same name again, with other bytes.
    site.put("a.csv", b"3;4");
    wanted.insert("a.csv".into(), b"3;4".to_vec());
    site.is_sent(&wanted);
    wait::until("no transfer that has ended", PATIENCE, || {
        (!transfers(&service).contains("outbox")).then_some(())
    });
    stops(service);
}

#[test]
fn what_was_sent_is_kept_where_that_is_wished_and_what_is_not_a_finished_file_stays() {
    let site = Site::new();
    for name in ["x.tmp", ".hidden", "y.part"] {
        fs::write(site.at(name), name).unwrap();
    }
    symlink("/etc/hostname", site.at("link")).unwrap();
    let service = site.daemon("sent = \"keep\"\n");
    site.put("f", b"one");
    let kept = |content: &str| {
        wait::until("a file in sent/", PATIENCE, || {
            let left = site.left();
            left.values().any(|there| there == content).then_some(())?;
            (!left.contains_key("f")).then_some(left)
        })
    };
    wait::until("f in sent/", PATIENCE, || {
        site.at("sent/f").exists().then_some(())
    });
    kept("one");
    site.put("f", b"two");
    wait::until("the second f in sent/", PATIENCE, || {
        site.at("sent/f.1").exists().then_some(())
    });
    let left = kept("two");
    let names: Vec<&str> = left.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [".hidden", "link", "sent/f", "sent/f.1", "x.tmp", "y.part"]
    );
    assert_eq!(
        site.server.files(),
        HashMap::from([("f".to_owned(), b"two".to_vec())])
    );
    stops(service);
}

/// It came in parts, and none of them may be taken for the whole.
#[test]
fn a_file_that_is_still_written_is_not_taken_early() {
    let site = Site::new();
    // Longer than a busy machine keeps the writer waiting, and shorter than it writes.
    let service = site.daemon_after("1s", "");
    let mut content = Vec::new();
    for part in 0..100 {
        content.extend([part; 1000]);
        let mut file = fs::File::options()
            .create(true)
            .append(true)
            .open(site.at("grows"))
            .unwrap();
        std::io::Write::write_all(&mut file, &[part; 1000]).unwrap();
        drop(file);
        // Its writer takes its time, and is never silent for as long as `quiet`.
        std::thread::sleep(std::time::Duration::from_millis(20));
        let there = site.server.size("grows");
        assert!(
            there.is_none(),
            "{there:?} bytes are there after part {part}"
        );
    }
    site.is_sent(&HashMap::from([("grows".to_owned(), content)]));
    stops(service);
}

#[test]
fn what_cannot_be_sent_is_in_failed_with_the_reason_beside_it() {
    let site = Site::new();
    let service = site.daemon("");
    for (time, kept) in ["failed/d/large", "failed/d/large.1"].iter().enumerate() {
        site.put("d/large", &vec![7; DISK + 1 + time]);
        let error = wait::until("a reason", PATIENCE, || {
            fs::read_to_string(site.at(&format!("{kept}.error"))).ok()
        });
        assert!(
            error.starts_with("d/large: not sent to s: it has 1000001 bytes") || time > 0,
            "{error}"
        );
        assert!(error.contains("durable.disk_per_client"), "{error}");
        assert_eq!(fs::read(site.at(kept)).unwrap().len(), DISK + 1 + time);
    }
    assert_eq!(site.server.files(), HashMap::new());
    stops(service);
}

#[test]
fn an_outbox_that_is_killed_all_the_time_loses_nothing_and_doubles_nothing() {
    let site = Site::new();
    let mut wanted = HashMap::new();
    for number in 0..60_u8 {
        let name = format!("f{number}");
        let content = vec![number; usize::from(number) * 37];
        site.put(&name, &content);
        wanted.insert(name, content);
    }
    let mut kills = 0;
    while !(site.left().is_empty() && site.server.files() == wanted) {
        let mut service = site.daemon("");
        service.hear("READY=1");
        // A little further each time.
        let before = site.left().len();
        let more = kills % 7;
        let begun = std::time::Instant::now();
        wait::until("a file that is gone", PATIENCE, || {
            let gone = site.left().len() + more < before || site.left().is_empty();
            (gone || begun.elapsed() > PATIENCE / 2).then_some(())
        });
        service.process.kill().unwrap();
        service.process.wait().unwrap();
        kills += 1;
        assert!(kills < 100, "{:?}", site.left().keys());
    }
    assert!(kills > 5, "{kills}");
    let service = site.daemon("");
    service.hear("READY=1");
    site.is_sent(&wanted);
    wait::until("no transfer", PATIENCE, || {
        (!transfers(&service).contains("outbox")).then_some(())
    });
    stops(service);
}

#[test]
fn an_outbox_comes_and_goes_at_sighup() {
    let site = Site::new();
    let service = site.daemon("");
    service.hear("READY=1");
    let config = service.scratch.path().join("cellftpd.toml");
    let with = fs::read_to_string(&config).unwrap();
    let second = tempfile::tempdir().unwrap();
    let other = format!(
        "{with}[outbox.more]\ndirectory = {:?}\nprofile = \"s\"\nquiet = \"0s\"\n",
        second.path()
    );
    fs::write(second.path().join("g"), "g").unwrap();
    let reload = |text: &str| {
        fs::write(&config, text).unwrap();
        service.drain();
        service.heard.borrow_mut().clear();
        service.signal(Signal::HUP);
        service.hear("RELOADING=1");
        service.hear("READY=1");
    };
    reload(&other);
    let gone = |path: &Path| {
        wait::until("a file that was sent", PATIENCE, || {
            (!path.exists()).then_some(())
        });
    };
    gone(&second.path().join("g"));
    reload(&with);
    fs::write(second.path().join("h"), "h").unwrap();
    site.put("f", b"f");
    gone(&site.at("f"));
    assert!(second.path().join("h").exists());
    stops(service);
}
