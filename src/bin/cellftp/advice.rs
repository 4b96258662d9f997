//! What can be done about an error of the daemon.

use cellftp::client::{Code, Refusal};

/// Advice where the time limit passed.
pub(crate) const MORE_TIME: &str =
    "Give it more time with --timeout, or see with `cellftp queue` who is first.";

/// Advice where the outcome was lost.
const LOOK: &str = "The file may be there whole, in part, or not at all: look with `cellftp size` or \
                    `cellftp ls`, or write it again.";

/// Advice about this program. The daemon's message has the advice about everything else.
pub(crate) fn advice(refusal: &Refusal) -> Option<&'static str> {
    if refusal.code == Code::Unimplemented {
        return Some("Is the daemon older than this program? `cellftpd --version` tells.");
    }
    Some(match refusal.reason.as_str() {
        "ALREADY_EXISTS" => "Choose another name; `put` and `get` have --if-exists overwrite.",
        "DEADLINE_PASSED" => MORE_TIME,
        "QUEUE_FULL" => "Many operations wait; see `cellftp status`.",
        "INDETERMINATE" => LOOK,
        "UNVERIFIED" => {
            "`cellftp size` and `cellftp ls` may show it. With --verify best-effort the module's word is \
             enough where the server does not tell."
        }
        "SENTINEL_INDETERMINATE" => {
            "The file is there. Whether its sentinel is, `cellftp size` or `cellftp ls` may show."
        }
        "NOT_REGISTERED" | "DEVICE_ABSENT" | "MODEM_NOT_READY" => {
            "`cellftp status` shows the state of the module."
        }
        _ => return None,
    })
}
