//! What the module sends, and what that changes.

use std::time::Duration;

use bytes::Bytes;
use tracing::{debug, info, warn};

use super::dialogue::Dialogue;
use super::readiness::Change;
use super::run::{Activity, Sentences};
use crate::at::line::is_sentence;
use crate::at::{Expect, Frame};
use crate::dialogue::echo::Echo;
use crate::dialogue::exchange::{Exchange, Heard};
use crate::dialogue::failure::{Cause, Failure, Stage};
use crate::dialogue::moment::Moment;
use crate::dialogue::procedure::{EndOfContent, Feed, Procedure};
use crate::dialogue::rung::Rung;
use crate::dialogue::session::Session;
use crate::ftps::{Body, Command, CommandName, ErrCode, Report, Urc, escape};

/// How soon the module should report after the server closed the connection.
const AFTER_CLOSE: Duration = Duration::from_secs(10);

impl Dialogue {
    pub(super) fn pull(&mut self, now: Moment) {
        loop {
            let expect = match &self.exchange {
                _ if self.leftover > 0 => Expect::Block(self.leftover),
                Some(exchange) => exchange.expect(),
                None => Expect::Line,
            };
            let Some(frame) = self.framer.pull(expect) else {
                return;
            };
            self.hear(frame, now);
        }
    }

    pub(super) fn hear(&mut self, frame: Frame, now: Moment) {
        if let Frame::Block(bytes) = &frame
            && self.leftover > 0
        {
            self.leftover = self.leftover.saturating_sub(bytes.len() as u64);
            return;
        }
        let Some(exchange) = &mut self.exchange else {
            self.hear_between_commands(frame, now);
            return;
        };
        match exchange.hear(frame, now) {
            Heard::Nothing => {}
            Heard::Unsolicited(text) => self.hear_unsolicited(&text, now),
            Heard::Content(bytes) => {
                if let Some(run) = &mut self.run
                    && let Some(delivery) = run.task.content(bytes)
                {
                    run.deliveries.push(delivery, now);
                }
            }
            Heard::Prompt => self.prompted(now),
        }
        let Some(exchange) = &self.exchange else {
            return;
        };
        if exchange.is_garbled() {
            warn!("content and count do not agree: bytes were lost or slipped in");
            self.break_off(Cause::Garbled, now);
            return;
        }
        if exchange.is_interrupted() {
            self.readiness.change(Change::AnswerIncomplete);
            // The rest would be read as command lines.
            if self.outbox.drop_content() {
                // Behind an ETX, the first mark is content.
                self.outbox.line(Bytes::from_static(&[escape::END]));
            }
            self.end_content(now);
        }
        if let Some(response) = self.exchange.as_ref().and_then(Exchange::response) {
            self.take_response(response, now);
        }
    }

    /// Takes a frame that came while no command was under way.
    pub(super) fn hear_between_commands(&mut self, frame: Frame, now: Moment) {
        let Frame::Line(raw) = frame else { return };
        let text = String::from_utf8_lossy(&raw).into_owned();
        // Content of a command that is over is skipped by its count and not read.
        if let Some(Report {
            body: Body::Data(len),
            ..
        }) = Report::parse(&text)
        {
            self.leftover = len;
            return;
        }
        self.hear_unsolicited(&text, now);
    }

    /// Takes a line that belongs to no command.
    pub(super) fn hear_unsolicited(&mut self, text: &str, now: Moment) {
        if self.filling.take().is_some() {
            // Whatever the module waited for, it does not wait any more.
            self.outbox.drop_content();
        }
        if let (Some(report), Some(run)) = (Report::parse(text), &mut self.run)
            && let Some(code) = run.task.unsolicited_report(&report)
        {
            self.session.note(code);
            return;
        }
        if let Some(Report { name, body }) = Report::parse(text) {
            self.silent.came(name);
            if let (CommandName::Login, Body::Number(code @ 1..), Some(_)) =
                (name, body, self.hasty_until)
            {
                self.late_code = Some(ErrCode::new(u16::try_from(code).unwrap_or(u16::MAX)));
            }
        }
        let code = Urc::parse(text);
        self.notes.unsolicited(&code);
        match code {
            Urc::Boot => {
                warn!(line = %self.shown(text), "the module has started");
                self.forget();
                self.readiness.change(Change::ModuleStarted);
                if let (None, Some(Activity::BringUp(bring_up))) = (
                    &self.exchange,
                    self.run.as_mut().map(|run| &mut run.activity),
                ) {
                    bring_up.give_up(Failure::new(Cause::Rebooted, None, Stage::Device));
                }
                self.break_off(Cause::Rebooted, now);
            }
            Urc::PeerClosed => {
                info!("the server closed the connection");
                self.lapse(Rung::Login, &Cause::Disconnected, CommandName::Login);
                self.session.close();
                if let Some(exchange) = &mut self.exchange {
                    exchange.hasten(now + AFTER_CLOSE);
                }
            }
            Urc::ServiceLost => {
                warn!("the module lost the FTPS service");
                self.lapse(Rung::Service, &Cause::Disconnected, CommandName::Start);
                self.session = Session::Unknown;
                self.break_off_transfer(Cause::Disconnected, now);
            }
            Urc::NetworkLost => {
                warn!(
                    line = %self.shown(text),
                    "the module lost its data connection to the network"
                );
                self.lapse(Rung::Service, &Cause::NetworkLost, CommandName::Start);
                self.session = Session::Unknown;
                self.break_off_transfer(Cause::NetworkLost, now);
            }
            // A download that is under way asks by itself what the cache holds.
            Urc::Received => {}
            Urc::ServerText(words) => info!(words = %self.shown(&words), "the server said"),
            Urc::Other(line) => {
                debug!(line = %self.shown(&line), "unsolicited");
                self.mind_the_sentences(&line);
                if let Some(Activity::BringUp(bring_up)) =
                    self.run.as_mut().map(|run| &mut run.activity)
                {
                    bring_up.unsolicited_line(&line);
                }
            }
        }
    }

    /// Sentences of a satellite receiver on the AT port are logged once, and ended if the module can end
    /// them.
    fn mind_the_sentences(&mut self, line: &str) {
        if self.sentences == Sentences::None && is_sentence(line.as_bytes()) {
            self.sentences = Sentences::Heard;
            info!(
                "sentences of a satellite receiver (NMEA) come out of the AT port; the module is told to end them"
            );
        }
    }

    pub(super) fn prompted(&mut self, now: Moment) {
        if self.exchange.as_ref().is_some_and(Exchange::is_echoed) {
            self.echo = Some(Echo::default());
        }
        if let Some(bytes) = self.exchange.as_mut().and_then(Exchange::take_content) {
            self.write(Some(Feed { bytes, end: true }), now);
            return;
        }
        let Some(run) = &mut self.run else { return };
        let feed = run.task.prompted();
        // A block is handed over whole, even when nobody waits for it: no byte can end it early.
        if run.abandoned && !feed.as_ref().is_some_and(|feed| feed.end) {
            self.end_content(now);
        } else {
            self.write(feed, now);
        }
    }

    pub(super) fn write(&mut self, feed: Option<Feed>, now: Moment) {
        let Some(feed) = feed else { return };
        if let Some(echo) = &mut self.echo {
            echo.expect(&feed.bytes);
        }
        self.outbox.content(feed.bytes);
        if feed.end
            && let Some(exchange) = &mut self.exchange
        {
            exchange.close(now);
        }
    }

    /// Ends content that is being handed over, where it is.
    pub(super) fn end_content(&mut self, now: Moment) {
        let end = self.run.as_ref().map(|run| run.task.end_of_content());
        if let Some(EndOfContent::Fill(left)) = end {
            let over = self.exchange.as_ref().is_some_and(Exchange::is_interrupted);
            if left > 0 && !over {
                self.fill = left;
            } else if let Some(exchange) = &mut self.exchange {
                exchange.close(now);
            }
            return;
        }
        if let Some(echo) = &mut self.echo {
            echo.expect(&[escape::END]);
        }
        self.outbox.line(Bytes::from_static(&[escape::END]));
        if let Some(exchange) = &mut self.exchange {
            exchange.close(now);
        }
    }

    /// Writes the next zeros that end content before its announced length.
    pub(super) fn fill_up(&mut self, now: Moment) {
        static ZEROS: [u8; 4096] = [0; 4096];
        let len = usize::try_from(self.fill).unwrap_or(usize::MAX);
        let bytes = Bytes::from_static(ZEROS.get(..len).unwrap_or(&ZEROS));
        self.fill -= bytes.len() as u64;
        let feed = Feed {
            end: self.fill == 0,
            bytes,
        };
        self.write(Some(feed), now);
    }

    /// The state of the module is lost.
    pub(super) fn forget(&mut self) {
        self.framer.clear();
        self.echo = None;
        self.leftover = 0;
        self.outbox.clear();
        self.filling = None;
        self.fill = 0;
        self.lapse = None;
        self.readiness.change(Change::ModuleForgot);
        self.session = Session::Unknown;
    }

    /// The exchange under way will not be answered.
    pub(super) fn break_off(&mut self, cause: Cause, now: Moment) {
        self.wait = None;
        if let Some(response) = self
            .exchange
            .as_ref()
            .map(|exchange| exchange.broken(cause))
        {
            self.take_response(response, now);
        }
    }

    /// The same as [`Dialogue::break_off`], for exchanges that need the network.
    pub(super) fn break_off_transfer(&mut self, cause: Cause, now: Moment) {
        let service = self
            .exchange
            .as_ref()
            .is_some_and(Exchange::is_of_the_service);
        let speaking = service
            && self.run.as_ref().is_some_and(|run| {
                matches!(
                    run.activity,
                    Activity::Task | Activity::Plan(Command::Login(_))
                )
            });
        if speaking && self.exchange.as_ref().is_some_and(Exchange::is_open) {
            // At a prompt everything is content until the content is ended.
            self.end_content(now);
            return;
        }
        if speaking {
            self.break_off(cause, now);
        }
    }

    /// Takes whether the module echoed, although echo was switched off. If it did, the module has
    /// restarted unnoticed, and all settings are lost.
    pub(super) fn mind_the_echo(&mut self, echoed: bool) {
        let bringing_up = self
            .run
            .as_ref()
            .is_some_and(|run| matches!(run.activity, Activity::BringUp(_)));
        if bringing_up {
            self.echoes = echoed;
        } else if echoed && !self.echoes && self.is_ready() {
            info!("the module echoes again: it has restarted");
            self.readiness.change(Change::ModuleForgot);
            self.session = Session::Unknown;
        }
    }

    /// Throws the rest of a download away as long as that costs less than an abort, which costs the login
    /// (SIMCom manual L1218). Then aborts, where the module can.
    pub(super) fn mind_the_drain(&mut self, now: Moment) {
        let cost = self.abort_cost.total();
        let (Some(run), Some(exchange)) = (&mut self.run, &self.exchange) else {
            return;
        };
        let Some(until) = run.drain_until else { return };
        let receives = exchange.is_receiving() && exchange.is_of_the_server();
        if !(receives || exchange.is_moving_a_file()) {
            return;
        }
        let left = run
            .task
            .remaining()
            .and_then(|bytes| exchange.estimate(bytes, now));
        if !self.profile.abort || (now < until && left.is_none_or(|left| left < cost)) {
            return;
        }
        run.drain_until = None;
        run.aborted = true;
        run.activity = Activity::Abort;
        let Ok(line) = Command::Abort.encode(&self.profile) else {
            return;
        };
        let abort = Exchange::of(&Command::Abort, line, now).over(exchange);
        self.open_exchange(abort);
    }
}
