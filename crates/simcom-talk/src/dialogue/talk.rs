//! The conductor: carries an operation through bring-up, resynchronisation, planning and task.

mod abort_cost;
mod filling;
mod hearing;
mod outbox;
mod repairing;
mod run;
mod secrets;
mod settling;
mod silent;
mod standing;
mod waiting;

use std::collections::VecDeque;
use std::time::Duration;

use super::echo::{Echo, HELD};
use super::exchange::Exchange;
use super::facts::Facts;
use super::failure::{Awaited, Cause, Ending, Failure, Stage};
use super::moment::Moment;
use super::operation::{Delivery, Operation, Output, Piece, Progress, ProgressStage};
use super::procedure::{Next, Procedure, Saying, WayOut, Ways};
use super::rung::Repaired;
use super::session::Session;
use super::setup::{DownloadForm, Setup, UploadForm};
use super::step::Step;
use super::tls::Secured;
use crate::at::Framer;
use crate::ftps::{ErrCode, Profile};
use abort_cost::AbortCost;
use filling::Filling;
use outbox::Outbox;
use run::{Activity, Attempt, Held, Run, Sentences};
use secrets::Secrets;
use silent::Silent;
use waiting::Wait;

/// The host's side of the conversation with one module.
///
/// Knows where the module stands and carries one operation at a time. Never blocks, never reads
/// a clock: bytes, pieces and the time are handed in, [`Dialogue::poll`] says what to do.
#[derive(Debug)]
pub struct Dialogue {
    setup: Setup,
    patience: Patience,
    profile: Profile,
    facts: Facts,
    framer: Framer,
    /// The port is open.
    connected: bool,
    /// The module was brought up since the port was opened and since it last started.
    attached: bool,
    /// The module has said that it starts, since it was last brought up.
    started: bool,
    /// Every answer so far was whole: the next one belongs to the next command.
    synchronised: bool,
    /// It went on echoing after it was told not to.
    echoes: bool,
    session: Session,
    tls: Secured,
    abort_cost: AbortCost,
    secrets: Secrets,
    /// Results that this module does not send, and when a login whose result was not waited for must be
    /// done; and the code that it reported late.
    silent: Silent,
    hasty_until: Option<Moment>,
    late_code: Option<ErrCode>,
    /// Sentences of a satellite receiver come out of the port.
    sentences: Sentences,
    run: Option<Run>,
    exchange: Option<Exchange>,
    /// The echo of content behind a prompt, where the module echoes.
    echo: Option<Echo>,
    /// When what may be the beginning of that echo is given back.
    held_until: Option<Moment>,
    /// Content of a command that is over, arriving with no exchange under way.
    leftover: u64,
    wait: Option<Wait>,
    /// Zeros still to be written where content ended before its announced length.
    fill: u64,
    /// Zeros for a module that waits for the rest of something.
    filling: Option<Filling>,
    outbox: Outbox,
    /// Why the last plan failed; until one succeeds.
    trouble: Option<Failure>,
    /// What the planner has to mend, and why.
    lapse: Option<Attempt>,
    /// The module refused SIZE without a code in a session that was just made: it has no such
    /// command, or says so of every name. The listing is asked after it in any case.
    sizeless: bool,
    /// Rungs of which the owner has not been told.
    told: VecDeque<Repaired>,
    /// The outcome of the operation, once all else was told.
    done: Option<Result<Output, Failure>>,
}

/// How long the dialogue waits for what no command has a time for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For a port that was lost during an operation to come back.
    pub port: Duration,
    /// For the port to take bytes: flow control may hold them while the network is slow.
    pub write: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            // A module that restarts is back on USB after 15 to 30 s.
            port: Duration::from_secs(40),
            // As long as the module may take for the end of an upload.
            write: Duration::from_secs(120),
        }
    }
}

impl Dialogue {
    /// A dialogue with a module of which nothing is known, over a port that is not open.
    #[must_use]
    pub fn new(setup: Setup, patience: Patience) -> Self {
        Self {
            setup,
            patience,
            profile: Profile::careful(),
            facts: Facts::default(),
            framer: Framer::new(),
            connected: false,
            attached: false,
            started: false,
            synchronised: false,
            echoes: false,
            session: Session::Unknown,
            tls: Secured::default(),
            abort_cost: AbortCost::default(),
            secrets: Secrets::default(),
            silent: Silent::default(),
            hasty_until: None,
            late_code: None,
            sentences: Sentences::None,
            run: None,
            exchange: None,
            echo: None,
            held_until: None,
            leftover: 0,
            wait: None,
            fill: 0,
            filling: None,
            outbox: Outbox::default(),
            trouble: None,
            lapse: None,
            sizeless: false,
            told: VecDeque::new(),
            done: None,
        }
    }

    /// Begins an operation. Only while [`Step::Idle`] is what [`Dialogue::poll`] says; an
    /// operation under way would be forgotten.
    pub fn begin(&mut self, operation: Operation) {
        self.run = Some(Run::new(operation));
    }

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
            if let Some(delivery) = self.run.as_mut().and_then(Run::deliver) {
                return Step::Deliver(delivery);
            }
            if let Some(exchange) = &self.exchange {
                if exchange.is_open() {
                    return self.fetch();
                }
                let deadline = exchange.deadline();
                let until = self.held_until.map_or(deadline, |held| held.min(deadline));
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
                // The port was lost between two lines: nobody would hear the next one.
                _ if !self.connected => {
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
                    claim,
                    timing,
                }) => {
                    self.open_exchange(Exchange::basic(name, line, claim, timing, now));
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
                Next::Fill(most, span) => self.begin_filling(most, span, now),
                Next::Pause(span, why) => self.pause(span, why, now),
                Next::Quiet(span) => self.be_quiet(span, now),
                Next::Finish(result) => self.finish(result),
            }
        }
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

    /// Where the module's FTPS session stands.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// What the module said of itself when it was last brought up.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Whether the module was brought up and nothing has happened to it since.
    #[must_use]
    pub fn is_attached(&self) -> bool {
        self.attached
    }

    fn fetch(&self) -> Step {
        let offset = self.run.as_ref().map_or(0, |run| run.task.position());
        Step::Fetch { offset }
    }

    /// Why the module could not be brought to a standing when that was last tried; `None` once it
    /// was.
    #[must_use]
    pub fn trouble(&self) -> Option<&Failure> {
        self.trouble.as_ref()
    }

    /// The ways that content takes: what the configuration wants, as far as the module can.
    fn ways(&self) -> Ways {
        Ways {
            pull: self.setup.download == DownloadForm::Pull && self.profile.cache,
            blocks: self.setup.upload == UploadForm::Blocks && self.profile.blocks,
            rest: self.profile.blocks,
            abort: self.profile.abort,
            sizes: self.session.tells_sizes(),
        }
    }

    /// How far the operation is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        match &self.run {
            None => Progress::default(),
            Some(run) => {
                let progress = run.task.progress();
                let stage = if run.begun {
                    progress.stage
                } else {
                    ProgressStage::Preparing
                };
                Progress { stage, ..progress }
            }
        }
    }
}
