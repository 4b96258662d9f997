//! SSL contexts and certificates, SIMCom manual §16.

use bytes::Bytes;

use super::Outcome;
use super::values::values;
use crate::contexts::{CONTEXTS, FILES, NUMBERS};
use crate::emulator::Emulator;
use crate::line::{Form, Parameter};
use crate::request::{ClientCertificate, TlsSettings, TlsVersions};
use crate::settings::ReceiptKind;
use crate::storage::CERTIFICATES;

/// Largest certificate, SIMCom manual `AT+CCERTDOWN`.
const CERTIFICATE_LIMIT: u64 = 10_240;
impl Emulator {
    pub(super) fn tls(&mut self, name: &str, form: &Form) -> Outcome {
        match (name, form) {
            ("+CSSLCFG", Form::Test) => {
                for (key, _, least, most) in NUMBERS {
                    self.say(&format!("+CSSLCFG: \"{key}\",(0-9),({least}-{most})"));
                }
                for key in FILES {
                    self.say(&format!("+CSSLCFG: \"{key}\",(0-9),(5-128)"));
                }
                Outcome::Ok
            }
            ("+CSSLCFG", Form::Read) => {
                for context in 0..CONTEXTS {
                    self.say_context(context);
                }
                Outcome::Ok
            }
            ("+CSSLCFG", Form::Write(text)) => self.configure(text),
            ("+CCERTDOWN", Form::Test) => {
                self.say("+CCERTDOWN: (5-128),(1-10240)");
                Outcome::Ok
            }
            ("+CCERTDOWN", Form::Write(text)) => self.certificate(text),
            ("+CCERTLIST", Form::Execute(_)) => {
                let names: Vec<String> = self
                    .storage
                    .list(CERTIFICATES)
                    .1
                    .into_iter()
                    .map(str::to_owned)
                    .collect();
                for name in names {
                    self.say(&format!("+CCERTLIST: \"{name}\""));
                }
                Outcome::Ok
            }
            ("+CCERTDELE", Form::Write(text)) => {
                let path = certificate_path(values(text).as_deref().unwrap_or_default());
                let deleted = path.map(|path| self.storage.delete(path.as_bytes()));
                if deleted == Some(Ok(())) {
                    Outcome::Ok
                } else {
                    Outcome::Error
                }
            }
            _ => Outcome::Error,
        }
    }

    /// The settings of one context, with the contents of its files. By default nothing is verified
    /// and no name is sent, as on the module.
    ///
    /// TODO-correctness: `ignorelocaltime` 1 makes a module accept certificates that are out of
    /// date. The real client behind this emulator checks dates whenever it verifies.
    pub(super) fn tls_settings(&self, context: u8) -> TlsSettings {
        let context = u64::from(context);
        let number = |key| self.contexts.number(context, key);
        let file = |key| -> Option<Bytes> {
            let name = self.contexts.get(context, key)?;
            self.storage.read(&format!("{CERTIFICATES}{name}"))
        };
        let presents = matches!(number("authmode"), 2 | 3);
        let identity = file("clientcert")
            .zip(file("clientkey"))
            .filter(|_| presents)
            .map(|(chain, key)| ClientCertificate { chain, key });
        TlsSettings {
            versions: match number("sslversion") {
                0..=2 => TlsVersions::Obsolete,
                4 if self.knobs.tls13 => TlsVersions::Tls12And13,
                _ => TlsVersions::Tls12,
            },
            verify_server: matches!(number("authmode"), 1 | 2),
            ca: file("cacert"),
            identity,
            sni: number("enableSNI") == 1,
        }
    }

    /// `"key",context,value`, or a context alone to print it.
    fn configure(&mut self, text: &[u8]) -> Outcome {
        let Some(values) = values(text) else {
            return Outcome::Error;
        };
        let (key, context, value) = match values.as_slice() {
            [context] => {
                let Some(context) = context.number().filter(|n| *n < CONTEXTS) else {
                    return Outcome::Error;
                };
                self.say_context(context);
                return Outcome::Ok;
            }
            [key, context, value] => (key, context, value),
            _ => return Outcome::Error,
        };
        let key = key.text(32).and_then(|key| std::str::from_utf8(key).ok());
        let context = context.number().filter(|context| *context < CONTEXTS);
        let (Some(key), Some(context)) = (key, context) else {
            return Outcome::Error;
        };
        let Some(value) = self.accepted(key, value) else {
            return Outcome::Error;
        };
        self.contexts
            .0
            .insert((context, key.to_ascii_lowercase()), value);
        Outcome::Ok
    }

    /// A value that suits its key.
    fn accepted(&self, key: &str, value: &Parameter) -> Option<String> {
        let row = NUMBERS
            .iter()
            .find(|(name, ..)| name.eq_ignore_ascii_case(key));
        if let Some((_, _, least, most)) = row {
            let number = value.number().filter(|n| (least..=most).contains(&n))?;
            return Some(number.to_string());
        }
        let is_file = FILES.iter().any(|name| name.eq_ignore_ascii_case(key));
        let is_text = is_file || key.eq_ignore_ascii_case(self.model.key_password);
        let text = match value {
            Parameter::Text(text) if is_text && text.len() <= 128 => text,
            // The cipher list is accepted and has no effect: 0xFFFF, all of them.
            Parameter::Word(word) if key.eq_ignore_ascii_case("ciphersuites") => word,
            _ => return None,
        };
        String::from_utf8(text.clone()).ok()
    }

    fn say_context(&mut self, context: u64) {
        let number = |key| self.contexts.number(context, key);
        let file = |key| self.contexts.get(context, key).unwrap_or_default();
        let line = format!(
            "+CSSLCFG: {context},{},{},{},{},\"{}\",\"{}\",\"{}\",{}",
            number("sslversion"),
            number("authmode"),
            number("ignorelocaltime"),
            number("negotiatetime"),
            file("cacert"),
            file("clientcert"),
            file("clientkey"),
            number("enableSNI"),
        );
        self.say(&line);
    }

    /// `AT+CCERTDOWN="name",length`.
    fn certificate(&mut self, text: &[u8]) -> Outcome {
        let Some(values) = values(text) else {
            return Outcome::Error;
        };
        let [name, length] = values.as_slice() else {
            return Outcome::Error;
        };
        let valid = certificate_path(std::slice::from_ref(name))
            .and_then(|path| self.storage.resolve(path.as_bytes()).ok())
            .is_some();
        let name = name
            .text(128)
            .and_then(|name| String::from_utf8(name.to_vec()).ok());
        let length = length
            .number()
            .filter(|length| (1..=CERTIFICATE_LIMIT).contains(length));
        match (name, length) {
            (Some(name), Some(length)) if valid && self.queue.is_empty() => {
                self.receive(ReceiptKind::Certificate(name), length)
            }
            _ => Outcome::Error,
        }
    }
}

fn certificate_path(values: &[Parameter]) -> Option<String> {
    let [name] = values else { return None };
    let name = std::str::from_utf8(name.text(128)?).ok()?;
    // At least 5 characters: one, a dot, and `pem`, `der` or `p7b`.
    (name.len() >= 5 && !name.contains('/')).then(|| format!("{CERTIFICATES}{name}"))
}
