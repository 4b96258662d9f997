//! What the tests of this floor share: values, and a scripted module.
//!
//! The scripted module runs each job to its end: it never yields. What yields, and goes on where it was, is tested
//! on the emulated module (`tests/sharing`).
//!
//! Above 400 lines because the scripted module is one state machine: its server's files, its
//! faults, and the job that it runs.

use std::collections::{HashMap, HashSet, VecDeque};
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, sleep_until, timeout};

use crate::modem::health::{Health, LinkState, LoggedIn};
use crate::modem::source::{Source, Supply};
use crate::modem::{Error, Job, Modem};
use simcom_talk::dialogue::facts::Capabilities;
use simcom_talk::dialogue::failure::{Cause, Ending, Failure, Finding, Stage};
use simcom_talk::dialogue::operation::{
    Before, BegunDownload, Cleared, Delivered, Delivery, Directory, Doubt, Download, FoundName,
    Operation, Output, Piece, Progress, ProgressStage, Remains, SessionTarget, Standing, Stored,
    Task, Upload,
};
use simcom_talk::ftps::errcode::ErrCode;
use simcom_talk::ftps::listing::{Facts, Kind};
use simcom_talk::ftps::value::{Host, Password, RemotePath, Server, Username};

pub(crate) fn path(text: &str) -> RemotePath {
    RemotePath::new(text).unwrap()
}

pub(crate) fn server(host: &str) -> Arc<Server> {
    let (user, password) = (Username::new("u"), Password::new("p"));
    Arc::new(Server::without_tls(
        Host::new(host).unwrap(),
        user.unwrap(),
        password.unwrap(),
    ))
}

/// A module whose jobs the test takes itself.
pub(crate) fn modem() -> (Modem, mpsc::Receiver<Job>) {
    modem_at(None, false)
}

fn modem_at(logged_in: Option<LoggedIn>, aborts: bool) -> (Modem, mpsc::Receiver<Job>) {
    let (modem, taken, _) = modem_with(logged_in, aborts);
    (modem, taken)
}

fn modem_with(
    logged_in: Option<LoggedIn>,
    aborts: bool,
) -> (Modem, mpsc::Receiver<Job>, watch::Sender<Health>) {
    let (jobs, taken) = mpsc::channel(1);
    let mut capabilities = Capabilities::default();
    capabilities.profile.abort = aborts;
    let health = Health {
        link: LinkState::Ready,
        logged_in,
        capabilities: Arc::new(capabilities),
        ..Health::default()
    };
    let (told, health) = watch::channel(health);
    (Modem::from_parts(jobs, health), taken, told)
}

/// A module with a server behind it: files by path, and transfer time in virtual time.
#[derive(Clone, Default)]
pub(crate) struct Module {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    files: HashMap<String, Vec<u8>>,
    folders: HashSet<String>,
    log: Vec<(Standing, Task)>,
    cancelled: usize,
    corrupts: bool,
    upload_answer: Option<(bool, Option<u64>)>,
    doubt: Option<Doubt>,
    /// The same for one name.
    upload_answers: HashMap<String, (bool, Option<u64>)>,
    /// Number of later jobs that fail in their middle.
    faults: usize,
    aborts: bool,
    logged_in: bool,
    refuses_rest: bool,
    /// The server refuses every login.
    lets_nobody_in: bool,
    /// The server deletes nothing.
    refuses_deletions: bool,
    /// The server refuses this many more uploads, each after so many bytes.
    refused_uploads: Option<(usize, usize)>,
    /// Appended to every file as soon as it is written.
    appended: Vec<u8>,
    /// Number of downloads that fail after all bytes were delivered.
    lost_ends: usize,
    /// The server's answers to the next logins.
    logins: VecDeque<ErrCode>,
    /// Logins that the server was asked for.
    asked: usize,
    /// It reports where it is logged in.
    tells_logins: bool,
    /// Size of a file when its size was asked for; it grows afterwards.
    grows_from: Option<usize>,
    /// Publishes its health once it is started.
    health: Option<watch::Sender<Health>>,
}

impl Module {
    /// Bytes that one step of a transfer moves.
    const CHUNK: usize = 1000;
    /// Time of one step, and of the beginning of a transfer.
    pub(crate) const CHUNK_TIME: Duration = Duration::from_millis(10);
    /// How long a cancelled job still has the link.
    pub(crate) const DRAIN_TIME: Duration = Duration::from_millis(300);

    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn file(self, name: &str, content: Vec<u8>) -> Self {
        self.state().files.insert(name.to_owned(), content);
        self
    }

    /// Gives the server a directory; its listing shows the directory as it is.
    pub(crate) fn folder(self, name: &str) -> Self {
        self.state().folders.insert(name.into());
        self
    }

    /// The server's listing of a directory.
    fn listing(&self, name: &str) -> Option<Vec<u8>> {
        let state = self.state();
        state.folders.get(name)?;
        let inside = |path: &str| {
            let rest = path.strip_prefix(name)?.strip_prefix('/')?;
            (!rest.contains('/')).then(|| rest.to_owned())
        };
        let mut text = String::new();
        for file in state.files.keys().filter_map(|path| inside(path)) {
            text += &format!("-rw-r--r-- 1 u g 1 Jan 01 2020 {file}\r\n");
        }
        for folder in state.folders.iter().filter_map(|path| inside(path)) {
            text += &format!("drwxr-xr-x 1 u g 1 Jan 01 2020 {folder}\r\n");
        }
        Some(text.into_bytes())
    }

    pub(crate) fn start(&self) -> Modem {
        let (modem, mut jobs) = {
            let mut state = self.state();
            let logged_in = state
                .logged_in
                .then(|| LoggedIn::from(server("a").as_ref()));
            let (modem, jobs, health) = modem_with(logged_in, state.aborts);
            state.health = Some(health);
            (modem, jobs)
        };
        let module = self.clone();
        tokio::spawn(async move {
            while let Some(job) = jobs.recv().await {
                module.serve(job).await;
            }
        });
        modem
    }

    pub(crate) fn content(&self, name: &str) -> Option<Vec<u8>> {
        self.state().files.get(name).cloned()
    }

    /// All jobs that reached it.
    pub(crate) fn log(&self) -> Vec<(Standing, Task)> {
        self.state().log.clone()
    }

    /// Jobs that were cancelled on it.
    pub(crate) fn cancelled(&self) -> usize {
        self.state().cancelled
    }

    /// It reports that it is logged in, whatever it does.
    pub(crate) fn logged_in(&self) {
        self.state().logged_in = true;
    }

    /// From now on the first byte of every file is stored wrong.
    pub(crate) fn corrupts(&self) {
        self.state().corrupts = true;
    }

    /// Its answer to every upload, whatever is true.
    pub(crate) fn answers_uploads(&self, acknowledged: bool, confirmed: Option<u64>) {
        self.state().upload_answer = Some((acknowledged, confirmed));
    }

    /// Why the size that it reports does not confirm an upload.
    pub(crate) fn doubts_uploads(&self, doubt: Option<Doubt>) {
        self.state().doubt = doubt;
    }

    /// Its answer to an upload to a name; `None`: the true one.
    pub(crate) fn answers_uploads_of(&self, name: &str, answer: Option<(bool, Option<u64>)>) {
        let answers = &mut self.state().upload_answers;
        match answer {
            Some(answer) => answers.insert(name.to_owned(), answer),
            None => answers.remove(name),
        };
    }

    /// It can end downloads before their end.
    pub(crate) fn aborts(self) -> Self {
        self.state().aborts = true;
        self
    }

    /// It fails once more, in the middle of a job.
    pub(crate) fn fails(&self) {
        self.state().faults += 1;
    }

    /// From now on every file that is read has grown beyond this size.
    pub(crate) fn grows_from(&self, size: usize) {
        self.state().grows_from = Some(size);
    }

    /// Whether its server refuses every login.
    pub(crate) fn lets_nobody_in(&self, refuses: bool) {
        self.state().lets_nobody_in = refuses;
    }

    /// Its server deletes nothing.
    pub(crate) fn refuses_deletions(&self) {
        self.state().refuses_deletions = true;
    }

    /// Its server refuses one upload after `bytes` bytes.
    pub(crate) fn refuses_an_upload_after(&self, bytes: usize) {
        self.state().refused_uploads = Some((1, bytes));
    }

    /// From now on `more` is appended to every file that is written.
    pub(crate) fn appends(&self, more: &[u8]) {
        self.state().appended = more.to_vec();
    }

    /// The next download fails after all its bytes were delivered.
    pub(crate) fn loses_an_end(&self) {
        self.state().lost_ends += 1;
    }

    /// Its server refuses a download that begins at an offset.
    pub(crate) fn refuses_rest(&self) {
        self.state().refuses_rest = true;
    }

    /// It reports where it is logged in, from the first job there on.
    pub(crate) fn tells_logins(self) -> Self {
        self.state().tells_logins = true;
        self
    }

    /// It is logged out, and its server answers the next logins with these codes.
    pub(crate) fn refuses_logins(&self, codes: impl IntoIterator<Item = ErrCode>) {
        let mut state = self.state();
        state.logins = codes.into_iter().collect();
        state.asked = 0;
        if let Some(health) = &state.health {
            health.send_modify(|health| health.logged_in = None);
        }
    }

    /// Logins that its server was asked for since then.
    pub(crate) fn asked_for_logins(&self) -> usize {
        self.state().asked
    }

    /// Logs in, if the server allows it.
    fn log_in(&self, standing: &Standing) -> Result<(), Error> {
        let Standing::LoggedIn(place) = standing else {
            return Ok(());
        };
        let mut state = self.state();
        state.asked += 1;
        if let Some(code) = state.logins.pop_front() {
            let failure = Failure::new(Cause::Reported(code), None, Stage::Login);
            return Err(Error::Failed(failure));
        }
        if let Some(health) = state.health.as_ref().filter(|_| state.tells_logins) {
            health.send_modify(|health| {
                health.logged_in = Some(LoggedIn::from(place.server.as_ref()));
            });
        }
        Ok(())
    }

    /// Publishes the state of its link; only after its start.
    pub(crate) fn link(&self, link: LinkState) {
        let state = self.state();
        let health = state.health.as_ref().unwrap();
        health.send_modify(|health| health.link = link);
    }

    async fn serve(&self, mut job: Job) {
        let Operation { standing, task } = job.operation.clone();
        self.state().log.push((standing.clone(), task.clone()));
        let cancel = job.cancel.clone();
        let deadline = job.deadline;
        let expired = async {
            match deadline {
                Some(deadline) => sleep_until(deadline).await,
                None => pending().await,
            }
        };
        let writes = matches!(task, Task::Upload(_) | Task::DeleteFile(_));
        let refuses = self.state().lets_nobody_in;
        let answer = tokio::select! {
            biased;
            () = cancel.cancelled() => Err(Ending::Drained),
            () = expired => Err(Ending::Drained),
            () = sleep(Self::CHUNK_TIME), if refuses => Ok(Err(no_login())),
            () = self.fault() => Ok(Err(touching(Cause::Reported(ErrCode::TIMEOUT), writes))),
            answer = self.work(&mut job, standing, task.clone()) => Ok(answer),
        };
        let answer = match answer {
            Ok(answer) => answer,
            Err(ending) => {
                sleep(Self::DRAIN_TIME).await;
                self.state().cancelled += 1;
                Err(touching(Cause::Cancelled(ending), writes))
            }
        };
        let exists = |error: &Error| matches!(error, Error::Failed(failure) if failure.cause == Cause::Exists);
        // It leaves a file alone that the server refused.
        let refused = |error: &Error| matches!(error, Error::Failed(failure) if failure.cause == Cause::Reported(ErrCode::REJECTED));
        if let (Err(error), Task::Upload(upload)) = (&answer, &task)
            && !exists(error)
            && !refused(error)
            && !refuses
        {
            self.state().files.remove(upload.path.as_str());
        }
        let Job { reply, .. } = job;
        drop(reply.send(answer));
    }

    /// Completes in the middle of a job that must fail.
    async fn fault(&self) {
        sleep(Self::CHUNK_TIME * 3 / 2).await;
        if self.state().faults == 0 {
            return pending().await;
        }
        self.state().faults -= 1;
    }

    async fn work(&self, job: &mut Job, standing: Standing, task: Task) -> Result<Output, Error> {
        sleep(Self::CHUNK_TIME).await;
        self.log_in(&standing)?;
        let missing = || failed(Cause::Reported(ErrCode::REJECTED));
        let absent = || {
            let failure = Failure::new(Cause::Reported(ErrCode::REJECTED), None, Stage::Directory);
            Error::Failed(Failure {
                finding: Some(Finding::NameAbsent),
                ..failure
            })
        };
        match task {
            Task::WorkingDirectory => Ok(Output::Directory("/home".into())),
            Task::ChangeDirectory(to) if to.as_str().ends_with("missing") => Err(missing()),
            Task::ChangeDirectory(to) => match standing {
                Standing::LoggedIn(SessionTarget {
                    directory: Directory::Login,
                    ..
                }) => Ok(Output::Directory(
                    path("/home").join(&to).unwrap().to_string(),
                )),
                _ => Ok(Output::Directory(to.to_string())),
            },
            Task::Size(name) => {
                let size = self.content(name.as_str()).ok_or_else(absent)?.len();
                Ok(Output::Size(size as u64))
            }
            Task::Stat(name) => {
                let facts = Facts {
                    name: name.file_name().unwrap_or_default().into(),
                    kind: Kind::Directory,
                    size: None,
                    modified: None,
                    permissions: String::new(),
                    link_target: None,
                };
                let listing = self.listing(name.as_str());
                listing
                    .or_else(|| self.content(name.as_str()))
                    .ok_or_else(absent)?;
                let found = FoundName::Listed(Box::new(facts), Bytes::new());
                Ok(Output::Found(found))
            }
            Task::RemoveDirectory(name) => match self.listing(name.as_str()) {
                Some(listing) if listing.is_empty() => {
                    self.state().folders.remove(name.as_str());
                    Ok(Output::Done)
                }
                _ => Err(missing()),
            },
            Task::DeleteFile(_) if self.state().refuses_deletions => Err(missing()),
            Task::DeleteFile(name) => self
                .state()
                .files
                .remove(name.as_str())
                .map(|_| Output::Done)
                .ok_or_else(missing),
            Task::Download(Download {
                path: name,
                offset,
                begun,
                ..
            }) => {
                let content = self.content(name.as_str()).ok_or_else(absent)?;
                let from = usize::try_from(offset.get()).unwrap().min(content.len());
                if from > 0 && self.state().refuses_rest {
                    return Err(missing());
                }
                if let Some(begun) = &begun {
                    let got = usize::try_from(begun.got).unwrap();
                    let before = content.get(..got).unwrap_or_default();
                    let resized = begun.size.is_some_and(|size| size != content.len() as u64);
                    if resized || !before.ends_with(begun.tail()) {
                        return Err(failed(Cause::SourceChanged));
                    }
                }
                self.deliver(job, &content, from, begun).await
            }
            Task::List(Some(name)) => {
                let content = match self.listing(name.as_str()) {
                    Some(listing) => listing,
                    None => self.content(name.as_str()).ok_or_else(missing)?,
                };
                self.deliver(job, &content, 0, None).await
            }
            Task::Upload(upload) => self.store(job, upload).await,
            Task::Clear(remains) => Ok(Output::Cleared(self.clear(job, &remains).await)),
            _ => Ok(Output::Done),
        }
    }

    async fn deliver(
        &self,
        job: &mut Job,
        content: &[u8],
        from: usize,
        begun: Option<BegunDownload>,
    ) -> Result<Output, Error> {
        let delivery = job.delivery.take().unwrap();
        let grows_from = self.state().grows_from;
        let grown = grows_from.map(|_| Delivery::Grown {
            size: content.len() as u64,
        });
        let content = &content[..grows_from.unwrap_or(content.len())];
        let size = Some(content.len() as u64);
        let content = &content[from..];
        let bytes = content.len() as u64;
        let got = begun.as_ref().map_or(0, |begun| begun.got);
        let mut next = Delivery::Began { size };
        let rest = &content[usize::try_from(got).unwrap()..];
        let mut chunks = rest.chunks(Self::CHUNK).map(Some).chain([None]);
        if begun.is_some() {
            // It reported earlier that the transfer begins.
            match chunks.next().flatten() {
                Some(chunk) => next = Delivery::Chunk(Bytes::copy_from_slice(chunk)),
                None => return Ok(Output::Delivered(Delivered { bytes, resumes: 0 })),
            }
        }
        for chunk in chunks {
            match timeout(job.stall, delivery.send(next)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => {
                    sleep(Self::DRAIN_TIME).await;
                    self.state().cancelled += 1;
                    return Err(failed(Cause::Cancelled(Ending::Drained)));
                }
                Err(_) => return Err(failed(Cause::ReceiverStalled)),
            }
            let Some(chunk) = chunk else { break };
            job.progress.send_modify(|progress| {
                progress.stage = ProgressStage::Transferring;
                progress.bytes += chunk.len() as u64;
            });
            sleep(Self::CHUNK_TIME).await;
            next = Delivery::Chunk(Bytes::copy_from_slice(chunk));
        }
        if self.state().lost_ends > 0 {
            self.state().lost_ends -= 1;
            return Err(failed(Cause::Reported(ErrCode::TIMEOUT)));
        }
        if let Some(grown) = grown {
            delivery.send(grown).await.unwrap();
        }
        Ok(Output::Delivered(Delivered { bytes, resumes: 0 }))
    }

    /// Deletes a file that ends as the upload does there.
    async fn clear(&self, job: &mut Job, remains: &Remains) -> Cleared {
        let name = remains.path.as_str();
        let Some(there) = self.content(name) else {
            return Cleared::Absent;
        };
        let (size, begun) = (there.len() as u64, &remains.begun);
        if begun.before == Before::Number(size) {
            return Cleared::Untouched;
        }
        let tail = size.saturating_sub(2560)..size;
        let ours = match job.source.as_mut() {
            Some(source) if remains.sourced => fits(&there, source.as_mut()).await,
            _ => begun
                .trail
                .part(tail)
                .is_some_and(|tail| there.ends_with(tail)),
        };
        if !(ours && (1..=begun.at).contains(&size)) {
            return Cleared::Left;
        }
        self.state().files.remove(name);
        Cleared::Deleted
    }

    async fn store(&self, job: &mut Job, upload: Upload) -> Result<Output, Error> {
        let (to, asks) = (upload.path, upload.verify_size);
        let mut source = job.source.take().unwrap();
        let at = upload.begun.as_ref().map_or(0, |begun| begun.at);
        let mut content = self.content(to.as_str()).unwrap_or_default();
        content.truncate(usize::try_from(at).unwrap());
        if upload.must_be_new && upload.begun.is_none() && self.content(to.as_str()).is_some() {
            return Err(failed(Cause::Exists));
        }
        assert_eq!(content.len() as u64, at, "what was begun is not there");
        if !fits(&content, source.as_mut()).await {
            if upload.must_be_new {
                return Err(failed(Cause::Exists));
            }
            content.clear();
        }
        loop {
            match timeout(job.stall, source.piece(content.len() as u64)).await {
                Ok(Supply::Piece(Piece::Data(bytes))) => {
                    let chunks = u32::try_from(bytes.len().div_ceil(Self::CHUNK)).unwrap();
                    sleep(Self::CHUNK_TIME * chunks).await;
                    content.extend_from_slice(&bytes);
                    let bytes = content.len() as u64;
                    job.progress.send_replace(Progress {
                        stage: ProgressStage::Transferring,
                        bytes,
                        resumes: 0,
                    });
                }
                Ok(Supply::Piece(Piece::End)) => break,
                Ok(Supply::Gone | Supply::Forgotten) => {
                    return Err(failed(Cause::SourceGone));
                }
                Err(_) => return Err(failed(Cause::SourceStalled)),
            }
        }
        let sent = content.len() as u64;
        let mut state = self.state();
        if let Some((left, taken)) = state.refused_uploads.take() {
            state.refused_uploads = (left > 1).then_some((left - 1, taken));
            if taken > 0 {
                state
                    .files
                    .insert(to.to_string(), content[..taken].to_vec());
            }
            return Err(touching(Cause::Reported(ErrCode::REJECTED), taken > 0));
        }
        content.extend_from_slice(&state.appended);
        if let (true, Some(first)) = (state.corrupts, content.first_mut()) {
            *first ^= 1;
        }
        state.files.insert(to.to_string(), content);
        let told = state.upload_answers.get(to.as_str()).copied();
        let told = told.or(state.upload_answer);
        let (acknowledged, confirmed) = told.unwrap_or((true, asks.then_some(sent)));
        Ok(Output::Stored(Stored {
            sent,
            acknowledged,
            confirmed,
            doubt: state.doubt,
            resumes: 0,
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

/// Whether content ends as its source does there, as far as the source still has the bytes.
async fn fits(content: &[u8], source: &mut dyn Source) -> bool {
    let mut at = content.len().saturating_sub(2560);
    while at < content.len() {
        let Supply::Piece(Piece::Data(piece)) = source.piece(at as u64).await else {
            return true;
        };
        let part = &content[at..content.len().min(at + piece.len())];
        if !piece.starts_with(part) {
            return false;
        }
        at += part.len();
    }
    true
}

/// A failure in the middle of a job that writes a file.
fn touching(cause: Cause, touched: bool) -> Error {
    let failure = Failure::new(cause, None, Stage::Data);
    Error::Failed(Failure { touched, ..failure })
}

fn no_login() -> Error {
    let cause = Cause::Reported(ErrCode::REJECTED);
    Error::Failed(Failure::new(cause, None, Stage::Login))
}

fn failed(cause: Cause) -> Error {
    Error::Failed(Failure::new(cause, None, Stage::Data))
}
