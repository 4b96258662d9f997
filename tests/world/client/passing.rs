//! Calls that end with their caller.
//!
//! Above 400 lines because each call is a few lines, and all of them share how an answer is judged.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::{sleep, timeout};

use super::{Client, path, target};
use crate::net::HOSTS;
use crate::oracle::{At, Got, Told, Writer};
use cellftp::broker::catalogue::SessionRequest;
use cellftp::broker::flow::get::{Next, Reading};
use cellftp::broker::flow::many;
use cellftp::broker::flow::put::{PutFilesHeader, PutHeader};
use cellftp::broker::terms::{Caller, Error, PutResult, PutState, ServerChoice, Target, Verify};
use simcom_talk::ftps::value::{Offset, TransferType};

/// How a client behaves in a Put or Get.
#[derive(Debug, Clone, Copy)]
enum Manner {
    Steady,
    /// It pauses this long in the middle.
    Pauses(Duration),
    /// It leaves after this time.
    Leaves(Duration),
    /// It cancels by another call after this time.
    Cancels(Duration),
    /// It closes its stream in the middle, without an end.
    Breaks,
}

impl Client<'_> {
    fn manner(&mut self) -> Manner {
        let time = Duration::from_millis(self.random.u64(..20_000));
        match self.random.u8(..12) {
            0 => Manner::Pauses(time * 4),
            1 => Manner::Leaves(time),
            2 => Manner::Cancels(time),
            3 => Manner::Breaks,
            _ => Manner::Steady,
        }
    }

    pub(super) async fn put(&mut self) {
        let at = self.file();
        let target = target(at.0);
        self.put_to(at, target, None).await;
    }

    /// Puts a file. `name` says how the target reads it.
    async fn put_to(&mut self, at: At, target: Target, name: Option<&str>) {
        let verify = match self.random.u8(..6) {
            0 => Verify::Nothing,
            1 | 2 => Verify::ReadBack,
            _ => Verify::Size,
        };
        let (fail, may_be_deleted) = (self.random.u8(..4) == 0, self.random.u8(..5) > 0);
        let with_sentinel = verify != Verify::Nothing && self.random.u8(..6) == 0;
        let (len, deadline, manner) = (self.len(), self.deadline(), self.manner());
        let named = self.random.bool();
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
        let content = Bytes::from(self.world.oracle().writer(id).content.to_vec());
        let base = at.1.rsplit('/').next().unwrap_or_default();
        let header = PutHeader {
            target,
            path: path(name.unwrap_or(&at.1)),
            must_be_new: fail,
            verify: Some(verify),
            delete_on_failure: may_be_deleted,
            size: named.then_some(content.len() as u64),
            sentinel: with_sentinel.then(|| path(&format!("{base}.ok"))),
        };
        let what = format!(
            "Put {id} {at:?} {len} bytes fail={fail} {verify:?} delete={may_be_deleted} sentinel={with_sentinel} {manner:?}"
        );
        let sending = self.send(header, content, manner, deadline);
        let done = match manner {
            Manner::Leaves(after) => timeout(after, sending).await.ok(),
            _ => Some(sending.await),
        };
        self.world.note(&format!("{}: {what}: over", self.name));
        match done.flatten() {
            Some(Ok(result)) => self.believe_put(id, &result),
            Some(Err(error)) => {
                self.said(&format!("Put {id}"), &error);
                self.believe(&at, now, &error);
                // A partial success is reported as it is: the file is there, and only its sentinel is
                // missing.
                if let Some(reached) = &error.reached
                    && reached.sentinel_written == with_sentinel
                {
                    self.believe_put(id, reached);
                }
            }
            None => self.world.note(&format!("{}: Put {id} left", self.name)),
        }
        let now = self.world.now();
        self.world.oracle().close(id, now);
    }

    fn believe_put(&self, id: u32, result: &PutResult) {
        let words = format!("{:?}: {}", result.state, result.evidence);
        self.world
            .note(&format!("{}: Put {id}: {words}", self.name));
        let now = self.world.now();
        match result.state {
            PutState::VerifiedSize | PutState::VerifiedHash => {
                self.world.oracle().verified(id, now, result.state, &words);
            }
            PutState::Unverified | PutState::Indeterminate => {}
        }
    }

    async fn send(
        &self,
        header: PutHeader,
        content: Bytes,
        manner: Manner,
        deadline: Option<Duration>,
    ) -> Option<Result<PutResult, Error>> {
        let caller = Caller {
            principal: cellftp::broker::terms::Principal::new(self.name.as_str()),
            deadline: deadline.map(|time| cellftp::modem::clock::now() + time),
            priority: None,
            yields: None,
            options: cellftp::broker::terms::Options::default(),
        };
        self.world.note(&format!(
            "{}: puts {:?}, {} bytes",
            self.name,
            header.path.as_str(),
            content.len()
        ));
        // Some small files go by PutFiles.
        let small = header.size.is_none() && content.len() <= 128 * 1024;
        if small && header.sentinel.is_none() && content.len().is_multiple_of(3) {
            let work = self.send_as_one_of_many(&caller, header, content, manner);
            return self.call("PutFiles", deadline, work).await.flatten();
        }
        let work = async {
            let mut writing = match self.broker.put(&caller, header) {
                Ok(writing) => writing,
                Err(error) => return Some(Err(error)),
            };
            if let Manner::Cancels(after) = manner {
                let (broker, caller) = (self.broker.clone(), caller.clone());
                let operation = writing.operation().clone();
                tokio::spawn(async move {
                    sleep(after).await;
                    let _ = broker.cancel(&caller, &operation).await;
                });
            }
            let half = content.len() / 2;
            let mut at = 0;
            while at < content.len() {
                let end = (at + 1500).min(content.len());
                if at <= half && half < end {
                    match manner {
                        Manner::Pauses(time) => sleep(time).await,
                        Manner::Breaks => return None,
                        _ => {}
                    }
                }
                if let Err(error) = writing.push(content.slice(at..end)).await {
                    return Some(Err(error));
                }
                at = end;
            }
            Some(writing.finish(None).await)
        };
        self.call("Put", deadline, work).await.flatten()
    }

    async fn send_as_one_of_many(
        &self,
        caller: &Caller,
        header: PutHeader,
        content: Bytes,
        manner: Manner,
    ) -> Option<Result<PutResult, Error>> {
        let files = PutFilesHeader {
            target: header.target,
            must_be_new: header.must_be_new,
            verify: header.verify,
            delete_on_failure: header.delete_on_failure,
        };
        let (mut incoming, mut results) = match self.broker.put_files(caller, files) {
            Ok(begun) => begun,
            Err(error) => return Some(Err(error)),
        };
        if let Manner::Cancels(after) = manner {
            let (broker, caller) = (self.broker.clone(), caller.clone());
            let operation = results.operation().clone();
            tokio::spawn(async move {
                sleep(after).await;
                let _ = broker.cancel(&caller, &operation).await;
            });
        }
        if incoming.bring(header.path, content, None).await.is_ok() {
            match manner {
                Manner::Pauses(time) => sleep(time).await,
                Manner::Breaks => return None,
                _ => {}
            }
            incoming.end().await;
        }
        let mut outcome = None;
        loop {
            match results.next().await {
                Ok(many::Next::Part(of)) => outcome = Some(of.outcome),
                Ok(many::Next::End(_)) => return outcome,
                Err(error) => return Some(outcome.unwrap_or(Err(error))),
            }
        }
    }

    pub(super) async fn get(&mut self) {
        let at = self.file();
        let from = if self.random.u8(..4) == 0 {
            self.random.u64(..2000)
        } else {
            0
        };
        let (deadline, manner) = (self.deadline(), self.manner());
        let caller = self.caller(deadline);
        let since = self.world.now();
        let work = async {
            let offset = Offset::new(from).unwrap();
            let reading = self
                .broker
                .get(&caller, &target(at.0), &path(&at.1), offset)
                .await?;
            if let Manner::Cancels(after) = manner {
                let (broker, caller) = (self.broker.clone(), caller.clone());
                let operation = reading.operation().clone();
                tokio::spawn(async move {
                    sleep(after).await;
                    let _ = broker.cancel(&caller, &operation).await;
                });
            }
            Self::read(reading, manner).await
        };
        let what = format!("Get {at:?} from {from} {manner:?}");
        let call = self.call(&what, deadline, work);
        let done = match manner {
            Manner::Leaves(after) => timeout(after, call).await.ok().flatten(),
            _ => call.await,
        };
        match done {
            Some(Ok(Some((bytes, grown)))) => {
                self.world.note(&format!(
                    "{}: got {} bytes, grown to {grown:?}",
                    self.name,
                    bytes.len()
                ));
                let times = (since, self.world.now());
                let got = Got {
                    from: from as usize,
                    bytes: &bytes,
                    grown,
                };
                self.world.oracle().got(&self.name, &at, times, &got);
            }
            Some(Err(error)) => {
                self.said("Get", &error);
                self.believe(&at, since, &error);
            }
            Some(Ok(None)) | None => {}
        }
    }

    /// All bytes, and the size of a file that has grown. Nothing where the client left in the middle.
    async fn read(
        mut reading: Reading,
        manner: Manner,
    ) -> Result<Option<(Vec<u8>, Option<u64>)>, Error> {
        let mut all = Vec::new();
        loop {
            match reading.next().await? {
                Next::Chunk(chunk) => all.extend_from_slice(&chunk),
                Next::End(result) => return Ok(Some((all, result.grown))),
            }
            match manner {
                Manner::Pauses(time) => sleep(time / 4).await,
                Manner::Breaks => return Ok(None),
                _ => {}
            }
        }
    }

    pub(super) async fn size(&mut self) {
        let (at, deadline) = (self.file(), self.deadline());
        let caller = self.caller(deadline);
        let since = self.world.now();
        let (target, name) = (target(at.0), path(&at.1));
        let asked = self.broker.size(&caller, &target, &name);
        match self.call(&format!("GetSize {at:?}"), deadline, asked).await {
            Some(Ok(size)) => {
                let times = (since, self.world.now());
                let told = Told::Size(size);
                self.world.oracle().told(&self.name, &at, times, told);
            }
            Some(Err(error)) => {
                self.said("GetSize", &error);
                self.believe(&at, since, &error);
            }
            None => {}
        }
    }

    pub(super) async fn list(&mut self) {
        let (at, deadline) = (self.file(), self.deadline());
        let caller = self.caller(deadline);
        let since = self.world.now();
        let work = async {
            let directory = path("/d");
            let reading = self
                .broker
                .list(&caller, &target(at.0), Some(&directory))
                .await?;
            Self::read(reading, Manner::Steady).await
        };
        match self.call("List", deadline, work).await {
            Some(Ok(Some((bytes, _)))) => {
                let times = (since, self.world.now());
                let text = String::from_utf8_lossy(&bytes);
                let names = text.lines().filter_map(|line| line.rsplit(' ').next());
                for name in names {
                    let listed: At = (at.0, format!("/d/{name}"));
                    self.world
                        .oracle()
                        .told(&self.name, &listed, times, Told::Present);
                }
            }
            Some(Err(error)) => self.said("List", &error),
            Some(Ok(None)) | None => {}
        }
    }

    pub(super) async fn delete(&mut self) {
        let (at, deadline) = (self.file(), self.deadline());
        let caller = self.caller(deadline);
        let since = self.world.now();
        let index = self.world.oracle().open_delete(at.clone(), since);
        let (target, name) = (target(at.0), path(&at.1));
        let deleting = self.broker.delete_file(&caller, &target, &name);
        let done = self
            .call(&format!("DeleteFile {at:?}"), deadline, deleting)
            .await;
        let now = self.world.now();
        self.world.oracle().close_delete(index, now);
        match done {
            Some(Ok(())) => self
                .world
                .oracle()
                .told(&self.name, &at, (since, now), Told::Absent),
            Some(Err(error)) => {
                self.said("DeleteFile", &error);
                self.believe(&at, since, &error);
            }
            None => {}
        }
    }

    pub(super) async fn directories(&mut self) {
        let deadline = self.deadline();
        let caller = self.caller(deadline);
        let (target, name) = (
            target(self.random.usize(..2)),
            path(&format!("/{}", self.name)),
        );
        let made = self.broker.make_directory(&caller, &target, &name);
        let _ = self.call("MakeDirectory", deadline, made).await;
        let caller = self.caller(deadline);
        let removed = self.broker.remove_directory(&caller, &target, &name);
        let _ = self.call("RemoveDirectory", deadline, removed).await;
    }

    pub(super) async fn session(&mut self) {
        let host = self.random.usize(..2);
        let deadline = self.deadline();
        let caller = self.caller(deadline);
        let request = SessionRequest {
            server: ServerChoice::Profile(HOSTS[host].into()),
            directory: self.random.bool().then(|| path("/d")),
            transfer_type: TransferType::Binary,
            lease: None,
        };
        let opened = self.broker.open_session(&caller, request);
        let Some(Ok(session)) = self.call("OpenSession", deadline, opened).await else {
            return;
        };
        let directory = path("/d");
        let moved = self
            .broker
            .change_directory(&caller, &session.id, &directory);
        let _ = self.call("ChangeDirectory", deadline, moved).await;
        if self
            .broker
            .working_directory(&caller, &session.id)
            .is_ok_and(|at| at == "/d")
        {
            let to = Target::Session(session.id.clone());
            self.put_to((host, "/d/a".into()), to, Some("a")).await;
        }
        let mut other = caller.clone();
        other.principal = cellftp::broker::terms::Principal::new("another");
        if self.broker.working_directory(&other, &session.id).is_ok() {
            self.world
                .violated("another's session can be used", self.name.clone());
        }
        let _ = self.broker.close_session(&caller, &session.id);
    }
}
