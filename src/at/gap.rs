//! What stands between the content of a block and the next line.

/// Line ends between a block and the next line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gap {
    len: usize,
    /// Only CR LF pairs.
    paired: bool,
}

impl Gap {
    /// Right behind a block.
    pub(super) const fn new() -> Self {
        Self {
            len: 0,
            paired: true,
        }
    }

    /// Takes the next byte of it.
    pub(super) const fn push(&mut self, byte: u8) {
        let want = if self.len.is_multiple_of(2) {
            b'\r'
        } else {
            b'\n'
        };
        self.paired &= byte == want;
        self.len += 1;
    }

    /// Whether any module has such a one: none, one or two times CR LF are known.
    const fn is_known(self) -> bool {
        self.paired && matches!(self.len, 0 | 2 | 4)
    }
}

/// The gaps that a module has behind its blocks. Each module keeps to its own, so that another one
/// means that bytes were lost or slipped in.
///
/// TODO-correctness: charger firmware for the SIM7600 demands the same bytes behind every block.
/// Emulators of other people have one between blocks and another, or none, behind the last; a
/// log of a module with several blocks would tell.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Gaps {
    /// The first that was seen.
    usual: Option<Gap>,
    /// Another that is the module's way as well.
    other: Option<Gap>,
    /// One that was neither, and how many gaps came since.
    odd: Option<(Gap, u8)>,
}

/// How many gaps may lie between two odd ones that are equal and so become a way of the module. A
/// transfer that was torn goes on with a part of the blocks before and then the one that was torn,
/// so that what the module always does is soon done again. Two losses of exactly two bytes, so
/// soon one behind the other and with no other loss between, are not had on a line over which
/// files come at all.
const SOON: u8 = 3;

impl Gaps {
    /// Whether a block with this gap behind it is what the module sent.
    pub(super) fn is_usual(&mut self, gap: Gap) -> bool {
        if self.usual == Some(gap) || self.other == Some(gap) {
            self.odd = self
                .odd
                .filter(|(_, since)| *since < SOON)
                .map(|(odd, since)| (odd, since + 1));
            return true;
        }
        let again = self.odd.take().is_some_and(|(odd, _)| odd == gap);
        if !gap.is_known() {
            return false;
        }
        if self.usual.is_none() {
            self.usual = Some(gap);
            return true;
        }
        if again && self.other.is_none() {
            self.other = Some(gap);
            return true;
        }
        self.odd = Some((gap, 0));
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gap(bytes: &[u8]) -> Gap {
        bytes.iter().fold(Gap::new(), |mut gap, byte| {
            gap.push(*byte);
            gap
        })
    }

    /// Which of these gaps were taken for what the module does.
    fn usual<const N: usize>(seen: [&[u8]; N]) -> [bool; N] {
        let mut gaps = Gaps::default();
        seen.map(|bytes| gaps.is_usual(gap(bytes)))
    }

    #[test]
    fn the_first_gap_is_the_modules_way() {
        assert_eq!(usual([b"\r\n", b"\r\n", b""]), [true, true, false]);
        assert_eq!(usual([b"", b"", b"\r\n"]), [true, true, false]);
    }

    #[test]
    fn no_gap_behind_the_last_block_is_believed_the_second_time() {
        assert_eq!(
            usual([b"\r\n", b"", b"\r\n", b"", b"\r\n", b""]),
            [true, false, true, true, true, true]
        );
    }

    #[test]
    fn losses_far_apart_make_no_way() {
        let n: &[u8] = b"\r\n";
        assert_eq!(
            usual([n, b"", n, n, n, n, b"", n]),
            [true, false, true, true, true, true, false, true]
        );
    }

    #[test]
    fn a_loss_of_another_kind_between_makes_no_way_either() {
        assert_eq!(
            usual([b"\r\n", b"", b"\n", b""]),
            [true, false, false, false]
        );
        assert_eq!(usual([b"\r\n", b"\n", b"\n"]), [true, false, false]);
    }
}
