//! Telling the module what TLS must prove, before it logs in.

use std::collections::BTreeSet;
use std::time::Duration;

use super::exchange::{Claim, Settlement, Verdict};
use super::failure::{Cause, Failure, Stage};
use super::operation::Output;
use super::procedure::{Next, Procedure, Saying};
use crate::at::CommandLine;
use crate::ftps::tls::{CaCertificate, TlsFloor, TlsPolicy};
use crate::ftps::value::Server;
use crate::ftps::{Profile, Timing};

/// What the SSL contexts of the module are set to. They are volatile: nothing is known of them
/// after the module has started.
#[derive(Debug, Default)]
pub(crate) struct Secured {
    policy: Option<TlsPolicy>,
    /// A certificate on the module that may not be what its name says.
    suspect: Option<String>,
    /// Certificates that were doubted once since the module started.
    doubted: BTreeSet<String>,
}

/// How many certificates are loaded anew because a handshake failed. Far more than servers are
/// configured, and few enough for flash memory, since callers may bring certificates of their own.
const DOUBTS: usize = 64;

impl Secured {
    /// What must be said before the module logs in there; `None` where nothing is.
    pub(crate) fn towards(&self, server: &Server, profile: &Profile) -> Option<TlsSetup> {
        let reached = !server.server_type.is_tls() || self.policy.as_ref() == Some(&server.tls);
        (!reached).then(|| TlsSetup::new(&server.tls, profile, self.suspect.as_deref()))
    }

    /// All of it was said.
    pub(crate) fn reached(&mut self, setup: &TlsSetup) {
        self.policy = Some(setup.policy.clone());
        let loaded = setup.policy.ca().map(CaCertificate::name);
        if self.suspect.as_deref() == loaded {
            self.suspect = None;
        }
    }

    /// It broke off: part of it may be set, and part of a certificate may be stored.
    pub(crate) fn broken(&mut self, setup: &TlsSetup) {
        self.policy = None;
        if setup.phase == Phase::Load {
            self.suspect = setup.policy.ca().map(|ca| ca.name().to_owned());
        }
    }

    /// The server's proof was not accepted. Returns whether that may be the module's fault: a
    /// certificate that was cut or changed on its way to the module is loaded anew, once.
    pub(crate) fn doubt(&mut self, server: &Server) -> bool {
        self.policy = None;
        let Some(ca) = server.tls.ca().filter(|_| server.server_type.is_tls()) else {
            return false;
        };
        let fresh = self.doubted.len() < DOUBTS && self.doubted.insert(ca.name().to_owned());
        if fresh {
            self.suspect = Some(ca.name().to_owned());
        }
        fresh
    }
}

/// Loads the certificate where the module does not have it, and sets the SSL contexts. A module
/// that does not take what is asked of it is not used for the login.
#[derive(Debug)]
pub(crate) struct TlsSetup {
    policy: TlsPolicy,
    /// What is stored under the certificate's name is replaced.
    suspect: bool,
    phase: Phase,
    settings: std::vec::IntoIter<Setting>,
    /// The setting being made.
    current: Option<Setting>,
    ended: Option<Failure>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    List,
    Delete,
    Load,
    Set,
}

#[derive(Debug, Clone)]
struct Setting {
    name: &'static str,
    line: CommandLine,
    /// A login without it would not be what was asked for. A module that refuses one of the
    /// others does not know it, and then nothing is left over from someone else either.
    needed: bool,
}

/// Every answer comes from the module itself, some of them from its flash memory.
const TIMING: Timing = Timing {
    // From the last byte written: 10240 bytes take 11 s at 9600 baud.
    outcome: Duration::from_secs(30),
    ..Timing::DEFAULT
};

impl TlsSetup {
    fn new(policy: &TlsPolicy, profile: &Profile, suspect: Option<&str>) -> Self {
        let name = policy.ca().map(CaCertificate::name);
        Self {
            phase: if name.is_some() {
                Phase::List
            } else {
                Phase::Set
            },
            suspect: name.is_some() && name == suspect,
            settings: settings(policy, profile).into_iter(),
            policy: policy.clone(),
            current: None,
            ended: None,
        }
    }

    fn fail(&mut self, cause: &Cause, command: &'static str) {
        let stage = match cause {
            Cause::Refused(_) => Stage::Tls,
            _ => Stage::Device,
        };
        self.ended = Some(Failure::new(cause.clone(), Some(command), stage));
    }

    /// Whether the module has a file of this name.
    fn is_listed(settlement: &Settlement, ca: &CaCertificate) -> bool {
        let name = format!("\"{}\"", ca.name());
        settlement.info.iter().any(|line| line.contains(&name))
    }

    fn heard_phase(&mut self, settlement: &Settlement) {
        let refused = match &settlement.verdict {
            Verdict::Done(_) => false,
            Verdict::Failed(Cause::Refused(_)) => true,
            Verdict::Failed(cause) => return self.fail(cause, settlement.name),
        };
        self.phase = match (self.phase, self.policy.ca()) {
            // A module that does not tell may have it; it is told to take it all the same.
            (Phase::List, Some(_)) if self.suspect || refused => Phase::Delete,
            (Phase::List, Some(ca)) if !Self::is_listed(settlement, ca) => Phase::Load,
            (Phase::List, _) => Phase::Set,
            // There may have been nothing to delete.
            (Phase::Delete, _) => Phase::Load,
            (Phase::Load, _) if refused => {
                return self.fail(&refusal(settlement), settlement.name);
            }
            (Phase::Load, _) => Phase::Set,
            (Phase::Set, _) => {
                let needed = self.current.take().is_some_and(|setting| setting.needed);
                if refused && needed {
                    self.fail(&refusal(settlement), settlement.name);
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
        let basic = |name, line, claim| Saying::Basic {
            name,
            line,
            claim,
            timing: TIMING,
        };
        let saying = match (self.phase, self.policy.ca()) {
            (Phase::List, _) => basic(
                "AT+CCERTLIST",
                CommandLine::bare("AT+CCERTLIST"),
                Claim::Prefix("+CCERTLIST:"),
            ),
            (Phase::Delete, Some(ca)) => basic(
                "AT+CCERTDELE",
                CommandLine::write("AT+CCERTDELE")
                    .quoted(ca.name())
                    .finish(),
                Claim::Nothing,
            ),
            (Phase::Load, Some(ca)) => Saying::Content {
                name: "AT+CCERTDOWN",
                line: CommandLine::write("AT+CCERTDOWN")
                    .quoted(ca.name())
                    .number(ca.pem().len() as u64)
                    .finish(),
                content: ca.pem().clone(),
                timing: TIMING,
            },
            (Phase::Delete | Phase::Load | Phase::Set, _) => {
                let Some(setting) = self.settings.next() else {
                    return Next::Finish(Ok(Output::Done));
                };
                self.current = Some(setting.clone());
                basic(setting.name, setting.line, Claim::Nothing)
            }
        };
        Next::Say(saying)
    }

    fn heard(&mut self, settlement: &Settlement) {
        self.heard_phase(settlement);
    }

    fn abandon(&mut self, _cause: Cause) {}

    fn give_up(&mut self, failure: Failure) {
        self.ended = Some(failure);
    }
}

fn refusal(settlement: &Settlement) -> Cause {
    Cause::Refused(settlement.refusal().cloned())
}

/// All of a policy, the parts that ask for nothing included: what another server needed must not
/// count for this one.
fn settings(policy: &TlsPolicy, profile: &Profile) -> Vec<Setting> {
    let mut settings = Vec::new();
    let floor = policy.floor != TlsFloor::Any;
    let verify = policy.ca().is_some();
    for context in profile.tls_contexts {
        let line = |key| {
            CommandLine::write("AT+CSSLCFG")
                .quoted(key)
                .number(u64::from(*context))
        };
        let mut set = |name, line, needed| settings.push(Setting { name, line, needed });
        set(
            "AT+CSSLCFG=\"sslversion\"",
            line("sslversion")
                .number(policy.floor.sslversion())
                .finish(),
            floor,
        );
        // The dates in certificates are not looked at. The clock of a module starts in the past
        // at every power-up and is put right by the network only where the operator sends the
        // time; every certificate would be "not yet valid", and a device in the field out of
        // reach. Who signed it is checked all the same.
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
        // 1: the server proves who it is; 0: nobody proves anything.
        // TODO-correctness: no manual says whether the module holds the name in the certificate
        // against the one it connects to, or only asks who signed it.
        set(
            "AT+CSSLCFG=\"authmode\"",
            line("authmode").number(u64::from(verify)).finish(),
            verify,
        );
        if let Some(ca) = policy.ca() {
            set(
                "AT+CSSLCFG=\"cacert\"",
                line("cacert").quoted(ca.name()).finish(),
                true,
            );
        }
    }
    if let (true, Some(context)) = (profile.binds_tls, profile.tls_contexts.first()) {
        // 0: the control connection, 1: data connections (A76XX AT manual V1.09 §17).
        for connection in [0, 1] {
            let line = CommandLine::write("AT+CFTPSSLCFG").number(connection);
            settings.push(Setting {
                name: "AT+CFTPSSLCFG",
                line: line.number(u64::from(*context)).finish(),
                needed: verify || floor || policy.sni,
            });
        }
    }
    settings
}
