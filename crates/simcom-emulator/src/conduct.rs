//! Conducts the command under way: when `OK` is sent, when the result is sent, and which.

use bytes::Bytes;

use crate::commands::Outcome;
use crate::emulator::Emulator;
use crate::faults::Phase;
use crate::knobs::{FailureForm, OkOrder};
use crate::line::printed_path;
use crate::outbox::Item;
use crate::pending::{Download, Kind, PendingCommand, Target, Upload};
use crate::request::{Answer, Ask, Failure};
use crate::session::SessionState;

/// Bytes of one read of the network: enough to keep a fast line busy, and few beside a cache.
const READ: usize = 16 * 1024;

impl Emulator {
    /// Begins the current command; `ask` is its first request.
    pub(crate) fn begin(&mut self, kind: Kind, ask: Option<Ask>) -> Outcome {
        if !self.queue.is_empty() {
            // TODO-correctness: no document shows a two-phase command followed by another on its
            // line.
            return Outcome::Error;
        }
        let name = self.current.name.clone();
        let (mut order, form) = (self.order_of(&name), self.form_of(&name));
        if matches!(
            &kind,
            Kind::Download(Download {
                sink: Target::Cache,
                ..
            })
        ) {
            // The cache is read while the download runs, so `OK` cannot wait for its end (L1214 b).
            order = OkOrder::OkFirst;
        }
        let holds_ok = matches!(
            kind,
            Kind::Upload(Upload { file: None, .. }) | Kind::Resolve(_)
        );
        let accepted = !holds_ok && order == OkOrder::OkFirst && form == FailureForm::OkCode;
        self.pending = Some(PendingCommand {
            name: name.clone(),
            nth: self.current.nth,
            order,
            form,
            accepted,
            waiting: None,
            first_id: self.last_id,
            kind,
        });
        if accepted {
            self.final_code(&name, self.current.nth, "OK");
        }
        if let Some(ask) = ask {
            self.wait_for(ask);
        }
        Outcome::Later
    }

    /// Asks the pending command's next question.
    pub(crate) fn wait_for(&mut self, ask: Ask) {
        let id = self.ask(ask);
        if let Some(pending) = &mut self.pending {
            pending.waiting = Some(id);
        }
    }

    /// Begins and succeeds at once, for commands that need no network. The session is then in
    /// `state`.
    pub(crate) fn settle_into(&mut self, state: SessionState) -> Outcome {
        let outcome = self.begin(Kind::Plain, None);
        let stood = self.session.state;
        if outcome == Outcome::Later && self.succeed(None) && stood != state {
            self.leave(state);
        }
        outcome
    }

    /// Begins and fails at once.
    pub(crate) fn begin_and_fail(&mut self, code: u16) -> Outcome {
        let outcome = self.begin(Kind::Plain, None);
        if outcome == Outcome::Later {
            self.fail(code);
        }
        outcome
    }

    /// Ends the pending command with success, unless a fault makes it fail. Returns whether it succeeded.
    /// The result is `+NAME: 0` unless another is given.
    pub(crate) fn succeed(&mut self, result: Option<String>) -> bool {
        if let Some(code) = self.result_fault() {
            self.fail(code);
            return false;
        }
        let Some(pending) = self.pending.take() else {
            return false;
        };
        let PendingCommand {
            name,
            nth,
            order,
            accepted,
            ..
        } = pending;
        let result = result.unwrap_or_else(|| format!("{name}: 0"));
        if !accepted && order == OkOrder::OkFirst {
            self.final_code(&name, nth, "OK");
        }
        self.result(&name, nth, &result);
        if !accepted && order == OkOrder::ResultFirst {
            self.final_code(&name, nth, "OK");
        }
        true
    }

    /// Ends the pending command with a code.
    pub(crate) fn fail(&mut self, code: u16) {
        let Some(pending) = self.pending.take() else {
            return;
        };
        let PendingCommand {
            name,
            nth,
            order,
            form,
            accepted,
            kind,
            ..
        } = pending;
        let result = match &kind {
            // SIMCom manual, AT+CDNSGIP: 0 and a code of its own, 10 for any DNS error.
            Kind::Resolve(_) => format!("{name}: 0,10"),
            _ => format!("{name}: {code}"),
        };
        // After data the documents have only one form: OK, then the code (L1215 c).
        let after_data = matches!(&kind, Kind::Upload(upload) if upload.complete);
        let form = if after_data {
            FailureForm::OkCode
        } else {
            form
        };
        if accepted {
            return self.result(&name, nth, &result);
        }
        match (form, order) {
            (FailureForm::Error, _) => self.final_code(&name, nth, "ERROR"),
            (FailureForm::CodeError, _) => {
                self.result(&name, nth, &result);
                self.final_code(&name, nth, "ERROR");
            }
            (FailureForm::ErrorCode, _) => {
                self.final_code(&name, nth, "ERROR");
                self.result(&name, nth, &result);
            }
            (_, OkOrder::ResultFirst) => {
                self.result(&name, nth, &result);
                self.final_code(&name, nth, "OK");
            }
            _ => {
                self.final_code(&name, nth, "OK");
                self.result(&name, nth, &result);
            }
        }
    }

    /// An answer from the network.
    pub(crate) fn answered(&mut self, id: u64, answer: Result<Answer, Failure>) {
        let Some(pending) = &mut self.pending else {
            return;
        };
        if id <= pending.first_id {
            return;
        }
        if pending.waiting != Some(id) {
            return self.stored(answer);
        }
        pending.waiting = None;
        match answer {
            Ok(answer) => self.progress(answer),
            Err(failure) => {
                if failure.ends_session() && self.session.state == SessionState::LoggedIn {
                    self.session.state = SessionState::Dead;
                }
                self.fail(failure.code());
            }
        }
    }

    fn progress(&mut self, answer: Answer) {
        let Some(pending) = &mut self.pending else {
            return;
        };
        let name = &pending.name;
        let result = match (&mut pending.kind, answer) {
            (Kind::Login, Answer::Done) => {
                if self.succeed(None) {
                    self.session.state = SessionState::LoggedIn;
                } else {
                    self.ask(Ask::DropAll);
                }
                return;
            }
            (Kind::Logout, _) => {
                self.leave(SessionState::Started);
                None
            }
            (Kind::Abort, _) => {
                self.leave(SessionState::Idle);
                None
            }
            (Kind::Type(transfer_type), Answer::Done) => {
                let transfer_type = *transfer_type;
                if self.succeed(None) {
                    self.session.transfer_type = transfer_type;
                }
                return;
            }
            (Kind::Plain, Answer::Directory(path)) => {
                Some(format!("{name}: {}", printed_path(&path)))
            }
            (Kind::Plain, Answer::Size(size)) => Some(format!("{name}: {size}")),
            (Kind::Resolve(host), Answer::Address(address)) => {
                Some(format!("{name}: 1,\"{host}\",\"{address}\""))
            }
            (Kind::Download(_), answer) => return self.downloaded(answer),
            (Kind::Upload(_), _) => return self.upload_opened_or_done(),
            _ => None,
        };
        self.succeed(result);
    }

    /// Asks for more of a running download as the line drains.
    pub(crate) fn pull(&mut self) {
        let room = self.room_in_target().min(READ);
        if let Some(PendingCommand {
            waiting: None,
            kind: Kind::Download(download),
            ..
        }) = &self.pending
            && download.opened
            && !download.ended
            && room > 0
            && self.out.len() < 2 * READ
        {
            self.wait_for(Ask::Read { max: room });
        }
    }

    fn order_of(&self, name: &str) -> OkOrder {
        let chosen = self
            .knobs
            .ok_order_of
            .get(name)
            .copied()
            .unwrap_or(self.knobs.ok_order);
        match chosen {
            OkOrder::Documented if self.model.result_first.contains(&name) => OkOrder::ResultFirst,
            // 27.007 and V.250 commands print their information before the final code.
            OkOrder::Documented if !name.starts_with("+CFTPS") => OkOrder::ResultFirst,
            OkOrder::Documented => OkOrder::OkFirst,
            chosen => chosen,
        }
    }

    fn form_of(&self, name: &str) -> FailureForm {
        let knobs = &self.knobs;
        let chosen = knobs
            .failure_form_of
            .get(name)
            .copied()
            .unwrap_or(knobs.failure_form);
        match chosen {
            FailureForm::Documented if self.model.code_then_error.contains(&name) => {
                FailureForm::CodeError
            }
            FailureForm::Documented if self.model.error_then_code.contains(&name) => {
                FailureForm::ErrorCode
            }
            FailureForm::Documented => FailureForm::OkCode,
            chosen => chosen,
        }
    }

    /// `OK` or `ERROR`, unless a knob or a fault removes it or comes before it.
    pub(crate) fn final_code(&mut self, name: &str, nth: u32, code: &str) {
        let due = self.now + self.knobs.command_latency;
        for effect in self.faults.at(name, nth, Phase::BeforeOk) {
            self.out.push(due, Item::Effect(effect));
        }
        if code == "OK" && self.knobs.ok_never.iter().any(|never| never == name) {
            return;
        }
        self.out
            .push(due, Item::Bytes(Bytes::from(format!("\r\n{code}\r\n"))));
    }

    /// The result line, unless a knob or a fault removes it or comes before it.
    pub(crate) fn result(&mut self, name: &str, nth: u32, line: &str) {
        let due = self.now + self.knobs.result_latency;
        for effect in self.faults.at(name, nth, Phase::BeforeResult) {
            self.out.push(due, Item::Effect(effect));
        }
        if self.knobs.result_never.iter().any(|never| never == name) {
            return;
        }
        let line = self.spaced(line);
        self.out
            .push(due, Item::Bytes(Bytes::from(format!("\r\n{line}\r\n"))));
    }

    /// A code that a fault puts in place of success.
    fn result_fault(&mut self) -> Option<u16> {
        let pending = self.pending.as_ref()?;
        self.faults.failure(&pending.name, pending.nth)
    }

    /// The command and the execution by which faults count the pending command.
    pub(crate) fn execution_of_pending(&self) -> (String, u32) {
        self.pending
            .as_ref()
            .map_or_else(Default::default, |pending| {
                (pending.name.clone(), pending.nth)
            })
    }
}
