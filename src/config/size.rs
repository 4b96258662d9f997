//! Numbers of bytes: as a number, or as text with a unit.

use std::fmt;

use bytesize::ByteSize;
use serde::{Deserializer, Serializer, de};

/// The largest size that TOML can write as a number.
const LARGEST: u64 = i64::MAX.unsigned_abs();

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde calls"
)]
pub(super) fn serialize<S: Serializer>(size: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(*size)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    deserializer.deserialize_any(Bytes)
}

struct Bytes;

impl de::Visitor<'_> for Bytes {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a number of bytes, 0 or more, or a size in quotes, as \"64KiB\" (65536) or \"10MB\" (10000000)",
        )
    }

    fn visit_u64<E: de::Error>(self, size: u64) -> Result<u64, E> {
        Ok(size)
    }

    fn visit_i64<E: de::Error>(self, size: i64) -> Result<u64, E> {
        u64::try_from(size).map_err(|_| E::invalid_value(de::Unexpected::Signed(size), &self))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<u64, E> {
        let size = text.parse::<ByteSize>().map(|size| size.as_u64());
        match size {
            Ok(size) if size <= LARGEST => Ok(size),
            _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Sized {
        #[serde(with = "super")]
        size: u64,
    }

    fn read(value: &str) -> Option<u64> {
        let read: Result<Sized, _> = toml::from_str(&format!("size = {value}"));
        read.ok().map(|read| read.size)
    }

    #[test]
    fn a_size_is_a_number_or_has_a_unit() {
        for (value, size) in [
            ("0", Some(0)),
            ("1_048_576", Some(1 << 20)),
            ("\"64KiB\"", Some(65_536)),
            ("\"64 kib\"", Some(65_536)),
            ("\"10MB\"", Some(10_000_000)),
            ("\"1.5GB\"", Some(1_500_000_000)),
            ("\"512\"", Some(512)),
            ("-1", None),
            ("1.5", None),
            ("\"\"", None),
            ("\"MB\"", None),
            ("\"-1MB\"", None),
            ("\"10 parsecs\"", None),
            ("\"nan\"", None),
            ("\"99999999999PB\"", None),
        ] {
            assert_eq!(read(value), size, "{value}");
        }
    }
}
