//! The SSL contexts of the module, SIMCom manual §16.

use std::collections::BTreeMap;

/// Contexts 0 to 9.
pub(crate) const CONTEXTS: u64 = 10;
/// The keys whose value is a number: name, default, lowest, highest (SIMCom manual `AT+CSSLCFG`).
pub(crate) const NUMBERS: &[(&str, u64, u64, u64)] = &[
    ("sslversion", 4, 0, 4),
    ("authmode", 0, 0, 3),
    ("ignorelocaltime", 1, 0, 1),
    ("negotiatetime", 300, 10, 300),
    ("enableSNI", 0, 0, 1),
];
/// The keys whose value is a file name.
pub(crate) const FILES: &[&str] = &["cacert", "clientcert", "clientkey"];

/// The ten contexts: what was set, by key in lower case.
#[derive(Debug, Default)]
pub(crate) struct Contexts(pub(crate) BTreeMap<(u64, String), String>);

impl Contexts {
    pub(crate) fn get(&self, context: u64, key: &str) -> Option<&str> {
        self.0
            .get(&(context, key.to_ascii_lowercase()))
            .map(String::as_str)
    }

    pub(crate) fn number(&self, context: u64, key: &str) -> u64 {
        let default = NUMBERS
            .iter()
            .find(|(name, ..)| *name == key)
            .map_or(0, |row| row.1);
        self.get(context, key)
            .and_then(|value| value.parse().ok())
            .unwrap_or(default)
    }
}
