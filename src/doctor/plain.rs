//! Text from elsewhere, made fit to be shown to anybody.

use std::fmt::Write;

/// Digits in a row that are never shown: an IMEI has 15 of them, an IMSI 15, an ICCID 19, and most
/// telephone numbers 10 or more (ITU-T E.164, E.118 and E.212).
const NUMBER: usize = 10;

/// The text without long numbers, and without characters that move a terminal's cursor or are invisible.
pub(super) fn plain(text: &str) -> String {
    let mut shown = String::new();
    let mut digits = String::new();
    for c in text.chars() {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        flush(&mut digits, &mut shown);
        if c == ' ' || c.is_ascii_graphic() || c.is_alphanumeric() {
            shown.push(c);
        } else {
            shown.extend(c.escape_default());
        }
    }
    flush(&mut digits, &mut shown);
    shown
}

fn flush(digits: &mut String, shown: &mut String) {
    if digits.len() < NUMBER {
        shown.push_str(digits);
    } else {
        // Writing to a string cannot fail.
        let _ = write!(shown, "<{} digits>", digits.len());
    }
    digits.clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_numbers_and_hidden_characters_are_not_shown() {
        assert_eq!(plain("IMEI 861234567890123."), "IMEI <15 digits>.");
        assert_eq!(
            plain("+CLIP: \"+4915112345678\""),
            "+CLIP: \"+<13 digits>\""
        );
        assert_eq!(plain("123456789 bytes"), "123456789 bytes");
        assert_eq!(
            plain("a\u{202e}b\u{1b}[2J\r\nc"),
            "a\\u{202e}b\\u{1b}[2J\\r\\nc"
        );
        assert_eq!(plain("Österreich 5G"), "Österreich 5G");
        assert_eq!(plain("8914900001234567890"), "<19 digits>");
    }
}
