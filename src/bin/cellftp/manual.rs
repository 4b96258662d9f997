//! What the manual page of `cellftp` says beyond its command line.

use cellftp::manual::Chapter;
use cellftp::manual::Part::{Code, Item, Text};

use crate::exit::HELP;

/// The chapters behind the options and commands.
pub(crate) const CHAPTERS: &[Chapter] = &[
    Chapter {
        heading: "EXIT STATUS",
        parts: &[Code(HELP)],
    },
    Chapter {
        heading: "FILES",
        parts: &[Item(
            "/run/cellftpd/cellftpd.sock",
            "The socket of the daemon. Members of the group cellftpd may use it.",
        )],
    },
    Chapter {
        heading: "EXAMPLES",
        parts: &[
            Text("Write a file into a directory of the server, and read one:"),
            Code(
                "cellftp -p office put today.csv /reports/\ncellftp -p office get /firmware/app.bin",
            ),
            Text("Hand a file over to the daemon, which goes on by itself, and wait for the end:"),
            Code(
                "cellftp -p office transfer put today.csv /reports/ --id report-7\n\
                 cellftp transfer watch report-7",
            ),
        ],
    },
    Chapter {
        heading: "SEE ALSO",
        parts: &[Text("cellftpd(8), cellftpd.toml(5)")],
    },
];
