//! A session that a running operation uses.

use std::sync::Arc;

use parking_lot::Mutex;

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
        let mut sessions = self.sessions.lock();
        sessions.end_use(&self.id, clock::now());
    }
}
