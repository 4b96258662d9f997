//! Where a file that arrives goes here. What there is decides, and not how it is called.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use cellftp::client::ServerPath;
use rustix::fs::{OFlags, PROC_SUPER_MAGIC, fstat, statfs};
use rustix::io::Errno;
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

use crate::args::{Existing, Landing, is_standard_stream};
use crate::exit::Failure;

/// Links that are followed one after the other, as many as Linux follows (path_resolution(7)).
const LINKS: usize = 40;

/// What takes a file that arrives.
#[derive(Debug)]
pub(crate) enum Place {
    /// Standard output, however it is called.
    Stdout,
    /// A pipe, a device or another program's end of something: written to as the bytes come, and never
    /// replaced. The name is the one that was given.
    Opened(PathBuf, File),
    /// A name in a directory, of a regular file or of nothing yet: it gets the whole file.
    Name(PathBuf),
}

/// Where the links that stand under a name lead.
enum Leads {
    /// To this name: of a regular file, or of nothing where no link leads there.
    Name(PathBuf),
    /// To a device, a pipe or a socket of this name.
    Thing(PathBuf),
    /// To what a process has open, which proc(5) shows as a link. Such a link leads to the open file
    /// itself: the text of the link may be no name, or that of another file.
    Open(PathBuf, Metadata),
}

impl Place {
    /// Of a file of this name elsewhere; `local` is a file, a directory or `-`. Waits until a pipe has a
    /// reader. Nothing is written.
    pub(crate) async fn of(
        local: &Path,
        remote: &ServerPath,
        landing: &Landing,
    ) -> Result<Self, Failure> {
        if is_standard_stream(local) {
            return Ok(Self::Stdout);
        }
        if local.is_dir() {
            return inside(local, remote, landing).await;
        }
        if local.as_os_str().as_bytes().ends_with(b"/") {
            return Err(failed(local, io::ErrorKind::NotADirectory.into()));
        }
        taken(local, follow(local)?, landing).await
    }
}

/// A name that the file brings with it, in a directory. A link that stands under that name was not named
/// by whoever calls: it leads out of the directory only where that is wished.
async fn inside(
    directory: &Path,
    remote: &ServerPath,
    landing: &Landing,
) -> Result<Place, Failure> {
    let name = match remote.as_bytes().rsplit(|byte| *byte == b'/').next() {
        Some(name) if !matches!(name, b"" | b"." | b"..") => OsStr::from_bytes(name),
        _ => {
            let text = format!("{remote} does not end in a file name");
            return Err(Failure::Usage(text));
        }
    };
    let here = directory == Path::new(".");
    let path = if here {
        name.into()
    } else {
        directory.join(name)
    };
    let leads = follow(&path)?;
    if landing.follow_links {
        return taken(&path, leads, landing).await;
    }
    match &leads {
        Leads::Name(real) if *real != path && !is_within(directory, real) => {
            let text = format!(
                "is a link out of the directory, to {}; --follow-links writes there, and so does \
                 naming the link itself",
                real.display()
            );
            Err(failed(&path, io::Error::other(text)))
        }
        Leads::Name(_) => taken(&path, leads, landing).await,
        Leads::Thing(_) | Leads::Open(..) => {
            let text = "is a device or a pipe; to write to it, name it itself";
            Err(failed(&path, io::Error::other(text)))
        }
    }
}

/// Whether a name is in a directory or below it, whatever links lead there.
fn is_within(directory: &Path, name: &Path) -> bool {
    match (directory.canonicalize(), parent(name).canonicalize()) {
        (Ok(directory), Ok(parent)) => parent.starts_with(directory),
        (Err(_), _) | (_, Err(_)) => false,
    }
}

/// Follows links, by the rules of path_resolution(7).
fn follow(path: &Path) -> Result<Leads, Failure> {
    let mut at = path.to_owned();
    for followed in 0..=LINKS {
        let found = match fs::symlink_metadata(&at) {
            Ok(found) => found,
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed(path, error));
            }
            Err(_) if followed == 0 => return Ok(Leads::Name(at)),
            Err(_) => {
                let text = format!(
                    "is a link to {}, which is not there; name that file itself, or remove the link",
                    at.display()
                );
                return Err(failed(path, io::Error::other(text)));
            }
        };
        if found.is_file() {
            return Ok(Leads::Name(at));
        }
        if found.is_dir() {
            return Err(failed(path, io::ErrorKind::IsADirectory.into()));
        }
        if !found.is_symlink() {
            return Ok(Leads::Thing(at));
        }
        let around = statfs(parent(&at)).map_err(|error| failed(path, error.into()))?;
        if around.f_type == PROC_SUPER_MAGIC {
            let open = fs::metadata(&at).map_err(|error| failed(path, error))?;
            return Ok(Leads::Open(at, open));
        }
        let target = fs::read_link(&at).map_err(|error| failed(path, error))?;
        at = parent(&at).join(target);
    }
    Err(failed(path, Errno::LOOP.into()))
}

/// What was found, ready to be written to.
async fn taken(path: &Path, leads: Leads, landing: &Landing) -> Result<Place, Failure> {
    let must_be_new = landing.if_exists == Existing::Fail;
    match leads {
        Leads::Open(_, open) if is_stdout(&open) => Ok(Place::Stdout),
        Leads::Open(at, open) => what_is_open(path, &at, &open).await,
        Leads::Name(_) | Leads::Thing(_) if must_be_new && fs::symlink_metadata(path).is_ok() => {
            Err(Failure::Exists(path.display().to_string()))
        }
        Leads::Name(real) => Ok(Place::Name(real)),
        Leads::Thing(at) => opened(path, &at).await,
    }
}

/// What a process has open, ready to be written to.
async fn what_is_open(path: &Path, at: &Path, open: &Metadata) -> Result<Place, Failure> {
    let number = own_number(at);
    if let Some(number) = number
        && !is_inherited(number).map_err(|error| failed(path, error))?
    {
        let text = "is a descriptor that this program was not started with";
        return Err(failed(path, io::Error::other(text)));
    }
    if !open.is_file() && !open.file_type().is_socket() {
        return opened(path, at).await;
    }
    // A second opening of a file would write over what others have written through the first.
    let Some(number) = number else {
        let text = "is a file that another program has open; name the file itself";
        return Err(failed(path, io::Error::other(text)));
    };
    let file = duplicate(number).map_err(|error| failed(path, error))?;
    Ok(Place::Opened(path.to_owned(), file))
}

/// Opens what is no regular file, and makes sure that it is none.
async fn opened(path: &Path, at: &Path) -> Result<Place, Failure> {
    let flags = OFlags::NOCTTY.bits().cast_signed();
    let mut options = tokio::fs::OpenOptions::new();
    let opening = options.write(true).custom_flags(flags).open(at);
    let file = opening.await.map_err(|error| failed(path, error))?;
    let file = file.into_std().await;
    let there = file.metadata().map_err(|error| failed(path, error))?;
    if there.is_file() {
        let text = "has become a regular file just now; try again";
        return Err(failed(path, io::Error::other(text)));
    }
    Ok(Place::Opened(path.to_owned(), file))
}

fn is_stdout(open: &Metadata) -> bool {
    fstat(io::stdout())
        .is_ok_and(|stdout| (stdout.st_dev, stdout.st_ino) == (open.dev(), open.ino()))
}

/// The number of a descriptor of this process, of which `at` is the link in proc(5).
fn own_number(at: &Path) -> Option<i32> {
    let directory = parent(at).canonicalize().ok()?;
    let of_this = Path::new("/proc").join(getpid().as_raw_nonzero().to_string());
    if !directory.starts_with(of_this) || !directory.ends_with("fd") {
        return None;
    }
    at.file_name()?.to_str()?.parse().ok()
}

/// Whether this process was started with a descriptor, and did not open it itself, as it does its
/// connection to the daemon: what it opens is closed in programs that it would start.
fn is_inherited(number: i32) -> io::Result<bool> {
    let told = fs::read_to_string(format!("/proc/self/fdinfo/{number}"))?;
    let flags = told.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
    Ok(flags.is_some_and(|flags| !OFlags::from_bits_retain(flags).contains(OFlags::CLOEXEC)))
}

/// A descriptor of this process once more: at the same position in the file, and with the same flags.
/// `fcntl` and `dup` take the number of a descriptor on trust, and Rust calls them safe only with one that
/// the program owns.
fn duplicate(number: i32) -> io::Result<File> {
    let this = pidfd_open(getpid(), PidfdFlags::empty()).map_err(not_offered)?;
    let file = pidfd_getfd(this, number, PidfdGetfdFlags::empty()).map_err(not_offered)?;
    Ok(file.into())
}

/// A call that an old kernel does not have, or that a container does not allow, is named.
fn not_offered(error: Errno) -> io::Error {
    match error {
        Errno::NOSYS | Errno::PERM => io::Error::other(
            "is a file that is open already, and only a system with pidfd_getfd (Linux 5.6) lets this \
             program write to it; give `-` and redirect standard output there",
        ),
        error => error.into(),
    }
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    }
}

/// This file is what it fails for.
pub(crate) fn failed(path: &Path, source: io::Error) -> Failure {
    Failure::Local {
        path: path.display().to_string(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    const ANY: Landing = Landing {
        if_exists: Existing::Overwrite,
        follow_links: false,
    };

    async fn of(local: &Path) -> Result<Place, Failure> {
        Place::of(local, &"/remote/a.bin".into(), &ANY).await
    }

    fn refusal(place: Result<Place, Failure>) -> String {
        place.unwrap_err().to_string()
    }

    #[tokio::test]
    async fn a_device_is_written_to_and_never_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("link");
        symlink("/dev/null", &link).unwrap();
        for path in [Path::new("/dev/null"), &link] {
            let Place::Opened(named, _) = of(path).await.unwrap() else {
                panic!("a file in its place is the end of /dev/null");
            };
            assert_eq!(named, path);
        }
        assert!(matches!(of(Path::new("-")).await.unwrap(), Place::Stdout));
    }

    #[tokio::test]
    async fn the_links_of_proc_are_never_taken_for_names() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        fs::write(&path, "what was there").unwrap();
        let open = File::options().append(true).open(&path).unwrap();
        let number = std::os::fd::AsRawFd::as_raw_fd(&open);
        let link = format!("/dev/fd/{number}");
        // This program's own business, such as its connection to the daemon, is nobody's to write to.
        let refused = refusal(of(Path::new(&link)).await);
        assert!(refused.contains("was not started with"), "{refused}");
        rustix::io::fcntl_setfd(&open, rustix::io::FdFlags::empty()).unwrap();
        for path in [link, format!("/proc/self/fd/{number}")] {
            let place = of(Path::new(&path)).await;
            assert!(matches!(place, Ok(Place::Opened(..))), "{place:?}");
        }
        let stdout = of(Path::new("/dev/stdout")).await.unwrap();
        assert!(matches!(stdout, Place::Stdout), "{stdout:?}");
        // A program that is running, whose link says its name.
        let exe = refusal(of(Path::new("/proc/self/exe")).await);
        assert!(exe.contains("name the file itself"), "{exe}");
    }

    #[tokio::test]
    async fn a_link_that_was_named_is_followed_and_a_dangling_one_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let [real, link, far, dangling] =
            ["real", "link", "far", "dangling"].map(|name| directory.path().join(name));
        fs::write(&real, "").unwrap();
        symlink("real", &link).unwrap();
        symlink(&link, &far).unwrap();
        symlink("nothing", &dangling).unwrap();
        for path in [&link, &far] {
            let Place::Name(name) = of(path).await.unwrap() else {
                panic!("a name");
            };
            assert_eq!(name, real);
        }
        let refused = refusal(of(&dangling).await);
        assert!(refused.contains("nothing, which is not there"), "{refused}");
        assert!(!directory.path().join("nothing").exists());
        symlink("round", directory.path().join("round")).unwrap();
        assert!(of(&directory.path().join("round")).await.is_err());
    }

    #[tokio::test]
    async fn a_link_out_of_the_directory_is_not_followed_for_a_name_of_the_server() {
        let directory = tempfile::tempdir().unwrap();
        let [inside, outside] = ["inside", "outside"].map(|name| directory.path().join(name));
        fs::create_dir(&inside).unwrap();
        fs::write(&outside, "mine").unwrap();
        let link = inside.join("a.bin");
        symlink("../outside", &link).unwrap();
        let refused = refusal(of(&inside).await);
        assert!(refused.contains("--follow-links"), "{refused}");
        let told = Landing {
            follow_links: true,
            ..ANY
        };
        let place = Place::of(&inside, &"/a.bin".into(), &told).await.unwrap();
        let Place::Name(name) = place else {
            panic!("a name")
        };
        assert_eq!(
            name.canonicalize().unwrap(),
            outside.canonicalize().unwrap()
        );
        // One that stays in the directory hurts nobody.
        fs::remove_file(&link).unwrap();
        fs::write(inside.join("a-2.bin"), "").unwrap();
        symlink("a-2.bin", &link).unwrap();
        assert!(
            matches!(of(&inside).await.unwrap(), Place::Name(name) if name == inside.join("a-2.bin"))
        );
    }

    #[test]
    fn a_system_that_is_too_old_to_write_to_an_open_file_is_told_so() {
        for errno in [Errno::NOSYS, Errno::PERM] {
            let said = failed(Path::new("/dev/fd/9"), not_offered(errno)).to_string();
            assert!(
                said.starts_with("/dev/fd/9: ") && said.contains("Linux 5.6"),
                "{said}"
            );
        }
        let said = not_offered(Errno::BADF);
        assert_eq!(said.raw_os_error(), Some(Errno::BADF.raw_os_error()));
    }

    #[tokio::test]
    async fn a_server_names_no_device() {
        let refused = Place::of(Path::new("/dev"), &"/x/null".into(), &ANY).await;
        let refused = refusal(refused);
        assert!(refused.contains("name it itself"), "{refused}");
    }

    #[tokio::test]
    async fn what_is_to_be_new_is_not_even_a_link() {
        let directory = tempfile::tempdir().unwrap();
        let [real, link] = ["real", "link"].map(|name| directory.path().join(name));
        fs::write(&real, "").unwrap();
        symlink("real", &link).unwrap();
        let new = Landing {
            if_exists: Existing::Fail,
            ..ANY
        };
        for path in [&real, &link, Path::new("/dev/null")] {
            let place = Place::of(path, &"/a.bin".into(), &new).await;
            assert!(matches!(place, Err(Failure::Exists(_))), "{place:?}");
        }
        let stdout = Place::of(Path::new("/dev/stdout"), &"/a.bin".into(), &new).await;
        assert!(matches!(stdout, Ok(Place::Stdout)));
    }

    #[tokio::test]
    async fn a_directory_that_is_not_there_is_no_file_name() {
        let directory = tempfile::tempdir().unwrap();
        let missing = format!("{}/missing/", directory.path().display());
        let place = of(Path::new(&missing)).await;
        assert!(matches!(place, Err(Failure::Local { .. })));
    }
}
