//! The sources of the configuration, each laid over the one before.

use std::fs;
use std::path::Path;

use figment::error::{Actual, Kind};
use figment::providers::Serialized;
use figment::value::{Dict, Map};
use figment::{Figment, Metadata, Profile, Provider};

use super::env::Variables;
use super::error::{Error, Problem};
use super::root::Config;

/// The file that is read where no path is given.
pub const DEFAULT_PATH: &str = "/etc/cellftpd/cellftpd.toml";

/// Reads the configuration.
///
/// Without a path, [`DEFAULT_PATH`] is read where it exists. The environment's variables are
/// `CELLFTPD_SECTION__KEY`, for example `CELLFTPD_LISTEN__TCP`.
///
/// # Errors
/// [`Error::Read`] where the file cannot be read. [`Error::Problems`] with all that is wrong in it or in the
/// environment.
pub fn load(path: Option<&Path>) -> Result<Config, Error> {
    let explicit = path.is_some();
    let path = path.unwrap_or(Path::new(DEFAULT_PATH));
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !explicit => String::new(),
        Err(source) => {
            return Err(Error::Read {
                path: path.into(),
                source,
            });
        }
    };
    parse(
        &path.display().to_string(),
        &text,
        std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        }),
    )
}

/// Reads the configuration from the text of a file and from variables of the environment.
/// `name` stands for the file in errors.
///
/// # Errors
/// [`Error::Problems`] with all that is wrong.
pub fn parse(
    name: &str,
    text: &str,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Config, Error> {
    let figment = Figment::from(Serialized::defaults(Config::default())).merge(Named {
        name,
        table: read(name, text)?,
    });
    let figment = Variables::new(environment).merge_into(figment);
    let config: Config = figment.extract().map_err(|error| {
        Error::Problems(
            error
                .into_iter()
                .map(|error| from_figment(&error))
                .collect(),
        )
    })?;
    let mut problems = config.problems();
    for problem in &mut problems {
        problem.source = origin(&figment, &problem.key);
    }
    if problems.is_empty() {
        Ok(config)
    } else {
        Err(Error::Problems(problems))
    }
}

/// A table, with the name of its file.
struct Named<'a> {
    name: &'a str,
    table: toml::Table,
}

impl Provider for Named<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.to_owned())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Serialized::defaults(&self.table).data()
    }
}

/// The file's text as a table. Errors name the line and do not quote it, since it may have a password.
fn read(name: &str, text: &str) -> Result<toml::Table, Error> {
    toml::from_str(text).map_err(|error| {
        let before = error
            .span()
            .and_then(|span| text.get(..span.start))
            .unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        Error::Problems(vec![Problem {
            source: format!("{name}:{line}"),
            key: String::new(),
            rule: format!("is no TOML: {}", error.message()),
        }])
    })
}

fn from_figment(error: &figment::Error) -> Problem {
    let rule = match &error.kind {
        Kind::UnknownField(field, allowed) => {
            format!(
                "there is no key `{field}`; allowed: `{}`",
                allowed.join("`, `")
            )
        }
        Kind::Message(message) => message.trim_end().to_owned(),
        // The error of humantime has no example.
        Kind::InvalidType(found, wanted) | Kind::InvalidValue(found, wanted)
            if wanted == "a duration" =>
        {
            format!("is {found}; allowed: a time in quotes, as \"90s\", \"10m\" or \"1h 30m\"")
        }
        // The value may be a password in the place of its profile.
        Kind::InvalidType(found, wanted)
            if ["map", "struct"].iter().any(|t| wanted.contains(t)) =>
        {
            format!("is {}, a table belongs here", kind_of(found))
        }
        kind => kind.to_string(),
    };
    let source = error
        .metadata
        .as_ref()
        .map(|metadata| metadata.name.to_string());
    Problem {
        source: source.unwrap_or_default(),
        key: error.path.join("."),
        rule,
    }
}

/// The type of a value, without the value.
fn kind_of(found: &Actual) -> &'static str {
    match found {
        Actual::Bool(_) => "true or false",
        Actual::Unsigned(_) | Actual::Signed(_) | Actual::Float(_) => "a number",
        Actual::Char(_) | Actual::Str(_) => "a text",
        Actual::Bytes(_) => "bytes",
        Actual::Unit | Actual::Option => "nothing",
        Actual::Seq => "a list",
        Actual::Map => "a table",
        _ => "something else",
    }
}

/// Where a value came from; empty for defaults.
fn origin(figment: &Figment, key: &str) -> String {
    let mut key = key;
    loop {
        if let Some(metadata) = figment.find_metadata(key) {
            let is_default = metadata.name.contains("Config");
            return if is_default {
                String::new()
            } else {
                metadata.name.to_string()
            };
        }
        // A key that is missing belongs to its section's source.
        match key.rsplit_once('.') {
            Some((section, _)) => key = section,
            None => return String::new(),
        }
    }
}
