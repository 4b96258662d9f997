//! What the module sent, in a form that a log may show.

use std::borrow::Cow;

use super::dialogue::Dialogue;
use crate::at::ErrorCode;
use crate::dialogue::exchange::{Outcome, Response};
use crate::dialogue::failure::Cause;
use crate::ftps::unsolicited::{self, Urc};
use crate::ftps::{Body, Report};

/// Stands in place of a line that may hold a secret.
const HIDDEN: &str = "*** (not shown: it may hold a password)";

impl Dialogue {
    /// A line of the module for the log. All lines that go there pass here.
    pub(super) fn shown<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let under_way = self
            .exchange
            .as_ref()
            .is_some_and(|exchange| exchange.line().is_secret());
        if self.secrets.share(text) || (under_way && !is_known(text)) {
            return HIDDEN.into();
        }
        text.into()
    }

    /// Removes possible secrets from an error, which goes to logs and callers.
    pub(super) fn hide(&self, response: &mut Response) {
        let Outcome::Failed(cause) = &mut response.outcome else {
            return;
        };
        match cause {
            Cause::OutOfOrder(text) | Cause::Refused(Some(ErrorCode::Text(text)))
                if self.secrets.share(text) =>
            {
                *text = HIDDEN.to_owned();
            }
            _ => {}
        }
    }
}

/// Whether a line has a form that has no room for a secret.
fn is_known(text: &str) -> bool {
    let report = Report::parse(text).map(|report| report.body);
    matches!(
        report,
        Some(Body::Number(_) | Body::Data(_) | Body::Length(_))
    ) || unsolicited::is_unsolicited(text)
        || Urc::parse(text).has_no_free_text()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::at::CommandLine;
    use crate::dialogue::exchange::{Exchange, Information};
    use crate::dialogue::talk::Patience;
    use crate::dialogue::{Moment, Setup};
    use crate::ftps::{CommandName, Timing};

    fn login(password: &str) -> CommandLine {
        CommandLine::write("AT+CFTPSLOGIN")
            .quoted("ftp.example")
            .number(21)
            .quoted("user")
            .secret(password)
            .number(0)
            .finish()
    }

    #[test]
    fn a_login_echoed_with_errors_is_not_logged_with_its_password() {
        let mut dialogue = Dialogue::new(Setup::default(), Patience::default());
        let line = login("tall_horse9");
        dialogue.secrets.said(&line);
        let parts = [
            "AT+CFTPSLOGIN=\"ftp.example\",21,\"user\",\"tall_horse9\",0",
            "+CFTPSLOIN=\"ftp.example\",21,\"user\",\"tal_horse9\",0",
            "l_ho",
        ];
        for part in parts {
            assert_eq!(dialogue.shown(part), HIDDEN, "{part}");
        }
        for other in ["+CREG: 1", "530 Login incorrect", "RDY"] {
            assert_eq!(dialogue.shown(other), other);
        }
        // While that line is under way, every unknown line is hidden.
        let timing = Timing::DEFAULT;
        let exchange = Exchange::basic(
            CommandName::AT,
            line,
            Information::Nothing,
            timing,
            Moment::ORIGIN,
        );
        dialogue.exchange = Some(exchange);
        assert_eq!(dialogue.shown("c0rrect_h0rse"), HIDDEN);
        assert_eq!(dialogue.shown("RING"), "RING");
        assert_eq!(dialogue.shown("+CFTPSLOGIN: 13"), "+CFTPSLOGIN: 13");
    }
}
