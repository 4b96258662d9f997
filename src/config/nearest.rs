//! The known word that a person most likely meant.

/// Words longer than this are nobody's typing error, and comparing them takes long. The longest key has 22 bytes,
/// the longest variable about 50.
const LONGEST: usize = 80;

/// Words that begin like a known one are meant for it from so many letters on.
const SHORTEST: usize = 4;

/// The known word nearest to `word`; `None` where none is near. Case does not count, nor whether words are joined
/// by `-` or `_`.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > LONGEST {
        return None;
    }
    let word = plain(word);
    // One error in three letters: more is another word.
    let most = (word.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| {
            let known = plain(candidate);
            // `user` for `username`.
            let is_part = word.len() >= SHORTEST && known.starts_with(&word);
            let distance = strsim::damerau_levenshtein(&word, &known);
            (
                if is_part {
                    distance.min(most)
                } else {
                    distance
                },
                candidate,
            )
        })
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn plain(word: &str) -> String {
    word.to_lowercase().replace('-', "_").replace("__", "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_is_near_and_another_word_is_not() {
        let known = ["host", "port", "password_file", "ca_file", "sni"];
        for (word, meant) in [
            ("hots", Some("host")),
            ("Port", Some("port")),
            ("password-file", Some("password_file")),
            ("pasword_file", Some("password_file")),
            ("snii", Some("sni")),
            ("pass", Some("password_file")),
            ("user", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known), meant, "{word}");
        }
        assert_eq!(nearest(&"h".repeat(1 << 20), known), None);
    }
}
