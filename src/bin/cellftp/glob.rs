//! Patterns for names on a server, as a shell has them: `*`, `?` and `[...]`.
//!
//! Names are bytes here, and the crates for patterns take text. A backslash makes the next of these characters, or
//! a backslash, a part of the name. `*` and `?` do not stand for a dot at the beginning of a name.

use crate::args::Args;
use crate::failure::Failure;
use crate::remote::{Remote, join};
use cellftp::client::{Entry, EntryKind, ServerPath};

/// Names that one pattern may stand for. The daemon takes 1,000 in a call, and more than some calls are a mistake.
const MOST: usize = 100_000;

/// Whether there is a pattern in a path.
pub(crate) fn is_pattern(path: &[u8]) -> bool {
    let mut escaped = false;
    path.iter().any(|byte| {
        let found = !escaped && matches!(byte, b'*' | b'?' | b'[');
        escaped = !escaped && *byte == b'\\';
        found
    })
}

/// A path without the backslashes that make characters a part of the name.
pub(crate) fn name_of(path: &[u8], literal: bool) -> Vec<u8> {
    if literal {
        return path.to_vec();
    }
    let mut name = Vec::with_capacity(path.len());
    let mut bytes = path.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match bytes.peek() {
            Some(next) if byte == b'\\' && matches!(next, b'*' | b'?' | b'[' | b'\\') => {
                name.extend(bytes.next());
            }
            _ => name.push(byte),
        }
    }
    name
}

/// Whether a pattern stands for a name.
pub(crate) fn matches(pattern: &[u8], name: &[u8]) -> bool {
    if name.first() == Some(&b'.') && pattern.first() != Some(&b'.') {
        return false;
    }
    // Where the last `*` was, and how much of the name it stands for: only the last one needs to grow.
    let (mut at, mut seen) = (0, 0);
    let mut star = None;
    while seen < name.len() {
        let rest = pattern.get(at..).unwrap_or_default();
        if rest.first() == Some(&b'*') {
            star = Some((at + 1, seen));
            at += 1;
            continue;
        }
        if let Some(width) = name.get(seen).and_then(|byte| one(rest, *byte)) {
            at += width;
            seen += 1;
            continue;
        }
        let Some((after, from)) = star else {
            return false;
        };
        star = Some((after, from + 1));
        (at, seen) = (after, from + 1);
    }
    let rest = pattern.get(at..).unwrap_or_default();
    rest.iter().all(|byte| *byte == b'*')
}

/// How many bytes of the pattern stand for this byte; `None` where they do not.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern {
        [b'?', ..] => Some(1),
        [b'\\', quoted @ (b'*' | b'?' | b'[' | b'\\'), ..] => (*quoted == byte).then_some(2),
        [b'[', rest @ ..] => match class(rest) {
            Some((set, width)) => has(set, byte).then_some(width + 2),
            None => (byte == b'[').then_some(1),
        },
        [first, ..] => (*first == byte).then_some(1),
        [] => None,
    }
}

/// What is between `[` and `]`, and its length. A `]` that is first is a part of it.
fn class(rest: &[u8]) -> Option<(&[u8], usize)> {
    let first = usize::from(matches!(rest.first(), Some(b'!' | b'^'))) + 1;
    let end = rest.iter().skip(first).position(|byte| *byte == b']')? + first;
    Some((rest.get(..end)?, end))
}

fn has(set: &[u8], byte: u8) -> bool {
    let (mut rest, negated) = match set {
        [b'!' | b'^', rest @ ..] => (rest, true),
        rest => (rest, false),
    };
    let mut found = false;
    loop {
        (found, rest) = match rest {
            [low, b'-', high, rest @ ..] => (found || (*low..=*high).contains(&byte), rest),
            [one, rest @ ..] => (found || *one == byte, rest),
            [] => return found != negated,
        };
    }
}

/// A name that a pattern stands for.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) path: ServerPath,
    /// Its line in the listing; `None` for a name that was given in full.
    pub(crate) entry: Option<Entry>,
}

/// The names on the server that a pattern stands for, in the order of the alphabet. Costs one listing for each
/// directory. A path without a pattern is itself, and so is a pattern that stands for nothing. A directory that
/// cannot be listed is told by `failed`, and the others go on.
pub(crate) async fn expand(
    args: &Args,
    remote: &mut Remote,
    pattern: &ServerPath,
    mut failed: impl FnMut(Failure) -> Result<(), Failure>,
) -> Result<Vec<Found>, Failure> {
    let parts: Vec<&[u8]> = pattern.as_bytes().split(|byte| *byte == b'/').collect();
    let mut found = vec![(Vec::new(), None)];
    let (mut begun, mut listed, mut is_whole) = (false, false, true);
    for (at, part) in parts.iter().enumerate() {
        let is_last = at + 1 == parts.len();
        // Behind a pattern, a plain name is looked for as well.
        if !listed && !is_pattern(part) {
            let name = name_of(part, false);
            for (path, entry) in &mut found {
                *path = if begun {
                    [path.as_slice(), b"/", &name].concat()
                } else {
                    name.clone()
                };
                *entry = None;
            }
            begun = true;
            continue;
        }
        listed = true;
        let mut next = Vec::new();
        for (directory, _) in found {
            let shown = if begun && directory.is_empty() {
                b"/".to_vec()
            } else {
                directory.clone()
            };
            let entries = match remote.entries(&shown.clone().into()).await {
                Ok(entries) => entries,
                Err(failure) => {
                    failed(failure)?;
                    is_whole = false;
                    continue;
                }
            };
            for entry in entries {
                let name = name_in(&entry);
                let may_go_down = entry.kind() != EntryKind::File;
                if matches(part, &name) && (is_last || may_go_down) {
                    let path = if begun { join(&shown, &name) } else { name };
                    next.push((path, Some(entry)));
                }
                if next.len() > MOST {
                    let text = format!(
                        "{pattern} stands for more than {MOST} names on {}",
                        args.place()
                    );
                    return Err(Failure::Usage(text));
                }
            }
        }
        next.sort_by(|one, other| one.0.cmp(&other.0));
        found = next;
        begun = true;
    }
    if found.is_empty() && is_whole {
        found.push((name_of(pattern.as_bytes(), false), None));
    }
    let named = |(path, entry): (Vec<u8>, Option<Entry>)| Found {
        path: path.into(),
        entry,
    };
    Ok(found.into_iter().map(named).collect())
}

/// The bytes of a name in a listing.
pub(crate) fn name_in(entry: &Entry) -> Vec<u8> {
    if entry.raw_name.is_empty() {
        entry.name.clone().into_bytes()
    } else {
        entry.raw_name.to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_a_shell() {
        let yes: [(&str, &str); 12] = [
            ("*", "a"),
            ("*.csv", "a.csv"),
            ("a*b*c", "a-b-b-c"),
            ("?.txt", "x.txt"),
            ("[a-c]x", "bx"),
            ("[!a-c]x", "dx"),
            ("[]]", "]"),
            ("[", "["),
            (r"\*", "*"),
            (r"a\[1]", "a[1]"),
            (".*", ".hidden"),
            ("**", "ab"),
        ];
        for (pattern, name) in yes {
            assert!(
                matches(pattern.as_bytes(), name.as_bytes()),
                "{pattern} {name}"
            );
        }
        let no = [
            ("*", ".hidden"),
            ("?", ".hidden"),
            ("*.csv", "a.csv.bak"),
            ("[a-c]x", "dx"),
            (r"\*", "a"),
            ("a", "ab"),
            ("ab", "a"),
            ("?", ""),
        ];
        for (pattern, name) in no {
            assert!(
                !matches(pattern.as_bytes(), name.as_bytes()),
                "{pattern} {name}"
            );
        }
        assert!(matches(b"caf?.txt", b"caf\xE9.txt"));
    }

    #[test]
    fn a_long_pattern_ends_soon() {
        let name = vec![b'a'; 4000];
        assert!(!matches(&[b"a*".repeat(50), b"b".to_vec()].concat(), &name));
    }

    #[test]
    fn only_a_quoted_character_loses_its_backslash() {
        assert!(is_pattern(b"a*") && !is_pattern(br"a\*") && is_pattern(br"a\\*"));
        assert_eq!(name_of(br"dir\file\*\\", false), br"dir\file*\");
    }
}
