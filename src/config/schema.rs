//! The schema of the configuration for editors, made of the types: `config/cellftpd.schema.json`.

use std::borrow::Cow;
use std::fs;

use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::module::Emulator;
use super::root::Config;

/// The shipped file.
const FILE: &str = "config/cellftpd.schema.json";

/// A span of time, as `1h 30m`.
pub(super) fn time(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "pattern": r"^\s*(\d+\s*[a-zµ]+\s*)+$" })
}

/// A number of bytes, or a size as `64KiB`.
pub(super) fn size(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "anyOf": [
            { "type": "integer", "minimum": 0 },
            { "type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*([kKmMgGtTpPeE]?[iI]?[bB]?)\s*$" },
        ],
    })
}

/// The emulated module, by its defaults: its types are another package's.
pub(super) fn emulator(_: &mut SchemaGenerator) -> Schema {
    let defaults = serde_json::to_value(Emulator::default()).unwrap_or_default();
    let mut schema = Schema::default();
    if let Value::Object(described) = described(&defaults) {
        *schema.ensure_object() = described;
    }
    schema
}

fn described(value: &Value) -> Value {
    match value {
        Value::Object(entries) if !entries.is_empty() => {
            let entries = entries.iter();
            let described: serde_json::Map<_, _> = entries
                .map(|(key, value)| (key.clone(), described(value)))
                .collect();
            json!({ "type": "object", "additionalProperties": false, "properties": described })
        }
        Value::Object(_) => json!({ "type": "object" }),
        Value::Array(_) => json!({ "type": "array", "default": value }),
        Value::String(_) => json!({ "type": "string", "default": value }),
        Value::Bool(_) => json!({ "type": "boolean", "default": value }),
        _ => json!({ "type": "number", "default": value }),
    }
}

/// Every key has a default, whatever the types say.
#[derive(Clone)]
struct NothingRequired;

impl Transform for NothingRequired {
    fn transform(&mut self, schema: &mut Schema) {
        schema.remove("required");
        transform_subschemas(self, schema);
    }
}

fn schema() -> String {
    let settings = SchemaSettings::draft07().with_transform(NothingRequired);
    let mut schema = settings.into_generator().into_root_schema_for::<Config>();
    schema.insert("title".into(), "Configuration of cellftpd".into());
    // A schema is JSON.
    serde_json::to_string_pretty(&schema).unwrap_or_default() + "\n"
}

/// With `UPDATE_SCHEMA` in the environment, the file is written anew.
#[test]
fn the_shipped_schema_is_that_of_the_types() {
    let made = schema();
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        fs::write(FILE, &made).unwrap();
    }
    let shipped = fs::read_to_string(FILE).map_or(Cow::Borrowed(""), Cow::Owned);
    assert!(
        shipped == made,
        "{FILE} is out of date: UPDATE_SCHEMA=1 cargo test --lib the_shipped_schema_is_that_of_the_types"
    );
}
