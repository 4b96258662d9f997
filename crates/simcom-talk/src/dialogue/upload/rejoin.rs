//! Whether what the server has is the beginning of the content.

use bytes::{Bytes, BytesMut};

use crate::dialogue::exchange::Outcome;
use crate::dialogue::failure::Cause;
use crate::dialogue::operation::Piece;
use crate::dialogue::procedure::may_retry;
use crate::dialogue::resume_window::{OVERLAP, is_telling, keep_last};
use crate::dialogue::trail::Trail;
use crate::ftps::value::{Offset, RemotePath};
use crate::ftps::{Command, ErrCode};

/// Bytes of the server that are compared with the source's: [`OVERLAP`], and those behind them that may be
/// wrong where a crash ended the upload. The next bring-up fills up a block that was cut off, with at most
/// 2048 bytes (SIMCom manual L1215), and a mark that ends a stream may have become content.
const WINDOW: u64 = OVERLAP + 2048;

/// Longest file that is read from its beginning, where the server refuses to send it from an offset: half
/// a minute on a slow 2G link. A server that ignores the offset sends all of it, however long it is.
const WHOLE: u64 = 256 * 1024;

/// Fewer equal bytes at the beginning of a file prove nothing, where the upload had handed over more:
/// files often begin with the same bytes.
const BY_CHANCE: usize = 16;

/// Bytes that a resynchronisation or a bring-up may have written into a file that was still open: `AT`,
/// `ATQ0V1`, `AT+CMEE?`, each with CR, the mark that ends a stream, and the zeros that fill up a block.
const FILLER: &[u8] = b"ATQ0V1+CME?\r\x1a\0";

/// Compares the last bytes that the server has with those of the source. The size alone proves nothing: a
/// byte that was lost on the way to the module moves all that follow it, and somebody else's file may have
/// the same length.
#[derive(Debug)]
pub(super) struct Rejoin {
    /// Bytes that the server has.
    there: u64,
    /// How many of the last bytes are compared, where there are as many.
    window: u64,
    ours: BytesMut,
    theirs: BytesMut,
    /// Bytes that the server sent: the last ones, or all where it ignores the offset.
    received: u64,
    /// The comparison is for going on: nothing is read unless the bytes can prove all that lies before
    /// them.
    to_go_on: bool,
    /// All of the file is read.
    whole: bool,
    tries: u32,
    outcome: Option<Overlay>,
}

/// The result of the comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Overlay {
    /// Both are the same up to this position, and differ there.
    Same(u64),
    /// It cannot be told. The failure is the reason, where there is one.
    Unknown(Option<Cause>),
}

impl Rejoin {
    /// Compares the end of what the server has. Source bytes that are known already are not asked for.
    pub(super) fn new(there: u64, trail: &Trail) -> Self {
        Self::of_the_last(WINDOW, there, trail)
    }

    /// The same for everything that was written since this position, as far as it is still known.
    pub(super) fn since(start: u64, there: u64, trail: &Trail) -> Self {
        let window = there.saturating_sub(start.max(trail.start()));
        Self::of_the_last(window.max(WINDOW), there, trail)
    }

    fn of_the_last(window: u64, there: u64, trail: &Trail) -> Self {
        let from = there.saturating_sub(window);
        Self {
            there,
            window,
            ours: BytesMut::from(trail.part(from..there).unwrap_or_default()),
            theirs: BytesMut::new(),
            received: 0,
            to_go_on: false,
            whole: false,
            tries: 0,
            outcome: None,
        }
    }

    /// The same, in order to go on there: nothing is read that could not prove what lies before it.
    pub(super) fn for_going_on(self) -> Self {
        Self {
            to_go_on: true,
            ..self
        }
    }

    /// Whether all bytes that the server has are compared, and not only the last.
    pub(super) fn is_of_all(&self) -> bool {
        self.from() == 0
    }

    /// Bytes that the server has.
    pub(super) fn there(&self) -> u64 {
        self.there
    }

    /// The next command; `Ok(None)` while bytes of the source are needed. At the end, the result.
    pub(super) fn next(&mut self, path: &RemotePath) -> Result<Option<Command>, Overlay> {
        if let Some(outcome) = &self.outcome {
            return Err(outcome.clone());
        }
        if self.needs_source() {
            return Ok(None);
        }
        if self.to_go_on && !self.is_proof(self.ours.len()) {
            return Err(Overlay::Unknown(None));
        }
        self.theirs.clear();
        self.received = 0;
        let start = if self.whole { 0 } else { self.from() };
        Offset::new(start)
            .map(|start| Some(Command::Get(path.clone(), start)))
            .map_err(|error| Overlay::Unknown(Some(Cause::Unsuitable(error))))
    }

    /// Whether bytes of the source are needed.
    pub(super) fn needs_source(&self) -> bool {
        self.outcome.is_none() && (self.ours.len() as u64) < self.there - self.from()
    }

    /// The source does not have the bytes.
    pub(super) fn without_source(&mut self) {
        self.outcome = Some(Overlay::Unknown(None));
    }

    /// The position of the next byte that is needed from the source.
    pub(super) fn position(&self) -> u64 {
        self.from() + self.ours.len() as u64
    }

    /// Takes a piece of the source.
    pub(super) fn feed(&mut self, piece: &Piece) {
        match piece {
            Piece::Data(bytes) => {
                let missing = usize::try_from(self.there - self.position()).unwrap_or(usize::MAX);
                let part = bytes.get(..missing).unwrap_or(bytes);
                self.ours.extend_from_slice(part);
            }
            Piece::End => self.without_source(),
        }
    }

    /// Takes bytes of the server.
    pub(super) fn content(&mut self, bytes: &Bytes) {
        self.received += bytes.len() as u64;
        keep_last(&mut self.theirs, bytes, self.ours.len());
    }

    /// Takes the end of the command.
    pub(super) fn heard(&mut self, outcome: &Outcome) {
        self.tries += 1;
        let cause = match outcome {
            Outcome::Done(_) => {
                self.outcome = Some(self.compare());
                return;
            }
            Outcome::Failed(cause) => cause,
        };
        let refused = matches!(
            cause,
            Cause::Reported(ErrCode::REJECTED) | Cause::Refused(_) | Cause::Unsuitable(_)
        );
        if may_retry(cause, self.tries) {
            return;
        }
        if refused && !self.whole && !self.to_go_on && (1..=WHOLE).contains(&self.from()) {
            // The server may have refused the offset only.
            self.whole = true;
            self.tries = 0;
        } else {
            self.outcome = Some(Overlay::Unknown(Some(cause.clone())));
        }
    }

    fn compare(&self) -> Overlay {
        let complete = [self.there, self.there - self.from()].contains(&self.received);
        if !complete || self.theirs.len() != self.ours.len() {
            return Overlay::Unknown(None);
        }
        Overlay::Same(self.from() + self.same() as u64)
    }

    /// Whether what the server has up to this position is surely the beginning of the source. Where there
    /// is more before the compared bytes, bytes that are the same when shifted prove nothing.
    pub(super) fn proves(&self, up_to: u64) -> bool {
        let same = usize::try_from(up_to.saturating_sub(self.from())).unwrap_or_default();
        self.is_proof(same)
    }

    /// Whether an upload of this source left what the server has, after it had handed over `handed` bytes.
    /// It did if the file ends as the source does there, or with bytes that a bring-up may have written
    /// behind that.
    pub(super) fn is_ours(&self, handed: u64) -> bool {
        let Some(Overlay::Same(_)) = self.outcome else {
            return false;
        };
        let same = self.same();
        let behind = self.theirs.get(same..).unwrap_or_default();
        let enough = match self.from() {
            0 => same >= BY_CHANCE || same as u64 == handed,
            _ => same as u64 >= OVERLAP,
        };
        same > 0 && enough && behind.iter().all(|byte| FILLER.contains(byte))
    }

    /// How many bytes of the window are the same.
    fn same(&self) -> usize {
        let both = self.ours.iter().zip(&self.theirs);
        both.take_while(|(ours, theirs)| ours == theirs).count()
    }

    fn is_proof(&self, same: usize) -> bool {
        let part = self.ours.get(..same).unwrap_or_default();
        let enough = part.len() as u64 >= OVERLAP && is_telling(part);
        same > 0 && (self.from() == 0 || enough)
    }

    fn from(&self) -> u64 {
        self.there.saturating_sub(self.window)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laid(ours: &[u8], theirs: &[u8]) -> Rejoin {
        let mut trail = Trail::default();
        trail.put(0, ours);
        let there = theirs.len() as u64;
        let mut rejoin = Rejoin::new(there, &trail);
        assert!(!rejoin.needs_source());
        let from = usize::try_from(rejoin.from()).unwrap();
        rejoin.content(&Bytes::copy_from_slice(&theirs[from..]));
        rejoin.heard(&Outcome::Done(None));
        rejoin
    }

    fn is_ours(ours: &[u8], theirs: &[u8]) -> bool {
        laid(ours, theirs).is_ours(ours.len() as u64)
    }

    #[test]
    fn a_file_is_ours_by_its_end_or_by_the_filler_behind_it() {
        let ours: Vec<u8> = (0..10_000u32).map(|at| (at % 251) as u8).collect();
        assert!(is_ours(&ours, &ours[..7000]));
        assert!(is_ours(&ours[..1], &ours[..1]));
        assert!(is_ours(&[0; 9000], &[0; 5000]));
        for filler in [
            &[0; 2048][..],
            b"\x1a",
            b"AT+CMEE?\r",
            b"\x1a\x1aATQ0V1\r\0\0",
        ] {
            let theirs = [&ours[..5000], filler].concat();
            assert!(is_ours(&ours, &theirs), "{filler:?}");
        }
        let mut other = ours[..7000].to_vec();
        other[6900] ^= 1;
        assert!(!is_ours(&ours, &other));
        assert!(!is_ours(&ours, &[0x55; 300]));
        // The beginning may be this upload's, but nothing proves it.
        let theirs = [&ours[..5000], &[0; 2200]].concat();
        assert!(!is_ours(&ours, &theirs));
    }

    /// A file of one byte was deleted for an upload that had handed over 2866 bytes and begins with that
    /// byte.
    #[test]
    fn a_few_first_bytes_do_not_show_whose_a_file_is() {
        let ours: Vec<u8> = (0..10_000u32).map(|at| (at % 251) as u8).collect();
        for len in 1..BY_CHANCE {
            assert!(!is_ours(&ours, &ours[..len]), "{len}");
            assert!(is_ours(&ours[..len], &ours[..len]), "{len}");
            // A bring-up writes digits, too.
            let theirs = [&ours[..len], b"1001"].concat();
            assert!(!is_ours(&ours, &theirs), "{len}");
        }
        assert!(is_ours(&ours, &ours[..BY_CHANCE]));
    }

    #[test]
    fn a_server_that_refuses_an_offset_is_read_from_the_beginning() {
        let mut trail = Trail::default();
        trail.put(0, &[7; 9000]);
        let mut rejoin = Rejoin::new(9000, &trail);
        let path = RemotePath::new("/f").unwrap();
        let Ok(Some(Command::Get(_, from))) = rejoin.next(&path) else {
            panic!("nothing is read")
        };
        assert_eq!(from.get(), 9000 - WINDOW);
        rejoin.heard(&Outcome::Failed(Cause::Reported(ErrCode::REJECTED)));
        let Ok(Some(Command::Get(_, from))) = rejoin.next(&path) else {
            panic!("nothing is read")
        };
        assert_eq!(from.get(), 0);
        rejoin.content(&Bytes::from_static(&[7; 9000]));
        rejoin.heard(&Outcome::Done(None));
        assert!(rejoin.is_ours(9000));
    }
}
