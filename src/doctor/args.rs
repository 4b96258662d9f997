//! The command line of the doctor.

/// What is looked at.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = HELP)]
pub struct DoctorArgs {
    /// Only this server profile; may be given more than once; without it, all of them
    #[arg(long, value_name = "NAME")]
    pub profile: Vec<String>,
    /// No server is looked at
    #[arg(long, conflicts_with_all = ["profile", "file"])]
    pub no_servers: bool,
    /// A file of the server, of which the rate and REST are tried; needs one --profile
    #[arg(long, value_name = "PATH", requires = "profile")]
    pub file: Option<String>,
    /// The file may have so many KiB; the half of it is read twice
    #[arg(long, value_name = "KIB", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub limit: u32,
    /// One JSON document in place of text
    #[arg(long)]
    pub json: bool,
    /// What was not looked at after so many seconds is left out; logging out may take 40 s more
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub timeout: u32,
}

const HELP: &str = "\
The doctor opens the port itself: a daemon that runs on it is named, and has to be stopped first. The module is \
brought up as by the daemon, which switches its radio on where that is off; nothing is repaired or reset. A server \
is logged in to, its login directory is listed and the size of one file is asked for; nothing is written there. No \
password, no number of a card and no telephone number is printed.

Exit codes: 0 no problem was found (there may be warnings); 1 a problem was found; 2 the command line or the \
configuration is not usable.";
