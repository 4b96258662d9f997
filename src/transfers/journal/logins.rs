//! Logins that have worked, as transfers know them: they survive a restart.

use std::sync::Arc;
use std::time::Duration;

use super::change::Change;
use super::{Journal, whole};
use crate::broker::terms::Lived;
use crate::modem::health::LoggedIn;
use crate::transfers::record::ToldError;
use crate::transfers::retry::Budget;

/// Refusals in a row that lead to another try. With the default pauses these take some 20 minutes:
/// servers give up a silent session after 5 to 15 (vsftpd 5, ProFTPD 10, pure-ftpd 15).
pub(crate) const TRIES: u32 = 6;

/// The pause after a refusal, as a multiple of the pause after another failure. Programs that lock
/// out failed logins usually count five in ten minutes.
const SLOWER: u32 = 4;

/// How old the entry on the disk may be: written as rarely as the age of transfers.
const KEEP: Duration = Duration::from_secs(3600);

/// Time before the next try of a disk that did not accept the entry.
const AGAIN: Duration = Duration::from_secs(60);

impl Journal {
    /// Whether the news that a login works is worth recording.
    pub(crate) fn is_news(&self, server: &LoggedIn) -> bool {
        let now = self.now().lived;
        let mut table = self.table();
        let has_store = !table.entries.is_empty();
        let within = |then: Option<Lived>, span| then.is_some_and(|then| now.since(then) < span);
        table.logins.get(server).is_none_or(|login| {
            let is_kept = within(login.kept, KEEP) || within(login.tried, AGAIN) || !has_store;
            login.refused > 0 || !within(Some(login.worked), KEEP) || !is_kept
        })
    }

    /// The next attempts try refused logins at once, without their pause.
    pub(crate) fn reopen_logins(&self) {
        self.table().logins.reopen();
    }

    /// The passwords of these logins are perhaps others.
    pub(crate) fn doubt_logins(&self, logins: &[LoggedIn]) {
        self.table().logins.doubt(logins);
    }

    /// A login works. It is recorded on disk if there is a store: nothing is written before the
    /// first transfer.
    pub(crate) async fn login_works(self: &Arc<Self>, server: LoggedIn) {
        let now = self.now().lived;
        let forgotten = {
            let mut table = self.table();
            let forgotten = table.logins.worked(&server, now);
            let tried = Some(now).filter(|_| !table.entries.is_empty());
            if let Some(login) = table.logins.get(&server) {
                login.tried = tried;
            }
            forgotten
        };
        let journal = Arc::clone(self);
        let kept = whole(async move {
            let mut store = journal.store.lock().await;
            if store.open.is_none() {
                return Ok(());
            }
            if let Some(old) = &forgotten {
                journal.write(&mut store, Change::ForgetLogin(old)).await?;
            }
            journal
                .write(&mut store, Change::Login(&server, now))
                .await?;
            if let Some(login) = journal.table().logins.get(&server) {
                login.kept = Some(now);
            }
            Ok(())
        });
        if let Err(error) = kept.await {
            tracing::warn!(%error, "that a login works cannot be stored");
        }
    }

    /// The server refused a login. Answers the pause before the next try; `None`: no other try.
    pub(crate) fn login_refused(&self, server: &LoggedIn, why: ToldError) -> Option<Duration> {
        let now = self.now().lived;
        let budget = Budget {
            backoff: self.settings().budget.backoff * SLOWER,
            ..self.settings().budget
        };
        let pause = |tries| budget.delay(tries, fastrand::u64(..));
        self.table().logins.refused(server, why, now, pause)
    }

    /// When a login may be tried again, and the refusal that closed it.
    pub(crate) fn login_closed(&self, server: &LoggedIn) -> Option<(Lived, ToldError)> {
        let now = self.now().lived;
        self.table().logins.closed(server, now)
    }
}
