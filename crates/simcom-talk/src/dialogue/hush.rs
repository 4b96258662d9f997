//! Ends the sentences of a satellite receiver on the AT port.

use std::time::Duration;

use super::exchange::{Information, Response};
use super::failure::{Cause, Failure};
use super::operation::Output;
use super::procedure::{Next, Procedure, Saying};
use crate::at::CommandLine;
use crate::ftps::{CommandName, Timing};

/// Sends the commands that keep positions away from the AT port. Each module knows some of them. None of them
/// stops the receiver. A refusal is no failure: the framer recognises the sentences, and they only cost time
/// on the line.
#[derive(Debug)]
pub(crate) struct Hush {
    ahead: std::slice::Iter<'static, fn() -> Said>,
    ended: Option<Failure>,
}

type Said = (&'static str, CommandLine);

/// `AT+CGNSSTST=0` ends the sending of sentences to the AT port. `AT+CGNSSPORTSWITCH=0,0` moves them to a USB
/// port of their own; a second value of 1 would send them to the UART, which is the AT port of most boards
/// (A76XX AT manual V1.09, "AT Commands for GNSS"). `AT+CGPSINFOCFG=0` ends the reports of the SIM7600
/// (SIM7500/SIM7600 AT manual V3.00, "AT Commands for GPS").
const COMMANDS: [fn() -> Said; 3] = [
    || {
        let line = CommandLine::write("AT+CGNSSTST").number(0);
        ("AT+CGNSSTST", line.finish())
    },
    || {
        let line = CommandLine::write("AT+CGNSSPORTSWITCH").number(0).number(0);
        ("AT+CGNSSPORTSWITCH", line.finish())
    },
    || {
        let line = CommandLine::write("AT+CGPSINFOCFG").number(0);
        ("AT+CGPSINFOCFG", line.finish())
    },
];

/// The answers come from the module itself.
const ANSWER: Duration = Duration::from_secs(5);

impl Hush {
    /// Begins.
    pub(crate) fn new() -> Self {
        Self {
            ahead: COMMANDS.iter(),
            ended: None,
        }
    }
}

impl Procedure for Hush {
    fn next(&mut self) -> Next {
        if let Some(failure) = &self.ended {
            return Next::Finish(Err(failure.clone()));
        }
        let Some((name, line)) = self.ahead.next().map(|command| command()) else {
            return Next::Finish(Ok(Output::Done));
        };
        Next::Say(Saying::Basic {
            name: CommandName::from(name),
            line,
            information: Information::Nothing,
            timing: Timing {
                accept: ANSWER,
                ..Timing::DEFAULT
            },
        })
    }

    fn heard(&mut self, _settlement: &Response) {}

    fn abandon(&mut self, _cause: Cause) {}

    fn give_up(&mut self, failure: Failure) {
        self.ended = Some(failure);
    }
}
