//! What is handed to the dialogue: jobs, bytes of the port, and the time.

use super::dialogue::{Busy, Dialogue};
use super::readiness::Change;
use super::run::{Activity, Attempt, Run};
use crate::dialogue::echo::HELD;
use crate::dialogue::exchange::Exchange;
use crate::dialogue::failure::{Awaited, Cause, Ending, Failure, Stage};
use crate::dialogue::moment::Moment;
use crate::dialogue::operation::{Delivery, Operation, Piece};
use crate::dialogue::procedure::{Procedure, YieldBy};
use crate::dialogue::rung::Rung;

impl Dialogue {
    /// Begins an operation. Call it when [`Dialogue::poll`] returns [`Step::Idle`](crate::dialogue::Step::Idle).
    ///
    /// # Errors
    /// [`Busy`] where an operation is under way, or its outcome was not polled yet. Nothing changes then.
    pub fn begin(&mut self, operation: Operation) -> Result<(), Busy> {
        if self.run.is_some() || self.done.is_some() {
            return Err(Busy);
        }
        self.run = Some(Run::new(operation, self.patience.gather));
        Ok(())
    }

    /// Takes bytes from the port.
    pub fn handle_bytes(&mut self, bytes: &[u8], now: Moment) {
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

    /// Whether the owner must stop writing the bytes of the last [`Step::Write`](crate::dialogue::Step::Write): bytes
    /// that came in since show that the module does not take them any more. Ask after each call of
    /// [`Dialogue::handle_bytes`] and [`Dialogue::abandon`] while writing.
    #[must_use]
    pub fn is_write_recalled(&self) -> bool {
        self.outbox.is_recalled()
    }

    /// Takes a piece from the source, as [`Step::Fetch`](crate::dialogue::Step::Fetch) asked.
    pub fn handle_piece(&mut self, piece: Piece, now: Moment) {
        let Some(run) = &mut self.run else { return };
        // A piece that was fetched while the module ended the transfer is not needed any more.
        if self.exchange.as_ref().is_none_or(Exchange::is_open) {
            let feed = run.task.feed(piece);
            let cut_short = run.task.is_cut_short();
            self.write(feed, now);
            if cut_short {
                self.end_content(now);
            }
        }
    }

    /// Takes back what [`Step::Deliver`](crate::dialogue::Step::Deliver) handed out, where it could not be delivered
    /// before the next call. It is handed out again, or goes with the result.
    pub fn handle_undelivered(&mut self, delivery: Delivery) {
        if let Some(run) = self.run.as_mut().filter(|run| !run.abandoned) {
            run.deliveries.put_back(delivery);
        }
    }

    /// Others wait for the link. A transfer that can go on later finishes as soon as possible, with
    /// [`Output::UploadYielded`](crate::dialogue::Output::UploadYielded) or
    /// [`Output::DownloadYielded`](crate::dialogue::Output::DownloadYielded). Everything else goes on.
    pub fn yield_link(&mut self, now: Moment) {
        let Some(run) = &mut self.run else { return };
        if run.abandoned {
            return;
        }
        let pushed = self
            .exchange
            .as_ref()
            .is_some_and(|exchange| exchange.is_receiving() && exchange.is_of_the_server());
        match run.task.yield_link(pushed && self.profile.abort) {
            YieldBy::Later => {}
            YieldBy::EndContent => self.end_content(now),
            YieldBy::Abort => {
                run.holds_back = true;
                run.drain_until = Some(now);
                self.mind_the_drain(now);
            }
        }
    }

    /// Ends the operation for its caller: it finishes as soon as the cleaning up is done.
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
            // Until the module is done, nothing comes that could be thrown away.
            run.drain_until = Some(now);
            self.mind_the_drain(now);
        } else if self.exchange.as_ref().is_some_and(Exchange::is_receiving) {
            run.drain_until = Some(now + self.abort_cost.total());
            self.mind_the_drain(now);
        }
    }

    /// The deadline of the last step has passed.
    pub fn handle_deadline(&mut self, now: Moment) {
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
            if let Some(response) = self.exchange.as_ref().map(Exchange::expire) {
                self.take_response(response, now);
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

    /// The port did not take the bytes of [`Step::Write`](crate::dialogue::Step::Write) in time.
    pub fn handle_write_deadline(&mut self, now: Moment) {
        self.outbox.clear();
        self.readiness.change(Change::AnswerIncomplete);
        self.break_off(Cause::Timeout(Awaited::PortWrite), now);
    }

    /// The port is open. The module may be in any state.
    pub fn handle_port_opened(&mut self) {
        self.forget();
        self.readiness.change(Change::PortOpened);
        if let Some(run) = &mut self.run {
            run.await_port = None;
        }
    }

    /// The port is lost.
    pub fn handle_port_lost(&mut self, now: Moment) {
        self.forget();
        self.readiness.change(Change::PortLost);
        self.break_off(Cause::PortLost, now);
    }

    /// Answers [`Step::Repair`](crate::dialogue::Step::Repair): tries a rung and plans the standing again, or ends the
    /// operation with the failure that was told.
    pub fn handle_repair(&mut self, rung: Option<Rung>) {
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::dialogue::operation::{Standing, Task};
    use crate::dialogue::{Patience, Setup, Step};

    fn stand() -> Operation {
        Operation {
            standing: Standing::Ready,
            task: Task::Stand,
        }
    }

    #[test]
    fn a_call_that_fits_nothing_under_way_changes_nothing() {
        let now = Moment::ORIGIN;
        let mut dialogue = Dialogue::new(Setup::default(), Patience::default());
        dialogue.handle_piece(Piece::Data(Bytes::from_static(b"x")), now);
        dialogue.handle_undelivered(Delivery::Chunk(Bytes::from_static(b"x")));
        dialogue.handle_repair(Some(Rung::Reset));
        dialogue.handle_deadline(now);
        dialogue.yield_link(now);
        dialogue.abandon(Cause::SourceGone, now);
        assert_eq!(dialogue.poll(now), Step::Idle);
        dialogue.handle_port_opened();
        dialogue.handle_write_deadline(now);
        assert_eq!(dialogue.poll(now), Step::Idle);
    }

    #[test]
    fn a_second_operation_is_refused_until_the_outcome_of_the_first_was_polled() {
        let now = Moment::ORIGIN;
        let mut dialogue = Dialogue::new(Setup::default(), Patience::default());
        dialogue.begin(stand()).unwrap();
        assert_eq!(dialogue.begin(stand()), Err(Busy));
        let Step::AwaitPort { until } = dialogue.poll(now) else {
            panic!("the port is not open");
        };
        dialogue.handle_deadline(until);
        // The wait for the port was the last chance: the operation ends, and its end is told once.
        let step = dialogue.poll(until);
        assert!(matches!(step, Step::Done(Err(_))), "{step:?}");
        assert_eq!(dialogue.begin(stand()), Ok(()));
    }
}
