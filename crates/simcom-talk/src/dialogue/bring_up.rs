//! Bringing the module from any state to one that serves.

mod steps;

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use tracing::info;

use super::exchange::{Information, Outcome, Response};
use super::facts::{self, Capabilities, Facts, Identity, Sim};
use super::failure::{Awaited, Cause, Failure, Stage};
use super::operation::Output;
use super::procedure::{Next, Procedure, Saying};
use super::setup::Setup;
use crate::at::{CommandLine, ErrorCode, Line};
use crate::ftps::{CommandName, Quirks, Report, Timing, escape};
use steps::{Fact, Step};

/// Makes contact, sets the dialect, silences unsolicited lines, and asks who is there. Every
/// command may be repeated, and only those that the rest depends on may not fail.
#[derive(Debug)]
pub(crate) struct BringUp {
    setup: Setup,
    steps: std::vec::IntoIter<Step>,
    current: Option<Step>,
    /// To be said once more after a pause.
    again: Option<Step>,
    /// Not answered: to be said once more, once the module answers again.
    unanswered: Option<Step>,
    /// Said before what comes next in order.
    extra: VecDeque<Step>,
    /// The module has just started: its identity is believed once two answers agree.
    fresh: bool,
    /// The answer to the question of its identity that is not believed yet, and how often it was asked.
    doubted: Option<String>,
    asked: u32,
    radio: Radio,
    /// The last that was said once more.
    repeated: Option<CommandName>,
    contact: Contact,
    facts: Facts,
    sim_tries: u32,
    /// Not applied yet.
    quirks: Option<Quirks>,
    /// Something was heard that may have been taken for an answer.
    out_of_step: bool,
    restarts: u32,
    ended: Option<Failure>,
}

#[derive(Debug)]
enum Contact {
    /// A program that crashed may have left the module at a prompt: end what it wrote. Anywhere
    /// else the byte means nothing before the next `AT` (V.250 §5.2.1).
    EndContent,
    /// It has fallen back to a prompt: as [`Contact::EndContent`], and asked at once whether that was it.
    Mark {
        tries: u32,
    },
    /// It may wait for the rest of a block: see [`FILLER`].
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
enum Radio {
    Unknown,
    /// It is asked for, since the SIM was refused for this reason, or there is no registration.
    Asked(Option<(CommandName, ErrorCode)>),
    /// It was on.
    On,
    /// It was off and is being switched on: until it is, the SIM may fail.
    SwitchedOn,
}

/// What `+CPIN:` said of the card (3GPP 27.007 §8.3, and SIMCom's own words).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Card {
    Ready,
    /// It waits for a PIN or a PUK, or is bound to another device or network.
    Locked,
    Missing,
    /// It is being read; words that no document has are taken for that, since they prove nothing else.
    Reading,
}

impl Card {
    /// The lines may be more than the answer: the module says unasked what changes meanwhile, so the last
    /// counts. `None` where nothing was said.
    fn of(response: &Response) -> Option<Self> {
        let mut said = response.info.iter().rev();
        let state = said.find_map(|line| line.strip_prefix("+CPIN:"))?.trim();
        let locked = ["SIM PIN", "SIM PUK", "PH-"];
        Some(match state {
            "READY" => Self::Ready,
            "NOT INSERTED" | "SIM REMOVED" => Self::Missing,
            state if locked.iter().any(|lock| state.starts_with(lock)) => Self::Locked,
            _ => Self::Reading,
        })
    }
}

/// How often a module is asked for its identity where two answers do not agree.
const IDENTITY_TRIES: u32 = 4;

/// A module is starting its radio: 3GPP names no time, and some seconds are usual.
const RADIO: Duration = Duration::from_secs(30);

/// A module that is starting answers after some 10 s (SIM7600) and is given twice that.
const CALLS: u32 = 20;
const CALL_TIMEOUT: Duration = Duration::from_secs(1);

/// How long the line must be silent before a call; twice that after each restart, since content that
/// comes over a slow network has longer gaps.
const QUIET: Duration = Duration::from_millis(200);

/// How often the bring-up begins again where answers and questions may not belong together. A module that
/// says such things by itself is believed after that.
const RESTARTS: u32 = 3;

/// Result codes, and in words (V.250 §6.2.5, §6.2.6): a module whose stored profile has `ATQ1` or `ATV0`
/// hears every call, and no answer to a plain one is known for one. Said in turn with the plain call,
/// for a module that takes no more than one of them on a line.
const LOUD: &str = "ATQ0V1";

/// A block that a crashed program began has no end mark: the module takes so many bytes, at most
/// 2048 (SIMCom manual L1215), for content, and hears nothing before. Its file is broken
/// whatever is done, and its name is not known. It is filled up with bytes that no text holds, so
/// that whoever reads it sees where it ends, and that mean nothing on a command line (V.250
/// §5.2.2). A module that is only starting is given time before.
const FILLER: [u8; 2048] = [0; 2048];
const FILL_AFTER: u32 = 3;

/// A file that a crashed program was writing to the module (`AT+CFTRANRX`) may be as long as its file
/// system is large. Where the first filler did not help, more follows with each third call, as much as
/// the line takes in so many seconds, until the module says anything: some megabytes over USB in one
/// bring-up, and what is left in the next, which its owner begins after a pause. A stream that opens
/// meanwhile is ended by its mark before each filling, so that no zeros go into it.
const FILL_ON: u64 = 4 * 1024 * 1024;
const FILL_FOR: Duration = Duration::from_secs(4);

/// Every answer comes from the module itself. A SIM that is being read delays some of them.
const ANSWER: Duration = Duration::from_secs(5);

/// How often a SIM that is busy is asked again, each time after [`SIM_PAUSE`].
const SIM_TRIES: u32 = 10;
const SIM_PAUSE: Duration = Duration::from_secs(1);

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

    /// A line that belongs to no command. One that no unsolicited line looks like shows that content is
    /// still coming in, of a transfer that nobody waits for any more, or that answers came late.
    pub(crate) fn unsolicited_line(&mut self, text: &str) {
        self.out_of_step |= is_content_or_late(text);
    }

    /// Whether there is nobody to ask any more.
    fn is_lost(&self) -> bool {
        let cause = self.ended.as_ref().map(|failure| &failure.cause);
        matches!(
            cause,
            Some(Cause::PortLost | Cause::Rebooted | Cause::Timeout(_))
        )
    }

    /// Everything once more, once the line is quiet.
    fn restart(&mut self) {
        info!("lines that may have been taken for answers came in between; asking anew");
        let anew = Self::new(&self.setup, self.fresh);
        self.restarts += 1;
        let contact = Contact::Settle { tries: 0 };
        *self = Self {
            restarts: self.restarts,
            contact,
            ..anew
        };
    }

    /// What the module said of itself so far.
    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }

    /// What is left to be set, now that every question was answered.
    fn last(&mut self) -> Option<Step> {
        let quirks = self.quirks.take()?;
        let Identity {
            model, firmware, ..
        } = &self.facts.identity;
        let capabilities = &mut self.facts.capabilities;
        capabilities.quirks = quirks.apply(model, firmware, &mut capabilities.profile);
        // Passive: a server cannot reach a module in a mobile network (A76XX AT manual V1.09
        // §17).
        let passive = || CommandLine::write("AT+CFTPSMODE").number(1).finish();
        capabilities.profile.mode.then(|| Step {
            name: "AT+CFTPSMODE".into(),
            line: passive(),
            information: Information::Nothing,
            fact: Fact::None,
        })
    }

    fn heard_call(&mut self, tries: u32, response: &Response) {
        self.contact = match &response.outcome {
            Outcome::Done(_) => Contact::Made,
            Outcome::Failed(cause @ Cause::PortLost) => {
                self.ended = Some(Failure::new(
                    cause.clone(),
                    Some(CommandName::AT),
                    Stage::Device,
                ));
                Contact::Made
            }
            _ if tries >= CALLS => {
                let cause = Cause::Timeout(Awaited::FinalCode);
                self.ended = Some(Failure::new(cause, Some(CommandName::AT), Stage::Device));
                Contact::Made
            }
            Outcome::Failed(Cause::Timeout(_)) if tries % FILL_AFTER == FILL_AFTER - 1 => {
                Contact::Mark { tries }
            }
            _ if tries == FILL_AFTER => Contact::Fill { tries },
            Outcome::Failed(Cause::Timeout(_)) if tries.is_multiple_of(FILL_AFTER) => {
                Contact::Fill { tries }
            }
            // Nothing that answers refuses it.
            Outcome::Failed(Cause::Refused(_)) => Contact::Settle { tries },
            _ => Contact::Call { tries },
        };
    }

    fn heard_step(&mut self, step: &Step, response: &Response) {
        if let Outcome::Failed(cause @ (Cause::PortLost | Cause::Rebooted)) = &response.outcome {
            self.ended = Some(Failure::new(cause.clone(), Some(step.name), Stage::Device));
            return;
        }
        // A module that fell back to a prompt takes every line for content: that is ended, and the
        // line is said once more. A module that does not answer then is not asked a third time.
        if let Outcome::Failed(Cause::Timeout(_)) = &response.outcome
            && self.repeated != Some(step.name)
        {
            self.repeated = Some(step.name);
            self.unanswered = Some(step.clone());
            self.contact = Contact::Mark { tries: 0 };
            return;
        }
        // Both are known to answer with a line, and a name has no such bytes.
        let silent = matches!(step.fact, Fact::Sim | Fact::Signal) && response.info.is_empty();
        self.out_of_step |=
            (silent && response.is_done()) || response.info.iter().any(|line| is_content(line));
        let registration = &mut self.facts.registration;
        match step.fact {
            Fact::None | Fact::RadioOn => {}
            Fact::Manufacturer | Fact::Model | Fact::Firmware => self.identify(step, response),
            Fact::Radio => self.heard_radio(response),
            Fact::Ability(probe) => {
                let known = response.is_done();
                let answer = known.then(|| response.after(probe.prefix()).unwrap_or_default());
                self.facts.capabilities.heed(probe, answer);
            }
            Fact::Sim => self.heard_sim(step, response),
            Fact::Signal => {
                registration.rssi_dbm = response.after("+CSQ:").and_then(facts::rssi_dbm);
            }
            Fact::Registration => {
                let Information::Prefix(prefix) = step.information else {
                    return;
                };
                if let Some((registered, roaming)) =
                    response.after(prefix).and_then(facts::registration)
                {
                    let before = registration.registered.unwrap_or(false);
                    registration.registered = Some(before || registered);
                    registration.roaming |= roaming;
                }
                let nowhere = registration.registered == Some(false);
                if nowhere && steps::is_last_registration(prefix) && self.radio == Radio::Unknown {
                    self.ask_radio(None);
                }
            }
            Fact::Operator => {
                registration.operator = response
                    .after("+COPS:")
                    .and_then(facts::operator)
                    .unwrap_or_default();
            }
        }
    }

    /// Takes an answer for what the module is, if it looks so; else asks until two agree. Lines that no
    /// list knows come in between, above all while it starts.
    fn identify(&mut self, step: &Step, response: &Response) {
        let answer = answer(step.fact, response);
        let plain = response.info.len() == 1 && looks_like(step.fact, &answer) && !self.fresh;
        let agrees = self.doubted.as_ref() == Some(&answer);
        self.asked += 1;
        if response.is_done() && !plain && !agrees && self.asked < IDENTITY_TRIES {
            self.doubted = Some(answer);
            self.extra.push_front(step.clone());
            return;
        }
        self.asked = 0;
        self.doubted = None;
        let identity = &mut self.facts.identity;
        match step.fact {
            Fact::Manufacturer => identity.manufacturer = answer,
            Fact::Firmware => identity.firmware = answer,
            _ => {
                self.facts.capabilities = Capabilities::of_model(&answer);
                identity.model = answer;
            }
        }
    }

    /// Asks whether the radio is on; `why`: what was asked of the SIM, and how it was refused.
    fn ask_radio(&mut self, why: Option<(CommandName, ErrorCode)>) {
        self.radio = Radio::Asked(why);
        self.extra.push_back(steps::radio());
    }

    fn heard_radio(&mut self, response: &Response) {
        let level = response
            .after("+CFUN:")
            .and_then(|level| level.split(',').next());
        let off = matches!(level.map(str::trim), Some("0" | "4"));
        let Radio::Asked(why) = std::mem::replace(&mut self.radio, Radio::On) else {
            return;
        };
        if off {
            info!("the radio of the module was switched off; switching it on");
            self.radio = Radio::SwitchedOn;
            self.extra.push_back(steps::radio_on());
            if why.is_some() {
                self.extra.push_back(steps::sim());
            }
            return;
        }
        if let Some((name, code)) = why {
            self.end_without_sim(name, code);
        }
    }

    /// The module says that the SIM does not serve: what it says, and no more.
    fn end_without_sim(&mut self, name: CommandName, code: ErrorCode) {
        let missing = code.is_sim_missing();
        let (sim, cause) = if missing {
            (Sim::Missing, Cause::SimMissing)
        } else {
            (Sim::Unknown, Cause::Refused(Some(code)))
        };
        self.facts.registration.sim = sim;
        self.ended = Some(Failure::new(cause, Some(name), Stage::Sim));
    }

    fn heard_sim(&mut self, step: &Step, response: &Response) {
        let refusal = response.refusal();
        let starting = self.radio == Radio::SwitchedOn
            && refusal.is_some_and(|code| code.is_sim_failure() || code.is_sim_missing());
        let busy = starting || refusal.is_some_and(ErrorCode::is_sim_busy);
        if busy && self.sim_tries < SIM_TRIES {
            self.sim_tries += 1;
            self.again = Some(step.clone());
            return;
        }
        let card = Card::of(response);
        if card == Some(Card::Reading) && self.sim_tries < SIM_TRIES {
            self.sim_tries += 1;
            self.again = Some(step.clone());
            return;
        }
        let (sim, cause) = match card {
            Some(Card::Ready) => (Sim::Ready, None),
            Some(Card::Locked) => (Sim::Locked, Some(Cause::SimLocked)),
            Some(Card::Missing) => (Sim::Missing, Some(Cause::SimMissing)),
            Some(Card::Reading) | None => (Sim::Unknown, None),
        };
        if let Some(code) = refusal
            && (code.is_sim_missing() || code.is_sim_failure())
        {
            // With the radio off, a SIM that is there fails as well.
            match self.radio {
                Radio::Unknown => self.ask_radio(Some((step.name, code.clone()))),
                _ => self.end_without_sim(step.name, code.clone()),
            }
            return;
        }
        self.facts.registration.sim = sim;
        self.ended = cause.map(|cause| Failure::new(cause, Some(step.name), Stage::Sim));
    }
}

impl Procedure for BringUp {
    fn next(&mut self) -> Next {
        let made = matches!(self.contact, Contact::Made) && !self.is_lost();
        if made && self.out_of_step && self.restarts < RESTARTS {
            self.restart();
        }
        if let Some(failure) = &self.ended {
            return Next::Finish(Err(failure.clone()));
        }
        match self.contact {
            Contact::EndContent => {
                self.contact = Contact::Settle { tries: 0 };
                // Twice: behind an ETX, the first is content.
                return Next::Raw(Bytes::from_static(&[escape::END; 2]));
            }
            Contact::Mark { tries } => {
                self.contact = Contact::Call { tries };
                return Next::Raw(Bytes::from_static(&[escape::END; 2]));
            }
            Contact::Fill { tries } => {
                self.contact = Contact::Settle { tries };
                if tries > FILL_AFTER {
                    return Next::Fill(FILL_ON, FILL_FOR);
                }
                return Next::Raw(Bytes::from_static(&FILLER));
            }
            Contact::Settle { tries } => {
                self.contact = Contact::Call { tries };
                self.out_of_step = false;
                return Next::Quiet(QUIET * 2_u32.pow(self.restarts));
            }
            Contact::Call { tries } => {
                self.contact = Contact::Called { tries: tries + 1 };
                let plain = tries.is_multiple_of(2);
                return Next::Say(Saying::Basic {
                    name: CommandName::AT,
                    line: CommandLine::bare(if plain { "AT" } else { LOUD }),
                    information: Information::Nothing,
                    timing: Timing {
                        accept: CALL_TIMEOUT,
                        ..Timing::DEFAULT
                    },
                });
            }
            Contact::Called { .. } | Contact::Made => {}
        }
        if self.again.is_some() {
            self.current = self.again.take();
            return Next::Pause(SIM_PAUSE, "the SIM is busy");
        }
        let unanswered = self.unanswered.take();
        let step = self.current.take().or(unanswered);
        let step = step.or_else(|| self.extra.pop_front());
        let step = step.or_else(|| self.steps.next());
        let Some(step) = step.or_else(|| self.last()) else {
            return Next::Finish(Ok(Output::Done));
        };
        self.current = Some(step.clone());
        Next::Say(Saying::Basic {
            name: step.name,
            line: step.line,
            information: step.information,
            timing: Timing {
                accept: if step.fact == Fact::RadioOn {
                    RADIO
                } else {
                    ANSWER
                },
                ..Timing::DEFAULT
            },
        })
    }

    fn heard(&mut self, response: &Response) {
        if let Contact::Called { tries } = self.contact {
            return self.heard_call(tries, response);
        }
        if let Some(step) = self.current.take() {
            self.heard_step(&step, response);
        }
    }

    fn abandon(&mut self, _cause: Cause) {}

    fn give_up(&mut self, failure: Failure) {
        self.ended = Some(failure);
    }
}

/// Whether no unsolicited line looks so: a result code, a report of the service, or content.
fn is_content_or_late(text: &str) -> bool {
    matches!(Line::classify(text.as_bytes()), Line::Final(_))
        || Report::parse(text).is_some()
        || is_content(text)
}

/// Whether it has bytes that no line of the module holds.
fn is_content(text: &str) -> bool {
    text.contains(|char: char| char.is_control() || char == char::REPLACEMENT_CHARACTER)
}

/// What the module says it is: the line with the command's own prefix, or else the last that looks so.
fn answer(fact: Fact, response: &Response) -> String {
    let prefix = match fact {
        Fact::Manufacturer => "+CGMI:",
        Fact::Model => "+CGMM:",
        _ => "+CGMR:",
    };
    let lines = &response.info;
    let prefixed = lines.iter().find(|line| line.starts_with(prefix));
    let likely = || lines.iter().rfind(|line| looks_like(fact, line));
    let line = prefixed.or_else(likely).or(lines.last());
    let line = line.map(String::as_str).unwrap_or_default();
    line.strip_prefix(prefix)
        .unwrap_or(line)
        .trim()
        .trim_matches('"')
        .to_owned()
}

/// Whether a text can be the name of a maker, of a model, or of a firmware: these have numbers.
fn looks_like(fact: Fact, text: &str) -> bool {
    let letters = text.contains(|char: char| char.is_ascii_alphabetic());
    let digits = text.contains(|char: char| char.is_ascii_digit());
    match fact {
        Fact::Manufacturer => letters && !digits,
        Fact::Model => letters && digits,
        _ => digits,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_whose_profile_has_q1_or_v0_is_called_so_that_it_answers_in_words() {
        let mut bring_up = BringUp::new(&Setup::default(), false);
        let mut calls = Vec::new();
        while !matches!(bring_up.contact, Contact::Made) && calls.len() < 4 {
            if let Next::Say(Saying::Basic { name, line, .. }) = bring_up.next() {
                calls.push(line.bytes().to_vec());
                bring_up.heard(&Response {
                    name,
                    outcome: Outcome::Failed(Cause::Timeout(Awaited::FinalCode)),
                    clean: false,
                    info: Vec::new(),
                    prompted: false,
                    echoed: false,
                });
            }
        }
        let calls: Vec<&[u8]> = calls.iter().map(Vec::as_slice).collect();
        assert_eq!(calls, [&b"AT\r"[..], b"ATQ0V1\r", b"AT\r", b"ATQ0V1\r"]);
    }

    #[test]
    fn a_card_is_locked_or_missing_only_where_the_module_says_so() {
        for (said, card) in [
            (&["+CPIN: READY"][..], Some(Card::Ready)),
            (&["+CPIN: NOT READY", "+CPIN: READY"], Some(Card::Ready)),
            (&["+CPIN:SIM PIN"], Some(Card::Locked)),
            (&["+CPIN: PH-NET PIN"], Some(Card::Locked)),
            (&["+CPIN: NOT INSERTED"], Some(Card::Missing)),
            (&["+CPIN: NOT READY"], Some(Card::Reading)),
            (&[], None),
        ] {
            let response = Response {
                name: "AT+CPIN".into(),
                outcome: Outcome::Done(None),
                clean: true,
                info: said.iter().map(|line| (*line).to_owned()).collect(),
                prompted: false,
                echoed: false,
            };
            assert_eq!(Card::of(&response), card, "{said:?}");
        }
    }

    #[test]
    fn a_module_that_says_ok_twice_each_time_is_believed_in_the_end() {
        let mut bring_up = BringUp::new(&Setup::default(), false);
        let mut calls = 0;
        for _ in 0..1000 {
            match bring_up.next() {
                Next::Finish(outcome) => {
                    assert_eq!((outcome, calls), (Ok(Output::Done), RESTARTS + 1));
                    return;
                }
                Next::Say(Saying::Basic { name, .. }) => {
                    calls += u32::from(name == CommandName::AT);
                    bring_up.heard(&Response {
                        name,
                        outcome: Outcome::Done(None),
                        clean: true,
                        info: vec!["anything".into()],
                        prompted: false,
                        echoed: false,
                    });
                    bring_up.unsolicited_line("OK");
                }
                _ => {}
            }
        }
        panic!("it asks for ever");
    }
}
