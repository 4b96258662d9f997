//! Work that no client asks for: expired leases, news of the link, and the upkeep of an idle link.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::broker::Broker;
use crate::broker::catalogue::{Location, ServerProfile};
use crate::broker::limits::Upkeep;
use crate::broker::terms::{ServerChoice, Way};
use crate::broker::usage::{Allowance, Moved, Traffic};
use crate::broker::watch::{What, metrics};
use crate::modem::health::{LinkState, LoggedIn};
use crate::modem::{Job, JobId, clock};
use simcom_talk::dialogue::operation::{
    Directory, Operation, Progress, SessionTarget, Standing, Task,
};

/// How late this work may be done. Nobody waits for it.
const TICK: Duration = Duration::from_secs(1);

/// A job that an idle link needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chore {
    LogOut,
    KeepAlive,
}

impl Upkeep {
    /// The chore that is due when no job has had the link for `idle`, and no chore for `silent`.
    fn due(&self, idle: Duration, silent: Duration) -> Option<Chore> {
        let reached = |limit: Duration, time| !limit.is_zero() && time >= limit;
        if reached(self.idle_logout, idle) {
            Some(Chore::LogOut)
        } else if reached(self.keep_alive, silent) {
            Some(Chore::KeepAlive)
        } else {
            None
        }
    }
}

impl Broker {
    /// Does this work for as long as it is polled. Without it sessions end unnoticed, watchers hear
    /// nothing of the link, and the module stays logged in.
    pub async fn upkeep(&self) -> Infallible {
        tokio::join!(self.tell_of_the_link(), self.tick(), self.look_on()).1
    }

    async fn tell_of_the_link(&self) -> Infallible {
        let mut health = self.health();
        let mut told = None;
        let mut repaired = 0;
        loop {
            let (link, logged_in, repairs) = {
                let health = health.borrow_and_update();
                let repairs = Arc::clone(&health.repairs);
                (health.link.clone(), health.logged_in.clone(), repairs)
            };
            for repair in repairs.iter() {
                if repair.number <= repaired {
                    continue;
                }
                repaired = repair.number;
                let what = Box::new(repair.what.clone());
                self.shared.events.tell(What::Repair(what));
            }
            let (before, at) = told.clone().unzip();
            let turned = before.is_none_or(|before: LinkState| !before.is_same(&link));
            let moved = at.as_ref() != Some(&logged_in);
            if turned {
                metrics::link(&link);
            }
            if moved && logged_in.is_some() {
                metrics::login();
            }
            if turned || moved {
                told = Some((link.clone(), logged_in.clone()));
                self.shared.events.tell(What::Link { link, logged_in });
            }
            if health.changed().await.is_err() {
                return pending().await;
            }
        }
    }

    async fn look_on(&self) -> Infallible {
        let mut clock = interval(metrics::LOOK);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            clock.tick().await;
            self.look();
        }
    }

    async fn tick(&self) -> Infallible {
        let mut clock = interval(TICK);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            clock.tick().await;
            self.sessions().sweep(clock::now());
            if let Some(chore) = self.chore_due() {
                self.perform(chore).await;
            }
        }
    }

    fn chore_due(&self) -> Option<Chore> {
        let link = &self.shared.link;
        if self.shared.operations.is_stopping() {
            return None;
        }
        link.modem.health().borrow().logged_in.as_ref()?;
        let (idle, silent) = link.quiet(clock::now())?;
        self.limits().upkeep.due(idle, silent)
    }

    /// Does a chore, unless a job wants the link.
    async fn perform(&self, chore: Chore) {
        let link = &self.shared.link;
        let Some((turn, left_at)) = link.chore() else {
            return;
        };
        let allowance = left_at.as_ref().map(|at| self.own_allowance(at));
        let operation = match (chore, left_at) {
            (Chore::KeepAlive, Some(place)) if may(allowance.as_ref()) => Operation {
                standing: Standing::LoggedIn(SessionTarget {
                    directory: Directory::Any,
                    ..place
                }),
                task: Task::WorkingDirectory,
            },
            // Without a successful job there is no connection worth keeping, and without a data
            // budget none can be kept.
            (Chore::LogOut | Chore::KeepAlive, _) => Operation {
                standing: Standing::Down,
                task: Task::Stand,
            },
        };
        let logs_out = operation.standing == Standing::Down;
        let traffic = Traffic::of(&operation.task);
        let (reply, answer) = oneshot::channel();
        let job = Job {
            id: JobId::new(Uuid::new_v4().to_string()),
            operation,
            source: None,
            yield_request: CancellationToken::new(),
            delivery: None,
            progress: watch::Sender::default(),
            cancel: CancellationToken::new(),
            deadline: None,
            stall: self.patience().stall,
            reply,
        };
        if link.modem.submit(job).await.is_err() {
            return;
        }
        match answer.await {
            Ok(answer) => {
                if let Some(allowance) = &allowance {
                    let progress = Progress::default();
                    let moved = Moved::by(traffic, Way::There, &answer, progress);
                    if let Some(volume) = allowance.book(&moved) {
                        metrics::moved(volume, moved.resumes);
                    }
                }
                match answer {
                    Ok(_) => tracing::debug!(?chore, "done"),
                    Err(error) => tracing::info!(?chore, %error, "failed"),
                }
            }
            Err(_) => tracing::debug!(?chore, "the module is stopping"),
        }
        if logs_out {
            link.logged_out();
        }
        drop(turn);
    }

    /// The data budget of the daemon itself on the server where the module is logged in.
    fn own_allowance(&self, at: &SessionTarget) -> Allowance {
        let servers = self.servers();
        let name = servers.name_of(&LoggedIn::from(at.server.as_ref()));
        let location = match name.map(|name| servers.resolve(&ServerChoice::Profile(name.into()))) {
            Some(Ok(location)) => location,
            _ => Location::of(Arc::clone(&at.server), ServerProfile::default()),
        };
        self.allowance(None, &location)
    }
}

fn may(allowance: Option<&Allowance>) -> bool {
    allowance.is_none_or(|allowance| allowance.open().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_is_due_depends_on_how_long_it_was_quiet() {
        let limits = Upkeep {
            idle_logout: 60 * SECOND,
            keep_alive: 20 * SECOND,
        };
        let cases = [
            (59, 19, None),
            (59, 20, Some(Chore::KeepAlive)),
            (60, 0, Some(Chore::LogOut)),
        ];
        for (idle, silent, due) in cases {
            assert_eq!(limits.due(idle * SECOND, silent * SECOND), due);
        }
        let never = Upkeep {
            idle_logout: Duration::ZERO,
            keep_alive: Duration::ZERO,
        };
        assert_eq!(never.due(Duration::MAX, Duration::MAX), None);
    }
}
