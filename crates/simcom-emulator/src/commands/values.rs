//! The values of a write form.

use crate::line::{Parameter, parameters};

/// The values of a write form, or nothing that can be read.
pub(super) fn values(text: &[u8]) -> Option<Vec<Parameter>> {
    parameters(text).ok()
}

/// A number where one may be given.
pub(super) enum Optional {
    /// Not there.
    Absent,
    Given(u64),
    /// There, and not a number.
    Bad,
}

/// Reads an optional number.
pub(super) fn optional(parameter: Option<&Parameter>) -> Optional {
    match parameter {
        None | Some(Parameter::Missing) => Optional::Absent,
        Some(given) => given.number().map_or(Optional::Bad, Optional::Given),
    }
}
