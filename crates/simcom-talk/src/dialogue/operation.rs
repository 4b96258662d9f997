//! What a job asks of the module, as a value, and what comes back.
//!
//! More than 400 lines: this is the list of the values that go in and come out, with hardly any code.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;

use super::facts::Registration;
use super::failure::Failure;
use super::resume_window::{OVERLAP, ResumeWindow};
use super::rung::Rung;
pub use super::trail::Trail;
use crate::ftps::listing::{self, Facts};
use crate::ftps::question::Question;
use crate::ftps::storage::{DriveSpace, ModuleEntry, ModulePath};
use crate::ftps::value::{Drive, Offset, RemotePath, Server, TransferType};

/// One operation: where the module must stand, and what it must do there.
#[derive(Debug, Clone)]
pub struct Operation {
    /// Reached before the task begins, by the shortest way from where the module stands.
    pub standing: Standing,
    /// Done once the standing is reached.
    pub task: Task,
}

/// Where the module must stand for a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// The module was brought up. Any state of the FTPS service will do.
    Ready,
    /// The FTPS service is stopped.
    Down,
    /// The FTPS service is started.
    Started,
    /// It is logged in.
    LoggedIn(SessionTarget),
}

/// A server, and how the session there must be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionTarget {
    /// The server that the module is logged in to.
    pub server: Arc<Server>,
    /// Representation type.
    pub transfer_type: TransferType,
    /// Current directory.
    pub directory: Directory,
}

impl SessionTarget {
    /// The directory that a login leads to, for content as it is.
    #[must_use]
    pub fn at_login(server: Server) -> Self {
        Self {
            server: Arc::new(server),
            transfer_type: TransferType::Binary,
            directory: Directory::Login,
        }
    }

    /// Whether a CWD with a relative path is a step from the current directory. It is on the way to an absolute
    /// path. A directory that the server names in its own way is reached in one command.
    pub(crate) fn goes_by_steps(&self) -> bool {
        match &self.directory {
            Directory::At(path) => path.is_absolute(),
            Directory::Any | Directory::Login | Directory::Below(_) => true,
        }
    }
}

/// Which directory must be the current one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Directory {
    /// Any: every path of the task is absolute.
    Any,
    /// The directory that the server opens at login.
    Login,
    /// This one.
    At(RemotePath),
    /// The one that this relative path leads to from the login directory.
    Below(RemotePath),
}

/// What is done once the standing is reached.
#[derive(Debug, Clone)]
pub enum Task {
    /// Does nothing: only the standing is wanted. Answers [`Output::Done`].
    Stand,
    /// Tries a rung of the repair ladder before the standing is reached. Answers
    /// [`Output::Done`].
    Repair(Rung),
    /// Asks where the session is (PWD). Answers [`Output::Directory`].
    WorkingDirectory,
    /// Moves (CWD) and asks where to (PWD). Answers [`Output::Directory`].
    ChangeDirectory(RemotePath),
    /// Creates a directory (MKD). Answers [`Output::Done`].
    MakeDirectory(RemotePath),
    /// Removes a directory (RMD). Answers [`Output::Done`].
    RemoveDirectory(RemotePath),
    /// Deletes a file (DELE). Answers [`Output::Done`].
    DeleteFile(RemotePath),
    /// Asks for the size of a file (SIZE). Answers [`Output::Size`].
    Size(RemotePath),
    /// Finds out what a name is (LIST of its directory, and SIZE where that does not show it). Answers
    /// [`Output::Found`].
    Stat(RemotePath),
    /// Looks for names in the directory that they are in (LIST). Answers [`Output::Surveyed`].
    Survey(Survey),
    /// Lists a directory (LIST), the current one where there is no path. The server's text is delivered as it is.
    /// Answers [`Output::Delivered`].
    List(Option<RemotePath>),
    /// Reads a file (GET). Answers [`Output::Delivered`], or [`Output::DownloadYielded`] where it was asked to
    /// yield.
    Download(Download),
    /// Writes a file from the pieces of the job (PUT). Answers [`Output::Stored`], or [`Output::UploadYielded`]
    /// where it was asked to yield.
    Upload(Upload),
    /// Deletes the partial file of an upload, where it is proven to be that. Answers [`Output::Cleared`].
    Clear(Remains),
    /// Reads a file of the server to a drive of the module (GETFILE). Answers
    /// [`Output::Moved`].
    Fetch(ModuleTransfer),
    /// Writes a file of the server from a drive of the module (PUTFILE). Answers
    /// [`Output::Moved`].
    Send(ModuleTransfer),
    /// Lists a directory of the module. Answers [`Output::ModuleFiles`].
    ListModule(ModulePath),
    /// Deletes a file of the module. Answers [`Output::Done`].
    DeleteModuleFile(ModulePath),
    /// Reads a file of the module to the job's receiver. Answers [`Output::Delivered`].
    ReadModuleFile(ModulePath),
    /// Writes a file of the module from the job's pieces. Answers [`Output::Stored`].
    WriteModuleFile(WriteModuleFile),
    /// Asks for the free space on a drive, or on all drives of the module. Answers [`Output::Space`].
    Space(Option<Drive>),
    /// Asks whether data connections go to the address of the control connection. Answers
    /// [`Output::SingleIp`].
    ReadSingleIp,
    /// Sets it until the next login, which sets the server's mode. Answers [`Output::Done`].
    SingleIp(bool),
    /// Asks for signal and network, which [`Dialogue::facts`] then has. Answers [`Output::Network`].
    ///
    /// [`Dialogue::facts`]: super::Dialogue::facts
    Network,
    /// Sends these lines and returns the answers. Answers [`Output::Answers`].
    Ask(Vec<Question>),
}

/// Names of one directory to look for in its listing.
#[derive(Debug, Clone)]
pub struct Survey {
    /// All names have the same parent.
    pub names: Vec<WantedName>,
    /// Each name that the listing does not show, or shows with another size than expected, is asked for by itself
    /// (SIZE).
    pub asks: bool,
    /// The current time. It gives a year to dates that have none.
    pub now: Option<SystemTime>,
}

/// A name that is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedName {
    /// Its path.
    pub path: RemotePath,
    /// The size that the file should have, where one is expected.
    pub size: Option<u64>,
}

/// The result of a [`Task::Survey`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surveyed {
    /// Bytes of the listing.
    pub bytes: u64,
    /// Commands that were sent in addition to the listing.
    pub commands: u64,
    /// One answer for each name, in their order.
    pub names: Vec<SurveyedName>,
}

/// What is known of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SurveyedName {
    /// The line of the listing, where the listing has the name.
    pub entry: Option<listing::Entry>,
    /// The size, or why there is none, as [`Task::Size`] answers it.
    pub size: Result<u64, Failure>,
}

/// A file to read.
#[derive(Debug, Clone)]
pub struct Download {
    /// The file.
    pub path: RemotePath,
    /// The first byte wanted.
    pub offset: Offset,
    /// Most bytes that may be moved: where the server tells that more would come, no content is asked for. `None`:
    /// any number.
    pub limit: Option<u64>,
    /// The size, where a listing of the same operation has told it. It is not asked for then.
    pub size: Option<u64>,
    /// How far an earlier job came that yielded.
    pub begun: Option<BegunDownload>,
    /// What is delivered if the file grows.
    pub growth: Growth,
}

impl Download {
    /// A file from an offset to its end, with the size that it has when it is asked for.
    #[must_use]
    pub const fn of(path: RemotePath, offset: Offset) -> Self {
        Self {
            path,
            offset,
            limit: None,
            size: None,
            begun: None,
            growth: Growth::FirstSize,
        }
    }
}

/// What is delivered of a file that has more bytes when it is read than its size said. In both cases
/// [`Delivery::Grown`] tells how many it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Growth {
    /// The bytes that were there when the size was asked for.
    #[default]
    FirstSize,
    /// All bytes that come.
    All,
}

/// A download that yielded, and how far it had come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BegunDownload {
    /// Bytes handed over.
    pub got: u64,
    /// Size of the file on the server, where it tells.
    pub size: Option<u64>,
    /// The first and the last of the bytes handed over, by which the file is recognised.
    pub(crate) window: ResumeWindow,
    /// How often the link broke and the transfer went on.
    pub resumes: u32,
    /// The last of the bytes handed over, where the receiver had no room for them. They come first when the download
    /// goes on.
    pub undelivered: Vec<Delivery>,
}

impl BegunDownload {
    /// A download of a file whose first `got` bytes are at hand. `first` and `last` are its first and last bytes, up
    /// to [`BegunDownload::ENDS`] each: the file is recognised by them. Where there are few bytes, the last ones may
    /// be among the first.
    #[must_use]
    pub fn of(got: u64, size: Option<u64>, first: &[u8], last: &[u8]) -> Self {
        let behind = usize::try_from(got.saturating_sub(first.len() as u64));
        let fresh = behind.unwrap_or(usize::MAX).min(last.len());
        let mut window = ResumeWindow::default();
        window.add(first);
        window.add(last.get(last.len() - fresh..).unwrap_or_default());
        Self {
            got,
            size,
            window,
            resumes: 0,
            undelivered: Vec::new(),
        }
    }

    /// Bytes that are compared at each end.
    pub const ENDS: u64 = OVERLAP;

    /// The last of the bytes handed over, at most [`BegunDownload::ENDS`].
    #[must_use]
    pub fn tail(&self) -> &[u8] {
        self.window.tail()
    }
}

/// A file to write.
#[derive(Debug, Clone)]
pub struct Upload {
    /// The file.
    pub path: RemotePath,
    /// Refuse, without touching the file, where the name exists.
    pub must_be_new: bool,
    /// Ask the server for the size afterwards and compare.
    pub verify_size: bool,
    /// Delete the partial file where the file could not be written whole.
    pub delete_on_failure: bool,
    /// How far an earlier job came that yielded, or was lost.
    pub begun: Option<BegunUpload>,
    /// How many bytes the file has, where all of them and the end are at hand. A short file is then sent without a
    /// question before it. `None`: not known yet.
    pub at_hand: Option<u64>,
}

impl Upload {
    /// The longest file that is written without a question before it. As many bytes are kept of what was handed over
    /// ([`Trail`]), so that all of the file can be compared. Such an upload does not yield before its end, which is
    /// near: it takes some ten seconds on the slowest links.
    pub const SHORT: u64 = Trail::KEPT;
}

/// An upload that yielded, and how far it had come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BegunUpload {
    /// Bytes handed to the module. The server has as many, or fewer if the job was lost. 0 with [`Before::Nothing`]:
    /// only the empty file was created.
    pub at: u64,
    /// What the server had under the name before the first byte.
    pub before: Before,
    /// How often the link broke and the transfer went on.
    pub resumes: u32,
    /// The last of the bytes handed to the module, as far as they are known.
    pub trail: Trail,
}

/// What an upload may have left on the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remains {
    /// The file.
    pub path: RemotePath,
    /// How far the upload had come. At most this many bytes of the file can be its own.
    pub begun: BegunUpload,
    /// The job has a source, which can be asked for the bytes of the upload.
    pub sourced: bool,
}

/// What became of a partial file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cleared {
    /// It was deleted.
    Deleted,
    /// There is no file of the name.
    Absent,
    /// The parent directory does not exist.
    NoDirectory,
    /// The file there is the one from before the upload.
    Untouched,
    /// A file is there and stays: it could not be proven to be this upload's, or could not be deleted.
    Left,
}

/// What the server had under the name before an upload began. If the outcome is lost, a file that had the right size
/// before proves nothing. A file that still has its size from before is not this upload's: it may neither be deleted
/// nor gone on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Before {
    /// It was not asked, or there was no answer.
    #[default]
    Unknown,
    /// The server refused: there was no such file, or the server does not tell sizes.
    Nothing,
    /// A file of this size.
    Number(u64),
}

/// A file that moves between the server and a drive of the module. On the module it has the last component of the
/// remote path as its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleTransfer {
    /// On the server.
    pub path: RemotePath,
    /// On the module, by [`ModulePath::of_remote`] of `path`.
    pub file: ModulePath,
    /// The first byte to move. A fetch needs this many bytes on the module already.
    pub offset: Offset,
    /// Refuse to fetch, without touching it, where the module has a file of the name.
    pub must_be_new: bool,
    /// Most bytes that may be moved: where there are more, nothing is moved. `None`: any number. Counts only where
    /// the size is told.
    pub limit: Option<u64>,
}

/// A file to write on the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteModuleFile {
    /// The file.
    pub file: ModulePath,
    /// Its size, which the module must know first.
    pub size: u32,
    /// Refuse, without touching it, where the file exists.
    pub must_be_new: bool,
}

/// What an operation answers when it succeeds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// It is done, and there is nothing to tell.
    Done,
    /// The directory, as the server named it.
    Directory(String),
    /// Bytes of a file.
    Size(u64),
    /// What a name is.
    Found(FoundName),
    /// The names that were looked for.
    Surveyed(Surveyed),
    /// Everything was delivered.
    Delivered(Delivered),
    /// The file was written.
    Stored(Stored),
    /// The upload yielded and can go on from here.
    UploadYielded(BegunUpload),
    /// What became of a partial file.
    Cleared(Cleared),
    /// The download yielded and can go on from here.
    DownloadYielded(BegunDownload),
    /// The file was moved between server and module.
    Moved(MovedFile),
    /// The names in a directory of the module, and the size of each file where it is told.
    ModuleFiles(Vec<(ModuleEntry, Option<u64>)>),
    /// Room on drives of the module.
    Space(Vec<DriveSpace>),
    /// Data connections go to the address of the control connection.
    SingleIp(bool),
    /// The network: what the module is registered with, and how strong its signal is. Of the SIM it tells nothing.
    Network(Registration),
    /// One answer for each line.
    Answers(Vec<Answer>),
}

/// What is known of a name on the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FoundName {
    /// What the listing of its directory says, and the server's line.
    Listed(Box<Facts>, Bytes),
    /// The listing does not show it, but the server tells this size.
    Hidden(u64),
}

/// What the module answered to a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The line.
    pub line: String,
    /// Lines of information. Unsolicited lines may be among them.
    pub info: Vec<String>,
    /// `OK`, `ERROR`, or the reason of a refusal.
    pub result: String,
}

/// A file that was moved between server and module, with the evidence for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovedFile {
    /// Its size on the module.
    pub size: u64,
    /// The server names the same size. `None` where it does not tell.
    pub confirmed: Option<u64>,
    /// How often the link broke and the transfer went on.
    pub resumes: u32,
}

/// A finished download or listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// Bytes handed over.
    pub bytes: u64,
    /// How often the link broke and the transfer went on.
    pub resumes: u32,
}

/// A finished upload, with the evidence for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Bytes handed to the module.
    pub sent: u64,
    /// The module reported success for the transfer.
    pub acknowledged: bool,
    /// The size that the server named afterwards. `None` where it was not asked, did not tell, or its answer proves
    /// nothing.
    pub confirmed: Option<u64>,
    /// Why the size that the server named afterwards proves nothing although it is right.
    pub doubt: Option<Doubt>,
    /// How often the link broke and the transfer went on.
    pub resumes: u32,
}

/// Why the right size does not prove that an upload arrived, where the module's report was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// The server named the same size before the upload.
    SameBefore,
    /// What the server had before is not known.
    BeforeUnknown,
    /// The last bytes of the file could not be read back.
    EndUnread,
}

/// What a download hands over while it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// The transfer begins. Sent once, before any chunk.
    Began {
        /// Size of the file on the server, where it tells.
        size: Option<u64>,
    },
    /// Bytes of the file, in order.
    Chunk(Bytes),
    /// The file has more bytes than [`Delivery::Began`] told. As many as that were delivered, from the beginning of
    /// the file. The file grew, or a longer one took its place before the first byte came. Sent once, after the last
    /// chunk.
    Grown {
        /// Its size now.
        size: u64,
    },
}

/// A part of an upload's source. A source ends with [`Piece::End`]. A source that closes without it has failed, and
/// its file is not whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// The next bytes.
    Data(Bytes),
    /// There are no more bytes.
    End,
}

/// How far an operation has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// What is being done.
    pub stage: ProgressStage,
    /// Bytes of content handed to the module, or taken from it.
    pub bytes: u64,
    /// How often the link broke and the transfer went on.
    pub resumes: u32,
}

/// What an operation is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProgressStage {
    /// Waiting for the link.
    #[default]
    Waiting,
    /// Reaching the standing.
    Preparing,
    /// Moving content.
    Transferring,
    /// Comparing what the server holds.
    Verifying,
}
