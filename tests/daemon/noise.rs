//! A module that sends the same line over and over.

use std::fs;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::process::Process;
use super::tap::Tap;
use super::{CELLFTP, CELLFTPD, PATIENCE, Service, run, text, wait};

/// For how long.
const LASTS: Duration = Duration::from_secs(10);

/// Bytes of log that it may cause: 100 lines of a few kinds, five a second, and the reports of what
/// was left out.
const LOG: u64 = 64 << 10;

/// The daemon wrote 230 MB of log in 12 s.
#[test]
fn a_line_that_repeats_without_end_fills_no_log_and_ends_no_service() {
    let scratch = tempfile::tempdir().unwrap();
    let (module, line) = (scratch.path().join("module"), scratch.path().join("line"));
    let mut emulator = Command::new(CELLFTPD);
    emulator.args(["emulate", "--link"]).arg(&module);
    let _emulator = Process::start(&mut emulator, &scratch.path().join("emulator.log"));
    wait::until("a module", PATIENCE, || module.exists().then_some(()));
    let tap = Tap::new(&module, &line);
    let log = scratch.path().join("log");
    let mut daemon = Command::new(CELLFTPD);
    daemon
        .env("CELLFTPD_MODULE__DEVICE", &line)
        .stdout(Stdio::null())
        .stderr(fs::File::create(&log).unwrap());
    let service = Service::by(daemon, "");
    service.hear("STATUS=ready");
    let before = fs::metadata(&log).unwrap().len();
    let began = Instant::now();
    let flood = b"\r\n+CFTPSNOTIFY: PEER CLOSED\r\n".repeat(100);
    let mut said = 0;
    while began.elapsed() < LASTS {
        // As much as a line of 921600 baud carries.
        said += tap.say(&flood);
        sleep(Duration::from_millis(30));
    }
    let written = fs::metadata(&log).unwrap().len() - before;
    eprintln!("{said} bytes of PEER CLOSED in {LASTS:?}: {written} bytes of log");
    assert!(said > 100 * flood.len(), "the line took only {said} bytes");
    assert!(written < LOG, "{written} bytes of log");
    let door = service.door().display().to_string();
    let df = ["--socket", &door, "--timeout", "30s", "module", "df"];
    let df = run(CELLFTP, &df);
    assert!(df.status.success(), "{}", text(&df.stderr));
}
