//! The conversation with one module, and what is known of it.

use std::collections::VecDeque;
use std::time::Duration;

use super::abort_cost::AbortCost;
use super::filling::Filling;
use super::notes::{Note, Notes};
use super::outbox::Outbox;
use super::readiness::Readiness;
use super::run::{Attempt, Run, Sentences};
use super::secrets::Secrets;
use super::silent::Silent;
use super::wait::Wait;
use crate::at::Framer;
use crate::dialogue::echo::Echo;
use crate::dialogue::exchange::Exchange;
use crate::dialogue::facts::Facts;
use crate::dialogue::failure::Failure;
use crate::dialogue::moment::Moment;
use crate::dialogue::operation::{Output, Progress, ProgressStage};
use crate::dialogue::repair::Repaired;
use crate::dialogue::session::Session;
use crate::dialogue::setup::Setup;
#[expect(unused_imports, reason = "the documentation names it")]
use crate::dialogue::step::Step;
use crate::dialogue::tls::Secured;
use crate::ftps::{ErrCode, ModuleProfile};

/// The host's side of the conversation with one module.
///
/// Knows where the module stands, and carries out one operation at a time. It never blocks, and never reads a clock, a
/// port or a file. Its owner has these, hands in what they bring, and does what [`Dialogue::poll`] says.
///
/// # Contract
/// There are four kinds of methods:
///
/// * *Getters* return what is known ([`Dialogue::session`], [`Dialogue::facts`], [`Dialogue::progress`] ...). They
///   change nothing and may be called at any time.
/// * *`handle_*`* take what arrived from outside, at the moment it did: [`Dialogue::handle_port_opened`] and
///   [`Dialogue::handle_port_lost`] for the port, [`Dialogue::handle_bytes`] for what came out of it,
///   [`Dialogue::handle_piece`] for content of a source, [`Dialogue::handle_undelivered`] for content that the
///   receiver did not take, [`Dialogue::handle_repair`] for the owner's answer to [`Step::Repair`],
///   [`Dialogue::handle_deadline`] and [`Dialogue::handle_write_deadline`] for a time that has passed.
/// * *Mutators* say what the owner wants: [`Dialogue::begin`] an operation, [`Dialogue::abandon`] it, or have it
///   [`Dialogue::yield_link`] to others.
/// * [`Dialogue::poll`] returns what to do next, as one [`Step`].
///
/// The order: open the port, [`Dialogue::handle_port_opened`], then [`Dialogue::begin`] whenever `poll` says
/// [`Step::Idle`]. Call `poll` after every `handle_*` and every mutator, carry its step out, and call it again.
/// [`Step::Done`] ends the operation. Bytes from the port are handed in at any time, also while a step waits for
/// something else.
///
/// * [`Step::Write`] and [`Step::Deliver`] are returned once. While bytes of a `Write` are still to be written, hand
///   in what arrives, and ask [`Dialogue::is_write_recalled`] before each further part of them. Call `poll` again when
///   all are written or recalled.
/// * [`Step::Fetch`], [`Step::Listen`], [`Step::AwaitPort`], [`Step::Repair`] and [`Step::Idle`] are returned by
///   every `poll` until they are answered. Read each piece and ask the ladder for each repair once, and hand each in once:
///   the dialogue cannot tell a second one from the next.
/// * After [`Dialogue::abandon`], drop a read of the source that is under way: its piece is not awaited any more.
///
/// A step that waits has its own deadline ([`Step::deadline`]). It counts until the next `poll`. When it has passed,
/// and not before, call [`Dialogue::handle_deadline`], or [`Dialogue::handle_write_deadline`] where the step was
/// [`Step::Write`]. [`Step::Fetch`] has no deadline: its owner gives up on a source by [`Dialogue::abandon`]. The times
/// that are handed in must not go back.
///
/// [`Dialogue::begin`] refuses a second operation with [`Busy`]. An answer to a repair that the dialogue did not ask
/// for, and a yield without an operation, change nothing.
#[derive(Debug)]
pub struct Dialogue {
    pub(super) setup: Setup,
    pub(super) patience: Patience,
    pub(super) profile: ModuleProfile,
    pub(super) facts: Facts,
    pub(super) framer: Framer,
    /// What the module can be asked to do.
    pub(super) readiness: Readiness,
    /// The module went on echoing after it was told to stop.
    pub(super) echoes: bool,
    pub(super) session: Session,
    pub(super) tls: Secured,
    pub(super) abort_cost: AbortCost,
    pub(super) secrets: Secrets,
    /// Results that this module does not send; when a login whose result was not waited for must be done; and the code
    /// that the module reported late.
    pub(super) silent: Silent,
    pub(super) hasty_until: Option<Moment>,
    pub(super) late_code: Option<ErrCode>,
    /// Whether sentences of a satellite receiver come out of the port.
    pub(super) sentences: Sentences,
    pub(super) run: Option<Run>,
    pub(super) exchange: Option<Exchange>,
    /// The echo of content behind a prompt, where the module echoes.
    pub(super) echo: Option<Echo>,
    /// When held bytes that may be the beginning of that echo are released.
    pub(super) held_until: Option<Moment>,
    /// Content of a command that is over, which arrives while no exchange is under way.
    pub(super) leftover: u64,
    pub(super) wait: Option<Wait>,
    /// Zeros that are still to be written where content ended before its announced length.
    pub(super) fill: u64,
    /// Zeros for a module that waits for the rest of something.
    pub(super) filling: Option<Filling>,
    pub(super) outbox: Outbox,
    /// Why the last plan failed. `None` once a plan succeeded.
    pub(super) trouble: Option<Failure>,
    /// What the planner has to repair, and why.
    pub(super) lapse: Option<Attempt>,
    /// The module refused SIZE without a code in a session that was just made: it has no such command, or refuses it
    /// for every name. The listing is asked next in any case.
    pub(super) sizeless: bool,
    /// Rungs that the owner has not been told of.
    pub(super) told: VecDeque<Repaired>,
    /// What was said, for whoever counts.
    pub(super) notes: Notes,
    /// The outcome of the operation. It is told after everything else.
    pub(super) done: Option<Result<Output, Failure>>,
}

/// An operation is under way already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an operation is under way; begin the next one when it is done")]
pub struct Busy;

/// How long the dialogue waits where no command has a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// How long a port that was lost during an operation may take to come back.
    pub port: Duration,
    /// How long the port may take no bytes: flow control may hold them while the network is slow.
    pub write: Duration,
    /// How long content that comes fast is gathered, up to 64 KiB, before it is delivered. Zero: each block is
    /// delivered as it comes.
    pub gather: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            // A module that restarts is back on USB after 15 to 30 s.
            port: Duration::from_secs(40),
            // As long as the module may take to end an upload.
            write: Duration::from_secs(120),
            gather: Duration::ZERO,
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
            profile: ModuleProfile::careful(),
            facts: Facts::default(),
            framer: Framer::new(),
            readiness: Readiness::Closed { starting: false },
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
            notes: Notes::default(),
            done: None,
        }
    }

    /// Where the module's FTPS session stands.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// What the module said about itself at the last bring-up.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The next thing that was said on the line, for whoever counts. They are kept for a while and need not be read.
    pub fn next_note(&mut self) -> Option<Note> {
        self.notes.next()
    }

    /// Whether the module was brought up and has not been lost since.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.readiness.is_brought_up()
    }

    /// Why the last plan did not reach its standing. `None` once a plan did.
    #[must_use]
    pub fn trouble(&self) -> Option<&Failure> {
        self.trouble.as_ref()
    }

    /// How far the operation has come.
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
