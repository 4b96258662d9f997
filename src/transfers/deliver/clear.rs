//! The partial file of an incomplete transfer on its server.

use std::sync::Arc;

use super::{Attempt, Stop};
use crate::broker::terms::{Cause, Error};
use crate::transfers::record::{Record, Remnant};
use crate::transfers::retry::{Another, another};
use simcom_talk::dialogue::operation::{BegunUpload, Cleared, Remains, Trail};

/// Tries before the file is left: a few minutes on a working link.
const TRIES: u32 = 5;

impl Attempt {
    /// Deletes the partial file, if it is proven to be the transfer's.
    pub(crate) async fn clear_up(&self, record: &Record) -> Result<(), Error> {
        let Remnant::Pending { tries, .. } = record.remnant else {
            return Ok(());
        };
        let remnant = match self.clear(record).await {
            Ok(remnant) => remnant,
            Err(Stop::Halted(_)) => return Ok(()),
            Err(Stop::Failed(error)) => {
                let journal = &self.hold.journal;
                let delay = journal
                    .settings()
                    .budget
                    .delay(tries + 1, fastrand::u64(..));
                let due = journal.now().lived + delay;
                match another(&error, true) {
                    // It was not tried: there was no link, or the disk accepted nothing.
                    Another::Uncounted => Remnant::Pending { due, tries },
                    Another::Counted | Another::Never | Another::IfLoginWorked
                        if tries + 1 >= TRIES =>
                    {
                        let transfer = &self.hold.key.id;
                        tracing::warn!(%transfer, %error, "a part stays on the server");
                        Remnant::Left
                    }
                    Another::Counted | Another::Never | Another::IfLoginWorked => {
                        let tries = tries + 1;
                        Remnant::Pending { due, tries }
                    }
                }
            }
        };
        self.hold
            .change(move |record, _| {
                // A later upload may have taken the name meanwhile, or the transfer may be tried
                // again.
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
        if self
            .account(record)
            .is_some_and(|now| record.is_elsewhere(&now))
        {
            // The part is on the server that the profile led to before.
            return Ok(Remnant::Left);
        }
        let file = match self.content(record).await {
            Ok(file) => file,
            // Without its bytes nothing proves that the file is the transfer's.
            Err(Stop::Failed(error)) if matches!(error.cause, Cause::SpoolLost) => {
                return Ok(Remnant::Left);
            }
            Err(stop) => return Err(stop),
        };
        let target = Self::target(record);
        let (location, _) = self.broker.locate(&self.caller, &target)?;
        let (standing, path) = location.locate(&record.wish.path)?;
        let priority = record.wish.priority;
        let there = Some(location.about(&path));
        let operation =
            self.broker
                .admit_allowed(&self.caller, "DeleteFile", priority, there, None)?;
        let remains = Remains {
            path,
            begun: BegunUpload {
                at: file.size,
                before: before.told(),
                resumes: 0,
                trail: Trail::default(),
            },
            sourced: true,
        };
        let (id, cancel) = (operation.id.clone(), operation.cancel.clone());
        let _cancel = cancel.clone().drop_guard();
        let (journal, key) = (Arc::clone(&self.hold.journal), self.hold.key.clone());
        let birth = self.hold.birth;
        let may = move || {
            let there = journal.get_of(&key, birth);
            let pending =
                there.is_some_and(|there| matches!(there.record.remnant, Remnant::Pending { .. }));
            pending && journal.loss(&key, birth).is_none()
        };
        let teller = operation.teller();
        let job = async move {
            let source = Some(file.source());
            let cleared = operation
                .clear(standing, remains, source, cancel, may)
                .await;
            operation.log(&cleared);
            cleared
        };
        let cleared = self.unless_halted(tokio::spawn(teller.tells(job))).await;
        if cleared.is_err() {
            self.ended(&id).await;
        }
        let cleared = cleared?.unwrap_or_else(|how| Err(Error::lost(&id, &how)));
        Ok(match cleared? {
            Some(Cleared::Left) | None => Remnant::Left,
            Some(
                Cleared::Deleted | Cleared::Absent | Cleared::NoDirectory | Cleared::Untouched,
            ) => Remnant::Deleted,
        })
    }
}
