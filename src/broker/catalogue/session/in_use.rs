//! A session that a running operation uses.

use std::sync::{Arc, Mutex, PoisonError};

use super::Sessions;
use crate::broker::terms::SessionId;
use crate::modem::clock;

/// Keeps a session from expiring while an operation in it runs.
#[derive(Debug)]
pub(crate) struct SessionUse {
    pub(crate) sessions: Arc<Mutex<Sessions>>,
    pub(crate) id: SessionId,
}

impl Drop for SessionUse {
    fn drop(&mut self) {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.end_use(&self.id, clock::now());
    }
}
