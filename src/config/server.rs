//! `[servers.NAME]`: the server profiles.

use std::fmt;
use std::fs;
use std::num::NonZeroU16;
use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::error::Problem;
use crate::broker::scheduler;
use crate::ftps::value::{Host, Password, Server, ServerType, Username};

/// Where systemd puts the credentials of a service (systemd.exec(5)).
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// A server that clients can name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerProfile {
    /// Host name or IPv4 address.
    pub host: String,
    /// Port; 0: the one that `security` has by custom, 21 or 990.
    pub port: u16,
    /// How the connections are protected.
    pub security: Security,
    /// User name.
    pub username: String,
    /// Password.
    pub password: Secret,
    /// File that holds the password, instead of `password`. A relative path is one of systemd's
    /// credentials of the service.
    pub password_file: PathBuf,
    /// Data connections go to the address of the control connection instead of the one in the
    /// server's reply.
    pub single_ip: bool,
    /// How urgent Get and Put are where their callers do not say.
    pub priority: Priority,
}

impl Default for ServerProfile {
    fn default() -> Self {
        Self {
            host: String::new(),
            port: 0,
            security: Security::default(),
            username: "anonymous".into(),
            password: Secret::default(),
            password_file: PathBuf::new(),
            // Most servers stand behind address translation (SIMCom manual L1216).
            single_ip: true,
            priority: Priority::default(),
        }
    }
}

/// How the control and data connections are protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Security {
    /// Not at all (RFC 959).
    None,
    /// TLS by AUTH SSL.
    AuthSsl,
    /// TLS by AUTH TLS (RFC 4217).
    #[default]
    AuthTls,
    /// TLS from the first byte.
    Implicit,
}

/// How urgent a transfer is beside others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Priority {
    /// Somebody waits for it.
    Interactive,
    /// Before what nobody waits for.
    #[default]
    Normal,
    /// Nobody waits for it.
    Bulk,
}

impl From<Priority> for scheduler::Priority {
    fn from(priority: Priority) -> Self {
        match priority {
            Priority::Interactive => Self::Interactive,
            Priority::Normal => Self::Normal,
            Priority::Bulk => Self::Bulk,
        }
    }
}

impl ServerProfile {
    /// The server, with its password.
    ///
    /// # Errors
    /// What is wrong, key by key; `name` is the profile's.
    pub fn resolve(&self, name: &str) -> Result<Server, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut refuse = |key: &str, rule: String| {
            problems.push(Problem::new(format!("servers.{name}.{key}"), rule));
        };
        let server_type = match self.security {
            Security::None => ServerType::Ftp,
            Security::AuthSsl => ServerType::AuthSsl,
            Security::AuthTls => ServerType::AuthTls,
            Security::Implicit => ServerType::Implicit,
        };
        let host = Host::new(self.host.as_str()).map_err(|rule| refuse("host", rule.to_string()));
        let username = Username::new(self.username.as_str())
            .map_err(|rule| refuse("username", rule.to_string()));
        let password = self.password().map_err(|(key, rule)| refuse(key, rule));
        match (host, username, password) {
            (Ok(host), Ok(username), Ok(password)) => Ok(Server {
                host,
                port: NonZeroU16::new(self.port).unwrap_or(server_type.default_port()),
                username,
                password,
                server_type,
                single_ip: self.single_ip,
            }),
            _ => Err(problems),
        }
    }

    pub(super) fn check(&self, name: &str, problems: &mut Vec<Problem>) {
        if let Err(found) = self.resolve(name) {
            problems.extend(found);
        }
    }

    fn password(&self) -> Result<Password, (&'static str, String)> {
        let file = self.password_file.as_path();
        if file.as_os_str().is_empty() {
            let password = Password::new(self.password.0.expose_secret());
            return password.map_err(|rule| ("password", rule.to_string()));
        }
        let refused = |rule: String| ("password_file", rule);
        if !self.password.0.expose_secret().is_empty() {
            return Err(refused(
                "is given beside `password`; one of them is enough".into(),
            ));
        }
        let path = if file.is_absolute() {
            file.to_owned()
        } else {
            let directory = std::env::var_os(CREDENTIALS).ok_or_else(|| {
                refused(format!(
                    "is a relative path, so one of systemd's credentials, and there are none \
                     (${CREDENTIALS} is not set); allowed: an absolute path, or the name of a \
                     credential (LoadCredential= in the unit)"
                ))
            })?;
            PathBuf::from(directory).join(file)
        };
        let text = fs::read_to_string(&path)
            .map_err(|error| refused(format!("{}: {error}", path.display())))?;
        // Editors end a file with a line end that is no part of the password.
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        Password::new(text).map_err(|rule| refused(format!("the password {rule}")))
    }
}

/// A password in the configuration. Written out, it is `***`, or empty where there is none.
#[derive(Clone, Default)]
pub struct Secret(SecretString);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(if self.0.expose_secret().is_empty() {
            ""
        } else {
            "***"
        })
    }
}

impl<'de> Deserialize<'de> for Secret {
    /// Takes text alone, and in an error never repeats what it found instead.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Secret;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a password in quotes")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Secret, E> {
                Ok(Secret(text.into()))
            }

            fn visit_bool<E: de::Error>(self, _: bool) -> Result<Secret, E> {
                Err(unquoted())
            }

            fn visit_i64<E: de::Error>(self, _: i64) -> Result<Secret, E> {
                Err(unquoted())
            }

            fn visit_u64<E: de::Error>(self, _: u64) -> Result<Secret, E> {
                Err(unquoted())
            }

            fn visit_f64<E: de::Error>(self, _: f64) -> Result<Secret, E> {
                Err(unquoted())
            }
        }

        fn unquoted<E: de::Error>() -> E {
            E::custom("is not in quotes")
        }

        deserializer.deserialize_str(Visitor)
    }
}
