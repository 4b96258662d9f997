//! A program that ends with the value that owns it.

use std::fs::OpenOptions;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::wait;

/// A running program in a process group of its own.
///
/// Dropping it kills the whole group. So does the death of the test process: a watcher in the group
/// waits for the end of a pipe that only this process holds.
pub(crate) struct Process {
    name: String,
    child: Child,
    watcher: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command`; what it prints on standard error, and on standard output unless
    /// `command` pipes it, goes to `log`.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Self {
        Self::start_with(command, log, Stdio::null(), None)
    }

    /// Starts `command` with pipes to its standard input and from its standard output.
    pub(crate) fn start_piped(command: &mut Command, log: &Path) -> Self {
        Self::start_with(command, log, Stdio::piped(), Some(Stdio::piped()))
    }

    fn start_with(command: &mut Command, log: &Path, input: Stdio, output: Option<Stdio>) -> Self {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .expect("a log file");
        let errors = file.try_clone().expect("a second handle");
        let child = command
            .stdin(input)
            .stdout(output.unwrap_or_else(|| file.into()))
            .stderr(errors)
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let group = child.id().cast_signed();
        let watcher = Command::new("/bin/sh")
            .args([
                "-c",
                "cat >/dev/null; kill -s KILL -- -$1",
                "watcher",
                &group.to_string(),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(group)
            .spawn()
            .expect("a shell");
        let name = Path::new(command.get_program())
            .file_name()
            .unwrap_or_default();
        Self {
            name: name.to_string_lossy().into_owned(),
            child,
            watcher,
            log: log.to_owned(),
        }
    }

    /// Its number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The exit status, once it has ended.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the child is ours")
    }

    /// Its ends of the pipes; once, and only after `start_piped`.
    pub(crate) fn pipes(&mut self) -> (std::process::ChildStdin, std::process::ChildStdout) {
        let input = self.child.stdin.take().expect("started with pipes");
        (input, self.child.stdout.take().expect("started with pipes"))
    }

    /// Asks it to end by SIGTERM and waits.
    pub(crate) fn stop(&mut self, limit: Duration) -> ExitStatus {
        kill_process(self.pid(), Signal::TERM).expect("the child is not waited for yet");
        let what = format!("end of {} after SIGTERM", self.name);
        wait::until(&what, limit, || self.ended())
    }

    /// Ends it like a power cut, and waits until it has gone.
    pub(crate) fn kill(&mut self) {
        kill_process(self.pid(), Signal::KILL).expect("the child is not waited for yet");
        self.child.wait().expect("the child is ours");
    }

    /// Open descriptors, and bytes of memory that are its own.
    pub(crate) fn usage(&self) -> (usize, u64) {
        let of = format!("/proc/{}", self.child.id());
        let descriptors = std::fs::read_dir(format!("{of}/fd"))
            .expect("it runs")
            .count();
        let status = std::fs::read_to_string(format!("{of}/status")).expect("it runs");
        let resident = status
            .lines()
            .find_map(|line| line.strip_prefix("RssAnon:"));
        let kibibytes = resident.and_then(|line| line.trim().strip_suffix(" kB"));
        let kibibytes: u64 = kibibytes
            .and_then(|number| number.parse().ok())
            .expect("a number");
        (descriptors, kibibytes * 1024)
    }

    /// Everything it has printed into its log.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The group has a member as long as nobody waits for the watcher, so its number belongs to
        // nobody else.
        let _ = kill_process_group(self.pid(), Signal::KILL);
        let _ = self.child.wait();
        let _ = self.watcher.wait();
        if std::thread::panicking() {
            eprintln!(
                "---- {} ----
{}",
                self.log.display(),
                tail(&self.log(), 16 * 1024)
            );
        }
    }
}

/// The last lines of `text`, about `size` bytes.
fn tail(text: &str, size: usize) -> &str {
    let cut = text.len().saturating_sub(size);
    let begin = text
        .char_indices()
        .map(|(at, _)| at)
        .find(|at| *at >= cut)
        .unwrap_or(0);
    text.get(begin..).unwrap_or(text)
}
