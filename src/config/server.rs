//! `[servers.NAME]`: the server profiles.
//!
//! Above 400 lines because a profile is one table of keys, each with its rule.

use std::fmt;
use std::num::NonZeroU16;
use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::error::{Problem, Rule};
use super::file::contents;
use super::{host, size};
use crate::broker::terms;
use crate::certificates;
use simcom_talk::ftps::tls::{
    CaCertificate, ClientIdentity, IdentityError, ServerProof, TlsFloor, TlsPolicy,
};
use simcom_talk::ftps::value::{NameCode, Password, Server, ServerType, Username};

/// A server that clients can name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ServerProfile {
    /// Host name or IPv4 address.
    pub host: String,
    /// Port; 0: the usual port for `security`, 21 or 990.
    pub port: u16,
    /// How the connections are protected.
    pub security: Security,
    /// User name.
    pub username: String,
    /// Password.
    #[cfg_attr(test, schemars(with = "String"))]
    pub password: Secret,
    /// File that holds the password, instead of `password`. A relative path is one of systemd's
    /// credentials of the service.
    pub password_file: PathBuf,
    /// Data connections go to the address of the control connection instead of the one in the
    /// server's reply.
    pub single_ip: bool,
    /// The priority of Get and Put where their callers do not say.
    pub priority: Priority,
    /// Limit of estimated bytes over the air in a day; 0: no limit.
    #[serde(with = "size")]
    #[cfg_attr(test, schemars(schema_with = "super::schema::size"))]
    pub data_per_day: u64,
    /// The same in a month.
    #[serde(with = "size")]
    #[cfg_attr(test, schemars(schema_with = "super::schema::size"))]
    pub data_per_month: u64,
    /// When Get and Put yield the link before their end, where their callers do not say.
    pub yields: Yields,
    /// Whether the server's certificate is verified. Has a meaning only with TLS, as have the keys below.
    pub verify: Verification,
    /// PEM file with the certificate that signed the server's, or with the server's own. A
    /// relative path is one of systemd's credentials of the service.
    pub ca_file: PathBuf,
    /// PEM file with the module's own certificate, for servers that ask for one.
    pub client_cert_file: PathBuf,
    /// PEM file with the key of `client_cert_file`; it may be the same file.
    pub client_key_file: PathBuf,
    /// The oldest TLS version that is accepted.
    pub tls_floor: Floor,
    /// The encoding of names on the server, by its IANA name.
    pub name_encoding: String,
    /// The module names the server in the handshake (SNI); never where `host` is an address.
    pub sni: bool,
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
            data_per_day: 0,
            data_per_month: 0,
            yields: Yields::default(),
            verify: Verification::default(),
            ca_file: PathBuf::new(),
            client_cert_file: PathBuf::new(),
            client_key_file: PathBuf::new(),
            tls_floor: Floor::default(),
            name_encoding: "utf-8".into(),
            sni: true,
        }
    }
}

/// Whether a server's certificate is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Verification {
    /// It must be signed by the authority in `ca_file`.
    #[default]
    Required,
    /// It is not verified.
    None,
}

/// The oldest TLS version that will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum Floor {
    /// TLS 1.2.
    #[default]
    #[serde(rename = "1.2")]
    Tls12,
    /// Whatever module and server agree on.
    #[serde(rename = "any")]
    Any,
}

/// How the control and data connections are protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
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

/// The priority of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
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

impl From<Priority> for terms::Priority {
    fn from(priority: Priority) -> Self {
        match priority {
            Priority::Interactive => Self::Interactive,
            Priority::Normal => Self::Normal,
            Priority::Bulk => Self::Bulk,
        }
    }
}

/// When a transfer yields the link to others before its end, and is resumed later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Yields {
    /// Where that costs less than it saves.
    #[default]
    Auto,
    /// Whenever somebody more urgent waits.
    Always,
    /// Not at all.
    Never,
}

impl From<Yields> for terms::Yields {
    fn from(yields: Yields) -> Self {
        match yields {
            Yields::Auto => Self::Auto,
            Yields::Always => Self::Always,
            Yields::Never => Self::Never,
        }
    }
}

impl ServerProfile {
    /// The server, with its password.
    ///
    /// # Errors
    /// A [`Problem`] for each key that is wrong; `name` is the profile's.
    pub fn resolve(&self, name: &str) -> Result<Server, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut refuse = |key: &str, rule: Rule| {
            problems.push(Problem::new(["servers", name, key], rule));
        };
        let server_type = match self.security {
            Security::None => ServerType::Ftp,
            Security::AuthSsl => ServerType::AuthSsl,
            Security::AuthTls => ServerType::AuthTls,
            Security::Implicit => ServerType::Implicit,
        };
        let host = host::check(&self.host).map_err(|rule| refuse("host", rule.into()));
        let username = Username::new(self.username.as_str())
            .map_err(|rule| refuse("username", rule.to_string().into()));
        let password = self.password().map_err(|(key, rule)| refuse(key, rule));
        let tls = self.tls().map_err(|(key, rule)| refuse(key, rule));
        if self.names().is_none() {
            let rule = format!(
                "is {:?}, which is no code that is known and has ASCII in it; allowed: names of IANA, for example \
                 utf-8, latin1, windows-1250, koi8-r, shift_jis, gbk",
                self.name_encoding
            );
            refuse("name_encoding", rule.into());
            return Err(problems);
        }
        match (host, username, password, tls) {
            (Ok(host), Ok(username), Ok(password), Ok(tls)) => Ok(Server {
                host,
                port: NonZeroU16::new(self.port).unwrap_or(server_type.default_port()),
                username,
                password,
                server_type,
                single_ip: self.single_ip,
                tls,
            }),
            _ => Err(problems),
        }
    }

    /// The encoding of names on the server; `None` where it is not known.
    #[must_use]
    pub fn names(&self) -> Option<NameCode> {
        NameCode::new(&self.name_encoding)
    }

    pub(super) fn check(&self, name: &str, problems: &mut Vec<Problem>) {
        if let Err(found) = self.resolve(name) {
            problems.extend(found);
        }
    }

    fn password(&self) -> Result<Password, (&'static str, Rule)> {
        let file = self.password_file.as_path();
        if file.as_os_str().is_empty() {
            let password = Password::new(self.password.0.expose_secret());
            return password.map_err(|rule| ("password", rule.to_string().into()));
        }
        let refused = |rule: Rule| ("password_file", rule);
        if !self.password.0.expose_secret().is_empty() {
            return Err(refused(
                "is given beside `password`; one of them is enough".into(),
            ));
        }
        let (path, text) = contents(file).map_err(refused)?;
        let text = str::from_utf8(&text)
            .map_err(|_| refused(format!("{}: is no UTF-8", path.display()).into()))?;
        // Editors end a file with a line end, which is no part of the password.
        let text = text.strip_suffix('\n').unwrap_or(text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        Password::new(text)
            .map_err(|rule| refused(format!("{}: the password {rule}", path.display()).into()))
    }

    /// The TLS policy, or the key that is wrong, and why.
    fn tls(&self) -> Result<TlsPolicy, (&'static str, Rule)> {
        let verify = self.verify().map_err(|rule| ("ca_file", rule))?;
        let identity = self.identity()?;
        if self.security == Security::None {
            return Ok(TlsPolicy::unverified());
        }
        Ok(TlsPolicy {
            verify,
            floor: match self.tls_floor {
                Floor::Tls12 => TlsFloor::Tls12,
                Floor::Any => TlsFloor::Any,
            },
            sni: TlsPolicy::sni_for(&self.host, self.sni),
            identity,
        })
    }

    /// The module's own certificate and key.
    fn identity(&self) -> Result<Option<ClientIdentity>, (&'static str, Rule)> {
        const CERT: &str = "client_cert_file";
        const KEY: &str = "client_key_file";
        let (cert, key) = (&self.client_cert_file, &self.client_key_file);
        match (cert.as_os_str().is_empty(), key.as_os_str().is_empty()) {
            (true, true) => return Ok(None),
            (true, false) => return Err((CERT, format!("is empty, but `{KEY}` is given").into())),
            (false, true) => return Err((KEY, format!("is empty, but `{CERT}` is given").into())),
            (false, false) => {}
        }
        if self.security == Security::None {
            return Err((CERT, NO_TLS.into()));
        }
        let (cert, chain) = contents(cert).map_err(|rule| (CERT, rule))?;
        let (key, secret) = contents(key).map_err(|rule| (KEY, rule))?;
        ClientIdentity::from_pem(&chain, &secret, certificates::belong_together)
            .map(Some)
            .map_err(|error| match error {
                IdentityError::Certificate(rule) => {
                    (CERT, format!("{} {rule}", cert.display()).into())
                }
                IdentityError::Key(rule) => (KEY, format!("{} {rule}", key.display()).into()),
            })
    }

    fn verify(&self) -> Result<ServerProof, Rule> {
        let file = self.ca_file.as_path();
        let named = !file.as_os_str().is_empty();
        Ok(match (self.security, self.verify) {
            (Security::None, _) if named => {
                return Err(NO_TLS.into());
            }
            (Security::None, _) => ServerProof::None,
            (_, Verification::None) if named => {
                return Err(
                    "is given, but `verify` is \"none\": nothing would be held against it".into(),
                );
            }
            (_, Verification::None) => ServerProof::None,
            (_, Verification::Required) if !named => {
                return Err("is empty, but `security` is TLS and `verify` asks for a proof, and the modules know no authority of their own; allowed: a PEM file with \
                     the certificate that signed the server's, or with the server's own; or \
                     verify = \"none\", which lets anybody on the way read and change everything"
                    .into());
            }
            (_, Verification::Required) => {
                let (path, text) = contents(file)?;
                let ca = CaCertificate::from_pem(&text, certificates::can_sign)
                    .map_err(|rule| format!("{} {rule}", path.display()))?;
                ServerProof::Required(ca)
            }
        })
    }
}

/// The rule for files that only TLS uses.
const NO_TLS: &str = "is given, but `security` is \"none\": there is no TLS";

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
    /// Accepts only text. The error never repeats the value.
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
