//! The path on the server that a file of an outbox gets.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use simcom_talk::ftps::value::{RemotePath, ValueError};

/// The path on the server for a file of the outbox. A quotation mark or a control character, which no command of the
/// module can carry, is written as `%` and its code (RFC 3986 §2.1); in a path with one of these, so is `%` itself.
///
/// # Errors
/// [`ValueError::TooLong`].
pub(crate) fn on_server(target: &RemotePath, path: &Path) -> Result<RemotePath, ValueError> {
    let path = path.as_os_str().as_bytes();
    let cannot = |byte: &u8| *byte == b'"' || byte.is_ascii_control();
    let escapes = path.iter().any(cannot);
    let mut safe = Vec::with_capacity(path.len());
    for byte in path {
        if escapes && (cannot(byte) || *byte == b'%') {
            safe.extend(format!("%{byte:02X}").bytes());
        } else {
            safe.push(*byte);
        }
    }
    target.join(&RemotePath::from_bytes(&safe)?)
}

/// The directories of the server that lead to a path, the outermost first.
pub(crate) fn directories(path: &RemotePath) -> Vec<RemotePath> {
    let text = path.as_str();
    let ends = text.match_indices('/').map(|(at, _)| at);
    let parents = ends.filter_map(|at| text.get(..at));
    parents
        .filter(|parent| !parent.is_empty())
        .filter_map(|parent| RemotePath::new(parent).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(target: &str, path: &str) -> String {
        let target = RemotePath::new(target).unwrap();
        on_server(&target, Path::new(path)).unwrap().as_str().into()
    }

    #[test]
    fn directories_are_kept_and_what_no_command_can_carry_is_escaped() {
        assert_eq!(sent("/in", "a/b c.csv"), "/in/a/b c.csv");
        assert_eq!(sent(".", "100%.csv"), "100%.csv");
        assert_eq!(sent("in", "say \"yes\" 5%\n"), "in/say %22yes%22 5%25%0A");
    }

    #[test]
    fn the_directories_of_a_path_come_from_the_outside_to_the_inside() {
        let of = |path: &str| -> Vec<String> {
            let directories = directories(&RemotePath::new(path).unwrap());
            directories
                .iter()
                .map(|path| path.as_str().into())
                .collect()
        };
        assert_eq!(of("/a/b/f"), ["/a", "/a/b"]);
        assert_eq!(of("a/f"), ["a"]);
        assert!(of("f").is_empty());
    }
}
