//! A disk of a few megabytes that only one daemon sees.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::process::Process;
use super::wait;

/// A tmpfs in a mount namespace of its own, which lives as long as this value.
pub(crate) struct Disk {
    /// Keeps the namespace.
    holder: Process,
    at: PathBuf,
}

impl Disk {
    /// Mounts a disk of this many bytes at a directory.
    ///
    /// # Panics
    /// The system gives no mount namespaces.
    pub(crate) fn mount(at: &Path, bytes: u64) -> Self {
        let mut command = Command::new("unshare");
        // A user that is not root becomes root in a user namespace of its own.
        command.arg(if privileged() { "-m" } else { "-rm" });
        let script = "mount -t tmpfs -o size=$1 tmpfs \"$2\" && exec sleep 86400";
        command.args(["sh", "-c", script, "disk", &bytes.to_string()]);
        command.arg(at);
        let mut holder = Process::start(&mut command, &at.with_extension("log"));
        wait::until("tmpfs", wait::START, || {
            let ended = holder.ended();
            assert!(
                ended.is_none(),
                "this test needs a mount namespace, and `unshare -m` (of root) or `unshare -rm` \
                 does not make one here: {}",
                holder.log()
            );
            let mounts = fs::read_to_string(format!("/proc/{}/mounts", holder.id())).ok()?;
            mounts
                .contains(&format!(" {} tmpfs ", at.display()))
                .then_some(())
        });
        let at = at.to_owned();
        Self { holder, at }
    }

    /// A program that sees the disk.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-m", "-t", &self.holder.id().to_string()]);
        if !privileged() {
            command.args(["-U", "--preserve-credentials"]);
        }
        command.arg("--").arg(program);
        command
    }

    /// What is at a place of it.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.holder.id()));
        let at = self.at.strip_prefix("/").expect("an absolute path");
        root.join(at).join(relative)
    }

    /// Another program takes all free space.
    pub(crate) fn fill(&self) {
        let mut ballast = fs::File::create(self.path("ballast")).expect("the disk can be written");
        let error = loop {
            if let Err(error) = ballast.write_all(&[0; 4096]) {
                break error;
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }

    /// That program gives it back.
    pub(crate) fn free(&self) {
        fs::remove_file(self.path("ballast")).expect("it was filled");
    }

    /// The disk accepts no writes any more, or accepts them again. No file may be open for writing.
    pub(crate) fn read_only(&self, read_only: bool) {
        let how = if read_only {
            "remount,ro"
        } else {
            "remount,rw"
        };
        let mut mount = self.command("mount");
        let mounted = mount.args(["-o", how]).arg(&self.at).output();
        let mounted = mounted.expect("there is a mount(8)");
        let errors = String::from_utf8_lossy(&mounted.stderr);
        assert!(mounted.status.success(), "{errors}");
    }
}

fn privileged() -> bool {
    rustix::process::geteuid().is_root()
}
