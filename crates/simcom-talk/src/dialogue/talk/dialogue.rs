//! The conversation with one module, and what is known of it.

use std::collections::VecDeque;
use std::time::Duration;

use super::abort_cost::AbortCost;
use super::filling::Filling;
use super::outbox::Outbox;
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
use crate::dialogue::tls::Secured;
use crate::ftps::{ErrCode, Profile};

/// The host's side of the conversation with one module.
///
/// Knows where the module stands and carries one operation at a time. Never blocks, never reads
/// a clock: bytes, pieces and the time are handed in, [`Dialogue::poll`] says what to do.
#[derive(Debug)]
pub struct Dialogue {
    pub(super) setup: Setup,
    pub(super) patience: Patience,
    pub(super) profile: Profile,
    pub(super) facts: Facts,
    pub(super) framer: Framer,
    /// The port is open.
    pub(super) connected: bool,
    /// The module was brought up since the port was opened and since it last started.
    pub(super) attached: bool,
    /// The module has said that it starts, since it was last brought up.
    pub(super) started: bool,
    /// Every answer so far was whole: the next one belongs to the next command.
    pub(super) synchronised: bool,
    /// It went on echoing after it was told not to.
    pub(super) echoes: bool,
    pub(super) session: Session,
    pub(super) tls: Secured,
    pub(super) abort_cost: AbortCost,
    pub(super) secrets: Secrets,
    /// Results that this module does not send, and when a login whose result was not waited for must be
    /// done; and the code that it reported late.
    pub(super) silent: Silent,
    pub(super) hasty_until: Option<Moment>,
    pub(super) late_code: Option<ErrCode>,
    /// Sentences of a satellite receiver come out of the port.
    pub(super) sentences: Sentences,
    pub(super) run: Option<Run>,
    pub(super) exchange: Option<Exchange>,
    /// The echo of content behind a prompt, where the module echoes.
    pub(super) echo: Option<Echo>,
    /// When what may be the beginning of that echo is given back.
    pub(super) held_until: Option<Moment>,
    /// Content of a command that is over, arriving with no exchange under way.
    pub(super) leftover: u64,
    pub(super) wait: Option<Wait>,
    /// Zeros still to be written where content ended before its announced length.
    pub(super) fill: u64,
    /// Zeros for a module that waits for the rest of something.
    pub(super) filling: Option<Filling>,
    pub(super) outbox: Outbox,
    /// Why the last plan failed; until one succeeds.
    pub(super) trouble: Option<Failure>,
    /// What the planner has to mend, and why.
    pub(super) lapse: Option<Attempt>,
    /// The module refused SIZE without a code in a session that was just made: it has no such
    /// command, or says so of every name. The listing is asked after it in any case.
    pub(super) sizeless: bool,
    /// Rungs of which the owner has not been told.
    pub(super) told: VecDeque<Repaired>,
    /// The outcome of the operation, once all else was told.
    pub(super) done: Option<Result<Output, Failure>>,
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

    /// Why the module could not be brought to a standing when that was last tried; `None` once it
    /// was.
    #[must_use]
    pub fn trouble(&self) -> Option<&Failure> {
        self.trouble.as_ref()
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
