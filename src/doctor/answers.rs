//! The module's answers to the doctor's commands.

use std::time::{Duration, SystemTime};

use time::{Date, Month, Time, UtcDateTime};

use simcom_talk::dialogue::operation::Answer;
use simcom_talk::ftps::question::Question;

/// The commands for any module. Each of them only reads.
const QUESTIONS: [&str; 10] = [
    "AT+CPIN?",
    "AT+CFUN?",
    "AT+CSQ",
    "AT+CREG?",
    "AT+CGREG?",
    "AT+CEREG?",
    "AT+CGDCONT?",
    "AT+IFC?",
    "AT+IPR?",
    "AT+CCLK?",
];

/// The commands as they are sent.
pub(super) fn questions() -> Vec<Question> {
    let questions = QUESTIONS.iter();
    questions
        .filter_map(|text| Question::new(text).ok())
        .collect()
}

/// The answers, by the commands that they are for.
#[derive(Debug, Default)]
pub(super) struct Answers(Vec<Answer>);

/// The clock of the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clock {
    /// The clock was never set.
    Unset,
    /// The clock shows this time.
    At(SystemTime),
}

impl Answers {
    pub(super) const fn new(answers: Vec<Answer>) -> Self {
        Self(answers)
    }

    /// The information text of a command, without its name.
    pub(super) fn of(&self, name: &str) -> Option<&str> {
        let mut answers = self.0.iter();
        let answer = answers.find(|answer| {
            answer
                .line
                .strip_prefix("AT")
                .is_some_and(|line| line.split(['?', '=']).next() == Some(name))
        })?;
        let mut lines = answer.info.iter();
        let line = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        Some(line.trim())
    }

    /// The first number of that line.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.of(name)?.split(',').next()?.trim().parse().ok()
    }

    /// `<stat>` of `AT+CREG?` and its kin (3GPP 27.007 §7.2), the best of all.
    pub(super) fn registration(&self) -> Option<u8> {
        let stats = ["+CEREG", "+CGREG", "+CREG"].map(|name| {
            let stat = self.of(name)?.split(',').nth(1)?;
            stat.trim().parse().ok()
        });
        // Home, roaming, denied, searching, then any other.
        let rank = |stat: &u8| {
            [1, 5, 3, 2]
                .iter()
                .position(|known| known == stat)
                .unwrap_or(4)
        };
        stats.into_iter().flatten().min_by_key(rank)
    }

    /// The clock (`AT+CCLK?`, 3GPP 27.007 §8.15): local time, and quarters of an hour that it is ahead of UTC.
    pub(super) fn clock(&self) -> Option<Clock> {
        let text = self.of("+CCLK")?.trim_matches('"');
        let at = text.rfind(['+', '-'])?;
        let (local, zone) = text.split_at_checked(at)?;
        let quarters: i64 = zone.parse().ok()?;
        let mut numbers = local
            .split(['/', ',', ':'])
            .map(|part| part.parse::<u8>().ok());
        let mut next = || numbers.next().flatten();
        let (year, month, day) = (next()?, next()?, next()?);
        let (hour, minute, second) = (next()?, next()?, next()?);
        // A clock without a battery begins in 1970 or 1980; the answer has no other sign of that.
        if year >= 70 {
            return Some(Clock::Unset);
        }
        let date =
            Date::from_calendar_date(2000 + i32::from(year), Month::try_from(month).ok()?, day);
        let time = Time::from_hms(hour, minute, second).ok()?;
        let seconds = UtcDateTime::new(date.ok()?, time).unix_timestamp() - quarters * 15 * 60;
        let since = Duration::from_secs(u64::try_from(seconds).ok()?);
        Some(Clock::At(SystemTime::UNIX_EPOCH + since))
    }

    /// Whether context 1 is defined, and whether it has an access point name (`AT+CGDCONT?`, 3GPP 27.007
    /// §10.1.1). The report does not show the name.
    pub(super) fn context(&self) -> Option<bool> {
        let line = self.of("+CGDCONT")?;
        let apn = line.split(',').nth(2)?;
        Some(!apn.trim_matches(['"', ' ']).is_empty())
    }

    /// Whether the module has an address in the network (`AT+CGPADDR`, 3GPP 27.007 §10.1.14). 0.0.0.0 is none.
    pub(super) fn has_address(&self) -> Option<bool> {
        let line = self.of("+CGPADDR")?;
        let address = line.split(',').nth(1)?.trim_matches(['"', ' ']);
        Some(address.chars().any(|c| c.is_ascii_hexdigit() && c != '0'))
    }

    /// Whether the name was resolved (`AT+CDNSGIP`: 1, or 0 and a code).
    pub(super) fn is_resolved(&self) -> Option<bool> {
        match self.number("+CDNSGIP")? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(said: &[(&str, &str)]) -> Answers {
        let answer = |(line, info): &(&str, &str)| Answer {
            line: (*line).into(),
            info: vec![(*info).into()],
            result: "OK".into(),
        };
        Answers(said.iter().map(answer).collect())
    }

    #[test]
    fn every_question_is_one_that_may_be_asked() {
        assert_eq!(questions().len(), QUESTIONS.len());
    }

    #[test]
    fn the_clock_is_read_with_its_zone() {
        let at = |text| answers(&[("AT+CCLK?", text)]).clock();
        let noon = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_867_200);
        for text in [
            "+CCLK: \"26/11/28,12:00:00+00\"",
            "+CCLK: \"26/11/28,13:00:00+04\"",
            "+CCLK: \"26/11/28,04:00:00-32\"",
        ] {
            assert_eq!(at(text), Some(Clock::At(noon)), "{text}");
        }
        assert_eq!(at("+CCLK: \"80/01/06,00:00:00+00\""), Some(Clock::Unset));
        assert_eq!(at("+CCLK: \"70/01/01,00:02:00+00\""), Some(Clock::Unset));
        for text in [
            "+CCLK: \"26/13/28,12:00:00+00\"",
            "+CCLK: ",
            "+CCLK: \"x\"",
            "+CMTI: 1",
        ] {
            assert_eq!(at(text), None, "{text}");
        }
    }

    #[test]
    fn the_best_registration_counts() {
        let of = |said: &[(&str, &str)]| answers(said).registration();
        assert_eq!(
            of(&[("AT+CREG?", "+CREG: 0,2"), ("AT+CEREG?", "+CEREG: 0,1")]),
            Some(1)
        );
        assert_eq!(
            of(&[("AT+CREG?", "+CREG: 0,3"), ("AT+CEREG?", "+CEREG: 0,0")]),
            Some(3)
        );
        assert_eq!(of(&[("AT+CREG?", "+CREG: 1")]), None);
    }

    #[test]
    fn context_address_and_name_are_told_by_yes_and_no() {
        let context = |text| answers(&[("AT+CGDCONT?", text)]).context();
        assert_eq!(
            context("+CGDCONT: 1,\"IP\",\"secret.apn\",\"0.0.0.0\",0,0"),
            Some(true)
        );
        assert_eq!(
            context("+CGDCONT: 1,\"IP\",\"\",\"0.0.0.0\",0,0"),
            Some(false)
        );
        let address = |text| answers(&[("AT+CGPADDR=1", text)]).has_address();
        assert_eq!(address("+CGPADDR: 1,10.1.2.3"), Some(true));
        assert_eq!(address("+CGPADDR: 1,0.0.0.0"), Some(false));
        assert_eq!(address("+CGPADDR: 1"), None);
        let resolved = |text| answers(&[("AT+CDNSGIP=\"h\"", text)]).is_resolved();
        assert_eq!(resolved("+CDNSGIP: 1,\"h\",\"1.2.3.4\""), Some(true));
        assert_eq!(resolved("+CDNSGIP: 0,10"), Some(false));
    }
}
