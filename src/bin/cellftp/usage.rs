//! `cellftp usage`.

use cellftp::client::{
    Client, DataLimit, DataPeriod, DataScope, DataUsage, DataVolume, GetUsageResponse,
};
use serde_json::json;

use crate::args::Args;
use crate::failure::Failure;
use crate::output::{Plain, print};

pub(crate) async fn run(args: &Args, client: &Client) -> Result<(), Failure> {
    let usage = client.usage().await?;
    print(args.json, text(&usage), || value(&usage))
}

fn text(usage: &GetUsageResponse) -> String {
    let mut text = row("", "up", "down", "on the air");
    text += &rows("all", usage.total.as_ref());
    for own in &usage.own {
        let name = if own.profile.is_empty() {
            "inline"
        } else {
            &own.profile
        };
        text += &rows(&format!("yours, {}", Plain(name)), own.usage.as_ref());
    }
    for limit in &usage.limits {
        let left = limit.limit_bytes.saturating_sub(limit.used_bytes).max(0);
        let what = format!("{} {}", scope(limit), period(limit.period()));
        text += &format!("limit {what}: {} bytes, {left} left\n", limit.limit_bytes);
    }
    text
}

fn rows(name: &str, usage: Option<&DataUsage>) -> String {
    let usage = usage.copied().unwrap_or_default();
    let periods = [
        (DataPeriod::Day, usage.today),
        (DataPeriod::Month, usage.this_month),
    ];
    let rows = periods.into_iter().map(|(of, volume)| {
        let volume = volume.unwrap_or_default();
        row(
            &format!("{name} {}", period(of)),
            &volume.uploaded_bytes.to_string(),
            &volume.downloaded_bytes.to_string(),
            &volume.on_air_bytes.to_string(),
        )
    });
    rows.collect()
}

fn row(name: &str, up: &str, down: &str, air: &str) -> String {
    format!("{name:28} {up:>14} {down:>14} {air:>14}\n")
}

fn scope(limit: &DataLimit) -> String {
    match limit.scope() {
        DataScope::Module => "for all".into(),
        DataScope::Profile => format!("on {}", Plain(&limit.profile)),
        DataScope::Client => "for you".into(),
        DataScope::Unspecified => "unknown".into(),
    }
}

const fn period(period: DataPeriod) -> &'static str {
    match period {
        DataPeriod::Day => "today",
        DataPeriod::Month => "this month",
        DataPeriod::Unspecified => "unknown",
    }
}

fn value(usage: &GetUsageResponse) -> serde_json::Value {
    let own = usage
        .own
        .iter()
        .map(|own| json!({ "profile": own.profile, "usage": counts(own.usage.as_ref()) }));
    let limits = usage.limits.iter().map(|limit| {
        json!({
            "scope": limit.scope().as_str_name(),
            "profile": limit.profile,
            "period": limit.period().as_str_name(),
            "limit": limit.limit_bytes,
            "used": limit.used_bytes,
        })
    });
    json!({
        "total": counts(usage.total.as_ref()),
        "own": own.collect::<Vec<_>>(),
        "limits": limits.collect::<Vec<_>>(),
        "day_ends": usage.day_end_time.as_ref().map(ToString::to_string),
        "month_ends": usage.month_end_time.as_ref().map(ToString::to_string),
    })
}

fn counts(usage: Option<&DataUsage>) -> serde_json::Value {
    let usage = usage.copied().unwrap_or_default();
    let volume = |volume: Option<DataVolume>| {
        let volume = volume.unwrap_or_default();
        json!({
            "uploaded": volume.uploaded_bytes,
            "downloaded": volume.downloaded_bytes,
            "on_air": volume.on_air_bytes,
        })
    };
    json!({ "today": volume(usage.today), "this_month": volume(usage.this_month) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_says_what_is_left() {
        let usage = GetUsageResponse {
            limits: vec![DataLimit {
                scope: DataScope::Profile.into(),
                profile: "office".into(),
                period: DataPeriod::Month.into(),
                limit_bytes: 1000,
                used_bytes: 1200,
            }],
            ..Default::default()
        };
        let text = text(&usage);
        assert!(
            text.ends_with("limit on office this month: 1000 bytes, 0 left\n"),
            "{text}"
        );
        assert_eq!(value(&usage)["limits"][0]["used"], 1200);
    }
}
