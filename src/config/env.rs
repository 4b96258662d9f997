//! Variables of the environment: `CELLFTPD_SECTION__KEY`.

use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};

use super::root::Config;
use super::server::ServerProfile;

const PREFIX: &str = "CELLFTPD_";

/// Separates section and key, since keys contain single underscores.
const SEPARATOR: &str = "__";

/// The variables that set keys. `CELLFTPD_CONFIG`, without a section, is none.
pub(super) struct Variables(Vec<Variable>);

struct Variable {
    name: String,
    key: String,
    text: String,
}

impl Variables {
    pub(super) fn new(environment: impl IntoIterator<Item = (String, String)>) -> Self {
        let variables = environment.into_iter().filter_map(|(name, text)| {
            let key = name.strip_prefix(PREFIX)?;
            let key = key
                .contains(SEPARATOR)
                .then(|| key.replace(SEPARATOR, ".").to_lowercase())?;
            Some(Variable { name, key, text })
        });
        Self(variables.collect())
    }

    pub(super) fn merge_into(self, figment: Figment) -> Figment {
        self.0
            .into_iter()
            .fold(figment, |figment, variable| figment.merge(variable))
    }
}

impl Variable {
    /// The text as the type of its key: a password of digits stays text; a number or a list is read as in the
    /// file.
    fn value(&self) -> Value {
        let text = Value::from(self.text.as_str());
        match example(&self.key) {
            None | Some(Value::String(..)) => text,
            Some(_) => self
                .text
                .parse::<toml::Value>()
                .ok()
                .map_or(text.clone(), |value| {
                    Value::serialize(value).unwrap_or(text)
                }),
        }
    }
}

impl Provider for Variable {
    fn metadata(&self) -> Metadata {
        Metadata::named(format!("environment variable {}", self.name))
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let nested = figment::util::nest(&self.key, self.value());
        let dict = nested.into_dict().unwrap_or_default();
        Ok(Map::from([(Profile::default(), dict)]))
    }
}

/// The value of a key in a configuration that has every key.
fn example(key: &str) -> Option<Value> {
    let server = key
        .strip_prefix("servers.")
        .and_then(|rest| rest.split_once('.'));
    match server {
        Some((_, key)) => Value::serialize(ServerProfile::default()).ok()?.find(key),
        None => Value::serialize(Config::default()).ok()?.find(key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(name: &str, text: &str) -> Value {
        let mut variables = Variables::new([(name.to_string(), text.to_string())]);
        variables.0.remove(0).value()
    }

    #[test]
    fn a_value_has_the_type_of_its_key() {
        assert_eq!(value("CELLFTPD_MODULE__BAUD", "9600").to_i128(), Some(9600));
        assert_eq!(
            value("CELLFTPD_TRANSFERS__ALLOW_INLINE_SERVERS", "true").to_bool(),
            Some(true)
        );
        assert_eq!(
            value("CELLFTPD_SERVERS__A__PASSWORD", "0123").as_str(),
            Some("0123")
        );
        assert_eq!(
            value("CELLFTPD_LISTEN__UNIX_MODE", "0600").as_str(),
            Some("0600")
        );
        assert_eq!(
            value("CELLFTPD_SERVERS__A__PORT", "2121").to_i128(),
            Some(2121)
        );
    }

    #[test]
    fn other_variables_are_left_alone() {
        let names = ["CELLFTPD_CONFIG", "CELLFTPD_SKIP", "PATH", "OTHER__KEY"];
        let variables = names.map(|name| (name.to_string(), String::new()));
        assert!(Variables::new(variables).0.is_empty());
    }
}
