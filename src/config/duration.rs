//! Spans of time, as `1h 30m`.

use std::time::Duration;

use serde::{Deserializer, Serializer, de};

/// The longest span: ten years. Nothing here waits for longer, and a moment so far away can still be reckoned on
/// every clock.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 86400);

pub(super) fn serialize<S: Serializer>(
    duration: &Duration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    humantime_serde::serialize(duration, serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Duration, D::Error> {
    let duration: Duration = humantime_serde::deserialize(deserializer)?;
    if duration > LONGEST {
        return Err(de::Error::custom(
            "is longer than ten years, the longest that is allowed",
        ));
    }
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Timed {
        #[serde(with = "super")]
        time: Duration,
    }

    fn read(text: &str) -> Result<Duration, String> {
        let read = toml::from_str::<Timed>(&format!("time = {text:?}"));
        read.map(|timed| timed.time)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_span_has_units_and_ends() {
        assert_eq!(read("1h 30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(read("3650days"), Ok(LONGEST));
        for wrong in ["3651days", "500000000000years"] {
            assert!(read(wrong).unwrap_err().contains("ten years"), "{wrong}");
        }
        for wrong in ["10", "soon", "-1s", ""] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
