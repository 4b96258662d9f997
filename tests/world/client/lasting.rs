//! Transfers, which outlive their caller and the daemon.
//!
//! Above 400 lines because one transfer is followed from its acceptance to its end, through every state.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::time::{sleep, timeout};

use super::{Client, path};
use crate::disk::Mood;
use crate::net::HOSTS;
use crate::oracle::{At, Got, Writer};
use crate::plan::client_name;
use crate::world::{World, wall};
use cellftp::broker::terms::{
    Caller, Cause, Error, Principal, Priority, PutState, TransferId, Verify,
};
use cellftp::transfers::{
    Direction, ReadNext, Receiving, State, Terms, Transfer, Transfers, Upload, UploadWish, Wish,
};

/// A transfer as its client remembers it.
#[derive(Debug, Clone)]
pub(super) struct Lasting {
    id: TransferId,
    pub(super) writer: Option<u32>,
    at: At,
    wish: Wish,
    since: Duration,
    /// All its bytes were accepted.
    accepted: bool,
    /// The client has ended it.
    ended: bool,
}

impl Client<'_> {
    fn transfer_id(&mut self) -> TransferId {
        let mut mine = self.mine();
        mine.names += 1;
        TransferId::new(format!("{}-{}", self.name, mine.names)).unwrap()
    }

    fn pick(&mut self) -> Option<Lasting> {
        let count = self.mine().transfers.len();
        if count == 0 {
            return None;
        }
        let index = self.random.usize(..count);
        Some(self.mine().transfers[index].clone())
    }

    /// A transfer in such a state, or any.
    fn pick_in(&mut self, fits: impl Fn(State) -> bool) -> Option<Lasting> {
        let all = self.mine().transfers.clone();
        let caller = self.caller(None);
        let fitting = all.into_iter().find(|mine| {
            let there = self.transfers.transfer(&caller, mine.id.clone());
            there.is_ok_and(|there| fits(there.record.state))
        });
        fitting.or_else(|| self.pick())
    }

    /// Changes what the client remembers.
    fn remember(&self, id: &TransferId, change: impl FnOnce(&mut Lasting)) {
        if let Some(mine) = self.mine().transfers.iter_mut().find(|mine| mine.id == *id) {
            change(mine);
        }
    }

    pub(super) async fn upload(&mut self) {
        let at = self.file();
        let len = self.len();
        let verify = match self.random.u8(..4) {
            0 => Verify::ReadBack,
            _ => Verify::Size,
        };
        let (fail, may_be_deleted) = (self.random.u8(..4) == 0, self.random.u8(..5) > 0);
        let with_sentinel = self.random.u8(..6) == 0;
        let now = self.world.now();
        let id = self.world.oracle().open(len, |content| Writer {
            who: self.name.clone(),
            at: at.clone(),
            content,
            fail_if_exists: fail,
            may_be_deleted,
            sentinel: with_sentinel.then(|| format!("{}.ok", at.1)),
            others: false,
            opened: now,
            closed: None,
            verified: false,
        });
        let content = Arc::clone(&self.world.oracle().writer(id).content);
        let base = at.1.rsplit('/').next().unwrap_or_default();
        let wish = Wish {
            profile: HOSTS[at.0].into(),
            path: path(&at.1),
            priority: Priority::Bulk,
            direction: Direction::Upload(UploadWish {
                must_be_new: fail,
                verify,
                delete_on_failure: may_be_deleted,
                sentinel: with_sentinel.then(|| path(&format!("{base}.ok"))),
                size: self.random.bool().then_some(len as u64),
                sha256: Some(Sha256::digest(&content).into()),
            }),
            terms: Terms::default(),
        };
        let name = self.transfer_id();
        let mine = Lasting {
            id: name.clone(),
            writer: Some(id),
            at: at.clone(),
            wish: wish.clone(),
            since: now,
            accepted: false,
            ended: false,
        };
        self.mine().transfers.push(mine);
        let what = format!(
            "CreateUpload {name} writer {id} {at:?} {len} bytes fail={fail} {verify:?} delete={may_be_deleted} sentinel={with_sentinel}"
        );
        let caller = self.caller(None);
        let created = self.transfers.create_upload(&caller, name.clone(), wish);
        match self.call(&what, None, created).await {
            Some(Ok(Upload::Receive(receiving))) => {
                self.bring(&name, receiving, &content, 0).await;
                self.follow(&name).await;
            }
            Some(Ok(Upload::Accepted(_) | Upload::Compare(_))) => {
                self.world
                    .violated("what was never sent is accepted", format!("{name}"));
            }
            Some(Err(error)) => self.said("CreateUpload", &error),
            None => {}
        }
    }

    /// Handles what was just accepted: it is cancelled while it runs, while the disk accepts nothing;
    /// or it is retried exactly when it is due.
    async fn follow(&mut self, name: &TransferId) {
        let all = self.mine().transfers.clone();
        let Some(mine) = all.into_iter().find(|mine| mine.id == *name) else {
            return;
        };
        let ends = match self.random.u8(..6) {
            0 => true,
            1 | 2 => false,
            _ => return,
        };
        let caller = self.caller(None);
        let fits = |state| match state {
            State::Running => ends,
            State::Waiting { .. } => !ends,
            _ => false,
        };
        let until = async {
            let Ok(mut watch) = self.transfers.watch_transfer(&caller, name.clone()) else {
                return false;
            };
            while let Ok(Some(there)) = watch.next().await {
                if fits(there.record.state) {
                    return true;
                }
            }
            false
        };
        if !timeout(Duration::from_secs(600), until)
            .await
            .unwrap_or(false)
        {
            return;
        }
        if ends {
            if self.world.plan.has("disk") {
                self.spoil_disk();
            }
            self.cancel(&mine).await;
        } else {
            self.retry(&mine).await;
        }
    }

    /// Sends the bytes from one position on, or some of them.
    async fn bring(
        &mut self,
        name: &TransferId,
        mut receiving: Receiving,
        content: &[u8],
        from: usize,
    ) {
        let manner = self.random.u8(..8);
        let stops = self.random.usize(from..=content.len());
        let work = async {
            let mut at = from;
            while at < content.len() {
                let end = (at + 2000).min(content.len());
                if manner == 0 && at >= stops {
                    receiving.pause().await;
                    return Ok(None);
                }
                if manner == 1 && at >= stops {
                    return Ok(None);
                }
                let part = Bytes::copy_from_slice(&content[at..end]);
                if let Err(error) = receiving.push(part).await {
                    receiving.pause().await;
                    return Err(error);
                }
                at = end;
            }
            receiving.finish(None).await.map(Some)
        };
        match self.call(&format!("the bytes of {name}"), None, work).await {
            Some(Ok(Some(transfer))) => {
                self.world
                    .note(&format!("{}: {name} is accepted", self.name));
                if transfer.record.size != Some(content.len() as u64) {
                    self.world
                        .violated("accepted with another size", format!("{name}"));
                }
                self.remember(name, |mine| mine.accepted = true);
            }
            Some(Err(error)) => self.said("upload", &error),
            Some(Ok(None)) | None => {}
        }
    }

    pub(super) async fn download(&mut self) {
        let at = self.file();
        let wish = Wish {
            profile: HOSTS[at.0].into(),
            path: path(&at.1),
            priority: Priority::Bulk,
            direction: Direction::Download,
            terms: Terms::default(),
        };
        let name = self.transfer_id();
        self.mine().transfers.push(Lasting {
            id: name.clone(),
            writer: None,
            at: at.clone(),
            wish: wish.clone(),
            since: self.world.now(),
            accepted: false,
            ended: false,
        });
        let caller = self.caller(None);
        let created = self.transfers.create_download(&caller, name.clone(), wish);
        match self
            .call(&format!("CreateDownload {name} {at:?}"), None, created)
            .await
        {
            Some(Ok(_)) => self.remember(&name, |mine| mine.accepted = true),
            Some(Err(error)) => self.said("CreateDownload", &error),
            None => {}
        }
    }

    /// Handles a transfer of the client.
    pub(super) async fn tend(&mut self) {
        let Some(mine) = self.pick() else { return };
        match self.random.u8(..9) {
            0 => self.cancel(&mine).await,
            1 => {
                let running = self.pick_in(|state| state == State::Running);
                self.cancel(&running.unwrap_or(mine)).await;
            }
            2 => self.retry(&mine).await,
            3 | 8 => {
                let waiting = self.pick_in(|state| matches!(state, State::Waiting { .. }));
                self.retry(&waiting.unwrap_or(mine)).await;
            }
            4 => self.delete_transfer(&mine).await,
            5 => self.again(&mine).await,
            6 => self.reuse(&mine).await,
            _ => self.watch(&mine).await,
        }
    }

    async fn cancel(&mut self, mine: &Lasting) {
        let caller = self.caller(None);
        self.remember(&mine.id, |mine| mine.ended = true);
        if self.world.plan.has("disk") && self.random.u8(..4) == 0 {
            self.spoil_disk();
        }
        let cancelled = self.transfers.cancel_transfer(&caller, mine.id.clone());
        match self
            .call(&format!("CancelTransfer {}", mine.id), None, cancelled)
            .await
        {
            Some(Ok(there)) => self.learn(mine, &there),
            Some(Err(error)) => self.said("CancelTransfer", &error),
            None => {}
        }
    }

    /// The disk accepts nothing from this moment on, for a while.
    fn spoil_disk(&mut self) {
        let world = Arc::clone(self.world);
        let span = Duration::from_millis(self.random.u64(1000..60_000));
        let full = self.random.bool();
        let mood = Mood {
            full,
            read_only: !full,
            ..world.well()
        };
        world.note(&format!("trouble: {mood:?}"));
        world.disk.set_mood(mood);
        tokio::spawn(async move {
            sleep(span).await;
            world.note("the disk is well");
            world.disk.set_mood(world.well());
        });
    }

    async fn retry(&mut self, mine: &Lasting) {
        let caller = self.caller(None);
        // Exactly when it is due by itself.
        if let Ok(there) = self.transfers.transfer(&caller, mine.id.clone())
            && matches!(there.record.state, State::Waiting { .. })
            && let Some(until) = there.next_attempt
            && self.random.bool()
            && let Ok(left) = until.duration_since(wall())
            && left < Duration::from_secs(3600)
        {
            let takes = self.world.plan.disk_takes.as_millis() as u64;
            if takes > 0 {
                // While the disk records that.
                sleep(left + Duration::from_millis(self.random.u64(..takes))).await;
            } else {
                let late = Duration::from_millis(self.random.u64(..1500));
                sleep((left + late).saturating_sub(Duration::from_millis(500))).await;
            }
        }
        let retried = self.transfers.retry_transfer(&caller, mine.id.clone());
        match self
            .call(&format!("RetryTransfer {}", mine.id), None, retried)
            .await
        {
            Some(Ok(there)) => {
                if let Some(writer) = mine.writer {
                    self.world.oracle().reopen(writer);
                }
                self.learn(mine, &there);
            }
            Some(Err(error)) => self.said("RetryTransfer", &error),
            None => {}
        }
    }

    async fn delete_transfer(&mut self, mine: &Lasting) {
        let caller = self.caller(None);
        let deleted = self.transfers.delete_transfer(&caller, mine.id.clone());
        self.remember(&mine.id, |mine| mine.ended = true);
        match self
            .call(&format!("DeleteTransfer {}", mine.id), None, deleted)
            .await
        {
            Some(Ok(())) => {
                self.mine().transfers.retain(|other| other.id != mine.id);
                if let Some(writer) = mine.writer {
                    let now = self.world.now();
                    self.world.oracle().close(writer, now);
                }
            }
            Some(Err(error)) => self.said("DeleteTransfer", &error),
            None => {}
        }
    }

    /// The same wish again: it is the same transfer, and goes on where it was.
    async fn again(&mut self, mine: &Lasting) {
        let Some(writer) = mine.writer.filter(|_| !mine.ended) else {
            return;
        };
        let content = Arc::clone(&self.world.oracle().writer(writer).content);
        let caller = self.caller(None);
        if self.random.bool() {
            let there = self.transfers.transfer(&caller, mine.id.clone());
            let from = there.map_or(0, |there| there.record.committed);
            let resumed = self.transfers.resume_upload(&caller, mine.id.clone(), from);
            match self
                .call(
                    &format!("ResumeUpload {} at {from}", mine.id),
                    None,
                    resumed,
                )
                .await
            {
                Some(Ok(receiving)) if from <= content.len() as u64 => {
                    self.bring(&mine.id, receiving, &content, from as usize)
                        .await;
                }
                Some(Ok(_)) => self
                    .world
                    .violated("more is committed than there is", mine.id.to_string()),
                Some(Err(error)) => self.said("ResumeUpload", &error),
                None => {}
            }
            return;
        }
        let created = self
            .transfers
            .create_upload(&caller, mine.id.clone(), mine.wish.clone());
        match self
            .call(&format!("CreateUpload {} again", mine.id), None, created)
            .await
        {
            Some(Ok(Upload::Receive(_))) if mine.accepted => {
                self.world
                    .violated("what was accepted is asked for again", mine.id.to_string());
            }
            Some(Ok(Upload::Receive(receiving))) => {
                self.bring(&mine.id, receiving, &content, 0).await;
            }
            Some(Ok(Upload::Accepted(there))) => self.learn(mine, &there),
            // The wish named its hash.
            Some(Ok(Upload::Compare(_))) => {
                self.world.violated(
                    "what is known by its hash is asked for",
                    mine.id.to_string(),
                );
            }
            Some(Err(error)) => self.said("CreateUpload", &error),
            None => {}
        }
    }

    /// Uses the id of one transfer for other content of the same size.
    async fn reuse(&mut self, mine: &Lasting) {
        let Direction::Upload(upload) = &mine.wish.direction else {
            return;
        };
        let other: [u8; 32] = Sha256::digest(mine.id.as_str()).into();
        let wish = Wish {
            direction: Direction::Upload(UploadWish {
                sha256: Some(other),
                ..upload.clone()
            }),
            ..mine.wish.clone()
        };
        let caller = self.caller(None);
        let created = self.transfers.create_upload(&caller, mine.id.clone(), wish);
        match self
            .call(
                &format!("CreateUpload {} with other content", mine.id),
                None,
                created,
            )
            .await
        {
            Some(Ok(Upload::Accepted(_) | Upload::Compare(_))) => self.world.violated(
                "other content of the same id is called accepted",
                mine.id.to_string(),
            ),
            // Nothing was there, and nothing of this one is kept.
            Some(Ok(Upload::Receive(receiving))) => {
                if mine.accepted && !mine.ended {
                    self.world
                        .violated("an accepted transfer is forgotten", mine.id.to_string());
                }
                drop(receiving);
                let _ = self
                    .transfers
                    .delete_transfer(&caller, mine.id.clone())
                    .await;
            }
            Some(Err(error)) => self.said("CreateUpload", &error),
            None => {}
        }
    }

    /// Watches for a while, and reads a download.
    async fn watch(&mut self, mine: &Lasting) {
        let caller = self.caller(None);
        let patience = Duration::from_secs(self.random.u64(1..600));
        let watching = async {
            let mut watch = self.transfers.watch_transfer(&caller, mine.id.clone())?;
            let mut last = None;
            while let Ok(Ok(Some(there))) = timeout(patience, watch.next()).await {
                last = Some(there);
            }
            Ok::<_, Error>(last)
        };
        match self
            .call(&format!("WatchTransfer {}", mine.id), None, watching)
            .await
        {
            Some(Ok(Some(there))) => {
                self.learn(mine, &there);
                if mine.writer.is_none() && there.record.state == State::Done {
                    self.read_transfer(mine).await;
                }
            }
            Some(Err(error)) => self.said("WatchTransfer", &error),
            Some(Ok(None)) | None => {}
        }
    }

    /// A download that is done.
    async fn read_transfer(&self, mine: &Lasting) {
        let caller = named(&self.name);
        let reading = async {
            let mut reading = self
                .transfers
                .read_transfer(&caller, mine.id.clone(), 0)
                .await?;
            let mut all = Vec::new();
            loop {
                match reading.next().await? {
                    ReadNext::Chunk(chunk) => all.extend_from_slice(&chunk),
                    ReadNext::End {
                        size,
                        sha256,
                        grown,
                        ..
                    } => {
                        return Ok::<_, Error>((all, size, sha256, grown));
                    }
                }
            }
        };
        match self
            .call(&format!("ReadTransfer {}", mine.id), None, reading)
            .await
        {
            Some(Ok((all, size, sha256, grown))) => {
                if size != all.len() as u64 || sha256 != <[u8; 32]>::from(Sha256::digest(&all)) {
                    self.world.violated(
                        "a transfer's bytes are not what is told of them",
                        mine.id.to_string(),
                    );
                }
                let times = (mine.since, self.world.now());
                let got = Got {
                    from: 0,
                    bytes: &all,
                    grown,
                };
                self.world.oracle().got(&self.name, &mine.at, times, &got);
            }
            Some(Err(error)) => self.said("ReadTransfer", &error),
            None => {}
        }
    }

    /// What a client is told about a transfer must be true.
    fn learn(&self, mine: &Lasting, there: &Transfer) {
        let record = &there.record;
        self.world
            .note(&format!("{}: {} is {:?}", self.name, mine.id, record.state));
        let Some(writer) = mine.writer else { return };
        let now = self.world.now();
        match (record.state, &record.evidence) {
            (State::Done, Some(evidence)) if evidence.state == PutState::Indeterminate => {
                let what = format!("{}: {}", mine.id, evidence.words);
                self.world.violated("done without evidence", what);
            }
            // The daemon may have ended before it could say that it had accepted the bytes.
            (State::Done, Some(evidence)) => {
                let words = format!(
                    "transfer {} {:?}: {}",
                    mine.id, evidence.state, evidence.words
                );
                if matches!(
                    evidence.state,
                    PutState::VerifiedSize | PutState::VerifiedHash
                ) {
                    self.world
                        .oracle()
                        .verified(writer, now, evidence.state, &words);
                }
            }
            (State::Done, None) => {
                self.world
                    .violated("done without evidence", mine.id.to_string());
            }
            (State::Cancelled, _) if !mine.ended && !self.ended(&mine.id) => {
                self.world
                    .violated("cancelled by nobody", mine.id.to_string());
            }
            (State::Cancelled | State::Failed, _) => self.world.oracle().close(writer, now),
            _ => {}
        }
    }

    fn ended(&self, id: &TransferId) -> bool {
        self.mine()
            .transfers
            .iter()
            .any(|mine| mine.id == *id && mine.ended)
    }
}

/// After all trouble: every transfer of a client was delivered, or was reported as failed with its
/// bytes kept.
pub(crate) async fn settle(
    world: &Arc<World>,
    transfers: &Transfers,
    index: usize,
    until: Duration,
) {
    let mut client = Client {
        random: fastrand::Rng::with_seed(0),
        world,
        broker: transfers.broker(),
        transfers,
        index,
        name: client_name(index),
    };
    let caller = client.caller(None);
    let all: Vec<Lasting> = client.mine().transfers.clone();
    for mine in all.iter().filter(|mine| mine.accepted) {
        loop {
            let there = match transfers.transfer(&caller, mine.id.clone()) {
                Ok(there) => there,
                Err(_) if mine.ended => break,
                Err(error) => {
                    let what = format!("{}: {error}, since {:?}", mine.id, error.source());
                    return world.violated("an accepted transfer is forgotten", what);
                }
            };
            client.learn(mine, &there);
            if there.record.state.is_over() {
                if there.record.state == State::Failed {
                    client.fails_with_its_bytes(mine, &there).await;
                } else if mine.writer.is_none() && there.record.state == State::Done {
                    client.read_transfer(mine).await;
                }
                break;
            }
            if world.now() >= until {
                let what = format!("{}: {:?}", mine.id, there.record.state);
                return world.violated("a transfer never ends", what);
            }
            sleep(Duration::from_secs(30)).await;
        }
    }
    // No client sees another client's transfers.
    match transfers.list_transfers(
        &caller,
        &cellftp::broker::terms::Whose::Own,
        None,
        1000,
        |_| true,
    ) {
        Ok(listed) => {
            for there in listed {
                let own = format!("{}-", client.name);
                if !there.record.key.id.as_str().starts_with(&own) {
                    world.violated(
                        "another's transfer is listed",
                        there.record.key.id.to_string(),
                    );
                }
            }
        }
        Err(error) => world.violated("transfers cannot be listed", error.to_string()),
    }
}

fn named(client: &str) -> Caller {
    Caller {
        principal: Principal::new(client),
        deadline: None,
        priority: None,
        yields: None,
        options: cellftp::broker::terms::Options::default(),
    }
}

/// How many transfers the daemon lists that may have bytes in its spool.
pub(crate) fn keeping(world: &World, transfers: &Transfers) -> usize {
    let of = |index| {
        let caller = named(&client_name(index));
        transfers
            .list_transfers(
                &caller,
                &cellftp::broker::terms::Whose::Own,
                None,
                1000,
                |_| true,
            )
            .unwrap_or_default()
    };
    let all = (0..world.plan.clients).flat_map(of);
    all.filter(|there| {
        let sent = there.record.wish.direction != Direction::Download;
        match there.record.state {
            State::Done => !sent,
            State::Cancelled => sent,
            _ => true,
        }
    })
    .count()
}

impl Client<'_> {
    /// A transfer that failed can be tried again: its bytes are still there.
    async fn fails_with_its_bytes(&mut self, mine: &Lasting, there: &Transfer) {
        let reason = there
            .record
            .last_error
            .as_ref()
            .map(|told| told.reason.clone());
        self.world.note(&format!("{} failed: {reason:?}", mine.id));
        if mine.writer.is_none() {
            return;
        }
        let caller = self.caller(None);
        if let Err(error) = self
            .transfers
            .retry_transfer(&caller, mine.id.clone())
            .await
            && matches!(error.cause, Cause::SpoolLost)
        {
            let what = format!("{}: {reason:?}", mine.id);
            self.world
                .violated("the bytes of a failed transfer are gone", what);
        }
        if let Some(writer) = mine.writer {
            self.world.oracle().reopen(writer);
        }
        let _ = timeout(Duration::from_secs(7200), async {
            let Ok(mut watch) = self.transfers.watch_transfer(&caller, mine.id.clone()) else {
                return;
            };
            let mut last = None;
            while let Ok(Some(there)) = watch.next().await {
                last = Some(there);
            }
            if let Some(there) = last {
                self.learn(mine, &there);
            }
        })
        .await;
    }
}
