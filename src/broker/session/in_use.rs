//! A session that an operation is under way in.

use std::sync::{Arc, Mutex, PoisonError};

use super::{SessionId, Sessions};
use crate::modem::clock;

/// Keeps a session from expiring while an operation in it is under way.
#[derive(Debug)]
pub(in crate::broker) struct SessionUse {
    pub(in crate::broker) sessions: Arc<Mutex<Sessions>>,
    pub(in crate::broker) id: SessionId,
}

impl Drop for SessionUse {
    fn drop(&mut self) {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.end_use(&self.id, clock::now());
    }
}
