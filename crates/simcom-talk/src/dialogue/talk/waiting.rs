//! How the dialogue waits between two lines.

use std::time::Duration;

use tracing::{debug, info};

use super::dialogue::Dialogue;
use super::wait::{LONGEST_QUIET, NOTICED, Quiet, Wait};
use crate::dialogue::moment::Moment;

impl Dialogue {
    /// Lets time pass.
    pub(super) fn pause(&mut self, span: Duration, why: &'static str, now: Moment) {
        if span >= NOTICED {
            info!(?span, why, "waiting");
        } else {
            debug!(?span, why, "waiting");
        }
        let mut began = now;
        if let Some(run) = &mut self.run {
            // The same reason again, after a try that came too early.
            let again = run.waited_for.filter(|(before, _)| *before == why);
            (_, began) = *run.waited_for.insert(again.unwrap_or((why, now)));
        }
        self.wait = Some(Wait::Pause {
            why,
            began,
            until: now + span,
        });
    }

    /// What the dialogue waits for, and since when: time that has to pass, or a quiet line. `None`
    /// where that takes less than 2 s, as most waits do. Tries in between do not end a wait.
    #[must_use]
    pub fn waits_for(&self, now: Moment) -> Option<(&'static str, Moment)> {
        self.wait.as_ref()?.told(now)
    }

    /// Waits until the module has stopped sending.
    pub(super) fn be_quiet(&mut self, span: Duration, now: Moment) {
        self.wait = Some(Wait::Quiet(Quiet::new(span, now)));
    }

    /// Takes bytes that come during a wait for a quiet line. Returns whether they were taken: they
    /// may be rests of content, and are not read as lines.
    pub(super) fn wait_hears(&mut self, bytes: &[u8], now: Moment) -> bool {
        let Some(Wait::Quiet(quiet)) = &mut self.wait else {
            return false;
        };
        quiet.hear(bytes, now);
        !self.readiness.is_in_step()
    }

    /// Ends a wait whose time has come. Returns whether there was one.
    pub(super) fn end_wait(&mut self, now: Moment) -> bool {
        let Some(wait) = self.wait.take_if(|wait| wait.until() <= now) else {
            return false;
        };
        if let Wait::Quiet(quiet) = wait {
            if now - quiet.began >= LONGEST_QUIET {
                info!(
                    after = ?LONGEST_QUIET,
                    "the module has not stopped sending; it is asked anyway"
                );
            }
            // Whatever was on its way has come or is lost.
            self.leftover = 0;
            self.framer.clear();
        }
        true
    }
}
