//! What a transfer that will not be completed has left on its server.

use super::{Attempt, Stop};
use crate::broker::error::Error;
use crate::broker::transfers::record::{Record, Remnant};
use crate::modem::operation::Task;

/// How often it is tried before it is left: a few minutes on a link that is there.
const TRIES: u32 = 5;

impl Attempt {
    /// Deletes it, where it is surely ours.
    pub(super) async fn clear_up(&self, record: &Record) -> Result<(), Error> {
        let Remnant::Pending { tries, .. } = record.remnant else {
            return Ok(());
        };
        let remnant = match self.clear(record).await {
            Ok(remnant) => remnant,
            Err(Stop::Halted(_)) => return Ok(()),
            Err(Stop::Failed(error)) if tries + 1 >= TRIES => {
                tracing::warn!(transfer = %self.hold.key.id, %error, "a part stays on the server");
                Remnant::Left
            }
            Err(Stop::Failed(_)) => {
                let journal = &self.hold.journal;
                let delay = journal.settings.budget.delay(tries + 1, fastrand::u64(..));
                Remnant::Pending {
                    due: journal.now().lived + delay,
                    tries: tries + 1,
                }
            }
        };
        self.hold
            .change(move |record, _| {
                // It may be tried again by now, and has to leave something anew first.
                if matches!(record.remnant, Remnant::Pending { .. }) {
                    record.remnant = remnant;
                }
            })
            .await
    }

    async fn clear(&self, record: &Record) -> Result<Remnant, Stop> {
        let Some(before) = record.begun else {
            return Ok(Remnant::Nothing);
        };
        let now = self.look(record).await?;
        if !before.is_ours(now) {
            return Ok(before.remnant(now));
        }
        let target = Self::target(record);
        let (location, _) = self.broker.locate(&self.caller, &target)?;
        let (standing, path) = location.locate(&record.wish.path)?;
        let priority = record.wish.priority;
        let operation =
            self.broker
                .admit_at(&self.caller, "DeleteFile", priority, Some(location), None)?;
        let id = operation.id.clone();
        let deleted = self.broker.run(operation, standing, Task::DeleteFile(path));
        let deleted = self.unless_halted(deleted).await;
        if deleted.is_err() {
            self.ended(&id).await;
        }
        deleted??;
        Ok(Remnant::Deleted)
    }
}
