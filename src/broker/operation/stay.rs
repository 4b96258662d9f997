//! What one stay of an operation on the link cost.

use std::time::Duration;

use crate::broker::estimate::{Load, Part, Way};
use crate::broker::link::Spent;
use simcom_talk::dialogue::operation::{Output, Task};

/// One stay on the link, as far as its cost tells of others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stay {
    load: Load,
    way: Way,
    /// Bytes that an earlier stay had moved; `None` where this was the first.
    begun: Option<u64>,
}

impl Stay {
    /// Of a task, with what lies between the module and its server.
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

    /// What it cost, if it was only a part of a transfer; `leaving` is the time from the wish to
    /// make way to the answer.
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

    /// What it cost as a whole; nothing, where its bytes did not cross the port, so that its time
    /// says nothing of others.
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

/// What a task moves, as far as it tells.
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

/// Whether it goes on later.
pub(super) const fn is_yielded(output: &Output) -> bool {
    matches!(
        output,
        Output::UploadYielded(_) | Output::DownloadYielded(_)
    )
}
