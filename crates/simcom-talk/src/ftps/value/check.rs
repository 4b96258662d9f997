//! The rules for every string argument.

use super::error::ValueError;

/// Longest string argument of the SIM7600 family, in bytes (SIMCom manual L1203).
const MAX_STRING: usize = 256;

/// Refuses text that would end the argument or the line, and text longer than `max` bytes.
pub(super) fn check_argument(text: &str, max: usize) -> Result<(), ValueError> {
    if text.is_empty() {
        return Err(ValueError::Empty);
    }
    if text.len() > max {
        return Err(ValueError::TooLong {
            len: text.len(),
            max,
        });
    }
    match text.chars().find(|c| c.is_control() || *c == '"') {
        Some('"') => Err(ValueError::Quote),
        Some(c) => Err(ValueError::Control(u32::from(c))),
        None => Ok(()),
    }
}

/// Whether a backslash stands before two hexadecimal digits. By V.250 §5.4.2.2 a module reads the three
/// as one character: `\\5C` is the backslash itself and `\\22` a quotation mark. SIMCom's manuals do not
/// say whether their modules do.
// TODO-correctness: a file `a\41` that is created as `aA`, or is not, would tell on hardware.
pub(crate) fn is_escape(text: &str) -> bool {
    text.as_bytes().windows(3).any(|three| {
        let [b'\\', high, low] = three else {
            return false;
        };
        high.is_ascii_hexdigit() && low.is_ascii_hexdigit()
    })
}

/// Also refuses text that a module may read as another text. No document says how to write such a string
/// so that each module takes it as it is, and a wrong password can lock an account.
pub(super) fn check_ascii(text: &str) -> Result<(), ValueError> {
    check_argument(text, MAX_STRING)?;
    if is_escape(text) {
        return Err(ValueError::Escape);
    }
    if text.is_ascii() {
        Ok(())
    } else {
        Err(ValueError::NotAscii)
    }
}
