//! What the module does with typed bytes.

use bytes::Bytes;

use crate::emulator::{Emulator, HELD_LIMIT};
use crate::faults::{Direction, Phase};
use crate::input::{Data, Extent, Input};
use crate::knobs::Hearing;
use crate::line::Typed;
use crate::outbox::Item;
use crate::pending::{Kind, PendingCommand, Target, Upload};
use crate::request::{Answer, Ask, Failure};
use crate::settings::Receipt;

/// Most upload content that the network has not confirmed, before the module stops reading.
const UNCONFIRMED_LIMIT: usize = 64 * 1024;
/// The same in pieces, for a host that types byte by byte.
const PIECES_LIMIT: usize = 256;

impl Emulator {
    /// Prints the prompt and takes what follows as data.
    pub(crate) fn prompt(
        &mut self,
        length: Option<u64>,
        receipt: Option<Receipt>,
        command: (String, u32),
    ) {
        self.send(self.knobs.prompt.bytes());
        for effect in self.faults.at(&command.0, command.1, Phase::AtPrompt) {
            self.out.push(self.now, Item::Effect(effect));
        }
        let extent = length.map_or(Extent::Stream { escaped: false }, Extent::Remaining);
        self.input = Input::Data(Data {
            extent,
            receipt,
            command,
            typed: 0,
        });
    }

    /// Typed bytes, as they came over the line.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(&first) = rest.first()
            && self.power.listens()
        {
            if std::mem::take(&mut self.after_line) && first == b'\n' {
                rest = rest.get(1..).unwrap_or_default();
                continue;
            }
            rest = match &self.input {
                Input::Data(_) => self.feed_data(rest),
                Input::Commands if self.is_deaf() => {
                    if self.knobs.typed_while_pushing == Hearing::Kept {
                        self.hold(rest);
                    }
                    return;
                }
                Input::Commands if self.occupied() => {
                    self.hold(rest);
                    return;
                }
                Input::Commands => self.feed_commands(rest),
            };
        }
    }

    /// Takes the bytes that came while a command was running.
    pub(crate) fn feed_held(&mut self) {
        if !self.held.is_empty() && !self.occupied() && !self.is_deaf() {
            let held = std::mem::take(&mut self.held);
            self.feed(&held);
        }
    }

    /// Whether the command line waits for a final code.
    fn occupied(&self) -> bool {
        self.pending
            .as_ref()
            .is_some_and(|pending| !pending.accepted)
            && matches!(self.input, Input::Commands)
    }

    /// Whether the module pushes a download and hears nothing meanwhile.
    fn is_deaf(&self) -> bool {
        let running = self.pending.as_ref().map(|pending| &pending.kind);
        self.knobs.typed_while_pushing != Hearing::Heard
            && matches!(running, Some(Kind::Download(download)) if download.sink == Target::Port)
    }

    fn hold(&mut self, bytes: &[u8]) {
        let upload = matches!(
            &self.pending,
            Some(PendingCommand {
                kind: Kind::Upload(Upload { file: None, .. }),
                ..
            })
        );
        if upload && !self.knobs.keep_early_data {
            return;
        }
        let room = HELD_LIMIT.saturating_mul(4).saturating_sub(self.held.len());
        self.held
            .extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }

    /// Reads up to the end of one line; returns what follows it.
    fn feed_commands<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let end = bytes
            .iter()
            .position(|&byte| byte == b'\r')
            .map_or(bytes.len(), |at| at + 1);
        let (typed, rest) = bytes.split_at_checked(end).unwrap_or((bytes, &[]));
        if self.settings.echo {
            // Control characters other than CR neither belong to a line nor are echoed: the LF of a
            // host that ends lines with CR LF would come behind the answer.
            let echo: Bytes = typed
                .iter()
                .copied()
                .filter(|&b| b == b'\r' || b >= b' ')
                .collect();
            self.send(echo);
        }
        let line = typed.iter().filter_map(|&byte| self.line.push(byte)).next();
        match line {
            None | Some(Typed::Noise) => {}
            Some(Typed::TooLong | Typed::Commands(Err(_))) => self.say("ERROR"),
            Some(Typed::Commands(Ok(commands))) => self.execute(commands),
        }
        // Field code ends lines with CR LF. A LF that comes before the module has sent anything
        // belongs to the line, even where data is expected next.
        self.after_line = typed.ends_with(b"\r");
        rest
    }

    /// Reads data; returns what follows its end.
    fn feed_data<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let Input::Data(data) = &mut self.input else {
            return bytes;
        };
        let (name, nth) = &data.command;
        let cut = self.faults.in_data(name, *nth, data.typed, bytes.len());
        let now = cut.as_ref().map_or(bytes.len(), |(at, _)| *at);
        let (chunk, later) = bytes.split_at_checked(now).unwrap_or((bytes, &[]));
        let (content, used, ended) = data.extent.read(chunk);
        data.typed = data.typed.saturating_add(used as u64);
        let (echoed, unused) = chunk.split_at_checked(used).unwrap_or((chunk, &[]));
        if self.settings.echo && self.knobs.echo_data {
            self.send(Bytes::copy_from_slice(echoed));
        }
        self.take_data(content);
        if ended {
            self.data_complete();
            // A cut behind the end of the data never strikes.
            return bytes
                .get(bytes.len() - unused.len() - later.len()..)
                .unwrap_or_default();
        }
        if let Some((_, effect)) = cut {
            self.strike(effect, Direction::FromHost);
        }
        later
    }

    fn take_data(&mut self, content: Bytes) {
        let Input::Data(data) = &mut self.input else {
            return;
        };
        if content.is_empty() {
            return;
        }
        if let Some(receipt) = &mut data.receipt {
            receipt.content.extend_from_slice(&content);
            return;
        }
        if let Some(PendingCommand {
            kind: Kind::Upload(upload),
            ..
        }) = &mut self.pending
            && upload.failed.is_none()
        {
            upload.unconfirmed = upload.unconfirmed.saturating_add(content.len());
            upload.pieces = upload.pieces.saturating_add(1);
            self.ask(Ask::StoreData(content));
        }
    }

    fn data_complete(&mut self) {
        let Input::Data(data) = std::mem::replace(&mut self.input, Input::Commands) else {
            return;
        };
        let (name, nth) = &data.command;
        for effect in self.faults.at(name, *nth, Phase::AfterData) {
            self.strike(effect, Direction::FromHost);
        }
        if !self.power.listens() {
            return;
        }
        match data.receipt {
            Some(receipt) => self.received(receipt, name, *nth),
            None => self.upload_complete(),
        }
    }

    /// Whether the network has not yet taken much of what was typed.
    pub(crate) fn congested(&self) -> bool {
        match &self.pending {
            Some(PendingCommand {
                kind: Kind::Upload(upload),
                ..
            }) => upload.unconfirmed >= UNCONFIRMED_LIMIT || upload.pieces >= PIECES_LIMIT,
            _ => false,
        }
    }

    /// The network took a piece of an upload, or failed to.
    pub(crate) fn stored(&mut self, answer: Result<Answer, Failure>) {
        let Some(PendingCommand {
            kind: Kind::Upload(upload),
            ..
        }) = &mut self.pending
        else {
            return;
        };
        match answer {
            Ok(Answer::Stored(len)) => {
                upload.unconfirmed = upload.unconfirmed.saturating_sub(len);
                upload.pieces = upload.pieces.saturating_sub(1);
                if upload.file.is_some() {
                    self.upload_file_on();
                }
            }
            Ok(_) => {}
            Err(failure) => {
                (upload.unconfirmed, upload.pieces) = (0, 0);
                self.fail_running(failure.code());
            }
        }
    }
}
