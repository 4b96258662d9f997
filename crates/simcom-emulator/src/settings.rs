//! The values that basic commands set and read back.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::BytesMut;

use crate::knobs::{Knobs, Sim};

/// Values of V.250 and 3GPP TS 27.007 commands.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) echo: bool,
    pub(crate) cmee: u8,
    pub(crate) sim: Sim,
    pub(crate) pdn_active: bool,
    pub(crate) attached: bool,
    /// When the search for a network is over, since the emulator's origin of time.
    pub(crate) registers_at: Duration,
    /// When the SIM has been read.
    pub(crate) sim_read_at: Duration,
    /// `AT+CFUN`: 1 full functionality.
    pub(crate) functionality: u8,
    /// How `AT+COPS?` names the operator: 0 long, 1 short, 2 by its code.
    pub(crate) operator_format: usize,
    /// The TCP/IP stack was opened (`AT+NETOPEN`).
    pub(crate) net_open: bool,
    /// [`Knobs::chatter`] was switched off.
    pub(crate) hushed: bool,
    /// Values that are only read back, by command name, as printed.
    pub(crate) stored: BTreeMap<&'static str, String>,
}

impl Settings {
    /// The values after power-up.
    pub(crate) fn new(knobs: &Knobs) -> Self {
        Self {
            echo: knobs.echo,
            cmee: knobs.cmee,
            sim: knobs.sim,
            pdn_active: knobs.functionality == 1,
            attached: true,
            registers_at: Duration::ZERO,
            sim_read_at: Duration::ZERO,
            functionality: knobs.functionality,
            operator_format: 0,
            net_open: false,
            hushed: false,
            stored: BTreeMap::new(),
        }
    }
}

/// A file or certificate that the host is typing.
#[derive(Debug)]
pub(crate) struct Receipt {
    /// What is done with it.
    pub(crate) kind: ReceiptKind,
    /// The bytes that have come.
    pub(crate) content: BytesMut,
}

/// Where typed content goes.
#[derive(Debug)]
pub(crate) enum ReceiptKind {
    /// A module file, by full path.
    File(String),
    /// A certificate, by name.
    Certificate(String),
}
