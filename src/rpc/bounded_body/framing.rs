//! Messages as gRPC frames them: a flag, a length, and so many bytes.

use tokio::time::Instant;
use tonic::Status;

use crate::rpc::limits::{CHUNK, FILE, FRAMING, HEADER, SHORT, SHORT_A_SECOND, SHORT_AT_ONCE};
use crate::rpc::status;

/// Bytes before a message: flag and length.
const HEAD: usize = 5;

/// The messages that a method accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::rpc) enum MessageForm {
    /// One message.
    One,
    /// Messages of which none is a chunk.
    Many,
    /// A header, then chunks.
    Chunks,
    /// Messages with a whole file, or with many paths.
    Files,
    /// One message with many paths.
    Paths,
}

impl MessageForm {
    /// The form of the method at a path.
    pub(in crate::rpc) fn of(path: &str) -> Self {
        match path.rsplit('/').next().unwrap_or_default() {
            "Put" | "CreateUpload" | "ResumeUpload" | "WriteModuleFile" => Self::Chunks,
            "PutFiles" => Self::Files,
            "GetFiles" | "DeleteFiles" | "StatFiles" => Self::Paths,
            "ServerReflectionInfo" => Self::Many,
            _ => Self::One,
        }
    }
}

/// Where the messages of a call begin and end.
#[derive(Debug)]
pub(super) struct Framing {
    form: MessageForm,
    head: [u8; HEAD],
    /// Bytes of the head that have arrived.
    headed: usize,
    /// Bytes of the message that are to come.
    rest: u32,
    /// Messages that are whole.
    whole: u64,
    /// Whether [`Left::Begun`] was answered for the message that is arriving.
    told: bool,
    /// Short chunks that may still come, and since when.
    short: u32,
    since: Instant,
}

/// What is left of a message after some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// The message is whole.
    Nothing,
    /// A message of so many bytes has begun.
    Begun(u32),
    /// The same message as before goes on.
    More,
}

impl Framing {
    pub(super) fn new(form: MessageForm, now: Instant) -> Self {
        Self {
            form,
            head: [0; HEAD],
            headed: 0,
            rest: 0,
            whole: 0,
            told: false,
            short: SHORT_AT_ONCE,
            since: now,
        }
    }

    pub(super) const fn first_is_whole(&self) -> bool {
        self.whole > 0
    }

    /// Whether the client owes something: it has begun a message, or has to send one, or the end.
    pub(super) fn is_awaited(&self) -> bool {
        self.is_one() || self.whole == 0 || self.told
    }

    /// Takes bytes up to the end of a message. Answers with their number, and with what is left of the message
    /// then.
    ///
    /// # Errors
    /// `MESSAGE_TOO_LONG`, or `CHUNKS_TOO_SHORT` where too many chunks are short.
    pub(super) fn take(&mut self, from: &[u8], now: Instant) -> Result<(usize, Left), Status> {
        let mut bytes = from;
        while let Some((first, behind)) = bytes.split_first() {
            if let Some(next) = self.head.get_mut(self.headed) {
                *next = *first;
                self.headed += 1;
                bytes = behind;
                if self.headed == HEAD {
                    self.begin(now)?;
                }
            } else {
                let part = (self.rest as usize).min(bytes.len());
                bytes = bytes.get(part..).unwrap_or_default();
                self.rest -= u32::try_from(part).unwrap_or(self.rest);
            }
            if self.headed == HEAD && self.rest == 0 {
                self.headed = 0;
                self.told = false;
                self.whole += 1;
                break;
            }
        }
        let left = match self.headed {
            0 => Left::Nothing,
            HEAD if !self.told => {
                self.told = true;
                Left::Begun(self.len())
            }
            _ => Left::More,
        };
        Ok((from.len() - bytes.len(), left))
    }

    /// Checks the end of a call.
    ///
    /// # Errors
    /// `MALFORMED_MESSAGE` where the call ended within a message, or without the message that it must have.
    pub(super) fn end(&self) -> Result<(), Status> {
        if self.headed > 0 {
            return Err(status::malformed("it ends in the middle of a message"));
        }
        if self.whole == 0 && self.is_one() {
            return Err(status::malformed("it has no message"));
        }
        Ok(())
    }

    fn is_one(&self) -> bool {
        matches!(self.form, MessageForm::One | MessageForm::Paths)
    }

    fn len(&self) -> u32 {
        let [_, length @ ..] = self.head;
        u32::from_be_bytes(length)
    }

    fn begin(&mut self, now: Instant) -> Result<(), Status> {
        let len = self.len();
        let chunk = self.form == MessageForm::Chunks && self.whole > 0;
        let (bound, told) = match self.form {
            MessageForm::Files | MessageForm::Paths => (FILE, FILE),
            MessageForm::One | MessageForm::Many | MessageForm::Chunks if chunk => {
                (CHUNK + FRAMING, CHUNK)
            }
            MessageForm::One | MessageForm::Many | MessageForm::Chunks => (HEADER, HEADER),
        };
        if len > bound {
            return Err(status::too_long(len, told));
        }
        if chunk && len < SHORT {
            self.pay(now)?;
        }
        self.rest = len;
        Ok(())
    }

    fn pay(&mut self, now: Instant) -> Result<(), Status> {
        let seconds = now.duration_since(self.since).as_secs();
        if seconds > 0 {
            let back = u32::try_from(seconds).unwrap_or(u32::MAX);
            let back = back.saturating_mul(SHORT_A_SECOND);
            self.short = self.short.saturating_add(back).min(SHORT_AT_ONCE);
            self.since = now;
        }
        match self.short.checked_sub(1) {
            Some(left) => self.short = left,
            None => return Err(status::short_chunks()),
        }
        Ok(())
    }
}
