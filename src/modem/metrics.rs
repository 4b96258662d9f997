//! What the owner of the port counts for a Prometheus scraper. Without a recorder, each function does nothing.
//!
//! Labels are names of commands and of unsolicited codes, which come from lists of this program.

use metrics::{counter, describe_counter, describe_histogram, histogram};

use simcom_talk::dialogue::Note;
use simcom_talk::ftps::Urc;

/// Describes each metric, and begins at zero what is known beforehand: a rate needs a first value.
pub fn describe() {
    describe_counter!(
        "cellftpd_at_commands_total",
        "Commands to the module, by name and by result (ok, error, code, timeout, broken)"
    );
    describe_histogram!(
        "cellftpd_at_command_seconds",
        "From the line of an AT command to the end of its answer, by name"
    );
    describe_counter!(
        "cellftpd_unsolicited_total",
        "Unsolicited result codes of the module, by what they say"
    );
    for code in Urc::NAMES {
        counter!("cellftpd_unsolicited_total", "code" => code).absolute(0);
    }
}

/// Counts what was said on the line.
pub(super) fn said(note: Note) {
    match note {
        Note::Command { name, result, took } => {
            let name = name.as_str();
            counter!("cellftpd_at_commands_total", "command" => name, "result" => result)
                .increment(1);
            histogram!("cellftpd_at_command_seconds", "command" => name).record(took.as_secs_f64());
        }
        Note::Unsolicited(code) => {
            counter!("cellftpd_unsolicited_total", "code" => code).increment(1);
        }
    }
}
