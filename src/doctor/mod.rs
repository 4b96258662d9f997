//! `cellftpd doctor`: examines the port, the module, the network and the servers, as far as one machine can,
//! and says what is wrong and what to do.
//!
//! It opens the port itself, so that no daemon may run on it, and brings the module up by the same task as the
//! daemon. Its report can be shown to anybody: it has no password, and no number of a card or a telephone.

mod answers;
mod args;
mod file;
mod heard;
mod link;
mod module;
mod plain;
mod port;
mod report;
mod server;
mod tap;
mod usb;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::config::{self, Config, Device};
use crate::daemon::module as daemon;
use crate::modem::health::Health;
use crate::modem::{Modem, ModemOptions, chain, clock};
use answers::Answers;
pub use args::DoctorArgs;
use link::Link;
use report::Report;
use server::Visit;
use simcom_talk::dialogue::Rung;
use simcom_talk::dialogue::ladder::{self, Bound};
use simcom_talk::dialogue::operation::{Output, Standing, Task};
use simcom_talk::ftps::question::Question;
use simcom_talk::ftps::value::{RemotePath, Server, ValueError};
use tap::{Tap, Tapped};
use usb::Usb;

/// Why nothing was examined.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// There is no profile of this name.
    #[error("--profile {name}: there is no such server profile; the configuration has: {known}")]
    NoProfile {
        /// The name that was asked for.
        name: String,
        /// The profiles of the configuration.
        known: String,
    },
    /// A file was named for several servers.
    #[error("--file: needs exactly one --profile")]
    ManyProfiles,
    /// The path breaks a rule.
    #[error("--file: the path {0}")]
    File(#[source] ValueError),
    /// The report has no form in JSON.
    #[error("the report has no form in JSON")]
    Json(#[from] serde_json::Error),
}

/// What was found.
#[derive(Debug)]
pub struct Findings {
    /// The report, to be printed.
    pub text: String,
    /// Whether there is no problem.
    pub is_healthy: bool,
}

/// How long the doctor listens on the port before it sends anything: a satellite receiver sends once a second.
const LISTEN: Duration = Duration::from_secs(3);

/// LOGOUT and STOP have 20 s each.
const GOODBYE: Duration = Duration::from_secs(40);

/// Examines everything that is configured, or what the command line names.
///
/// # Errors
/// [`Error::Config`] where a password, a certificate or the quirks cannot be read; [`Error::NoProfile`],
/// [`Error::ManyProfiles`] or [`Error::File`] where the command line cannot be carried out. Nothing was looked at then.
pub async fn run(args: DoctorArgs, config: Config) -> Result<Findings, Error> {
    let servers = servers(&args, &config)?;
    let file = args.file.as_deref().map(RemotePath::of_text);
    let file = file.transpose().map_err(Error::File)?;
    let options = ModemOptions {
        setup: daemon::setup(&config, config.module.quirks()?),
        repair: nothing(),
        ..ModemOptions::default()
    };
    let (tapped, tap) = Tapped::new(daemon::connector(&config.module));
    let (modem, task) = Modem::spawn(tapped, options);
    let link = Link::new(modem);
    let mut report = Report::new(&config.module.device.to_string());
    let examination = Examination {
        config: &config,
        servers,
        file,
        most: args.limit as usize * 1024,
        link: &link,
        tap: &tap,
    };
    let limit = Duration::from_secs(args.timeout.into());
    let over = tokio::select! {
        over = timeout(limit, examination.run(&mut report)) => over.err().map(|_| "--timeout"),
        _ = tokio::signal::ctrl_c() => Some("Ctrl-C"),
    };
    drop(examination);
    report.about(None);
    if let Some(why) = over {
        report.problem(
            "doctor",
            &format!("The doctor did not come to its end ({why}): what follows was not looked at."),
            "Run it again with a longer --timeout.",
        );
    }
    drop(link);
    if timeout(GOODBYE, task).await.is_err() {
        report.warning(
            "doctor",
            "The module did not log out in time.",
            "The next bring-up ends what is left of the session.",
        );
    }
    let text = if args.json {
        report.to_json()?
    } else {
        report.to_string()
    };
    Ok(Findings {
        text,
        is_healthy: !report.has_problems(),
    })
}

/// The servers to examine, with their passwords.
fn servers(args: &DoctorArgs, config: &Config) -> Result<Vec<(String, Server)>, Error> {
    for name in &args.profile {
        if !config.servers.contains_key(name) {
            let known: Vec<&str> = config.servers.keys().map(String::as_str).collect();
            return Err(Error::NoProfile {
                name: name.clone(),
                known: if known.is_empty() {
                    "none".into()
                } else {
                    known.join(", ")
                },
            });
        }
    }
    if args.file.is_some() && args.profile.len() != 1 {
        return Err(Error::ManyProfiles);
    }
    let wanted = config.servers.iter().filter(|(name, _)| {
        !args.no_servers && (args.profile.is_empty() || args.profile.contains(name))
    });
    let resolved = wanted.map(|(name, profile)| {
        let server = profile.resolve(name).map_err(config::Error::Problems)?;
        Ok((name.clone(), server))
    });
    resolved.collect()
}

/// The doctor changes nothing: it tries no rung of the repair ladder.
fn nothing() -> ladder::Limits {
    let never = Bound {
        cool_down: Duration::ZERO,
        per_hour: 0,
    };
    ladder::Limits {
        highest: Rung::Service,
        context: never,
        radio: never,
        reset: never,
        reopen: never,
    }
}

/// What is examined, and with what.
struct Examination<'a> {
    config: &'a Config,
    servers: Vec<(String, Server)>,
    file: Option<RemotePath>,
    most: usize,
    link: &'a Link,
    tap: &'a Tap,
}

impl Examination<'_> {
    async fn run(&self, report: &mut Report) {
        let health = self.link.brought_up().await;
        let usb = match &self.config.module.device {
            Device::Serial(device) => Usb::of(Path::new(usb::SYSFS), device),
            Device::Emulator => None,
        };
        let serves = {
            let heard = self.tap.heard();
            port::look(
                report,
                &self.config.module,
                usb.as_ref(),
                &health.link,
                &heard,
            )
        };
        module::identity(report, &health);
        if !serves {
            module::sim(report, &health, &Answers::default());
            module::unserved(report, &health);
            return;
        }
        let answers = self.ask(report).await;
        self.module(report, &health, &answers);
        if !self.data(report).await {
            return;
        }
        for (name, server) in &self.servers {
            report.about(Some(name));
            self.server(report, server).await;
        }
    }

    /// Listens, sends commands, and listens again where one of them stops a receiver's sentences.
    async fn ask(&self, report: &mut Report) -> Answers {
        sleep(LISTEN).await;
        let asked = self
            .link
            .run(Standing::Ready, Task::Ask(answers::questions()));
        let answers = match asked.await {
            Ok(Output::Answers(answers)) => Answers::new(answers),
            Ok(_) => Answers::default(),
            Err(error) => {
                let finding = format!(
                    "The module did not answer what it was asked: {}.",
                    chain(&error)
                );
                report.problem(
                    "at",
                    &finding,
                    "Run the doctor again: the module may be starting.",
                );
                Answers::default()
            }
        };
        if self.tap.heard().has_sentences() {
            sleep(LISTEN).await;
        }
        answers
    }

    fn module(&self, report: &mut Report, health: &Health, answers: &Answers) {
        module::sim(report, health, answers);
        module::radio(report, &self.tap.heard(), answers);
        module::network(report, health, answers);
        module::context(report, answers);
        module::line(report, answers);
        module::clock(report, answers, clock::wall(clock::now()));
        port::unasked(report, &self.tap.heard());
    }

    /// Whether the module reaches the network.
    async fn data(&self, report: &mut Report) -> bool {
        let questions = Question::new("AT+CGPADDR=1").into_iter().collect();
        let asked = self.link.run(Standing::Started, Task::Ask(questions)).await;
        match asked {
            Ok(Output::Answers(answers)) => {
                module::address(report, &Answers::new(answers));
                true
            }
            Ok(_) => true,
            Err(error) => {
                report.problem(
                    "data",
                    &format!(
                        "The module does not start its FTPS service: {}.",
                        chain(&error)
                    ),
                    "It opens the data connection for it: see registration, the access point name \
                     (module.network.apn) and the contract.",
                );
                false
            }
        }
    }

    async fn server(&self, report: &mut Report, server: &Server) {
        let visit = Visit {
            link: self.link,
            tap: self.tap,
            server: Arc::new(server.clone()),
        };
        if !visit.look(report).await {
            return;
        }
        let size = visit.size(report, self.file.as_ref()).await;
        if let Some(path) = &self.file {
            file::look(report, &visit, path, size, self.most).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(args: &[&str]) -> String {
        #[derive(Debug, clap::Parser)]
        struct Line {
            #[command(flatten)]
            args: DoctorArgs,
        }
        let line = <Line as clap::Parser>::try_parse_from([&["doctor"], args].concat());
        let config = config::parse("x", "[servers.a]\nhost = \"h\"\nsecurity = \"none\"\n", [])
            .unwrap()
            .config;
        match line {
            Ok(line) => servers(&line.args, &config)
                .map(drop)
                .unwrap_err()
                .to_string(),
            Err(words) => words.to_string(),
        }
    }

    #[test]
    fn a_command_line_that_cannot_be_meant_is_refused() {
        assert!(refused(&["--profile", "b"]).contains("the configuration has: a"));
        assert!(refused(&["--file", "/x"]).contains("--profile"));
        assert!(
            refused(&["--profile", "a", "--profile", "a", "--file", "/x"]).contains("exactly one")
        );
        assert!(refused(&["--no-servers", "--profile", "a"]).contains("cannot be used"));
        assert!(refused(&["--timeout", "0"]).contains("--timeout"));
    }
}
