//! The log: tracing's events, on standard error.

mod flood;

use std::fmt;
use std::io::{self, IsTerminal};

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{self, FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::{FmtContext, MakeWriter};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::TryInitError;

use crate::config::{Format, Log};
use flood::Flood;

/// Why the log cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The level cannot be read.
    #[error("the log level cannot be read")]
    Level(#[from] tracing_subscriber::filter::ParseError),
    /// There is no thread for it.
    #[error("the log has no thread")]
    Thread(#[source] io::Error),
    /// The process logs already.
    #[error("the log is set up already")]
    Twice(#[from] TryInitError),
}

/// Sends events to standard error, as configured.
///
/// # Errors
/// The level cannot be read, or the process logs already.
pub fn init(log: &Log) -> Result<(), Error> {
    use tracing_subscriber::layer::SubscriberExt as _;
    use tracing_subscriber::util::SubscriberInitExt as _;

    let flood = Flood::start().map_err(Error::Thread)?;
    let filter = filter(&log.level)?;
    let for_journal = match log.format {
        Format::Journal => true,
        Format::Auto => journal_listens(),
        Format::Json | Format::Text => false,
    };
    if for_journal {
        return Ok(journal(filter, io::stderr).with(flood).try_init()?);
    }
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    match log.format {
        Format::Json => builder.json().finish().with(flood).try_init()?,
        Format::Auto | Format::Journal | Format::Text => builder
            .with_ansi(io::stderr().is_terminal())
            .finish()
            .with(flood)
            .try_init()?,
    }
    Ok(())
}

/// For the journal, which shows a line with control characters as a blob: neither events nor the spans
/// that they are in have colours.
fn journal<W>(filter: EnvFilter, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(false)
        .event_format(Journal::new())
        .finish()
}

/// What is logged. The FTP client of the embedded emulator writes every line that it sends into
/// its own log, passwords included: that one stays silent at any level. HTTP/2 warns of what a client
/// does, which any client could fill the disk with: that is written where it is asked for by name.
fn filter(level: &str) -> Result<EnvFilter, tracing_subscriber::filter::ParseError> {
    let filter = EnvFilter::builder()
        .parse(level)?
        .add_directive("suppaftp=off".parse()?);
    let asked_for = level.split(',').any(|part| part.trim().starts_with("h2"));
    Ok(if asked_for {
        filter
    } else {
        filter.add_directive("h2=error".parse()?)
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

    fn priority(level: Level) -> u8 {
        match level {
            Level::ERROR => 3,
            Level::WARN => 4,
            Level::INFO => 6,
            Level::DEBUG | Level::TRACE => 7,
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
    use std::sync::{Arc, Mutex};

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
        let subscriber = journal(EnvFilter::new("info"), move || writer.clone());
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
    fn no_level_lets_the_ftp_client_log_passwords() {
        for level in ["trace", "suppaftp=trace", "info,suppaftp=debug"] {
            let filter = filter(level).unwrap().to_string();
            assert!(filter.contains("suppaftp=off"), "{filter}");
            assert!(!filter.contains("suppaftp=trace"), "{filter}");
            assert!(!filter.contains("suppaftp=debug"), "{filter}");
        }
    }
}
