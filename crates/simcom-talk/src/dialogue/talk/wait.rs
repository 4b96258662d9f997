//! Waits between two lines: for time to pass, or for a quiet line.

use std::time::Duration;

use crate::dialogue::moment::Moment;
use crate::ftps::unsolicited;

/// A wait while no command is under way. Both kinds end by their own deadline, whatever arrives.
#[derive(Debug)]
pub(super) enum Wait {
    /// Time passes. The dialogue hears what arrives.
    Pause {
        why: &'static str,
        began: Moment,
        until: Moment,
    },
    Quiet(Quiet),
}

/// Waits until the module has stopped sending: the rest of a transfer that was cut off, or late
/// answers. Unsolicited lines do not count.
#[derive(Debug)]
pub(super) struct Quiet {
    /// How long nothing may come.
    span: Duration,
    pub(super) began: Moment,
    /// When it is over, if nothing more comes.
    until: Moment,
    /// When it would be over if the current line were an unsolicited one.
    unless: Moment,
    /// The part of that line that has come.
    line: Vec<u8>,
}

/// Longest wait for a quiet line. After it, the module is asked in any case. A question whose answer
/// cannot be mistaken puts host and module in step again, and what still comes then shows as lines or
/// as a failure. A block of content has much shorter gaps, even through the slowest network.
pub(super) const LONGEST_QUIET: Duration = Duration::from_secs(30);

/// Longer than any unsolicited line. Anything longer is content.
const LONGEST_LINE: usize = 512;

/// A wait of this length is reported, in the log and in the state of the module: people notice it.
pub(super) const NOTICED: Duration = Duration::from_secs(2);

impl Wait {
    pub(super) fn until(&self) -> Moment {
        match self {
            Self::Pause { until, .. } => *until,
            Self::Quiet(quiet) => quiet.until,
        }
    }

    /// What the dialogue waits for and since when, where the wait is long enough to be reported.
    pub(super) fn told(&self, now: Moment) -> Option<(&'static str, Moment)> {
        let (why, began, lasts) = match self {
            Self::Pause { why, began, until } => (*why, *began, *until - *began),
            Self::Quiet(quiet) => {
                let why = "the module is still sending, and its line has to be quiet";
                (why, quiet.began, now - quiet.began)
            }
        };
        (lasts >= NOTICED).then_some((why, began))
    }
}

impl Quiet {
    pub(super) fn new(span: Duration, now: Moment) -> Self {
        Self {
            span,
            began: now,
            until: now + span,
            unless: now + span,
            line: Vec::new(),
        }
    }

    /// Takes bytes that came.
    pub(super) fn hear(&mut self, bytes: &[u8], now: Moment) {
        for byte in bytes {
            match byte {
                b'\n' => {
                    let line = std::mem::take(&mut self.line);
                    let text = String::from_utf8_lossy(&line);
                    if !text.is_empty() && !unsolicited::is_unsolicited(&text) {
                        self.unless = now + self.span;
                    }
                }
                b'\r' => {}
                _ if self.line.len() >= LONGEST_LINE => self.unless = now + self.span,
                byte => self.line.push(*byte),
            }
        }
        let latest = self.began + LONGEST_QUIET;
        let until = if self.line.is_empty() {
            self.unless
        } else {
            // The line is judged when it is over.
            now + self.span
        };
        self.until = until.min(latest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Duration = Duration::from_millis(300);

    /// How long the wait takes where these bytes come at this interval.
    fn waited(bytes: &[u8], every: Duration) -> Duration {
        let mut quiet = Quiet::new(SPAN, Moment::ORIGIN);
        let mut now = Moment::ORIGIN;
        loop {
            now = now + every;
            if quiet.until <= now {
                return quiet.until - Moment::ORIGIN;
            }
            // A line may be cut anywhere.
            for part in bytes.chunks(5) {
                quiet.hear(part, now);
            }
        }
    }

    #[test]
    fn a_line_that_does_not_become_quiet_is_told_once_people_notice() {
        let mut wait = Wait::Quiet(Quiet::new(SPAN, Moment::ORIGIN));
        let told = |wait: &Wait, at| wait.told(Moment::ORIGIN + at).map(|(_, since)| since);
        assert_eq!(told(&wait, SPAN), None);
        for tenth in 1..=25 {
            let now = Moment::ORIGIN + tenth * Duration::from_millis(100);
            if let Wait::Quiet(quiet) = &mut wait {
                quiet.hear(b"some of a file", now);
            }
        }
        assert_eq!(told(&wait, NOTICED), Some(Moment::ORIGIN));
    }

    #[test]
    fn unsolicited_lines_do_not_push_on_and_content_does_for_half_a_minute() {
        for every in [1, 50, 100, 250] {
            let every = Duration::from_millis(every);
            for line in [
                &b"\r\n+CREG: 1\r\n"[..],
                b"$GNRMC,,V,,,,,,,,,,N,V*37\r\n",
                b"\r\nRING\r\n",
            ] {
                assert!(waited(line, every) <= SPAN + every, "{every:?}");
            }
            for content in [&b"some of a file"[..], b"one\r\ntwo\r\n", b"\0\0\0\0"] {
                assert_eq!(waited(content, every), LONGEST_QUIET, "{every:?}");
            }
        }
        let rest = b"\r\n+CFTPSGET: DATA,3\r\nabc";
        assert_eq!(waited(rest, Duration::from_millis(100)), LONGEST_QUIET);
    }
}
