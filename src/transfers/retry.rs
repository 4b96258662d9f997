//! Whether and when another attempt follows a failed one.

use std::time::Duration;

use super::record::Record;
use crate::broker::terms::{Cause, Error, Exhausted};
use crate::modem;
use simcom_talk::dialogue::failure::{self, Failure, Finding, Stage};
use simcom_talk::ftps::errcode::ErrCode;

/// The budget for all attempts of one transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Attempts that had the link.
    pub attempts: u32,
    /// Time of attempts that had the link, and of the pauses after them. A week without a link uses
    /// none of it: an accepted transfer is not given up without a try.
    pub give_up_after: Duration,
    /// Bytes over the link, as a multiple of the file's size.
    pub resend_limit: u32,
    /// Time before the second attempt; it doubles from one to the next.
    pub backoff: Duration,
    /// The longest time between two attempts.
    pub max_backoff: Duration,
}

impl Default for Budget {
    /// Ten seconds suit a link that fails briefly, and ten minutes cost little on a link that is
    /// away for long. Twenty attempts are two hours and a half at a server that refuses; a missing
    /// module costs none. Two days of tries outlast a server's weekend. Five times the size is what
    /// a bad link may cost before a person should look at it.
    fn default() -> Self {
        Self {
            attempts: 20,
            give_up_after: Duration::from_secs(48 * 3600),
            resend_limit: 5,
            backoff: Duration::from_secs(10),
            max_backoff: Duration::from_secs(600),
        }
    }
}

/// What an error implies for another attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Another {
    /// Another attempt would end in the same way, or do harm.
    Never,
    /// Another attempt may succeed; the failed one is charged.
    Counted,
    /// Another attempt may succeed; the failed one had no link and is free.
    Uncounted,
    /// Another attempt may succeed if the login has worked before. Servers refuse a login while
    /// they still count a broken session, and lock accounts after repeated wrong passwords.
    IfLoginWorked,
}

/// Bytes that every attempt may cost beside the file's own: a listing, a sentinel.
const BESIDES: u64 = 64 * 1024;

impl Budget {
    /// Time before the attempt that follows the `tries`-th: between half and all of the doubled
    /// backoff, so that transfers that failed together do not return together.
    pub(crate) fn delay(&self, tries: u32, random: u64) -> Duration {
        let doublings = tries.saturating_sub(1).min(16);
        let whole = self
            .backoff
            .saturating_mul(1 << doublings)
            .min(self.max_backoff);
        let part = u32::try_from(random % 1024).unwrap_or_default();
        whole / 2 + whole / 2 * part / 1024
    }

    /// The part of the budget that is used up, if any.
    pub(crate) fn exhausted(&self, record: &Record) -> Option<Exhausted> {
        let spent = &record.spent;
        let bytes = record.size.unwrap_or(u64::MAX).saturating_add(BESIDES);
        let bytes = bytes.saturating_mul(u64::from(self.resend_limit));
        if spent.attempts >= self.attempts {
            Some(Exhausted::Attempts)
        } else if spent.time >= self.give_up_after {
            Some(Exhausted::Time)
        } else if spent.moved >= bytes {
            Some(Exhausted::Bytes)
        } else {
            None
        }
    }
}

/// What an error implies for another attempt of an upload or a download.
pub(crate) fn another(error: &Error, uploads: bool) -> Another {
    match &error.cause {
        Cause::ProfileNotFound(_)
        | Cause::ProfileNotAllowed { .. }
        | Cause::InlineNotAllowed
        | Cause::AtCommandsNotAllowed
        | Cause::InvalidPath(_)
        | Cause::OwnSentinel
        | Cause::NoVerifyInAscii
        | Cause::DirectoryNotEmpty
        | Cause::NotADirectory
        | Cause::RootOfTree
        | Cause::NotAddressable(_)
        | Cause::TreeTooLarge
        | Cause::TreeIncomplete { .. }
        | Cause::UnusableDirectory(_)
        | Cause::SessionNotFound
        | Cause::TransfersOff
        | Cause::TransferNotFound
        | Cause::TransferExists
        | Cause::TransferBusy
        | Cause::TooManyTransfers { .. }
        | Cause::OnlyValidated
        | Cause::RequestIdUsed
        | Cause::RequestRunning
        | Cause::TransferExpired(_)
        | Cause::WrongState(_)
        | Cause::WrongOffset { .. }
        | Cause::TransferEnded
        | Cause::GaveUp { .. }
        | Cause::SpoolLost
        // The server tells no more the next time.
        | Cause::Unverified { .. }
        | Cause::RecordDamaged => Another::Never,
        Cause::QueueFull { .. }
        // Until the next day or month.
        | Cause::DataBudget(_)
        | Cause::TooManySessions { .. }
        | Cause::TooManyWatchers { .. }
        | Cause::SpoolFull { .. }
        | Cause::Spool(_)
        | Cause::Store(_)
        | Cause::Stopping
        // Another writer began there and did not finish: if it finishes, the transfer learns that
        // and ends.
        | Cause::NameTaken(_)
        | Cause::Interrupted => Another::Uncounted,
        Cause::Expired
        | Cause::ReaderTooSlow
        | Cause::WriterTooSlow
        | Cause::OperationNotFound
        | Cause::SizeMismatch { .. }
        | Cause::HashMismatch(_)
        | Cause::SourceChanged
        // The other upload may end without a file there; if it has written one, the next attempt
        // finds it.
        | Cause::NameBusy(_)
        | Cause::Indeterminate
        | Cause::SentinelUnknown
        | Cause::Cancelled(_)
        | Cause::WrongAnswer => Another::Counted,
        Cause::Modem(error) => of_modem(error, uploads),
    }
}

fn of_modem(error: &modem::Error, uploads: bool) -> Another {
    match error {
        modem::Error::DeviceAbsent { .. }
        | modem::Error::PortHeld { .. }
        | modem::Error::Io(_)
        | modem::Error::NotReady(_)
        | modem::Error::Stopping => Another::Uncounted,
        modem::Error::Failed(failure) => of_failure(failure, uploads),
    }
}

fn of_failure(failure: &Failure, uploads: bool) -> Another {
    use failure::Cause as C;
    match &failure.cause {
        C::Reported(ErrCode::REJECTED) if failure.stage == Stage::Login => Another::IfLoginWorked,
        // A file to read is not there; for a file to write that is normal.
        C::Reported(_) if !uploads && failure.finding == Some(Finding::NameAbsent) => {
            Another::Never
        }
        C::Reported(ErrCode::PARAMETER) | C::Exists | C::Unsuitable(_) => Another::Never,
        // The module refuses a certificate or a setting.
        C::Refused(_) if failure.stage == Stage::Tls => Another::Never,
        C::SimMissing | C::SimLocked | C::NotRegistered | C::NetworkLost => Another::Uncounted,
        _ => Another::Counted,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::transfers::record::ToldError;
    use crate::transfers::testing::{NOW, download, key};

    #[test]
    fn pauses_double_up_to_a_bound_and_spread_over_a_half() {
        let budget = Budget::default();
        let shortest: Vec<u64> = (1..=9).map(|n| budget.delay(n, 0).as_secs()).collect();
        assert_eq!(shortest, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
        for random in [0, 1, 1023, 1024, u64::MAX] {
            let delay = budget.delay(1, random);
            let (half, whole) = (budget.backoff / 2, budget.backoff);
            assert!((half..whole).contains(&delay), "{delay:?}");
        }
        assert!(budget.delay(u32::MAX, u64::MAX) < budget.max_backoff);
    }

    #[test]
    fn each_part_of_the_budget_ends_it() {
        let budget = Budget::default();
        let mut record = download(key("x"));
        assert_eq!(budget.exhausted(&record), None);
        // For a file of unknown size, bytes prove nothing.
        record.spend(1 << 40);
        assert_eq!(budget.exhausted(&record), None);
        record.size = Some(1 << 20);
        assert_eq!(budget.exhausted(&record), Some(Exhausted::Bytes));
        record.retry(NOW);
        for _ in 0..budget.attempts {
            assert_eq!(budget.exhausted(&record), None);
            record.start(NOW);
        }
        assert_eq!(budget.exhausted(&record), Some(Exhausted::Attempts));
        record.retry(NOW);
        assert_eq!(budget.exhausted(&record), None);
    }

    #[test]
    fn only_time_with_a_link_counts_and_a_new_budget_begins_at_zero() {
        let budget = Budget::default();
        let mut record = download(key("x"));
        let why = || ToldError {
            reason: "X".into(),
            message: "why".into(),
            metadata: BTreeMap::new(),
        };
        let pause = budget.give_up_after / 4;
        let mut now = NOW;
        for counts in [true, false, false, true] {
            assert_eq!(budget.exhausted(&record), None);
            // A week without a module before each attempt.
            now += Duration::from_secs(7 * 86400);
            record.start(now);
            now += pause;
            record.wait(now + pause, why(), counts, now);
        }
        assert_eq!(record.spent.time, budget.give_up_after);
        assert_eq!(budget.exhausted(&record), Some(Exhausted::Time));
        record.retry(now);
        assert_eq!(budget.exhausted(&record), None);
    }

    #[test]
    fn a_login_that_was_refused_is_repeated_where_it_has_worked_and_a_server_that_says_no_is() {
        let reported = |stage, finding| {
            let cause = failure::Cause::Reported(ErrCode::REJECTED);
            let failure = Failure {
                finding,
                ..Failure::new(cause, None, stage)
            };
            Error::from(modem::Error::Failed(failure))
        };
        assert_eq!(
            another(&reported(Stage::Login, None), true),
            Another::IfLoginWorked
        );
        // 421 instead of 530: the server has no room, or shuts down.
        let timeout = failure::Cause::Reported(ErrCode::SERVER_TIMEOUT);
        let timeout = modem::Error::Failed(Failure::new(timeout, None, Stage::Login));
        assert_eq!(another(&timeout.into(), true), Another::Counted);
        assert_eq!(
            another(&reported(Stage::Data, None), true),
            Another::Counted
        );
        let absent = reported(Stage::Data, Some(Finding::NameAbsent));
        assert_eq!(another(&absent, false), Another::Never);
        assert_eq!(another(&absent, true), Another::Counted);
        let stopping = modem::Error::Stopping.into();
        assert_eq!(another(&stopping, true), Another::Uncounted);
    }
}
