//! The serial port: opened exclusively, and reopened when it is lost.

use std::fs::{File, OpenOptions};
use std::future::Future;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use rustix::fs::OFlags;
use rustix::termios::{ControlModes, OptionalActions, tcgetattr, tcsetattr};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio_serial::{
    ClearBuffer, ErrorKind, FlowControl, SerialPort, SerialPortBuilderExt, SerialStream,
};

use super::error::Error;
use super::holder;

/// An open port.
pub trait Port: AsyncRead + AsyncWrite + Send + Unpin {
    /// Drops bytes that were written and have not left this machine, as far as the port can:
    /// otherwise content would arrive after its prompt was closed.
    fn discard_output(&mut self);

    /// Closes the port. Where that may take time, it goes on in a task.
    fn close(self: Box<Self>) -> Option<JoinHandle<()>>;
}

impl Port for SerialStream {
    fn discard_output(&mut self) {
        if let Err(error) = self.clear(ClearBuffer::Output) {
            tracing::debug!(%error, "what is on its way to the module is left to arrive");
        }
    }

    /// A driver waits up to 30 s for output that a dead module does not take (`closing_wait`, setserial(8)), and a
    /// USB device takes 5 s to answer nothing.
    fn close(mut self: Box<Self>) -> Option<JoinHandle<()>> {
        self.discard_output();
        Some(spawn_blocking(move || drop(self)))
    }
}

impl Port for DuplexStream {
    /// In a stream, written bytes have already arrived.
    fn discard_output(&mut self) {}

    fn close(self: Box<Self>) -> Option<JoinHandle<()>> {
        None
    }
}

/// Opens the port, each time it is lost.
pub trait Connector: Send + 'static {
    /// Opens the port once.
    fn open(&mut self) -> Opening<'_>;
}

impl Connector for Box<dyn Connector> {
    fn open(&mut self) -> Opening<'_> {
        (**self).open()
    }
}

/// A port being opened.
pub type Opening<'a> = Pin<Box<dyn Future<Output = Result<Box<dyn Port>, Error>> + Send + 'a>>;

/// A serial device of the system.
#[derive(Debug, Clone)]
pub struct SerialConnector {
    /// Path of the device; a symlink that udev keeps is resolved again each time.
    pub device: PathBuf,
    /// Bits per second; ignored by USB devices.
    pub baud: u32,
    /// RTS/CTS. XON/XOFF is never used, because content contains all byte values.
    pub hardware_flow_control: bool,
}

impl Connector for SerialConnector {
    fn open(&mut self) -> Opening<'_> {
        let this = self.clone();
        Box::pin(async move {
            // A driver may take seconds, and to find out who holds a port is to look at every process.
            let opened = spawn_blocking(move || this.open_now()).await;
            let stream = opened.map_err(|error| Error::Io(Arc::new(error.into())))??;
            Ok(Box::new(stream) as Box<dyn Port>)
        })
    }
}

impl SerialConnector {
    fn open_now(&self) -> Result<SerialStream, Error> {
        let flow = if self.hardware_flow_control {
            FlowControl::Hardware
        } else {
            FlowControl::None
        };
        let device = self.device.to_string_lossy();
        // This crate sets raw mode, TIOCEXCL and an exclusive flock by default.
        let port = tokio_serial::new(device.as_ref(), self.baud)
            .flow_control(flow)
            .open_native_async()
            .map_err(|error| self.refused(error))?;
        self.keep_lines_up();
        Ok(port)
    }

    fn refused(&self, error: tokio_serial::Error) -> Error {
        let device = self.device.to_string_lossy().into_owned();
        let exists = self.device.exists();
        let source = io::Error::from(error.clone());
        // The crate reports a lock or an exclusive mode of another program as "no device".
        let held = exists && matches!(error.kind, ErrorKind::NoDevice);
        if held {
            return Error::PortHeld {
                device,
                holder: holder::of(&self.device),
            };
        }
        if exists {
            return Error::Io(Arc::new(source));
        }
        Error::DeviceAbsent {
            device,
            source: Arc::new(source),
        }
    }

    /// Keeps DTR and RTS unchanged when the port is closed: on some boards their fall resets the
    /// module or ends its data mode (V.250 §6.2.9, `AT&D`).
    fn keep_lines_up(&self) {
        let cleared = self.descriptor().and_then(|file| {
            let mut attributes = tcgetattr(&file)?;
            attributes.control_modes.remove(ControlModes::HUPCL);
            Ok(tcsetattr(&file, OptionalActions::Now, &attributes)?)
        });
        if let Err(error) = cleared {
            tracing::debug!(%error, "HUPCL is left as it was");
        }
    }

    fn descriptor(&self) -> io::Result<File> {
        let flags = (OFlags::NOCTTY | OFlags::NONBLOCK).bits();
        OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(i32::try_from(flags).unwrap_or_default())
            .open(&self.device)
    }
}

/// A port that the program itself provides, such as one end of an in-process stream.
pub struct StreamConnector<F>(pub F);

impl<F, S> Connector for StreamConnector<F>
where
    F: FnMut() -> io::Result<S> + Send + 'static,
    S: Port + 'static,
{
    fn open(&mut self) -> Opening<'_> {
        let opened = (self.0)();
        Box::pin(async move {
            match opened {
                Ok(stream) => Ok(Box::new(stream) as Box<dyn Port>),
                Err(error) => Err(Error::DeviceAbsent {
                    device: "in-process stream".into(),
                    source: Arc::new(error),
                }),
            }
        })
    }
}
