//! What an exchange makes of the frames that come in.

use bytes::Bytes;

use super::under_way::{Block, Exchange, Handover, Information};
use crate::at::{FinalCode, Frame, Line};
use crate::dialogue::moment::Moment;
use crate::ftps::unsolicited::{self, Urc};
use crate::ftps::{Body, CommandName, Report, ResponseForm, StorageCommandName};

/// What a frame meant to the exchange.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Nothing to act on.
    Nothing,
    /// Content may be sent.
    Prompt,
    /// Content came.
    Content(Bytes),
    /// A line that does not belong to this exchange.
    Unsolicited(String),
}

impl Exchange {
    /// Takes a frame.
    pub(crate) fn hear(&mut self, frame: Frame, now: Moment) -> Heard {
        match frame {
            Frame::Prompt => {
                self.open(now);
                Heard::Prompt
            }
            Frame::Block(bytes) => self.hear_block(bytes, now),
            Frame::Overlong | Frame::Torn if !self.takes_content() => {
                Heard::Unsolicited("bytes that are no line".into())
            }
            Frame::Overlong | Frame::Torn => self.garble(),
            Frame::Line(raw) => self.hear_line(&raw, now),
        }
    }

    fn open(&mut self, now: Moment) {
        self.handover = Handover::Open;
        // A final result code before the prompt was not the outcome.
        self.final_code = None;
        self.report = None;
        self.deadline = now + self.timing.outcome;
    }

    fn hear_line(&mut self, raw: &[u8], now: Moment) -> Heard {
        if self.names.is_some() {
            return self.hear_name(raw, now);
        }
        let heard = match Line::classify(raw) {
            Line::Final(code) => self.hear_final(code, now),
            Line::Text(text) => self.hear_text(text, now),
        };
        match heard {
            // Content that comes as lines has lost the line that announced it.
            Heard::Unsolicited(text)
                if self.takes_content() && unsolicited::may_be_content(&text) =>
            {
                self.garble()
            }
            Heard::Unsolicited(text) => Heard::Unsolicited(text),
            heard if self.unproven.is_empty() => heard,
            _ => self.prove(),
        }
    }

    /// A line of a listing of module files: any line may be a name.
    fn hear_name(&mut self, raw: &[u8], now: Moment) -> Heard {
        let text = String::from_utf8_lossy(raw).into_owned();
        if self.line.is_echoed_by(&text) && !self.echoed {
            self.echoed = true;
            return Heard::Nothing;
        }
        let code = match Line::classify(raw) {
            Line::Final(code) => Some(code),
            Line::Text(_) => None,
        };
        let Some(names) = &mut self.names else {
            return Heard::Nothing;
        };
        let goes_on = names.take(text, code.is_some());
        self.final_code = code.or_else(|| self.final_code.take().filter(|_| !goes_on));
        // Each name has as much time as the first one. The end has the time of a line that may
        // follow.
        if goes_on || self.final_code.is_some() {
            self.deadline = now + self.patience();
        }
        Heard::Nothing
    }

    /// The last block was whole.
    fn prove(&mut self) -> Heard {
        self.content += self.unproven.len() as u64;
        Heard::Content(self.unproven.take())
    }

    /// The last block was not what the module meant to send, and neither can be what follows.
    fn garble(&mut self) -> Heard {
        self.unproven.clear();
        self.garbled = true;
        Heard::Nothing
    }

    fn hear_block(&mut self, bytes: Bytes, now: Moment) -> Heard {
        let Some(block) = &mut self.block else {
            return Heard::Nothing;
        };
        block.left = block.left.saturating_sub(bytes.len() as u64);
        let (left, ours) = (block.left, block.ours);
        if left == 0 {
            self.block = None;
        }
        self.deadline = now
            + if left == 0 {
                self.patience()
            } else {
                self.timing.block
            };
        if ours {
            self.unproven.push(bytes);
        }
        // A block longer than any that is known is handed on at once.
        if self.unproven.len() > LONGEST_BLOCK {
            return self.prove();
        }
        Heard::Nothing
    }

    fn hear_final(&mut self, code: FinalCode, now: Moment) -> Heard {
        if self.final_code.is_some() {
            return Heard::Unsolicited("a second final result code".into());
        }
        // `OK` before the prompt is no outcome: the module has only accepted the command.
        if self.handover == Handover::Awaited && code == FinalCode::Ok && self.literal != Some(0) {
            return Heard::Nothing;
        }
        // One example of the manual has the `OK` of CFTRANTX before the data (SIMCom manual
        // L2012), all others after the report.
        self.hasty = code == FinalCode::Ok
            && self.report.is_none()
            && self.information
                == Information::Report(CommandName::Storage(StorageCommandName::Read));
        self.final_code = Some(code);
        self.deadline = now + self.patience();
        Heard::Nothing
    }

    fn hear_text(&mut self, text: String, now: Moment) -> Heard {
        if self.line.is_echoed_by(&text) {
            self.echoed = true;
            return Heard::Nothing;
        }
        if let Information::Prefix(prefix) = self.information
            && text.starts_with(prefix)
        {
            self.info.push(text);
            return Heard::Nothing;
        }
        if self.information == Information::Any
            && matches!(Urc::parse(&text), Urc::Other(_))
            && !announces_content(&text)
        {
            self.info.push(text);
            return Heard::Nothing;
        }
        if let Some(report) = Report::parse(&text) {
            return self.hear_report(report, text, now);
        }
        if self.form == ResponseForm::Cached && Urc::parse(&text) == Urc::Received {
            self.announced = true;
            self.deadline = now + self.patience();
            return Heard::Nothing;
        }
        let ours = match self.information {
            Information::Bare(prefix) => {
                text.starts_with(prefix) || unsolicited::may_be_bare_information(&text)
            }
            Information::Any
            | Information::Prefix(_)
            | Information::Report(_)
            | Information::Nothing => false,
        };
        if !ours {
            return Heard::Unsolicited(text);
        }
        self.info.push(text);
        Heard::Nothing
    }

    fn hear_report(&mut self, report: Report, text: String, now: Moment) -> Heard {
        let ours = self.information == Information::Report(report.name);
        match report.body {
            // Older modules announce the prompt in words.
            Body::Other(word) if ours && self.handover == Handover::Awaited && word == "BEGIN" => {
                self.open(now);
                Heard::Prompt
            }
            Body::Data(0) => {
                self.deadline = now + self.patience();
                Heard::Nothing
            }
            Body::Data(left) => {
                let ours = ours && self.takes_content();
                self.block = Some(Block { left, ours });
                self.deadline = now + self.timing.block;
                Heard::Nothing
            }
            body if ours && self.report.is_none() => {
                self.report = Some(body);
                self.deadline = now + self.patience();
                Heard::Nothing
            }
            _ => Heard::Unsolicited(text),
        }
    }
}

/// Blocks of up to 1480 bytes are documented (SIMCom manual L1211).
const LONGEST_BLOCK: usize = 64 * 1024;

/// Whether bytes that are no lines follow a line.
fn announces_content(text: &str) -> bool {
    let report = Report::parse(text);
    report.is_some_and(|report| matches!(report.body, Body::Data(_)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::ftps::ModuleProfile;
    use crate::ftps::{Command, Storage};

    /// The listing as a whole had ten seconds.
    #[test]
    fn a_long_listing_of_the_module_has_its_time_for_each_name() {
        let command = Command::Storage(Storage::List(Some(9)));
        let line = command.encode(&ModuleProfile::careful()).unwrap();
        let mut exchange = Exchange::of(&command, line, Moment::ORIGIN);
        let mut now = Moment::ORIGIN;
        let mut say = |exchange: &mut Exchange, text: &'static str| {
            now = now + Duration::from_secs(8);
            assert!(exchange.deadline() > now, "{text}");
            exchange.hear(Frame::Line(Bytes::from_static(text.as_bytes())), now);
        };
        say(&mut exchange, "+FSLS: FILES:");
        for name in ["a", "b", "c", "d", "e", "f", "g", "h", "i"] {
            say(&mut exchange, name);
        }
        say(&mut exchange, "OK");
        let response = exchange.response().unwrap();
        assert_eq!(response.info.len(), 10);
        assert!(response.clean);
    }
}
