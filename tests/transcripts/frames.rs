//! The lowest level: the framer cuts what the module sends where the transcript does.

use crate::cut::Cut;
use crate::format::{By, Form, Said, Transcript, Whose};
use simcom_talk::at::{Expect, Frame, Framer};

/// Replays what the module says.
///
/// # Errors
/// Names the line whose bytes were cut otherwise.
pub(crate) fn replay(transcript: &Transcript, cut: Cut) -> Result<(), String> {
    let said: Vec<&Said> = transcript
        .said(Whose::Ours)
        .filter(|said| said.by == By::Module)
        .collect();
    let whole: Vec<u8> = said.iter().flat_map(|said| said.bytes.clone()).collect();
    let mut stream = cut.parts(&whole).into_iter();
    let mut framer = Framer::new();
    for said in said {
        let mut block = Vec::new();
        for want in frames(said) {
            loop {
                let expect = match &want {
                    Frame::Block(bytes) => Expect::Block((bytes.len() - block.len()) as u64),
                    Frame::Prompt => Expect::LineOrPrompt,
                    Frame::Line(_) | Frame::Overlong | Frame::Torn => Expect::Line,
                };
                let got = match framer.pull(expect) {
                    Some(Frame::Block(part)) => {
                        block.extend_from_slice(&part);
                        if matches!(&want, Frame::Block(whole) if whole.len() > block.len()) {
                            continue;
                        }
                        Frame::Block(block.clone().into())
                    }
                    Some(frame) => frame,
                    None => {
                        let part = stream.next().ok_or(format!("line {}: lost", said.number))?;
                        framer.push(&part);
                        continue;
                    }
                };
                if got != want {
                    return Err(format!("line {}: {got:?} instead of {want:?}", said.number));
                }
                break;
            }
        }
    }
    stream.for_each(|part| framer.push(&part));
    if framer.pull(Expect::Line).is_some() || !framer.is_idle() {
        return Err("something is left over".into());
    }
    Ok(())
}

/// The frames that the author of the transcript sees in a line of it.
fn frames(said: &Said) -> Vec<Frame> {
    match said.form {
        Form::Content | Form::Again => vec![Frame::Block(said.bytes.clone().into())],
        Form::Prompt => vec![Frame::Prompt],
        Form::Line | Form::Raw => said
            .bytes
            .split(|byte| matches!(byte, b'\r' | b'\n'))
            .filter(|line| !line.is_empty())
            .map(|line| Frame::Line(line.to_vec().into()))
            .collect(),
    }
}
