//! What data has moved, to responses.

use super::response::{signed, timestamp};
use crate::broker::terms::{LimitUse, Period, Scope};
use crate::broker::usage::{Account, Counts, Report, Volume};
use crate::proto;

impl From<Report> for proto::GetUsageResponse {
    fn from(report: Report) -> Self {
        Self {
            total: Some(report.total.into()),
            own: report.own.into_iter().map(account).collect(),
            limits: report.limits.into_iter().map(limit).collect(),
            day_end_time: Some(timestamp(report.day_ends)),
            month_end_time: Some(timestamp(report.month_ends)),
        }
    }
}

impl From<Counts> for proto::DataUsage {
    fn from(Counts { day, month }: Counts) -> Self {
        Self {
            today: Some(day.into()),
            this_month: Some(month.into()),
        }
    }
}

impl From<Volume> for proto::DataVolume {
    fn from(Volume { up, down, air }: Volume) -> Self {
        Self {
            uploaded_bytes: signed(up),
            downloaded_bytes: signed(down),
            on_air_bytes: signed(air),
        }
    }
}

fn account((account, counts): (Account, Counts)) -> proto::ProfileUsage {
    proto::ProfileUsage {
        profile: account.profile.as_deref().unwrap_or_default().into(),
        usage: Some(counts.into()),
    }
}

fn limit((profile, limit_use): (Option<std::sync::Arc<str>>, LimitUse)) -> proto::DataLimit {
    let scope = match limit_use.scope {
        Scope::Module => proto::DataScope::Module,
        Scope::Profile => proto::DataScope::Profile,
        Scope::Client => proto::DataScope::Client,
    };
    let period = match limit_use.period {
        Period::Day => proto::DataPeriod::Day,
        Period::Month => proto::DataPeriod::Month,
    };
    proto::DataLimit {
        scope: scope.into(),
        profile: profile.as_deref().unwrap_or_default().into(),
        period: period.into(),
        limit_bytes: signed(limit_use.limit),
        used_bytes: signed(limit_use.used),
    }
}
