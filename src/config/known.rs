//! All keys that there are.

use std::collections::BTreeMap;

use super::access::Access;
use super::key::Key;
use super::outbox::Outbox;
use super::root::Config;
use super::server::ServerProfile;
use super::tree::{Content, Node};

/// Stands for the name of a profile.
pub(super) const NAME: &str = "NAME";

/// The prefix of the variables that set keys.
pub(super) const PREFIX: &str = "CELLFTPD_";

/// Separates section and key in a variable, since keys contain single underscores.
pub(super) const SEPARATOR: &str = "__";

/// The sections whose entries have names of their own.
const NAMED: [&str; 3] = ["servers", "access", "outbox"];

/// All keys with their defaults; the profile [`NAME`] stands for all profiles.
pub(super) struct Known(Node);

impl Known {
    pub(super) fn new() -> Self {
        let all = Config {
            servers: BTreeMap::from([(NAME.to_owned(), ServerProfile::default())]),
            access: BTreeMap::from([(NAME.to_owned(), Access::default())]),
            outbox: BTreeMap::from([(NAME.to_owned(), Outbox::default())]),
            ..Config::default()
        };
        // Every value of a default has a form in TOML, as a test holds; and without them nothing would be known.
        let table = toml::Table::try_from(all).unwrap_or_default();
        Self(Node::of(toml::Value::Table(table), None))
    }

    /// The defaults, without any profile.
    pub(super) fn defaults(&self) -> Node {
        let mut defaults = self.0.clone();
        for section in NAMED {
            defaults.reset(&[section.to_owned(), NAME.to_owned()], None);
        }
        defaults
    }

    /// The default of a key.
    pub(super) fn example(&self, key: &Key) -> Option<&Node> {
        let mut segments = key.segments().to_vec();
        if let [section, name, _, ..] = segments.as_mut_slice()
            && NAMED.contains(&section.as_str())
        {
            NAME.clone_into(name);
        }
        self.0.find(&segments)
    }

    /// The section that has a key of this name, where it is only one.
    pub(super) fn section_of(&self, name: &str) -> Option<String> {
        let mut sections = Vec::new();
        collect(&self.0, &Key::default(), &mut |key| {
            if let [section @ .., last] = key.segments()
                && last == name
                && !section.is_empty()
            {
                sections.push(Key::from(section.to_vec()).to_string());
            }
        });
        match sections.as_slice() {
            [one] => Some(one.clone()),
            _ => None,
        }
    }

    /// The variables that set a key.
    pub(super) fn variables(&self) -> Vec<String> {
        let mut variables = Vec::new();
        collect(&self.0, &Key::default(), &mut |key| {
            let name = key.segments().join(SEPARATOR).to_uppercase();
            variables.push(format!("{PREFIX}{name}"));
        });
        variables
    }
}

/// Hands over the key of each value that is no section.
fn collect(node: &Node, key: &Key, to: &mut impl FnMut(&Key)) {
    match &node.content {
        Content::Table(entries) if !entries.is_empty() || key.is_root() => {
            for (name, entry) in entries {
                collect(entry, &key.join(name), to);
            }
        }
        _ => to(key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_keys_are_known_with_their_defaults() {
        let known = Known::new();
        let variables = known.variables();
        for name in [
            "CELLFTPD_LISTEN__TCP",
            "CELLFTPD_SERVERS__NAME__PASSWORD_FILE",
        ] {
            assert!(variables.iter().any(|known| known == name), "{name}");
        }
        assert!(known.example(&Key::from("servers.office.host")).is_some());
        assert!(known.example(&Key::from("servers.office.hots")).is_none());
        assert_eq!(known.section_of("level").as_deref(), Some("log"));
        assert_eq!(known.section_of("listen").as_deref(), Some("metrics"));
        // Both of [queue] and of others.
        assert_eq!(known.section_of("directory"), None);
        assert!(
            known
                .defaults()
                .find(&["servers".into(), NAME.into()])
                .is_none()
        );
    }
}
