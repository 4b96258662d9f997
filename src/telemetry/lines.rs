//! The queue of the log's lines to standard error. Nobody waits for it, and only the log itself shows its
//! errors.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};
use rustix::event::{PollFd, PollFlags, poll};

/// Bytes of lines that may wait to be written. At `debug` a busy module logs some 250 KiB a second: this is
/// four seconds of it, and a reader that takes longer does not read any more.
const WAITING: usize = 1 << 20;

/// Writes lines to a sink in a thread of its own. Lines that do not fit into the queue, and lines that the sink
/// refuses, are lost and counted. The sink gets the number as soon as it accepts something again.
///
/// Cheap to clone; clones share the queue.
#[derive(Debug, Clone)]
pub(super) struct Lines(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// There is something to write.
    more: Condvar,
    /// All was written.
    done: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    lines: VecDeque<Line>,
    /// Bytes in `lines`.
    bytes: usize,
    /// Lines that were lost after the last of `lines`.
    lost: u64,
    /// The thread is writing what it has taken.
    writing: bool,
}

#[derive(Debug)]
struct Line {
    /// Lines that were lost just before this one.
    lost: u64,
    text: Vec<u8>,
}

/// Standard error without the lock and the buffer of [`io::Stderr`], whose holder could block for ever.
#[derive(Debug)]
pub(super) struct StandardError;

impl Lines {
    /// Begins to write to `sink`; `notice` words the line with the number of lost lines.
    ///
    /// # Errors
    /// What the system says where it gives no thread.
    pub(super) fn to(
        sink: impl Write + Send + 'static,
        notice: impl Fn(u64) -> String + Send + 'static,
    ) -> io::Result<Self> {
        let lines = Self(Arc::default());
        let shared = lines.0.clone();
        let pen = Pen { sink, torn: false };
        thread::Builder::new()
            .name("log".into())
            .spawn(move || shared.write(pen, notice))?;
        Ok(lines)
    }

    /// Waits until all lines were written or lost, but no longer than `limit`.
    pub(super) fn finish(&self, limit: Duration) {
        let mut queue = self.0.lock();
        let busy = |queue: &mut Queue| queue.writing || queue.lost > 0 || !queue.lines.is_empty();
        // Lines that are not written by then are lost.
        self.0.done.wait_while_for(&mut queue, busy, limit);
    }
}

/// Each call is a line. It always succeeds and never waits for the sink.
impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().take(line);
        self.0.more.notify_one();
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Write for StandardError {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let stderr = io::stderr();
        loop {
            match rustix::io::write(&stderr, bytes) {
                // Another program with the same terminal or pipe may have made it non-blocking.
                Err(rustix::io::Errno::AGAIN) => {
                    poll(&mut [PollFd::new(&stderr, PollFlags::OUT)], None)?;
                }
                Err(rustix::io::Errno::INTR) => {}
                written => return Ok(written?),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Queue {
    fn take(&mut self, line: &[u8]) {
        if self.bytes.saturating_add(line.len()) > WAITING {
            self.lost = self.lost.saturating_add(1);
            return;
        }
        self.bytes += line.len();
        self.lines.push_back(Line {
            lost: std::mem::take(&mut self.lost),
            text: line.to_vec(),
        });
    }

    /// The next line, or the number of lost lines where no line follows them.
    fn next(&mut self) -> Option<Line> {
        if let Some(line) = self.lines.pop_front() {
            self.bytes = self.bytes.saturating_sub(line.text.len());
            return Some(line);
        }
        let lost = std::mem::take(&mut self.lost);
        (lost > 0).then(|| Line {
            lost,
            text: Vec::new(),
        })
    }
}

impl Shared {
    /// A thread that panicked while it held the lock has left the queue whole: no step of a change can fail
    /// halfway.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock()
    }

    /// Waits for something to write.
    fn next(&self) -> Line {
        let mut queue = self.lock();
        loop {
            if let Some(line) = queue.next() {
                queue.writing = true;
                return line;
            }
            queue.writing = false;
            self.done.notify_all();
            self.more.wait(&mut queue);
        }
    }

    /// Writes lines as long as the process lives.
    fn write(&self, mut pen: Pen<impl Write>, notice: impl Fn(u64) -> String) {
        let mut lost: u64 = 0;
        loop {
            let line = self.next();
            lost = lost.saturating_add(line.lost);
            if lost > 0 && pen.write(notice(lost).as_bytes()).is_ok() {
                lost = 0;
            }
            if !line.text.is_empty() && pen.write(&line.text).is_err() {
                lost = lost.saturating_add(1);
            }
        }
    }
}

/// Writes whole lines.
struct Pen<W> {
    sink: W,
    /// The last line was written only in part, as on a disk that became full.
    torn: bool,
}

impl<W: Write> Pen<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if self.torn {
            self.sink.write_all(b"\n")?;
            self.torn = false;
        }
        let mut rest = line;
        while !rest.is_empty() {
            match self.sink.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    rest = rest.get(written..).unwrap_or_default();
                    self.torn = !rest.is_empty();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    const PATIENCE: Duration = Duration::from_secs(30);

    /// A disk that has room for some bytes, and a reader that reads only when the test lets it.
    #[derive(Clone, Default)]
    struct Disk(Arc<Mutex<(Vec<u8>, usize)>>);

    impl Disk {
        fn room(&self, bytes: usize) {
            self.0.lock().1 = bytes;
        }

        fn text(&self) -> String {
            String::from_utf8(self.0.lock().0.clone()).unwrap()
        }
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut disk = self.0.lock();
            let fits = bytes.len().min(disk.1);
            if fits == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            disk.1 -= fits;
            disk.0.extend_from_slice(&bytes[..fits]);
            Ok(fits)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A pipe whose reader takes one write for each word that it is given.
    struct Pipe {
        disk: Disk,
        let_go: Receiver<()>,
    }

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // The reader is gone: the rest is accepted at once.
            let _ = self.let_go.recv();
            self.disk.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn notice(lost: u64) -> String {
        format!("({lost} lost)\n")
    }

    fn say(lines: &Lines, text: &str) {
        lines.clone().write_all(text.as_bytes()).unwrap();
    }

    #[test]
    fn a_full_disk_costs_lines_and_they_are_told_once_there_is_room() {
        let disk = Disk::default();
        let lines = Lines::to(disk.clone(), notice).unwrap();
        disk.room(8);
        for line in ["one\n", "two, which is torn\n", "three\n"] {
            say(&lines, line);
        }
        lines.finish(PATIENCE);
        assert_eq!(disk.text(), "one\ntwo,");
        disk.room(1000);
        say(&lines, "four\n");
        say(&lines, "five\n");
        lines.finish(PATIENCE);
        assert_eq!(disk.text(), "one\ntwo,\n(2 lost)\nfour\nfive\n");
    }

    #[test]
    fn a_reader_that_stands_still_keeps_nobody_waiting_and_is_told_what_it_missed() {
        let disk = Disk::default();
        disk.room(usize::MAX);
        let (go, let_go): (Sender<()>, _) = channel();
        let disk_of_pipe = disk.clone();
        let pipe = Pipe {
            disk: disk_of_pipe,
            let_go,
        };
        let lines = Lines::to(pipe, notice).unwrap();
        let line = format!("{}\n", "x".repeat(1023));
        // Nobody reads: every call returns at once, and 1 MiB is kept.
        for _ in 0..3000 {
            say(&lines, &line);
        }
        let kept = lines.0.lock().lines.len();
        assert!((1024..=1025).contains(&(kept + usize::from(lines.0.lock().writing))));
        lines.finish(Duration::ZERO);
        drop(go);
        lines.finish(PATIENCE);
        let text = disk.text();
        let written = text.matches('x').count() / 1023;
        // The first line may be taken out after others were lost already, which makes room for one more: then
        // there are two notices.
        let count = |line: &str| -> Option<usize> {
            line.strip_prefix('(')?.strip_suffix(" lost)")?.parse().ok()
        };
        let told: usize = text.lines().filter_map(count).sum();
        assert_eq!(written + told, 3000);
        assert!(text.ends_with(" lost)\n"), "the last of them were lost");
    }

    #[test]
    fn standard_error_takes_what_it_is_given() {
        assert_eq!(StandardError.write(b"").unwrap(), 0);
    }
}
