//! What one line of a listing says by itself.

use bytes::Bytes;

use super::reading::Reading;
use super::{dos, eplf, ibm, mlst, mvs, rare, unix, vms};

/// Reads a line. `None` where it has no known form, or could mean more than one thing.
pub(super) fn read(line: &Bytes) -> Option<Reading> {
    unix::read(line)
        .or_else(|| dos::read(line))
        .or_else(|| eplf::read(line))
        .or_else(|| mlst::read(line))
        .or_else(|| vms::read(line))
        .or_else(|| mvs::read(line))
        .or_else(|| ibm::read(line))
        .or_else(|| rare::read(line))
}
