//! Cuts the module's byte stream into frames.
//!
//! The framer has no mode: the caller of [`Framer::pull`] says what may come next. So file content is
//! never searched for result codes, and a `>` is a prompt only while an upload waits for one.
//!
//! More than 400 lines: nearly half are tests, which cut the same bytes in every way.

use bytes::{Buf, Bytes, BytesMut};
use memchr::memchr;

use super::gap::{Gap, Gaps, HEAD};
use super::line::is_sentence;

/// What the next frame may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// A line.
    Line,
    /// A line, or the prompt `>` at the start of one.
    LineOrPrompt,
    /// Up to this many bytes of content, whatever they spell. Must not be 0.
    Block(u64),
}

/// A frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A line that is not empty, without its line end.
    Line(Bytes),
    /// The prompt for data.
    Prompt,
    /// Content: at least one byte, at most as many as were expected. The caller counts them.
    Block(Bytes),
    /// A line was longer than any that a module sends. It was thrown away up to its end.
    Overlong,
    /// The line ends between the last block and the next line differ from those after other blocks.
    /// Bytes were lost or slipped in, and the block is not what was sent.
    Torn,
}

/// Cuts bytes into frames. Holds at most one line and what was pushed after it.
#[derive(Debug, Default)]
pub struct Framer {
    buffer: BytesMut,
    /// This many bytes at the front of the buffer hold no LF.
    scanned: usize,
    /// The framer is inside a line that was too long: it drops everything up to the LF.
    skipping: bool,
    /// A prompt was pulled. One blank after it belongs to it (`> `, A76XX FTP(S) application note
    /// V1.02 §3.1) and may still be on its way.
    after_prompt: bool,
    /// The line ends after a block, as far as they came, until the next line begins.
    gap: Option<Gap>,
    /// The line ends that stand after a block on this port.
    gaps: Gaps,
    /// The module was seen to begin its lines with line ends.
    spaced: bool,
}

/// What the buffer holds where a sentence of a satellite receiver may begin.
enum Sentence {
    Whole(Bytes),
    /// The bytes may become a sentence.
    Begun,
    No,
}

/// Longest sentence with its line end, in bytes: 82 by NMEA 0183, and some receivers take more.
const LONGEST_SENTENCE: usize = 160;

/// Longest line accepted, in bytes. The longest that the manuals allow is an answer with one path of
/// 256 characters as hexadecimal UTF-8, under 2.5 KiB. Twice that leaves room for modules that nobody
/// has tested.
const MAX_LINE: usize = 5 * 1024;

impl Framer {
    /// A framer with nothing received.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes from the port.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next frame, or `None` until more bytes are pushed.
    ///
    /// The sequence of frames does not depend on how the bytes were cut, except that a block
    /// may come in several parts.
    pub fn pull(&mut self, expect: Expect) -> Option<Frame> {
        match expect {
            Expect::Block(len) => self.pull_block(len),
            Expect::Line => self.pull_line(false),
            Expect::LineOrPrompt => self.pull_line(true),
        }
    }

    /// Forgets the received bytes, but not how the module ends its lines and blocks.
    pub fn clear(&mut self) {
        *self = Self {
            gaps: std::mem::take(&mut self.gaps),
            spaced: self.spaced,
            ..Self::new()
        };
    }

    /// Forgets what stood after the blocks of the last command: each command of a module may end its
    /// blocks in its own way.
    pub fn forget_gap(&mut self) {
        self.gaps = Gaps::default();
    }

    /// Whether everything received was pulled. Line ends do not count.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        !self.skipping && self.buffer.iter().all(|byte| matches!(byte, b'\r' | b'\n'))
    }

    fn pull_block(&mut self, len: u64) -> Option<Frame> {
        let len = usize::try_from(len)
            .unwrap_or(usize::MAX)
            .min(self.buffer.len());
        if len == 0 {
            return None;
        }
        self.scanned = 0;
        let part = self.buffer.split_to(len).freeze();
        self.gap.get_or_insert_with(Gap::new).content(&part);
        Some(Frame::Block(part))
    }

    fn pull_line(&mut self, prompt: bool) -> Option<Frame> {
        if !self.skipping {
            self.skip_gap();
            if self.gap.is_some() && self.buffer.first() == Some(&b'$') {
                match self.sentence() {
                    Sentence::Whole(line) => return Some(Frame::Line(line)),
                    Sentence::Begun => return None,
                    Sentence::No => {}
                }
            }
            if self.is_torn() {
                return Some(Frame::Torn);
            }
            if prompt && self.buffer.first() == Some(&b'>') {
                self.consume(1);
                self.after_prompt = true;
                return Some(Frame::Prompt);
            }
        }
        let Some(lf) = self.find_lf() else {
            if prompt && let Some(cr) = self.buffer.windows(2).position(|pair| pair == b"\r>") {
                return Some(Frame::Line(self.split_line(cr)));
            }
            if self.buffer.len() > MAX_LINE {
                self.skipping = true;
                self.consume(self.buffer.len());
            }
            return None;
        };
        if self.skipping || lf > MAX_LINE {
            self.skipping = false;
            self.consume(lf + 1);
            return Some(Frame::Overlong);
        }
        // An echoed command ends at its CR, and the CR LF of the answer follows: a CR inside a line
        // separates the two.
        let end = self
            .buffer
            .iter()
            .take(lf)
            .position(|byte| *byte == b'\r')
            .unwrap_or(lf);
        Some(Frame::Line(self.split_line(end)))
    }

    /// Drops the line ends between two frames, and the blank that belongs to a prompt.
    fn skip_gap(&mut self) {
        if self.after_prompt && !self.buffer.is_empty() {
            self.after_prompt = false;
            if self.buffer.first() == Some(&b' ') {
                self.consume(1);
            }
        }
        let ends = self
            .buffer
            .iter()
            .take_while(|byte| matches!(byte, b'\r' | b'\n'));
        let mut len = 0;
        for byte in ends {
            if let Some(gap) = &mut self.gap {
                gap.push(*byte);
            }
            len += 1;
        }
        if len > 0 {
            self.spaced |= self.gap.is_none();
            self.consume(len);
        }
    }

    /// Takes a sentence of a satellite receiver that stands right behind a block. The line ends
    /// before the sentence belong to it; those of the block come after it.
    fn sentence(&mut self) -> Sentence {
        let head = self.buffer.get(..LONGEST_SENTENCE).unwrap_or(&self.buffer);
        let Some(lf) = head.iter().position(|byte| *byte == b'\n') else {
            return if self.buffer.len() < LONGEST_SENTENCE {
                Sentence::Begun
            } else {
                Sentence::No
            };
        };
        let line = head.get(..lf).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if !is_sentence(line) {
            return Sentence::No;
        }
        let len = line.len();
        if let Some(gap) = &mut self.gap {
            gap.begin_again();
        }
        Sentence::Whole(self.split_line(len))
    }

    /// Judges the gap after a block, once enough of the next line is there.
    fn is_torn(&mut self) -> bool {
        let known = self.buffer.len() >= HEAD || self.buffer.contains(&b'\n');
        if !known {
            return false;
        }
        let gap = self.gap.take();
        gap.is_some_and(|gap| !self.gaps.is_usual(&gap, &self.buffer, self.spaced))
    }

    /// Takes a line of `len` bytes and its line end: any CRs, and one LF, after which the
    /// content of a counted block may begin with a further LF.
    fn split_line(&mut self, len: usize) -> Bytes {
        let line = self.buffer.split_to(len).freeze();
        let crs = self
            .buffer
            .iter()
            .take_while(|byte| **byte == b'\r')
            .count();
        let lf = usize::from(self.buffer.get(crs) == Some(&b'\n'));
        self.consume(crs + lf);
        line
    }

    fn find_lf(&mut self) -> Option<usize> {
        let unread = self.buffer.get(self.scanned..).unwrap_or_default();
        match memchr(b'\n', unread) {
            Some(at) => Some(at + self.scanned),
            None => {
                self.scanned = self.buffer.len();
                None
            }
        }
    }

    fn consume(&mut self, len: usize) {
        self.buffer.advance(len);
        self.scanned = 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Pulls as a host does: a line `DATA,n` is followed by a block, a line that ends in `?` by a
    /// prompt.
    fn frames<'a>(cuts: impl IntoIterator<Item = &'a [u8]>) -> Vec<Frame> {
        let mut framer = Framer::new();
        let mut frames = Vec::new();
        let mut block: Option<(u64, Vec<u8>)> = None;
        let mut prompt = false;
        for cut in cuts {
            framer.push(cut);
            loop {
                let expect = match &block {
                    Some((left, _)) => Expect::Block(*left),
                    None if prompt => Expect::LineOrPrompt,
                    None => Expect::Line,
                };
                let Some(frame) = framer.pull(expect) else {
                    break;
                };
                match frame {
                    Frame::Block(part) => {
                        let (left, content) = block.as_mut().unwrap();
                        *left -= part.len() as u64;
                        content.extend_from_slice(&part);
                        if *left == 0 {
                            frames.push(Frame::Block(block.take().unwrap().1.into()));
                        }
                        continue;
                    }
                    Frame::Line(line) => {
                        let text = String::from_utf8_lossy(&line).into_owned();
                        if let Some((_, len)) = text.rsplit_once("DATA,") {
                            block = len.parse().ok().map(|len| (len, Vec::new()));
                        }
                        prompt = prompt || text.ends_with('?');
                        frames.push(Frame::Line(line));
                    }
                    Frame::Prompt => {
                        prompt = false;
                        frames.push(Frame::Prompt);
                    }
                    frame @ (Frame::Overlong | Frame::Torn) => frames.push(frame),
                }
            }
        }
        assert!(framer.is_idle(), "left: {framer:?}");
        frames
    }

    fn line(text: &str) -> Frame {
        Frame::Line(Bytes::copy_from_slice(text.as_bytes()))
    }

    fn block(text: &str) -> Frame {
        Frame::Block(Bytes::copy_from_slice(text.as_bytes()))
    }

    #[test]
    fn lines_lose_their_ends_and_empty_lines_vanish() {
        let got = frames([b"\r\nOK\r\n\r\n\r\n+CFTPSSTART: 0\r\n".as_slice()]);
        assert_eq!(got, [line("OK"), line("+CFTPSSTART: 0")]);
    }

    #[test]
    fn an_echo_ends_at_its_cr() {
        assert_eq!(
            frames([b"AT\r\r\nOK\r\n".as_slice()]),
            [line("AT"), line("OK")]
        );
    }

    #[test]
    fn content_is_never_searched() {
        let content = "\n\r\nOK\r\n> +CFTPSGET: 0";
        let wire = format!(
            "\r\nDATA,{}\r\n{content}\r\n+CFTPSGET: 0\r\n",
            content.len()
        );
        let want = [line(&format!("DATA,{}", content.len())), block(content)];
        let got = frames([wire.as_bytes()]);
        assert_eq!(got[..2], want);
        assert_eq!(got[2..], [line("+CFTPSGET: 0")]);
    }

    #[test]
    fn a_byte_too_much_or_too_few_in_a_block_is_noticed() {
        let good = b"DATA,3\r\nabc\r\nDATA,3\r\nabc\r\nX: 0\r\n".as_slice();
        assert!(!frames([good]).contains(&Frame::Torn));
        for bad in [
            b"DATA,3\r\nabc\r\nDATA,3\r\nabbc\r\nX: 0\r\n".as_slice(),
            b"DATA,3\r\nabc\r\nDATA,3\r\nab\n\n\r\nX: 0\r\n",
            b"DATA,3\r\nabc\r\nDATA,3\r\na\r\n\r\n\r\nX: 0\r\n",
            b"DATA,3\r\nabc\r\nDATA,3\r\nab\r\nX: 0\r\n",
        ] {
            assert!(
                frames([bad]).contains(&Frame::Torn),
                "{}",
                bad.escape_ascii()
            );
            assert!(
                frames(bad.chunks(1)).contains(&Frame::Torn),
                "{}",
                bad.escape_ascii()
            );
        }
    }

    #[test]
    fn a_satellite_sentence_behind_a_block_does_not_tear_it() {
        for cut in [1, 7, 4096] {
            for sentence in ["$GNRMC,,V,,,,,,,,,,N,V*37\r\n", "\r\n$OK*04\r\n"] {
                let wire = format!(
                    "\r\nDATA,3\r\nabc\r\nDATA,3\r\nabc{sentence}\r\nDATA,3\r\nab${sentence}\r\nX: 0\r\n"
                );
                let got = frames(wire.as_bytes().chunks(cut));
                assert!(!got.contains(&Frame::Torn), "{sentence}");
                assert_eq!(
                    got.iter().filter(|frame| **frame == block("abc")).count(),
                    2
                );
            }
            let wire = b"\r\nDATA,3\r\nabc\r\nDATA,3\r\nabc$GNRMC,x*37\r\n\r\nX: 0\r\n";
            assert!(frames(wire.chunks(cut)).contains(&Frame::Torn));
        }
    }

    #[test]
    fn a_prompt_is_one_only_where_it_is_awaited() {
        assert_eq!(frames([b"\r\n> x\r\n".as_slice()]), [line("> x")]);
        for prompt in ["\r\n>", "\r\n> ", ">\r\n", "\r>"] {
            let wire = format!("put?\r\n{prompt}\r\nOK\r\n");
            assert_eq!(
                frames([wire.as_bytes()]),
                [line("put?"), Frame::Prompt, line("OK")]
            );
        }
    }

    #[test]
    fn a_line_without_end_does_not_fill_the_memory() {
        let mut framer = Framer::new();
        for _ in 0..1000 {
            framer.push(&[b'x'; 1000]);
            assert_eq!(framer.pull(Expect::Line), None);
            assert!(framer.buffer.len() <= MAX_LINE + 1000);
        }
        framer.push(b"\r\nOK\r\n");
        assert_eq!(framer.pull(Expect::Line), Some(Frame::Overlong));
        assert_eq!(framer.pull(Expect::Line), Some(line("OK")));
    }

    proptest! {
        #[test]
        fn frames_do_not_depend_on_how_bytes_were_cut(
            parts in proptest::collection::vec(
                prop_oneof![
                    Just("\r\nOK\r\n".to_owned()),
                    Just("AT+X\r\r\nOK\r\n".to_owned()),
                    Just("put?\r\n\r\n> \r\n".to_owned()),
                    Just("put?\r>\r\n".to_owned()),
                    Just(format!("{}\r\n", "y".repeat(MAX_LINE + 7))),
                    "[ -~\\r\\n>]{1,40}".prop_map(|c| format!("\r\nDATA,{}\r\n{c}", c.len())),
                    "[a-z+:, 0-9]{1,20}\\r\\n",
                ],
                0..8,
            ),
            cuts in proptest::collection::vec(1usize..50, 0..40),
        ) {
            let wire = parts.concat() + "\r\n";
            let whole = frames([wire.as_bytes()]);
            let bytewise = frames(wire.as_bytes().chunks(1));
            prop_assert_eq!(&whole, &bytewise);
            let mut rest = wire.as_bytes();
            let mut pieces = Vec::new();
            for cut in cuts {
                let (head, tail) = rest.split_at(cut.min(rest.len()));
                pieces.push(head);
                rest = tail;
            }
            pieces.push(rest);
            prop_assert_eq!(&whole, &frames(pieces));
        }
    }
}
