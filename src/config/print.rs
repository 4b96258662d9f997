//! The configuration as TOML, with the place of each value.

use toml::{Table, Value};

use super::key::{Key, segment_in_toml};
use super::place::Place;
use super::root::Config;
use super::tree::Node;

/// The section of the emulated module.
const EMULATOR: [&str; 2] = ["module", "emulator"];

/// Every value of a configuration, and where it was given.
pub(super) fn annotated(config: &Config, given: &Node) -> Result<String, toml::ser::Error> {
    let mut table = Table::try_from(config)?;
    let emulator = EMULATOR.map(str::to_owned);
    if !config.module.device.is_emulated()
        && given.find(&emulator).is_none()
        && let Some(Value::Table(module)) = table.get_mut("module")
    {
        module.remove("emulator");
    }
    let mut text = String::new();
    section(&table, &Key::default(), given, &mut text);
    Ok(text)
}

/// The values of a section, and then its sections.
fn section(table: &Table, key: &Key, given: &Node, text: &mut String) {
    let is_section = |value: &Value| matches!(value, Value::Table(inner) if !inner.is_empty());
    let (sections, values): (Vec<_>, Vec<_>) =
        table.iter().partition(|(_, value)| is_section(value));
    if !key.is_root() && (!values.is_empty() || sections.is_empty()) {
        if !text.is_empty() {
            text.push('\n');
        }
        *text += &format!("[{key}]\n");
    }
    for (name, value) in values {
        if key.is_root() {
            // A section without entries: written as a value, it would be in the way of one.
            continue;
        }
        let place = match given
            .find(key.join(name).segments())
            .and_then(|node| node.place.as_ref())
        {
            None => "default".to_owned(),
            Some(Place::Variable(variable)) => variable.to_string(),
            Some(place) => place.to_string(),
        };
        // A path may have a line end.
        let place = place.escape_debug();
        *text += &format!(
            "{} = {} # {place}\n",
            segment_in_toml(name),
            one_line(value)
        );
    }
    for (name, value) in sections {
        if let Value::Table(inner) = value {
            section(inner, &key.join(name), given, text);
        }
    }
}

/// A value in one line: TOML's own printer breaks a text with line ends.
fn one_line(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(one_line).collect();
            format!("[{}]", items.join(", "))
        }
        other => other.to_string(),
    }
}

fn quoted(text: &str) -> String {
    let bare = segment_in_toml(text);
    if bare.starts_with('"') {
        bare
    } else {
        format!("\"{bare}\"")
    }
}
