//! The commands, by the document that describes them.

mod basic;
mod execute;
mod files;
mod ftps;
mod messages;
mod network;
mod sim;
mod status;
mod tls;
mod transfer;
mod values;

/// What a command does to its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is done. The next command of the line follows, or `OK`.
    Ok,
    /// `ERROR`; the rest of the line is dropped (V.250 §5.2.1).
    Error,
    /// The same with a reason, in the form that `AT+CMEE` asks for.
    Cme(u16),
    /// The same for the message service, which always gives a reason (3GPP TS 27.005 §3.2.5).
    Cms(u16),
    /// No connection is made (V.250 §5.7.1).
    NoCarrier,
    /// The final code comes later, or has been sent.
    Later,
}
