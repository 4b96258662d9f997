//! Brings the files of one outbox on their way.

use std::collections::HashSet;
use std::future::pending;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::Outbox;
use super::dispatch::{Dispatch, View, lacks_directory};
use super::error::Error;
use super::folder::Folder;
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

/// Files that the log names in one look because something is wrong with them.
const TOLD: usize = 20;

/// Most transfers of one principal that are read: more than any configuration lets it have.
const TRANSFERS: usize = 100_000;

/// Works for one outbox.
#[derive(Debug)]
pub(crate) struct Courier {
    dispatch: Dispatch,
    steady: Steady,
    /// What was wrong at the last look, so that the log has it once.
    said: HashSet<String>,
    /// The states of transfers that the last look knew.
    seen: HashSet<Mark>,
    changed: Arc<Notify>,
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
        }
    }

    /// Works until it is dropped. It may be dropped at any moment.
    pub(crate) async fn run(mut self) {
        let mut watcher = None;
        loop {
            if watcher.is_none() {
                watcher = watch(&self.dispatch.outbox.directory, &self.changed);
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
        let view = self.view().await?;
        self.seen = view
            .transfers
            .values()
            .map(|transfer| mark(&transfer.record))
            .collect();
        self.dispatch.recover(&view).await?;
        let now = clock::now();
        self.steady.look(&view.found, now);
        let mut next = RESCAN;
        let mut room = UNDER_WAY.saturating_sub(
            view.transfers
                .values()
                .filter(|transfer| !transfer.record.state.is_over())
                .count(),
        );
        let mut present = HashSet::new();
        for found in &view.found {
            let Some(id) = found.transfer(&self.dispatch.outbox) else {
                continue;
            };
            present.insert(id.clone());
            let done = match view.transfers.get(&id) {
                None => {
                    let wait = self.steady.wait(found, self.dispatch.outbox.quiet, now);
                    if !wait.is_zero() {
                        next = next.min(wait);
                        continue;
                    }
                    if room == 0 {
                        continue;
                    }
                    room -= 1;
                    self.dispatch.accept(&view.folder, found, id).await
                }
                Some(transfer) => {
                    self.dispatch
                        .follow(&view.folder, found, id, transfer)
                        .await
                }
            };
            // One file does not stop the others; a full disk does.
            if let Err(error) = done {
                if matches!(error, Error::Transfer { .. }) {
                    room = 0;
                }
                if wrong.len() < TOLD {
                    wrong.push(error);
                }
            }
        }
        self.dispatch.retain(&view.transfers);
        for (id, transfer) in &view.transfers {
            if transfer.record.state.is_over() && !present.contains(id) {
                self.dispatch.forget(id, Path::new("")).await?;
            }
        }
        Ok(next)
    }

    async fn view(&self) -> Result<View, Error> {
        let all = self
            .dispatch
            .transfers
            .list_transfers(&self.dispatch.caller, &Whose::Own, None, TRANSFERS, |_| {
                true
            })
            .map_err(|error| Error::Transfers(Box::new(error)))?;
        let transfers = all
            .into_iter()
            .map(|transfer| (transfer.record.key.id.clone(), transfer))
            .collect();
        let outbox = Arc::clone(&self.dispatch.outbox);
        let (folder, found) = spawn_blocking(move || {
            let read = || {
                let folder = Folder::open(&outbox.directory)?;
                let found = folder.scan()?;
                Ok((Arc::new(folder), found))
            };
            read().map_err(|source| Error::Directory {
                directory: outbox.directory.clone(),
                source,
            })
        })
        .await??;
        Ok(View {
            folder,
            found,
            transfers,
        })
    }

    fn say(&mut self, wrong: &[Error]) {
        let texts: HashSet<String> = wrong.iter().map(Error::whole).collect();
        for text in texts.difference(&self.said) {
            tracing::warn!(
                outbox = self.dispatch.outbox.name,
                "{text}; it is tried again"
            );
        }
        self.said = texts;
    }
}

/// Tells one state of a transfer from another: its name, the name of the state, and the attempts.
type Mark = (TransferId, &'static str, u32);

fn mark(record: &Record) -> Mark {
    let state = record.state.name();
    (record.key.id.clone(), state, record.attempts)
}

/// Notifications of what happens in a directory; `None` where the system gives none.
fn watch(directory: &Path, changed: &Arc<Notify>) -> Option<RecommendedWatcher> {
    let changed = Arc::clone(changed);
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        // Looking at the directory is an event, too.
        let own = matches!(&event, Ok(event) if event.kind.is_access()
            && event.kind != EventKind::Access(AccessKind::Close(AccessMode::Write)));
        if !own {
            changed.notify_one();
        }
    })
    .ok()?;
    watcher.watch(directory, RecursiveMode::Recursive).ok()?;
    Some(watcher)
}
