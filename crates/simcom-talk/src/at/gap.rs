//! What stands between the content of a block and the next line.

use std::hash::{DefaultHasher, Hasher};

/// The line ends behind a block, and what tells this block from others.
#[derive(Debug, Clone)]
pub(super) struct Gap {
    len: usize,
    /// The gap has only CR LF pairs.
    paired: bool,
    content: DefaultHasher,
    /// The last bytes of the content, the newest last.
    tail: [u8; LONGEST],
}

/// How a module ends its blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ends {
    len: usize,
    paired: bool,
}

/// The line ends at the beginning of an answer.
const ANSWER: Ends = Ends {
    len: 2,
    paired: true,
};

/// Longest gap that is known of any module: twice CR LF.
const LONGEST: usize = 4;

impl Gap {
    /// The gap behind a block before any of its bytes came.
    pub(super) fn new() -> Self {
        Self {
            len: 0,
            paired: true,
            content: DefaultHasher::new(),
            tail: [0; LONGEST],
        }
    }

    /// Takes the next part of the block.
    pub(super) fn content(&mut self, bytes: &[u8]) {
        self.content.write(bytes);
        let last = bytes.len().min(LONGEST);
        self.tail.rotate_left(last);
        let from = bytes.iter().skip(bytes.len() - last);
        for (to, byte) in self.tail.iter_mut().skip(LONGEST - last).zip(from) {
            *to = *byte;
        }
    }

    /// Takes the next byte of the gap.
    pub(super) const fn push(&mut self, byte: u8) {
        let want = if self.len.is_multiple_of(2) {
            b'\r'
        } else {
            b'\n'
        };
        self.paired &= byte == want;
        self.len += 1;
    }

    /// Begins again: the bytes so far belonged to another line.
    pub(super) const fn begin_again(&mut self) {
        self.len = 0;
        self.paired = true;
    }

    const fn ends(&self) -> Ends {
        Ends {
            len: self.len,
            paired: self.paired,
        }
    }

    /// Whether the block may have taken the rest of a gap of this length for content, because bytes
    /// before it were lost.
    fn may_have_taken(&self, usual: Ends) -> bool {
        let missing = usual.len.saturating_sub(self.len);
        let tail = self.tail.iter().skip(LONGEST - missing.min(LONGEST));
        missing > 0
            && tail
                .copied()
                .eq(b"\r\n".iter().copied().cycle().take(missing))
    }
}

impl Ends {
    /// Whether any module is known to end blocks so: with no CR LF, one or two.
    const fn is_known(self) -> bool {
        self.paired && matches!(self.len, 0 | 2 | LONGEST)
    }
}

/// The gaps that a module has behind its blocks. Each module always uses the same gap, so that another gap
/// means that bytes were lost or slipped in. There are two exceptions. First, a lost byte shortens the gap
/// only by moving gap bytes into the content. So a shorter gap is harmless behind content that has not taken
/// any of its bytes. Second, nothing slips in twice at one place. So a longer gap that comes again behind the
/// same block is the module's way. The second rule does not hold for losses: a line that takes bytes for flow
/// control (XON and XOFF, ITU-T T.50) loses the same bytes each time.
///
/// TODO-correctness: charger firmware for the SIM7600 demands the same bytes behind every block. Other
/// emulators have one gap between blocks, and another or none behind the last. A log of a module with several
/// blocks would tell.
#[derive(Debug, Default, Clone)]
pub(super) struct Gaps {
    /// The first gap that was seen.
    usual: Option<Ends>,
    /// A second gap that this module uses as well.
    other: Option<Ends>,
    /// The last block with a longer gap than usual: the gap, and the block's checksum.
    odd: Option<(Ends, u64)>,
    /// A gap that was neither `usual` nor `other`, and left no doubt about its block.
    harmless: Option<Ends>,
}

/// This many bytes at the beginning of a line are enough to recognise it.
pub(super) const HEAD: usize = 4;

/// Whether a line begins like the answer of an extended command: a plus and a name (V.250 §5.4.1).
fn is_extended(line: &[u8]) -> bool {
    let mut head = line.iter().take(HEAD);
    head.next() == Some(&b'+') && head.len() == HEAD - 1 && head.all(u8::is_ascii_uppercase)
}

impl Gaps {
    /// Whether the module sent this block with this gap and this line behind it. [`HEAD`] bytes of the line
    /// are enough. `spaced`: the module's lines begin with line ends.
    pub(super) fn is_usual(&mut self, gap: &Gap, line: &[u8], spaced: bool) -> bool {
        let ends = gap.ends();
        if self.usual == Some(ends) || self.other == Some(ends) {
            return true;
        }
        if !ends.is_known() {
            return false;
        }
        let Some(usual) = self.usual else {
            return self.is_first(gap, line, spaced);
        };
        if ends.len < usual.len {
            // No bytes slipped in either: the bytes that they would push out of the block would stand before
            // the line.
            let whole = !gap.may_have_taken(usual) && is_extended(line);
            if whole {
                // The line ends themselves may have been lost, but only once.
                let again = self.harmless.replace(ends) == Some(ends);
                self.other = self.other.or(again.then_some(ends));
            }
            return whole;
        }
        let odd = (ends, gap.content.finish());
        let again = self.odd.replace(odd) == Some(odd);
        if again {
            self.other = self.other.or(Some(ends));
        }
        again
    }

    /// Whether the module sent the first block as it is, before any gap is usual. Answers begin with CR LF
    /// (V.250 §5.7.1), except those of some other emulators. Where answers begin so, a block that ends in CR
    /// LF and has no gap has lost two bytes.
    fn is_first(&mut self, gap: &Gap, line: &[u8], spaced: bool) -> bool {
        let ends = gap.ends();
        if ends.len < ANSWER.len {
            let begins = is_extended(line) || line.starts_with(b"OK");
            if !begins || (spaced && gap.may_have_taken(ANSWER)) {
                return false;
            }
        }
        self.usual = Some(ends);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of these blocks, with these gaps behind them, were taken for what the module sent.
    fn usual<const N: usize>(seen: [(&str, &str); N]) -> [bool; N] {
        usual_of(true, seen)
    }

    fn usual_of<const N: usize>(spaced: bool, seen: [(&str, &str); N]) -> [bool; N] {
        let mut gaps = Gaps::default();
        seen.map(|(content, behind)| {
            let mut gap = Gap::new();
            // In two parts, as they come.
            let (first, rest) = content.as_bytes().split_at(content.len() / 2);
            gap.content(first);
            gap.content(rest);
            behind.bytes().for_each(|byte| gap.push(byte));
            gaps.is_usual(&gap, b"+CFTPSGET: 0", spaced)
        })
    }

    #[test]
    fn the_first_gap_is_the_modules_way() {
        assert_eq!(
            usual([("abc", "\r\n"), ("abc", "\r\n"), ("a\r\n", "")]),
            [true, true, false]
        );
        assert_eq!(
            usual([("abc", ""), ("abc", ""), ("abc", "\r\n")]),
            [true, true, false]
        );
    }

    #[test]
    fn a_block_that_has_not_taken_the_gap_is_whole_without_it() {
        let n = "\r\n";
        assert_eq!(
            usual([("abc", n), ("abc", ""), ("abc", n), ("ab\n", "")]),
            [true; 4]
        );
        assert_eq!(
            usual([("abc", "\r\n\r\n"), ("abc", n), ("a\r\n", n)]),
            [true, true, false]
        );
    }

    #[test]
    fn no_gap_behind_the_last_block_is_the_modules_way_once_it_was_harmless_twice() {
        let n = "\r\n";
        assert_eq!(
            usual([
                ("abc", n),
                ("abc", ""),
                ("a\r\n", ""),
                ("abd", ""),
                ("b\r\n", "")
            ]),
            [true, true, false, true, true]
        );
    }

    #[test]
    fn more_behind_the_same_block_once_more_is_the_modules_way() {
        let n = "\r\n";
        assert_eq!(
            usual([("x", ""), ("ab", n), ("x", ""), ("ab", n), ("b", n)]),
            [true, false, true, true, true]
        );
        // Bytes that slip in at different places end alike.
        assert_eq!(
            usual([("x", ""), ("ac", n), ("x", ""), ("bc", n), ("x", "")]),
            [true, false, true, false, true]
        );
    }

    #[test]
    fn bytes_that_the_line_always_takes_out_are_missed_each_time() {
        let n = "\r\n";
        assert_eq!(
            usual([
                ("x", n),
                ("a\r\n", ""),
                ("x", n),
                ("a\r\n", ""),
                ("a\r\n", "")
            ]),
            [true, false, true, false, false]
        );
    }

    #[test]
    fn what_a_byte_too_many_has_pushed_out_is_noticed() {
        let mut gaps = Gaps::default();
        let mut behind = |ends: &str, line: &str| {
            let mut gap = Gap::new();
            // The same block never comes again.
            gap.content(line.as_bytes());
            ends.bytes().for_each(|byte| gap.push(byte));
            gaps.is_usual(&gap, line.as_bytes(), true)
        };
        assert!(behind("\r\n", "+CFTPSGET: 0"));
        for line in ["c", "+", "+C", "+ABc", "c+CFTPSGET: 0"] {
            assert!(!behind("", line), "{line}");
        }
    }

    #[test]
    fn a_first_block_that_lost_two_bytes_does_not_make_its_gap_the_usual_one() {
        let n = "\r\n";
        assert_eq!(
            usual([("a\r\n", ""), ("abc", n), ("b\r\n", ""), ("c\r\n", "")]),
            [false, true, false, false]
        );
        // A line that takes away the same bytes each time.
        assert_eq!(usual([("a\r\n", ""), ("a\r\n", "")]), [false, false]);
        // Lines that begin without line ends leave none that could be taken.
        assert_eq!(
            usual_of(false, [("a\r\n", ""), ("b\r\n", ""), ("abc", "")]),
            [true; 3]
        );
    }

    #[test]
    fn a_first_block_that_took_the_head_of_the_next_line_does_not_make_its_gap_the_usual_one() {
        let mut gaps = Gaps::default();
        for line in ["PSGET: 0", "0", ": DA"] {
            assert!(!gaps.is_usual(&Gap::new(), line.as_bytes(), true), "{line}");
        }
        assert!(gaps.is_usual(&Gap::new(), b"+CFTPSGET: 0", true));
    }

    #[test]
    fn ends_that_no_module_has_are_never_believed() {
        assert_eq!(
            usual([("x", "\r\n"), ("x", "\n"), ("x", "\n")]),
            [true, false, false]
        );
    }
}
