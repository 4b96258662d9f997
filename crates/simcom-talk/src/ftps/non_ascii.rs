//! Names outside ASCII, as the modules write them: `{non-ascii}"<hex of UTF-8>"`.

use super::lossless;

/// The part outside the quotation marks.
pub(crate) const PREFIX: &str = "{non-ascii}";

/// The part between the quotation marks, in capitals (SIMCom manual, "AT Commands for File System").
///
// TODO-correctness: the manual gives the encoding only for the file system commands (UTF-8). For the FTPS
// commands it is assumed to be the same. TODO-correctness: a module is assumed to hand on bytes that are not
// UTF-8, since it would have to check for them otherwise. A file `AT+CFTPSPUT={non-ascii}"E9"` on a server that
// takes any byte would tell on hardware.
pub(crate) fn hex(text: &str) -> String {
    let bytes = lossless::bytes(text);
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// Reads a string in quotation marks, in either form. Bytes that are not UTF-8 are kept ([`lossless`]).
pub(crate) fn text(body: &str) -> Option<String> {
    let (quoted, is_hex) = match body.strip_prefix(PREFIX) {
        Some(rest) => (rest, true),
        None => (body, false),
    };
    let inner = quoted.strip_prefix('"')?.strip_suffix('"')?;
    if !is_hex {
        return Some(inner.to_owned());
    }
    let pairs = (0..inner.len()).step_by(2);
    let bytes: Option<Vec<u8>> = pairs
        .map(|at| {
            let pair = inner.get(at..at + 2)?;
            u8::from_str_radix(pair, 16).ok()
        })
        .collect();
    Some(lossless::text(&bytes?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_comes_back() {
        let name = "\u{6d4b}\u{e4} b.jpg";
        assert_eq!(hex("\u{e4}"), "C3A4");
        let form = format!("{PREFIX}\"{}\"", hex(name));
        assert_eq!(text(&form).as_deref(), Some(name));
        assert_eq!(text("\"a b\"").as_deref(), Some("a b"));
        let latin = text("{non-ascii}\"636166E9\"").unwrap();
        assert_eq!(hex(&latin), "636166E9");
        for broken in [
            "{non-ascii}\"C3A\"",
            "{non-ascii}\"G0\"",
            "{non-ascii}C3",
            "a",
            "\"",
        ] {
            assert_eq!(text(broken), None, "{broken}");
        }
    }
}
