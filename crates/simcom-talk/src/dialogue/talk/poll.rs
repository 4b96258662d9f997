//! What the dialogue wants its owner to do next.

use bytes::Bytes;

use super::dialogue::Dialogue;
use super::filling::Filling;
use super::run::{Activity, Held, Run};
use crate::dialogue::exchange::Exchange;
use crate::dialogue::failure::{Cause, Failure, Stage};
use crate::dialogue::moment::Moment;
use crate::dialogue::operation::Output;
use crate::dialogue::procedure::{Next, Procedure, Saying, Ways};
use crate::dialogue::setup::{DownloadForm, UploadForm};
use crate::dialogue::step::Step;

impl Dialogue {
    /// What to do now.
    pub fn poll(&mut self, now: Moment) -> Step {
        loop {
            let bytes = self.outbox.next();
            if let Some(bytes) = bytes.or_else(|| self.fill_on(now)) {
                return Step::Write {
                    bytes,
                    until: now + self.patience.write,
                };
            }
            if self.fill > 0 {
                self.fill_up(now);
                continue;
            }
            if let Some(repaired) = self.told.pop_front() {
                return Step::Repaired(repaired);
            }
            if let Some(result) = self.done.take() {
                return Step::Done(result);
            }
            let receives = self.exchange.as_ref().is_some_and(Exchange::is_receiving);
            let delivery = self.run.as_mut().and_then(|run| run.deliver(receives, now));
            if let Some(delivery) = delivery {
                return Step::Deliver(delivery);
            }
            if let Some(exchange) = &self.exchange {
                if exchange.is_open() {
                    return self.fetch();
                }
                let delivers_at = self.run.as_ref().and_then(Run::delivers_at);
                let sooner = [self.held_until, delivers_at].into_iter().flatten();
                let until = sooner.fold(exchange.deadline(), Moment::min);
                return Step::Listen { until };
            }
            if let Some(wait) = &self.wait {
                return Step::Listen {
                    until: wait.until(),
                };
            }
            let Some(run) = &mut self.run else {
                return Step::Idle;
            };
            if let Some(failure) = &run.repair.asks {
                return Step::Repair(failure.clone());
            }
            if matches!(run.activity, Activity::Task)
                && let Some(held) = run.held.take()
            {
                if let Some(step) = self.reach(held, now) {
                    return step;
                }
                continue;
            }
            let next = match &mut run.activity {
                Activity::Task | Activity::Plan(_) => run.task.next(),
                // The port was lost between two lines: the module would not hear the next one.
                _ if !self.readiness.is_open() => {
                    Next::Finish(Err(Failure::new(Cause::PortLost, None, Stage::Device)))
                }
                Activity::Resync(resync) => resync.next(),
                Activity::BringUp(bring_up) => bring_up.next(),
                Activity::SecureLogin(setup) => setup.next(),
                Activity::Repair(repair) => repair.next(),
                Activity::Hush(hush) => hush.next(),
                Activity::Abort => Next::Finish(Ok(Output::Done)),
            };
            match next {
                Next::Say(Saying::Ftps(command)) => run.held = Some(Held::Command(command)),
                Next::Reach => run.held = Some(Held::Standing),
                Next::Say(Saying::Basic {
                    name,
                    line,
                    information,
                    timing,
                }) => {
                    self.open_exchange(Exchange::basic(name, line, information, timing, now));
                }
                Next::Say(Saying::Content {
                    name,
                    line,
                    content,
                    timing,
                }) => {
                    let exchange = Exchange::with_content(name, line, content, timing, now);
                    self.open_exchange(exchange);
                }
                Next::Fetch => return self.fetch(),
                Next::Deliver(delivery) => return Step::Deliver(delivery),
                Next::Raw(bytes) => self.outbox.line(bytes),
                Next::Fill(most, span) => self.filling = Some(Filling::new(most, span, now)),
                Next::Pause(span, why) => self.pause(span, why, now),
                Next::Quiet(span) => self.be_quiet(span, now),
                Next::Finish(result) => self.finish(result),
            }
        }
    }

    /// The next zeros, while some are left to be written and there is time.
    pub(super) fn fill_on(&mut self, now: Moment) -> Option<Bytes> {
        let bytes = self.filling.as_mut().and_then(|filling| filling.next(now));
        if bytes.is_none() {
            self.filling = None;
        }
        bytes
    }

    fn fetch(&self) -> Step {
        let offset = self.run.as_ref().map_or(0, |run| run.task.position());
        Step::Fetch { offset }
    }

    /// How content is moved: as the configuration wants, as far as the module can.
    pub(super) fn ways(&self) -> Ways {
        Ways {
            pull: self.setup.download == DownloadForm::Pull && self.profile.cache,
            blocks: self.setup.upload == UploadForm::Blocks && self.profile.blocks,
            rest: self.profile.blocks,
            abort: self.profile.abort,
            sizes: self.session.tells_sizes(),
        }
    }
}
