//! The FTPS session commands, SIMCom manual L1201 to L1219.

use bytes::Bytes;
use secrecy::SecretString;

use super::Outcome;
use super::values::{Optional, optional, values};
use crate::emulator::Emulator;
use crate::faults::Stuck;
use crate::knobs::{Reaction, Sim};
use crate::line::{Command, Form, Parameter};
use crate::pending::{Kind, PendingCommand, Target};
use crate::request::{Ask, Login, Security, TransferType};
use crate::session::SessionState;

impl Emulator {
    pub(super) fn ftps(&mut self, command: &Command) -> Outcome {
        let Some(test) = self.model.ftps_test(&command.name) else {
            return Outcome::Error;
        };
        if command.form == Form::Test {
            if !test.is_empty() {
                self.say(test);
            }
            return Outcome::Ok;
        }
        if let Some(outcome) = self.setting(command) {
            return outcome;
        }
        if let Some(outcome) = self.busy(&command.name) {
            return outcome;
        }
        match (command.name.as_str(), &command.form) {
            ("+CFTPSSTART", Form::Execute(_)) => self.start(),
            ("+CFTPSSTOP", Form::Execute(_)) => self.stop(),
            ("+CFTPSLOGIN", Form::Write(text)) => self.login(text),
            ("+CFTPSLOGOUT", Form::Execute(_)) => self.logout(),
            ("+CFTPSABORT", Form::Execute(_)) => self.abort(),
            ("+CFTPSMKD", Form::Write(text)) => self.on_path(text, Ask::Mkd),
            ("+CFTPSRMD", Form::Write(text)) => self.on_path(text, Ask::Rmd),
            ("+CFTPSDELE", Form::Write(text)) => self.on_path(text, Ask::Dele),
            ("+CFTPSCWD", Form::Write(text)) => self.on_path(text, Ask::Cwd),
            ("+CFTPSSIZE", Form::Write(text)) => self.on_path(text, Ask::Size),
            ("+CFTPSCWD", Form::Execute(_)) if self.model.bare_cwd_prints => {
                // A76XX FTP(S) application note V1.02 §3.1: without a directory it prints the
                // current one.
                self.logged_in()
                    .unwrap_or_else(|| self.begin(Kind::Plain, Some(Ask::Pwd)))
            }
            ("+CFTPSPWD", Form::Execute(_)) => self
                .logged_in()
                .unwrap_or_else(|| self.begin(Kind::Plain, Some(Ask::Pwd))),
            ("+CFTPSTYPE", Form::Write(text)) => self.transfer_type(text),
            ("+CFTPSLIST", Form::Execute(_)) => self.list(None),
            ("+CFTPSLIST", Form::Write(text)) => match self.path(text) {
                Some(path) => self.list(Some(path)),
                None => Outcome::Error,
            },
            ("+CFTPSGET", Form::Write(text)) => self.get(text),
            ("+CFTPSPUT", Form::Write(text)) => self.put(text),
            ("+CFTPSGETFILE", Form::Write(text)) => self.get_file(text),
            ("+CFTPSPUTFILE", Form::Write(text)) => self.put_file(text),
            ("+CFTPSCACHERD", Form::Read) => self.cache_length(),
            ("+CFTPSCACHERD", Form::Execute(_)) => self.cache_read(),
            _ => Outcome::Error,
        }
    }

    /// Carries out commands that only change the module's own settings, whatever is running.
    fn setting(&mut self, command: &Command) -> Option<Outcome> {
        let line = match (command.name.as_str(), &command.form) {
            ("+CFTPSSINGLEIP", Form::Read) => {
                format!("+CFTPSSINGLEIP: {}", u8::from(self.session.single_ip))
            }
            ("+CFTPSSINGLEIP", Form::Write(value)) => {
                return Some(set_flag(value, &mut self.session.single_ip));
            }
            ("+CFTPSMODE", Form::Read) => {
                format!("+CFTPSMODE: {}", u8::from(self.session.passive))
            }
            ("+CFTPSMODE", Form::Write(value)) => {
                return Some(set_flag(value, &mut self.session.passive));
            }
            ("+CFTPSTYPE", Form::Read) => match self.session.transfer_type {
                TransferType::Ascii => "+CFTPSTYPE: A".to_owned(),
                TransferType::Binary => "+CFTPSTYPE: I".to_owned(),
            },
            ("+CFTPSLOGIN", Form::Read) if self.model.login_is_readable => {
                let logged_in = self.session.state == SessionState::LoggedIn;
                format!("+CFTPSLOGIN: {}", u8::from(logged_in))
            }
            ("+CFTPSSLCFG", Form::Write(text)) => return Some(self.bind_context(text)),
            _ => return None,
        };
        self.say(&line);
        Some(Outcome::Ok)
    }

    /// SIMCom's A76XX manual V1.09 §17: `<0 control, 1 data>,<context>`.
    fn bind_context(&mut self, text: &[u8]) -> Outcome {
        let numbers: Option<Vec<u64>> =
            values(text).and_then(|values| values.iter().map(Parameter::number).collect());
        match numbers.as_deref() {
            Some(&[session, context @ 0..=9]) => {
                let slot = usize::try_from(session)
                    .ok()
                    .and_then(|index| self.session.contexts.get_mut(index));
                match (slot, u8::try_from(context)) {
                    (Some(slot), Ok(context)) => {
                        *slot = context;
                        Outcome::Ok
                    }
                    _ => Outcome::Error,
                }
            }
            _ => Outcome::Error,
        }
    }

    /// The refusal of a command that comes while another runs.
    fn busy(&mut self, name: &str) -> Option<Outcome> {
        let running = self.pending.as_ref()?;
        let cached = matches!(&running.kind, Kind::Download(d) if d.sink == Target::Cache);
        if name == "+CFTPSABORT" || (name == "+CFTPSCACHERD" && cached) {
            return None;
        }
        Some(match self.knobs.busy {
            Reaction::Error | Reaction::Ok => Outcome::Error,
            Reaction::Code(code) => {
                // The pending command stays the current one, so this answer is written here.
                let (name, nth) = (self.current.name.clone(), self.current.nth);
                self.final_code(&name, nth, "OK");
                self.result(&name, nth, &format!("{name}: {code}"));
                Outcome::Later
            }
        })
    }

    fn reaction(&mut self, reaction: Reaction) -> Outcome {
        match reaction {
            Reaction::Error => Outcome::Error,
            Reaction::Ok => self.settle_into(self.session.state),
            Reaction::Code(code) => self.begin_and_fail(code),
        }
    }

    /// The refusal of a command that needs a login, where there is none.
    pub(super) fn logged_in(&mut self) -> Option<Outcome> {
        match self.session.state {
            SessionState::LoggedIn => None,
            SessionState::Idle | SessionState::Started => Some(match self.knobs.not_logged_in {
                Reaction::Ok => Outcome::Error,
                reaction => self.reaction(reaction),
            }),
            SessionState::Dead => Some(self.begin_and_fail(4)),
            SessionState::NoNetwork => Some(self.begin_and_fail(10)),
        }
    }

    fn start(&mut self) -> Outcome {
        match self.session.state {
            SessionState::Idle | SessionState::NoNetwork => {}
            SessionState::Started | SessionState::LoggedIn | SessionState::Dead => {
                return self.reaction(self.knobs.start_when_started);
            }
        }
        if self.stuck == Some(Stuck::Stack) {
            return self.begin_and_fail(13);
        }
        let registered = matches!(self.registration(), 1 | 5);
        if !registered
            || self.stuck.is_some()
            || self.settings.sim != Sim::Ready
            || self.settings.functionality != 1
        {
            return self.begin_and_fail(10);
        }
        let outcome = self.settle_into(SessionState::Started);
        self.settings.pdn_active |= self.session.state == SessionState::Started;
        outcome
    }

    fn stop(&mut self) -> Outcome {
        match self.session.state {
            SessionState::Idle => return Outcome::Error,
            SessionState::LoggedIn | SessionState::Dead => match self.knobs.stop_while_logged_in {
                Reaction::Ok => {
                    self.ask(Ask::DropAll);
                }
                refusal => return self.reaction(refusal),
            },
            SessionState::Started | SessionState::NoNetwork => {}
        }
        self.settle_into(SessionState::Idle)
    }

    fn login(&mut self, text: &[u8]) -> Outcome {
        let Some(login) = self.login_values(text) else {
            return Outcome::Error;
        };
        // As the owner of a SIM7600E saw it with a card that had lost contact.
        if self.settings.sim == Sim::Absent {
            return Outcome::Cme(10);
        }
        match self.session.state {
            SessionState::Started => {}
            SessionState::Idle => {
                return match self.knobs.not_logged_in {
                    Reaction::Ok => Outcome::Error,
                    reaction => self.reaction(reaction),
                };
            }
            SessionState::LoggedIn | SessionState::Dead => {
                return self.reaction(self.knobs.login_when_logged_in);
            }
            SessionState::NoNetwork => return self.begin_and_fail(10),
        }
        self.begin(Kind::Login, Some(Ask::Login(Box::new(login))))
    }

    /// SIMCom manual L1203: `"host",port[,"user","password"[,type]]`, type 3 by default.
    fn login_values(&self, text: &[u8]) -> Option<Login> {
        let limit = self.model.credential_limit;
        let values = values(text)?;
        if values.len() > 5 {
            return None;
        }
        let text = |index: usize| {
            let value = values.get(index)?.text(limit)?;
            String::from_utf8(value.to_vec()).ok()
        };
        let port = u16::try_from(values.get(1)?.number()?)
            .ok()
            .filter(|port| *port > 0)?;
        let (user, password) = match values.len() {
            // TODO-correctness: the grammar allows user and password to be left out. That can only
            // mean an anonymous login.
            2 => ("anonymous".to_owned(), "anonymous@".to_owned()),
            3 => return None,
            _ => (text(2)?, text(3).or_else(|| empty(values.get(3)))?),
        };
        let security = match optional(values.get(4)) {
            Optional::Given(0) => Security::Plain,
            Optional::Given(1) => Security::AuthSsl,
            Optional::Given(2) => Security::AuthTls,
            Optional::Given(3) | Optional::Absent => Security::Implicit,
            _ => return None,
        };
        let [control, data] = self.session.contexts;
        Some(Login {
            host: text(0)?,
            port,
            user,
            password: SecretString::from(password),
            security,
            single_ip: self.session.single_ip,
            passive: self.session.passive,
            control_tls: self.tls_settings(control),
            data_tls: self.tls_settings(data),
            session_reuse: self.knobs.tls_session_reuse,
        })
    }

    fn logout(&mut self) -> Outcome {
        match self.session.state {
            SessionState::LoggedIn | SessionState::Dead => {
                self.begin(Kind::Logout, Some(Ask::Logout))
            }
            SessionState::Idle | SessionState::Started | SessionState::NoNetwork => {
                self.logged_in().unwrap_or(Outcome::Error)
            }
        }
    }

    /// SIMCom manual L1218: it logs out and deactivates the PDP context.
    fn abort(&mut self) -> Outcome {
        if !matches!(
            self.session.state,
            SessionState::LoggedIn | SessionState::Dead
        ) {
            return self.logged_in().unwrap_or(Outcome::Error);
        }
        if let Some(PendingCommand { waiting, .. }) = &mut self.pending {
            *waiting = None;
            if self.knobs.abort_emits_terminal {
                self.fail(2);
            }
            self.pending = None;
        }
        self.settings.pdn_active = false;
        self.begin(Kind::Abort, Some(Ask::DropAll))
    }

    /// Carries out a command whose one parameter is a remote path.
    fn on_path(&mut self, text: &[u8], ask: fn(Bytes) -> Ask) -> Outcome {
        let Some(path) = self.path(text) else {
            return Outcome::Error;
        };
        if let Some(refusal) = self.logged_in() {
            return refusal;
        }
        self.begin(Kind::Plain, Some(ask(path)))
    }

    fn path(&self, text: &[u8]) -> Option<Bytes> {
        match values(text)?.as_slice() {
            [path] => self.path_of(path),
            _ => None,
        }
    }

    /// A path within the family's limit.
    pub(super) fn path_of(&self, parameter: &Parameter) -> Option<Bytes> {
        parameter
            .text(self.model.path_limit)
            .map(Bytes::copy_from_slice)
    }

    fn transfer_type(&mut self, text: &[u8]) -> Outcome {
        // SIMCom manual L1210: the bare letter.
        let transfer_type = match text {
            b"A" | b"a" => TransferType::Ascii,
            b"I" | b"i" => TransferType::Binary,
            _ => return Outcome::Error,
        };
        if let Some(refusal) = self.logged_in() {
            return refusal;
        }
        self.begin(Kind::Type(transfer_type), Some(Ask::Type(transfer_type)))
    }
}

fn set_flag(value: &[u8], flag: &mut bool) -> Outcome {
    *flag = match value {
        b"0" => false,
        b"1" => true,
        _ => return Outcome::Error,
    };
    Outcome::Ok
}

/// `""` where an empty text is allowed.
fn empty(parameter: Option<&Parameter>) -> Option<String> {
    matches!(parameter, Some(Parameter::Text(text)) if text.is_empty()).then(String::new)
}
