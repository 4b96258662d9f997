//! What is done with single files of an outbox.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rustix::fs::fstat;
use tokio::task::spawn_blocking;

use super::error::Error;
use super::folder::{Aside, Folder, Scan};
use super::found::{Found, Version};
use super::{Outbox, Sent, name};
use crate::broker::terms::{self, Caller, Cause, Target, TransferId};
use crate::modem::{self, clock};
use crate::transfers::{
    Direction, Receiving, Record, State, Terms, Transfer, Transfers, Upload, UploadWish, Wish,
};

/// Bytes that are read at once.
const CHUNK: usize = 64 * 1024;

/// How long a directory on the server may take to be made, the wait for the link included.
const MAKING: Duration = Duration::from_secs(60);

/// The reason of a transfer whose directory is not on the server.
const NO_DIRECTORY: &str = "DIRECTORY_NOT_FOUND";

/// Has files sent, and puts them away.
#[derive(Debug)]
pub(crate) struct Dispatch {
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) transfers: Transfers,
    pub(crate) caller: Caller,
    /// Transfers for which directories were made on the server.
    made: HashSet<TransferId>,
}

/// What is known at the beginning of a look.
pub(crate) struct View {
    pub(crate) folder: Arc<Folder>,
    pub(crate) scan: Scan,
    pub(crate) transfers: HashMap<TransferId, Transfer>,
}

impl Dispatch {
    pub(crate) fn new(outbox: Outbox, transfers: Transfers, caller: Caller) -> Self {
        Self {
            outbox: Arc::new(outbox),
            transfers,
            caller,
            made: HashSet::new(),
        }
    }

    /// Forgets what concerns transfers that are gone.
    pub(crate) fn retain(&mut self, transfers: &HashMap<TransferId, Transfer>) {
        self.made.retain(|id| transfers.contains_key(id));
    }

    /// Ends what a crash or a full directory has interrupted: files that were put aside. `wrong` gets what still cannot
    /// be ended.
    pub(crate) async fn recover(
        &self,
        folder: &Arc<Folder>,
        transfers: &HashMap<TransferId, Transfer>,
        wrong: &mut Vec<Error>,
    ) -> Result<(), Error> {
        let here = Arc::clone(folder);
        let left = self.on_disk(Path::new(""), "read", move || here.left_aside());
        for aside in left.await? {
            let id = TransferId::new(aside.transfer.clone());
            let transfer = id.and_then(|id| transfers.get(&id));
            let ended = match transfer {
                Some(transfer) if transfer.record.state == State::Done => {
                    self.put_away(folder, aside, transfer).await
                }
                _ => {
                    let (folder, path) = (Arc::clone(folder), aside.path.clone());
                    let back = move || folder.put_back(&aside);
                    self.on_disk(&path, "moved back", back).await
                }
            };
            wrong.extend(ended.err());
        }
        Ok(())
    }

    /// Ends the transfers that wait for the server of a former profile.
    pub(crate) async fn withdraw(
        &self,
        transfers: &HashMap<TransferId, Transfer>,
    ) -> Result<(), Error> {
        for (id, transfer) in transfers {
            let record = &transfer.record;
            let waits = matches!(record.state, State::Queued | State::Waiting { .. });
            if waits && record.wish.profile != self.outbox.profile {
                let cancelled = self.transfers.cancel_transfer(&self.caller, id.clone());
                cancelled
                    .await
                    .map_err(Error::of_transfer(Path::new(record.wish.path.as_str())))?;
            }
        }
        Ok(())
    }

    /// Has the daemon keep a transfer for a file.
    pub(crate) async fn accept(
        &self,
        folder: &Arc<Folder>,
        found: &Found,
        id: TransferId,
    ) -> Result<(), Error> {
        let refused = Error::of_transfer(&found.path);
        let path = match name::on_server(&self.outbox.target, &found.path) {
            Ok(path) => path,
            Err(error) => {
                let why = format!("the server cannot be told its name: {error}");
                return self.fail(folder, found, &id, &why).await;
            }
        };
        if let Some((_, bytes)) = self.transfers.limits()
            && found.version.size > bytes
        {
            let why = format!(
                "it has {} bytes; durable.disk_per_client lets one outbox have {bytes}",
                found.version.size
            );
            return self.fail(folder, found, &id, &why).await;
        }
        let (read, file) = (Arc::clone(folder), found.clone());
        let file = self.on_disk(
            &found.path,
            "taken: it must be readable, and movable",
            move || {
                read.can_move(&file.path)?;
                read.read(&file)
            },
        );
        let file = file.await?;
        let wish = Wish {
            profile: self.outbox.profile.clone(),
            path,
            priority: self.outbox.priority,
            direction: Direction::Upload(UploadWish {
                verify: self.outbox.verify,
                delete_on_failure: true,
                size: Some(found.version.size),
                ..UploadWish::default()
            }),
            terms: Terms::default(),
        };
        let created = self.transfers.create_upload(&self.caller, id.clone(), wish);
        let receiving = match created.await.map_err(refused)? {
            Upload::Receive(receiving) => receiving,
            Upload::Accepted(_) | Upload::Compare(_) => return Ok(()),
        };
        let taken = self.take(receiving, file, found).await;
        if taken.is_err() {
            self.forget(&id, &found.path).await?;
        }
        taken
    }

    /// Copies the file into the daemon's own directory.
    async fn take(
        &self,
        mut receiving: Receiving,
        mut file: File,
        found: &Found,
    ) -> Result<(), Error> {
        let refused = Error::of_transfer(&found.path);
        let mut left = found.version.size;
        loop {
            let read = self.on_disk(&found.path, "read", move || {
                let mut buffer = vec![0; CHUNK];
                let read = file.read(&mut buffer)?;
                buffer.truncate(read);
                let stat = fstat(&file)?;
                Ok((file, Bytes::from(buffer), Version::of(&stat)))
            });
            let (again, chunk, version) = match read.await {
                Ok(read) => read,
                Err(error) => {
                    receiving.pause().await;
                    return Err(error);
                }
            };
            file = again;
            let size = chunk.len() as u64;
            if version != found.version || size > left || (size == 0 && left > 0) {
                receiving.pause().await;
                return Err(Error::Changed(found.path.clone()));
            }
            if size == 0 {
                return receiving.finish(None).await.map(drop).map_err(refused);
            }
            left -= size;
            if let Err(error) = receiving.push(chunk).await {
                receiving.pause().await;
                return Err(refused(error));
            }
        }
    }

    /// Looks after the transfer of a file.
    pub(crate) async fn follow(
        &mut self,
        folder: &Arc<Folder>,
        found: &Found,
        id: TransferId,
        transfer: &Transfer,
    ) -> Result<(), Error> {
        let record = &transfer.record;
        let last = record.last_error.as_ref();
        match record.state {
            // A crash came in between; its bytes are here.
            State::Receiving => self.forget(&id, &found.path).await,
            State::Waiting { .. } | State::Failed
                if lacks_directory(record) && !self.made.contains(&id) =>
            {
                self.make_directories(found, id).await
            }
            State::Queued | State::Running | State::Waiting { .. } => Ok(()),
            State::Done => {
                let (aside, path) = (Arc::clone(folder), found.path.clone());
                let name = id.as_str().to_owned();
                let aside =
                    self.on_disk(&found.path, "moved", move || aside.set_aside(&path, &name));
                self.put_away(folder, aside.await?, transfer).await?;
                self.forget(&id, &found.path).await
            }
            State::Failed => {
                let why = last.map_or_else(
                    || "it failed".into(),
                    |error| format!("{}: {}", error.reason, error.message),
                );
                self.fail(folder, found, &id, &why).await?;
                self.forget(&id, &found.path).await
            }
            State::Cancelled => {
                self.fail(folder, found, &id, "its transfer was cancelled")
                    .await?;
                self.forget(&id, &found.path).await
            }
        }
    }

    /// Makes the directories of a file on the server, and has its transfer tried again.
    async fn make_directories(&mut self, found: &Found, id: TransferId) -> Result<(), Error> {
        let Ok(path) = name::on_server(&self.outbox.target, &found.path) else {
            return Ok(());
        };
        let refused = Error::of_transfer(&found.path);
        let target = Target::Profile(self.outbox.profile.clone());
        for directory in name::directories(&path) {
            let caller = Caller {
                deadline: Some(clock::now() + MAKING),
                ..self.caller.clone()
            };
            let broker = self.transfers.broker();
            match broker.make_directory(&caller, &target, &directory).await {
                Ok(()) => {}
                // It may be there; if it is not, the transfer tells so.
                Err(error) if is_of_server(&error) => {}
                Err(source) => return Err(refused(source)),
            }
        }
        self.made.insert(id.clone());
        match self.transfers.retry_transfer(&self.caller, id).await {
            // It is being tried already.
            Err(error) if matches!(error.cause, Cause::WrongState(_)) => Ok(()),
            tried => tried.map(drop).map_err(refused),
        }
    }

    /// Puts a file away that the server has: after its bytes were compared with those that were sent, since somebody
    /// may have put another file under its name meanwhile.
    async fn put_away(
        &self,
        folder: &Arc<Folder>,
        aside: Aside,
        transfer: &Transfer,
    ) -> Result<(), Error> {
        let (folder, sent) = (Arc::clone(folder), self.outbox.sent);
        let (path, record) = (aside.path.clone(), &transfer.record);
        let (size, sha256) = (record.size, record.sha256);
        let gone = self.on_disk(&path, "put away", move || {
            if sha256.is_none() || folder.hash(&aside, size)? != sha256 {
                folder.put_back(&aside)?;
                return Ok(false);
            }
            match sent {
                Sent::Delete => folder.delete(&aside)?,
                Sent::Keep => drop(folder.keep(&aside, Outbox::SENT)?),
            }
            Ok(true)
        });
        if gone.await? {
            let file = self.told(&path);
            tracing::info!(
                outbox = self.outbox.name,
                file,
                bytes = size,
                "a file was sent"
            );
        }
        Ok(())
    }

    /// Moves a file that cannot be sent to `failed/`, with the reason beside it.
    async fn fail(
        &self,
        folder: &Arc<Folder>,
        found: &Found,
        id: &TransferId,
        why: &str,
    ) -> Result<(), Error> {
        let text = format!(
            "{}: not sent to {}: {why}\nMove it back into the outbox to have it tried again.\n",
            found.path.display(),
            self.outbox.profile
        );
        let (folder, path, id) = (
            Arc::clone(folder),
            found.path.clone(),
            id.as_str().to_owned(),
        );
        let file = self.told(&found.path);
        tracing::warn!(
            outbox = self.outbox.name,
            file,
            "a file cannot be sent: {why}"
        );
        let here = Arc::clone(&folder);
        let kept = self.on_disk(&found.path, "moved to failed/", move || {
            let aside = here.set_aside(&path, &id)?;
            here.keep(&aside, Outbox::FAILED)
                .inspect_err(|_| drop(here.put_back(&aside)))
        });
        let kept: PathBuf = kept.await?;
        let beside = kept.clone();
        let written = self.on_disk(&kept, "given its reason", move || {
            folder.write_beside(&beside, ".error", &text)
        });
        if let Err(error) = written.await {
            tracing::warn!(outbox = self.outbox.name, "{}", error.whole());
        }
        Ok(())
    }

    /// A path for the log; `None` where the log has none.
    fn told(&self, path: &Path) -> Option<String> {
        let hides = self.transfers.broker().limits().hides_paths;
        (!hides).then(|| path.display().to_string())
    }

    pub(crate) async fn forget(&self, id: &TransferId, file: &Path) -> Result<(), Error> {
        let gone = self.transfers.delete_transfer(&self.caller, id.clone());
        match gone.await {
            Err(error) if matches!(error.cause, Cause::TransferNotFound) => Ok(()),
            gone => gone.map_err(Error::of_transfer(file)),
        }
    }

    async fn on_disk<T: Send + 'static>(
        &self,
        file: &Path,
        what: &'static str,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let done = spawn_blocking(work).await?;
        done.map_err(|source| Error::File {
            file: self.outbox.directory.join(file),
            what,
            source,
        })
    }
}

/// Whether the server does not have the directory that a transfer goes to.
pub(crate) fn lacks_directory(record: &Record) -> bool {
    let last = record.last_error.as_ref();
    matches!(record.state, State::Waiting { .. } | State::Failed)
        && last.is_some_and(|error| error.reason == NO_DIRECTORY)
}

/// Whether the server, or the module, has answered.
fn is_of_server(error: &terms::Error) -> bool {
    match &error.cause {
        Cause::Modem(error) => matches!(**error, modem::Error::Failed(_)),
        _ => false,
    }
}
