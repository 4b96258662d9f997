//! Quirks: what a user knows about a model or a firmware that neither documents nor test commands
//! tell.

use serde::Deserialize;

use super::profile::ModuleProfile;

/// A list of quirks, in the order in which they are applied.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quirks {
    /// The list.
    #[serde(default)]
    quirk: Vec<Quirk>,
}

/// Changes to the profile of some modules.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Quirk {
    /// The name, for people.
    name: String,
    /// The beginning of the answer to `AT+CGMM`. Empty means any.
    model: String,
    /// The beginning of the answer to `AT+CGMR`. Empty means any.
    firmware: String,
    max_path: Option<usize>,
    max_credential: Option<usize>,
    max_line: Option<usize>,
    abort: Option<bool>,
    cache: Option<bool>,
    blocks: Option<bool>,
    mode: Option<bool>,
    tls_contexts: Option<bool>,
    non_ascii: Option<bool>,
    non_ascii_files: Option<bool>,
}

/// Why a list of quirks is not usable.
#[derive(Debug, thiserror::Error)]
pub enum QuirkError {
    /// The text is no TOML, or has unknown keys or values.
    #[error("it cannot be read")]
    Syntax(#[from] toml::de::Error),
    /// A quirk has no name. Logs and errors need one.
    #[error("quirk {0} has no name")]
    Nameless(usize),
    /// A length is too small for any command.
    #[error("quirk {name:?}: {field} is {value}, at least {min} are needed")]
    TooSmall {
        /// Its name.
        name: String,
        /// The field.
        field: &'static str,
        /// The value found.
        value: usize,
        /// The smallest allowed.
        min: usize,
    },
}

/// Shortest limits that leave room for one name of a usual file system, and for a login.
const MIN_PATH: usize = 16;
const MIN_LINE: usize = 64;

impl Quirks {
    /// Reads a list from the text of a file.
    ///
    /// # Errors
    /// [`QuirkError::Syntax`], [`QuirkError::Nameless`] and [`QuirkError::TooSmall`].
    pub fn parse(text: &str) -> Result<Self, QuirkError> {
        let quirks: Self = toml::from_str(text)?;
        for (at, quirk) in quirks.quirk.iter().enumerate() {
            if quirk.name.is_empty() {
                return Err(QuirkError::Nameless(at + 1));
            }
            for (field, value, min) in [
                ("max_path", quirk.max_path, MIN_PATH),
                ("max_credential", quirk.max_credential, 1),
                ("max_line", quirk.max_line, MIN_LINE),
            ] {
                if let Some(value) = value.filter(|value| *value < min) {
                    let name = quirk.name.clone();
                    return Err(QuirkError::TooSmall {
                        name,
                        field,
                        value,
                        min,
                    });
                }
            }
        }
        Ok(quirks)
    }

    /// Applies the quirks of a model and firmware, in order. Returns their names.
    pub fn apply(&self, model: &str, firmware: &str, profile: &mut ModuleProfile) -> Vec<String> {
        let apt = |quirk: &&Quirk| begins(model, &quirk.model) && begins(firmware, &quirk.firmware);
        self.quirk
            .iter()
            .filter(apt)
            .map(|quirk| {
                quirk.apply(profile);
                quirk.name.clone()
            })
            .collect()
    }
}

impl Quirk {
    fn apply(&self, profile: &mut ModuleProfile) {
        for (field, value) in [
            (&mut profile.max_path, self.max_path),
            (&mut profile.max_credential, self.max_credential),
            (&mut profile.max_line, self.max_line),
        ] {
            *field = value.unwrap_or(*field);
        }
        for (field, value) in [
            (&mut profile.abort, self.abort),
            (&mut profile.cache, self.cache),
            (&mut profile.blocks, self.blocks),
            (&mut profile.mode, self.mode),
            (&mut profile.binds_tls, self.tls_contexts),
            (&mut profile.non_ascii, self.non_ascii),
            (&mut profile.non_ascii_files, self.non_ascii_files),
        ] {
            *field = value.unwrap_or(*field);
        }
    }
}

/// Case does not count: firmwares of one model print both.
fn begins(text: &str, prefix: &str) -> bool {
    text.trim()
        .get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "[[quirk]]\nname = \"a\"\nmodel = \"simcom_sim7600\"\ncache = false\n\
        [[quirk]]\nname = \"b\"\nfirmware = \"LE20B05\"\ncache = true\nmax_path = 100\n";

    #[test]
    fn the_quirks_of_a_module_are_applied_in_order() {
        let quirks = Quirks::parse(LIST).unwrap();
        let mut profile = ModuleProfile::sim7600();
        let names = quirks.apply("SIMCOM_SIM7600E", "LE20B05SIM7600M22", &mut profile);
        assert_eq!(names, ["a", "b"]);
        assert_eq!((profile.cache, profile.max_path), (true, 100));
        let mut profile = ModuleProfile::sim7600();
        assert_eq!(quirks.apply("SIMCOM_SIM7600E", "LE", &mut profile), ["a"]);
        assert!(!profile.cache);
        let mut profile = ModuleProfile::a76xx();
        assert!(quirks.apply("A7670E", "A1", &mut profile).is_empty());
        assert_eq!(profile, ModuleProfile::a76xx());
    }

    #[test]
    fn a_wrong_list_says_why() {
        for (text, why) in [
            ("[[quirk]]\nname = \"a\"\nchache = true\n", "cannot be read"),
            ("[[quirk]]\nmodel = \"A\"\n", "quirk 1 has no name"),
            ("[[quirk]]\nname = \"a\"\nmax_path = 3\n", "max_path is 3"),
        ] {
            let error = Quirks::parse(text).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
