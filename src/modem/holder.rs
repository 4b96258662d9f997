//! The program that has a device open.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{major, minor};

/// Name, process id and systemd unit of another program that has the device open, as far as the
/// system shows it: `cellftpd (pid 812, unit cellftpd.service)`.
///
/// The system shows open files only to the same user and to root (`/proc/<pid>/fd`, proc(5)). It
/// shows locks to everybody: those of the system's table (`/proc/locks`), and the lock files in
/// which older programs write their process id (`LCK..ttyUSB2`, Filesystem Hierarchy Standard
/// §5.9). So any user learns the name of a program that takes a lock.
pub(super) fn of(device: &Path) -> Option<String> {
    let device = fs::canonicalize(device).ok()?;
    let system = System::default();
    let pid = system
        .with_open(&device)
        .or_else(|| system.with_lock(&device))
        .or_else(|| system.with_lock_file(&device))?;
    system.name(pid)
}

/// The places where the system shows it.
#[derive(Debug)]
struct System {
    proc: PathBuf,
    /// Directories of lock files.
    locks: Vec<PathBuf>,
    own: u32,
}

impl Default for System {
    fn default() -> Self {
        Self {
            proc: "/proc".into(),
            locks: vec!["/run/lock".into(), "/var/lock".into()],
            own: std::process::id(),
        }
    }
}

impl System {
    /// A process that has the device open.
    fn with_open(&self, device: &Path) -> Option<u32> {
        let processes = fs::read_dir(&self.proc).ok()?.flatten();
        let pids = processes.filter_map(|process| process.file_name().to_str()?.parse().ok());
        let mut others = pids.filter(|pid| *pid != self.own);
        others.find(|pid| self.has_open(*pid, device))
    }

    fn has_open(&self, pid: u32, device: &Path) -> bool {
        let Ok(descriptors) = fs::read_dir(self.proc.join(format!("{pid}/fd"))) else {
            return false;
        };
        let mut targets = descriptors
            .flatten()
            .map(|entry| fs::read_link(entry.path()));
        targets.any(|target| target.is_ok_and(|target| target == device))
    }

    /// A process that holds a lock on it (flock(2), fcntl(2)): `1: FLOCK ADVISORY WRITE 812 00:19:5
    /// 0 EOF`.
    fn with_lock(&self, device: &Path) -> Option<u32> {
        let file = fs::metadata(device).ok()?;
        let known = format!(
            "{:02x}:{:02x}:{}",
            major(file.dev()),
            minor(file.dev()),
            file.ino()
        );
        let table = fs::read_to_string(self.proc.join("locks")).ok()?;
        let mut rows = table
            .lines()
            .map(|row| row.split_whitespace().collect::<Vec<_>>());
        rows.find_map(|row| {
            let at = row.iter().position(|word| *word == known)?;
            // A process outside of this namespace has no id here.
            let pid: u32 = row.get(at.checked_sub(1)?)?.parse().ok()?;
            (pid != 0 && pid != self.own).then_some(pid)
        })
    }

    /// A running process that has written a lock file for it.
    fn with_lock_file(&self, device: &Path) -> Option<u32> {
        let name = format!("LCK..{}", device.file_name()?.to_str()?);
        let mut texts = self
            .locks
            .iter()
            .filter_map(|folder| fs::read_to_string(folder.join(&name)).ok());
        let pid = texts.find_map(|text| text.trim().parse().ok())?;
        (pid != self.own && self.proc.join(format!("{pid}")).exists()).then_some(pid)
    }

    /// Name and unit; everybody may read both.
    fn name(&self, pid: u32) -> Option<String> {
        let process = self.proc.join(format!("{pid}"));
        let name = fs::read_to_string(process.join("comm")).ok()?;
        let groups = fs::read_to_string(process.join("cgroup")).unwrap_or_default();
        let unit = groups.lines().find_map(unit);
        let unit = unit
            .map(|unit| format!(", unit {unit}"))
            .unwrap_or_default();
        Some(format!("{} (pid {pid}{unit})", name.trim()))
    }
}

/// The systemd unit in a row of `/proc/<pid>/cgroup`: the last part of the path that names a
/// service.
fn unit(row: &str) -> Option<&str> {
    let mut parts = row.rsplit('/');
    parts.find(|part| part.ends_with(".service"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A system with one process of this program name and unit.
    fn system(pid: u32) -> (tempfile::TempDir, System, PathBuf) {
        let root = tempfile::tempdir().unwrap();
        let process = root.path().join(format!("proc/{pid}"));
        fs::create_dir_all(process.join("fd")).unwrap();
        fs::write(process.join("comm"), "ModemManager\n").unwrap();
        fs::write(
            process.join("cgroup"),
            "0::/system.slice/ModemManager.service\n",
        )
        .unwrap();
        let device = root.path().join("ttyUSB2");
        fs::write(&device, "").unwrap();
        let system = System {
            proc: root.path().join("proc"),
            locks: vec![root.path().to_owned()],
            own: 1,
        };
        (root, system, device)
    }

    const NAMED: &str = "ModemManager (pid 812, unit ModemManager.service)";

    #[test]
    fn a_program_is_found_by_its_open_files() {
        let (_root, system, device) = system(812);
        assert_eq!(system.with_open(&device), None);
        std::os::unix::fs::symlink(&device, system.proc.join("812/fd/7")).unwrap();
        assert_eq!(system.with_open(&device), Some(812));
        assert_eq!(system.name(812).as_deref(), Some(NAMED));
    }

    #[test]
    fn a_program_whose_files_may_not_be_seen_is_found_by_its_lock() {
        let (_root, system, device) = system(812);
        let file = fs::metadata(&device).unwrap();
        let id = format!(
            "{:02x}:{:02x}:{}",
            major(file.dev()),
            minor(file.dev()),
            file.ino()
        );
        let other = "1: POSIX  ADVISORY  WRITE 5 00:19:99 0 EOF\n";
        let locks =
            |row: &str| fs::write(system.proc.join("locks"), format!("{other}{row}")).unwrap();
        locks("");
        assert_eq!(system.with_lock(&device), None);
        locks(&format!("2: FLOCK  ADVISORY  WRITE 812 {id} 0 EOF\n"));
        assert_eq!(system.with_lock(&device), Some(812));
        for nobody in ["0", "1", "-1"] {
            locks(&format!("2: FLOCK  ADVISORY  WRITE {nobody} {id} 0 EOF\n"));
            assert_eq!(system.with_lock(&device), None, "{nobody}");
        }
    }

    #[test]
    fn a_lock_file_names_a_program_that_still_runs() {
        let (root, system, device) = system(812);
        let lock = root.path().join("LCK..ttyUSB2");
        fs::write(&lock, "       812\n").unwrap();
        assert_eq!(system.with_lock_file(&device), Some(812));
        fs::write(&lock, "       813\n").unwrap();
        assert_eq!(system.with_lock_file(&device), None);
    }

    /// Reads the table of the system that runs this test, and a lock of this process.
    #[test]
    fn the_systems_own_table_of_locks_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let device = directory.path().join("device");
        let file = fs::File::create(&device).unwrap();
        rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).unwrap();
        let system = System {
            own: 0,
            ..System::default()
        };
        assert_eq!(system.with_lock(&device), Some(std::process::id()));
    }
}
