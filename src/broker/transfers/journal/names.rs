//! Uploads whose name another writes.

use std::sync::Arc;

use tokio::time::Instant;

use super::{Birth, Journal};
use crate::broker::error::{Cause, Error};
use crate::broker::transfers::lived::Lived;
use crate::broker::transfers::record::Record;
use crate::broker::transfers::wish::Key;
use crate::modem::clock;
use simcom_talk::ftps::value::RemotePath;

/// An upload, as far as it concerns others that write its name.
#[derive(Debug)]
pub(in crate::broker) struct Claim {
    pub(in crate::broker) key: Key,
    pub(in crate::broker) taken: Taken,
    pub(in crate::broker) profile: String,
    pub(in crate::broker) path: RemotePath,
    pub(in crate::broker) accepted: Lived,
    /// It is still to be written.
    is_due: bool,
    /// It has begun to write, and is not over.
    pub(in crate::broker) is_writing: bool,
    /// It has begun to write, or has still to delete what it left there.
    pub(in crate::broker) has_begun: bool,
}

/// A very upload, and no later one of its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::broker) struct Taken {
    key: Key,
    birth: Birth,
}

/// What an upload loses when another writes its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::broker) enum Loss {
    /// Nothing there is shown to be its own any more. It begins anew when its turn comes.
    Proof,
    /// Another, whose caller came later, has written the whole file: there is nothing to be done for
    /// this one.
    Name,
}

impl Claim {
    /// Orders transfers by when they were accepted, or tried anew by their client.
    pub(in crate::broker) const fn order(&self) -> (Lived, Option<u64>) {
        (self.accepted, Some(self.taken.birth.0))
    }

    /// Whether it is still to be written, and came before another.
    pub(in crate::broker) fn is_accepted_before(&self, other: (Lived, Option<u64>)) -> bool {
        let before = match other {
            (_, Some(_)) => self.order() < other,
            (admitted, None) => self.accepted <= admitted,
        };
        self.is_due && before
    }
}

impl Journal {
    /// All uploads.
    pub(in crate::broker) fn claims(&self) -> Vec<Claim> {
        let table = self.table();
        let uploads = table.entries.iter();
        let uploads = uploads.filter(|(_, entry)| entry.record.wish.upload().is_some());
        let claims = uploads.map(|(key, entry)| {
            let record = &entry.record;
            Claim {
                key: key.clone(),
                taken: Taken {
                    key: key.clone(),
                    birth: entry.birth,
                },
                profile: record.wish.profile.clone(),
                path: record.wish.path.clone(),
                accepted: record.accepted,
                is_due: record.is_to_be_written(),
                is_writing: record.begun.is_some() && record.is_to_be_written(),
                has_begun: record.may_touch_its_name(),
            }
        });
        claims.collect()
    }

    /// When that was, as transfers count.
    pub(in crate::broker) fn lived_at(&self, then: Instant) -> Lived {
        let ago = clock::now().saturating_duration_since(then);
        self.now().lived.before(ago)
    }

    /// Uploads have lost something. Nothing more is begun for them until the disk knows.
    pub(in crate::broker) fn lose(&self, lost: Vec<(Taken, Loss)>) -> Vec<Taken> {
        let mut table = self.table();
        for (taken, loss) in &lost {
            if let Some(entry) = table.of(&taken.key, taken.birth) {
                entry.loss = entry.loss.max(Some(*loss));
            }
        }
        drop(table);
        if !lost.is_empty() {
            self.wake.notify_one();
        }
        lost.into_iter().map(|(taken, _)| taken).collect()
    }

    /// Puts on the disk what uploads have lost.
    pub(in crate::broker) async fn record_losses(
        self: &Arc<Self>,
        lost: Vec<Taken>,
    ) -> Result<(), Error> {
        for taken in lost {
            self.record_loss(&taken.key, taken.birth).await?;
        }
        Ok(())
    }

    /// Puts on the disk what an upload has lost, where it has.
    pub(in crate::broker::transfers) async fn record_loss(
        self: &Arc<Self>,
        key: &Key,
        birth: Birth,
    ) -> Result<(), Error> {
        let Some(loss) = self.loss(key, birth) else {
            return Ok(());
        };
        let journal = Arc::clone(self);
        let lose = move |record: &mut Record, now| {
            match loss {
                Loss::Proof => record.lose_its_proof(),
                Loss::Name => {
                    let name = Cause::NameTaken(record.wish.path.to_string());
                    record.lose_its_name(journal.told(&name.into()), now);
                }
            }
            Ok(())
        };
        match self.change_of(key, birth, lose).await {
            Ok(()) => tracing::info!(transfer = %key.id, ?loss, "another wrote its name"),
            // It was deleted meanwhile.
            Err(Error {
                cause: Cause::TransferNotFound,
                ..
            }) => {}
            Err(error) => return Err(error),
        }
        let mut table = self.table();
        if let Some(entry) = table.of(key, birth) {
            // A greater loss came meanwhile, and is recorded next.
            entry.loss = entry.loss.filter(|now| *now > loss);
        }
        drop(table);
        self.wake.notify_one();
        Ok(())
    }

    /// What an upload has lost that is not on the disk yet.
    pub(in crate::broker::transfers) fn loss(&self, key: &Key, birth: Birth) -> Option<Loss> {
        self.table().of(key, birth)?.loss
    }

    /// Whether an attempt may write: nobody has written the name since it was written down what the
    /// server had.
    pub(in crate::broker) fn may_write(&self, key: &Key) -> bool {
        let table = self.table();
        table.entries.get(key).is_some_and(|entry| {
            let record = &entry.record;
            entry.loss.is_none() && !record.taken_over && record.begun.is_some()
        })
    }

    /// One that came later is writing its name: it is not tried for a while.
    pub(in crate::broker::transfers) fn wait_behind(&self, key: &Key, birth: Birth) {
        let until = self.now().lived + self.settings.budget.backoff;
        if let Some(entry) = self.table().of(key, birth) {
            entry.behind = Some(until);
        }
    }
}
