//! EPLF, the easily parsed format of D. J. Bernstein's and other servers
//! (<https://cr.yp.to/ftp/list/eplf.html>).

use super::entry::Kind;
use super::reading::{Reading, epoch};

/// `+i2718281.82845,m1577880664,r,s731,` a tab, and the name.
pub(super) fn read(line: &[u8]) -> Option<Reading> {
    let rest = line.strip_prefix(b"+")?;
    let tab = rest.iter().position(|byte| *byte == b'\t')?;
    let (facts, name) = (rest.get(..tab)?, rest.get(tab + 1..)?);
    let (mut kind, mut size, mut modified, mut mode) = (Kind::Other, None, None, None);
    for fact in facts.split(|byte| *byte == b',') {
        match fact {
            b"/" => kind = Kind::Directory,
            // A directory may also be retrieved, as a file made from it.
            b"r" if kind != Kind::Directory => kind = Kind::File,
            [b's', digits @ ..] => size = Some(number(digits)?),
            [b'm', digits @ ..] => modified = Some(number(digits)?),
            [b'u', b'p', digits @ ..] => mode = Some(digits),
            // Facts that a client does not know are to be skipped.
            _ => {}
        }
    }
    (!name.is_empty()).then(|| {
        let reading = Reading::named(kind, name).sized(size.flatten());
        let reading = reading.permitted(mode.unwrap_or_default());
        match modified.flatten() {
            Some(seconds) => reading.at(epoch(seconds)),
            None => reading,
        }
    })
}

/// A number, which may be beyond 64 bits (`Some(None)`). `None` where the text is no number.
fn number(digits: &[u8]) -> Option<Option<u64>> {
    let text = std::str::from_utf8(digits).ok()?;
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok())
}
