//! Names of a server as text that loses no byte.
//!
//! A name on a server is bytes, and an old server has names in Latin-1 or another code. The daemon joins, cuts
//! and compares names as text. So a byte that is no part of UTF-8 becomes a character that stands for this byte
//! and for nothing else, as in Python (PEP 383). Two texts are equal if and only if their bytes are. The
//! character U+FFFD is never in such a text: its own bytes are kept in the same way. These characters never leave
//! the daemon: a client gets text for people ([`shown`]) and the bytes themselves ([`bytes()`]).

use std::borrow::Cow;

/// Stands for the byte 0; only the bytes from 0x80 on are used. These are the last characters of the last plane,
/// which is for private use. A name that has them in UTF-8 is kept byte by byte.
const BASE: u32 = 0x0010_FF00;

/// The bytes as text.
pub fn text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if byte_of(character).is_some() || character == char::REPLACEMENT_CHARACTER {
                let mut encoded = [0; 4];
                let encoded = character.encode_utf8(&mut encoded).as_bytes();
                text.extend(encoded.iter().copied().map(kept));
            } else {
                text.push(character);
            }
        }
        text.extend(chunk.invalid().iter().copied().map(kept));
    }
    text
}

/// The bytes as text in which each byte beyond ASCII stands for itself, even where several would form a
/// character.
pub fn kept_bytes(bytes: &[u8]) -> String {
    let character = |byte: u8| {
        if byte.is_ascii() {
            char::from(byte)
        } else {
            kept(byte)
        }
    };
    bytes.iter().copied().map(character).collect()
}

/// The bytes that a text stands for.
pub fn bytes(text: &str) -> Cow<'_, [u8]> {
    if is_utf8(text) {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut bytes = Vec::with_capacity(text.len());
    for character in text.chars() {
        match byte_of(character) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Cow::Owned(bytes)
}

/// Whether a text is the same as the name it stands for, so that a client may get it as it is.
pub fn is_utf8(text: &str) -> bool {
    text.chars().all(|character| byte_of(character).is_none())
}

/// Text for people: bytes that are not UTF-8 become U+FFFD. It does not name the file any more.
pub fn shown(text: &str) -> Cow<'_, str> {
    if is_utf8(text) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(String::from_utf8_lossy(&bytes(text)).into_owned())
}

/// The name in lower case, for servers on which the case of letters may not count. A byte that is not UTF-8 is
/// read as Latin-1. Most codes of Europe (ISO 8859, Windows-125x, KOI8) have the two forms of a letter at the
/// same two places from 0xC0 on, so that this works for them too.
pub fn folded(text: &str) -> String {
    let plain = |character| byte_of(character).map_or(character, char::from);
    let plain: String = text.chars().map(plain).collect();
    plain.to_lowercase()
}

/// The character that stands for a byte. Only bytes from 0x80 on are asked for.
fn kept(byte: u8) -> char {
    char::from_u32(BASE + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// The byte that a character stands for. `None` where the character stands for itself.
pub fn byte_of(character: char) -> Option<u8> {
    let byte = u32::from(character).checked_sub(BASE)?;
    u8::try_from(byte).ok().filter(|byte| *byte >= 0x80)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_in_latin_1_is_kept_and_shown() {
        let name = text(b"caf\xE9.txt");
        assert_eq!(&*bytes(&name), b"caf\xE9.txt");
        assert_eq!(shown(&name), "caf\u{FFFD}.txt");
        assert!(!is_utf8(&name));
        assert_eq!(folded(&text(b"CAF\xC9")), folded(&text(b"caf\xE9")));
        assert_eq!(text("caf\u{e9}".as_bytes()), "caf\u{e9}");
    }

    #[test]
    fn two_names_that_are_shown_alike_are_two() {
        let names = [
            b"a\xE9".as_slice(),
            b"a\xE8",
            "a\u{FFFD}".as_bytes(),
            "a\u{10FFE9}".as_bytes(),
        ];
        for (at, one) in names.iter().enumerate() {
            for other in names.iter().skip(at + 1) {
                assert_ne!(text(one), text(other));
            }
            assert!(!text(one).contains(char::REPLACEMENT_CHARACTER));
        }
    }

    proptest! {
        #[test]
        fn nothing_is_lost(name: Vec<u8>) {
            let text = text(&name);
            prop_assert_eq!(&*bytes(&text), &*name);
        }
    }
}
