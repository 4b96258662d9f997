//! What one turn of an operation on the link cost.

use std::time::Duration;

use crate::broker::link::Spent;
use crate::broker::scheduler::estimate::Part;
use crate::broker::terms::{Load, Way};
use simcom_talk::dialogue::operation::{Output, Task};

/// One turn on the link, as far as its cost predicts other turns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stay {
    load: Load,
    way: Way,
    /// Bytes moved by earlier turns; `None` for the first turn.
    begun: Option<u64>,
}

impl Stay {
    /// A turn for a task; `way` is what the module must do first.
    pub(super) const fn of(task: &Task, way: Way) -> Self {
        let begun = match task {
            Task::Upload(upload) => match &upload.begun {
                Some(begun) => Some(begun.at),
                None => None,
            },
            Task::Download(download) => match &download.begun {
                Some(begun) => Some(begun.got),
                None => None,
            },
            _ => None,
        };
        Self {
            load: load(task),
            way,
            begun,
        }
    }

    /// What the turn cost if it was only a part of a transfer; `leaving` is the time from the
    /// request to yield to the answer.
    pub(super) fn part(
        &self,
        output: &Output,
        took: Duration,
        leaving: Option<Duration>,
    ) -> Option<Part> {
        let (moved, yielded) = match output {
            Output::UploadYielded(begun) => (begun.at, true),
            Output::DownloadYielded(begun) => (begun.got, true),
            Output::Stored(stored) if self.begun.is_some() => (stored.sent, false),
            Output::Delivered(delivered) if self.begun.is_some() => (delivered.bytes, false),
            _ => return None,
        };
        Some(Part {
            up: matches!(self.load, Load::Up(_)),
            in_blocks: self.begun.is_some_and(|at| at > 0),
            way: self.way,
            took,
            bytes: moved.saturating_sub(self.begun.unwrap_or_default()),
            leaving: leaving.filter(|_| yielded),
        })
    }

    /// What the turn cost as a whole; `None` where its bytes did not cross the port, so that its
    /// time predicts nothing.
    pub(super) const fn spent(&self, output: &Output, took: Duration) -> Option<Spent> {
        let bytes = match output {
            Output::Delivered(delivered) => delivered.bytes,
            Output::Stored(stored) => stored.sent,
            Output::Surveyed(surveyed) => surveyed.bytes,
            Output::Moved(_) => return None,
            _ => 0,
        };
        Some(Spent {
            load: self.load,
            way: self.way,
            took,
            bytes,
        })
    }
}

/// What a task moves, as far as the task shows.
pub(super) const fn load(task: &Task) -> Load {
    match task {
        Task::Upload(_) | Task::Send(_) => Load::Up(None),
        Task::WriteModuleFile(what) => Load::Up(Some(what.size as u64)),
        Task::Download(_)
        | Task::List(_)
        | Task::Survey(_)
        | Task::Fetch(_)
        | Task::ReadModuleFile(_) => Load::Down(None),
        _ => Load::Small,
    }
}

/// Whether the transfer resumes later.
pub(super) const fn is_yielded(output: &Output) -> bool {
    matches!(
        output,
        Output::UploadYielded(_) | Output::DownloadYielded(_)
    )
}
