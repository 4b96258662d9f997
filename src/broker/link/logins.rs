//! Logins that have worked, and so deserve another try after a refusal.

use std::time::Duration;

use crate::broker::terms::Lived;
use crate::modem::health::LoggedIn;

/// Logins that have worked, by server and user; each refusal keeps a `W`.
///
/// A server that still counts a broken session refuses the next one (`530 maximum number of
/// clients`) until it gives the session up. The module reports only that the server refused, so a
/// wrong password looks the same. So a refused login is tried again only if the same login worked
/// in the last [`WHILE`], a few times in a row by all callers together, and slowly.
#[derive(Debug)]
pub(crate) struct Logins<W> {
    logins: Vec<Login<W>>,
    /// Refusals in a row that lead to another try.
    tries: u32,
}

#[derive(Debug)]
pub(crate) struct Login<W> {
    server: LoggedIn,
    pub(crate) worked: Lived,
    /// The moment that is on the disk.
    pub(crate) kept: Option<Lived>,
    /// When it was last sent to the disk.
    pub(crate) tried: Option<Lived>,
    /// Refusals since the login worked.
    pub(crate) refused: u32,
    /// When the login may be tried again, and the last refusal.
    closed: Option<(Lived, W)>,
}

/// How long a login that worked is trusted: also one that is used once a week.
const WHILE: Duration = Duration::from_secs(8 * 86400);

/// Logins remembered: more than anybody has profiles.
const LOGINS: usize = 64;

impl<W> Default for Logins<W> {
    /// No logins, and no tries after a refusal.
    fn default() -> Self {
        Self {
            logins: Vec::new(),
            tries: 0,
        }
    }
}

impl<W: Clone> Logins<W> {
    /// The logins on the disk. `tries` refusals in a row lead to another try.
    pub(crate) fn read(rows: Vec<(LoggedIn, Lived)>, tries: u32) -> Self {
        let logins = rows.into_iter().take(LOGINS);
        let login = |(server, worked)| Login {
            server,
            worked,
            kept: Some(worked),
            tried: None,
            refused: 0,
            closed: None,
        };
        Self {
            logins: logins.map(login).collect(),
            tries,
        }
    }

    /// Ends all pauses: a user asked for a new try.
    pub(crate) fn reopen(&mut self) {
        for login in &mut self.logins {
            login.closed = None;
        }
    }

    /// The passwords of some logins are perhaps others. Each is tried at once, and only once until it has worked: programs
    /// lock out users whose logins fail.
    pub(crate) fn doubt(&mut self, servers: &[LoggedIn]) {
        let tries = self.tries;
        for login in &mut self.logins {
            if servers.contains(&login.server) {
                (login.refused, login.closed) = (tries, None);
            }
        }
    }

    pub(crate) fn get(&mut self, server: &LoggedIn) -> Option<&mut Login<W>> {
        self.logins.iter_mut().find(|login| login.server == *server)
    }

    /// The login has worked. Returns the oldest login, if it was dropped for this one.
    pub(crate) fn worked(&mut self, server: &LoggedIn, now: Lived) -> Option<LoggedIn> {
        if let Some(login) = self.get(server) {
            (login.worked, login.refused, login.closed) = (now, 0, None);
            return None;
        }
        self.logins.push(Login {
            server: server.clone(),
            worked: now,
            kept: None,
            tried: None,
            refused: 0,
            closed: None,
        });
        if self.logins.len() <= LOGINS {
            return None;
        }
        let oldest = self
            .logins
            .iter()
            .enumerate()
            .min_by_key(|(_, login)| login.worked)?
            .0;
        Some(self.logins.swap_remove(oldest).server)
    }

    /// The server refused the login. Answers the pause before the next try; `None`: no other try.
    pub(crate) fn refused(
        &mut self,
        server: &LoggedIn,
        why: W,
        now: Lived,
        pause: impl Fn(u32) -> Duration,
    ) -> Option<Duration> {
        let tries = self.tries;
        let login = self.get(server)?;
        if now.since(login.worked) > WHILE {
            return None;
        }
        // Another call met the same refusal.
        if let Some((until, _)) = login.closed.as_ref().filter(|(until, _)| *until > now) {
            return Some(until.since(now));
        }
        if login.refused >= tries {
            return None;
        }
        login.refused += 1;
        let pause = pause(login.refused);
        login.closed = Some((now + pause, why));
        Some(pause)
    }

    /// When the login may be tried again, and the refusal that closed it.
    pub(crate) fn closed(&mut self, server: &LoggedIn, now: Lived) -> Option<(Lived, W)> {
        let (until, why) = self.get(server)?.closed.as_ref()?;
        (*until > now).then(|| (*until, why.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::testing::server;

    fn login(host: &str) -> LoggedIn {
        LoggedIn::from(server(host).as_ref())
    }

    const TRIES: u32 = 6;

    fn none() -> Logins<()> {
        Logins::read(Vec::new(), TRIES)
    }

    const PAUSE: Duration = Duration::from_secs(60);

    fn refused(logins: &mut Logins<()>, host: &str, now: Lived) -> Option<Duration> {
        logins.refused(&login(host), (), now, |_| PAUSE)
    }

    #[test]
    fn only_what_has_worked_is_tried_again_a_few_times_in_a_row() {
        let mut logins = none();
        let mut now = Lived::ZERO + WHILE;
        assert_eq!(refused(&mut logins, "a", now), None);
        logins.worked(&login("a"), now);
        assert_eq!(refused(&mut logins, "b", now), None);
        for _ in 0..TRIES {
            assert_eq!(refused(&mut logins, "a", now), Some(PAUSE));
            // From the same wave of calls.
            let later = now + PAUSE / 4;
            assert_eq!(refused(&mut logins, "a", later), Some(PAUSE * 3 / 4));
            now = now + PAUSE;
        }
        assert_eq!(refused(&mut logins, "a", now), None);
        logins.worked(&login("a"), now);
        assert_eq!(refused(&mut logins, "a", now), Some(PAUSE));
    }

    #[test]
    fn a_new_password_is_tried_at_once_and_once() {
        let mut logins = none();
        let now = Lived::ZERO;
        logins.worked(&login("a"), now);
        assert_eq!(refused(&mut logins, "a", now), Some(PAUSE));
        logins.doubt(&[login("a")]);
        assert_eq!(logins.closed(&login("a"), now), None);
        assert_eq!(refused(&mut logins, "a", now), None);
        logins.worked(&login("a"), now);
        assert_eq!(refused(&mut logins, "a", now), Some(PAUSE));
    }

    #[test]
    fn what_worked_long_ago_is_not_believed() {
        let mut logins = Logins::<()>::read(vec![(login("a"), Lived::ZERO)], TRIES);
        let late = Lived::ZERO + WHILE;
        assert_eq!(refused(&mut logins, "a", late + PAUSE), None);
        assert_eq!(refused(&mut logins, "a", late), Some(PAUSE));
    }

    #[test]
    fn the_oldest_is_forgotten_where_there_are_many() {
        let mut logins = none();
        let mut now = Lived::ZERO;
        for n in 0..LOGINS {
            assert_eq!(logins.worked(&login(&format!("h{n}")), now), None);
            now = now + PAUSE;
        }
        logins.worked(&login("h0"), now);
        assert_eq!(logins.worked(&login("new"), now), Some(login("h1")));
        assert_eq!(logins.logins.len(), LOGINS);
    }
}
