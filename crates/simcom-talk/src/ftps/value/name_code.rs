//! The character code of a server's names.

use std::borrow::Cow;

use encoding_rs::{Encoding, ISO_2022_JP, REPLACEMENT, UTF_8, UTF_16BE, UTF_16LE, X_USER_DEFINED};

use crate::ftps::lossless;

/// How the bytes of a server's names are read as text, and how text becomes such bytes: UTF-8 (RFC 2640 §2) with
/// most servers, an older code with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameCode(&'static Encoding);

impl NameCode {
    /// Finds a code by its name or label, as IANA and browsers have it: `utf-8`, `latin1`, `windows-1252`,
    /// `iso-8859-2`, `koi8-r`, `shift_jis`, `gbk`. `None` where the label is not known, or where ASCII has other
    /// bytes in the code: a `/` must be a `/`.
    #[must_use]
    pub fn new(label: &str) -> Option<Self> {
        const NOT_ASCII: [&Encoding; 5] =
            [UTF_16BE, UTF_16LE, REPLACEMENT, X_USER_DEFINED, ISO_2022_JP];
        let code = Encoding::for_label(label.as_bytes())?;
        (!NOT_ASCII.contains(&code)).then_some(Self(code))
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// The bytes that stand for a character.
    pub(super) fn bytes_of(self, character: char) -> Option<Vec<u8>> {
        let mut text = [0; 4];
        let (bytes, _, is_missing) = self.0.encode(character.encode_utf8(&mut text));
        (!is_missing).then(|| bytes.into_owned())
    }

    /// The text of a name of the server. `None` where it is no text in this code, or where its text is also that of
    /// another name. The name is in the form of [`super::RemotePath::as_str`].
    #[must_use]
    pub fn text(self, name: &str) -> Option<Cow<'_, str>> {
        if self.0 == UTF_8 {
            return lossless::is_utf8(name).then_some(Cow::Borrowed(name));
        }
        let bytes = lossless::bytes(name);
        let text = self
            .0
            .decode_without_bom_handling_and_without_replacement(&bytes)?;
        let (back, _, is_missing) = self.0.encode(&text);
        let is_exact = !is_missing && back == bytes && !text.contains(char::REPLACEMENT_CHARACTER);
        is_exact.then(|| Cow::Owned(text.into_owned()))
    }

    /// Whether text is sent as it is.
    #[must_use]
    pub fn is_utf8(self) -> bool {
        self.0 == UTF_8
    }
}

/// UTF-8.
impl Default for NameCode {
    fn default() -> Self {
        Self(UTF_8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ftps::value::{RemotePath, ValueError};

    #[test]
    fn a_code_is_known_by_the_names_that_people_use_and_has_ascii_in_it() {
        for (label, name) in [
            ("utf8", "UTF-8"),
            ("latin1", "windows-1252"),
            ("ISO-8859-2", "ISO-8859-2"),
            ("cp1251", "windows-1251"),
            ("sjis", "Shift_JIS"),
        ] {
            assert_eq!(
                NameCode::new(label).map(NameCode::name),
                Some(name),
                "{label}"
            );
        }
        for label in [
            "",
            "utf-16",
            "utf-7",
            "iso-2022-jp",
            "ebcdic",
            "replacement",
        ] {
            assert_eq!(NameCode::new(label), None, "{label}");
        }
    }

    #[test]
    fn what_is_shown_of_a_name_names_it_again() {
        let names: [(&str, &[u8], &str); 4] = [
            ("latin1", b"caf\xE9.txt", "caf\u{e9}.txt"),
            // Two bytes that would be one character in UTF-8.
            ("latin1", b"\xC3\xA9", "\u{c3}\u{a9}"),
            ("koi8-r", b"\xE4\xCF\xCD", "\u{414}\u{43e}\u{43c}"),
            ("shift_jis", b"\x83\x5C", "\u{30bd}"),
        ];
        for (label, bytes, shown) in names {
            let code = NameCode::new(label).unwrap();
            let name = RemotePath::from_bytes(bytes).unwrap();
            assert_eq!(code.text(name.as_str()).as_deref(), Some(shown), "{label}");
            let given = RemotePath::of_text(shown).unwrap();
            assert_eq!(given.in_code(code), Ok(name.clone()), "{label}");
            let given = RemotePath::given_in_bytes(bytes).unwrap();
            assert_eq!(given.in_code(code), Ok(name), "{label}");
        }
    }

    #[test]
    fn a_name_that_is_not_in_the_code_is_known_by_its_bytes_and_text_that_is_not_is_refused() {
        let code = NameCode::new("shift_jis").unwrap();
        let name = RemotePath::from_bytes(b"a\xFF").unwrap();
        assert_eq!(code.text(name.as_str()), None);
        let given = RemotePath::given_in_bytes(b"a\xFF").unwrap();
        assert_eq!(given.in_code(code), Ok(name));
        let latin = NameCode::new("latin1").unwrap();
        let given = RemotePath::of_text("\u{414}").unwrap();
        let refused = ValueError::NotInCode {
            character: '\u{414}',
            code: "windows-1252",
        };
        assert_eq!(given.in_code(latin), Err(refused));
    }

    #[test]
    fn in_utf_8_text_and_bytes_are_one_name() {
        let utf8 = NameCode::default();
        let text = RemotePath::of_text("caf\u{e9}").unwrap();
        let bytes = RemotePath::given_in_bytes("caf\u{e9}".as_bytes()).unwrap();
        assert_ne!(text, bytes);
        assert_eq!(bytes.in_code(utf8), Ok(text.clone()));
        assert_eq!(text.in_code(utf8), Ok(text.clone()));
        assert_eq!(utf8.text(text.as_str()).as_deref(), Some("caf\u{e9}"));
    }
}
