//! Prints a file of an FTP server, read through a SIMCom module on a serial port, without a runtime:
//!
//! ```text
//! cargo run -p simcom-talk --example get -- /dev/ttyUSB2 ftp.example.com user password /file > file
//! ```

use std::io::{self, ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use simcom_talk::dialogue::operation::{Delivery, Download, SessionTarget, Standing, Task};
use simcom_talk::dialogue::{Dialogue, Moment, Operation, Output, Patience, Setup, Step};
use simcom_talk::ftps::value::{Host, Offset, Password, RemotePath, Server, Username};

type Error = Box<dyn std::error::Error>;

/// How long a read waits for a byte, and so how often deadlines are checked.
const TICK: Duration = Duration::from_millis(50);

#[expect(
    clippy::disallowed_methods,
    reason = "a program has a clock of its own"
)]
fn main() -> Result<(), Error> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [port, host, user, password, path] = args.as_slice() else {
        return Err("usage: get PORT HOST USER PASSWORD PATH".into());
    };
    let mut port = serialport::new(port, 115_200).timeout(TICK).open()?;
    let started = Instant::now();
    let clock = || Moment::after(started.elapsed());
    let operation = download([host, user, password, path])?;
    run(&mut port, clock, operation, &mut io::stdout().lock())?;
    Ok(())
}

/// The operation: where the module must stand, and what it must do there.
pub(crate) fn download([host, user, password, path]: [&str; 4]) -> Result<Operation, Error> {
    let (user, password) = (Username::new(user)?, Password::new(password)?);
    let server = Server::without_tls(Host::new(host)?, user, password);
    let download = Download::of(RemotePath::of_text(path)?, Offset::ZERO);
    Ok(Operation {
        standing: Standing::LoggedIn(SessionTarget::at_login(server)),
        task: Task::Download(download),
    })
}

/// Does what the dialogue says until the operation is over.
pub(crate) fn run(
    port: &mut (impl Read + Write),
    clock: impl Fn() -> Moment,
    operation: Operation,
    out: &mut impl Write,
) -> Result<Output, Error> {
    let mut dialogue = Dialogue::new(Setup::default(), Patience::default());
    dialogue.handle_port_opened();
    dialogue.begin(operation)?;
    loop {
        match dialogue.poll(clock()) {
            Step::Write { bytes, until } => {
                let mut rest = bytes.as_ref();
                while !rest.is_empty() && clock() < until {
                    rest = rest.get(waited(port.write(rest))?..).unwrap_or(&[]);
                }
                if !rest.is_empty() {
                    dialogue.handle_write_deadline(clock());
                }
            }
            Step::Listen { until } => {
                let mut buffer = [0; 4096];
                let len = waited(port.read(&mut buffer))?;
                if len > 0 {
                    dialogue.handle_bytes(buffer.get(..len).unwrap_or(&[]), clock());
                }
                if until <= clock() {
                    dialogue.handle_deadline(clock());
                }
            }
            Step::Deliver(Delivery::Chunk(bytes)) => out.write_all(&bytes)?,
            Step::Deliver(_) | Step::Repaired(_) => {}
            // This program climbs no repair ladder.
            Step::Repair(_) => dialogue.handle_repair(None),
            Step::Done(result) => return Ok(result?),
            Step::Idle | Step::Fetch { .. } | Step::AwaitPort { .. } => {
                return Err("a download has no source, and the port is open".into());
            }
        }
    }
}

/// What a port has moved within one tick.
fn waited(moved: io::Result<usize>) -> Result<usize, Error> {
    match moved {
        Ok(0) => Err("the port is gone".into()),
        Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Interrupted) => Ok(0),
        moved => Ok(moved?),
    }
}
