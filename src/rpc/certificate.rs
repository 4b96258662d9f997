//! The name in a client's certificate.

use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;

/// Longest name that is accepted, in bytes: that of a host (RFC 1035 §2.3.4). A common name has 64 characters
/// at most (RFC 5280 appendix A.1).
const MAX_NAME: usize = 255;

/// Why a certificate names nobody. The authority vouched for it all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Nameless {
    /// The certificate cannot be parsed.
    #[error("the client's certificate cannot be read")]
    Unreadable,
    /// The certificate has none of the names that are looked for.
    #[error(
        "the client's certificate names nobody: it has no URI and no DNS name (subjectAltName), \
         and no common name"
    )]
    NoName,
    /// The name would not fit.
    #[error("the name in the client's certificate has more than {MAX_NAME} bytes")]
    TooLong,
    /// The name would upset a log or a terminal.
    #[error(
        "the name in the client's certificate has a control character, or one that cannot be seen"
    )]
    Control,
}

/// The name in a certificate (DER) that its authority vouched for: the first URI, else the first
/// DNS name of its subjectAltName, else its common name.
///
/// This is the order in which gRPC's own authorization looks for a principal (gRFC A41). The
/// names of the extension come first since they are what authorities check; the common name is
/// all that a certificate of a small authority of one's own may have.
pub(super) fn name(certificate: &[u8]) -> Result<String, Nameless> {
    let (_, parsed) = parse_x509_certificate(certificate).map_err(|_| Nameless::Unreadable)?;
    let alternatives = parsed
        .subject_alternative_name()
        .map_err(|_| Nameless::Unreadable)?;
    let alternatives = alternatives
        .map(|extension| extension.value.general_names.as_slice())
        .unwrap_or_default();
    let uri = alternatives.iter().find_map(|name| match name {
        GeneralName::URI(uri) => Some(*uri),
        _ => None,
    });
    let host = alternatives.iter().find_map(|name| match name {
        GeneralName::DNSName(host) => Some(*host),
        _ => None,
    });
    let common = parsed.subject().iter_common_name().next();
    let common = common.and_then(|name| name.as_str().ok());
    let names = [uri, host, common];
    let name = names.into_iter().flatten().find(|name| !name.is_empty());
    let name = name.ok_or(Nameless::NoName)?;
    if name.len() > MAX_NAME {
        return Err(Nameless::TooLong);
    }
    if name.chars().any(misleads) {
        return Err(Nameless::Control);
    }
    Ok(name.into())
}

/// Whether a character makes a text look like another: a control character, one without width, one that
/// turns the direction of writing, or that ends a line (Unicode TR36 §2.5, general categories Cf, Zl, Zp).
fn misleads(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    fn made(common: Option<&str>, alternatives: &[SanType]) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        if let Some(common) = common {
            params.distinguished_name.push(DnType::CommonName, common);
        }
        params.subject_alt_names = alternatives.to_vec();
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    fn uri(text: &str) -> SanType {
        SanType::URI(text.try_into().unwrap())
    }

    fn host(text: &str) -> SanType {
        SanType::DnsName(text.try_into().unwrap())
    }

    #[test]
    fn uri_goes_before_host_and_host_before_common_name() {
        let spiffe = "spiffe://plant/meter/7";
        let all = [host("a.lan"), uri(spiffe), uri("urn:b"), host("b.lan")];
        let address = SanType::IpAddress([10, 0, 0, 7].into());
        let cases: [(Option<&str>, &[SanType], &str); 5] = [
            (Some("backup"), &all, spiffe),
            (None, &[host("a.lan"), host("b.lan")], "a.lan"),
            (Some("backup"), &[host("a.lan")], "a.lan"),
            (Some("backup"), &[], "backup"),
            (Some("Zähler 7"), &[address], "Zähler 7"),
        ];
        for (common, alternatives, want) in cases {
            let der = made(common, alternatives);
            assert_eq!(
                name(&der).as_deref(),
                Ok(want),
                "{common:?} {alternatives:?}"
            );
        }
    }

    #[test]
    fn a_certificate_that_names_nobody_is_told_apart() {
        let long = "x".repeat(256);
        let cases = [
            (made(None, &[]), Nameless::NoName),
            (made(Some(""), &[]), Nameless::NoName),
            (made(Some("a\nb"), &[]), Nameless::Control),
            (made(Some(&long), &[]), Nameless::TooLong),
            (b"no certificate".to_vec(), Nameless::Unreadable),
        ];
        for (der, want) in cases {
            assert_eq!(name(&der), Err(want));
        }
    }

    /// `admin` with such a character looks like `admin` in a log, or like another name.
    #[test]
    fn a_name_that_is_not_what_it_looks_like_is_refused() {
        let misleading = [
            '\u{1b}',
            '\u{85}',
            '\u{9b}',
            '\u{ad}',
            '\u{200b}',
            '\u{200f}',
            '\u{2028}',
            '\u{2029}',
            '\u{202e}',
            '\u{2066}',
            '\u{2069}',
            '\u{feff}',
            '\u{e0041}',
        ];
        for character in misleading {
            let der = made(Some(&format!("adm{character}in")), &[]);
            assert_eq!(name(&der), Err(Nameless::Control), "{character:?}");
        }
    }
}
