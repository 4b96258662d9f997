//! What is to be written to the port, in order.

use std::collections::VecDeque;

use bytes::Bytes;

/// Lines and content that wait for the port.
///
/// Content is only safe behind a prompt. Typed after the module has left the prompt, it would be read
/// as command lines. So it is handed out in small pieces, the module is heard between two of them, and
/// the rest can be taken back. Only one piece and the buffer of the port's driver are then on their
/// way. The module carries out only lines that hold `AT` (V.250 §5.2.1). Where the very line that
/// closed the prompt is lost, the rest of the content is typed all the same, and content that spells
/// commands would be carried out. This end cannot notice that.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    queue: VecDeque<Item>,
    /// The bytes that were handed out last are content.
    content: bool,
    /// The bytes that were handed out last are not wanted any more.
    recalled: bool,
}

#[derive(Debug)]
enum Item {
    Line(Bytes),
    Content(Bytes),
}

/// Bytes of content that are handed out at a time: what Linux's tty driver holds, a third of a second at 115200
/// baud. Smaller ones stop the rest no sooner, since the driver has taken the next ones by then.
const PIECE: usize = 4 * 1024;

/// Bytes beyond them that are handed out with them: escapes make content longer, and a few bytes are no write of
/// their own.
const SURPLUS: usize = PIECE / 8;

impl Outbox {
    /// Adds a command line, or a mark that means nothing on a command line.
    pub(super) fn line(&mut self, bytes: Bytes) {
        self.queue.push_back(Item::Line(bytes));
    }

    /// Adds content for an open prompt.
    pub(super) fn content(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.queue.push_back(Item::Content(bytes));
        }
    }

    /// The next bytes to be written.
    pub(super) fn next(&mut self) -> Option<Bytes> {
        self.recalled = false;
        match self.queue.pop_front()? {
            Item::Line(bytes) => {
                self.content = false;
                Some(bytes)
            }
            Item::Content(mut bytes) => {
                self.content = true;
                let fits = bytes.len() <= PIECE + SURPLUS;
                let piece = bytes.split_to(if fits { bytes.len() } else { PIECE });
                if !bytes.is_empty() {
                    self.queue.push_front(Item::Content(bytes));
                }
                Some(piece)
            }
        }
    }

    /// The prompt is closed: drops content that was not written. Returns whether there was any.
    pub(super) fn drop_content(&mut self) -> bool {
        self.recalled |= self.content;
        let before = self.queue.len();
        self.queue.retain(|item| matches!(item, Item::Line(_)));
        self.queue.len() < before
    }

    /// Drops everything.
    pub(super) fn clear(&mut self) {
        self.queue.clear();
        self.recalled = true;
    }

    /// Whether the bytes that were handed out last must not be written any further.
    pub(super) fn is_recalled(&self) -> bool {
        self.recalled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_goes_out_in_pieces_and_stops_where_the_prompt_is_closed() {
        let mut outbox = Outbox::default();
        outbox.line(Bytes::from_static(b"AT+X\r"));
        outbox.content(vec![7; 64 * 1024].into());
        outbox.line(Bytes::from_static(&[0x1A]));
        assert_eq!(outbox.next().unwrap().as_ref(), b"AT+X\r");
        assert_eq!(outbox.next().unwrap().len(), PIECE);
        assert!(!outbox.is_recalled());
        assert!(outbox.drop_content());
        assert!(outbox.is_recalled());
        assert_eq!(outbox.next().unwrap().as_ref(), [0x1A]);
        assert!(!outbox.is_recalled());
        assert!(!outbox.drop_content());
        assert!(!outbox.is_recalled(), "the mark is not content");
        assert_eq!(outbox.next(), None);
    }
}
