//! Many files from the server to a caller.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use super::drive::deliver;
use super::{Deliver, GetProgress, GetResult, Next};
use crate::broker::Broker;
use crate::broker::catalogue::Location;
use crate::broker::flow::many::{Counts, Located, Many, OfFile, Results, by_directory, survey};
use crate::broker::operation::Operation;
use crate::broker::spool::{Reader, Spooled, Spools};
use crate::broker::terms::{Caller, Cause, Error, Patience, Tally, Target};
use simcom_talk::dialogue::operation::{Download, Task, WantedName};
use simcom_talk::ftps::value::{Offset, RemotePath};

/// Parts that the caller has not taken yet, of at most 64 KiB each; further bytes stay in the
/// spool.
const PARTS: usize = 2;

/// The link waits for a caller that takes nothing for only this fraction of the time of a caller
/// that sends.
const MOMENTS: u32 = 20;

/// The results of many files, one file after the other.
#[derive(Debug)]
pub enum Part {
    /// The file at this index begins: its path and, if the server tells, its size.
    Began(usize, RemotePath, Option<u64>),
    /// Bytes of it.
    Chunk(Bytes),
    /// The file has ended.
    Over(OfFile<GetResult>),
}

impl Broker {
    /// Admits the reading of many files. Returns at once.
    ///
    /// # Errors
    /// The target and admission causes of [`Broker`]. Nothing has reached the module.
    /// [`Many::next`] reports the rest.
    pub fn get_files(
        &self,
        caller: &Caller,
        target: &Target,
        paths: Vec<RemotePath>,
    ) -> Result<Many<Part>, Error> {
        let (location, session) = self.locate(caller, target)?;
        let operation = self.admit(caller, "GetFiles", location.clone(), session)?;
        let (results, told) = Results::new(PARTS);
        let batch = Batch {
            operation: Arc::clone(&operation),
            location,
            spools: Arc::clone(&self.shared.spools),
            patience: self.patience(),
            results,
            sizes: HashMap::new(),
            beside: HashMap::new(),
        };
        Ok(Many::begin(&operation, told, batch.run(paths)))
    }
}

/// The operation itself.
#[derive(Debug)]
struct Batch {
    operation: Arc<Operation>,
    location: Location,
    spools: Arc<Spools>,
    patience: Patience,
    results: Results<Part>,
    /// Sizes from listings, by the files' indexes.
    sizes: HashMap<usize, u64>,
    /// Files in one directory, by the index of the first: one listing shows all their sizes.
    beside: HashMap<usize, Vec<Located>>,
}

impl Batch {
    async fn run(mut self, paths: Vec<RemotePath>) -> Result<Counts, Error> {
        let outcome = self.read_all(paths).await;
        let operation = Arc::clone(&self.operation);
        self.results.end(&operation, outcome)
    }

    async fn read_all(&mut self, paths: Vec<RemotePath>) -> Result<(), Error> {
        let there = paths.iter().enumerate().filter_map(|(index, path)| {
            let located = Located::of(&self.location, index, path).ok()?;
            Some((located, ()))
        });
        // For a single file the size is asked for: that is one command as well, and transfers less.
        let several = by_directory(there)
            .into_iter()
            .filter(|group| group.len() > 1);
        self.beside = several
            .filter_map(|group| {
                let all: Vec<_> = group.into_iter().map(|(located, ())| located).collect();
                Some((all.first()?.index, all))
            })
            .collect();
        for (index, path) in paths.into_iter().enumerate() {
            let outcome = match Located::of(&self.location, index, &path) {
                Ok(located) => self.read(located, &path).await,
                Err(cause) => Err(self.operation.error(cause)),
            };
            let end = self.results.count(outcome.as_ref());
            let over = OfFile {
                index,
                path,
                outcome,
            };
            self.tell(Part::Over(over)).await?;
            end?;
        }
        Ok(())
    }

    async fn read(&mut self, located: Located, path: &RemotePath) -> Result<GetResult, Error> {
        if let Some(group) = self.beside.remove(&located.index) {
            self.list(group).await?;
        }
        let download = Download {
            size: self.sizes.remove(&located.index),
            ..Download::of(located.path, Offset::ZERO)
        };
        let job = Deliver {
            standing: located.standing,
            task: Task::Download(download),
            insists: true,
        };
        let (mut writer, mut reader) = self
            .spools
            .from_link(&self.operation.principal, self.patience.stall);
        let (begin, began) = oneshot::channel();
        let report = watch::Sender::new(GetProgress::default());
        let link = watch::Sender::default();
        let delivered = deliver(
            &self.operation,
            job,
            &mut writer,
            begin,
            &report,
            &link,
            self.patience,
        );
        let (this, index) = (&*self, located.index);
        // The future owns the reader, so that the file ends when nobody takes it any more.
        let handed = async move {
            if let Ok(size) = began.await {
                this.tell(Part::Began(index, path.clone(), size)).await?;
            }
            this.hand_over(&mut reader).await
        };
        let (finished, handed) = tokio::join!(delivered, handed);
        let finished = match (finished, &handed) {
            // The module may have delivered more than was handed over.
            (Err(error), Ok(tally)) => {
                return Err(Error {
                    committed: Some(tally.size),
                    ..error
                });
            }
            (finished, _) => finished?,
        };
        let tally = handed?;
        match finished.result(&self.operation.id, 0, &tally)? {
            Next::End(result) => Ok(result),
            Next::Chunk(_) => Err(self.operation.error(Cause::WrongAnswer)),
        }
    }

    /// Delivers the bytes of one file.
    async fn hand_over(&self, reader: &mut Reader) -> Result<Tally, Error> {
        let mut tally = Tally::default();
        loop {
            match reader.read().await {
                Ok(Spooled::Data(chunk)) => {
                    tally.add(&chunk);
                    self.tell(Part::Chunk(chunk)).await?;
                }
                Ok(Spooled::End | Spooled::Broken) => return Ok(tally),
                Err(error) => return Err(self.operation.error(Cause::Spool(Arc::new(error)))),
            }
        }
    }

    /// Learns the sizes of files in one directory. A size that the listing does not show is asked
    /// for with the file.
    async fn list(&mut self, group: Vec<Located>) -> Result<(), Error> {
        let Some(first) = group.first() else {
            return Ok(());
        };
        let names = group.iter().map(|located| WantedName {
            path: located.path.clone(),
            size: None,
        });
        let names = names.collect();
        let seen = match survey(&self.operation, &first.standing, names, false).await {
            Ok(seen) => seen,
            Err(error)
                if error
                    .failure()
                    .is_some_and(|failure| !failure.is_of_the_link()) =>
            {
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        for (located, seen) in group.iter().zip(seen) {
            // An entry of size 0 proves nothing: servers list unknown sizes as 0.
            if let (Some(_), Ok(size @ 1..)) = (seen.entry, seen.size) {
                self.sizes.insert(located.index, size);
            }
        }
        Ok(())
    }

    /// Sends a part to the caller. The link waits only a moment for a caller that does not take it.
    async fn tell(&self, part: Part) -> Result<(), Error> {
        let told = self.results.told();
        let room = async {
            if let Ok(room) = timeout(self.patience.trickle / MOMENTS, told.reserve()).await {
                return Ok(room);
            }
            self.operation.let_go();
            let room = timeout(self.patience.stall, told.reserve()).await;
            room.map_err(|_| self.operation.error(Cause::ReaderTooSlow))
        };
        match room.await? {
            Ok(room) => {
                room.send(part);
                Ok(())
            }
            // Nobody reads any more.
            Err(mpsc::error::SendError(())) => Err(self
                .operation
                .ended_by_caller(simcom_talk::dialogue::failure::Ending::BeforeItBegan)),
        }
    }
}
