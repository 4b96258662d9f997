//! The exit codes.

use std::io;

use cellftp::client::{Code, Refusal};

/// The exit codes, as the help, the manual page and docs/cellftp.md have them.
pub(crate) const HELP: &str = "\
Exit codes, also of `transfer watch` and of --wait, which end as the transfer ended:
  0  OK           done
  1  ERROR        another error; or several files failed, and not all for one reason
  2  USAGE        the command line or a request's field is wrong
  3  NOT FOUND    no such file, directory, profile, session or transfer
  4  DENIED       by the server, the daemon or the local file system; a directory where a file is
                  meant, or a file where a directory is
  5  UNAVAILABLE  the daemon, the module or the link is not there now; try again later
  6  TIMEOUT      the time limit passed
  7  MISMATCH     what arrived is not what was sent
  8  CANCELLED    by a signal or by somebody, or a later upload writes the same name
  9  UNSURE       written, but not known to be there: the outcome was lost, or the server does not
                  tell what --verify asks for; the file may be there whole, in part, or not at all.
                  Also where the file is there, and its sentinel may not be
  141  PIPE       whoever read standard output had enough of it, as `head` does";

/// The exit code that a shell reports after SIGPIPE (128 and its number).
pub(crate) const PIPE: u8 = 141;

/// The code of an error of the daemon.
pub(crate) fn refusal_number(refusal: &Refusal) -> u8 {
    match (refusal.code, refusal.reason.as_str()) {
        (_, "SIZE_MISMATCH" | "HASH_MISMATCH") => 7,
        (_, "INDETERMINATE" | "UNVERIFIED" | "SENTINEL_INDETERMINATE") => 9,
        // The server denied it.
        (
            _,
            "LOGIN_REFUSED"
            | "SERVER_REFUSED"
            | "DIRECTORY_NOT_EMPTY"
            | "NOT_A_DIRECTORY"
            | "NOT_ADDRESSABLE",
        ) => 4,
        // A later upload of the same name cancels this one.
        (_, "NAME_TAKEN_OVER") => 8,
        (Code::InvalidArgument, _) => 2,
        (Code::NotFound, _) => 3,
        (Code::PermissionDenied | Code::Unauthenticated, _) => 4,
        (Code::Unavailable | Code::ResourceExhausted, _) => 5,
        (Code::DeadlineExceeded, _) => 6,
        (Code::Cancelled, _) => 8,
        _ => 1,
    }
}

/// The code of an error of a local file.
pub(crate) fn local_number(error: &io::Error) -> u8 {
    match error.kind() {
        io::ErrorKind::NotFound => 3,
        io::ErrorKind::PermissionDenied
        | io::ErrorKind::IsADirectory
        | io::ErrorKind::NotADirectory => 4,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::args::Args;

    /// Text without what lays it out: roff's escapes and line breaks, and runs of blanks.
    fn words(text: &str) -> String {
        let plain = text
            .replace("\\-", "-")
            .replace("\\ ", " ")
            .replace("\\*(Aq", "'")
            .replace("\n.br\n", "\n");
        plain.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn help_manual_page_and_documents_have_one_table() {
        let help = Args::command().render_long_help().to_string();
        let mut page = Vec::new();
        clap_mangen::Man::new(Args::command())
            .render(&mut page)
            .unwrap();
        let document = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/cellftp.md"));
        assert!(document.contains(HELP), "docs/cellftp.md has another table");
        for text in [help, String::from_utf8(page).unwrap()] {
            assert!(words(&text).contains(&words(HELP)), "{text}");
        }
    }
}
