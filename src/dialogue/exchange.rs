//! One command line and all that answers it.

use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::failure::{Awaited, Cause};
use super::moment::Moment;
use crate::at::{CommandLine, ErrorCode, Expect, FinalCode, Frame, Line};
use crate::ftps::{Body, Command, ErrCode, Report, Shape, StorageVerb, Timing, Urc, Verb};

/// One AT line under way: knows what may come next, until when, and when it is settled.
///
/// Both orders of final result code and report are accepted, `ERROR` alone or with a report on
/// either side, and lines of others in between. Counted content is consumed by its count,
/// also when it belongs to a command that is over.
#[derive(Debug)]
pub(crate) struct Exchange {
    name: &'static str,
    line: CommandLine,
    claim: Claim,
    shape: Shape,
    timing: Timing,
    final_code: Option<FinalCode>,
    report: Option<Body>,
    info: Vec<String>,
    handover: Handover,
    /// To be written at once when the prompt has come.
    content_to_write: Option<Bytes>,
    block: Option<Block>,
    /// Content has come into the cache.
    announced: bool,
    deadline: Moment,
    /// Bytes that the command announced, behind a prompt or, where there are none, without one.
    literal: Option<u64>,
    /// `OK` came before the report, where it belongs after it: another may follow.
    hasty: bool,
    /// Bytes of content that came.
    content: u64,
    /// A block that came whole and is believed once the line after it shows that its count was
    /// right: a line slipped into it, or a lost byte, would shift what follows.
    unproven: BytesMut,
    garbled: bool,
    said: Moment,
    /// The line came back.
    echoed: bool,
}

/// Which lines of text belong to the exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    /// Reports of this command.
    Report(Verb),
    /// Information that begins so, for example `+CPIN:`.
    Prefix(&'static str),
    /// Information that may stand without any prefix, as the answer to `AT+CGMM` does, or
    /// with this one.
    Bare(&'static str),
    /// Names of files under the titles of a listing.
    Names,
    /// None.
    Nothing,
}

/// What a frame meant to the exchange.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Nothing to act on yet.
    Nothing,
    /// Content may be sent.
    Prompt,
    /// Content came.
    Content(Bytes),
    /// A line that does not belong to this exchange.
    Stray(String),
}

/// How an exchange ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settlement {
    /// The command, for errors.
    pub(crate) name: &'static str,
    /// What it came to.
    pub(crate) verdict: Verdict,
    /// Every part of the answer came, so that nothing can be taken for the next one's.
    pub(crate) clean: bool,
    /// Lines of information.
    pub(crate) info: Vec<String>,
    /// The prompt came: content was, or could have been, handed over.
    pub(crate) prompted: bool,
    /// The line came back.
    pub(crate) echoed: bool,
}

/// What a command came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It did what was asked; the report, where it carries more than a success code.
    Done(Option<Body>),
    /// It did not.
    Failed(Cause),
}

/// Handing over content behind a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Handover {
    /// The command takes none.
    None,
    /// The prompt has not come.
    Awaited,
    /// The prompt came; content is on its way.
    Open,
    /// All content was written.
    Closed,
}

#[derive(Debug, Clone, Copy)]
struct Block {
    left: u64,
    /// The content belongs to this exchange.
    ours: bool,
}

/// How the commands of the FTPS service begin.
const SERVICE: &str = "AT+CFTPS";

impl Exchange {
    /// A command of the FTPS service or of the module's file system, with the time that its
    /// arguments ask for.
    pub(crate) fn of(command: &Command, line: CommandLine, now: Moment) -> Self {
        let verb = command.verb();
        let claim = match verb {
            Verb::ReadSingleIp => Claim::Prefix("+CFTPSSINGLEIP:"),
            Verb::Storage(StorageVerb::Enter) => Claim::Prefix("+FSCD:"),
            Verb::Storage(StorageVerb::Count) => Claim::Prefix("+FSLS:"),
            Verb::Storage(StorageVerb::List) => Claim::Names,
            Verb::Storage(StorageVerb::Attributes) => Claim::Prefix("+FSATTRI:"),
            Verb::Storage(StorageVerb::Space) => Claim::Prefix("+FSMEM:"),
            _ => Claim::Report(command.reporter()),
        };
        let (shape, timing) = (command.shape(), command.timing());
        let exchange = Self::new(verb.name(), line, claim, shape, timing, now);
        Self {
            literal: command.literal(),
            ..exchange
        }
    }

    /// Any other command: settled by its final result code.
    pub(crate) fn basic(
        name: &'static str,
        line: CommandLine,
        claim: Claim,
        timing: Timing,
        now: Moment,
    ) -> Self {
        Self::new(name, line, claim, Shape::Final, timing, now)
    }

    /// Any other command that prompts for content: settled by its final result code.
    pub(crate) fn with_content(
        name: &'static str,
        line: CommandLine,
        content: Bytes,
        timing: Timing,
        now: Moment,
    ) -> Self {
        Self {
            handover: Handover::Awaited,
            content_to_write: Some(content),
            deadline: now + timing.prompt,
            ..Self::basic(name, line, Claim::Nothing, timing, now)
        }
    }

    /// The content that it brought along, once.
    pub(crate) fn take_content(&mut self) -> Option<Bytes> {
        self.content_to_write.take()
    }

    fn new(
        name: &'static str,
        line: CommandLine,
        claim: Claim,
        shape: Shape,
        timing: Timing,
        now: Moment,
    ) -> Self {
        let (handover, patience) = match shape {
            Shape::Prompt | Shape::Literal => (Handover::Awaited, timing.prompt),
            _ => (Handover::None, timing.accept),
        };
        Self {
            name,
            line,
            claim,
            shape,
            timing,
            final_code: None,
            report: None,
            info: Vec::new(),
            handover,
            content_to_write: None,
            block: None,
            announced: false,
            deadline: now + patience,
            literal: None,
            hasty: false,
            content: 0,
            unproven: BytesMut::new(),
            garbled: false,
            said: now,
            echoed: false,
        }
    }

    /// A command said while the content of another is still coming in: that is thrown away.
    pub(crate) fn over(mut self, other: &Self) -> Self {
        self.block = other.block.map(|block| Block {
            ours: false,
            ..block
        });
        self
    }

    /// How long so many further bytes of content would take at the pace so far.
    pub(crate) fn estimate(&self, bytes: u64, now: Moment) -> Option<Duration> {
        let pace = (now - self.said).as_secs_f64() / self.content as f64;
        Duration::try_from_secs_f64(pace * bytes as f64).ok()
    }

    /// Whether the module echoes what is written to it.
    pub(crate) fn is_echoed(&self) -> bool {
        self.echoed
    }

    /// Whether content is being pushed by the module, which nothing but an abort can stop.
    pub(crate) fn is_receiving(&self) -> bool {
        self.shape == Shape::Blocks && self.report.is_none()
    }

    /// Whether counted content may come in.
    fn takes_content(&self) -> bool {
        self.is_receiving() || self.shape == Shape::CacheRead
    }

    /// Whether the module moves a file by itself.
    pub(crate) fn is_of_a_module_file(&self) -> bool {
        matches!(self.claim, Claim::Report(Verb::GetFile | Verb::PutFile))
    }

    /// Whether the module does so now, and takes other commands meanwhile.
    pub(crate) fn is_moving_a_file(&self) -> bool {
        self.is_of_a_module_file()
            && self.final_code == Some(FinalCode::Ok)
            && self.report.is_none()
    }

    /// Whether it is a command of the FTPS service.
    pub(crate) fn is_of_the_service(&self) -> bool {
        self.name.starts_with(SERVICE)
    }

    /// Whether the content comes from the server, which an abort would end.
    pub(crate) fn is_of_the_server(&self) -> bool {
        !matches!(self.claim, Claim::Report(Verb::Storage(_)))
    }

    /// The line to be written.
    pub(crate) fn line(&self) -> &CommandLine {
        &self.line
    }

    /// What may come next.
    pub(crate) fn expect(&self) -> Expect {
        match (self.block, self.handover) {
            (Some(block), _) => Expect::Block(block.left),
            (None, Handover::Awaited) => Expect::LineOrPrompt,
            (None, _) => Expect::Line,
        }
    }

    /// When to give up waiting.
    pub(crate) fn deadline(&self) -> Moment {
        self.deadline
    }

    /// Whether content is being handed over.
    pub(crate) fn is_open(&self) -> bool {
        self.handover == Handover::Open
    }

    /// Whether the module ended the command while content was being handed over.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.is_open() && (self.final_code.is_some() || self.report.is_some())
    }

    /// All content was written.
    pub(crate) fn close(&mut self, now: Moment) {
        self.handover = Handover::Closed;
        self.deadline = now + self.patience();
    }

    /// Gives up sooner than planned.
    pub(crate) fn hasten(&mut self, until: Moment) {
        self.deadline = self.deadline.min(until);
    }

    /// Takes a frame.
    pub(crate) fn hear(&mut self, frame: Frame, now: Moment) -> Heard {
        match frame {
            Frame::Prompt => {
                self.open(now);
                Heard::Prompt
            }
            Frame::Block(bytes) => self.hear_block(bytes, now),
            Frame::Overlong | Frame::Torn if !self.takes_content() => {
                Heard::Stray("bytes that are no line".into())
            }
            Frame::Overlong | Frame::Torn => self.garble(),
            Frame::Line(raw) => self.hear_line(&raw, now),
        }
    }

    /// Whether what comes in is no longer what the module meant to send.
    pub(crate) fn is_garbled(&self) -> bool {
        self.garbled
    }

    /// The outcome, once every part that can come has come.
    pub(crate) fn settled(&self) -> Option<Settlement> {
        let complete = match (self.shape, &self.final_code) {
            _ if self.is_open() => false,
            (Shape::Final | Shape::CacheRead | Shape::Literal, code) => code.is_some(),
            (Shape::Cached, Some(FinalCode::Ok)) => self.announced || self.report.is_some(),
            (_, code) => code.is_some() && self.report.is_some(),
        };
        (complete && self.block.is_none_or(|block| !block.ours)).then(|| self.settle(None))
    }

    /// Content of another command that is still to come once this one is settled.
    pub(crate) fn leftover(&self) -> u64 {
        self.block.map_or(0, |block| block.left)
    }

    /// The outcome now that the deadline has passed.
    pub(crate) fn expire(&self) -> Settlement {
        let awaited = match (&self.final_code, &self.report) {
            _ if self.block.is_some() => Awaited::Block,
            (None, None) if self.handover == Handover::Awaited => Awaited::Prompt,
            (None, _) => Awaited::FinalCode,
            (Some(FinalCode::Ok), None) if self.content > 0 => Awaited::Data,
            (Some(_), _) => Awaited::Result,
        };
        self.settle(Some(awaited))
    }

    /// The outcome where something else broke the exchange off.
    pub(crate) fn broken(&self, cause: Cause) -> Settlement {
        self.settlement(Verdict::Failed(cause), false)
    }

    fn open(&mut self, now: Moment) {
        self.handover = Handover::Open;
        // Whatever came before the prompt was not the outcome.
        self.final_code = None;
        self.report = None;
        self.deadline = now + self.timing.outcome;
    }

    fn hear_line(&mut self, raw: &[u8], now: Moment) -> Heard {
        let heard = match Line::classify(raw) {
            Line::Final(code) => self.hear_final(code, now),
            Line::Text(text) => self.hear_text(text, now),
        };
        match heard {
            // Content that comes as lines has lost the line that announced it.
            Heard::Stray(text) if self.takes_content() && is_bare_information(&text) => {
                self.garble()
            }
            Heard::Stray(text) => Heard::Stray(text),
            heard if self.unproven.is_empty() => heard,
            _ => self.prove(),
        }
    }

    /// The block before was whole.
    fn prove(&mut self) -> Heard {
        self.content += self.unproven.len() as u64;
        Heard::Content(self.unproven.split().freeze())
    }

    /// The block before was not what the module meant to send, and neither can be what follows.
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
            self.unproven.extend_from_slice(&bytes);
        }
        // A block longer than any that is known is handed on as it comes.
        if self.unproven.len() > LONGEST_BLOCK {
            return self.prove();
        }
        Heard::Nothing
    }

    fn hear_final(&mut self, code: FinalCode, now: Moment) -> Heard {
        if self.final_code.is_some() {
            return Heard::Stray("a second final result code".into());
        }
        // `OK` before the prompt is no outcome: the command is only accepted.
        if self.handover == Handover::Awaited && code == FinalCode::Ok && self.literal != Some(0) {
            return Heard::Nothing;
        }
        // One example of the manual has the `OK` of CFTRANTX before the data (SIMCom manual
        // L2012), all others after the report.
        self.hasty = code == FinalCode::Ok
            && self.report.is_none()
            && self.claim == Claim::Report(Verb::Storage(StorageVerb::Read));
        self.final_code = Some(code);
        self.deadline = now + self.patience();
        Heard::Nothing
    }

    fn hear_text(&mut self, text: String, now: Moment) -> Heard {
        if self.line.is_echoed_by(&text) {
            self.echoed = true;
            return Heard::Nothing;
        }
        if let Claim::Prefix(prefix) = self.claim
            && text.starts_with(prefix)
        {
            self.info.push(text);
            return Heard::Nothing;
        }
        if let Some(report) = Report::parse(&text) {
            return self.hear_report(report, text, now);
        }
        if self.shape == Shape::Cached && Urc::parse(&text) == Urc::Received {
            self.announced = true;
            self.deadline = now + self.patience();
            return Heard::Nothing;
        }
        let ours = match self.claim {
            Claim::Bare(prefix) => text.starts_with(prefix) || is_bare_information(&text),
            Claim::Names => text.starts_with("+FSLS:") || (!self.info.is_empty() && is_name(&text)),
            Claim::Prefix(_) | Claim::Report(_) | Claim::Nothing => false,
        };
        if !ours {
            return Heard::Stray(text);
        }
        self.info.push(text);
        Heard::Nothing
    }

    fn hear_report(&mut self, report: Report, text: String, now: Moment) -> Heard {
        let ours = self.claim == Claim::Report(report.verb);
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
            _ => Heard::Stray(text),
        }
    }

    /// How long the next part of the answer may take.
    fn patience(&self) -> Duration {
        match (&self.final_code, &self.report) {
            (None, None) if self.content > 0 || self.handover == Handover::Closed => {
                self.timing.outcome
            }
            (None, None) => self.timing.accept,
            (Some(FinalCode::Ok), None) => self.timing.outcome,
            (Some(FinalCode::Error(_)), None) | (_, Some(_)) => self.timing.trailing,
        }
    }

    fn settle(&self, missing: Option<Awaited>) -> Settlement {
        let refused = matches!(self.final_code, Some(FinalCode::Error(_)));
        let verdict = match (&self.final_code, &self.report) {
            (_, Some(Body::Number(number))) if *number > 0 && self.is_code(refused) => {
                let code = u16::try_from(*number).unwrap_or(u16::MAX);
                Verdict::Failed(Cause::Reported(ErrCode::new(code)))
            }
            (Some(FinalCode::Error(code)), _) => Verdict::Failed(Cause::Refused(code.clone())),
            (_, Some(Body::Other(text))) if self.shape != Shape::Final => {
                Verdict::Failed(Cause::OutOfOrder(text.clone()))
            }
            (_, Some(body)) => Verdict::Done(Some(body.clone())),
            (Some(FinalCode::Ok), None)
                if self.announced
                    || matches!(self.shape, Shape::Final | Shape::CacheRead | Shape::Literal) =>
            {
                Verdict::Done(None)
            }
            _ => Verdict::Failed(Cause::Timeout(missing.unwrap_or(Awaited::Result))),
        };
        // `ERROR` alone is a whole answer: the report that may follow did not.
        let alone = refused && self.report.is_none() && self.block.is_none();
        self.settlement(verdict, missing.is_none() || alone)
    }

    /// Whether a number in the report is an error code. A size has the same shape: it is only
    /// known to be none where `ERROR` came with it (SIMCom manual L1219). So have the length of
    /// the cache (L1217) and the mode that SINGLEIP may repeat (A76XX AT manual V1.09 §17).
    fn is_code(&self, refused: bool) -> bool {
        let value = [Verb::Size, Verb::CacheRead, Verb::SingleIp].map(Claim::Report);
        refused || !value.contains(&self.claim)
    }

    fn settlement(&self, verdict: Verdict, clean: bool) -> Settlement {
        Settlement {
            name: self.name,
            verdict,
            clean: clean && !self.hasty,
            info: self.info.clone(),
            prompted: matches!(self.handover, Handover::Open | Handover::Closed),
            echoed: self.echoed,
        }
    }
}

impl Settlement {
    /// The error code reported, if that is what happened.
    pub(crate) fn errcode(&self) -> Option<ErrCode> {
        match self.verdict {
            Verdict::Failed(Cause::Reported(code)) => Some(code),
            _ => None,
        }
    }

    /// Whether the command did what was asked.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self.verdict, Verdict::Done(_))
    }

    /// The rest of the first line of information that begins with the prefix.
    pub(crate) fn after(&self, prefix: &str) -> Option<&str> {
        self.info
            .iter()
            .find_map(|line| line.strip_prefix(prefix))
            .map(str::trim)
    }

    /// The reason of a refusal, where the module gave one.
    pub(crate) fn refusal(&self) -> Option<&ErrorCode> {
        match &self.verdict {
            Verdict::Failed(Cause::Refused(code)) => code.as_ref(),
            _ => None,
        }
    }
}

/// Blocks of up to 1480 bytes are documented (SIMCom manual L1211).
const LONGEST_BLOCK: usize = 64 * 1024;

/// Whether a line can be the name of a file, which holds no colon, and is none of the unsolicited
/// lines that hold none either (SIM7500/SIM7600 AT manual V3.00).
fn is_name(text: &str) -> bool {
    const UNSOLICITED: [&str; 6] = [
        "RDY",
        "RING",
        "NO CARRIER",
        "SMS DONE",
        "PB DONE",
        "SIM REMOVED",
    ];
    !text.starts_with(['+', '*'])
        && !text.contains(':')
        && !text.contains("-VOLTAGE WARN")
        && !UNSOLICITED.contains(&text)
}

/// Whether a line can be an answer without prefix: not an unsolicited line, of which those
/// without a sign in front are few (SIM7500/SIM7600 AT manual V3.00).
fn is_bare_information(text: &str) -> bool {
    const UNSOLICITED: [&str; 9] = [
        "RDY",
        "RING",
        "NO CARRIER",
        "SMS DONE",
        "PB DONE",
        "VOICE CALL",
        "MISSED_CALL",
        "SIM REMOVED",
        "Autobaud",
    ];
    !text.starts_with(['+', '*'])
        && !text.starts_with("AT")
        && !text.contains("-VOLTAGE WARN")
        && !UNSOLICITED.iter().any(|word| text.starts_with(word))
}
