//! What one job has moved, and what that cost on the air.

use super::air::{Air, Traffic};
use super::ledger::Volume;
use crate::broker::terms::Way;
use crate::modem;
use simcom_talk::dialogue::failure::{self, Ending, Stage};
use simcom_talk::dialogue::operation::{Cleared, Output, Progress};

/// What a job has done on the air.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moved {
    traffic: Traffic,
    way: Way,
    /// How far the job came.
    reached: Reached,
    bytes: u64,
    /// The upload is complete.
    is_stored: bool,
    pub(crate) resumes: u32,
}

/// Content read to identify a file: its last bytes, as the dialogue compares them.
const END: u64 = 512 + 2048;

/// Bytes of a question for a size and its answer, by `EXCHANGE` of air.rs.
const QUESTION: u64 = 200;

/// How far a job came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reached {
    Nothing,
    /// The connection to the server.
    Login,
    /// It was logged in; it asked for no content.
    Commands,
    Transfer,
}

impl Moved {
    /// What a job of this task has done, by its answer, or by the progress seen.
    pub(crate) fn by(
        traffic: Traffic,
        way: Way,
        answer: &Result<Output, modem::Error>,
        progress: Progress,
    ) -> Self {
        let from = match traffic {
            Traffic::Down { from, .. } | Traffic::Up { from, .. } => from,
            Traffic::None | Traffic::Commands(_) => 0,
        };
        let (reached, bytes, resumes) = match answer {
            Ok(Output::Delivered(done)) => (
                Reached::Transfer,
                done.bytes.saturating_sub(from),
                done.resumes,
            ),
            // The commands beside the listing count as the answer reports them.
            Ok(Output::Surveyed(done)) => {
                (Reached::Transfer, done.bytes + done.commands * QUESTION, 0)
            }
            Ok(Output::Stored(done)) => (
                Reached::Transfer,
                done.sent.saturating_sub(from),
                done.resumes,
            ),
            // The job that ends the upload reports the resumes again.
            Ok(Output::UploadYielded(begun)) => {
                (Reached::Transfer, begun.at.saturating_sub(from), 0)
            }
            Ok(Output::DownloadYielded(begun)) => {
                (Reached::Transfer, begun.got.saturating_sub(from), 0)
            }
            Ok(Output::Moved(done)) => (
                Reached::Transfer,
                done.size.saturating_sub(from),
                done.resumes,
            ),
            Ok(Output::Found(_)) => (Reached::Transfer, progress.bytes, 0),
            Ok(Output::Cleared(Cleared::Deleted | Cleared::Left)) => (Reached::Transfer, END, 0),
            Ok(Output::Cleared(_)) => (Reached::Commands, 0, 0),
            Ok(_) => (Reached::Transfer, 0, 0),
            Err(modem::Error::Failed(failure)) => {
                let counted = progress.bytes.max(failure.committed.unwrap_or_default());
                let bytes = counted.saturating_sub(from);
                (
                    Reached::before(failure, bytes),
                    bytes,
                    failure.attempt.saturating_sub(1),
                )
            }
            // Nobody can tell how far this one came.
            Err(modem::Error::Io(_) | modem::Error::Stopping) if progress.bytes > from => {
                (Reached::Transfer, progress.bytes - from, 0)
            }
            Err(_) => (Reached::Nothing, 0, 0),
        };
        Self {
            traffic,
            way,
            reached,
            bytes,
            is_stored: matches!(answer, Ok(Output::Stored(_))),
            resumes,
        }
    }

    pub(super) fn volume(&self, air: Air) -> Option<Volume> {
        let login = match self.way {
            Way::There => 0,
            Way::Switch | Way::Login => air.login(),
        };
        let task = match (self.reached, self.traffic) {
            (Reached::Nothing, _) | (_, Traffic::None) => return None,
            (Reached::Login, _) => 0,
            (Reached::Commands, _) => air.commands(1),
            (Reached::Transfer, traffic) => traffic.cost(air, self.bytes),
        };
        // Each resume costs a new connection, and the size is asked for before and after.
        let again = air.login() + air.commands(2) + air.data_connection();
        let resumes = again.saturating_mul(u64::from(self.resumes));
        let back = if self.is_stored {
            self.traffic.read_back(air, self.bytes)
        } else {
            0
        };
        let read_back = if back > 0 { air.whole(back) } else { 0 };
        let (up, down) = match self.traffic {
            Traffic::Up { .. } => (self.bytes, back),
            Traffic::Down { .. } => (0, self.bytes),
            Traffic::None | Traffic::Commands(_) => (0, 0),
        };
        Some(Volume {
            up,
            down,
            air: login
                .saturating_add(task)
                .saturating_add(read_back)
                .saturating_add(resumes),
        })
    }
}

impl Reached {
    /// How far a failed job came that moved `bytes` bytes.
    fn before(failure: &failure::Failure, bytes: u64) -> Self {
        match (&failure.cause, failure.stage) {
            _ if bytes > 0 => Self::Transfer,
            (failure::Cause::Cancelled(Ending::BeforeItBegan), _)
            | (_, Stage::Device | Stage::Sim | Stage::Network) => Self::Nothing,
            (_, Stage::Dns | Stage::Tcp | Stage::Tls | Stage::Login) => Self::Login,
            (failure::Cause::OverLimit { .. }, _) | (_, Stage::Directory) => Self::Commands,
            (_, Stage::Data | Stage::Commit) => Self::Transfer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::testing::{path, server};
    use simcom_talk::dialogue::operation::{Stored, Task, Upload};

    #[test]
    fn what_went_in_blocks_counts_once_more_as_it_is_read_back() {
        let task = |verify_size| {
            Task::Upload(Upload {
                path: path("/f"),
                must_be_new: false,
                verify_size,
                delete_on_failure: true,
                begun: None,
                at_hand: None,
            })
        };
        let volume = |block, verify_size| {
            let answer = Ok(Output::Stored(Stored {
                sent: 100_000,
                acknowledged: true,
                confirmed: None,
                doubt: None,
                resumes: 0,
            }));
            let traffic = Traffic::of(&task(verify_size));
            let moved = Moved::by(traffic, Way::There, &answer, Progress::default());
            moved.volume(Air::to(&server("a"), block)).unwrap()
        };
        let (blocks, unread) = (volume(Some(2048), true), volume(Some(2048), false));
        assert_eq!((blocks.up, blocks.down), (100_000, 64 * 1024));
        assert!(blocks.air - unread.air > 64 * 1024);
        assert_eq!((unread.down, volume(None, true).down), (0, 0));
    }
}
