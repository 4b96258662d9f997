//! Uploads that have begun to write a name, which another takes over.

use std::sync::Arc;

use super::Journal;
use crate::broker::error::{Cause, Error};
use crate::broker::transfers::record::Record;
use crate::broker::transfers::wish::{Key, Wish};

impl Journal {
    /// Uploads that have begun to write their name, or that have still to delete what they left
    /// there.
    pub(in crate::broker) fn begun_uploads(&self) -> Vec<(Key, Wish)> {
        let table = self.table();
        let begun = table
            .entries
            .iter()
            .filter(|(_, entry)| entry.record.may_touch_its_name());
        begun
            .map(|(key, entry)| (key.clone(), entry.record.wish.clone()))
            .collect()
    }

    /// The names of these uploads were taken over by a later one, which is about to write. On the
    /// disk when this answers.
    pub(in crate::broker) async fn take_names(
        self: &Arc<Self>,
        keys: Vec<Key>,
        name: String,
    ) -> Result<(), Error> {
        let told = self.told(&Cause::NameTaken(name).into());
        for key in keys {
            let told = told.clone();
            let take = move |record: &mut Record, now| {
                record.lose_its_name(told, now);
                Ok(())
            };
            let Some(there) = self.get(&key) else {
                continue;
            };
            match self.change_of(&key, there.birth, take).await {
                Ok(()) => tracing::info!(transfer = %key.id, "a later upload took its name"),
                // It was deleted meanwhile.
                Err(Error {
                    cause: Cause::TransferNotFound,
                    ..
                }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
