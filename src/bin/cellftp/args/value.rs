//! How the values of options are written.

use std::path::Path;
use std::time::Duration;

use clap::builder::{OsStringValueParser, TypedValueParser};
use humantime_serde::re::humantime;

use cellftp::client::ServerPath;

/// Reads a span of time.
pub(crate) fn time(text: &str) -> Result<Duration, String> {
    let read = humantime::parse_duration(text);
    read.map_err(|_| "a time is written as 90s, 10m or 1h30m".into())
}

/// A path on a server. It is bytes, as an argument is.
pub(crate) fn server_path() -> impl TypedValueParser<Value = ServerPath> {
    OsStringValueParser::new().map(ServerPath::from)
}

/// Whether a path stands for standard input or output.
pub(crate) fn is_standard_stream(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Reads `KEY=VALUE`.
pub(crate) fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.into(), value.into())),
        _ => Err("a label is written as KEY=VALUE".into()),
    }
}
