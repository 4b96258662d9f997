//! Brings the files of one outbox on their way.

use std::collections::{HashMap, HashSet};
use std::future::pending;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use super::Outbox;
use super::dispatch::{Dispatch, View, lacks_directory};
use super::error::Error;
use super::folder::{ASIDE, Folder};
use super::steady::Steady;
use crate::broker::terms::{Caller, Options, Principal, TransferId, Whose};
use crate::modem::clock;
use crate::transfers::{Record, Transfers, WatchItem};

/// Time between two looks at the directory where nothing is heard of it: notifications may be lost, and file systems
/// of other machines send none.
const RESCAN: Duration = Duration::from_secs(5);

/// The shortest time between two looks: files that change all the time would keep a processor busy.
const PAUSE: Duration = Duration::from_millis(250);

/// Transfers of one outbox that are under way at once. There is one link; more of them would only take disk space.
const UNDER_WAY: usize = 16;

/// How long a file is left alone that was not taken, or could not be put away: each try costs writes to flash.
const REFUSED: Duration = Duration::from_secs(60);

/// Files that the log names in one look because something is wrong with them.
const TOLD: usize = 20;

/// Texts that are remembered so that the log has each once, until nothing is wrong any more.
const SAID: usize = 1000;

/// Most transfers of one principal that are read: more than any configuration lets it have.
const TRANSFERS: usize = 100_000;

/// Works for one outbox.
#[derive(Debug)]
pub(crate) struct Courier {
    dispatch: Dispatch,
    steady: Steady,
    /// What was wrong since nothing was, so that the log has it once.
    said: HashSet<String>,
    /// The states of transfers that the last look knew.
    seen: HashSet<Mark>,
    changed: Arc<Notify>,
    /// Files that were not taken or put away lately, and until when they are left alone.
    refused: HashMap<TransferId, Instant>,
    /// The directory that was there at the first look. Where something is mounted over it, its files are not gone.
    root: Option<(u64, u64)>,
}

impl Courier {
    pub(crate) fn new(outbox: Outbox, transfers: Transfers) -> Self {
        let principal = Principal::new(Outbox::principal(&outbox.name));
        let caller = Caller {
            principal,
            deadline: None,
            priority: Some(outbox.priority),
            yields: None,
            options: Options::default(),
        };
        Self {
            dispatch: Dispatch::new(outbox, transfers, caller),
            steady: Steady::default(),
            said: HashSet::new(),
            seen: HashSet::new(),
            changed: Arc::new(Notify::new()),
            refused: HashMap::new(),
            root: None,
        }
    }

    /// Works until it is dropped. It may be dropped at any moment.
    pub(crate) async fn run(mut self) {
        let mut watcher = None;
        loop {
            if watcher.is_none() {
                watcher = self.watch().await;
            }
            let mut wrong = Vec::new();
            let next = match self.look(&mut wrong).await {
                Ok(next) => next,
                Err(error) => {
                    wrong.push(error);
                    // The directory may be another one when it is back.
                    watcher = None;
                    RESCAN
                }
            };
            self.say(&wrong);
            sleep(PAUSE).await;
            tokio::select! {
                () = self.changed.notified() => {}
                () = self.ended() => {}
                () = sleep(next) => {}
            }
        }
    }

    /// Completes when a transfer has ended, or needs a directory.
    async fn ended(&self) {
        let takes = |record: &Record| record.state.is_over() || lacks_directory(record);
        let watching =
            self.dispatch
                .transfers
                .watch_transfers(&self.dispatch.caller, &Whose::Own, takes);
        let Ok(mut watching) = watching else {
            return pending().await;
        };
        loop {
            if let WatchItem::Is(transfer) = watching.next().await
                && !self.seen.contains(&mark(&transfer.record))
            {
                return;
            }
        }
    }

    /// Looks at the directory once, and does what can be done. Answers when something more can be; `wrong` gets what
    /// concerns single files.
    async fn look(&mut self, wrong: &mut Vec<Error>) -> Result<Duration, Error> {
        let view = self.view(wrong).await?;
        let now = clock::now();
        self.steady.look(&view.scan.found, now);
        self.refused.retain(|_, until| *until > now);
        let mut next = RESCAN;
        let mut room = UNDER_WAY.saturating_sub(
            view.transfers
                .values()
                .filter(|transfer| !transfer.record.state.is_over())
                .count(),
        );
        let mut present = HashSet::new();
        for found in &view.scan.found {
            let Some(id) = found.transfer(&self.dispatch.outbox) else {
                continue;
            };
            present.insert(id.clone());
            if self.refused.contains_key(&id) {
                continue;
            }
            let done = match view.transfers.get(&id) {
                None => {
                    let quiet = self.dispatch.outbox.quiet;
                    let wait = self.steady.wait(found, quiet, now);
                    if !wait.is_zero() {
                        next = next.min(wait);
                        continue;
                    }
                    if room == 0 {
                        continue;
                    }
                    room -= 1;
                    self.dispatch.accept(&view.folder, found, id.clone()).await
                }
                Some(transfer) => {
                    self.dispatch
                        .follow(&view.folder, found, id.clone(), transfer)
                        .await
                }
            };
            // One file does not stop the others: a smaller one may still be taken.
            if let Err(error) = done {
                self.refused.insert(id, now + REFUSED);
                if wrong.len() < TOLD {
                    wrong.push(error);
                }
            }
        }
        self.dispatch.retain(&view.transfers);
        self.dispatch.withdraw(&view.transfers).await?;
        // What was not seen may be there, and would be sent again.
        if view.scan.is_complete && self.root == Some(view.folder.identity()) {
            for (id, transfer) in &view.transfers {
                if transfer.record.state.is_over() && !present.contains(id) {
                    let path = Path::new(transfer.record.wish.path.as_str());
                    self.dispatch.forget(id, path).await?;
                }
            }
        }
        Ok(next)
    }

    async fn view(&mut self, wrong: &mut Vec<Error>) -> Result<View, Error> {
        let all = self
            .dispatch
            .transfers
            .list_transfers(&self.dispatch.caller, &Whose::Own, None, TRANSFERS, |_| {
                true
            })
            .map_err(|error| Error::Transfers(Box::new(error)))?;
        self.seen = all.iter().map(|transfer| mark(&transfer.record)).collect();
        let transfers = all
            .into_iter()
            .map(|transfer| (transfer.record.key.id.clone(), transfer))
            .collect();
        let folder = self.on_disk(Folder::open).await?;
        let folder = Arc::new(folder);
        self.root.get_or_insert(folder.identity());
        // First of all: what is put back is there when the directory is read.
        self.dispatch.recover(&folder, &transfers, wrong).await?;
        let here = Arc::clone(&folder);
        let scan = self.on_disk(move |_| here.scan()).await?;
        Ok(View {
            folder,
            scan,
            transfers,
        })
    }

    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let outbox = Arc::clone(&self.dispatch.outbox);
        let done = spawn_blocking(move || {
            work(&outbox.directory).map_err(|source| Error::Directory {
                directory: outbox.directory.clone(),
                source,
            })
        });
        done.await?
    }

    async fn watch(&self) -> Option<RecommendedWatcher> {
        let (outbox, changed) = (Arc::clone(&self.dispatch.outbox), Arc::clone(&self.changed));
        // It reads the whole tree.
        let watching = spawn_blocking(move || watch(&outbox.directory, &changed));
        watching.await.ok()?.ok()
    }

    fn say(&mut self, wrong: &[Error]) {
        if wrong.is_empty() && self.refused.is_empty() {
            self.said.clear();
        }
        for error in wrong {
            let text = error.whole();
            if self.said.len() < SAID && !self.said.contains(&text) {
                tracing::warn!(
                    outbox = self.dispatch.outbox.name,
                    "{text}; it is tried again"
                );
                self.said.insert(text);
            }
        }
    }
}

/// Tells one state of a transfer from another: its name, the name of the state, and the attempts.
type Mark = (TransferId, &'static str, u32);

fn mark(record: &Record) -> Mark {
    let state = record.state.name();
    (record.key.id.clone(), state, record.attempts)
}

/// Notifications of what happens in a directory.
///
/// # Errors
/// The system gives none: the watch is one too many, for example.
fn watch(directory: &Path, changed: &Arc<Notify>) -> notify::Result<RecommendedWatcher> {
    let (root, changed) = (directory.to_owned(), Arc::clone(changed));
    let heard = move |event: notify::Result<Event>| {
        if event.map_or(true, |event| is_of_others(&root, &event)) {
            changed.notify_one();
        }
    };
    // Whoever may write to the outbox could otherwise have it watch the whole machine.
    let config = notify::Config::default().with_follow_symlinks(false);
    let mut watcher = RecommendedWatcher::new(heard, config)?;
    watcher.watch(directory, RecursiveMode::Recursive)?;
    Ok(watcher)
}

/// Whether the event is more than what the courier does itself: it looks at directories, and puts files away.
fn is_of_others(root: &Path, event: &Event) -> bool {
    let looks = event.kind.is_access()
        && event.kind != EventKind::Access(AccessKind::Close(AccessMode::Write));
    let own = [Outbox::SENT, Outbox::FAILED, ASIDE].map(|name| root.join(name));
    let within = |path: &PathBuf| own.iter().any(|own| path.starts_with(own));
    !looks && (event.paths.is_empty() || !event.paths.iter().all(within))
}
