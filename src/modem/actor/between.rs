//! Between two operations: the next operation, and the result of the last one.

use std::time::Duration;

use tracing::{debug, error, info};

use super::{Current, Event, ModemActor, Purpose, READ, Trouble, closed, read, until};
use crate::modem::clock;
use crate::modem::error::{Error, chain};
use crate::modem::job::Job;
use crate::modem::port::{Connector, Port};
use simcom_talk::dialogue::failure::{Cause, Ending, Stage};
use simcom_talk::dialogue::operation::{Operation, Output, Standing, Task};
use simcom_talk::dialogue::{Failure, Session};

/// Pause after the first failed try to open the port or to bring the module up. It doubles each
/// time, up to [`LONGEST_RETRY`]: a person who plugs the module back in then waits no longer than
/// the module takes to boot.
const FIRST_RETRY: Duration = Duration::from_millis(250);
const LONGEST_RETRY: Duration = Duration::from_secs(8);

impl<C: Connector> ModemActor<C> {
    /// No operation runs: opens the port, brings the module up, or takes the next job. Returns
    /// whether there is more to do.
    pub(super) async fn idle(&mut self) -> bool {
        if self.jobs.is_closed() && self.jobs.is_empty() {
            return self.leave();
        }
        let due = self
            .trouble
            .as_ref()
            .is_none_or(|trouble| trouble.retry <= clock::now());
        if self.port.is_none() && due {
            closed(&mut self.closing).await;
            let opened = self.connector.open().await;
            self.opened(opened);
            return true;
        }
        // The module may answer although the last try failed, at the commands after the bring-up:
        // only a try that succeeds ends the trouble.
        let wanted = !self.dialogue.is_ready() || self.trouble.is_some();
        if self.port.is_some() && wanted && due {
            let operation = Operation {
                standing: Standing::Ready,
                task: Task::Stand,
            };
            self.begin(Purpose::BringUp, operation);
            return true;
        }
        // Whoever waits goes first.
        if self.mend() || (self.jobs.is_empty() && self.look()) {
            return true;
        }
        let trouble = self.trouble.as_ref().map(|trouble| trouble.retry);
        let look = self.look_at().filter(|_| self.jobs.is_empty());
        let times = [trouble, self.mend_at(), look];
        let retry = times.into_iter().flatten().min();
        let mut buffer = [0; READ];
        let event = tokio::select! {
            biased;
            read = read(&mut self.port, &mut buffer) => Event::Read(read),
            () = until(retry) => Event::Due,
            job = self.jobs.recv() => Event::Job(job.map(Box::new)),
        };
        match event {
            Event::Read(read) => self.received(read, &buffer),
            Event::Job(Some(job)) => self.admit(*job),
            Event::Job(None) => return self.leave(),
            _ => {}
        }
        true
    }

    /// Logs out if there is a login. Returns whether there is one.
    fn leave(&mut self) -> bool {
        let stands = matches!(
            self.dialogue.session(),
            Session::Started(_) | Session::LoggedIn(_) | Session::Closed(_)
        );
        if self.port.is_none() || !self.dialogue.is_ready() || !stands {
            return false;
        }
        let operation = Operation {
            standing: Standing::Down,
            task: Task::Stand,
        };
        self.begin(Purpose::Leave, operation);
        true
    }

    fn admit(&mut self, job: Job) {
        if job.cancel.is_cancelled() || job.reply.is_closed() {
            let cause = Cause::Cancelled(Ending::BeforeItBegan);
            let failure = Failure::new(cause, None, Stage::Device);
            let _ = job.reply.send(Err(Error::Failed(failure)));
            return;
        }
        if let Some(trouble) = &self.trouble {
            let _ = job.reply.send(Err(trouble.error.clone()));
            return;
        }
        debug!(operation = %job.id, "begins");
        let since = self.now().since_origin();
        let operation = job.operation.clone();
        let current = Current {
            job,
            since,
            abandoned: false,
            told_to_yield: false,
        };
        self.begin(Purpose::Job(Box::new(current)), operation);
    }

    /// Begins an operation. The actor calls it only between two operations, so that the dialogue
    /// accepts it.
    pub(super) fn begin(&mut self, purpose: Purpose, operation: Operation) {
        match self.dialogue.begin(operation) {
            Ok(()) => self.purpose = purpose,
            Err(busy) => error!(%busy, "the dialogue did not take an operation"),
        }
    }

    pub(super) fn opened(&mut self, opened: Result<Box<dyn Port>, Error>) {
        match opened {
            Ok(port) => {
                info!("the port is open");
                self.port = Some(port);
                self.trouble = None;
                self.dialogue.handle_port_opened();
            }
            Err(error) => self.troubled(error),
        }
    }

    /// Records why the module cannot serve jobs, and plans the next try.
    pub(super) fn troubled(&mut self, error: Error) {
        let factor = 2u32.saturating_pow(self.failures.min(10));
        let pause = FIRST_RETRY.saturating_mul(factor).min(LONGEST_RETRY);
        debug!(error = %chain(&error), again_in = ?pause, "the module cannot serve");
        self.failures = self.failures.saturating_add(1);
        self.trouble = Some(Trouble {
            error,
            retry: clock::now() + pause,
        });
    }

    /// The operation has ended. Returns whether it was the last one.
    pub(super) fn done(&mut self, result: Result<Output, Failure>) -> bool {
        match std::mem::replace(&mut self.purpose, Purpose::BringUp) {
            Purpose::Leave => return true,
            Purpose::Look => self.looked(),
            Purpose::BringUp => match result {
                Ok(_) => {
                    self.trouble = None;
                    self.failures = 0;
                    self.looked();
                    self.brought_up(None);
                }
                Err(failure) => {
                    self.troubled(Error::NotReady(failure.clone()));
                    self.brought_up(Some(&failure));
                }
            },
            Purpose::Mend(why) => self.mended(&why, &result),
            Purpose::Job(current) => {
                // The broker logs the operation's end, once.
                match &result {
                    Ok(_) => debug!(operation = %current.job.id, "done"),
                    Err(failure) => debug!(operation = %current.job.id, %failure, "failed"),
                }
                self.heed(&current.job.operation.standing, &result);
                // The next job may come at once.
                self.looked();
                // The caller may be gone.
                let _ = current.job.reply.send(result.map_err(Error::from));
            }
        }
        false
    }
}
