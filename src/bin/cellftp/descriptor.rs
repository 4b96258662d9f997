//! Descriptors that this process was started with.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{OFlags, fstat};
use rustix::io::Errno;
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

use crate::links::parent;

/// Whether an open file is standard output.
pub(crate) fn is_stdout(open: &Metadata) -> bool {
    fstat(io::stdout())
        .is_ok_and(|stdout| (stdout.st_dev, stdout.st_ino) == (open.dev(), open.ino()))
}

/// The number of a descriptor of this process, of which `at` is the link in proc(5).
pub(crate) fn own_number(at: &Path) -> Option<i32> {
    let directory = parent(at).canonicalize().ok()?;
    let of_this = Path::new("/proc").join(getpid().as_raw_nonzero().to_string());
    if !directory.starts_with(of_this) || !directory.ends_with("fd") {
        return None;
    }
    at.file_name()?.to_str()?.parse().ok()
}

/// Whether this process was started with a descriptor. Descriptors that it opened itself, such as its
/// connection to the daemon, have the flag close-on-exec.
pub(crate) fn is_inherited(number: i32) -> io::Result<bool> {
    let told = fs::read_to_string(format!("/proc/self/fdinfo/{number}"))?;
    let flags = told.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
    Ok(flags.is_some_and(|flags| !OFlags::from_bits_retain(flags).contains(OFlags::CLOEXEC)))
}

/// A duplicate of a descriptor of this process, with the same position in the file and the same flags. `fcntl`
/// and `dup` do not check the number of a descriptor, and Rust calls them safe only with a descriptor that the
/// program owns.
pub(crate) fn duplicate(number: i32) -> io::Result<File> {
    let this = pidfd_open(getpid(), PidfdFlags::empty()).map_err(not_offered)?;
    let file = pidfd_getfd(this, number, PidfdGetfdFlags::empty()).map_err(not_offered)?;
    Ok(file.into())
}

/// Names the system call where an old kernel does not have it, or a container does not allow it.
fn not_offered(error: Errno) -> io::Error {
    match error {
        Errno::NOSYS | Errno::PERM => io::Error::other(
            "is a file that is open already, and only a system with pidfd_getfd (Linux 5.6) lets this \
             program write to it; give `-` and redirect standard output there",
        ),
        error => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Failure;

    #[test]
    fn a_system_that_is_too_old_to_write_to_an_open_file_is_told_so() {
        for errno in [Errno::NOSYS, Errno::PERM] {
            let said = Failure::local(Path::new("/dev/fd/9"), not_offered(errno)).to_string();
            assert!(
                said.starts_with("/dev/fd/9: ") && said.contains("Linux 5.6"),
                "{said}"
            );
        }
        let said = not_offered(Errno::BADF);
        assert_eq!(said.raw_os_error(), Some(Errno::BADF.raw_os_error()));
    }
}
