//! The task that asks a module which is up for its network.

use super::state::{BringUp, Contact, RESTARTS, Radio};
use super::steps;
use crate::dialogue::exchange::Response;
use crate::dialogue::facts::Registration;
use crate::dialogue::failure::{Cause, Failure, Stage};
use crate::dialogue::operation::Output;
use crate::dialogue::procedure::{Next, Procedure};
use crate::dialogue::setup::Setup;

/// Asks the last questions of the bring-up once more: signal, registration, and the network's name.
#[derive(Debug)]
pub(crate) struct Network {
    questions: BringUp,
    reached: bool,
}

impl Network {
    /// Asks for what may have changed.
    pub(crate) fn new() -> Self {
        Self {
            questions: BringUp {
                steps: steps::network().into_iter(),
                contact: Contact::Made,
                quirks: None,
                // A task never begins the bring-up again, and never switches the radio on.
                restarts: RESTARTS,
                radio: Radio::On,
                ..BringUp::new(&Setup::default(), false)
            },
            reached: false,
        }
    }

    fn found(&self) -> Registration {
        self.questions.facts().registration.clone()
    }
}

impl Procedure for Network {
    fn next(&mut self) -> Next {
        if !std::mem::replace(&mut self.reached, true) {
            return Next::Reach;
        }
        match self.questions.next() {
            Next::Finish(Ok(_)) => Next::Finish(Ok(Output::Network(self.found()))),
            next => next,
        }
    }

    fn heard(&mut self, response: &Response) {
        self.questions.heard(response);
    }

    fn abandon(&mut self, cause: Cause) {
        let failure = Failure::new(cause, None, Stage::Device);
        self.questions.give_up(failure);
    }

    fn give_up(&mut self, failure: Failure) {
        self.questions.give_up(failure);
    }
}
