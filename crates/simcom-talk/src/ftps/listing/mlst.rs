//! Lines of MLSD (RFC 3659 section 7), which some servers send for LIST too.

use super::entry::Kind;
use super::reading::{Reading, compact};
use super::size::size;
use super::text::is_blank;

/// `type=file;size=2345;modify=20131209174623; name`: after one blank, the rest is the name.
pub(super) fn read(line: &[u8]) -> Option<Reading> {
    let end = end_of_facts(line)?;
    let (facts, mut name) = (line.get(..end)?, line.get(end + 1..)?);
    let (mut kind, mut bytes, mut modified) = (None, None, None);
    let (mut mode, mut target) = (b"".as_slice(), b"".as_slice());
    // Drafts before 2002 have no semicolon at the end.
    let facts = facts.strip_suffix(b";").unwrap_or(facts);
    for fact in facts.split(|byte| *byte == b';') {
        let equals = fact.iter().position(|byte| *byte == b'=')?;
        let (key, value) = (fact.get(..equals)?, fact.get(equals + 1..)?);
        match key.to_ascii_lowercase().as_slice() {
            b"type" => {
                (kind, target) = kind_of(value);
                // The directory itself and the one above may have names of their own.
                if value.eq_ignore_ascii_case(b"cdir") || value.eq_ignore_ascii_case(b"pdir") {
                    name = b".";
                }
            }
            b"size" => bytes = size(value)?.bytes(),
            b"modify" => modified = Some(compact(value)),
            b"unix.mode" => mode = value,
            _ => {}
        }
    }
    let reading = Reading::named(kind?, name)
        .sized(bytes)
        .permitted(mode)
        .leading_to(target);
    (!name.is_empty()).then(|| match modified {
        Some(stamp) => reading.at(stamp),
        None => reading,
    })
}

/// Where the facts end. No fact has a blank in it (RFC 3659 section 7.2), but some servers print the target
/// of a link with its blanks.
fn end_of_facts(line: &[u8]) -> Option<usize> {
    let blank = line.iter().position(|byte| is_blank(*byte))?;
    let facts = line.get(..blank)?.to_ascii_lowercase();
    let last = facts.rsplit(|byte| *byte == b';').next()?;
    if !last.starts_with(b"type=os.unix=slink:") {
        return Some(blank);
    }
    let end = line.windows(2).position(|window| window == b"; ");
    Some(end.map_or(blank, |end| end + 1))
}

/// The kind in the fact, and the target of a link: `OS.unix=slink:/target`.
fn kind_of(value: &[u8]) -> (Option<Kind>, &[u8]) {
    let small = value.to_ascii_lowercase();
    let kind = match small.as_slice() {
        b"file" => Kind::File,
        b"dir" | b"cdir" | b"pdir" => Kind::Directory,
        b"os.unix=symlink" => Kind::Link,
        other if other.starts_with(b"os.unix=slink") => Kind::Link,
        _ => Kind::Other,
    };
    let target = match value.iter().position(|byte| *byte == b':') {
        Some(colon) if kind == Kind::Link => value.get(colon + 1..).unwrap_or_default(),
        _ => b"",
    };
    (Some(kind), target)
}
