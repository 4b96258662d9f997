//! What was promised, what was seen on the servers, and whether both agree. The oracle never looks inside
//! the daemon.
//!
//! Above 400 lines because all promises stand in one place.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::content::{begins_alike, content, marks};
use cellftp::broker::terms::PutState;

/// How long after its answer an operation may still reach a server: with what it had handed to the module
/// before, and what was on its way.
const GRACE: Duration = Duration::from_secs(60);

/// How long after it has checked a file the daemon may act on what it saw.
const RACE: Duration = Duration::from_secs(10);

/// A file of a server, by host and path.
pub(crate) type At = (usize, String);

/// A rule that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) rule: &'static str,
    pub(crate) what: String,
    /// Number of calls before it.
    pub(crate) operations: u64,
}

/// Who changed a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Daemon,
    Others,
}

/// A writer of a file: a client through the daemon, or another program on the server.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) who: String,
    pub(crate) at: At,
    pub(crate) content: Arc<[u8]>,
    pub(crate) fail_if_exists: bool,
    pub(crate) may_be_deleted: bool,
    pub(crate) sentinel: Option<String>,
    pub(crate) others: bool,
    pub(crate) opened: Duration,
    pub(crate) closed: Option<Duration>,
    /// The client was told that the whole file is on the server.
    pub(crate) verified: bool,
}

/// From when on, the content (`None`: there is no file), and who wrote it.
type Version = (Duration, Option<Arc<[u8]>>, Option<By>);

#[derive(Debug, Default)]
struct File {
    versions: Vec<Version>,
    /// Since when the name has existed without a pause.
    born: Duration,
    /// When the server last told the daemon of it.
    shown: Option<Duration>,
    /// When others last changed it while the daemon was writing it.
    disturbed: Option<Duration>,
    /// For whom the daemon wrote it last, if nobody else has written since.
    written_for: Vec<u32>,
}

#[derive(Debug)]
struct Deleting {
    at: At,
    opened: Duration,
    closed: Option<Duration>,
}

/// The records.
#[derive(Debug, Default)]
pub(crate) struct Oracle {
    pub(crate) trace: Vec<String>,
    /// The first of each rule that was broken.
    pub(crate) broken: Vec<Violation>,
    /// Only this rule is checked, to find breaks that others would hide.
    pub(crate) rule: Option<String>,
    /// Calls of clients.
    pub(crate) operations: u64,
    files: BTreeMap<At, File>,
    writers: BTreeMap<u32, Writer>,
    deleting: Vec<Deleting>,
}

impl Oracle {
    pub(crate) fn new(rule: Option<String>) -> Self {
        Self {
            rule,
            ..Self::default()
        }
    }

    pub(crate) fn note(&mut self, now: Duration, what: &str) {
        self.trace
            .push(format!("{:>12.6} {what}", now.as_secs_f64()));
    }

    pub(crate) fn violated(&mut self, now: Duration, rule: &'static str, what: String) {
        let looked_for = self
            .rule
            .as_ref()
            .is_none_or(|looked| rule.contains(looked.as_str()));
        if !looked_for || self.broken.iter().any(|broken| broken.rule == rule) {
            return;
        }
        self.note(now, &format!("VIOLATION {rule}: {what}"));
        let operations = self.operations;
        self.broken.push(Violation {
            rule,
            what,
            operations,
        });
    }

    /// A writer with content of its own.
    pub(crate) fn open(&mut self, len: usize, writer: impl FnOnce(Arc<[u8]>) -> Writer) -> u32 {
        let id = self.writers.len() as u32 + 1;
        self.writers.insert(id, writer(content(id, len)));
        id
    }

    /// A writer that is another program.
    pub(crate) fn others(&mut self, at: &At, len: usize, now: Duration) -> u32 {
        // Nobody can tell whose an empty file is.
        self.open(len.max(1), |content| Writer {
            who: "others".into(),
            at: at.clone(),
            content,
            fail_if_exists: false,
            may_be_deleted: false,
            sentinel: None,
            others: true,
            opened: now,
            closed: Some(now),
            verified: false,
        })
    }

    pub(crate) fn writer(&self, id: u32) -> &Writer {
        &self.writers[&id]
    }

    /// Its call was answered, or its caller has left: nothing more is written for it.
    pub(crate) fn close(&mut self, id: u32, now: Duration) {
        let writer = self.writers.get_mut(&id).unwrap();
        writer.closed.get_or_insert(now);
    }

    /// It is wanted again.
    pub(crate) fn reopen(&mut self, id: u32) {
        self.writers.get_mut(&id).unwrap().closed = None;
    }

    pub(crate) fn open_delete(&mut self, at: At, now: Duration) -> usize {
        self.deleting.push(Deleting {
            at,
            opened: now,
            closed: None,
        });
        self.deleting.len() - 1
    }

    pub(crate) fn close_delete(&mut self, index: usize, now: Duration) {
        self.deleting[index].closed = Some(now);
    }

    /// The daemon was killed: the calls of its clients are over, except transfers.
    pub(crate) fn killed(&mut self, now: Duration, lasting: &BTreeSet<u32>) {
        for (id, writer) in &mut self.writers {
            if !lasting.contains(id) {
                writer.closed.get_or_insert(now);
            }
        }
        for deleting in &mut self.deleting {
            deleting.closed.get_or_insert(now);
        }
    }

    /// A file has this content now.
    pub(crate) fn is_now(&mut self, at: &At, now: Duration, to: Option<&[u8]>, by: By) {
        let file = self.files.entry(at.clone()).or_default();
        let existed = matches!(file.versions.last(), Some((_, Some(_), _)));
        if to.is_some() && !existed {
            file.born = now;
            file.shown = None;
        }
        if by == By::Others || to.is_none() {
            file.written_for.clear();
        }
        file.versions.push((now, to.map(Arc::from), Some(by)));
    }

    /// Others changed a file while the daemon was writing it.
    pub(crate) fn disturbed(&mut self, at: &At, now: Duration) {
        self.files.entry(at.clone()).or_default().disturbed = Some(now);
    }

    /// A server told the daemon of a file.
    pub(crate) fn shown(&mut self, at: &At, now: Duration) {
        self.files.entry(at.clone()).or_default().shown = Some(now);
    }

    /// Whether a file had this content at some moment in that time.
    fn was(
        &self,
        at: &At,
        from: Duration,
        to: Duration,
        so: impl Fn(Option<&[u8]>) -> bool,
    ) -> bool {
        let none = Vec::new();
        let versions = self.files.get(at).map_or(&none, |file| &file.versions);
        let first = versions.partition_point(|(when, ..)| *when < from);
        if first == 0 && so(None) {
            return true;
        }
        versions[first.saturating_sub(1)..]
            .iter()
            .take_while(|(when, ..)| *when <= to)
            .any(|(_, content, _)| so(content.as_deref()))
    }

    fn now(&self, at: &At) -> (Option<&[u8]>, Option<By>) {
        match self.files.get(at).and_then(|file| file.versions.last()) {
            Some((_, content, by)) => (content.as_deref(), *by),
            None => (None, None),
        }
    }

    /// Who changed a file last.
    pub(crate) fn wrote_last(&self, at: &At) -> Option<By> {
        self.now(at).1
    }

    /// The writers for whom the daemon may write there now.
    fn may_write<'a>(
        &'a self,
        at: &'a At,
        now: Duration,
    ) -> impl Iterator<Item = (u32, &'a Writer)> {
        let open = move |writer: &Writer| {
            !writer.others
                && writer.opened <= now
                && writer.closed.is_none_or(|closed| now <= closed + GRACE)
        };
        self.writers
            .iter()
            .filter(move |(_, writer)| writer.at == *at && open(writer))
            .map(|(id, writer)| (*id, writer))
    }

    /// Whether others have changed a file since the daemon checked it, while the daemon did not wait long:
    /// FTP cannot delete a file only if it is unchanged.
    fn is_race(&self, at: &At, now: Duration) -> bool {
        let file = &self.files[at];
        let changed = file.versions.last().map_or(now, |(when, ..)| *when);
        file.shown
            .is_some_and(|shown| shown <= changed && now <= shown + RACE)
    }

    fn is_sentinel(&self, at: &At) -> bool {
        self.writers
            .values()
            .any(|writer| writer.at.0 == at.0 && writer.sentinel.as_ref() == Some(&at.1))
    }

    /// Whether content is what one upload left, or the beginning of that.
    fn is_left_by(content: &[u8], id: u32, writer: &Writer) -> bool {
        // The line may have lost the first bytes.
        let marks = marks(content);
        !writer.others
            && marks.iter().all(|mark| *mark == id)
            && (!marks.is_empty() || begins_alike(content, &writer.content))
    }

    /// The daemon begins to write a file at its beginning. `first` is what it writes, with its position in
    /// the upload (a server may ignore REST).
    pub(crate) fn stored(
        &mut self,
        at: &At,
        now: Duration,
        old: Option<&[u8]>,
        (offset, first): (usize, &[u8]),
    ) {
        if self.is_sentinel(at) {
            return;
        }
        let may: Vec<(u32, &Writer)> = self.may_write(at, now).collect();
        let wrote: Vec<&(u32, &Writer)> = may
            .iter()
            .filter(|(_, writer)| {
                let there = writer.content.get(offset..);
                // An empty file begins like every other.
                there.is_some_and(|there| {
                    begins_alike(first, there) && (first.is_empty() || !there.is_empty())
                })
            })
            .collect();
        if wrote.is_empty() {
            // The line may have lost the first bytes.
            let known = marks(first);
            if may.is_empty()
                || known
                    .iter()
                    .any(|mark| may.iter().all(|(id, _)| id != mark))
            {
                let what = format!("{at:?} with {:?}", String::from_utf8_lossy(first));
                self.violated(now, "the daemon wrote what nobody asked for there", what);
            }
            return;
        }
        let wrote_for: Vec<u32> = wrote.iter().map(|(id, _)| *id).collect();
        let file = &self.files[at];
        // The old file is the upload's own: a server that ignores REST had begun again with a part of it.
        let own = |id: &u32| file.written_for.contains(id);
        let Some(old) = old.filter(|_| !wrote_for.iter().any(own)) else {
            self.files.get_mut(at).unwrap().written_for = wrote_for;
            return;
        };
        let replaces = |(id, writer): &&(u32, &Writer)| {
            !writer.fail_if_exists
                || Self::is_left_by(old, *id, writer)
                || file
                    .shown
                    .is_none_or(|shown| shown < file.born.max(writer.opened))
        };
        if !wrote.iter().any(replaces) {
            let who: Vec<&str> = wrote
                .iter()
                .map(|(_, writer)| writer.who.as_str())
                .collect();
            let what = format!("{at:?} by {who:?}");
            self.violated(now, "FAIL replaced a file", what);
        }
        self.files.get_mut(at).unwrap().written_for = wrote_for;
    }

    /// The daemon deletes a file.
    pub(crate) fn deleted(&mut self, at: &At, now: Duration) {
        let told = self.deleting.iter().any(|deleting| {
            deleting.at == *at
                && deleting.opened <= now
                && deleting.closed.is_none_or(|closed| now <= closed + GRACE)
        });
        let (Some(old), by) = self.now(at) else {
            return;
        };
        if told || (self.is_sentinel(at) && by == Some(By::Daemon)) {
            return;
        }
        let left: Vec<&Writer> = self
            .writers
            .iter()
            .filter(|(id, writer)| writer.at == *at && Self::is_left_by(old, **id, writer))
            .map(|(_, writer)| writer)
            .collect();
        if by == Some(By::Others) && self.is_race(at, now) {
            return;
        }
        let shows = String::from_utf8_lossy(&old[..old.len().min(20)]).into_owned();
        let what = format!("{at:?}, {} bytes beginning with {shows:?}", old.len());
        let rule = if left.is_empty() || by == Some(By::Others) {
            "the daemon deleted what it did not write"
        } else if left.iter().all(|writer| writer.verified) {
            "the daemon deleted what it had called verified"
        } else if left.iter().all(|writer| !writer.may_be_deleted) {
            "the daemon deleted what was to be kept"
        } else {
            return;
        };
        self.violated(now, rule, what);
    }

    /// A client was told that its whole file is on the server, by its size alone or by its hash.
    pub(crate) fn verified(&mut self, id: u32, now: Duration, state: PutState, words: &str) {
        let writer = self.writers.get_mut(&id).unwrap();
        writer.verified = true;
        writer.closed.get_or_insert(now);
        let writer = &self.writers[&id];
        let same = |there: Option<&[u8]>| there == Some(&writer.content);
        let disturbed = self.files.get(&writer.at).and_then(|file| file.disturbed);
        if state == PutState::VerifiedSize && disturbed.is_some_and(|when| writer.opened <= when) {
            // No size shows that others wrote in between: a client that must know that asks for READ_BACK.
            return;
        }
        if !self.was(&writer.at, writer.opened, now, same) {
            let (there, _) = self.now(&writer.at);
            let what = format!(
                "{} {:?}: {} bytes; there: {:?} ({words})",
                writer.who,
                writer.at,
                writer.content.len(),
                there.map(<[u8]>::len)
            );
            return self.violated(now, "called verified, and never was there whole", what);
        }
        let Some(sentinel) = &writer.sentinel else {
            return;
        };
        let holds = sentinel_of(&writer.content);
        let at = (writer.at.0, sentinel.clone());
        if !self.was(&at, writer.opened, now, |there| {
            there == Some(holds.as_bytes())
        }) {
            let what = format!(
                "{} {at:?}: {:?}",
                writer.who,
                self.now(&at).0.map(<[u8]>::len)
            );
            self.violated(now, "the sentinel was not written", what);
        }
    }

    /// A client received a file from a position on, or as much of it as there was when its size was asked
    /// for, and then its present size.
    pub(crate) fn got(&mut self, who: &str, at: &At, times: (Duration, Duration), got: &Got) {
        let (end, bytes) = (got.from + got.bytes.len(), got.bytes);
        let so = |so: &dyn Fn(&[u8]) -> bool| {
            self.was(at, times.0, times.1, |there| there.is_some_and(so))
        };
        let whole = so(&|all| all.get(got.from..).unwrap_or(b"") == bytes);
        let true_so = match got.grown {
            None => whole,
            // The first bytes of one and the same file, as many as it had at that time; and the reported
            // size.
            Some(size) => {
                size > end as u64
                    && so(&|all| all.get(got.from..end) == Some(bytes))
                    && so(&|all| all.len() == end)
                    && so(&|all| all.len() as u64 == size)
            }
        };
        if !true_so {
            let there = self.now(at).0.map(<[u8]>::len);
            let what = format!(
                "{who} {at:?} from {}: {} bytes of {:?}, then told {:?}; there now: {there:?}",
                got.from,
                bytes.len(),
                marks(bytes),
                got.grown,
            );
            self.violated(times.1, "a Get gave what never was there", what);
        }
    }

    /// A client was told a size, or that there is no such file, or that there is one.
    pub(crate) fn told(&mut self, who: &str, at: &At, times: (Duration, Duration), size: Told) {
        let same = |there: Option<&[u8]>| match size {
            Told::Absent => there.is_none(),
            Told::Present => there.is_some(),
            Told::Size(size) => there.is_some_and(|there| there.len() as u64 == size),
        };
        if !self.was(at, times.0, times.1, same) {
            let there = self.now(at).0.map(<[u8]>::len);
            let what = format!("{who} {at:?}: told {size:?}, there: {there:?}");
            self.violated(times.1, "told of a file what is not so", what);
        }
    }
}

/// What a client received of a file.
pub(crate) struct Got<'a> {
    /// The first byte that it wanted.
    pub(crate) from: usize,
    pub(crate) bytes: &'a [u8],
    /// The size that it was told where these are not all bytes.
    pub(crate) grown: Option<u64>,
}

/// What a client may be told about a file.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Told {
    Absent,
    Present,
    Size(u64),
}

/// What a sentinel holds.
fn sentinel_of(content: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    use std::fmt::Write;
    let mut text = format!("size={}\nsha256=", content.len());
    for byte in Sha256::digest(content) {
        let _ = write!(text, "{byte:02x}");
    }
    text.push('\n');
    text
}
