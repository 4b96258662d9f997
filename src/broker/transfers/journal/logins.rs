//! Which logins have worked, and so are worth another try when they are refused.

use std::sync::Arc;
use std::time::Duration;

use super::disk::Change;
use super::{Journal, whole};
use crate::broker::transfers::lived::Lived;
use crate::broker::transfers::record::Told;
use crate::broker::transfers::retry::Budget;
use crate::modem::health::LoggedIn;

/// Logins that have worked, by server and user.
///
/// A server that still counts a session which was cut refuses the next one (`530 maximum number of
/// clients`), until it gives that session up. The module reports nothing but that the server said no, so
/// that a wrong password looks the same. So a refused login is tried again only where the same one has
/// worked in the last [`WHILE`], at most [`TRIES`] times in a row by all transfers together, and slowly.
#[derive(Debug, Default)]
pub(super) struct Logins(Vec<Login>);

#[derive(Debug)]
struct Login {
    server: LoggedIn,
    worked: Lived,
    /// The moment that is on the disk.
    kept: Option<Lived>,
    /// When it was to be put there last.
    tried: Option<Lived>,
    /// Refusals since it worked.
    refused: u32,
    /// The last of them, and when it is tried again.
    closed: Option<(Lived, Told)>,
}

/// How long a login that has worked is believed in: also one that is used once a week.
const WHILE: Duration = Duration::from_secs(8 * 86400);

/// Refusals in a row after which a login is tried once more. By the default pauses these are some 20
/// minutes: servers give up a session that is silent after 5 to 15 (vsftpd 5, ProFTPD 10, pure-ftpd 15).
const TRIES: u32 = 6;

/// The pause after a refusal, as a multiple of that after another failure: programs that lock out who
/// fails to log in count five in ten minutes, as a rule.
const SLOWER: u32 = 4;

/// Logins that are remembered: more than anybody has profiles.
const LOGINS: usize = 64;

/// How old what is on the disk may be: as little is written as for the age of transfers.
const KEEP: Duration = Duration::from_secs(3600);

/// Time before a disk that did not take it is asked again.
const AGAIN: Duration = Duration::from_secs(60);

impl Logins {
    /// As the disk has them.
    pub(super) fn read(rows: Vec<(LoggedIn, Lived)>) -> Self {
        let logins = rows.into_iter().take(LOGINS);
        let login = |(server, worked)| Login {
            server,
            worked,
            kept: Some(worked),
            tried: None,
            refused: 0,
            closed: None,
        };
        Self(logins.map(login).collect())
    }

    /// Nothing is waited for any more: somebody wants it tried.
    fn reopen(&mut self) {
        for login in &mut self.0 {
            login.closed = None;
        }
    }

    fn get(&mut self, server: &LoggedIn) -> Option<&mut Login> {
        self.0.iter_mut().find(|login| login.server == *server)
    }

    /// It has worked. Gives back what is to be forgotten for it.
    fn worked(&mut self, server: &LoggedIn, now: Lived) -> Option<LoggedIn> {
        if let Some(login) = self.get(server) {
            (login.worked, login.refused, login.closed) = (now, 0, None);
            return None;
        }
        self.0.push(Login {
            server: server.clone(),
            worked: now,
            kept: None,
            tried: None,
            refused: 0,
            closed: None,
        });
        if self.0.len() <= LOGINS {
            return None;
        }
        let oldest = self
            .0
            .iter()
            .enumerate()
            .min_by_key(|(_, login)| login.worked)?
            .0;
        Some(self.0.swap_remove(oldest).server)
    }

    /// It was refused. Answers after which pause it is tried again; `None`: never.
    fn refused(
        &mut self,
        server: &LoggedIn,
        why: Told,
        now: Lived,
        pause: impl Fn(u32) -> Duration,
    ) -> Option<Duration> {
        let login = self.get(server)?;
        if now.since(login.worked) > WHILE {
            return None;
        }
        // Another transfer met the same refusal.
        if let Some((until, _)) = login.closed.as_ref().filter(|(until, _)| *until > now) {
            return Some(until.since(now));
        }
        if login.refused >= TRIES {
            return None;
        }
        login.refused += 1;
        let pause = pause(login.refused);
        login.closed = Some((now + pause, why));
        Some(pause)
    }
}

impl Journal {
    /// Whether it is worth to note that a login works.
    pub(in crate::broker::transfers) fn is_news(&self, server: &LoggedIn) -> bool {
        let now = self.now().lived;
        let mut table = self.table();
        let has_store = !table.entries.is_empty();
        let within = |then: Option<Lived>, span| then.is_some_and(|then| now.since(then) < span);
        table.logins.get(server).is_none_or(|login| {
            let is_kept = within(login.kept, KEEP) || within(login.tried, AGAIN) || !has_store;
            login.refused > 0 || !within(Some(login.worked), KEEP) || !is_kept
        })
    }

    /// Refused logins are tried with the next attempt, and not when their pause is over.
    pub(in crate::broker::transfers) fn reopen_logins(&self) {
        self.table().logins.reopen();
    }

    /// A login works. It is put on the disk where there is a store: nothing is written before the first
    /// transfer.
    pub(in crate::broker::transfers) async fn login_works(self: &Arc<Self>, server: LoggedIn) {
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

    /// A login was refused. Answers after which pause it is to be tried again; `None`: never.
    pub(in crate::broker::transfers) fn login_refused(
        &self,
        server: &LoggedIn,
        why: Told,
    ) -> Option<Duration> {
        let now = self.now().lived;
        let budget = Budget {
            backoff: self.settings.budget.backoff * SLOWER,
            ..self.settings.budget
        };
        let pause = |tries| budget.delay(tries, fastrand::u64(..));
        self.table().logins.refused(server, why, now, pause)
    }

    /// Until when a login is not tried, and the refusal that is the reason.
    pub(in crate::broker::transfers) fn login_closed(
        &self,
        server: &LoggedIn,
    ) -> Option<(Lived, Told)> {
        let now = self.now().lived;
        let mut table = self.table();
        let (until, why) = table.logins.get(server)?.closed.as_ref()?;
        (*until > now).then(|| (*until, why.clone()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::broker::testing::server;

    fn login(host: &str) -> LoggedIn {
        LoggedIn::from(server(host).as_ref())
    }

    fn why() -> Told {
        Told {
            code: 7,
            reason: "LOGIN_REFUSED".into(),
            message: String::new(),
            metadata: BTreeMap::new(),
        }
    }

    const PAUSE: Duration = Duration::from_secs(60);

    fn refused(logins: &mut Logins, host: &str, now: Lived) -> Option<Duration> {
        logins.refused(&login(host), why(), now, |_| PAUSE)
    }

    #[test]
    fn only_what_has_worked_is_tried_again_a_few_times_in_a_row() {
        let mut logins = Logins::default();
        let mut now = Lived::ZERO + WHILE;
        assert_eq!(refused(&mut logins, "a", now), None);
        logins.worked(&login("a"), now);
        assert_eq!(refused(&mut logins, "b", now), None);
        for _ in 0..TRIES {
            assert_eq!(refused(&mut logins, "a", now), Some(PAUSE));
            // Of the same wave.
            let later = now + PAUSE / 4;
            assert_eq!(refused(&mut logins, "a", later), Some(PAUSE * 3 / 4));
            now = now + PAUSE;
        }
        assert_eq!(refused(&mut logins, "a", now), None);
        logins.worked(&login("a"), now);
        assert_eq!(refused(&mut logins, "a", now), Some(PAUSE));
    }

    #[test]
    fn what_worked_long_ago_is_not_believed() {
        let mut logins = Logins::read(vec![(login("a"), Lived::ZERO)]);
        let late = Lived::ZERO + WHILE;
        assert_eq!(refused(&mut logins, "a", late + PAUSE), None);
        assert_eq!(refused(&mut logins, "a", late), Some(PAUSE));
    }

    #[test]
    fn the_oldest_is_forgotten_where_there_are_many() {
        let mut logins = Logins::default();
        let mut now = Lived::ZERO;
        for n in 0..LOGINS {
            assert_eq!(logins.worked(&login(&format!("h{n}")), now), None);
            now = now + PAUSE;
        }
        logins.worked(&login("h0"), now);
        assert_eq!(logins.worked(&login("new"), now), Some(login("h1")));
        assert_eq!(logins.0.len(), LOGINS);
    }
}
