//! Uploads whose name another writer writes.

use std::sync::Arc;

use tokio::time::Instant;

use super::Journal;
use crate::broker::names::{Claim, Kept, Loss, Recording, Taken};
use crate::broker::terms::{Birth, Cause, Error, Key, Lived};
use crate::modem::clock;
use crate::transfers::record::Record;

impl Kept for Journal {
    fn claims(&self) -> Vec<Claim> {
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

    fn lived_at(&self, then: Instant) -> Lived {
        let ago = clock::now().saturating_duration_since(then);
        self.now().lived.before(ago)
    }

    fn lose(&self, lost: Vec<(Taken, Loss)>) -> Vec<Taken> {
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

    fn record_losses(self: Arc<Self>, lost: Vec<Taken>) -> Recording {
        Box::pin(async move {
            for taken in lost {
                self.record_loss(&taken.key, taken.birth).await?;
            }
            Ok(())
        })
    }

    fn may_write(&self, key: &Key) -> bool {
        let table = self.table();
        table.entries.get(key).is_some_and(|entry| {
            let record = &entry.record;
            entry.loss.is_none() && !record.taken_over && record.begun.is_some()
        })
    }
}

impl Journal {
    /// Records on disk what an upload has lost, if it has lost something.
    pub(crate) async fn record_loss(
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
            // It lost more meanwhile; that is recorded next.
            entry.loss = entry.loss.filter(|now| *now > loss);
        }
        drop(table);
        self.wake.notify_one();
        Ok(())
    }

    /// What an upload has lost that is not on the disk yet.
    pub(crate) fn loss(&self, key: &Key, birth: Birth) -> Option<Loss> {
        self.table().of(key, birth)?.loss
    }

    /// A later upload is writing its name: it is not tried for a while.
    pub(crate) fn wait_behind(&self, key: &Key, birth: Birth) {
        let until = self.now().lived + self.settings().budget.backoff;
        if let Some(entry) = self.table().of(key, birth) {
            entry.behind = Some(until);
        }
    }
}
