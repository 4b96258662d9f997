//! A server: whether the module can log in to it, how its connections are protected, and whether it supports
//! SIZE.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::answers::Answers;
use super::heard::End;
use super::link::Link;
use super::report::Report;
use super::tap::Tap;
use crate::modem::{Error, chain};
use simcom_talk::dialogue::failure::{Cause, Stage};
use simcom_talk::dialogue::operation::{Directory, Output, SessionTarget, Standing, Task};
use simcom_talk::ftps::errcode::ErrCode;
use simcom_talk::ftps::listing::{Entry, Kind, Lines};
use simcom_talk::ftps::question::Question;
use simcom_talk::ftps::tls::TlsFloor;
use simcom_talk::ftps::value::{RemotePath, Server, ServerType, TransferType};

/// A server, and all that is needed to examine it.
pub(super) struct Visit<'a> {
    pub(super) link: &'a Link,
    pub(super) tap: &'a Tap,
    pub(super) server: Arc<Server>,
}

/// Bytes of the listing of the login directory: some hundred lines, of which one is a file as a rule.
const LISTING: usize = 16 * 1024;

impl Visit<'_> {
    /// Examines the server. Answers whether the module is logged in.
    pub(super) async fn look(&self, report: &mut Report) -> bool {
        posture(report, &self.server);
        let resolved = self.resolve().await;
        let login = self.link.run(self.standing(), Task::Stand).await;
        let host = self.server.host.as_str();
        match (&login, resolved) {
            (_, Some(true)) => report.ok("dns", &format!("The module resolves {host}.")),
            (Err(_), Some(false)) => report.problem(
                "dns",
                &format!("The module does not resolve {host} (AT+CDNSGIP)."),
                "Look whether the name is right. An address in its place needs no name server; on some networks \
                 the name server is reached only with the right access point name.",
            ),
            (Ok(_), Some(false)) => report.warning(
                "dns",
                &format!("AT+CDNSGIP does not resolve {host}, and the login did."),
                "Nothing, unless logins fail now and then.",
            ),
            (_, None) => {}
        }
        match login {
            Ok(_) => {
                let port = self.server.port;
                report.ok(
                    "login",
                    &format!("The server at {host}, port {port}, lets the module in."),
                );
                true
            }
            Err(error) => {
                report.problem("login", &format!("{}.", chain(&error)), advice(&error));
                false
            }
        }
    }

    /// The login, type and directory that a task for this server needs.
    pub(super) fn standing(&self) -> Standing {
        Standing::LoggedIn(SessionTarget {
            server: Arc::clone(&self.server),
            transfer_type: TransferType::default(),
            directory: Directory::Login,
        })
    }

    /// Whether the module resolves the name; `None` where the host is an address, or the module does not say.
    async fn resolve(&self) -> Option<bool> {
        let host = self.server.host.as_str();
        if host.parse::<std::net::IpAddr>().is_ok() {
            return None;
        }
        let question = Question::new(&format!("AT+CDNSGIP=\"{host}\"")).ok()?;
        let asked = self.link.run(Standing::Started, Task::Ask(vec![question]));
        match asked.await {
            Ok(Output::Answers(answers)) => Answers::new(answers).is_resolved(),
            Ok(_) | Err(_) => None,
        }
    }

    /// Whether the server answers SIZE, for this file or the first of its login directory. Answers with the
    /// size.
    pub(super) async fn size(&self, report: &mut Report, file: Option<&RemotePath>) -> Option<u64> {
        let path = match file {
            Some(path) => path.clone(),
            None => self.any_file(report).await?,
        };
        let before = self.tap.heard().exchanges.len();
        let size = match self.link.run(self.standing(), Task::Size(path)).await {
            Ok(Output::Size(size)) => Some(size),
            Ok(_) => None,
            Err(error) if file.is_some() => {
                report.problem(
                    "size",
                    &format!(
                        "The size of the named file is not known: {}.",
                        chain(&error)
                    ),
                    "Look whether the file is there.",
                );
                return None;
            }
            Err(_) => None,
        };
        if self.has_told(before, size) {
            report.ok(
                "size",
                "The server tells sizes (SIZE): uploads are compared with them.",
            );
        } else {
            report.warning(
                "size",
                "The server does not tell sizes (SIZE), or the module does not pass them on.",
                "Sizes are read from listings where they are there. Ask for READ_BACK where an upload must be \
                 certain.",
            );
        }
        size
    }

    /// Whether SIZE itself was answered among the commands since: a listing has sizes as well.
    fn has_told(&self, since: usize, size: Option<u64>) -> bool {
        let heard = self.tap.heard();
        let mut said = heard.exchanges.iter().skip(since);
        said.any(|said| {
            let answers = said.name == "AT+CFTPSSIZE" && said.end == Some(End::Ok);
            let mut lines = said.answer.iter();
            answers
                && lines.any(|line| {
                    let told = line
                        .strip_prefix("+CFTPSSIZE:")
                        .and_then(|told| told.trim().parse().ok());
                    told.is_some() && told == size
                })
        })
    }

    /// A file of the login directory whose size cannot be taken for an error code of the module.
    async fn any_file(&self, report: &mut Report) -> Option<RemotePath> {
        let listing = self
            .link
            .read(self.standing(), Task::List(None), LISTING)
            .await;
        let listing = match listing {
            Ok(listing) => listing,
            Err(error) => {
                report.problem(
                    "list",
                    &format!("The login directory cannot be listed: {}.", chain(&error)),
                    "Listings need a data connection: see single_ip of the profile, the passive ports of the \
                     server, and, with TLS, whether the server insists on session reuse.",
                );
                return None;
            }
        };
        let mut lines = Lines::new();
        let mut entries = lines.push(&listing.bytes);
        entries.extend(lines.finish());
        let read = entries.iter().filter(|entry| entry.facts.is_some()).count();
        if entries.is_empty() {
            report.ok("list", "The login directory can be listed, and is empty.");
        } else if read == 0 {
            report.warning(
                "list",
                "The login directory can be listed, in a form that is not known.",
                "Names are shown as the server prints them, and sizes are not known from listings.",
            );
        } else {
            report.ok(
                "list",
                &format!("The login directory can be listed: {read} entries were read."),
            );
        }
        let found = entries.iter().find_map(file);
        if found.is_none() {
            report.ok(
                "size",
                "Not looked at: there is no file in the login directory. Name one by --file.",
            );
        }
        found
    }
}

/// The path of a file whose size is no number of the module's table of errors.
fn file(entry: &Entry) -> Option<RemotePath> {
    let facts = entry.facts.as_ref()?;
    let size = facts.size.filter(|_| facts.kind == Kind::File)?;
    let decided = size > 0 && !ErrCode::is_known_failure(size);
    RemotePath::new(facts.name.as_str())
        .ok()
        .filter(|_| decided)
}

/// How the connections are protected, and what of that is not verified.
fn posture(report: &mut Report, server: &Server) {
    let mode = match server.server_type {
        ServerType::Ftp => {
            return report.warning(
                "tls",
                "Nothing is encrypted (security = \"none\"): whoever is on the way reads the password and the \
                 files, and can change them.",
                "Use security = \"auth-tls\" or \"implicit\" where the server has it.",
            );
        }
        ServerType::AuthSsl => "AUTH SSL",
        ServerType::AuthTls => "AUTH TLS",
        ServerType::Implicit => "implicit TLS",
    };
    if server.is_unverified() {
        return report.warning(
            "tls",
            &format!("Encrypted ({mode}), and whoever answers is believed (verify = \"none\")."),
            "Give the certificate that signed the server's as ca_file, and leave `verify` out.",
        );
    }
    let floor = match server.tls.floor {
        TlsFloor::Tls12 => "TLS 1.2",
        TlsFloor::Any => "whatever both sides have, SSL 3.0 included",
    };
    let own = if server.tls.identity.is_some() {
        " The module shows a certificate of its own."
    } else {
        ""
    };
    let finding = format!(
        "Encrypted ({mode}), the certificate must be vouched for by ca_file, at least {floor}.{own} Not checked: \
         the dates of the certificate; whether the module compares the host name, no document says."
    );
    if server.tls.floor == TlsFloor::Any {
        report.warning(
            "tls",
            &finding,
            "Leave tls_floor at \"1.2\" where the server has it.",
        );
    } else {
        report.ok("tls", &finding);
    }
}

/// What to do where a login fails.
fn advice(error: &Error) -> &'static str {
    const ELSE: &str =
        "Run the daemon with log.level = \"debug\": its log shows what was said to the module.";
    let Error::Failed(failure) = error else {
        return ELSE;
    };
    match (&failure.cause, failure.stage) {
        (Cause::Reported(ErrCode::DNS), _) | (_, Stage::Dns) => {
            "The name of the server does not resolve in this network: see host."
        }
        (Cause::Reported(ErrCode::REJECTED), _) => {
            "The server said no. The module does not tell why: see username and password, and whether the server \
             counts sessions that are over (530) or has locked the account. The server's log tells."
        }
        (Cause::Reported(ErrCode::SSL_ALERT | ErrCode::SSL_CLOSED), _) | (_, Stage::Tls) => {
            "See security, ca_file and tls_floor of the profile, and whether the server asks for a certificate."
        }
        (
            Cause::Reported(
                ErrCode::CONNECT_SOCKET
                | ErrCode::CREATE_SOCKET
                | ErrCode::TIMEOUT
                | ErrCode::SERVER_TIMEOUT
                | ErrCode::CLOSED_BY_SERVER,
            ),
            _,
        )
        | (_, Stage::Tcp) => {
            "Nothing useful answers there: see host, port and security, and whether a firewall lets this network in."
        }
        (Cause::Reported(ErrCode::NETWORK) | Cause::NetworkLost, _) | (_, Stage::Network) => {
            "The data connection of the module is down: see the access point name, and the contract."
        }
        (_, Stage::Login) => "See username and password of the profile.",
        _ => ELSE,
    }
}
