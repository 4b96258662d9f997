//! `simcom-emulator`: an emulated module on a pseudo-terminal, for any program that opens serial ports.

use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser;

use simcom_emulator::serve::emulate::{self, EmulateArgs};

/// A SIMCom module on a pseudo-terminal, which carries every FTP command to a real server.
///
/// Prints the path of its port, and the new one after each reset.
#[derive(Debug, Parser)]
#[command(name = "simcom-emulator", version, max_term_width = 100)]
struct Args {
    #[command(flatten)]
    module: EmulateArgs,
}

fn main() -> ExitCode {
    match run(Args::parse().module) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut text = format!("simcom-emulator: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                text += &format!(": {error}");
                cause = error.source();
            }
            // Where standard error is closed too, only the exit code says it.
            let _ = writeln!(io::stderr(), "{text}");
            ExitCode::FAILURE
        }
    }
}

fn run(module: EmulateArgs) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let ended = runtime.block_on(emulate::run(module));
    // A write to standard output that nobody reads does not keep the process running.
    runtime.shutdown_background();
    Ok(ended?)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }
}
