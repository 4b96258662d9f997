//! Listings of any bytes: never a panic, and the same entries however the bytes were cut.

#![no_main]

use simcom_talk::ftps::listing::{Entry, Lines};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (Vec<u8>, Vec<u8>)| {
    let (text, cuts) = input;
    let whole = entries([text.as_slice()]);
    let mut rest = text.as_slice();
    let mut parts = Vec::new();
    for cut in cuts {
        let at = usize::from(cut).min(rest.len());
        let (part, later) = rest.split_at(at);
        parts.push(part);
        rest = later;
    }
    parts.push(rest);
    assert_eq!(entries(parts), whole);
    for entry in whole {
        if let Some(facts) = entry.facts {
            assert!(!facts.name.is_empty() && facts.name != "." && facts.name != "..");
        }
    }
});

fn entries<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Vec<Entry> {
    let mut lines = Lines::new();
    let mut entries: Vec<_> = parts
        .into_iter()
        .flat_map(|part| lines.push(part))
        .collect();
    entries.extend(lines.finish());
    entries
}
