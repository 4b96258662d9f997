//! One change of the store.

use std::io;

use crate::broker::terms::{Key, Lived};
use crate::modem::health::LoggedIn;
use crate::transfers::record::Record;
use crate::transfers::store::Store;

/// One change of the store.
pub(crate) enum Change<'a> {
    Put(&'a Record),
    Remove(&'a Key),
    /// Replaces the record of this key by one with another key.
    Rename(&'a Key, &'a Record),
    /// The running time.
    Lived(Lived),
    /// A login has worked.
    Login(&'a LoggedIn, Lived),
    /// The store no longer knows whether a login has worked.
    ForgetLogin(&'a LoggedIn),
}

/// A change that owns its data, for the thread that writes.
pub(crate) enum Owned {
    Put(Box<Record>),
    Remove(Key),
    Rename(Key, Box<Record>),
    Lived(Lived),
    Login(LoggedIn, Lived),
    ForgetLogin(LoggedIn),
}

impl Owned {
    /// Applies the change.
    pub(crate) fn apply(&self, store: &Store) -> io::Result<()> {
        match self {
            Self::Put(record) => store.put(record),
            Self::Remove(key) => store.remove(key),
            Self::Lived(lived) => store.keep_lived(*lived),
            Self::Rename(key, record) => store.rename(key, record),
            Self::Login(server, worked) => store.keep_login(server, *worked),
            Self::ForgetLogin(server) => store.forget_login(server),
        }
    }
}

impl Change<'_> {
    pub(super) fn owned(self) -> Owned {
        match self {
            Self::Put(record) => Owned::Put(Box::new(record.clone())),
            Self::Remove(key) => Owned::Remove(key.clone()),
            Self::Lived(lived) => Owned::Lived(lived),
            Self::Login(server, worked) => Owned::Login(server.clone(), worked),
            Self::ForgetLogin(server) => Owned::ForgetLogin(server.clone()),
            Self::Rename(key, record) => Owned::Rename(key.clone(), Box::new(record.clone())),
        }
    }
}
