//! Many files on their way from the server to a caller.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use super::drive::deliver;
use super::{Deliver, GetProgress, GetResult, Next};
use crate::broker::Broker;
use crate::broker::caller::{Caller, Target};
use crate::broker::error::{Cause, Error};
use crate::broker::location::Location;
use crate::broker::many::{Counts, Located, Many, OfFile, Results, by_directory, survey};
use crate::broker::operation::Operation;
use crate::broker::put::Patience;
use crate::broker::spool::{Reader, Spooled, Spools};
use crate::broker::tally::Tally;
use simcom_talk::dialogue::operation::{Download, Task, Wanted};
use simcom_talk::ftps::value::{Offset, RemotePath};

/// Parts that a caller has not taken yet, of at most 64 KiB each; what is beyond that is in the spool.
const PARTS: usize = 2;

/// A caller that takes nothing is waited for with the link for this part of what one may that brings bytes.
const MOMENTS: u32 = 20;

/// What comes of many files, one file after the other.
#[derive(Debug)]
pub enum Part {
    /// The file at this place begins, which has this path and, where the server tells, this size.
    Began(usize, RemotePath, Option<u64>),
    /// Bytes of it.
    Chunk(Bytes),
    /// It is over.
    Over(OfFile<GetResult>),
}

impl Broker {
    /// Admits the reading of many files. Returns at once.
    ///
    /// # Errors
    /// Why it was not admitted. Nothing of it reaches the module.
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
    /// What listings have told, by the places of the files.
    sizes: HashMap<usize, u64>,
    /// Those that are in one directory, by the place of the first: one listing tells all their sizes.
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
        // A single file is asked for its size: that is one command as well, and says less.
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
        // It has the reader, so that the file ends where nobody takes it any more.
        let handed = async move {
            if let Ok(size) = began.await {
                this.tell(Part::Began(index, path.clone(), size)).await?;
            }
            this.hand_over(&mut reader).await
        };
        let (finished, handed) = tokio::join!(delivered, handed);
        let (finished, tally) = (finished?, handed?);
        match finished.result(&self.operation.id, 0, &tally)? {
            Next::End(result) => Ok(result),
            Next::Chunk(_) => Err(self.operation.error(Cause::WrongAnswer)),
        }
    }

    /// Hands the bytes of one file on.
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

    /// Learns the sizes of files that are in one directory. What the listing does not tell is asked for
    /// with the file.
    async fn list(&mut self, group: Vec<Located>) -> Result<(), Error> {
        let Some(first) = group.first() else {
            return Ok(());
        };
        let names = group.iter().map(|located| Wanted {
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
            // Of a file that is listed as empty nobody knows: servers list what they do not know so.
            if let (Some(_), Ok(size @ 1..)) = (seen.entry, seen.size) {
                self.sizes.insert(located.index, size);
            }
        }
        Ok(())
    }

    /// Tells the caller. One that does not take it keeps the link waiting for a moment only.
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
