//! `cellftpd.toml(5)`: every key of the configuration, out of its schema, which is made of the types.

use std::io;

use clap_mangen::roff::{Roff, bold, italic, roman};
use serde_json::{Map, Value};

use super::chapter::Part::{Code, Item, Text};
use super::chapter::{Chapter, paragraph};
use crate::config::SCHEMA;

/// Sections that one needs first; the others follow by their names.
const FIRST: [&str; 3] = ["module", "servers", "access"];

/// The page.
///
/// # Errors
///
/// When the schema is none.
pub(super) fn page() -> io::Result<Roff> {
    let schema: Value = serde_json::from_str(SCHEMA)?;
    let mut page = Roff::new();
    let source = concat!("cellftpd ", env!("CARGO_PKG_VERSION"));
    page.control("TH", ["cellftpd.toml", "5", "", source, "cellftpd"]);
    for chapter in BEFORE {
        chapter.add(&mut page);
    }
    let schema = Schema { root: &schema };
    let sections = schema.keys(&schema.resolved(schema.root));
    let first = |name: &str| FIRST.iter().position(|first| *first == name);
    let mut sections: Vec<_> = sections.into_iter().collect();
    sections.sort_by_key(|(name, _)| (first(name).unwrap_or(FIRST.len()), name.clone()));
    page.control("SH", ["SECTIONS AND KEYS"]);
    for (name, section) in sections {
        schema.add_section(&mut page, &name, &section);
    }
    for chapter in BEHIND {
        chapter.add(&mut page);
    }
    Ok(page)
}

struct Schema<'a> {
    root: &'a Value,
}

impl Schema<'_> {
    /// A value's description of itself with that of its type beneath it.
    fn resolved(&self, value: &Value) -> Map<String, Value> {
        let mut all = value.as_object().cloned().unwrap_or_default();
        let below = value.get("allOf").and_then(|of| of.get(0)).unwrap_or(value);
        let name = below.get("$ref").and_then(Value::as_str);
        let name = name.and_then(|path| path.strip_prefix("#/definitions/"));
        let kind = name.and_then(|name| self.root.get("definitions")?.get(name));
        for (key, value) in kind.and_then(Value::as_object).into_iter().flatten() {
            all.entry(key).or_insert_with(|| value.clone());
        }
        all
    }

    /// The keys of a table, each with what is said of it.
    fn keys(&self, table: &Map<String, Value>) -> Map<String, Value> {
        let keys = table.get("properties").and_then(Value::as_object);
        let keys = keys.into_iter().flatten();
        keys.map(|(name, value)| (name.clone(), Value::Object(self.resolved(value))))
            .collect()
    }

    /// Adds a section: its own keys, then the sections in it.
    fn add_section(&self, page: &mut Roff, name: &str, section: &Value) {
        // A table with names of the user's own, as `servers`: what is in each of them.
        let entry = section.get("additionalProperties");
        if let Some(entry) = entry.filter(|entry| entry.is_object()) {
            let mut entry = self.resolved(entry);
            if let Some(said) = section.get("description") {
                entry.insert("description".into(), said.clone());
            }
            return self.add_section(page, &format!("{name}.NAME"), &Value::Object(entry));
        }
        page.control("SS", [format!("[{name}]").as_str()]);
        paragraph(page, &said(section));
        let keys = section.as_object().map(|table| self.keys(table));
        let (tables, keys): (Vec<_>, Vec<_>) = keys
            .into_iter()
            .flatten()
            .partition(|(_, key)| key.get("properties").is_some());
        for (key, value) in keys {
            self.add_key(page, &key, &value);
        }
        // The package has no emulated module; its knobs are in `cellftpd emulate --help`.
        for (key, table) in tables.into_iter().filter(|(key, _)| key != "emulator") {
            self.add_section(page, &format!("{name}.{key}"), &table);
        }
    }

    fn add_key(&self, page: &mut Roff, key: &str, value: &Value) {
        page.control("TP", []);
        let default = value.get("default").map(Value::to_string);
        let default = default.unwrap_or_default();
        page.text([bold(key), roman(" = "), italic(default)]);
        let mut text = said(value);
        let kind = kind(value);
        if !kind.is_empty() {
            text = format!("{text} {kind}");
        }
        page.text([roman(text.trim())]);
        for choice in value
            .get("oneOf")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let Some(word) = choice.get("const").map(Value::to_string) else {
                continue;
            };
            page.control("br", []);
            page.text([bold(word), roman(format!(": {}", said(choice)))]);
        }
    }
}

/// What is said of a key, on one line.
fn said(value: &Value) -> String {
    let text = value.get("description").and_then(Value::as_str);
    text.unwrap_or_default()
        .replace('\n', " ")
        .replace('`', "\"")
}

/// What may stand as its value, where the default does not show it.
fn kind(value: &Value) -> String {
    let at = |key: &str| value.get(key).and_then(Value::as_u64);
    match value.get("type").and_then(Value::as_str) {
        Some("integer") => match (at("minimum"), at("maximum")) {
            (Some(least), Some(most)) => format!("A number from {least} to {most}."),
            _ => "A number.".into(),
        },
        Some("boolean") => "true or false.".into(),
        Some("array") => "A list.".into(),
        Some("string") if value.get("pattern").is_some() => "A time.".into(),
        _ if value.get("anyOf").is_some() => "A size.".into(),
        _ => String::new(),
    }
}

const BEFORE: &[Chapter] = &[
    Chapter {
        heading: "NAME",
        parts: &[Text("cellftpd.toml - configuration of cellftpd")],
    },
    Chapter {
        heading: "SYNOPSIS",
        parts: &[Code(
            "/etc/cellftpd/cellftpd.toml\n/etc/cellftpd/conf.d/*.toml\n/etc/cellftpd/NAME.toml",
        )],
    },
    Chapter {
        heading: "DESCRIPTION",
        parts: &[
            Text(
                "The files are TOML. Every key may be left out and has the default that is shown with it. An unknown \
                 key is an error, so that a misspelt one does not go unnoticed.",
            ),
            Text(
                "The files of conf.d override the main file, in the order of their names. A table is merged; any \
                 other value, a list too, replaces the one before. A variable CELLFTPD_SECTION__KEY overrides all \
                 files.",
            ),
            Text(
                "A time is written as \"90s\", \"10m\" or \"1h 30m\". A size is a number of bytes, or has a unit: \
                 \"64KiB\" is 65536 bytes, \"10MB\" is 10000000.",
            ),
            Text(
                "A file with a password, a certificate or a key is named by an absolute path, or by the name of a \
                 credential that systemd hands to the service (LoadCredential=).",
            ),
            Text(
                "The command \"cellftpd check-config\" tells all that is wrong, with file, line and column. \
                 \"cellftpd print-config\" tells where each value was given. \"systemctl reload cellftpd\" takes over \
                 what was changed, and the log names the keys that need a restart. The shipped file has longer \
                 comments on each key.",
            ),
        ],
    },
];

const BEHIND: &[Chapter] = &[
    Chapter {
        heading: "FILES",
        parts: &[
            Item(
                "/etc/cellftpd/cellftpd.toml",
                "The configuration of cellftpd.service. The user cellftpd must be able to read it, and nobody else \
                 should where it has passwords.",
            ),
            Item("/etc/cellftpd/conf.d/*.toml", "Files that override it."),
            Item(
                "/etc/cellftpd/NAME.toml",
                "The configuration of cellftpd@NAME.service. All daemons read the same conf.d.",
            ),
            Item(
                "/usr/share/cellftpd/cellftpd.schema.json",
                "The JSON schema, for editors that complete and check TOML by one.",
            ),
            Item(
                "/usr/share/doc/cellftpd/quirks.toml",
                "An example of the file that module.quirks names.",
            ),
        ],
    },
    Chapter {
        heading: "EXAMPLES",
        parts: &[
            Text("A module on USB, and one server whose certificate is verified:"),
            Code(EXAMPLE),
            Text("The password of it, which only root and the daemon read:"),
            Code(
                "printf %s 'the password' | sudo install -m 600 /dev/stdin /etc/cellftpd/office.password\n\
                 sudo systemctl edit cellftpd    # [Service]\n\
                 \u{20}                               # LoadCredential=office:/etc/cellftpd/office.password",
            ),
            Text("A module on a UART:"),
            Code(UART),
        ],
    },
    Chapter {
        heading: "SEE ALSO",
        parts: &[Text("cellftpd(8), cellftp(1), systemd.exec(5)")],
    },
];

const EXAMPLE: &str = r#"[module]
device = "/dev/simcom-at"

[servers.office]
host = "ftp.example.com"
security = "auth-tls"
ca_file = "/etc/cellftpd/office-ca.pem"
username = "meter7"
password_file = "office"

[access.office]
write = ["uid:1000"]
"#;

const UART: &str = r#"[module]
device = "/dev/ttyAMA0"
baud = 115200
flow_control = "hardware"
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Config};

    /// Every key of a table, with those of the tables in it.
    fn keys(value: &Value, found: &mut Vec<String>) {
        for (key, value) in value.as_object().into_iter().flatten() {
            if key != "emulator" {
                found.push(key.clone());
                keys(value, found);
            }
        }
    }

    #[test]
    fn the_page_has_every_key_with_its_default() {
        let page = page().unwrap().to_roff();
        let mut wanted = Vec::new();
        let all = serde_json::to_value(Config::default()).unwrap();
        keys(&all, &mut wanted);
        assert!(wanted.len() > 60, "{wanted:?}");
        let profile = serde_json::to_value(config::ServerProfile::default()).unwrap();
        keys(&profile, &mut wanted);
        let access = serde_json::to_value(config::Access::default()).unwrap();
        keys(&access, &mut wanted);
        for key in wanted {
            let is_there = page.contains(&format!("\\fB{key}\\fR = "))
                || page.contains(&format!("[{key}]"))
                || page.contains(&format!("[{key}.NAME]"))
                || page.contains(&format!(".{key}]"));
            assert!(is_there, "{key} is not in the page");
        }
        assert!(page.contains("\\fBsecurity\\fR = \\fI\"auth\\-tls\"\\fR"));
        assert!(page.contains("\\fB\"implicit\"\\fR: TLS from the first byte."));
    }

    #[test]
    fn the_examples_are_usable() {
        let problems = |text| match config::parse("example.toml", text, []) {
            Ok(loaded) => loaded.warnings,
            Err(config::Error::Problems(problems)) => problems,
        };
        // The files that they name are not on this machine.
        for problem in problems(EXAMPLE) {
            assert!(problem.key.to_string().ends_with("_file"), "{problem}");
        }
        assert_eq!(problems(UART), []);
    }
}
