//! What a bring-up sends next.

use std::time::Duration;

use bytes::Bytes;

use super::state::{BringUp, Contact, RESTARTS};
use super::steps::Fact;
use crate::at::CommandLine;
use crate::dialogue::exchange::{Information, Outcome, Response};
use crate::dialogue::failure::{Awaited, Cause, Failure, Stage};
use crate::dialogue::operation::Output;
use crate::dialogue::procedure::{Next, Procedure, Saying};
use crate::ftps::{CommandName, Timing, escape};

/// How long a module may take to start its radio. 3GPP names no time; some seconds are usual.
const RADIO: Duration = Duration::from_secs(30);

/// How often the module is called. A module that is starting answers after some 10 s (SIM7600); it gets twice that.
const CALLS: u32 = 20;
const CALL_TIMEOUT: Duration = Duration::from_secs(1);

/// How long the line must be silent before a call. The time doubles after each restart, since content that comes over
/// a slow network has longer gaps.
const QUIET: Duration = Duration::from_millis(200);

/// Switches result codes on, and to words (V.250 §6.2.5, §6.2.6). A module whose stored profile has `ATQ1` or `ATV0`
/// hears every call, but its replies are not recognised. The call alternates with a plain `AT`, for modules that take
/// only one command on a line.
const LOUD: &str = "ATQ0V1";

/// Fills up a block that a crashed program began. A block has no end mark: the module takes the next bytes, at most
/// 2048 (SIMCom manual L1215), for content, and hears no command before. The file is broken in any case, and its name
/// is not known. The filler is bytes that no text holds, so that readers of the file see where its content ends, and
/// bytes that mean nothing on a command line (V.250 §5.2.2). A module that is only starting gets time before it is
/// sent.
const FILLER: [u8; 2048] = [0; 2048];
const FILL_AFTER: u32 = 3;

/// A file that a crashed program was writing to the module (`AT+CFTRANRX`) may be as long as the module's file system
/// is large. Where the first filler did not help, every third call sends more, as much as the line takes in so many
/// seconds, until the module says anything. That is some megabytes over USB in one bring-up. The owner begins the
/// next bring-up after a pause, and that one goes on. A stream that opens meanwhile is ended by its mark before each
/// filling, so that no zeros go into it.
const FILL_ON: u64 = 4 * 1024 * 1024;
const FILL_FOR: Duration = Duration::from_secs(4);

/// Every answer comes from the module itself. A SIM that is still being read delays some of them.
const ANSWER: Duration = Duration::from_secs(5);

/// Pause between two questions to a busy SIM.
const SIM_PAUSE: Duration = Duration::from_secs(1);

impl BringUp {
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
            // A module that answers at all does not refuse it.
            Outcome::Failed(Cause::Refused(_)) => Contact::Settle { tries },
            _ => Contact::Call { tries },
        };
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
                // Twice: behind an ETX, the first one is content.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialogue::setup::Setup;

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
