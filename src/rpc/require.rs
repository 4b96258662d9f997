//! The features that a call needs. A daemon drops a field that it does not know without a word, and a call with
//! a guard in it must not be carried out without the guard.

use tonic::Status;
use tonic::codegen::http::HeaderMap;

use super::status;

/// The metadata that names features, separated by commas.
const KEY: &str = "cellftp-require";

/// The features of this daemon, in the order of their names. proto/README.md says what each is. Each field or
/// value that a client must be able to rely on has a name here.
pub(super) const FEATURES: &[&str] = &[
    "call_options",
    "get_growth",
    "get_guards",
    "get_length",
    "list_filters",
    "list_labels",
    "name_encoding",
    "principal",
    "raw_path",
    "skip_same",
    "transfer_options",
    "verify_best_effort",
];

/// Longest name that is repeated in an error, in bytes.
const NAME: usize = 64;

/// Refuses a call that needs a feature which this daemon does not have.
pub(super) fn check(headers: &HeaderMap) -> Result<(), Status> {
    for value in headers.get_all(KEY) {
        // A value that is no text names no feature of this daemon.
        let value = value.to_str().unwrap_or("?");
        let names = value.split(',').map(str::trim);
        for name in names.filter(|name| !name.is_empty()) {
            if !FEATURES.contains(&name) {
                return Err(status::feature_unknown(status::cut(name, NAME)));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tonic::Code;
    use tonic_types::StatusExt;

    use super::*;

    #[test]
    fn a_call_that_needs_what_is_not_known_is_refused() {
        let mut headers = HeaderMap::new();
        assert!(check(&headers).is_ok());
        headers.append(KEY, "list_filters, verify_best_effort,".parse().unwrap());
        assert!(check(&headers).is_ok());
        headers.append(KEY, "verify_best_effort,dry_run".parse().unwrap());
        let status = check(&headers).unwrap_err();
        assert_eq!(status.code(), Code::Unimplemented);
        let info = status.get_details_error_info().unwrap();
        assert_eq!(info.reason, "FEATURE_UNKNOWN");
        assert_eq!(info.metadata["feature"], "dry_run");
    }

    #[test]
    fn features_are_in_the_order_of_their_names() {
        assert!(FEATURES.is_sorted());
    }
}
