//! `cellftp ls [PATH]` and `cellftp stat PATH`.

use serde_json::json;

use crate::args::{Args, Listing, Ls};
use crate::failure::Failure;
use crate::output::{Plain, hex, print};
use cellftp::client::{Client, Entry, EntryKind, ServerPath};

pub(crate) async fn run(args: &Args, ls: &Ls, client: &Client) -> Result<(), Failure> {
    let entries = client.list(&args.target()?, &ls.path).await?;
    let text: String = entries.iter().map(|entry| line(entry, ls.form)).collect();
    print(args.json, text, || entries.iter().map(value).collect())
}

pub(crate) async fn stat(args: &Args, path: &ServerPath, client: &Client) -> Result<(), Failure> {
    let found = client.stat(&args.target()?, path).await;
    let entry = found.map_err(|source| Failure::For {
        path: path.to_string(),
        source,
    })?;
    print(args.json, line(&entry, Listing::default()), || {
        value(&entry)
    })
}

/// A line of a listing. A line of the server that cannot be read is shown as it came.
pub(crate) fn line(entry: &Entry, form: Listing) -> String {
    if form.one && !entry.name.is_empty() {
        return name(entry) + "\n";
    }
    if entry.name.is_empty() {
        return format!(
            "?          {}\n",
            Plain(&String::from_utf8_lossy(&entry.raw))
        );
    }
    let kind = match entry.kind() {
        EntryKind::Directory => 'd',
        EntryKind::Link => 'l',
        EntryKind::File => '-',
        EntryKind::Unspecified => '?',
    };
    let permissions = if entry.permissions.is_empty() {
        "         "
    } else {
        &entry.permissions
    };
    let shown = |size: i64| {
        if form.human_readable {
            short(size)
        } else {
            size.to_string()
        }
    };
    let size = entry.size.map(shown).unwrap_or_default();
    let modified = entry
        .modify_time
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    let mut line = format!(
        "{kind}{} {size:>12} {modified:20} {}",
        Plain(permissions),
        name(entry)
    );
    if !entry.link_target.is_empty() {
        line += &format!(" -> {}", Plain(&entry.link_target));
    }
    line + "\n"
}

/// A size with its unit, as `ls -h` writes it: 1.4K, 23M.
pub(crate) fn short(size: i64) -> String {
    let (mut whole, mut unit) = (size as f64, "");
    for next in ["K", "M", "G", "T"] {
        // What would be rounded to 1024 is one of the next unit.
        if whole < 1023.5 {
            break;
        }
        (whole, unit) = (whole / 1024.0, next);
    }
    if unit.is_empty() || whole >= 9.95 {
        format!("{whole:.0}{unit}")
    } else {
        format!("{whole:.1}{unit}")
    }
}

/// The name for people. A name that is not UTF-8 is quoted as shells take it: `$'caf\xe9.txt'`.
fn name(entry: &Entry) -> String {
    if entry.raw_name.is_empty() {
        return Plain(&entry.name).to_string();
    }
    let mut quoted = String::from("$'");
    for chunk in entry.raw_name.utf8_chunks() {
        quoted += &Plain(chunk.valid()).to_string().replace('\'', "\\'");
        for byte in chunk.invalid() {
            quoted += &format!("\\x{byte:02x}");
        }
    }
    quoted + "'"
}

pub(crate) fn value(entry: &Entry) -> serde_json::Value {
    let kind = match entry.kind() {
        EntryKind::Directory => Some("directory"),
        EntryKind::Link => Some("link"),
        EntryKind::File => Some("file"),
        EntryKind::Unspecified => None,
    };
    json!({
        "name": entry.name,
        "raw_name": (!entry.raw_name.is_empty()).then(|| hex(&entry.raw_name)),
        "addressable": entry.addressable,
        "kind": kind,
        "size": entry.size,
        "modified": entry.modify_time.as_ref().map(ToString::to_string),
        "permissions": entry.permissions,
        "link_target": entry.link_target,
        "raw_link_target": (!entry.raw_link_target.is_empty()).then(|| hex(&entry.raw_link_target)),
        "raw": String::from_utf8_lossy(&entry.raw),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_shows_what_is_known() {
        let file = Entry {
            name: "a b.txt".into(),
            kind: EntryKind::File.into(),
            size: Some(1434),
            permissions: "rw-r--r--".into(),
            modify_time: Some(prost_types::Timestamp {
                seconds: 0,
                nanos: 0,
            }),
            ..Default::default()
        };
        assert_eq!(
            line(&file, Listing::default()),
            "-rw-r--r--         1434 1970-01-01T00:00:00Z a b.txt\n"
        );
        let unread = Entry {
            raw: "total\x1b 3".into(),
            ..Default::default()
        };
        assert_eq!(
            line(&unread, Listing::default()),
            "?          total\\u{1b} 3\n"
        );
    }

    #[test]
    fn a_name_in_another_code_is_shown_as_a_shell_takes_it_and_told_in_hexadecimal() {
        let file = Entry {
            name: "it's \u{FFFD}.txt".into(),
            kind: EntryKind::File.into(),
            raw_name: b"it's \xE9.txt".as_slice().into(),
            addressable: Some(true),
            ..Default::default()
        };
        assert!(line(&file, Listing::default()).ends_with(" $'it\\'s \\xe9.txt'\n"));
        let value = value(&file);
        assert_eq!(value["raw_name"], "6974277320e92e747874");
        assert_eq!(value["addressable"], true);
    }

    #[test]
    fn sizes_are_short_for_people() {
        for (size, text) in [
            (0, "0"),
            (1023, "1023"),
            (1434, "1.4K"),
            (10_239, "10K"),
            (1_048_575, "1.0M"),
            (5 << 30, "5.0G"),
        ] {
            assert_eq!(short(size), text);
        }
    }

    #[test]
    fn programs_get_names_and_numbers() {
        let link = Entry {
            name: "l".into(),
            kind: EntryKind::Link.into(),
            link_target: "/t".into(),
            ..Default::default()
        };
        let value = value(&link);
        assert_eq!(value["kind"], "link");
        assert_eq!(value["link_target"], "/t");
        assert!(value["size"].is_null());
    }
}
