//! The task that looks for many names of one directory in one listing.

use std::collections::HashMap;

use bytes::Bytes;

use super::exchange::{Outcome, Response};
use super::failure::{Cause, Failure, Stage};
use super::inquiry::Inquiry;
use super::known::{Known, known};
use super::operation::{
    self, Delivery, Output, Progress, ProgressStage, Surveyed, SurveyedName, WantedName,
};
use super::procedure::{Next, Procedure, Saying, Ways, may_retry};
use super::size;
use super::sought::{Sought, keys};
use crate::ftps::listing::{Entry, Lines};
use crate::ftps::value::RemotePath;
use crate::ftps::{Command, CommandName};

/// Lists a directory, and tells for each name what [`Inquiry`] would make of that listing. A name that the
/// listing does not show, or shows with an unexpected size, is asked for by SIZE: a listing may hide names,
/// may be cut off, and may belong to another directory. A directory that cannot be listed is no failure: each
/// name is then asked for.
#[derive(Debug)]
pub(crate) struct Survey {
    directory: Option<RemotePath>,
    asks: bool,
    names: Vec<Name>,
    /// Which names an entry may belong to.
    by_key: HashMap<String, Vec<usize>>,
    state: State,
    lines: Lines,
    now: Option<std::time::SystemTime>,
    /// The first line that could not be read.
    unread: Option<Bytes>,
    /// The directory was listed.
    is_listed: bool,
    bytes: u64,
    commands: u64,
    tries: u32,
    tells_sizes: bool,
}

#[derive(Debug)]
struct Name {
    wanted: WantedName,
    sought: Sought,
    /// What SIZE has told.
    told: Option<Known>,
}

#[derive(Debug)]
enum State {
    List,
    /// The index of the name that is asked for.
    Ask(usize, Box<Inquiry>),
    Over(Option<Failure>),
}

impl Survey {
    pub(crate) fn new(what: operation::Survey) -> Self {
        let directory = what.names.first().and_then(|first| first.path.parent());
        let names = what.names.into_iter().map(|wanted| Name {
            sought: Sought::new(&wanted.path, false),
            wanted,
            told: None,
        });
        let names: Vec<_> = names.collect();
        let mut by_key: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, name) in names.iter().enumerate() {
            by_key.entry(name.sought.key()).or_default().push(at);
        }
        Self {
            directory,
            asks: what.asks,
            names,
            by_key,
            state: State::List,
            lines: lines(what.now),
            now: what.now,
            unread: None,
            is_listed: false,
            bytes: 0,
            commands: 0,
            tries: 0,
            tells_sizes: false,
        }
    }

    fn read(&mut self, entries: Vec<Entry>) {
        for entry in entries {
            let Some(facts) = &entry.facts else {
                self.unread.get_or_insert(entry.raw);
                continue;
            };
            let of: Vec<usize> = keys(facts)
                .filter_map(|key| self.by_key.get(&key))
                .flatten()
                .copied()
                .collect();
            for at in of {
                if let Some(name) = self.names.get_mut(at) {
                    name.sought.read([entry.clone()]);
                }
            }
        }
    }

    /// What the listing shows of a name. `None`: there is no listing.
    fn listed(&self, name: &Name) -> Option<Known> {
        self.is_listed
            .then(|| known(&name.sought, self.unread.as_ref()))
    }

    /// The first name from `at` on that must be asked for.
    fn ask(&self, at: usize) -> State {
        let wanting = |(_, name): &(usize, &Name)| {
            let listed = self.listed(name);
            match (name.wanted.size, listed) {
                (Some(wanted), Some(Known::Size(size))) => wanted != size,
                (None, Some(Known::Size(_) | Known::Present)) => false,
                _ => true,
            }
        };
        let next = self.names.iter().enumerate().skip(at).find(wanting);
        let Some((at, name)) = next.filter(|_| self.asks) else {
            return State::Over(None);
        };
        let path = name.wanted.path.clone();
        let mut inquiry = match self.listed(name) {
            Some(listed) => Inquiry::beside(path, listed),
            None => Inquiry::size(path),
        };
        inquiry.know_of_sizes(self.tells_sizes);
        State::Ask(at, Box::new(inquiry))
    }

    /// Takes the answer about a name.
    fn answered(&mut self, at: usize, known: Known) -> State {
        // The link has failed: there is no more than what the listing has shown.
        if matches!(known, Known::Failed(..)) && self.is_listed {
            return State::Over(None);
        }
        if let Known::Failed(..) = known {
            return State::Over(Some(size::unknown(known)));
        }
        // Where the directory does not exist, none of the other names does.
        let all_gone = known == Known::NoDirectory && !self.is_listed;
        let last = if all_gone { self.names.len() } else { at + 1 };
        for name in self.names.get_mut(at..last).unwrap_or_default() {
            name.told = Some(known.clone());
        }
        self.ask(last)
    }

    fn seen(&self, name: &Name) -> SurveyedName {
        let listed = || self.listed(name).unwrap_or(Known::Undecided(None));
        let entry = name.sought.found().map(|(facts, raw)| Entry {
            facts: Some(facts.clone()),
            raw: raw.clone(),
        });
        let size = match name.told.clone().unwrap_or_else(listed) {
            Known::Size(size) => Ok(size),
            known => Err(size::unknown(known)),
        };
        SurveyedName { entry, size }
    }

    fn failure(&self, cause: Cause) -> Failure {
        Failure {
            attempt: self.tries.max(1),
            ..Failure::new(cause, Some(CommandName::List), Stage::Data)
        }
    }
}

fn lines(now: Option<std::time::SystemTime>) -> Lines {
    now.map_or_else(Lines::new, Lines::at)
}

impl Procedure for Survey {
    fn next(&mut self) -> Next {
        loop {
            match &mut self.state {
                State::List => {
                    self.tries += 1;
                    let list = Command::List(self.directory.clone());
                    return Next::Say(Saying::Ftps(list));
                }
                State::Ask(at, inquiry) => match inquiry.next() {
                    Ok(command) => {
                        self.commands += 1;
                        return Next::Say(Saying::Ftps(command));
                    }
                    Err(known) => {
                        let at = *at;
                        self.state = self.answered(at, known);
                    }
                },
                State::Over(Some(failure)) => return Next::Finish(Err(failure.clone())),
                State::Over(None) => {
                    let names = self.names.iter().map(|name| self.seen(name));
                    return Next::Finish(Ok(Output::Surveyed(Surveyed {
                        bytes: self.bytes,
                        commands: self.commands,
                        names: names.collect(),
                    })));
                }
            }
        }
    }

    fn heard(&mut self, response: &Response) {
        match (&mut self.state, &response.outcome) {
            (State::Ask(_, inquiry), _) => inquiry.heard(response),
            (State::List, Outcome::Done(_)) => {
                let last = self.lines.finish();
                self.read(last);
                self.is_listed = true;
                self.state = self.ask(0);
            }
            (State::List, Outcome::Failed(cause)) => {
                // Another listing follows, or none: this one may not have shown everything.
                self.lines = lines(self.now);
                self.unread = None;
                for name in &mut self.names {
                    name.sought = Sought::new(&name.wanted.path, false);
                }
                if may_retry(cause, self.tries) {
                    return;
                }
                self.state = if cause.is_refusal() {
                    self.ask(0)
                } else {
                    State::Over(Some(self.failure(cause.clone())))
                };
            }
            (State::Over(_), _) => {}
        }
    }

    fn content(&mut self, bytes: Bytes) -> Option<Delivery> {
        match &mut self.state {
            State::Ask(_, inquiry) => inquiry.content(&bytes),
            State::List => {
                self.bytes += bytes.len() as u64;
                let entries = self.lines.push(&bytes);
                self.read(entries);
            }
            State::Over(_) => {}
        }
        None
    }

    fn equip(&mut self, ways: Ways) {
        self.tells_sizes = ways.sizes;
        if let State::Ask(_, inquiry) = &mut self.state {
            inquiry.know_of_sizes(ways.sizes);
        }
    }

    fn abandon(&mut self, cause: Cause) {
        self.state = State::Over(Some(self.failure(cause)));
    }

    fn give_up(&mut self, failure: Failure) {
        self.state = State::Over(Some(failure));
    }

    fn progress(&self) -> Progress {
        Progress {
            stage: ProgressStage::Verifying,
            ..Progress::default()
        }
    }
}
