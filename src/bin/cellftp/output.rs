//! What a run prints on standard output.

use std::fmt::{self, Display};
use std::io::{self, Write};

use crate::exit::Failure;

/// Prints a result: for people, or as one JSON document a line.
pub(crate) fn print(
    json: bool,
    text: impl Display,
    value: impl FnOnce() -> serde_json::Value,
) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let written = if json {
        writeln!(stdout, "{}", value())
    } else {
        write!(stdout, "{text}")
    };
    match written.and_then(|()| stdout.flush()) {
        // Whoever read the output had enough, as `head` does.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// A hash or another number, as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A duration of a message in seconds.
pub(crate) fn seconds(duration: Option<&prost_types::Duration>) -> Option<f64> {
    let duration = std::time::Duration::try_from(*duration?).ok()?;
    Some(duration.as_secs_f64())
}

/// The name of an enumeration's value in words, without what all names of it begin with.
pub(crate) fn words(name: &str, prefix: &str) -> String {
    let name = name.strip_prefix(prefix).unwrap_or(name);
    name.to_ascii_lowercase().replace('_', " ")
}

/// Text of a server, with what could move the terminal's cursor made visible.
pub(crate) struct Plain<'a>(pub(crate) &'a str);

impl Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| {
            if c.is_control() {
                write!(f, "{}", c.escape_default())
            } else {
                write!(f, "{c}")
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_cannot_steer_the_terminal() {
        assert_eq!(Plain("a\u{1b}[2Jü").to_string(), "a\\u{1b}[2Jü");
    }

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
