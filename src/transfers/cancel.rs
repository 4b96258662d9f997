//! What callers and other uploads have done to a transfer that nobody works on, as it goes to the disk.

use super::journal::Hold;
use crate::broker::terms::Error;

/// Puts on the disk that its client has ended a transfer. Where the disk does not take it, that is
/// tried again later.
pub(super) async fn record_cancel(hold: &Hold) -> Result<(), Error> {
    let recorded = hold
        .change(|record, now| {
            if !record.state.is_over() {
                record.cancel(now);
            }
        })
        .await;
    if let Err(error) = &recorded {
        tracing::error!(transfer = %hold.key.id, %error, "that it is cancelled cannot be recorded");
        hold.journal.not_recorded(&hold.key, hold.birth, error);
    }
    recorded
}

/// Puts on the disk what others have done to a transfer that nobody works on: another upload wrote its
/// name, its client has ended it.
pub(super) async fn record_what_others_did(hold: &Hold) -> Result<(), Error> {
    let Hold {
        journal,
        key,
        birth,
        ..
    } = hold;
    if let Err(error) = journal.record_loss(key, *birth).await {
        tracing::error!(transfer = %key.id, %error, "that it lost its name cannot be recorded");
        journal.not_recorded(key, *birth, &error);
        return Err(error);
    }
    if journal.is_cancel_wished(key, *birth) {
        record_cancel(hold).await
    } else {
        Ok(())
    }
}
