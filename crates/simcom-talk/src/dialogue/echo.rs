//! Tells the echo of content from answers.

use std::collections::VecDeque;
use std::time::Duration;

/// Removes the echo of content from what the module sends.
///
/// This is needed only where a module goes on echoing after `ATE0`: content that looks like a result
/// code would come back and be read as one. No document says whether a module echoes what follows a
/// prompt. So nothing is removed before enough of an echo was seen.
#[derive(Debug, Default)]
pub(crate) struct Echo {
    /// Bytes that were written and were not seen again.
    expected: VecDeque<u8>,
    /// Bytes that were seen and equal the beginning of `expected`, but are too few to be sure.
    held: VecDeque<u8>,
    certain: bool,
    absent: bool,
}

/// This many equal bytes in a row are no accident: no answer has as many in common with content that was
/// not made to look like it.
const CERTAIN: usize = 64;

/// How long the rest of an echo is waited for once all content was written. An echo comes back at once
/// or not at all. The held bytes may be the end of the answer, where content begins as lines end.
pub(crate) const HELD: Duration = Duration::from_secs(1);

/// A module that has not echoed after this many bytes does not echo content: all buffers of a serial
/// line hold fewer.
const ABSENT: usize = 256 * 1024;

impl Echo {
    /// Takes note of bytes that were written.
    pub(crate) fn expect(&mut self, bytes: &[u8]) {
        if self.absent {
            return;
        }
        if !self.certain && self.expected.len() + bytes.len() > ABSENT {
            self.absent = true;
            self.expected = VecDeque::new();
            return;
        }
        self.expected.extend(bytes);
    }

    /// Returns those of the bytes that are no echo, as far as that is known.
    pub(crate) fn filter(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut rest = Vec::with_capacity(bytes.len());
        for byte in bytes {
            if self.certain {
                // A line of others may stand in the middle of the echo.
                if self.expected.front() == Some(byte) {
                    self.expected.pop_front();
                } else {
                    rest.push(*byte);
                }
            } else {
                self.held.push_back(*byte);
                self.slide(&mut rest);
            }
        }
        rest
    }

    /// Whether bytes are held that may be an echo or not.
    pub(crate) fn holds(&self) -> bool {
        !self.held.is_empty()
    }

    /// Nothing more will come: returns what was held for an echo.
    pub(crate) fn release(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held).into()
    }

    /// Releases held bytes until the rest begins like what is expected.
    fn slide(&mut self, rest: &mut Vec<u8>) {
        while !self
            .held
            .iter()
            .zip(&self.expected)
            .all(|(held, expected)| held == expected)
            || self.held.len() > self.expected.len()
        {
            rest.extend(self.held.pop_front());
        }
        // All that was written has come back, or enough of it.
        let all = !self.held.is_empty() && self.held.len() == self.expected.len();
        if all || self.held.len() >= CERTAIN {
            self.certain = true;
            self.expected.drain(..self.held.len());
            self.held.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTENT: &[u8] =
        b"\r\nOK\r\n\r\n+CFTPSPUT: 0\r\nand something that makes it long enough to be sure\x1A";
    const ANSWER: &[u8] = b"\r\nOK\r\n\r\n+CFTPSPUT: 0\r\n";

    fn filtered(wire: &[u8], cut: usize) -> Vec<u8> {
        let mut echo = Echo::default();
        echo.expect(CONTENT);
        let mut rest = Vec::new();
        for part in wire.chunks(cut) {
            rest.extend(echo.filter(part));
        }
        rest.extend(echo.release());
        rest
    }

    #[test]
    fn an_echo_is_taken_away_and_the_answer_is_left() {
        for cut in [1, 3, 4096] {
            assert_eq!(filtered(&[CONTENT, ANSWER].concat(), cut), ANSWER);
            assert_eq!(
                filtered(&[b"\r\n", CONTENT, ANSWER].concat(), cut),
                [b"\r\n", ANSWER].concat()
            );
        }
    }

    #[test]
    fn without_an_echo_nothing_is_lost() {
        for cut in [1, 3, 4096] {
            assert_eq!(filtered(ANSWER, cut), ANSWER);
            assert_eq!(
                filtered(b"\r\n+CMTI: \"SM\",4\r\n", cut),
                b"\r\n+CMTI: \"SM\",4\r\n"
            );
        }
    }

    #[test]
    fn a_module_that_never_echoes_is_not_waited_for_for_ever() {
        let mut echo = Echo::default();
        for _ in 0..1000 {
            echo.expect(&[7; 4096]);
            assert!(echo.expected.len() <= ABSENT);
        }
        assert_eq!(echo.filter(&[7, 7]), [7, 7]);
    }
}
