//! Prints a file of an FTP server, read through a SIMCom module on a serial port, without a runtime:
//!
//! ```text
//! cargo run -p simcom-talk --example get -- /dev/ttyUSB2 ftp.example.com:21 user password /file > file
//! ```

use std::io::{self, ErrorKind, Read, Write};
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::{Duration, Instant};

use simcom_talk::dialogue::operation::{
    Delivery, Directory, Download, SessionTarget, Standing, Task,
};
use simcom_talk::dialogue::{Dialogue, Moment, Operation, Output, Patience, Setup, Step};
use simcom_talk::ftps::tls::TlsPolicy;
use simcom_talk::ftps::value::{
    Host, Offset, Password, RemotePath, Server, ServerType, TransferType, Username,
};

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
        return Err("usage: get PORT HOST:PORT USER PASSWORD PATH".into());
    };
    let mut port = serialport::new(port, 115_200).timeout(TICK).open()?;
    let started = Instant::now();
    let clock = || Moment::after(started.elapsed());
    let operation = download(host, user, password, path)?;
    run(&mut port, clock, operation, &mut io::stdout().lock())?;
    Ok(())
}

/// The operation: where the module must stand, and what it must do there.
pub(crate) fn download(
    host: &str,
    user: &str,
    password: &str,
    path: &str,
) -> Result<Operation, Error> {
    let (host, port) = host.split_once(':').unwrap_or((host, "21"));
    let server = Server {
        host: Host::new(host)?,
        port: port.parse::<NonZeroU16>()?,
        username: Username::new(user)?,
        password: Password::new(password)?,
        server_type: ServerType::Ftp,
        single_ip: true,
        tls: TlsPolicy::unverified(),
    };
    let place = SessionTarget {
        server: Arc::new(server),
        transfer_type: TransferType::Binary,
        directory: Directory::Login,
    };
    Ok(Operation {
        standing: Standing::LoggedIn(place),
        task: Task::Download(Download::of(RemotePath::of_text(path)?, Offset::ZERO)),
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
            Step::Write { bytes, until } => write(port, &clock, &mut dialogue, &bytes, until)?,
            Step::Listen { until } => {
                let mut buffer = [0; 4096];
                match port.read(&mut buffer) {
                    Ok(0) => return Err("the port is gone".into()),
                    Ok(len) => dialogue.handle_bytes(buffer.get(..len).unwrap_or(&[]), clock()),
                    Err(error)
                        if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Interrupted) => {
                    }
                    Err(error) => return Err(error.into()),
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

/// Writes as fast as the port takes it, until `until`.
fn write(
    port: &mut impl Write,
    clock: &impl Fn() -> Moment,
    dialogue: &mut Dialogue,
    mut bytes: &[u8],
    until: Moment,
) -> Result<(), Error> {
    while !bytes.is_empty() {
        match port.write(bytes) {
            Ok(len) => bytes = bytes.get(len..).unwrap_or(&[]),
            Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Interrupted) => {}
            Err(error) => return Err(error.into()),
        }
        if until <= clock() && !bytes.is_empty() {
            dialogue.handle_write_deadline(clock());
            break;
        }
    }
    Ok(())
}
