//! A framer that is asked for anything while bytes of any kind come in: what it gives does not depend
//! on how they were cut, and content is given as it came.

#![no_main]

use arbitrary::Arbitrary;
use simcom_talk::at::{Expect, Frame, Framer};
use libfuzzer_sys::fuzz_target;

/// What is asked for, in turn.
#[derive(Debug, Clone, Copy, Arbitrary)]
enum Wish {
    Line,
    Prompt,
    Block(u8),
}

fuzz_target!(|input: (Vec<u8>, Vec<Wish>, Vec<u8>)| {
    let (bytes, wishes, cuts) = input;
    assert_eq!(frames(&bytes, &wishes, &cuts), frames(&bytes, &wishes, &[]));
});

/// The frames of all the bytes, those of one block joined.
fn frames(bytes: &[u8], wishes: &[Wish], cuts: &[u8]) -> Vec<Frame> {
    let mut framer = Framer::new();
    let mut frames = Vec::new();
    let mut wishes = wishes.iter().copied();
    let mut wish = wishes.next();
    let mut block = Vec::new();
    let mut rest = bytes;
    let mut cuts = cuts.iter().map(|cut| usize::from(*cut));
    loop {
        let at = cuts.next().unwrap_or(rest.len()).min(rest.len());
        let (part, later) = rest.split_at(at);
        framer.push(part);
        rest = later;
        while let Some(wished) = wish {
            let expect = match wished {
                Wish::Line | Wish::Block(0) => Expect::Line,
                Wish::Prompt => Expect::LineOrPrompt,
                Wish::Block(len) => Expect::Block(u64::from(len) - block.len() as u64),
            };
            let Some(frame) = framer.pull(expect) else {
                break;
            };
            match (frame, wished) {
                (Frame::Block(bytes), Wish::Block(len)) => {
                    block.extend_from_slice(&bytes);
                    if block.len() < usize::from(len) {
                        continue;
                    }
                    frames.push(Frame::Block(std::mem::take(&mut block).into()));
                }
                (frame, _) => frames.push(frame),
            }
            wish = wishes.next();
        }
        if rest.is_empty() {
            return frames;
        }
    }
}
