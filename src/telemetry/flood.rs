//! Lines of the log that come too often: they are counted, and their number is logged now and then.

use std::collections::HashMap;
use std::fmt::Debug;
use std::io;
use std::sync::Arc;
use std::thread::{self, sleep};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tracing::callsite::Identifier;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

/// Lines of one kind that are written at once: enough for a start, or for a site that comes back after a power
/// cut.
const AT_ONCE: u32 = 100;

/// Lines of one kind that are written in a second beyond that. A line has 100 to 300 bytes.
const A_SECOND: u32 = 5;

/// Seconds between two lines with the number of lines that were left out.
const TELL: u32 = 10;

/// Kinds that are counted separately. Beyond that, the lines of all clients are one kind.
const KINDS: usize = 1000;

/// Bytes of the first message of a kind that are repeated in that line.
const SHOWN: usize = 80;

/// Leaves lines out that come too often. A kind is a place in the source and the client whose operation the
/// line is about: no client suppresses the lines of others. Lines for debugging (`debug`, `trace`) are all
/// written: who asks for them wants them.
#[derive(Debug, Clone, Default)]
pub(super) struct Flood(Arc<Mutex<HashMap<Key, Kind>>>);

/// A place in the source, and a client.
type Key = (Identifier, Option<String>);

#[derive(Debug)]
struct Kind {
    /// Lines that may be written now.
    left: u32,
    /// Lines that were left out.
    left_out: u64,
    /// The message of the first line that was left out, and its client.
    like: String,
}

impl Flood {
    /// Begins to count, with a thread of its own that counts the seconds.
    pub(super) fn start() -> io::Result<Self> {
        let flood = Self::default();
        let ticking = flood.clone();
        thread::Builder::new()
            .name("log".into())
            .spawn(move || ticking.run())?;
        Ok(flood)
    }

    fn run(&self) {
        loop {
            for _ in 0..TELL {
                sleep(Duration::from_secs(1));
                self.second();
            }
            self.tell();
        }
    }

    /// Logs what was left out since the last such line.
    pub(super) fn tell(&self) {
        for (like, lines) in self.left_out() {
            tracing::warn!("{lines} more lines like {like} were left out");
        }
    }

    /// A second is over.
    fn second(&self) {
        for kind in self.kinds().values_mut() {
            kind.left = (kind.left + A_SECOND).min(AT_ONCE);
        }
    }

    /// Takes the counts of what was left out, by kind.
    fn left_out(&self) -> Vec<(String, u64)> {
        let mut kinds = self.kinds();
        let some = kinds.values_mut().filter(|kind| kind.left_out > 0);
        some.map(|kind| (kind.like.clone(), std::mem::take(&mut kind.left_out)))
            .collect()
    }

    fn kinds(&self) -> MutexGuard<'_, HashMap<Key, Kind>> {
        // No code panics while it holds the lock, and the counts would be right after a panic.
        self.0.lock()
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Flood {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let (Some(principal), Some(span)) = (fields.principal, context.span(id)) {
            span.extensions_mut().insert(Whose(principal));
        }
    }

    fn event_enabled(&self, event: &Event<'_>, context: Context<'_, S>) -> bool {
        let about = event.metadata();
        if *about.level() > Level::INFO {
            return true;
        }
        let whose = context.event_span(event).and_then(|span| {
            let mut scope = span.scope();
            scope.find_map(|span| Some(span.extensions().get::<Whose>()?.0.clone()))
        });
        // A line outside of any operation may name its client itself.
        let whose = whose.or_else(|| {
            let mut fields = Fields::default();
            event.record(&mut fields);
            fields.principal
        });
        let mut kinds = self.kinds();
        let mut key = (about.callsite(), whose);
        if kinds.len() >= KINDS && !kinds.contains_key(&key) {
            key.1 = None;
        }
        let whose = key.1.clone();
        let kind = kinds.entry(key).or_insert_with(|| {
            let mut fields = Fields::default();
            event.record(&mut fields);
            let of = whose
                .map(|whose| format!(" of {whose}"))
                .unwrap_or_default();
            Kind {
                left: AT_ONCE,
                left_out: 0,
                like: format!("{:?}{of}", fields.message.unwrap_or_default()),
            }
        });
        let left = kind.left.checked_sub(1);
        kind.left = left.unwrap_or_default();
        kind.left_out += u64::from(left.is_none());
        left.is_some()
    }
}

/// The client whose operation a span is about.
struct Whose(String);

/// The fields of a line that are looked for.
#[derive(Default)]
struct Fields {
    message: Option<String>,
    principal: Option<String>,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let into = match field.name() {
            "message" => &mut self.message,
            "principal" => &mut self.principal,
            _ => return,
        };
        *into = Some(format!("{value:?}").chars().take(SHOWN).collect());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    /// Counts the lines that are written.
    #[derive(Clone, Default)]
    struct Written(Arc<AtomicUsize>);

    impl<S: Subscriber> Layer<S> for Written {
        fn on_event(&self, _: &Event<'_>, _: Context<'_, S>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A module that repeated a line wrote 230 MB of log in 12 s.
    #[test]
    fn a_line_that_repeats_is_counted_and_told_once_in_a_while() {
        let (flood, written) = (Flood::default(), Written::default());
        let log = tracing_subscriber::registry()
            .with(written.clone())
            .with(flood.clone());
        tracing::subscriber::with_default(log, || {
            let repeat = |many| (0..many).for_each(|_| tracing::warn!("PEER CLOSED"));
            repeat(10_000);
            tracing::warn!("another line");
            assert_eq!(written.0.load(Ordering::Relaxed), AT_ONCE as usize + 1);
            flood.second();
            repeat(10_000);
            assert_eq!(
                written.0.load(Ordering::Relaxed),
                (AT_ONCE + A_SECOND) as usize + 1
            );
        });
        let row = format!("| {AT_ONCE} at once, then {A_SECOND} a second | {KINDS} kinds,");
        assert!(
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).contains(&row),
            "{row}"
        );
        let left_out = flood.left_out();
        let [(like, lines)] = left_out.as_slice() else {
            panic!("{left_out:?}");
        };
        assert_eq!(like, "\"PEER CLOSED\"");
        assert_eq!(*lines, 20_000 - u64::from(AT_ONCE + A_SECOND));
        assert!(flood.left_out().is_empty(), "it is told once");
    }

    #[test]
    fn a_client_whose_calls_fail_all_the_time_takes_no_line_of_others_out() {
        let (flood, written) = (Flood::default(), Written::default());
        let log = tracing_subscriber::registry()
            .with(written.clone())
            .with(flood.clone());
        tracing::subscriber::with_default(log, || {
            let fails = |who: &str, many| {
                let span = tracing::info_span!("operation", principal = %who);
                span.in_scope(|| (0..many).for_each(|_| tracing::info!("failed")));
            };
            fails("greedy", 1000);
            fails("other", 1);
        });
        assert_eq!(written.0.load(Ordering::Relaxed), AT_ONCE as usize + 1);
        let told = ("\"failed\" of greedy".to_owned(), 1000 - u64::from(AT_ONCE));
        assert_eq!(flood.left_out(), [told]);
        assert!(flood.kinds().len() <= KINDS);
    }

    /// Lines of changes have no span: a client that changed its session all the time hid the changes of others.
    #[test]
    fn a_line_without_a_span_is_of_the_client_that_it_names() {
        let (flood, written) = (Flood::default(), Written::default());
        let log = tracing_subscriber::registry()
            .with(written.clone())
            .with(flood.clone());
        tracing::subscriber::with_default(log, || {
            for who in std::iter::repeat_n("greedy", 1000).chain(["other"]) {
                tracing::info!(principal = %who, "a session was closed");
            }
        });
        assert_eq!(written.0.load(Ordering::Relaxed), AT_ONCE as usize + 1);
        let told = (
            "\"a session was closed\" of greedy".to_owned(),
            1000 - u64::from(AT_ONCE),
        );
        assert_eq!(flood.left_out(), [told]);
    }

    #[test]
    fn beyond_a_thousand_kinds_all_clients_are_one() {
        let flood = Flood::default();
        let log = tracing_subscriber::registry().with(flood.clone());
        tracing::subscriber::with_default(log, || {
            for who in 0..2 * KINDS {
                let span = tracing::info_span!("operation", principal = %who);
                span.in_scope(|| tracing::info!("failed"));
            }
        });
        assert_eq!(flood.kinds().len(), KINDS + 1);
    }

    #[test]
    fn who_looks_for_faults_gets_every_line() {
        let (flood, written) = (Flood::default(), Written::default());
        let log = tracing_subscriber::registry()
            .with(written.clone())
            .with(flood);
        tracing::subscriber::with_default(log, || {
            (0..1000).for_each(|_| tracing::debug!("a byte"));
        });
        assert_eq!(written.0.load(Ordering::Relaxed), 1000);
    }
}
