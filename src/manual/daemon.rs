//! What the manual page of the daemon says beyond its command line.

use super::chapter::Chapter;
use super::chapter::Part::{Code, Item, Text};

/// The chapters behind the options and commands.
pub(super) const CHAPTERS: &[Chapter] = &[
    Chapter {
        heading: "ENVIRONMENT",
        parts: &[
            Item(
                "CELLFTPD_SECTION__KEY",
                "The value of a key of the configuration, which overrides all files; for example \
                 CELLFTPD_MODULE__DEVICE=/dev/ttyUSB2.",
            ),
            Item(
                "CREDENTIALS_DIRECTORY",
                "Where systemd puts the credentials of the service (LoadCredential=). A file that the configuration \
                 names by a relative path is looked for there.",
            ),
            Item(
                "STATE_DIRECTORY",
                "Where the counts of a data budget are kept, unless budget.state names a file.",
            ),
            Item(
                "NOTIFY_SOCKET, WATCHDOG_USEC, LISTEN_FDS, JOURNAL_STREAM",
                "As sd_notify(3), sd_watchdog_enabled(3), sd_listen_fds(3) and systemd.exec(5) describe them.",
            ),
        ],
    },
    Chapter {
        heading: "EXIT STATUS",
        parts: &[
            Item(
                "0",
                "The daemon was stopped by a signal, or the command is done.",
            ),
            Item("1", "It failed, or the doctor found a problem."),
            Item(
                "2",
                "The command line or the configuration is not usable. The units do not start the daemon again then.",
            ),
        ],
    },
    Chapter {
        heading: "SIGNALS",
        parts: &[
            Item(
                "SIGHUP",
                "Reads the configuration and the certificates again. What runs goes on. A configuration that is not \
                 usable changes nothing. The log names what needs a restart.",
            ),
            Item(
                "SIGTERM, SIGINT",
                "Ends the daemon. Calls that run have 20 seconds to end, and the module logs out. Transfers that are \
                 kept go on at the next start. A second signal ends all of it at once.",
            ),
        ],
    },
    Chapter {
        heading: "FILES",
        parts: &[
            Item(
                "/etc/cellftpd/cellftpd.toml",
                "The configuration, as cellftpd.toml(5) describes it.",
            ),
            Item(
                "/etc/cellftpd/conf.d/*.toml",
                "Files that override it, in the order of their names.",
            ),
            Item(
                "/etc/cellftpd/NAME.toml",
                "The configuration of the daemon of cellftpd@NAME.service, for several modules.",
            ),
            Item(
                "/run/cellftpd/cellftpd.sock",
                "The socket. Members of the group cellftpd may use it.",
            ),
            Item(
                "/var/lib/cellftpd",
                "The transfers that are kept, and the counts of a data budget. Nothing else is kept.",
            ),
            Item(
                "/dev/simcom-at",
                "The AT port of a module on USB, named by the udev rules.",
            ),
            Item(
                "/usr/share/cellftpd/cellftpd.schema.json",
                "The JSON schema of the configuration, for editors.",
            ),
        ],
    },
    Chapter {
        heading: "EXAMPLES",
        parts: &[
            Text(
                "What is wrong with the configuration, and then with the module, the network or a server:",
            ),
            Code("sudo -u cellftpd cellftpd check-config\nsudo -u cellftpd cellftpd doctor"),
            Text(
                "Start the daemon, now and at each start of the machine. The package does not do that by itself:",
            ),
            Code("sudo systemctl enable --now cellftpd"),
            Text("Let a user use it, from the next login on:"),
            Code("sudo usermod -aG cellftpd alice"),
        ],
    },
    Chapter {
        heading: "SEE ALSO",
        parts: &[Text(
            "cellftp(1), cellftpd.toml(5), systemctl(1), journalctl(1)",
        )],
    },
];
