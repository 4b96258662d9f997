//! What a run prints on standard output.

use std::fmt::Display;
use std::io::{self, Write};

use data_encoding::HEXLOWER;

use crate::args::Args;
use crate::failure::Failure;
pub(crate) use crate::plain::Plain;
use crate::plain::{json_text, shown};

/// Prints a result: as text for people, or as one JSON document on a line.
pub(crate) fn print(
    json: bool,
    text: impl Display,
    value: impl FnOnce() -> serde_json::Value,
) -> Result<(), Failure> {
    let text = if json {
        format!("{}\n", json_text(&value()))
    } else {
        shown(&text.to_string())
    };
    write(text.as_bytes())
}

/// Prints what a command has done, which `-q` leaves out.
pub(crate) fn report(
    args: &Args,
    text: impl Display,
    value: impl FnOnce() -> serde_json::Value,
) -> Result<(), Failure> {
    if args.quiet && !args.json {
        return Ok(());
    }
    print(args.json, text, value)
}

/// Writes all of it to standard output, or fails.
pub(crate) fn write(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    Ok(stdout.flush()?)
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

/// A duration of a message in seconds.
pub(crate) fn seconds(duration: Option<&prost_types::Duration>) -> Option<f64> {
    let duration = std::time::Duration::try_from(*duration?).ok()?;
    Some(duration.as_secs_f64())
}

/// The name of an enumeration's value in words, without the common prefix.
pub(crate) fn words(name: &str, prefix: &str) -> String {
    let name = name.strip_prefix(prefix).unwrap_or(name);
    name.to_ascii_lowercase().replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_said_in_words() {
        assert_eq!(
            words("LINK_STATE_BRINGING_UP", "LINK_STATE_"),
            "bringing up"
        );
    }

    #[test]
    fn seconds_of_a_message() {
        let duration = prost_types::Duration {
            seconds: 1,
            nanos: 500_000_000,
        };
        assert_eq!(seconds(Some(&duration)), Some(1.5));
        assert_eq!(seconds(None), None);
    }
}
