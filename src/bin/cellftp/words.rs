//! Errors of the daemon in plain words.

use crate::deed::Deed;
use cellftp::client::Refusal;

/// Why it failed, in a few words that follow the name: `no such file on office`.
pub(crate) fn about(refusal: &Refusal, deed: &Deed) -> String {
    let place = &deed.place;
    match refusal.reason.as_str() {
        "FILE_NOT_FOUND" if deed.of_directories => format!("no such file or directory on {place}"),
        "FILE_NOT_FOUND" => format!("no such file on {place}"),
        "DIRECTORY_NOT_FOUND" => format!("its directory does not exist on {place}"),
        "ALREADY_EXISTS" => format!("exists on {place}"),
        "NOT_A_DIRECTORY" => format!("is no directory on {place}"),
        "DIRECTORY_NOT_EMPTY" => format!("is not empty on {place}"),
        "PROFILE_NOT_FOUND" => format!("the daemon has no profile {place}"),
        "PROFILE_NOT_ALLOWED" => format!("you may not do this with the profile {place}"),
        "LOGIN_REFUSED" => format!("{place} refused the login"),
        "SERVER_REFUSED" => format!("{place} refused it"),
        "CONNECT" => format!("{place} cannot be reached"),
        "DNS" => format!("the host of {place} is not known"),
        "SERVER_CLOSED" => format!("{place} closed the connection"),
        "SERVER_TIMEOUT" => format!("{place} did not answer in time"),
        "TLS_ALERT" | "TLS_SETUP_REFUSED" => format!("no TLS with {place}"),
        "TRANSFER_FAILED" => "the transfer broke off".into(),
        "UNVERIFIED" => format!("sent, and {place} does not let it be verified"),
        "INDETERMINATE" => "sent, and nobody can tell whether it arrived".into(),
        "SIZE_MISMATCH" | "HASH_MISMATCH" => "what arrived is not what was sent".into(),
        "TRANSFER_NOT_FOUND" => "you have no such transfer".into(),
        "OPERATION_NOT_FOUND" => "you have no such operation".into(),
        "SESSION_NOT_FOUND" => "you have no such session".into(),
        "NETWORK" => "the module has no data connection".into(),
        "NOT_REGISTERED" => "the module is not registered with a network".into(),
        "DEVICE_ABSENT" => "the module's port is not there".into(),
        "MODEM_SILENT" => "the module does not answer".into(),
        "MODEM_NOT_READY" => "the module is not ready yet".into(),
        "QUEUE_FULL" => "too many operations wait".into(),
        "DATA_BUDGET" => "the data budget does not allow it".into(),
        _ => without_command(refusal).to_owned(),
    }
}

/// What the daemon says, where [`about`] says it in other words.
pub(crate) fn cause(refusal: &Refusal) -> Option<String> {
    let deed = Deed {
        verb: "",
        name: None,
        place: String::new(),
        of_directories: false,
    };
    let said = without_command(refusal);
    (!said.is_empty() && about(refusal, &deed) != said).then(|| said.to_owned())
}

/// The daemon's message without the AT command that it may begin with. The command is told at the end.
fn without_command(refusal: &Refusal) -> &str {
    let message = refusal.message.as_str();
    let command = refusal.metadata.get("command");
    let rest = command.and_then(|command| message.strip_prefix(command.as_str()));
    rest.and_then(|rest| rest.strip_prefix(": "))
        .unwrap_or(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cellftp::client::Code;

    fn refused(reason: &str, message: &str) -> Refusal {
        Refusal {
            code: Code::NotFound,
            message: message.into(),
            reason: reason.into(),
            metadata: [("command".to_owned(), "AT+CFTPSGET".to_owned())].into(),
            retry_after: None,
            violations: Vec::new(),
        }
    }

    fn deed() -> Deed {
        Deed {
            verb: "get",
            name: Some("/nothere".into()),
            place: "office".into(),
            of_directories: false,
        }
    }

    #[test]
    fn no_sentence_begins_with_an_at_command() {
        let unknown = refused("MODEM_STATE", "AT+CFTPSGET: the module reported 15");
        assert_eq!(about(&unknown, &deed()), "the module reported 15");
        assert_eq!(cause(&unknown), None);
        let known = refused("FILE_NOT_FOUND", "AT+CFTPSGET: the module reported 9");
        assert_eq!(about(&known, &deed()), "no such file on office");
        assert_eq!(cause(&known).as_deref(), Some("the module reported 9"));
    }
}
