//! Tells the module what TLS must prove, before it logs in.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use super::exchange::{Information, Outcome, Response};
use super::failure::{Cause, Failure, Stage};
use super::operation::Output;
use super::procedure::{Next, Procedure, Saying};
use crate::at::CommandLine;
use crate::ftps::tls::{TlsFile, TlsFloor, TlsPolicy};
use crate::ftps::value::Server;
use crate::ftps::{CommandName, ModuleProfile, Timing};

/// The settings of the module's SSL contexts. They are volatile: after a restart of the module
/// nothing is known of them.
#[derive(Debug, Default)]
pub(crate) struct Secured {
    policy: Option<TlsPolicy>,
    /// Files on the module whose content may not be what their names say.
    suspects: BTreeSet<String>,
    /// Files that were doubted once since the module started.
    doubted: BTreeSet<String>,
}

/// How many files are loaded again because a handshake failed. This is far more than the configured
/// servers need, and little enough for flash memory, since callers may bring certificates of their
/// own.
const DOUBTS: usize = 64;

impl Secured {
    /// What must be set before the module logs in there. `None` where nothing must be.
    pub(crate) fn towards(&self, server: &Server, profile: &ModuleProfile) -> Option<TlsSetup> {
        let reached = !server.server_type.is_tls() || self.policy.as_ref() == Some(&server.tls);
        (!reached).then(|| TlsSetup::new(&server.tls, profile, &self.suspects))
    }

    /// All settings were made.
    pub(crate) fn reached(&mut self, setup: &TlsSetup) {
        self.policy = Some(setup.policy.clone());
        for file in setup.policy.files() {
            self.suspects.remove(file.name());
        }
    }

    /// The setup broke off: some settings may be made, and a part of a certificate may be stored.
    pub(crate) fn broken(&mut self, setup: &TlsSetup) {
        self.policy = None;
        if let Phase::Load(file) = &setup.phase {
            self.suspects.insert(file.name().to_owned());
        }
    }

    /// One side did not accept the other's proof. Returns whether that may be the module's fault. A
    /// file that was cut or changed on its way to the module is loaded again, once.
    pub(crate) fn doubt(&mut self, server: &Server) -> bool {
        self.policy = None;
        if !server.server_type.is_tls() {
            return false;
        }
        let mut fresh = false;
        for file in server.tls.files() {
            let name = file.name();
            if self.doubted.len() < DOUBTS && self.doubted.insert(name.to_owned()) {
                self.suspects.insert(name.to_owned());
                fresh = true;
            }
        }
        fresh
    }
}

/// Loads the files that the module does not have, and sets the SSL contexts. A module that does not
/// take these settings is not used for the login.
#[derive(Debug)]
pub(crate) struct TlsSetup {
    policy: TlsPolicy,
    /// Files to load. Until the module was asked, this includes files that it may have.
    files: VecDeque<TlsFile>,
    /// Files of these names on the module are replaced.
    suspects: BTreeSet<String>,
    phase: Phase,
    settings: std::vec::IntoIter<Setting>,
    /// The setting that is being made.
    current: Option<Setting>,
    ended: Option<Failure>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    List,
    Delete(TlsFile),
    Load(TlsFile),
    Set,
}

#[derive(Debug, Clone)]
struct Setting {
    name: CommandName,
    line: CommandLine,
    /// Without this setting, the login would not be what was asked for. A module that refuses one
    /// of the other settings does not know it, and then nothing of an earlier login is left over
    /// either.
    needed: bool,
}

/// Every answer comes from the module itself, some of them from its flash memory.
const TIMING: Timing = Timing {
    // From the last byte written on: 10240 bytes take 11 s at 9600 baud.
    outcome: Duration::from_secs(30),
    ..Timing::DEFAULT
};

impl TlsSetup {
    fn new(policy: &TlsPolicy, profile: &ModuleProfile, suspects: &BTreeSet<String>) -> Self {
        let files = VecDeque::from(policy.files());
        Self {
            phase: if files.is_empty() {
                Phase::Set
            } else {
                Phase::List
            },
            files,
            suspects: suspects.clone(),
            settings: settings(policy, profile).into_iter(),
            policy: policy.clone(),
            current: None,
            ended: None,
        }
    }

    fn fail(&mut self, cause: &Cause, command: CommandName) {
        let stage = match cause {
            Cause::Refused(_) => Stage::Tls,
            _ => Stage::Device,
        };
        self.ended = Some(Failure::new(cause.clone(), Some(command), stage));
    }

    /// Keeps those of the files that the module must be given. A module that does not tell may have
    /// them. It is told to use them all the same.
    fn compare(&mut self, listed: &Response, refused: bool) {
        let suspects = &mut self.suspects;
        self.files.retain(|file| {
            let name = format!("\"{}\"", file.name());
            let there = listed.info.iter().any(|line| line.contains(&name));
            if refused {
                suspects.insert(file.name().to_owned());
            }
            !there || suspects.contains(file.name())
        });
    }

    /// The next file, or the settings when no file is left.
    fn next_file(&mut self) -> Phase {
        match self.files.pop_front() {
            Some(file) if self.suspects.contains(file.name()) => Phase::Delete(file),
            Some(file) => Phase::Load(file),
            None => Phase::Set,
        }
    }

    fn heard_phase(&mut self, response: &Response) {
        let refused = match &response.outcome {
            Outcome::Done(_) => false,
            Outcome::Failed(Cause::Refused(_)) => true,
            Outcome::Failed(cause) => return self.fail(cause, response.name),
        };
        self.phase = match std::mem::replace(&mut self.phase, Phase::Set) {
            Phase::List => {
                self.compare(response, refused);
                self.next_file()
            }
            // There may have been nothing to delete.
            Phase::Delete(file) => Phase::Load(file),
            Phase::Load(file) if refused => {
                // Nobody knows what is stored under its name now.
                self.phase = Phase::Load(file);
                return self.fail(&refusal(response), response.name);
            }
            Phase::Load(_) => self.next_file(),
            Phase::Set => {
                let needed = self.current.take().is_some_and(|setting| setting.needed);
                if refused && needed {
                    self.fail(&refusal(response), response.name);
                }
                Phase::Set
            }
        };
    }
}

impl Procedure for TlsSetup {
    fn next(&mut self) -> Next {
        if let Some(failure) = &self.ended {
            return Next::Finish(Err(failure.clone()));
        }
        let basic = |name, line, information| Saying::Basic {
            name,
            line,
            information,
            timing: TIMING,
        };
        let saying = match &self.phase {
            Phase::List => basic(
                "AT+CCERTLIST".into(),
                CommandLine::bare("AT+CCERTLIST"),
                Information::Prefix("+CCERTLIST:"),
            ),
            Phase::Delete(file) => basic(
                "AT+CCERTDELE".into(),
                CommandLine::write("AT+CCERTDELE")
                    .quoted(file.name())
                    .finish(),
                Information::Nothing,
            ),
            Phase::Load(file) => Saying::Content {
                name: "AT+CCERTDOWN".into(),
                line: CommandLine::write("AT+CCERTDOWN")
                    .quoted(file.name())
                    .number(file.content().len() as u64)
                    .finish(),
                content: file.content().clone(),
                timing: TIMING,
            },
            Phase::Set => {
                let Some(setting) = self.settings.next() else {
                    return Next::Finish(Ok(Output::Done));
                };
                self.current = Some(setting.clone());
                basic(setting.name, setting.line, Information::Nothing)
            }
        };
        Next::Say(saying)
    }

    fn heard(&mut self, response: &Response) {
        self.heard_phase(response);
    }

    fn abandon(&mut self, _cause: Cause) {}

    fn give_up(&mut self, failure: Failure) {
        self.ended = Some(failure);
    }
}

fn refusal(response: &Response) -> Cause {
    Cause::Refused(response.refusal().cloned())
}

/// All settings of a policy, including those that ask for nothing: a setting for another server
/// must not count for this one.
fn settings(policy: &TlsPolicy, profile: &ModuleProfile) -> Vec<Setting> {
    let mut settings = Vec::new();
    let floor = policy.floor != TlsFloor::Any;
    let authmode = policy.authmode();
    for context in profile.tls_contexts {
        let line = |key| {
            CommandLine::write("AT+CSSLCFG")
                .quoted(key)
                .number(u64::from(*context))
        };
        let mut set = |name: &'static str, line, needed| {
            let name = CommandName::from(name);
            settings.push(Setting { name, line, needed });
        };
        set(
            "AT+CSSLCFG=\"sslversion\"",
            line("sslversion")
                .number(policy.floor.sslversion())
                .finish(),
            floor,
        );
        // The dates in certificates are not checked. The clock of a module starts in the past at
        // every power-up, and the network corrects it only where the operator sends the time. Every
        // certificate would be "not yet valid", and a device in the field out of reach. Signatures
        // are checked all the same.
        set(
            "AT+CSSLCFG=\"ignorelocaltime\"",
            line("ignorelocaltime").number(1).finish(),
            false,
        );
        set(
            "AT+CSSLCFG=\"enableSNI\"",
            line("enableSNI").number(u64::from(policy.sni)).finish(),
            policy.sni,
        );
        // TODO-correctness: no manual says whether the module compares the name in the certificate
        // with the name it connects to, or only checks the signature.
        set(
            "AT+CSSLCFG=\"authmode\"",
            line("authmode").number(authmode).finish(),
            authmode > 0,
        );
        let mut name = |command, key, file: &TlsFile| {
            set(command, line(key).quoted(file.name()).finish(), true);
        };
        if let Some(ca) = policy.ca() {
            name("AT+CSSLCFG=\"cacert\"", "cacert", &ca.file());
        }
        if let Some(own) = &policy.identity {
            name("AT+CSSLCFG=\"clientcert\"", "clientcert", own.certificate());
            name("AT+CSSLCFG=\"clientkey\"", "clientkey", own.key());
        }
    }
    if let (true, Some(context)) = (profile.binds_tls, profile.tls_contexts.first()) {
        // 0: the control connection, 1: data connections (A76XX AT manual V1.09 §17).
        for connection in [0, 1] {
            let line = CommandLine::write("AT+CFTPSSLCFG").number(connection);
            settings.push(Setting {
                name: "AT+CFTPSSLCFG".into(),
                line: line.number(u64::from(*context)).finish(),
                needed: authmode > 0 || floor || policy.sni,
            });
        }
    }
    settings
}
