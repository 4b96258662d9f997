//! A bring-up, and how far it has come.

use std::collections::VecDeque;

use tracing::info;

use super::steps::{self, Fact, Step};
use crate::at::{CommandLine, ErrorCode, Line};
use crate::dialogue::exchange::Information;
use crate::dialogue::facts::{Facts, Identity};
use crate::dialogue::failure::{Cause, Failure};
use crate::dialogue::setup::Setup;
use crate::ftps::{CommandName, Quirks, Report};

/// Makes contact, sets the dialect, silences unsolicited lines, and asks what module it is. Every command may be
/// repeated. Only the commands that the rest depends on must succeed.
#[derive(Debug)]
pub(crate) struct BringUp {
    pub(super) setup: Setup,
    pub(super) steps: std::vec::IntoIter<Step>,
    pub(super) current: Option<Step>,
    /// The step that is sent once more after a pause.
    pub(super) again: Option<Step>,
    /// The step that got no answer. It is sent once more when the module answers again.
    pub(super) unanswered: Option<Step>,
    /// Steps that are sent before the next one in order.
    pub(super) extra: VecDeque<Step>,
    /// The module has just started: its identity is believed only once two answers agree.
    pub(super) fresh: bool,
    /// The identity that the module gave and that is not believed yet, and how often it was asked.
    pub(super) doubted: Option<String>,
    pub(super) asked: u32,
    pub(super) radio: Radio,
    /// The last step that was sent once more.
    pub(super) repeated: Option<CommandName>,
    pub(super) contact: Contact,
    pub(super) facts: Facts,
    pub(super) sim_tries: u32,
    /// The quirks, until they are applied.
    pub(super) quirks: Option<Quirks>,
    /// A line came that may have been taken for an answer.
    pub(super) out_of_step: bool,
    pub(super) restarts: u32,
    pub(super) ended: Option<Failure>,
}

#[derive(Debug)]
pub(super) enum Contact {
    /// A program that crashed may have left the module at a prompt: end what it wrote. In any other state, the byte
    /// means nothing before the next `AT` (V.250 §5.2.1).
    EndContent,
    /// The module may be at a prompt again: end the content that it expects, and call at once.
    Mark {
        tries: u32,
    },
    /// The module may wait for the rest of a block: see `FILLER` of the procedure.
    Fill {
        tries: u32,
    },
    Settle {
        tries: u32,
    },
    Call {
        tries: u32,
    },
    Called {
        tries: u32,
    },
    Made,
}

/// Whether the radio is on (3GPP 27.007 §8.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Radio {
    Unknown,
    /// It is asked for, since the SIM was refused for this reason, or the module is not registered.
    Asked(Option<(CommandName, ErrorCode)>),
    /// It was on.
    On,
    /// It was off and is being switched on. Until it is on, the SIM may fail.
    SwitchedOn,
}

/// How often the bring-up begins again where answers and questions may not belong together. A module that sends such
/// lines by itself is believed after that.
pub(super) const RESTARTS: u32 = 3;

impl BringUp {
    /// Begins.
    pub(crate) fn new(setup: &Setup, fresh: bool) -> Self {
        Self {
            setup: setup.clone(),
            steps: steps::all(setup).into_iter(),
            current: None,
            again: None,
            unanswered: None,
            extra: VecDeque::new(),
            fresh,
            doubted: None,
            asked: 0,
            radio: Radio::Unknown,
            repeated: None,
            contact: Contact::EndContent,
            facts: Facts::default(),
            sim_tries: 0,
            quirks: Some(setup.quirks.clone()),
            out_of_step: false,
            restarts: 0,
            ended: None,
        }
    }

    /// Takes a line that belongs to no command. A line that is no known unsolicited result code means that stale content
    /// is still coming in, or a late answer.
    pub(crate) fn unsolicited_line(&mut self, text: &str) {
        self.out_of_step |= is_content_or_late(text);
    }

    /// Whether the module cannot be asked any more.
    pub(super) fn is_lost(&self) -> bool {
        let cause = self.ended.as_ref().map(|failure| &failure.cause);
        matches!(
            cause,
            Some(Cause::PortLost | Cause::Rebooted | Cause::Timeout(_))
        )
    }

    /// Asks everything once more, once the line is quiet.
    pub(super) fn restart(&mut self) {
        info!("lines that may have been taken for answers came in between; asking again");
        let anew = Self::new(&self.setup, self.fresh);
        self.restarts += 1;
        let contact = Contact::Settle { tries: 0 };
        *self = Self {
            restarts: self.restarts,
            contact,
            ..anew
        };
    }

    /// What the module has said about itself so far.
    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }

    /// What is left to be set after every question was answered.
    pub(super) fn last(&mut self) -> Option<Step> {
        let quirks = self.quirks.take()?;
        let Identity {
            model, firmware, ..
        } = &self.facts.identity;
        let capabilities = &mut self.facts.capabilities;
        capabilities.quirks = quirks.apply(model, firmware, &mut capabilities.profile);
        // Passive: a server cannot open a connection to a module in a mobile network (A76XX AT manual V1.09 §17).
        let passive = || CommandLine::write("AT+CFTPSMODE").number(1).finish();
        capabilities.profile.mode.then(|| Step {
            name: "AT+CFTPSMODE".into(),
            line: passive(),
            information: Information::Nothing,
            fact: Fact::None,
        })
    }
}

/// Whether a line is a result code, a report of the service or content. Such a line is no unsolicited result code.
fn is_content_or_late(text: &str) -> bool {
    matches!(Line::classify(text.as_bytes()), Line::Final(_))
        || Report::parse(text).is_some()
        || is_content(text)
}

/// Whether a text has bytes that no line of the module holds.
pub(super) fn is_content(text: &str) -> bool {
    text.contains(|char: char| char.is_control() || char == char::REPLACEMENT_CHARACTER)
}
