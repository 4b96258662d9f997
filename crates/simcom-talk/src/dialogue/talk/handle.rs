//! What is handed to the dialogue: jobs, what the port brings, and the time.

use super::dialogue::Dialogue;
use super::run::{Activity, Attempt, Run};
use crate::dialogue::echo::HELD;
use crate::dialogue::exchange::Exchange;
use crate::dialogue::failure::{Awaited, Cause, Ending, Failure, Stage};
use crate::dialogue::moment::Moment;
use crate::dialogue::operation::{Delivery, Operation, Piece};
use crate::dialogue::procedure::{Procedure, WayOut};
use crate::dialogue::rung::Rung;

impl Dialogue {
    /// Begins an operation. Only while [`Step::Idle`] is what [`Dialogue::poll`] says; an
    /// operation under way would be forgotten.
    pub fn begin(&mut self, operation: Operation) {
        self.run = Some(Run::new(operation));
    }

    /// Bytes came from the port.
    pub fn receive(&mut self, bytes: &[u8], now: Moment) {
        if self.wait_hears(bytes, now) {
            return;
        }
        match &mut self.echo {
            Some(echo) => self.framer.push(&echo.filter(bytes)),
            None => self.framer.push(bytes),
        }
        self.held_until = self
            .echo
            .as_ref()
            .filter(|echo| echo.holds())
            .map(|_| now + HELD);
        self.mind_the_drain(now);
        self.pull(now);
        self.mind_the_drain(now);
    }

    /// Whether what the last [`Step::Write`] handed out is to be written no further: what came in since
    /// shows that the module does not take it any more. Ask after each call of
    /// [`Dialogue::receive`] and [`Dialogue::abandon`] while writing.
    #[must_use]
    pub fn is_recalled(&self) -> bool {
        self.outbox.is_recalled()
    }

    /// A piece came from the source, as [`Step::Fetch`] asked.
    pub fn feed(&mut self, piece: Piece, now: Moment) {
        let Some(run) = &mut self.run else { return };
        // A piece that was fetched while the module ended the transfer has nowhere to go.
        if self.exchange.as_ref().is_none_or(Exchange::is_open) {
            let feed = run.task.feed(piece);
            let cut_short = run.task.is_cut_short();
            self.write(feed, now);
            if cut_short {
                self.end_content(now);
            }
        }
    }

    /// Takes back what [`Step::Deliver`] handed out, where it could not be delivered before the next
    /// call: it comes again, or goes with the result.
    pub fn take_back(&mut self, delivery: Delivery) {
        if let Some(run) = self.run.as_mut().filter(|run| !run.abandoned) {
            run.deliveries.push_front(delivery);
        }
    }

    /// Others wait for the link. A transfer that can go on later finishes as soon as possible, with
    /// [`Output::UploadYielded`] or [`Output::DownloadYielded`]; all else goes on.
    pub fn make_way(&mut self, now: Moment) {
        let Some(run) = &mut self.run else { return };
        if run.abandoned {
            return;
        }
        let pushed = self
            .exchange
            .as_ref()
            .is_some_and(|exchange| exchange.is_receiving() && exchange.is_of_the_server());
        match run.task.make_way(pushed && self.profile.abort) {
            WayOut::Later => {}
            WayOut::EndContent => self.end_content(now),
            WayOut::Abort => {
                run.holds_back = true;
                run.drain_until = Some(now);
                self.mind_the_drain(now);
            }
        }
    }

    /// Ends the operation for its caller: it finishes as soon as things are in order.
    pub fn abandon(&mut self, cause: Cause, now: Moment) {
        let Some(run) = &mut self.run else { return };
        let idle = self.exchange.is_none() && self.wait.is_none();
        let cause = match cause {
            Cause::Cancelled(_) if idle && !run.begun && run.planned == 0 => {
                Cause::Cancelled(Ending::BeforeItBegan)
            }
            cause => cause,
        };
        run.abandoned = true;
        run.held = None;
        run.repair.asks = None;
        run.deliveries.clear();
        if let Activity::Repair(repair) = &mut run.activity {
            repair.abandon(cause.clone());
        }
        run.task.abandon(cause);
        if self.exchange.as_ref().is_some_and(Exchange::is_open) {
            self.end_content(now);
        } else if self
            .exchange
            .as_ref()
            .is_some_and(Exchange::is_of_a_module_file)
        {
            // Nothing comes that could be thrown away until the module is done.
            run.drain_until = Some(now);
            self.mind_the_drain(now);
        } else if self.exchange.as_ref().is_some_and(Exchange::is_receiving) {
            run.drain_until = Some(now + self.abort_cost.total());
            self.mind_the_drain(now);
        }
    }

    /// The time that the last step named has passed.
    pub fn expire(&mut self, now: Moment) {
        if self.end_wait(now) {
            return;
        }
        if let Some(exchange) = &self.exchange {
            let held = self.held_until.take_if(|until| *until <= now).is_some();
            let over = exchange.deadline() <= now;
            if !over && !held {
                return;
            }
            if let Some(held) = self.echo.take().map(|mut echo| echo.release()) {
                self.framer.push(&held);
                self.pull(now);
            }
            if !over {
                return;
            }
            if let Some(settlement) = self.exchange.as_ref().map(Exchange::expire) {
                self.settle(settlement, now);
            }
            return;
        }
        let Some(run) = &mut self.run else { return };
        if run.await_port.is_some_and(|until| until <= now) {
            let failure = Failure::new(Cause::PortLost, None, Stage::Device);
            run.await_port = None;
            run.held = None;
            run.task.give_up(failure);
        }
    }

    /// The port did not take what was to be written in time.
    pub fn write_expired(&mut self, now: Moment) {
        self.outbox.clear();
        self.synchronised = false;
        self.break_off(Cause::Timeout(Awaited::PortWrite), now);
    }

    /// The port is open. The module may be in any state.
    pub fn port_opened(&mut self) {
        self.forget();
        self.connected = true;
        if let Some(run) = &mut self.run {
            run.await_port = None;
        }
    }

    /// The port is lost.
    pub fn port_lost(&mut self, now: Moment) {
        self.forget();
        self.connected = false;
        self.break_off(Cause::PortLost, now);
    }

    /// Answers [`super::Step::Repair`]: tries a rung and plans the standing anew, or ends the
    /// operation with the failure that was told.
    pub fn repair(&mut self, rung: Option<Rung>) {
        let Some(run) = &mut self.run else { return };
        let Some(failure) = run.repair.asks.take() else {
            return;
        };
        match rung {
            Some(rung) => {
                run.replans = 0;
                run.planned = 0;
                run.repair.wanted = Some(Attempt {
                    rung,
                    why: Some(failure),
                });
            }
            None => self.unreachable(failure),
        }
    }
}
