//! Records on disk what callers and other uploads did to a transfer that nobody works on.

use super::journal::Hold;
use crate::broker::terms::Error;

/// Records on disk that its client has cancelled a transfer. If the disk does not accept it, the
/// daemon tries again later.
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

/// Records on disk what others did to a transfer that nobody works on: another upload wrote its
/// name, or its client has cancelled it.
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
