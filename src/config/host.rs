//! The host of a server profile: a name or an address, and nothing else.

use simcom_talk::ftps::value::Host;

use super::fault::shown;

/// The host, or why it is none and where the rest of what was written belongs.
pub(super) fn check(text: &str) -> Result<Host, String> {
    if let Some((scheme, rest)) = text.split_once("://") {
        return Err(url(scheme, rest));
    }
    if text.contains('@') {
        // What stands before it may be a password.
        return Err("has an `@`; allowed: a host name or an IPv4 address alone; the user belongs in `username`".into());
    }
    if text.contains(['/', '\\']) && !text.contains('"') {
        return Err(format!(
            "is `{}`, with a path; allowed: a host name or an IPv4 address alone; paths stand in requests",
            shown(text)
        ));
    }
    if text.starts_with('[') || text.matches(':').count() > 1 {
        return Err(format!(
            "is `{}`, an IPv6 address; allowed: a host name or an IPv4 address",
            shown(text)
        ));
    }
    if let Some((name, port)) = text.split_once(':') {
        let port = port.parse::<u16>().map_or_else(
            |_| "the port belongs in `port`".into(),
            |port| format!("write host = \"{}\" and port = {port}", shown(name)),
        );
        return Err(format!("is `{}`, with a port; {port}", shown(text)));
    }
    if text.contains(char::is_whitespace) {
        return Err("has a blank; allowed: a host name or an IPv4 address".into());
    }
    Host::new(text).map_err(|rule| rule.to_string())
}

/// What belongs in which key, of a URL without its user and password.
fn url(scheme: &str, rest: &str) -> String {
    // A password may have any of these signs, unescaped: what is before the last `@` is not shown.
    let place = rest.rsplit('@').next().unwrap_or_default();
    let place = place.split(['/', '?', '#']).next().unwrap_or_default();
    let (name, port) = place.split_once(':').unwrap_or((place, ""));
    let mut rule = format!("is a URL; write host = \"{}\"", shown(name));
    if let Ok(port) = port.parse::<u16>() {
        rule += &format!(", port = {port}");
    }
    rule += match scheme.to_lowercase().as_str() {
        "ftp" => " and security = \"none\", or \"auth-tls\" for TLS",
        "ftps" => " and security = \"implicit\"",
        "ftpes" => " and security = \"auth-tls\"",
        _ => "; the module speaks FTP and FTPS",
    };
    rule
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_more_than_a_host_is_refused_with_the_key_for_the_rest() {
        for (text, parts) in [
            (
                "ftp://ftp.example.com",
                &["URL", "host = \"ftp.example.com\"", "\"none\""][..],
            ),
            (
                "ftps://u:s3cret@h.example:990/a/b",
                &["host = \"h.example\"", "port = 990", "implicit"],
            ),
            ("https://h.example", &["host = \"h.example\"", "FTP"]),
            ("h.example:2121", &["host = \"h.example\"", "port = 2121"]),
            ("h.example:ftp", &["with a port", "`port`"]),
            ("u:s3cret@h.example", &["`@`", "`username`"]),
            ("h.example/pub", &["path"]),
            ("[2001:db8::1]:21", &["IPv6"]),
            ("2001:db8::1", &["IPv6"]),
            ("h example", &["blank"]),
            ("", &["is empty"]),
            ("h\"x", &["quotation"]),
        ] {
            let rule = check(text).unwrap_err();
            for part in parts {
                assert!(rule.contains(part), "{text}: {rule}");
            }
            assert!(!rule.contains("s3cret"), "{rule}");
        }
        for text in ["ftp.example.com", "192.0.2.1", "h-1_x", "localhost"] {
            assert!(check(text).is_ok(), "{text}");
        }
    }
}
