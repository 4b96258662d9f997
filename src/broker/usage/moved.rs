//! What one job has moved, and what that was on the air.

use super::air::{Air, Traffic};
use super::ledger::Volume;
use crate::broker::estimate::Way;
use crate::modem;
use crate::modem::failure::{self, Ending, Stage};
use crate::modem::operation::{Output, Progress};

/// What a job has done on the air.
#[derive(Debug, Clone, Copy)]
pub(in crate::broker) struct Moved {
    traffic: Traffic,
    way: Way,
    /// How far it came.
    reached: Reached,
    bytes: u64,
    pub(super) resumes: u32,
}

/// How far a job came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reached {
    Nothing,
    /// The server's door.
    Login,
    /// It was logged in; no content was asked for.
    Commands,
    Transfer,
}

impl Moved {
    /// What a job of this task has done, by its answer, or by how far it was seen to come.
    pub(in crate::broker) fn by(
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
            Ok(Output::Stored(done)) => (
                Reached::Transfer,
                done.sent.saturating_sub(from),
                done.resumes,
            ),
            // The resumes are told again by the job that ends it.
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
            // What became of it nobody can tell.
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
        // A new connection for all, and the size asked for before and after.
        let again = air.login() + air.commands(2) + air.data_connection();
        let resumes = again.saturating_mul(u64::from(self.resumes));
        let (up, down) = match self.traffic {
            Traffic::Up { .. } => (self.bytes, 0),
            Traffic::Down { .. } => (0, self.bytes),
            Traffic::None | Traffic::Commands(_) => (0, 0),
        };
        Some(Volume {
            up,
            down,
            air: login.saturating_add(task).saturating_add(resumes),
        })
    }
}

impl Reached {
    /// How far a job came that failed, having moved so many bytes.
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
