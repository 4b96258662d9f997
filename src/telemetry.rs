//! The log: tracing's events, on standard error. A log that cannot be written disturbs nothing but the log.

mod flood;
mod lines;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt;
use std::io::{self, IsTerminal, Write as _};
use std::panic::{self, PanicHookInfo};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::{self, FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, Layer, MakeWriter, layer};
use tracing_subscriber::layer::{Layered, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};
use tracing_subscriber::{Registry, reload};

use crate::config;
use flood::Flood;
use lines::{Lines, StandardError};

/// How long the exit waits for the log's last lines. A reader takes them at once, or does not read.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Why the log cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The level cannot be read.
    #[error("the log level cannot be read")]
    Level(#[from] tracing_subscriber::filter::ParseError),
    /// Nothing is logged any more.
    #[error("nothing is logged any more")]
    Gone(#[from] reload::Error),
    /// The log is set up already.
    #[error("the log is set up already")]
    Twice(#[from] TryInitError),
    /// The system gives the log no thread.
    #[error("the log gets no thread of its own")]
    Thread(#[from] io::Error),
}

/// The log of the process. A drop waits, for a second at most, until the last lines are written.
#[derive(Debug)]
pub struct Log {
    lines: Lines,
    flood: Flood,
    level: Level,
}

impl Log {
    /// Its level, for whoever changes it.
    #[must_use]
    pub fn level(&self) -> Level {
        self.level.clone()
    }
}

/// The level of the log, which can be changed while it is written.
#[derive(Clone)]
pub struct Level(Arc<dyn Fn(Targets) -> Result<(), reload::Error> + Send + Sync>);

impl Level {
    /// Sets another one, as `log.level` of the configuration has it.
    ///
    /// # Errors
    /// [`Error::Level`] where it cannot be read, [`Error::Gone`] where nothing is logged any more. The level stays as
    /// it was then.
    pub fn set(&self, level: &str) -> Result<(), Error> {
        Ok((self.0)(filter(level)?)?)
    }
}

impl fmt::Debug for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Level")
    }
}

/// Sends events, and panics too, to standard error, as configured.
///
/// No event waits until it is written, and none fails. Lines that could not be written are counted, and the log
/// has their number once it can be written again.
///
/// # Errors
/// [`Error::Level`] where the level cannot be read, [`Error::Twice`] where the process logs already,
/// [`Error::Thread`] where the system gives no thread.
pub fn init(log: &config::Log) -> Result<Log, Error> {
    let flood = Flood::start().map_err(Error::Thread)?;
    let told = flood.clone();
    let filter = filter(&log.level)?;
    let form = match log.format {
        config::Format::Journal => Form::Journal,
        config::Format::Auto if journal_listens() => Form::Journal,
        config::Format::Auto | config::Format::Text => Form::Text,
        config::Format::Json => Form::Json,
    };
    let lines = Lines::to(StandardError, move |lost| form.notice(lost))?;
    let to = lines.clone();
    let writer = move || to.clone();
    let level = match form {
        Form::Journal => begin(filter, journal(writer), flood)?,
        Form::Json => begin(filter, plain(writer).json(), flood)?,
        Form::Text => {
            let colours = io::stderr().is_terminal();
            begin(filter, plain(writer).with_ansi(colours), flood)?
        }
    };
    panic::set_hook(Box::new(panicked));
    Ok(Log {
        lines,
        flood: told,
        level,
    })
}

/// What the lines are made of: the events that the level lets through.
type Filtered = Layered<reload::Layer<Targets, Registry>, Registry>;

/// Makes this the log of the process, with a level that can be changed.
fn begin<N, E, W>(
    filter: Targets,
    lines: Layer<Filtered, N, E, W>,
    flood: Flood,
) -> Result<Level, Error>
where
    N: for<'a> FormatFields<'a> + Send + Sync + 'static,
    E: FormatEvent<Filtered, N> + Send + Sync + 'static,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let (filter, handle) = reload::Layer::new(filter);
    let log = tracing_subscriber::registry().with(filter).with(lines);
    log.with(flood).try_init()?;
    Ok(Level(Arc::new(move |filter| handle.reload(filter))))
}

/// Writes to standard error why the process ends. A standard error that takes nothing delays the exit by a
/// second at most.
pub fn last_words(text: &str) {
    let lines = Lines::to(StandardError, |_| String::new());
    // Nobody could read an error of this.
    if let Ok(mut lines) = lines {
        let _ = lines.write_all(format!("{text}\n").as_bytes());
        lines.finish(LAST_LINES);
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.flood.tell();
        self.lines.finish(LAST_LINES);
    }
}

/// The form of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Json,
    Journal,
}

impl Form {
    /// The line with the number of lost lines.
    fn notice(self, lost: u64) -> String {
        let message = format!("the log could not be written: {lost} lines of it were lost");
        let mut time = String::new();
        // Writing to a string does not fail.
        let _ = SystemTime.format_time(&mut Writer::new(&mut time));
        let target = module_path!();
        match self {
            Self::Text => format!("{time}  WARN {target}: {message} lost={lost}\n"),
            Self::Journal => format!(
                "<{}>{target}: {message} lost={lost}\n",
                Journal::priority(tracing::Level::WARN)
            ),
            Self::Json => {
                let fields = json!({ "message": message, "lost": lost });
                let line = json!({
                    "timestamp": time,
                    "level": "WARN",
                    "fields": fields,
                    "target": target,
                });
                format!("{line}\n")
            }
        }
    }
}

/// Makes an event of a panic. The standard library would write it to standard error itself, and block there.
fn panicked(panic: &PanicHookInfo<'_>) {
    let message = panic.to_string().replace('\n', " ");
    let trace = Backtrace::capture();
    if trace.status() == BacktraceStatus::Captured {
        tracing::error!(%trace, "{message}");
    } else {
        tracing::error!("{message}");
    }
}

/// Switches off the subscriber's own messages about lines that it cannot write: it writes them to standard
/// error, and panics where that fails.
fn plain<S, W>(writer: W) -> Layer<S, format::DefaultFields, format::Format, W>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = layer().log_internal_errors(false);
    lines.with_writer(writer)
}

/// For the journal, which shows a line with control characters as a blob: neither events nor spans have
/// colours.
fn journal<S, W>(writer: W) -> Layer<S, format::DefaultFields, Journal, W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    plain(writer).with_ansi(false).event_format(Journal::new())
}

/// The filter of the log. The FTP client of the embedded emulator logs every line that it sends, passwords
/// included, so that it stays silent at any level. HTTP/2 warns of what clients do, and any client could fill
/// the disk with that: it is logged only where the level names it.
fn filter(level: &str) -> Result<Targets, tracing_subscriber::filter::ParseError> {
    let filter = level.parse::<Targets>()?;
    let filter = filter.with_target("suppaftp", LevelFilter::OFF);
    let asked_for = level.split(',').any(|part| part.trim().starts_with("h2"));
    Ok(if asked_for {
        filter
    } else {
        filter.with_target("h2", LevelFilter::ERROR)
    })
}

/// Whether standard error goes to systemd's journal (systemd.exec(5), `$JOURNAL_STREAM`).
fn journal_listens() -> bool {
    std::env::var_os("JOURNAL_STREAM").is_some()
}

/// One line an event, with the priority that the journal reads before it (sd-daemon(3)).
struct Journal(format::Format<format::Full, ()>);

impl Journal {
    fn new() -> Self {
        Self(
            format::format()
                .without_time()
                .with_level(false)
                .with_ansi(false),
        )
    }

    fn priority(level: tracing::Level) -> u8 {
        match level {
            tracing::Level::ERROR => 3,
            tracing::Level::WARN => 4,
            tracing::Level::INFO => 6,
            tracing::Level::DEBUG | tracing::Level::TRACE => 7,
        }
    }
}

impl<S, N> FormatEvent<S, N> for Journal
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        write!(writer, "<{}>", Self::priority(*event.metadata().level()))?;
        self.0.format_event(context, writer, event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::Mutex;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_journal_gets_priorities_and_neither_time_nor_colours() {
        let sink = Sink::default();
        let writer = sink.clone();
        let filter = Targets::new().with_default(LevelFilter::INFO);
        let subscriber = tracing_subscriber::registry().with(filter);
        let subscriber = subscriber.with(journal(move || writer.clone()));
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(port = 1, "careful");
            tracing::info!("well");
            tracing::info_span!("operation", method = "Get").in_scope(|| tracing::info!("done"));
        });
        let text = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "<4>cellftp::telemetry::tests: careful port=1",
                "<6>cellftp::telemetry::tests: well",
                "<6>operation{method=\"Get\"}: cellftp::telemetry::tests: done",
            ]
        );
    }

    #[test]
    fn what_was_lost_is_told_in_the_form_of_the_log() {
        let journal = Form::Journal.notice(3);
        let told = "the log could not be written: 3 lines of it were lost lost=3\n";
        assert_eq!(journal, format!("<4>cellftp::telemetry: {told}"));
        let text = Form::Text.notice(3);
        assert!(text.ends_with(&format!("Z  WARN cellftp::telemetry: {told}")));
        let line: serde_json::Value = serde_json::from_str(&Form::Json.notice(3)).unwrap();
        assert_eq!(line["fields"]["lost"], 3);
        assert_eq!(line["level"], "WARN");
    }

    #[test]
    fn no_level_lets_the_ftp_client_log_passwords() {
        for level in ["trace", "suppaftp=trace", "info,suppaftp=debug"] {
            let filter = filter(level).unwrap().to_string();
            assert!(filter.contains("suppaftp=off"), "{filter}");
            assert!(!filter.contains("suppaftp=trace"), "{filter}");
            assert!(!filter.contains("suppaftp=debug"), "{filter}");
        }
    }
}
