//! Names of months, as `ls` prints them where the server's language is not English.

/// English ones, which nearly all servers print, are found first.
const ENGLISH: [&[u8; 3]; 12] = [
    b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec",
];

/// Full and short names in small letters and without accents, by month: English, German, Dutch,
/// French, Spanish, Italian, Portuguese, Danish, Norwegian, Swedish, Finnish, Polish, Czech,
/// Hungarian, Turkish, Russian. Sources: the `LC_TIME` tables of the GNU C library, and
/// listings of OpenVMS for `jui` (July, beside `jun`).
const NAMES: [&str; 12] = [
    "january januar jaenner janner januari janvier janv enero ene gennaio gen janeiro \
     tammi tammikuu stycznia styczen sty leden led ledna ocak oca янв январь января",
    "february februar februari fevrier fev fevr febrero febbraio fevereiro \
     helmi helmikuu luty lut lutego unor uno unora subat sub фев февр февраль февраля",
    "march marz maerz mrz maart mrt mars marzo marco marts marcius marc \
     maalis maaliskuu marzec marca brezen bre brezna mart мар март марта",
    "april avril avr abril abr aprile aprilis \
     huhti huhtikuu kwiecien kwi kwietnia duben dub dubna nisan nis апр апрель апреля",
    "mai mei maj mayo maggio mag maio majus \
     touko toukokuu maja kveten kve kvetna mayis май мая",
    "june juni juin junio giugno giu junho junius \
     kesa kesakuu czerwiec cze czerwca cerven cer cervna haziran haz июн июнь июня",
    "july juli juillet juil jui julio luglio lug julho julius \
     heina heinakuu lipiec lip lipca cervenec cec cvc cervence temmuz tem июл июль июля",
    "august augustus augusti augusztus aout aou agosto ago \
     elo elokuu sierpien sie sierpnia srpen srp srpna agustos agu авг август августа",
    "sept september septembre septiembre settembre set setembro szeptember szept szep \
     syys syyskuu wrzesien wrz wrzesnia zari zar eylul eyl сен сент сентябрь сентября",
    "october okt oktober octobre octubre ottobre ott outubro out \
     loka lokakuu pazdziernik paz pazdziernika rijen rij rijna ekim eki окт октябрь октября",
    "november novembre noviembre novembro \
     marras marraskuu listopad lis listopada kasim kas ноя нояб ноябрь ноября",
    "december dez dezember decembre dic diciembre dicembre dezembro des desember \
     joulu joulukuu grudzien gru grudnia prosinec pro prosince aralik ara дек декабрь декабря",
];

/// The number of a month, from 1. Case, accents and dots do not matter; a name is UTF-8 or
/// Latin-1.
pub(super) fn month(name: &[u8]) -> Option<u32> {
    let short = |month: &&[u8; 3]| month.eq_ignore_ascii_case(name);
    let at = ENGLISH.iter().position(short).or_else(|| {
        let name = folded(name);
        let named = |names: &&str| names.split_ascii_whitespace().any(|known| known == name);
        let english = |month: &&[u8; 3]| month.as_slice() == name.as_bytes();
        NAMES
            .iter()
            .position(named)
            .or_else(|| ENGLISH.iter().position(english))
    })?;
    u32::try_from(at + 1).ok()
}

fn folded(name: &[u8]) -> String {
    let text = match std::str::from_utf8(name) {
        Ok(text) => text.to_lowercase(),
        Err(_) => {
            let latin: String = name.iter().copied().map(char::from).collect();
            latin.to_lowercase()
        }
    };
    // A capital I with a dot becomes two characters in small letters.
    let marks = |letter: &char| !matches!(letter, '.' | '\u{307}');
    text.chars().filter(marks).map(plain).collect()
}

/// A letter without its accent.
fn plain(letter: char) -> char {
    match letter {
        'á' | 'à' | 'â' | 'ä' | 'ã' | 'å' => 'a',
        'ç' | 'ć' | 'č' => 'c',
        'ď' => 'd',
        'é' | 'è' | 'ê' | 'ë' | 'ě' => 'e',
        'ğ' => 'g',
        'í' | 'ì' | 'î' | 'ï' | 'ı' => 'i',
        'ł' => 'l',
        'ñ' | 'ń' | 'ň' => 'n',
        'ó' | 'ò' | 'ô' | 'ö' | 'õ' | 'ő' => 'o',
        'ř' => 'r',
        'ş' | 'ś' | 'š' => 's',
        'ť' => 't',
        'ú' | 'ù' | 'û' | 'ü' | 'ű' | 'ů' => 'u',
        'ý' => 'y',
        'ž' | 'ź' | 'ż' => 'z',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_known_in_their_languages() {
        for (name, number) in [
            ("Jan", 1),
            ("DEC", 12),
            ("June", 6),
            ("Sept", 9),
            ("März", 3),
            ("Mrz", 3),
            ("Okt.", 10),
            ("août", 8),
            ("févr.", 2),
            ("déc.", 12),
            ("maggio", 5),
            ("Şub", 2),
            ("paź", 10),
            ("Янв", 1),
            ("мая", 5),
            ("szept", 9),
            ("İan", 0),
            ("Jam", 0),
            ("", 0),
            ("ja", 0),
        ] {
            let want = (number > 0).then_some(number);
            assert_eq!(month(name.as_bytes()), want, "{name}");
        }
        assert_eq!(month(b"M\xe4r"), Some(3));
        assert_eq!(month(b"M\xe4rz"), Some(3));
        assert_eq!(month(b"ao\xfbt"), Some(8));
    }

    #[test]
    fn no_name_means_two_months() {
        let mut known: Vec<&str> = NAMES
            .iter()
            .flat_map(|names| names.split_ascii_whitespace())
            .chain(
                ENGLISH
                    .iter()
                    .filter_map(|name| std::str::from_utf8(*name).ok()),
            )
            .collect();
        let all = known.len();
        known.sort_unstable();
        known.dedup();
        assert_eq!(known.len(), all);
    }
}
