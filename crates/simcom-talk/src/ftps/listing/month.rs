//! Names of months, as `ls` prints them in languages other than English.

mod names;

use names::LANGUAGES;

/// What the name of a month says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MonthName {
    /// The name is that of this month, counted from 1.
    Of(u32),
    /// The name is that of one month in one language, and of another month in another language.
    OfSeveral,
}

/// The English names, which nearly all servers print, are tried first.
const ENGLISH: [&[u8; 3]; 12] = [
    b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec",
];

/// The month or months with a name. Case, accents and dots do not matter. The name is UTF-8, or each of its
/// letters has one byte. A byte outside ASCII is then a Cyrillic letter (Windows-1251, KOI8-R), or a letter with
/// an accent in some code page.
pub(super) fn month(name: &[u8]) -> Option<MonthName> {
    let of = |at: usize| u32::try_from(at + 1).ok().map(MonthName::Of);
    let short = |month: &&[u8; 3]| month.eq_ignore_ascii_case(name);
    if let Some(at) = ENGLISH.iter().position(short) {
        return of(at);
    }
    let readings = match std::str::from_utf8(name) {
        Ok(text) => vec![folded(text)],
        Err(_) => of_one_byte(name),
    };
    let mut found = readings.iter().flat_map(|reading| found(reading));
    let first = found.next()?;
    if found.all(|other| other == first) {
        of(first)
    } else {
        Some(MonthName::OfSeveral)
    }
}

/// The months with such a name, counted from 0.
fn found(name: &str) -> impl Iterator<Item = usize> {
    let is_known = |known: &str| {
        known.chars().count() == name.chars().count()
            && known
                .chars()
                .zip(name.chars())
                .all(|(known, letter)| known == letter || letter == ANY)
    };
    let mut months = [false; 12];
    for (at, english) in ENGLISH.iter().enumerate() {
        let mut others = LANGUAGES.iter().filter_map(|months| months.get(at));
        let is_english = std::str::from_utf8(english.as_slice()).is_ok_and(is_known);
        if let Some(month) = months.get_mut(at) {
            *month = is_english || others.any(|names| names.split_ascii_whitespace().any(is_known));
        }
    }
    let months = months.into_iter().enumerate();
    months.filter_map(|(at, is_found)| is_found.then_some(at))
}

/// Stands for a letter that has an accent in some code page.
const ANY: char = '?';

/// The words that the bytes may spell.
fn of_one_byte(name: &[u8]) -> Vec<String> {
    let spelt = |letter: fn(u8) -> char| -> String {
        let ascii = |byte: &u8| match byte {
            0..0x80 => char::from(*byte),
            other => letter(*other),
        };
        folded(&name.iter().map(ascii).collect::<String>())
    };
    let mut readings = vec![spelt(windows_1251), spelt(koi8)];
    // Where all letters are unknown, they could spell anything.
    if name.iter().any(u8::is_ascii_alphabetic) {
        readings.push(spelt(|_| ANY));
    }
    readings
}

/// Cyrillic letters in the order of their alphabet.
fn windows_1251(byte: u8) -> char {
    let letter = u32::from(byte)
        .checked_sub(0xC0)
        .map(|at| u32::from('А') + at);
    letter
        .and_then(char::from_u32)
        .unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// Cyrillic letters in the places of the Latin letters that sound alike. Small letters come first.
fn koi8(byte: u8) -> char {
    const LETTERS: &str = "юабцдефгхийклмнопярстужвьызшэщчъ";
    let at = byte.checked_sub(0xC0).map(|at| usize::from(at % 32));
    let letter = at.and_then(|at| LETTERS.chars().nth(at));
    letter.unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn folded(text: &str) -> String {
    // A capital I with a dot becomes two characters in lower case.
    let marks = |letter: &char| !matches!(letter, '.' | '\u{307}');
    text.to_lowercase()
        .chars()
        .filter(marks)
        .map(plain)
        .collect()
}

/// A letter without its accent.
fn plain(letter: char) -> char {
    match letter {
        'á' | 'à' | 'â' | 'ä' | 'ã' | 'å' | 'ā' => 'a',
        'ç' | 'ć' | 'č' => 'c',
        'ď' => 'd',
        'é' | 'è' | 'ê' | 'ë' | 'ě' | 'ė' => 'e',
        'ğ' => 'g',
        'í' | 'ì' | 'î' | 'ï' | 'ı' | 'ī' => 'i',
        'ł' => 'l',
        'ñ' | 'ń' | 'ň' => 'n',
        'ó' | 'ò' | 'ô' | 'ö' | 'õ' | 'ő' => 'o',
        'ř' => 'r',
        'ş' | 'ś' | 'š' => 's',
        'ť' => 't',
        'ú' | 'ù' | 'û' | 'ü' | 'ű' | 'ů' | 'ū' | 'ŭ' => 'u',
        'ý' => 'y',
        'ž' | 'ź' | 'ż' => 'z',
        'ά' => 'α',
        'έ' => 'ε',
        'ί' | 'ϊ' | 'ΐ' => 'ι',
        'ό' => 'ο',
        'ύ' => 'υ',
        'ώ' => 'ω',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of a month. 0 where the name means several.
    fn number(name: &[u8]) -> Option<u32> {
        month(name).map(|month| match month {
            MonthName::Of(number) => number,
            MonthName::OfSeveral => 0,
        })
    }

    #[test]
    fn months_are_known_in_their_languages() {
        for (name, want) in [
            ("Jan", Some(1)),
            ("DEC", Some(12)),
            ("June", Some(6)),
            ("Sept", Some(9)),
            ("März", Some(3)),
            ("Mrz", Some(3)),
            ("Okt.", Some(10)),
            ("août", Some(8)),
            ("févr.", Some(2)),
            ("déc.", Some(12)),
            ("maggio", Some(5)),
            ("Şub", Some(2)),
            ("paź", Some(10)),
            ("čen", Some(6)),
            ("Янв", Some(1)),
            ("мая", Some(5)),
            ("szept", Some(9)),
            ("İsn", None),
            ("Jam", None),
            ("", None),
            ("ja", None),
            ("Ιουν", Some(6)),
            ("лист", None),
            ("жов", Some(10)),
            ("birž.", Some(6)),
            ("Ağu", Some(8)),
        ] {
            assert_eq!(number(name.as_bytes()), want, "{name}");
        }
        assert_eq!(number(b"M\xe4r"), Some(3));
        assert_eq!(number(b"M\xe4rz"), Some(3));
        assert_eq!(number(b"ao\xfbt"), Some(8));
        // Latin-2, Windows-1254, Windows-1251, KOI8-R; then a name that may be two months, and one that is
        // unknown.
        assert_eq!(number(b"pa\xbc"), Some(10));
        assert_eq!(number(b"A\xf0u"), Some(8));
        assert_eq!(number(b"\xff\xed\xe2"), Some(1));
        assert_eq!(number(b"\xd1\xce\xd7"), Some(1));
        assert_eq!(number(b"j\xfan"), Some(0));
        assert_eq!(number(b"\x81\x82\x83"), None);
    }

    /// The names of June, July and October in Croatia were taken for July, August and November, which they are
    /// in Poland and in the Czech Republic.
    #[test]
    fn no_name_means_two_months() {
        let mut of_several = Vec::new();
        for (language, months) in LANGUAGES.iter().enumerate() {
            for (at, names) in months.iter().enumerate() {
                for name in names.split_ascii_whitespace() {
                    match number(name.as_bytes()) {
                        Some(0) => of_several.push(name),
                        found => assert_eq!(found, u32::try_from(at + 1).ok(), "{language} {name}"),
                    }
                }
            }
        }
        of_several.sort_unstable();
        of_several.dedup();
        assert_eq!(of_several, ["lip", "lis", "listopad", "listopada", "srp"]);
    }

    /// Short names in languages that coreutils speaks. These were not read, or were read wrongly.
    const OTHERS: &[(&str, &str)] = &[
        (
            "Afrikaans",
            "Jan Feb Mrt Apr Mei Jun Jul Aug Sep Okt Nov Des",
        ),
        (
            "Belarusian",
            "сту лют сак кра мая чэр ліп жні вер кас ліс сне",
        ),
        (
            "Bulgarian",
            "яну фев мар апр май юни юли авг сеп окт ное дек",
        ),
        ("Greek", "Ιαν Φεβ Μαρ Απρ Μαΐ Ιουν Ιουλ Αυγ Σεπ Οκτ Νοε Δεκ"),
        (
            "Catalan",
            "gen. febr. març abr. maig juny jul. ag. set. oct. nov. des.",
        ),
        (
            "Esperanto",
            "Jan Feb Mar Apr Maj Jun Jul Aŭg Sep Okt Nov Dec",
        ),
        (
            "Estonian",
            "jaan veebr märts apr mai juuni juuli aug sept okt nov dets",
        ),
        ("Basque", "urt ots mar api mai eka uzt abu ira urr aza abe"),
        (
            "Irish",
            "Ean Feabh Márta Aib Beal Meith Iúil Lún MFómh DFómh Samh Noll",
        ),
        (
            "Galician",
            "Xan Feb Mar Abr Mai Xuñ Xul Ago Set Out Nov Dec",
        ),
        (
            "Croatian",
            "sij velj ožu tra svi lip srp kol ruj lis stu pro",
        ),
        (
            "Indonesian",
            "Jan Feb Mar Apr Mei Jun Jul Agu Sep Okt Nov Des",
        ),
        (
            "Lithuanian",
            "saus. vas. kov. bal. geg. birž. liep. rugp. rugs. spal. lapkr. gruod.",
        ),
        ("Latvian", "jan feb mar apr mai jūn jūl aug sep okt nov dec"),
        ("Malay", "Jan Feb Mac Apr Mei Jun Jul Ogos Sep Okt Nov Dis"),
        (
            "Romanian",
            "ian feb mar apr mai iun iul aug sep oct nov dec",
        ),
        ("Slovak", "jan feb mar apr máj jún júl aug sep okt nov dec"),
        ("Slovene", "jan feb mar apr maj jun jul avg sep okt nov dec"),
        ("Serbian", "jan feb mar apr maj jun jul avg sep okt nov dec"),
        (
            "Ukrainian",
            "січ лют бер кві тра чер лип сер вер жов лис гру",
        ),
        ("Kazakh", "Қаң Ақп Нау Сәу Мам Мау Шіл Там Қыр Қаз Қар Жел"),
        ("Ganda", "Jan Feb Mar Apu Maa Juu Jul Agu Seb Oki Nov Des"),
        (
            "Ukrainian in Latin letters",
            "sich liut ber kvit trav cherv lyp serp veres zhovt lystopad hrud",
        ),
        (
            "Croatian, full",
            "siječnja veljače ožujka travnja svibnja lipnja srpnja kolovoza rujna listopada studenoga prosinca",
        ),
    ];

    #[test]
    fn no_month_of_a_language_that_is_not_read_is_taken_for_another() {
        for (language, names) in OTHERS {
            let names: Vec<&str> = names.split(' ').collect();
            assert_eq!(names.len(), 12, "{language}");
            for (at, name) in names.iter().enumerate() {
                let found = number(name.as_bytes()).filter(|found| *found > 0);
                let is_right = found.is_none_or(|found| Some(found) == u32::try_from(at + 1).ok());
                assert!(is_right, "{language}: {name} is not {found:?}");
            }
        }
    }
}
