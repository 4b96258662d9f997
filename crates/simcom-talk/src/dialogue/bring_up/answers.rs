//! What the answers tell about the module.

use tracing::info;

use super::card::Card;
use super::state::{BringUp, Contact, Radio, is_content};
use super::steps::{self, Fact, Step};
use crate::at::ErrorCode;
use crate::dialogue::exchange::{Information, Outcome, Response};
use crate::dialogue::facts::{self, Capabilities, Sim};
use crate::dialogue::failure::{Cause, Failure, Stage};
use crate::ftps::CommandName;

/// How often a module is asked for its identity while two answers do not agree.
const IDENTITY_TRIES: u32 = 4;

/// How often a busy SIM is asked again, each time after [`SIM_PAUSE`].
const SIM_TRIES: u32 = 10;

impl BringUp {
    pub(super) fn heard_step(&mut self, step: &Step, response: &Response) {
        if let Outcome::Failed(cause @ (Cause::PortLost | Cause::Rebooted)) = &response.outcome {
            self.ended = Some(Failure::new(cause.clone(), Some(step.name), Stage::Device));
            return;
        }
        // A module that fell back to a prompt takes every line for content. That content is ended, and
        // the line is sent once more. A module that does not answer then is not asked a third time.
        if let Outcome::Failed(Cause::Timeout(_)) = &response.outcome
            && self.repeated != Some(step.name)
        {
            self.repeated = Some(step.name);
            self.unanswered = Some(step.clone());
            self.contact = Contact::Mark { tries: 0 };
            return;
        }
        // Some modules answer both with a bare line. A name has no such bytes.
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

    /// Takes an answer for what the module is, if it looks like one. Otherwise asks again until two
    /// answers agree: lines that no list knows come in between, most of all while the module starts.
    pub(super) fn identify(&mut self, step: &Step, response: &Response) {
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

    /// Asks whether the radio is on. `why` is the question that was asked of the SIM, and how the
    /// module refused it.
    pub(super) fn ask_radio(&mut self, why: Option<(CommandName, ErrorCode)>) {
        self.radio = Radio::Asked(why);
        self.extra.push_back(steps::radio());
    }

    pub(super) fn heard_radio(&mut self, response: &Response) {
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

    /// Ends the bring-up because the module says that the SIM does not serve. It says no more than
    /// that.
    pub(super) fn end_without_sim(&mut self, name: CommandName, code: ErrorCode) {
        let missing = code.is_sim_missing();
        let (sim, cause) = if missing {
            (Sim::Missing, Cause::SimMissing)
        } else {
            (Sim::Unknown, Cause::Refused(Some(code)))
        };
        self.facts.registration.sim = sim;
        self.ended = Some(Failure::new(cause, Some(name), Stage::Sim));
    }

    pub(super) fn heard_sim(&mut self, step: &Step, response: &Response) {
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
            // While the radio is off, a SIM that is there fails as well.
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

/// What the module says it is: the line with the command's own prefix, or else the last line that looks
/// like an identity.
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

/// Whether a text can be the name of a maker, a model or a firmware. The names of models and firmwares
/// have digits.
fn looks_like(fact: Fact, text: &str) -> bool {
    let letters = text.contains(|char: char| char.is_ascii_alphabetic());
    let digits = text.contains(|char: char| char.is_ascii_digit());
    match fact {
        Fact::Manufacturer => letters && !digits,
        Fact::Model => letters && digits,
        _ => digits,
    }
}
