//! Where a file that arrives is written. The kind of what is there decides, and not its name.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::args::{Existing, Landing, is_standard_stream};
use crate::descriptor::{duplicate, is_inherited, is_stdout, own_number};
use crate::failure::Failure;
use crate::links::{Leads, follow, is_within};
use cellftp::client::ServerPath;

/// Where a file that arrives is written.
#[derive(Debug)]
pub(crate) enum Destination {
    /// Standard output, under any name.
    Stdout,
    /// A pipe, a device or a socket: it gets the bytes as they arrive, and is never replaced. The path is the
    /// one that was given.
    Opened(PathBuf, File),
    /// The name of a regular file, or of none yet: it gets the whole file.
    Name(PathBuf),
}

impl Destination {
    /// The destination of the file `remote`. `local` is a file, a directory or `-`. Waits until a pipe has a
    /// reader. Writes nothing.
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
            return Err(Failure::local(local, io::ErrorKind::NotADirectory.into()));
        }
        taken(local, follow(local)?, landing).await
    }

    /// The destination of the file `remote` in a directory here. What has the directory's name and is none is
    /// never written to.
    pub(crate) async fn within(
        directory: &Path,
        remote: &ServerPath,
        landing: &Landing,
    ) -> Result<Self, Failure> {
        if directory.is_dir() {
            return inside(directory, remote, landing).await;
        }
        Err(Failure::local(
            directory,
            io::ErrorKind::NotADirectory.into(),
        ))
    }
}

/// The destination in a directory, where the file keeps its name. The caller did not name a link that has this
/// name: it is followed out of the directory only with `--follow-links`.
async fn inside(
    directory: &Path,
    remote: &ServerPath,
    landing: &Landing,
) -> Result<Destination, Failure> {
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
            Err(Failure::local(&path, io::Error::other(text)))
        }
        Leads::Name(_) => taken(&path, leads, landing).await,
        Leads::Thing(_) | Leads::Open(..) => {
            let text = "is a device or a pipe; to write to it, name it itself";
            Err(Failure::local(&path, io::Error::other(text)))
        }
    }
}

/// The destination that a name leads to.
async fn taken(path: &Path, leads: Leads, landing: &Landing) -> Result<Destination, Failure> {
    let must_be_new = landing.if_exists == Existing::Fail;
    match leads {
        Leads::Open(_, open) if is_stdout(&open) => Ok(Destination::Stdout),
        Leads::Open(at, open) => what_is_open(path, &at, &open).await,
        Leads::Name(_) | Leads::Thing(_) if must_be_new && fs::symlink_metadata(path).is_ok() => {
            Err(Failure::Exists(path.display().to_string()))
        }
        Leads::Name(real) => Ok(Destination::Name(real)),
        Leads::Thing(at) => opened(path, &at).await,
    }
}

/// The destination that an open file of a process is.
async fn what_is_open(path: &Path, at: &Path, open: &Metadata) -> Result<Destination, Failure> {
    let number = own_number(at);
    if let Some(number) = number
        && !is_inherited(number).map_err(|error| Failure::local(path, error))?
    {
        let text = "is a descriptor that this program was not started with";
        return Err(Failure::local(path, io::Error::other(text)));
    }
    if !open.is_file() && !open.file_type().is_socket() {
        return opened(path, at).await;
    }
    // A file that is opened a second time is written from its beginning, over what was written through the
    // first descriptor.
    let Some(number) = number else {
        let text = "is a file that another program has open; name the file itself";
        return Err(Failure::local(path, io::Error::other(text)));
    };
    let file = duplicate(number).map_err(|error| Failure::local(path, error))?;
    Ok(Destination::Opened(path.to_owned(), file))
}

/// Opens a device, a pipe or a socket, and checks that it is no regular file.
async fn opened(path: &Path, at: &Path) -> Result<Destination, Failure> {
    let flags = OFlags::NOCTTY.bits().cast_signed();
    let mut options = tokio::fs::OpenOptions::new();
    let opening = options.write(true).custom_flags(flags).open(at);
    let file = opening.await.map_err(|error| Failure::local(path, error))?;
    let file = file.into_std().await;
    let there = file
        .metadata()
        .map_err(|error| Failure::local(path, error))?;
    if there.is_file() {
        let text = "has become a regular file just now; try again";
        return Err(Failure::local(path, io::Error::other(text)));
    }
    Ok(Destination::Opened(path.to_owned(), file))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    const ANY: Landing = Landing {
        if_exists: Existing::Overwrite,
        follow_links: false,
    };

    async fn of(local: &Path) -> Result<Destination, Failure> {
        Destination::of(local, &"/remote/a.bin".into(), &ANY).await
    }

    fn refusal(place: Result<Destination, Failure>) -> String {
        place.unwrap_err().to_string()
    }

    #[tokio::test]
    async fn a_device_is_written_to_and_never_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("link");
        symlink("/dev/null", &link).unwrap();
        for path in [Path::new("/dev/null"), &link] {
            let Destination::Opened(named, _) = of(path).await.unwrap() else {
                panic!("a file in its place is the end of /dev/null");
            };
            assert_eq!(named, path);
        }
        assert!(matches!(
            of(Path::new("-")).await.unwrap(),
            Destination::Stdout
        ));
    }

    #[tokio::test]
    async fn the_links_of_proc_are_never_taken_for_names() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        fs::write(&path, "what was there").unwrap();
        let open = File::options().append(true).open(&path).unwrap();
        let number = std::os::fd::AsRawFd::as_raw_fd(&open);
        let link = format!("/dev/fd/{number}");
        // Nobody may write to this program's own descriptors, such as its connection to the daemon.
        let refused = refusal(of(Path::new(&link)).await);
        assert!(refused.contains("was not started with"), "{refused}");
        rustix::io::fcntl_setfd(&open, rustix::io::FdFlags::empty()).unwrap();
        for path in [link, format!("/proc/self/fd/{number}")] {
            let place = of(Path::new(&path)).await;
            assert!(matches!(place, Ok(Destination::Opened(..))), "{place:?}");
        }
        let stdout = of(Path::new("/dev/stdout")).await.unwrap();
        assert!(matches!(stdout, Destination::Stdout), "{stdout:?}");
        // A running program; the link has its name.
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
            let Destination::Name(name) = of(path).await.unwrap() else {
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
        let place = Destination::of(&inside, &"/a.bin".into(), &told)
            .await
            .unwrap();
        let Destination::Name(name) = place else {
            panic!("a name")
        };
        assert_eq!(
            name.canonicalize().unwrap(),
            outside.canonicalize().unwrap()
        );
        // A link that stays in the directory does no harm.
        fs::remove_file(&link).unwrap();
        fs::write(inside.join("a-2.bin"), "").unwrap();
        symlink("a-2.bin", &link).unwrap();
        assert!(
            matches!(of(&inside).await.unwrap(), Destination::Name(name) if name == inside.join("a-2.bin"))
        );
    }

    #[tokio::test]
    async fn a_file_that_has_the_name_of_a_directory_is_not_written_to() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, "mine").unwrap();
        for path in [&file, Path::new("-"), Path::new("/dev/null")] {
            let place = Destination::within(path, &"/a.bin".into(), &ANY).await;
            assert_eq!(place.unwrap_err().number(), 4, "{}", path.display());
        }
        let place = Destination::within(directory.path(), &"/a.bin".into(), &ANY).await;
        assert!(
            matches!(place, Ok(Destination::Name(name)) if name == directory.path().join("a.bin"))
        );
    }

    #[tokio::test]
    async fn a_server_names_no_device() {
        let refused = Destination::of(Path::new("/dev"), &"/x/null".into(), &ANY).await;
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
            let place = Destination::of(path, &"/a.bin".into(), &new).await;
            assert!(matches!(place, Err(Failure::Exists(_))), "{place:?}");
        }
        let stdout = Destination::of(Path::new("/dev/stdout"), &"/a.bin".into(), &new).await;
        assert!(matches!(stdout, Ok(Destination::Stdout)));
    }

    #[tokio::test]
    async fn a_directory_that_is_not_there_is_no_file_name() {
        let directory = tempfile::tempdir().unwrap();
        let missing = format!("{}/missing/", directory.path().display());
        let place = of(Path::new(&missing)).await;
        assert!(matches!(place, Err(Failure::Local { .. })));
    }
}
