//! Transfers whose lifetime has passed.

use std::sync::Arc;

use super::turns::Chore;
use super::{Entry, HaltReason, Journal};
use crate::broker::terms::{Birth, Cause, Error, Key, Lived, Now};
use crate::transfers::record::{Record, State, ToldError};

impl Journal {
    /// When the next transfer expires.
    pub(crate) fn next_expiry(&self) -> Option<Lived> {
        let table = self.table();
        table.entries.values().filter_map(Entry::expires).min()
    }

    /// Ends the expired transfers, with or without a link; for a transfer at work, it ends the
    /// attempt.
    ///
    /// # Errors
    /// [`Cause::Spool`](crate::broker::terms::Cause::Spool) or
    /// [`Cause::Store`](crate::broker::terms::Cause::Store): the disk does not accept the change.
    pub(crate) async fn expire(self: &Arc<Self>) -> Result<(), Error> {
        let now = self.now().lived;
        let mut idle: Vec<(Key, Birth)> = Vec::new();
        {
            let table = self.table();
            let all = table.entries.iter();
            let expired = all.filter(|(_, entry)| entry.expires().is_some_and(|then| then <= now));
            for (key, entry) in expired {
                match &entry.work {
                    Some(work) => work.halt.ask(HaltReason::Expire),
                    None => idle.push((key.clone(), entry.birth)),
                }
            }
        }
        for (key, birth) in idle {
            let journal = Arc::clone(self);
            let change = move |record: &mut Record, now: Now| {
                // An attempt may have begun, or the client may have given it more time, meanwhile.
                let expired = record.has_expired(now.lived) && record.state != State::Running;
                if expired {
                    record.fail(journal.told_expired(record), now);
                }
                Ok(expired)
            };
            match self.change_of(&key, birth, change).await {
                Ok(true) => tracing::warn!(transfer = %key.id, "a transfer has expired"),
                Ok(false) => {}
                Err(error) if matches!(error.cause, Cause::TransferNotFound) => {}
                Err(error) => {
                    tracing::error!(transfer = %key.id, %error, "that it expired cannot be recorded");
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// The error of an expired transfer.
    pub(crate) fn told_expired(&self, record: &Record) -> ToldError {
        let lifetime = record.wish.terms.lifetime.unwrap_or_default();
        self.told(&Cause::TransferExpired(lifetime).into())
    }
}

impl Entry {
    /// When its lifetime ends it; `None` if another reason ends it already.
    fn expires(&self) -> Option<Lived> {
        let then = self
            .record
            .expires
            .filter(|_| self.record.is_to_be_written())?;
        let may = !self.cancel
            && self
                .work
                .as_ref()
                .is_none_or(|work| work.chore == Chore::Attempt && work.halt.why().is_none());
        may.then_some(then)
    }
}
