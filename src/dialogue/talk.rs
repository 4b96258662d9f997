//! The conductor: carries an operation through bring-up, resynchronisation, planning and task.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use tracing::{debug, info, warn};

use super::bring_up::{BringUp, Setup};
use super::download::Download;
use super::echo::Echo;
use super::exchange::{Exchange, Heard, Settlement, Verdict};
use super::facts::Facts;
use super::failure::{Awaited, Cause, Ending, Failure, Stage};
use super::moment::Moment;
use super::operation::{
    Delivery, Operation, Output, Piece, Progress, ProgressStage, Standing, Task,
};
use super::procedure::{BUSY_PAUSE, Feed, Next, Procedure, Saying};
use super::resync::Resync;
use super::session::Session;
use super::simple::Simple;
use super::size::Size;
use super::step::Step;
use super::upload::Upload;
use crate::at::{Expect, Frame, Framer};
use crate::ftps::value::TransferType;
use crate::ftps::{Body, Command, ErrCode, Profile, Report, Urc, Verb, escape};

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
    /// Every answer so far was whole: the next one belongs to the next command.
    synchronised: bool,
    /// It went on echoing after it was told not to.
    echoes: bool,
    session: Session,
    run: Option<Run>,
    exchange: Option<Exchange>,
    /// The echo of content behind a prompt, where the module echoes.
    echo: Option<Echo>,
    /// Content of a command that is over, arriving with no exchange under way.
    leftover: u64,
    silence: Option<Silence>,
    outbox: VecDeque<Bytes>,
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

/// The operation under way.
#[derive(Debug)]
struct Run {
    standing: Standing,
    task: Box<dyn Procedure>,
    activity: Activity,
    /// What waits for the standing to be reached.
    held: Option<Held>,
    /// The standing was reached once.
    begun: bool,
    deliveries: VecDeque<Delivery>,
    abandoned: bool,
    /// The rest of a download that nobody wants is thrown away until then.
    drain_until: Option<Moment>,
    aborted: bool,
    /// The task changed the directory.
    moved: bool,
    /// How often the standing was lost and planned anew.
    replans: u32,
    /// Commands of the plan said since the task last had its way.
    planned: u32,
    await_port: Option<Moment>,
}

/// What a task waits for the standing with.
#[derive(Debug)]
enum Held {
    /// Only the standing is wanted.
    Standing,
    /// A command is to be said there.
    Command(Command),
}

/// Who is speaking.
#[derive(Debug)]
enum Activity {
    Task,
    Plan(Command),
    Resync(Resync),
    BringUp(Box<BringUp>),
    Abort,
}

/// Waiting for the module to be quiet.
#[derive(Debug, Clone, Copy)]
struct Silence {
    span: Duration,
    until: Moment,
    latest: Moment,
}

/// How often a lost standing is planned anew in one operation, beyond what the task's own tries
/// account for: a module that answers nonsense for ever is not asked for ever.
const REPLANS: u32 = 12;

/// The longest way from one standing to another is LOGOUT, STOP, START, SINGLEIP, LOGIN, TYPE,
/// PWD, CWD; a plan that needs more than twice that goes round in circles.
const PLAN: u32 = 16;

/// How long content that nobody wants any more may keep the line busy before the module is asked
/// all the same.
const LONGEST_SILENCE: Duration = Duration::from_secs(600);

/// What an abort costs, since it logs out and stops the service: START and LOGIN take 15 s in a
/// mobile network that is neither good nor bad.
const ABORT_COST: Duration = Duration::from_secs(15);

/// After the server closed the connection the module should report soon.
const AFTER_CLOSE: Duration = Duration::from_secs(10);

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
            synchronised: false,
            echoes: false,
            session: Session::Unknown,
            run: None,
            exchange: None,
            echo: None,
            leftover: 0,
            silence: None,
            outbox: VecDeque::new(),
        }
    }

    /// Begins an operation. Only while [`Step::Idle`] is what [`Dialogue::poll`] says; an
    /// operation under way would be forgotten.
    pub fn begin(&mut self, operation: Operation) {
        let transfer_type = match &operation.standing {
            Standing::LoggedIn(place) => place.transfer_type,
            _ => TransferType::default(),
        };
        self.run = Some(Run {
            standing: operation.standing,
            task: procedure(operation.task, transfer_type),
            activity: Activity::Task,
            held: None,
            begun: false,
            deliveries: VecDeque::new(),
            abandoned: false,
            drain_until: None,
            aborted: false,
            moved: false,
            replans: 0,
            planned: 0,
            await_port: None,
        });
    }

    /// What to do now.
    pub fn poll(&mut self, now: Moment) -> Step {
        loop {
            if let Some(bytes) = self.outbox.pop_front() {
                return Step::Write {
                    bytes,
                    until: now + self.patience.write,
                };
            }
            if let Some(delivery) = self.run.as_mut().and_then(|run| run.deliveries.pop_front()) {
                return Step::Deliver(delivery);
            }
            if let Some(exchange) = &self.exchange {
                if exchange.is_open() {
                    return Step::Fetch;
                }
                return Step::Listen {
                    until: exchange.deadline(),
                };
            }
            if let Some(silence) = self.silence {
                return Step::Listen {
                    until: silence.until,
                };
            }
            let Some(run) = &mut self.run else {
                return Step::Idle;
            };
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
                Activity::Resync(resync) => resync.next(),
                Activity::BringUp(bring_up) => bring_up.next(),
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
                Next::Fetch => return Step::Fetch,
                Next::Deliver(delivery) => return Step::Deliver(delivery),
                Next::Raw(bytes) => self.outbox.push_back(bytes),
                Next::Quiet(span) => self.be_quiet(span, now),
                Next::Finish(result) => {
                    if let Some(step) = self.finish(result) {
                        return step;
                    }
                }
            }
        }
    }

    /// Bytes came from the port.
    pub fn receive(&mut self, bytes: &[u8], now: Moment) {
        if let Some(silence) = &mut self.silence
            && !self.synchronised
        {
            // Rests of content, perhaps: whatever they spell, they are no lines.
            silence.until = (now + silence.span).min(silence.latest);
            return;
        }
        match &mut self.echo {
            Some(echo) => self.framer.push(&echo.filter(bytes)),
            None => self.framer.push(bytes),
        }
        if let Some(silence) = &mut self.silence {
            silence.until = (now + silence.span).min(silence.latest);
        }
        self.mind_the_drain(now);
        self.pull(now);
    }

    fn pull(&mut self, now: Moment) {
        loop {
            let expect = match &self.exchange {
                _ if self.leftover > 0 => Expect::Block(self.leftover),
                Some(exchange) => exchange.expect(),
                None => Expect::Line,
            };
            let Some(frame) = self.framer.pull(expect) else {
                return;
            };
            self.hear(frame, now);
        }
    }

    /// A piece came from the source, as [`Step::Fetch`] asked.
    pub fn feed(&mut self, piece: Piece, now: Moment) {
        let Some(run) = &mut self.run else { return };
        // A piece that was fetched while the module ended the transfer has nowhere to go.
        if self.exchange.as_ref().is_none_or(Exchange::is_open) {
            let feed = run.task.feed(piece);
            self.write(feed, now);
        }
    }

    /// Ends the operation for its caller: it finishes as soon as things are in order.
    pub fn abandon(&mut self, cause: Cause, now: Moment) {
        let Some(run) = &mut self.run else { return };
        let idle = self.exchange.is_none() && self.silence.is_none();
        let cause = match cause {
            Cause::Cancelled(_) if idle && !run.begun && run.planned == 0 => {
                Cause::Cancelled(Ending::BeforeItBegan)
            }
            cause => cause,
        };
        run.abandoned = true;
        run.held = None;
        run.deliveries.clear();
        run.task.abandon(cause);
        if self.exchange.as_ref().is_some_and(Exchange::is_open) {
            self.end_content(now);
        } else if self.exchange.as_ref().is_some_and(Exchange::is_receiving) {
            run.drain_until = Some(now + ABORT_COST);
            self.mind_the_drain(now);
        }
    }

    /// The time that the last step named has passed.
    pub fn expire(&mut self, now: Moment) {
        if self.silence.is_some_and(|silence| silence.until <= now) {
            self.silence = None;
            // Whatever was on its way has come or is lost.
            self.leftover = 0;
            self.framer.clear();
            return;
        }
        if let Some(exchange) = &self.exchange {
            if exchange.deadline() > now {
                return;
            }
            if let Some(held) = self.echo.take().map(|mut echo| echo.release()) {
                self.framer.push(&held);
                self.pull(now);
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

    /// Reaches the standing of the operation by one command, or carries out what waits for it.
    fn reach(&mut self, held: Held, now: Moment) -> Option<Step> {
        let patience = self.patience.port;
        let run = self.run.as_mut()?;
        if !self.connected {
            if run.abandoned {
                // Nobody waits for it, and nothing can be put in order without a port.
                run.task
                    .give_up(Failure::new(Cause::PortLost, None, Stage::Device));
                return None;
            }
            run.held = Some(held);
            let until = *run.await_port.get_or_insert(now + patience);
            return Some(Step::AwaitPort { until });
        }
        if !self.attached {
            run.held = Some(held);
            run.activity = Activity::BringUp(Box::new(BringUp::new(&self.setup)));
            return None;
        }
        if !self.synchronised {
            run.held = Some(held);
            run.activity = Activity::Resync(Resync::new());
            return None;
        }
        if let Some(planned) = self.session.next_towards(&run.standing) {
            run.held = Some(held);
            run.planned += 1;
            if run.planned > PLAN {
                let cause = Cause::OutOfOrder("a module that does not stay where it was".into());
                self.unreachable(Failure::new(cause, None, Stage::Device));
                return None;
            }
            run.activity = Activity::Plan(planned.clone());
            self.open_ftps(&planned, now);
            return None;
        }
        let anew = run.begun && run.planned > 0;
        run.begun = true;
        run.planned = 0;
        if anew && run.task.begin_again() {
            return None;
        }
        if let Held::Command(command) = held {
            self.open_ftps(&command, now);
        }
        None
    }

    fn open_ftps(&mut self, command: &Command, now: Moment) {
        match command.encode(&self.profile) {
            Ok(line) => self.open_exchange(Exchange::ftps(command.verb(), line, now)),
            Err(error) => {
                let cause = Cause::Unsuitable(error);
                let name = command.verb().name();
                self.settle(
                    Settlement {
                        name,
                        verdict: Verdict::Failed(cause),
                        clean: true,
                        info: Vec::new(),
                        prompted: false,
                        echoed: false,
                    },
                    now,
                );
            }
        }
    }

    fn open_exchange(&mut self, exchange: Exchange) {
        debug!(line = %exchange.line(), "to the module");
        self.outbox.push_back(exchange.line().bytes().clone());
        self.exchange = Some(exchange);
    }

    fn be_quiet(&mut self, span: Duration, now: Moment) {
        let latest = now + LONGEST_SILENCE;
        self.silence = Some(Silence {
            span,
            until: now + span,
            latest,
        });
    }

    /// An activity or the task came to its end.
    fn finish(&mut self, result: Result<Output, Failure>) -> Option<Step> {
        let run = self.run.as_mut()?;
        match std::mem::replace(&mut run.activity, Activity::Task) {
            Activity::Task | Activity::Plan(_) => {
                let aborted = run.aborted;
                if run.moved {
                    self.session.moved(None);
                }
                self.run = None;
                return Some(Step::Done(result.map_err(|failure| match failure.cause {
                    Cause::Cancelled(_) if aborted => Failure {
                        cause: Cause::Cancelled(Ending::Aborted),
                        ..failure
                    },
                    _ => failure,
                })));
            }
            Activity::Abort => {}
            Activity::Resync(_) => match result {
                Ok(_) => self.synchronised = true,
                // Perhaps it is starting: bringing it up waits for that.
                Err(failure) => {
                    debug!(%failure, "no answer; bringing the module up");
                    self.attached = false;
                }
            },
            Activity::BringUp(bring_up) => {
                self.facts = bring_up.facts().clone();
                match result {
                    Ok(_) => self.brought_up(),
                    Err(failure) => self.unreachable(failure),
                }
            }
        }
        None
    }

    fn brought_up(&mut self) {
        self.attached = true;
        self.synchronised = true;
        self.profile = Profile::of_model(&self.facts.identity.model);
        let identity = &self.facts.identity;
        info!(
            manufacturer = identity.manufacturer,
            model = identity.model,
            firmware = identity.firmware,
            family = self.profile.name,
            "the module is up"
        );
    }

    /// The standing cannot be reached; unless the way there only broke and can be tried again.
    fn unreachable(&mut self, failure: Failure) {
        if let Some(run) = &mut self.run {
            run.activity = Activity::Task;
            if matches!(failure.cause, Cause::Rebooted | Cause::PortLost) && run.replans < REPLANS {
                run.replans += 1;
                return;
            }
            run.held = None;
            run.task.give_up(failure);
        }
    }

    fn hear(&mut self, frame: Frame, now: Moment) {
        if let Frame::Block(bytes) = &frame
            && self.leftover > 0
        {
            self.leftover = self.leftover.saturating_sub(bytes.len() as u64);
            return;
        }
        let Some(exchange) = &mut self.exchange else {
            self.overhear(frame, now);
            return;
        };
        match exchange.hear(frame, now) {
            Heard::Nothing => {}
            Heard::Stray(text) => self.stray(&text, now),
            Heard::Content(bytes) => {
                if let Some(run) = &mut self.run {
                    let delivery = run.task.content(bytes);
                    run.deliveries.extend(delivery);
                }
            }
            Heard::Prompt => self.prompted(now),
        }
        let Some(exchange) = &self.exchange else {
            return;
        };
        if exchange.is_garbled() {
            warn!("content and count do not agree: bytes were lost or slipped in");
            self.break_off(Cause::Garbled, now);
            return;
        }
        if exchange.is_interrupted() {
            self.synchronised = false;
            self.end_content(now);
        }
        if let Some(settlement) = self.exchange.as_ref().and_then(Exchange::settled) {
            self.settle(settlement, now);
        }
    }

    /// A frame came while no command is under way.
    fn overhear(&mut self, frame: Frame, now: Moment) {
        let Frame::Line(raw) = frame else { return };
        let text = String::from_utf8_lossy(&raw).into_owned();
        // Content of a command that is over is skipped by its count, not read.
        if let Some(Report {
            body: Body::Data(len),
            ..
        }) = Report::parse(&text)
        {
            self.leftover = len;
            return;
        }
        self.stray(&text, now);
    }

    /// A line that belongs to no command.
    fn stray(&mut self, text: &str, now: Moment) {
        match Urc::parse(text) {
            Urc::Boot => {
                warn!(line = text, "the module has started");
                self.forget();
                self.break_off(Cause::Rebooted, now);
            }
            Urc::PeerClosed => {
                info!("the server closed the connection");
                self.session.close();
                if let Some(exchange) = &mut self.exchange {
                    exchange.hasten(now + AFTER_CLOSE);
                }
            }
            Urc::ServiceLost => {
                warn!("the module lost the FTPS service");
                self.session = Session::Unknown;
                self.break_off_transfer(Cause::Disconnected, now);
            }
            Urc::NetworkLost => {
                warn!(
                    line = text,
                    "the module lost its data connection to the network"
                );
                self.session = Session::Unknown;
                self.break_off_transfer(Cause::NetworkLost, now);
            }
            Urc::ServerText(words) => info!(words, "the server said"),
            Urc::Other(line) => debug!(line, "unsolicited"),
        }
    }

    fn prompted(&mut self, now: Moment) {
        if self.exchange.as_ref().is_some_and(Exchange::is_echoed) {
            self.echo = Some(Echo::default());
        }
        let Some(run) = &mut self.run else { return };
        let feed = run.task.prompted();
        if run.abandoned {
            self.end_content(now);
        } else {
            self.write(feed, now);
        }
    }

    fn write(&mut self, feed: Option<Feed>, now: Moment) {
        let Some(feed) = feed else { return };
        if let Some(echo) = &mut self.echo {
            echo.expect(&feed.bytes);
        }
        if !feed.bytes.is_empty() {
            self.outbox.push_back(feed.bytes);
        }
        if feed.end
            && let Some(exchange) = &mut self.exchange
        {
            exchange.close(now);
        }
    }

    /// Ends content that is being handed over, where it is.
    fn end_content(&mut self, now: Moment) {
        if let Some(echo) = &mut self.echo {
            echo.expect(&[escape::END]);
        }
        self.outbox.push_back(Bytes::from_static(&[escape::END]));
        if let Some(exchange) = &mut self.exchange {
            exchange.close(now);
        }
    }

    /// The state of the module is lost.
    fn forget(&mut self) {
        self.framer.clear();
        self.echo = None;
        self.leftover = 0;
        self.outbox.clear();
        self.attached = false;
        self.synchronised = false;
        self.session = Session::Unknown;
    }

    /// The exchange under way will not be answered.
    fn break_off(&mut self, cause: Cause, now: Moment) {
        self.silence = None;
        if let Some(settlement) = self
            .exchange
            .as_ref()
            .map(|exchange| exchange.broken(cause))
        {
            self.settle(settlement, now);
        }
    }

    /// As [`Dialogue::break_off`], for exchanges that need the network.
    fn break_off_transfer(&mut self, cause: Cause, now: Moment) {
        let speaking = self.run.as_ref().is_some_and(|run| {
            matches!(
                run.activity,
                Activity::Task | Activity::Plan(Command::Login(_))
            )
        });
        if speaking && self.exchange.as_ref().is_some_and(Exchange::is_open) {
            // At a prompt everything is content until it is ended.
            self.end_content(now);
            return;
        }
        if speaking {
            self.break_off(cause, now);
        }
    }

    fn settle(&mut self, settlement: Settlement, now: Moment) {
        self.echo = None;
        if let Some(exchange) = self.exchange.take() {
            self.leftover = exchange.leftover();
        }
        if !settlement.clean {
            self.synchronised = false;
        }
        self.mind_the_echo(settlement.echoed);
        match &settlement.verdict {
            Verdict::Done(_) => debug!(command = settlement.name, "done"),
            Verdict::Failed(cause) => debug!(command = settlement.name, %cause, "failed"),
        }
        let Some(run) = &mut self.run else { return };
        match &mut run.activity {
            Activity::Resync(resync) => resync.heard(&settlement),
            Activity::BringUp(bring_up) => bring_up.heard(&settlement),
            Activity::Plan(planned) => {
                let planned = planned.clone();
                run.activity = Activity::Task;
                self.follow_plan(&planned, &settlement, now);
            }
            Activity::Abort => {
                // Whether the command that was aborted still ends with a report of its own is
                // not documented: the line must be quiet before the next one.
                self.synchronised = false;
                self.session = if settlement.is_done() {
                    Session::Down
                } else {
                    Session::Unknown
                };
            }
            Activity::Task => {
                self.note(&settlement);
                if settlement.errcode() == Some(ErrCode::BUSY) {
                    self.be_quiet(BUSY_PAUSE, now);
                }
                if let Some(run) = &mut self.run {
                    run.task.heard(&settlement);
                }
            }
        }
    }

    /// An echo, though it was switched off: the module has started anew without our seeing it,
    /// and nothing that was set is set any more.
    fn mind_the_echo(&mut self, echoed: bool) {
        let bringing_up = self
            .run
            .as_ref()
            .is_some_and(|run| matches!(run.activity, Activity::BringUp(_)));
        if bringing_up {
            self.echoes = echoed;
        } else if echoed && !self.echoes && self.attached {
            info!("the module echoes again: it has started anew");
            self.attached = false;
            self.session = Session::Unknown;
        }
    }

    /// Throws the rest of a download away as long as that is no dearer than an abort, which
    /// costs the login (SIMCom manual L1218); then aborts, where the module can.
    fn mind_the_drain(&mut self, now: Moment) {
        let (Some(run), Some(exchange)) = (&mut self.run, &self.exchange) else {
            return;
        };
        let Some(until) = run.drain_until else { return };
        if !exchange.is_receiving() {
            return;
        }
        let left = run
            .task
            .remaining()
            .and_then(|bytes| exchange.estimate(bytes, now));
        if !self.profile.abort || (now < until && left.is_none_or(|left| left < ABORT_COST)) {
            return;
        }
        run.drain_until = None;
        run.aborted = true;
        run.activity = Activity::Abort;
        let Ok(line) = Command::Abort.encode(&self.profile) else {
            return;
        };
        let abort = Exchange::ftps(Command::Abort.verb(), line, now).over(exchange);
        self.open_exchange(abort);
    }

    /// What a task's command came to changes where the module stands.
    fn note(&mut self, settlement: &Settlement) {
        match &settlement.verdict {
            Verdict::Done(_) => {}
            Verdict::Failed(Cause::Reported(code)) => self.session.note(*code),
            // Nobody is logged in, whatever we believed.
            Verdict::Failed(Cause::Refused(None)) => self.session.close(),
            Verdict::Failed(
                Cause::Timeout(_)
                | Cause::Garbled
                | Cause::Disconnected
                | Cause::NetworkLost
                | Cause::Rebooted
                | Cause::PortLost,
            ) => self.session = Session::Unknown,
            Verdict::Failed(_) => {}
        }
        if settlement.is_done() && settlement.name == Verb::ChangeDirectory.name() {
            // Only noted at the end: the rest of the task belongs to where it went.
            if let Some(run) = &mut self.run {
                run.moved = true;
            }
        }
    }

    fn follow_plan(&mut self, command: &Command, settlement: &Settlement, now: Moment) {
        let Err(cause) = self.session.follow(command, settlement) else {
            return;
        };
        let again = self.replan(command, &cause, now);
        let Some(run) = &mut self.run else { return };
        run.replans += 1;
        if again && run.replans <= REPLANS && !run.abandoned {
            return;
        }
        let failure = Failure {
            attempt: run.replans,
            ..Failure::new(
                cause.clone(),
                Some(command.verb().name()),
                stage(command, &cause),
            )
        };
        self.unreachable(failure);
    }

    /// Whether a plan that failed can be tried again, after putting the session where it must
    /// now be taken to stand.
    fn replan(&mut self, command: &Command, cause: &Cause, now: Moment) -> bool {
        let first = self.run.as_ref().is_some_and(|run| run.replans == 0);
        match cause {
            // The caller's account may be locked by a second try.
            Cause::Reported(ErrCode::REJECTED) => {
                if !matches!(command, Command::Login(_)) {
                    return false;
                }
                self.session = Session::Unknown;
                false
            }
            Cause::Reported(ErrCode::BUSY) => {
                self.be_quiet(BUSY_PAUSE, now);
                self.run.as_ref().is_some_and(|run| run.replans < 5)
            }
            Cause::Unsuitable(_) => false,
            Cause::Rebooted | Cause::PortLost => true,
            // Once more from the beginning: the service may have been left up, or half up.
            _ => {
                self.session = Session::Unknown;
                first
            }
        }
    }
}

fn procedure(task: Task, transfer_type: TransferType) -> Box<dyn Procedure> {
    match task {
        Task::Stand => Box::new(Simple::stand()),
        Task::WorkingDirectory => Box::new(Simple::working_directory()),
        Task::ChangeDirectory(path) => Box::new(Simple::change_directory(path)),
        Task::MakeDirectory(path) => Box::new(Simple::make_directory(path)),
        Task::RemoveDirectory(path) => Box::new(Simple::remove_directory(path)),
        Task::DeleteFile(path) => Box::new(Simple::delete_file(path)),
        Task::List(path) => Box::new(Simple::list(path)),
        Task::Size(path) => Box::new(Size::new(path)),
        Task::Download(what) => Box::new(Download::new(what, transfer_type)),
        Task::Upload(what) => Box::new(Upload::new(what, transfer_type)),
    }
}

/// How far a plan had come when a command of it failed.
fn stage(command: &Command, cause: &Cause) -> Stage {
    match (command, cause) {
        (_, Cause::Timeout(_) | Cause::Rebooted | Cause::PortLost | Cause::Garbled) => {
            Stage::Device
        }
        (Command::Login(_), Cause::Reported(code)) => match *code {
            ErrCode::DNS => Stage::Dns,
            ErrCode::CREATE_SOCKET | ErrCode::CONNECT_SOCKET | ErrCode::TIMEOUT => Stage::Tcp,
            ErrCode::SSL_ALERT | ErrCode::SSL_CLOSED => Stage::Tls,
            ErrCode::NETWORK => Stage::Network,
            _ => Stage::Login,
        },
        (Command::Login(_), _) => Stage::Login,
        (Command::Start | Command::Stop, _) => Stage::Network,
        _ => Stage::Directory,
    }
}
