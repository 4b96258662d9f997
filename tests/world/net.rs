//! The servers, their troubles, and the records that are kept of them.
//!
//! Above 400 lines because the servers and the book that is kept of them change together.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use crate::oracle::{At, By, Oracle};
use crate::plan::{CutOff, Plan};
use simcom_emulator::request::{Answer, Ask, Event, Failure, Request};
use simcom_emulator::uplink::memory::{Memory, Names, Rest, Server};

pub(crate) const HOSTS: [&str; 2] = ["one.example", "two.example"];

/// The trouble that the next request of its kind meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// 421, whatever is asked.
    Closed,
    /// STOR is refused.
    Store,
    /// The login is refused.
    Login,
    /// A listing ends early, as if that were all.
    ShortList,
    /// The data connection is cut in the middle of a transfer.
    Cut,
    /// The same for a download, and another program uses the time to replace the file.
    Replaced,
    /// The answer comes late.
    Late(Duration),
}

/// The servers.
pub(crate) struct Net {
    memory: Memory,
    troubles: VecDeque<Trouble>,
    random: fastrand::Rng,
    /// The upload under way, what was there before it, and the position at which it begins, until its first
    /// bytes come.
    storing: Option<(At, Option<Vec<u8>>, usize)>,
    upload: Option<At>,
    /// The position in the file at which it began.
    upload_from: usize,
    cut_off: [CutOff; 2],
    past_end: bool,
    listing: Option<(usize, String)>,
    /// Whether the running listing ends early.
    short: bool,
    /// The download under way, and whether bytes of it have come.
    download: Option<At>,
    has_come: bool,
    /// No answer comes earlier.
    latency: Duration,
}

impl Net {
    pub(crate) fn new(plan: &Plan) -> Self {
        let mut memory = Memory::new();
        for (index, host) in HOSTS.iter().enumerate() {
            let mut server = Server::with_user("user", "pass");
            server.directories.insert(b"/d".to_vec());
            server.knows_size = index == 0 || !plan.without_size;
            if !server.knows_size && plan.strange {
                server.names = Names::Strange;
            }
            server.rest = plan.rests[index];
            memory.insert(host, 21, server);
        }
        Self {
            memory,
            troubles: VecDeque::new(),
            random: fastrand::Rng::with_seed(plan.seed.number),
            storing: None,
            upload: None,
            upload_from: 0,
            cut_off: [0, 1].map(|index| match plan.rests[index] {
                // The bytes behind the upload belong to another file.
                Rest::WriteOver => CutOff::Keeps,
                _ => plan.cut_off[index],
            }),
            past_end: plan.past_end,
            listing: None,
            short: false,
            download: None,
            has_come: false,
            latency: plan.latency,
        }
    }

    /// Something goes wrong next.
    pub(crate) fn trouble(&mut self, trouble: Trouble) {
        self.troubles.push_back(trouble);
    }

    /// Nothing goes wrong any more.
    pub(crate) fn heal(&mut self) {
        self.troubles.clear();
    }

    pub(crate) fn close_session(&mut self, now: Duration, oracle: &mut Oracle) -> Option<Event> {
        self.cut_off(now, oracle);
        self.memory.close_session()
    }

    pub(crate) fn server(&mut self, host: usize) -> &mut Server {
        self.memory.server_mut(HOSTS[host], 21).unwrap()
    }

    /// Another program on the server changes a file.
    pub(crate) fn change(
        &mut self,
        at: &At,
        now: Duration,
        to: Option<Vec<u8>>,
        oracle: &mut Oracle,
    ) {
        oracle.is_now(at, now, to.as_deref(), By::Others);
        if self.upload.as_ref() == Some(at) {
            oracle.disturbed(at, now);
        }
        let server = self.server(at.0);
        let path = at.1.as_bytes().to_vec();
        server.hidden.remove(&path);
        match to {
            Some(content) => server.files.insert(path, content),
            None => server.files.remove(&path),
        };
    }

    pub(crate) fn file(&mut self, at: &At) -> Option<Vec<u8>> {
        self.server(at.0).files.get(at.1.as_bytes()).cloned()
    }

    /// Answers a request, with the time at which the answer comes.
    pub(crate) fn answer(
        &mut self,
        mut request: Request,
        now: Duration,
        oracle: &mut Oracle,
    ) -> Option<(Duration, Event)> {
        let mut due = now
            + self.latency
                * u32::from(!matches!(request.ask, Ask::Read { .. } | Ask::StoreData(_)));
        if let Some(trouble) = self.strikes(&request.ask) {
            oracle.note(
                now,
                &format!("server: {trouble:?} at {}", name(&request.ask)),
            );
            let failure = match trouble {
                Trouble::Late(by) => {
                    due += by;
                    None
                }
                Trouble::ShortList => {
                    self.short = true;
                    None
                }
                Trouble::Closed | Trouble::Cut | Trouble::Replaced => Some(Failure::Closed),
                Trouble::Store | Trouble::Login => Some(Failure::Refused),
            };
            if let Some(failure) = failure {
                if trouble == Trouble::Replaced {
                    self.replace(now, oracle);
                }
                if failure.ends_session() {
                    self.cut_off(now, oracle);
                    self.memory.close_session();
                    self.storing = None;
                    self.upload = None;
                }
                let answer = Err(failure);
                let id = request.id;
                return Some((due, Event::Answer { id, answer }));
            }
        }
        // Any other request ends an upload that has not reached its end.
        if !matches!(request.ask, Ask::StoreData(_) | Ask::StoreEnd) {
            self.cut_off(now, oracle);
        }
        if let Ask::Retrieve { path, offset } = &mut request.ask
            && self.past_end
        {
            let there = self.at(path).and_then(|at| self.file(&at));
            *offset = there.map_or(*offset, |there| (*offset).min(there.len() as u64));
        }
        let before = Before::of(&request.ask, self);
        let asked = name(&request.ask);
        let mut event = self.memory.answer(request)?;
        if let Event::Answer { answer, .. } = &mut event {
            if !asked.is_empty() {
                let how = answer
                    .as_ref()
                    .map_or_else(ToString::to_string, |_| "ok".into());
                oracle.note(now, &format!("server: {asked}: {how}"));
            }
            self.book(before, answer, now, oracle);
        }
        Some((due, event))
    }

    /// The file that a path of the session means.
    fn at(&self, path: &[u8]) -> Option<At> {
        let (host, path) = self.memory.resolve(path)?;
        let host = HOSTS.iter().position(|name| *name == host)?;
        Some((host, String::from_utf8_lossy(&path).into_owned()))
    }

    /// An upload under way is cut off.
    fn cut_off(&mut self, now: Duration, oracle: &mut Oracle) {
        let Some(at) = self.upload.take() else {
            return;
        };
        let habit = self.cut_off[at.0];
        // What others wrote there meanwhile belongs to them.
        if habit == CutOff::Keeps || oracle.wrote_last(&at) != Some(By::Daemon) {
            return;
        }
        let Some(mut there) = self.file(&at) else {
            return;
        };
        let path = at.1.as_bytes().to_vec();
        if habit == CutOff::Removes {
            oracle.note(now, &format!("server: removes {at:?}, which was cut off"));
            self.server(at.0).files.remove(&path);
            oracle.is_now(&at, now, None, By::Daemon);
            return;
        }
        let came = there.len().saturating_sub(self.upload_from);
        let kept = if self.random.bool() {
            0
        } else {
            self.random.usize(..=came)
        };
        there.truncate(self.upload_from + kept);
        oracle.note(
            now,
            &format!(
                "server: {} bytes stay of {at:?}, which was cut off",
                there.len()
            ),
        );
        oracle.is_now(&at, now, Some(&there), By::Daemon);
        self.server(at.0).files.insert(path, there);
    }

    /// The file that was being read is replaced by another one.
    fn replace(&mut self, now: Duration, oracle: &mut Oracle) {
        let Some(at) = self.download.take() else {
            return;
        };
        let Some(old) = self.file(&at) else { return };
        // Logs are truncated in place.
        let longest = [0, old.len(), old.len() + 2000][self.random.usize(..3)];
        let mut all = Vec::new();
        if longest > 0 {
            let id = oracle.others(&at, self.random.usize(..=longest), now);
            all.extend_from_slice(&oracle.writer(id).content);
        }
        oracle.note(now, &format!("others: replace {at:?}, {} bytes", all.len()));
        self.change(&at, now, Some(all), oracle);
    }

    /// The next trouble that applies to this request.
    fn strikes(&mut self, ask: &Ask) -> Option<Trouble> {
        let random = &mut self.random;
        let reads = self.download.is_some() && self.has_come;
        let mut meets = |trouble: &Trouble| match (trouble, ask) {
            (_, Ask::DropAll | Ask::DropTransfer | Ask::Logout | Ask::Resolve(_)) => false,
            (Trouble::Store, Ask::StoreBegin { .. })
            | (Trouble::Login, Ask::Login(_))
            | (Trouble::ShortList, Ask::List(_)) => true,
            (Trouble::Cut, Ask::Read { .. } | Ask::StoreData(_) | Ask::StoreEnd) => {
                random.u8(..4) == 0
            }
            (Trouble::Replaced, Ask::Read { .. }) => reads && random.bool(),
            (Trouble::Closed | Trouble::Late(_), _) => true,
            _ => false,
        };
        let at = self.troubles.iter().position(&mut meets)?;
        self.troubles.remove(at)
    }

    /// Records what an answer means.
    fn book(
        &mut self,
        before: Before,
        answer: &mut Result<Answer, Failure>,
        now: Duration,
        oracle: &mut Oracle,
    ) {
        match (before, &answer) {
            (Before::Looked(at), Ok(how)) => {
                oracle.shown(&at, now);
                self.download = (*how == Answer::Done).then_some(at);
                self.has_come = false;
            }
            (Before::Deletes(at), Ok(_)) => {
                oracle.deleted(&at, now);
                oracle.is_now(&at, now, None, By::Daemon);
                self.server(at.0).hidden.remove(at.1.as_bytes());
            }
            (Before::Stores(at, old, from_start, offset), Ok(_)) => {
                let there = self.file(&at).unwrap_or_default();
                oracle.is_now(&at, now, Some(&there), By::Daemon);
                self.upload = Some(at.clone());
                self.upload_from = there.len();
                self.storing = from_start.then_some((at, old, offset));
            }
            (Before::Data(bytes), _) => {
                if let Some((at, old, offset)) = self.storing.take() {
                    oracle.stored(&at, now, old.as_deref(), (offset, &bytes));
                }
                // Where it may still be lost, it counts as there when the server has said so.
                if let Some(at) = self.upload.clone()
                    && self.cut_off[at.0] == CutOff::Keeps
                {
                    let there = self.file(&at);
                    oracle.is_now(&at, now, there.as_deref(), By::Daemon);
                }
            }
            (Before::Ends, _) => {
                if let Some((at, old, offset)) = self.storing.take() {
                    oracle.stored(&at, now, old.as_deref(), (offset, b""));
                }
                if let Some(at) = self.upload.take()
                    && answer.is_ok()
                    && self.cut_off[at.0] != CutOff::Keeps
                {
                    let there = self.file(&at);
                    oracle.is_now(&at, now, there.as_deref(), By::Daemon);
                }
            }
            (Before::Lists(host, directory), Ok(_)) => {
                self.listing = Some((host, directory));
                self.download = None;
            }
            (Before::Reads, Ok(Answer::Data(bytes))) => {
                let Some((host, directory)) = self.listing.clone() else {
                    self.has_come = true;
                    return;
                };
                let mut bytes = bytes.clone();
                if std::mem::take(&mut self.short) {
                    bytes = shortened(&bytes);
                    *answer = Ok(if bytes.is_empty() {
                        Answer::End
                    } else {
                        Answer::Data(bytes.clone())
                    });
                    // What follows is never sent.
                    self.listing = None;
                }
                let text = String::from_utf8_lossy(&bytes).into_owned();
                for line in text.lines() {
                    let base = line.rsplit(' ').next().unwrap_or_default();
                    let path = format!("{}/{base}", directory.trim_end_matches('/'));
                    oracle.shown(&(host, path), now);
                }
            }
            (Before::Reads, Ok(Answer::End)) => self.listing = None,
            _ => {}
        }
    }
}

/// What must be known of a request before it is answered.
enum Before {
    Looked(At),
    Deletes(At),
    Stores(At, Option<Vec<u8>>, bool, usize),
    Data(Bytes),
    Ends,
    Lists(usize, String),
    Reads,
    Other,
}

impl Before {
    fn of(ask: &Ask, net: &mut Net) -> Self {
        let known = match ask {
            Ask::Size(path) | Ask::Retrieve { path, .. } => {
                net.listing = None;
                net.at(path).map(Self::Looked)
            }
            Ask::Dele(path) => net.at(path).map(Self::Deletes),
            Ask::StoreBegin { path, offset } => net.at(path).map(|at| {
                let old = net.file(&at);
                // A server that ignores REST begins at the first byte.
                let from_start = *offset == 0 || net.server(at.0).rest == Rest::Ignore;
                Self::Stores(at, old, from_start, *offset as usize)
            }),
            Ask::StoreData(bytes) => Some(Self::Data(bytes.clone())),
            Ask::StoreEnd | Ask::DropAll | Ask::DropTransfer => Some(Self::Ends),
            Ask::List(path) => {
                let path = path.clone().unwrap_or_else(|| Bytes::from_static(b"."));
                net.at(&path).map(|(host, path)| Self::Lists(host, path))
            }
            Ask::Read { .. } => Some(Self::Reads),
            _ => None,
        };
        known.unwrap_or(Self::Other)
    }
}

/// The whole lines of its first half.
fn shortened(bytes: &Bytes) -> Bytes {
    let half = &bytes[..bytes.len() / 2];
    let end = half
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    bytes.slice(..end)
}

fn name(ask: &Ask) -> String {
    let text = |path: &Bytes| String::from_utf8_lossy(path).into_owned();
    match ask {
        Ask::Login(login) => format!("LOGIN {}", login.host),
        Ask::Logout => "QUIT".into(),
        Ask::Cwd(path) => format!("CWD {}", text(path)),
        Ask::Mkd(path) => format!("MKD {}", text(path)),
        Ask::Rmd(path) => format!("RMD {}", text(path)),
        Ask::Dele(path) => format!("DELE {}", text(path)),
        Ask::Size(path) => format!("SIZE {}", text(path)),
        Ask::List(path) => format!("LIST {}", path.as_ref().map(text).unwrap_or_default()),
        Ask::Retrieve { path, offset } => format!("RETR {} from {offset}", text(path)),
        Ask::StoreBegin { path, offset } => format!("STOR {} from {offset}", text(path)),
        Ask::StoreEnd => "the end of STOR".into(),
        _ => String::new(),
    }
}
