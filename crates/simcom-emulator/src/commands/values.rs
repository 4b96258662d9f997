//! The values of a write form.

use crate::line::{Parameter, parameters};

/// The values of a write form. `None` where they cannot be read.
pub(super) fn values(text: &[u8]) -> Option<Vec<Parameter>> {
    parameters(text).ok()
}

/// A number that may be left out.
pub(super) enum Optional {
    /// It is left out.
    Absent,
    Given(u64),
    /// It is there and is not a number.
    Bad,
}

/// Reads an optional number.
pub(super) fn optional(parameter: Option<&Parameter>) -> Optional {
    match parameter {
        None | Some(Parameter::Missing) => Optional::Absent,
        Some(given) => given.number().map_or(Optional::Bad, Optional::Given),
    }
}
