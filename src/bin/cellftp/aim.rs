//! Which of the names on a command line is the source and which the target.
//!
//! A shell expands `put *.csv` to local names, so that several names never mean source and target by accident:
//! of more than two, the last one must be a directory, and of two, the second must not be another file here.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use crate::args::{Get, Put, is_standard_stream};
use crate::failure::Failure;
use crate::glob;
use crate::pair;
use cellftp::client::ServerPath;

/// Where the names of a `put` or a `get` go.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Aim {
    /// One file.
    One {
        /// Here.
        local: PathBuf,
        /// On the server.
        remote: ServerPath,
        /// Whether the name on the server is a pattern, which must stand for one name alone.
        pattern: bool,
    },
    /// Files and directories that keep their names.
    Sent {
        /// Here.
        names: Vec<PathBuf>,
        /// The directory on the server that they are put in.
        directory: ServerPath,
        /// Whether the directory is the copy of the one name itself.
        renamed: bool,
    },
    /// The same in the other direction.
    Fetched {
        /// On the server, as they were written.
        names: Vec<ServerPath>,
        /// The directory here.
        directory: PathBuf,
        /// Whether the directory is the copy of the one name itself.
        renamed: bool,
    },
}

impl Aim {
    /// What a `put` asks for.
    pub(crate) fn of_put(put: &Put) -> Result<Self, Failure> {
        if let Some(directory) = &put.target_directory {
            return Ok(Self::Sent {
                names: put.names.clone(),
                directory: with_slash(directory),
                renamed: false,
            });
        }
        let remote = put
            .to
            .clone()
            .map(Ok)
            .or_else(|| match put.names.as_slice() {
                [_, .., last] => Some(Ok(ServerPath::from(last.clone().into_os_string()))),
                _ => None,
            });
        let remote: ServerPath = remote
            .transpose()
            .map_err(Failure::Usage)?
            .unwrap_or_default();
        let ends_in_slash = remote.is_empty() || remote.as_bytes().ends_with(b"/");
        let names = match (put.names.as_slice(), &put.to) {
            ([one], _) => std::slice::from_ref(one),
            ([_, _, ..], Some(_)) => return Err(Failure::Usage(TO_ONE.into())),
            ([names @ .., _], None) => names,
            ([], None | Some(_)) => &[],
        };
        match names {
            [local] if put.recursive && local.is_dir() => {
                if put.to.is_none() {
                    is_not_here(&remote)?;
                }
                Ok(Self::Sent {
                    names: names.to_vec(),
                    directory: remote,
                    renamed: !ends_in_slash,
                })
            }
            [local] => {
                if put.to.is_none() {
                    pair::is_one_file(local, &remote, "--to", &remote.to_string())?;
                }
                let remote = file_name(local, &remote)?;
                Ok(Self::One {
                    local: local.clone(),
                    remote,
                    pattern: false,
                })
            }
            _ if !ends_in_slash => Err(Failure::Usage(format!(
                "several files go to a directory, and {remote} does not end in /; write {remote}/, or -t \
                 DIRECTORY where all names are files here"
            ))),
            _ => {
                is_not_here(&remote)?;
                Ok(Self::Sent {
                    names: names.to_vec(),
                    directory: remote,
                    renamed: false,
                })
            }
        }
    }

    /// What a `get` asks for.
    pub(crate) fn of_get(get: &Get) -> Result<Self, Failure> {
        let path = |name: &OsString| ServerPath::from(name.clone());
        let many = |names: &[OsString], directory: &Path, renamed| Self::Fetched {
            names: names.iter().map(path).collect(),
            directory: directory.to_owned(),
            renamed,
        };
        if let Some(directory) = &get.target_directory {
            return Ok(many(&get.names, directory, false));
        }
        let (names, local) = match (get.names.as_slice(), &get.to) {
            ([one], Some(to)) => (std::slice::from_ref(one), to.clone()),
            ([_, _, ..], Some(_)) => return Err(Failure::Usage(TO_ONE.into())),
            ([names @ .., last], None) if !names.is_empty() => (names, PathBuf::from(last)),
            (names, None | Some(_)) => (names, PathBuf::from(".")),
        };
        let is_directory = local.is_dir() || local.as_os_str().as_bytes().ends_with(b"/");
        match names {
            [name] if get.recursive => {
                Ok(many(names, &local, !is_directory).unless_standard_output(name, &local)?)
            }
            [name] => {
                let remote = path(name);
                if get.to.is_none() && get.names.len() > 1 {
                    pair::is_one_file(&local, &remote, "--to", &local.display().to_string())?;
                }
                let pattern = !get.literal && glob::is_pattern(remote.as_bytes());
                if pattern && is_directory {
                    return Ok(many(names, &local, false));
                }
                let remote = match pattern {
                    true => remote,
                    false => glob::name_of(remote.as_bytes(), get.literal).into(),
                };
                Ok(Self::One {
                    local,
                    remote,
                    pattern,
                })
            }
            _ if is_directory => Ok(many(names, &local, false)),
            _ => Err(Failure::Usage(format!(
                "several files go to a directory, and {} is none; make it, or name another with -t",
                local.display()
            ))),
        }
    }

    fn unless_standard_output(self, name: &OsStr, local: &Path) -> Result<Self, Failure> {
        if is_standard_stream(local) {
            let name = name.to_string_lossy();
            return Err(Failure::Usage(format!(
                "{name}: -r writes files, not standard output"
            )));
        }
        Ok(self)
    }
}

/// What is said of several names and one `--to`.
const TO_ONE: &str = "--to is for one file; several go to a directory, with -t DIRECTORY";

/// Refuses a target on the server that may as well be one more directory here.
fn is_not_here(remote: &ServerPath) -> Result<(), Failure> {
    let named = Path::new(OsStr::from_bytes(remote.as_bytes()));
    if !remote.is_empty() && !named.is_absolute() && named.is_dir() {
        return Err(Failure::Usage(format!(
            "{remote} is a directory here as well, so that it may be one more to send; name the directory \
             on the server with -t"
        )));
    }
    Ok(())
}

fn with_slash(directory: &ServerPath) -> ServerPath {
    match directory.as_bytes() {
        b"" => ServerPath::default(),
        path if path.ends_with(b"/") => directory.clone(),
        path => [path, b"/"].concat().into(),
    }
}

/// The remote name. A name that is empty or ends in `/` gets the local file's name.
pub(crate) fn file_name(local: &Path, remote: &ServerPath) -> Result<ServerPath, Failure> {
    if !remote.is_empty() && !remote.as_bytes().ends_with(b"/") {
        return Ok(remote.clone());
    }
    match local.file_name() {
        Some(name) if !is_standard_stream(local) => {
            let name = name.to_owned().into_vec();
            Ok([remote.as_bytes(), &name].concat().into())
        }
        _ => Err(Failure::Usage(format!(
            "the path on the server needs a file name at its end: {remote}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::{Args, Command};

    fn aim(words: &[&str]) -> Result<Aim, Failure> {
        let line = [&["cellftp"], words].concat();
        match Args::try_parse_from(line).unwrap().command {
            Command::Put(put) => Aim::of_put(&put),
            Command::Get(get) => Aim::of_get(&get),
            _ => panic!("a put or a get"),
        }
    }

    fn said(words: &[&str]) -> String {
        aim(words).unwrap_err().to_string()
    }

    #[test]
    fn several_names_need_a_directory() {
        assert!(said(&["put", "a", "b", "c"]).contains("does not end in /"));
        assert!(said(&["get", "/a", "/b", "c"]).contains("c is none"));
        let sent = |directory: &str, renamed| Aim::Sent {
            names: ["a", "b"].map(PathBuf::from).to_vec(),
            directory: directory.into(),
            renamed,
        };
        assert_eq!(aim(&["put", "a", "b", "c/"]).unwrap(), sent("c/", false));
        assert_eq!(
            aim(&["put", "-t", "c", "a", "b"]).unwrap(),
            sent("c/", false)
        );
    }

    #[test]
    fn a_directory_here_is_no_target_by_accident() {
        assert!(said(&["put", "-r", "src/", "tests/"]).contains("-t"));
        assert!(said(&["put", "Cargo.toml", "README.md", "src/"]).contains("-t"));
        assert!(aim(&["put", "-r", "src", "-t", "tests"]).is_ok());
    }

    #[test]
    fn a_pattern_is_no_name_unless_it_is_quoted() {
        let one = |remote: &str| Aim::One {
            local: ".".into(),
            remote: remote.into(),
            pattern: false,
        };
        assert_eq!(aim(&["get", r"/a\*"]).unwrap(), one("/a*"));
        assert_eq!(aim(&["get", "--literal", r"/a\*"]).unwrap(), one(r"/a\*"));
        assert!(matches!(aim(&["get", "/a*"]).unwrap(), Aim::Fetched { .. }));
        let alone = aim(&["get", "/a[1]", "-"]).unwrap();
        assert!(matches!(alone, Aim::One { pattern: true, .. }), "{alone:?}");
    }
}
