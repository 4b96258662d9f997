//! Directories of the server, each listed once.

use std::collections::HashMap;

use crate::args::Args;
use crate::failure::Failure;
use crate::glob::name_in;
use cellftp::client::{CallOptions, Client, Code, Entry, EntryKind, Error, ServerPath, Target};

/// What is known of the server's directories during one command.
pub(crate) struct Remote {
    /// Without options of the command: to look and to make directories is no request that has a name.
    client: Client,
    target: Target,
    place: String,
    /// By path without a slash at its end; `None` where there is no such directory.
    known: HashMap<Vec<u8>, Option<Listing>>,
}

/// The entries of a directory. Trees ask for each of its names, so that it has an index.
#[derive(Debug, Default)]
struct Listing {
    entries: Vec<Entry>,
    /// The first place of each name.
    places: HashMap<Vec<u8>, usize>,
}

impl Listing {
    fn of(entries: Vec<Entry>) -> Self {
        let mut places = HashMap::with_capacity(entries.len());
        for (place, entry) in entries.iter().enumerate() {
            places.entry(name_in(entry)).or_insert(place);
        }
        Self { entries, places }
    }

    fn find(&self, name: &[u8]) -> Option<&Entry> {
        self.entries.get(*self.places.get(name)?)
    }
}

impl Remote {
    /// Nothing is known yet.
    pub(crate) fn new(args: &Args, client: &Client) -> Result<Self, Failure> {
        Ok(Self {
            client: client.clone().with_options(CallOptions::default()),
            target: args.target()?,
            place: args.place().into(),
            known: HashMap::new(),
        })
    }

    /// The entries of a directory.
    pub(crate) async fn entries(&mut self, directory: &ServerPath) -> Result<Vec<Entry>, Failure> {
        match self.listing(directory).await? {
            Some(listing) => Ok(listing.entries.clone()),
            None => Err(self.absent(directory)),
        }
    }

    /// What a name is; `None` where it is not there.
    pub(crate) async fn find(&mut self, path: &ServerPath) -> Result<Option<Entry>, Failure> {
        let (directory, name) = split(path.as_bytes());
        let listing = self.listing(&directory.into()).await?;
        Ok(listing.and_then(|listing| listing.find(&name)).cloned())
    }

    /// Whether there is such a directory.
    pub(crate) async fn exists(&mut self, directory: &ServerPath) -> Result<bool, Failure> {
        let path = trimmed(directory.as_bytes()).to_vec();
        self.is_directory(&path).await
    }

    /// Whether there is such a directory. A link may lead to one.
    async fn is_directory(&mut self, path: &[u8]) -> Result<bool, Failure> {
        if matches!(path, b"" | b"/") {
            return Ok(true);
        }
        if let Some(known) = self.known.get(path) {
            return Ok(known.is_some());
        }
        match self.find(&path.to_vec().into()).await? {
            Some(entry) if entry.kind() == EntryKind::File => Err(Failure::Usage(format!(
                "{} is a file on {}, and no directory",
                String::from_utf8_lossy(path),
                self.place
            ))),
            Some(_) => Ok(true),
            None => Ok(false),
        }
    }

    /// Makes a directory and those around it, where they are not there. Returns how many were made.
    pub(crate) async fn make(&mut self, directory: &ServerPath) -> Result<usize, Failure> {
        let mut missing = Vec::new();
        let mut at = trimmed(directory.as_bytes()).to_vec();
        while !self.is_directory(&at).await? {
            let around = split(&at).0;
            missing.push(std::mem::replace(&mut at, around));
        }
        for path in missing.iter().rev() {
            let path = ServerPath::from(path.clone());
            match self.client.make_directory(&self.target, &path).await {
                Ok(()) => {}
                Err(Error::Refused(refusal)) if refusal.code == Code::AlreadyExists => continue,
                Err(source) => {
                    return Err(Failure::For {
                        path: path.to_string(),
                        source,
                    });
                }
            }
            // It is new, and so it is empty.
            let key = trimmed(path.as_bytes()).to_vec();
            self.known.insert(key, Some(Listing::default()));
        }
        Ok(missing.len())
    }

    async fn listing(&mut self, directory: &ServerPath) -> Result<Option<&Listing>, Failure> {
        let key = trimmed(directory.as_bytes()).to_vec();
        if !self.known.contains_key(&key) {
            let listed = match self.client.list(&self.target, directory).await {
                Ok(entries) => Some(Listing::of(entries)),
                Err(Error::Refused(refusal))
                    if refusal.code == Code::NotFound && is_name(&refusal.reason) =>
                {
                    None
                }
                Err(source) => {
                    return Err(Failure::For {
                        path: directory.to_string(),
                        source,
                    });
                }
            };
            self.known.insert(key.clone(), listed);
        }
        Ok(self.known.get(&key).and_then(Option::as_ref))
    }

    fn absent(&self, directory: &ServerPath) -> Failure {
        let text = format!("{directory}: no such directory on {}", self.place);
        Failure::Absent(text)
    }
}

/// Whether NOT_FOUND is about a name on the server, and not about a profile or a session.
fn is_name(reason: &str) -> bool {
    matches!(reason, "FILE_NOT_FOUND" | "DIRECTORY_NOT_FOUND")
}

/// A path without slashes at its end. The root keeps its own.
fn trimmed(path: &[u8]) -> &[u8] {
    let mut rest = path;
    while let [all @ .., b'/'] = rest
        && !all.is_empty()
    {
        rest = all;
    }
    rest
}

/// The directory of a path, and the name in it.
pub(crate) fn split(path: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let path = trimmed(path);
    match path.iter().rposition(|byte| *byte == b'/') {
        None => (Vec::new(), path.to_vec()),
        Some(at) => {
            let name = path.get(at + 1..).unwrap_or_default().to_vec();
            let directory = path.get(..at.max(1)).unwrap_or_default();
            (trimmed(directory).to_vec(), name)
        }
    }
}

/// A name in a directory.
pub(crate) fn join(directory: &[u8], name: &[u8]) -> Vec<u8> {
    match trimmed(directory) {
        b"" => name.to_vec(),
        b"/" => [b"/", name].concat(),
        directory => [directory, b"/", name].concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_listed_twice_is_the_first_one() {
        let entry = |name: &str, size| Entry {
            name: name.into(),
            size: Some(size),
            ..Entry::default()
        };
        let listing = Listing::of(vec![entry("a", 1), entry("b", 2), entry("a", 3)]);
        assert_eq!(listing.find(b"a").unwrap().size, Some(1));
        assert_eq!(listing.find(b"b").unwrap().size, Some(2));
        assert_eq!(listing.find(b"c"), None);
    }

    #[test]
    fn paths_are_taken_apart_and_put_together() {
        for (path, directory, name) in [
            ("/a/b", "/a", "b"),
            ("/a", "/", "a"),
            ("a", "", "a"),
            ("a/b/", "a", "b"),
        ] {
            let (before, last) = split(path.as_bytes());
            assert_eq!(
                (before.as_slice(), last.as_slice()),
                (directory.as_bytes(), name.as_bytes())
            );
            assert_eq!(
                join(directory.as_bytes(), name.as_bytes()),
                path.trim_end_matches('/').as_bytes()
            );
        }
        assert_eq!(trimmed(b"//"), b"/");
        assert_eq!(join(b"/a/", b"b"), b"/a/b");
    }
}
