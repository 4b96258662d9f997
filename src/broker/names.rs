//! Which operation writes which name on which server, so that no caller spoils another caller's
//! file.
//!
//! Above 400 lines because the rules for two writers of one name, and the rule for two names of one
//! file, form one table.

mod kept;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::{Mutex, MutexGuard};
use tokio::time::{Instant, timeout};

use crate::broker::catalogue::{Location, Servers};
use crate::broker::terms::{Key, Lived, ServerChoice};
pub(crate) use kept::{Claim, Kept, Loss, Recording, Taken};
use simcom_talk::dialogue::operation::{Directory, SessionTarget, Standing};
use simcom_talk::ftps::lossless;
use simcom_talk::ftps::value::{RemotePath, Server};

/// How long an answer waits until the disk records which uploads have lost their name. A card that
/// stalls for seconds is common; one that stalls for longer is broken. The daemon records the rest
/// later.
const RECORD: Duration = Duration::from_secs(10);

/// The writers of names. A writer that has written takes the name from all earlier ones; a writer
/// that has not written takes it from nobody.
#[derive(Debug)]
pub(crate) struct Names {
    writers: Mutex<Vec<Weak<Writer>>>,
    servers: Arc<ArcSwap<Servers>>,
    kept: OnceLock<Uploads>,
}

/// Finds the kept uploads; `None` while the disk cannot be read.
struct Uploads(Box<dyn Fn() -> Option<Arc<dyn Kept>> + Send + Sync>);

impl fmt::Debug for Uploads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.0)().fmt(f)
    }
}

/// A name on a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    /// In lower case.
    host: String,
    /// Port and user name.
    login: (u16, String),
    /// The path starts at the root.
    absolute: bool,
    /// For a relative path: the directory that it starts from, if that has a name.
    base: Option<String>,
    parts: Vec<String>,
    /// The path has `..` components, which lead elsewhere where a directory is a symlink.
    climbs: bool,
    /// As the client gave it.
    path: RemotePath,
}

/// Whether two names are one file.
///
/// It does not detect a server with two host names, or with a name and an address; symlinks on the
/// server; or a directory that a server shows under two names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Match {
    No,
    /// They may be one file: on a server that ignores case, or where one name is relative to an
    /// unknown directory. The daemon neither deletes nor resumes what may be another writer's; no
    /// writer fails for it.
    Possible,
    /// They are one file.
    Sure,
}

/// A writer of a name, for as long as that may matter.
#[derive(Debug)]
pub(crate) struct Writer {
    name: Name,
    /// The transfer whose attempt this is, if it is one's.
    own: Option<Key>,
    /// When its caller was admitted.
    admitted: Instant,
    wrote: AtomicBool,
    taken_over: AtomicBool,
    /// Another writer may have written the same file.
    doubtful: AtomicBool,
}

/// What a writer did to a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Touch {
    /// It wrote a part, or deleted the file, or nobody knows.
    Begun,
    /// The whole file is there.
    Written,
}

impl Names {
    /// Names for a set of servers; transfers name servers by profile.
    pub(crate) fn new(servers: Arc<ArcSwap<Servers>>) -> Self {
        Self {
            writers: Mutex::default(),
            servers,
            kept: OnceLock::new(),
        }
    }

    /// Also counts the uploads kept on the disk, as soon as the disk can be read.
    pub(crate) fn with_kept(
        &self,
        kept: impl Fn() -> Option<Arc<dyn Kept>> + Send + Sync + 'static,
    ) {
        // There is one store of transfers, set once at the start.
        let _ = self.kept.set(Uploads(Box::new(kept)));
    }

    /// A writer that will write a name; `own` is its transfer. Nobody loses a name yet.
    pub(crate) fn begin(&self, name: Name, own: Option<Key>, admitted: Instant) -> Arc<Writer> {
        let writer = Arc::new(Writer {
            name,
            own,
            admitted,
            wrote: AtomicBool::new(false),
            taken_over: AtomicBool::new(false),
            doubtful: AtomicBool::new(false),
        });
        let mut writers = self.writers();
        // Dropped writers go, so that there are never more of them than operations.
        writers.retain(|earlier| earlier.strong_count() > 0);
        writers.push(Arc::downgrade(&writer));
        writer
    }

    /// A writer has written. It calls this while it still has the link, so that the next holder of
    /// the link knows. Answers the transfers that lost something by it; [`Names::record`] records
    /// them on the disk.
    pub(crate) fn wrote(&self, writer: &Writer, touch: Touch) -> Vec<Taken> {
        writer.wrote.store(true, Ordering::Relaxed);
        for other in self.writers().iter().filter_map(Weak::upgrade) {
            let own = writer.own.is_some() && writer.own == other.own;
            if own || std::ptr::eq(Arc::as_ptr(&other), writer) {
                continue;
            }
            match other.name.matches(&writer.name) {
                Match::No => {}
                Match::Possible => other.doubtful.store(true, Ordering::Relaxed),
                Match::Sure => other.taken_over.store(true, Ordering::Relaxed),
            }
        }
        let Some(kept) = self.kept() else {
            return Vec::new();
        };
        let claims = kept.claims();
        let order = self.order(&claims, writer.own.as_ref(), writer.admitted);
        let others = claims
            .iter()
            .filter(|claim| writer.own.as_ref() != Some(&claim.key));
        let lost = others.filter_map(|claim| {
            let whole = touch == Touch::Written
                && order.is_some_and(|order| claim.is_accepted_before(order));
            let loss = match self.name_of(claim)?.matches(&writer.name) {
                Match::Sure if whole => Loss::Name,
                Match::Sure | Match::Possible if claim.has_begun => Loss::Proof,
                _ => return None,
            };
            Some((claim.taken.clone(), loss))
        });
        kept.lose(lost.collect())
    }

    /// Waits until the disk records what transfers have lost, but no longer than [`RECORD`], and
    /// only until `cancelled` completes. The daemon keeps the rest in memory and records it later.
    pub(crate) async fn record(&self, taken: Vec<Taken>, cancelled: impl Future<Output = ()>) {
        let Some(kept) = self.kept().filter(|_| !taken.is_empty()) else {
            return;
        };
        tokio::select! {
            biased;
            recorded = timeout(RECORD, kept.record_losses(taken)) => {
                if !matches!(recorded, Ok(Ok(()))) {
                    tracing::warn!("the disk does not know yet which transfers have lost their name");
                }
            }
            () = cancelled => {}
        }
    }

    /// Whether another writer has begun to write a name and has not ended: the name is not free.
    pub(crate) fn is_begun(&self, name: &Name, own: Option<&Key>) -> bool {
        let is = |other: &Name| other.matches(name) == Match::Sure;
        let writers = self.writers().clone();
        let writing = writers.iter().filter_map(Weak::upgrade).any(|other| {
            let ours = own.is_some() && other.own.as_ref() == own;
            !ours && other.has_the_name() && is(&other.name)
        });
        let claims = self.kept().map(|kept| kept.claims());
        writing
            || claims.unwrap_or_default().iter().any(|claim| {
                claim.has_begun
                    && own != Some(&claim.key)
                    && self.name_of(claim).is_some_and(|there| is(&there))
            })
    }

    /// Whether a writer that came after a transfer is writing the transfer's name and has not
    /// ended. The transfer waits for it, because its own content is the older one.
    pub(crate) fn is_held_by_a_later_one(&self, own: &Key) -> bool {
        let Some(kept) = self.kept() else {
            return false;
        };
        let claims = kept.claims();
        let Some(ours) = claims.iter().find(|claim| claim.key == *own) else {
            return false;
        };
        let Some(name) = self.name_of(ours) else {
            return false;
        };
        let is = |other: &Name| other.matches(&name) == Match::Sure;
        let live = self.writers().clone();
        let written = live.iter().filter_map(Weak::upgrade).any(|other| {
            let since = kept.lived_at(other.admitted);
            other.own.is_none() && other.has_the_name() && since >= ours.accepted && is(&other.name)
        });
        let order = ours.order();
        written
            || claims.iter().any(|claim| {
                claim.is_writing
                    && order < claim.order()
                    && self.name_of(claim).is_some_and(|there| is(&there))
            })
    }

    /// Whether a transfer may write its name now, by what is known of other writers since its
    /// attempt began.
    pub(crate) fn may_write(&self, own: &Key) -> bool {
        self.kept().is_none_or(|kept| kept.may_write(own))
    }

    /// What came earlier: compares transfers by their order, others by the time of admission.
    fn order(
        &self,
        claims: &[Claim],
        own: Option<&Key>,
        admitted: Instant,
    ) -> Option<(Lived, Option<u64>)> {
        match own {
            Some(own) => claims
                .iter()
                .find(|claim| claim.key == *own)
                .map(Claim::order),
            None => Some((self.kept()?.lived_at(admitted), None)),
        }
    }

    fn name_of(&self, claim: &Claim) -> Option<Name> {
        let choice = ServerChoice::Profile(claim.profile.clone());
        let location = self.servers.load().resolve(&choice).ok()?;
        Name::within(&location, &claim.path)
    }

    fn kept(&self) -> Option<Arc<dyn Kept>> {
        let uploads = self.kept.get()?;
        (uploads.0)()
    }

    fn writers(&self) -> MutexGuard<'_, Vec<Weak<Writer>>> {
        self.writers.lock()
    }
}

impl Writer {
    /// Another writer has written the name since.
    pub(crate) fn is_taken_over(&self) -> bool {
        self.taken_over.load(Ordering::Relaxed)
    }

    /// Another writer may have written the same file since: nothing proves that the file is still
    /// its own.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.is_taken_over() || self.doubtful.load(Ordering::Relaxed)
    }

    fn has_the_name(&self) -> bool {
        self.wrote.load(Ordering::Relaxed) && !self.is_taken_over()
    }
}

impl Name {
    /// The name of a path, relative to the module's directory; `None` where that is on no server.
    pub(crate) fn at(standing: &Standing, path: &RemotePath) -> Option<Self> {
        let Standing::LoggedIn(SessionTarget {
            server, directory, ..
        }) = standing
        else {
            return None;
        };
        let absolute = path.is_absolute();
        let base = match directory {
            Directory::At(base) if !absolute => Some(base.as_str().to_owned()),
            Directory::Any | Directory::Login | Directory::At(_) | Directory::Below(_) => None,
        };
        Some(Self {
            host: server.host.as_str().to_lowercase(),
            login: login(server),
            absolute,
            base,
            parts: parts(path.as_str(), absolute),
            climbs: path.as_str().split('/').any(|part| part == ".."),
            path: path.clone(),
        })
    }

    /// The name of a path at a location.
    pub(crate) fn within(location: &Location, path: &RemotePath) -> Option<Self> {
        let (standing, path) = location.locate(path).ok()?;
        Self::at(&standing, &path)
    }

    fn matches(&self, other: &Self) -> Match {
        if self.host != other.host {
            return Match::No;
        }
        // Two users may see the same tree, and two ports may lead to the same server.
        let one_place = self.absolute == other.absolute && self.base == other.base;
        let one_login = self.login == other.login;
        if one_place && one_login && self.parts == other.parts && !self.climbs && !other.climbs {
            return Match::Sure;
        }
        let (ours, theirs) = (self.end(), other.end());
        let possible = if one_place && (one_login || self.absolute) {
            are_one(&self.parts, &other.parts)
        } else {
            let shorter = ours.len().min(theirs.len());
            let end_of = |parts: &[String]| parts.len() - shorter;
            ours.get(end_of(ours)..)
                .zip(theirs.get(end_of(theirs)..))
                .is_some_and(|(ours, theirs)| are_one(ours, theirs))
        };
        if possible { Match::Possible } else { Match::No }
    }

    /// The components behind the leading `..` components.
    fn end(&self) -> &[String] {
        let steps = self.parts.iter().take_while(|part| *part == "..").count();
        self.parts.get(steps..).unwrap_or_default()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.fmt(f)
    }
}

fn login(server: &Server) -> (u16, String) {
    (server.port.get(), server.username.as_str().to_owned())
}

/// Whether they differ at most in case.
fn are_one(ours: &[String], theirs: &[String]) -> bool {
    let folded = |parts: &[String]| -> Vec<String> {
        parts.iter().map(|part| lossless::folded(part)).collect()
    };
    folded(ours) == folded(theirs)
}

fn parts(path: &str, absolute: bool) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| last != "..") => {
                parts.pop();
            }
            ".." if absolute => {}
            part => parts.push(part.to_owned()),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::testing::{path, server};
    use crate::modem::clock;
    use simcom_talk::ftps::value::{TransferType, Username};

    fn name(host: &str, directory: Directory, text: &str) -> Name {
        name_of_user("u", host, directory, text)
    }

    fn name_of_user(user: &str, host: &str, directory: Directory, text: &str) -> Name {
        let mut server = (*server(host)).clone();
        server.username = Username::new(user).unwrap();
        let standing = Standing::LoggedIn(SessionTarget {
            server: Arc::new(server),
            transfer_type: TransferType::Binary,
            directory,
        });
        Name::at(&standing, &path(text)).unwrap()
    }

    fn any(text: &str) -> Name {
        name("a", Directory::Any, text)
    }

    fn login(text: &str) -> Name {
        name("a", Directory::Login, text)
    }

    #[test]
    fn only_what_is_surely_one_name_is_surely_one() {
        let there = Directory::At(path("DISK:[U]"));
        let cases = [
            (any("/d/f"), any("//d/./f"), Match::Sure),
            (any("/d/f"), name("A", Directory::Any, "/d/f"), Match::Sure),
            (login("d/f"), login("./d//f"), Match::Sure),
            (
                name("a", there.clone(), "f"),
                name("a", there.clone(), "f"),
                Match::Sure,
            ),
            (any("/d/f"), any("//d/./x/../F"), Match::Possible),
            (any("/d/f"), any("/d/x/../f"), Match::Possible),
            (any("/d/f"), any("/d/F"), Match::Possible),
            (login("f"), any("/home/u/f"), Match::Possible),
            (login("../f"), any("/home/f"), Match::Possible),
            (login("f"), name("a", there.clone(), "f"), Match::Possible),
            (
                any("/d/f"),
                name_of_user("v", "a", Directory::Any, "/d/f"),
                Match::Possible,
            ),
            (
                login("f"),
                name_of_user("v", "a", Directory::Any, "/d/f"),
                Match::Possible,
            ),
            (any("/d/f"), any("/f"), Match::No),
            (any("/d/f"), any("/d/g"), Match::No),
            (login("f"), login("d/f"), Match::No),
            (login("f"), any("/d/g"), Match::No),
            (any("/f"), name("b", Directory::Any, "/f"), Match::No),
            (
                any("/f"),
                name_of_user("v", "a", Directory::Any, "/d/f"),
                Match::No,
            ),
            (
                name("a", there.clone(), "f"),
                name("a", there, "d/f"),
                Match::No,
            ),
        ];
        for (one, other, is) in cases {
            assert_eq!(one.matches(&other), is, "{one:?} {other:?}");
            assert_eq!(other.matches(&one), is, "{other:?} {one:?}");
        }
    }

    #[tokio::test]
    async fn only_who_has_written_takes_a_name_and_those_that_are_gone_are_forgotten() {
        let names = Names::new(Arc::new(ArcSwap::from_pointee(Servers::new([], true))));
        let begin = |name| names.begin(name, None, clock::now());
        let (first, other, perhaps) = (begin(any("/f")), begin(any("/g")), begin(any("/F")));
        assert!(!names.is_begun(&any("/f"), None));
        names.wrote(&first, Touch::Begun);
        assert!(names.is_begun(&any("/f"), None) && !names.is_begun(&any("/F"), None));
        let second = begin(any("/f"));
        assert!(!first.is_taken_over());
        names.wrote(&second, Touch::Written);
        assert!(first.is_taken_over() && !second.is_taken_over());
        assert!(perhaps.is_doubtful() && !perhaps.is_taken_over() && !other.is_doubtful());
        drop((first, other, perhaps, second));
        assert!(!names.is_begun(&any("/f"), None));
        for _ in 0..100 {
            begin(any("/h"));
        }
        assert_eq!(names.writers().len(), 1);
    }
}
