//! What the basic commands set and read back.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::BytesMut;

use crate::emulator::knobs::{Knobs, Sim};

/// Values of V.250 and 3GPP TS 27.007 commands.
#[derive(Debug)]
pub(in crate::emulator) struct Settings {
    pub(in crate::emulator) echo: bool,
    pub(in crate::emulator) cmee: u8,
    pub(in crate::emulator) sim: Sim,
    pub(in crate::emulator) pdn_active: bool,
    pub(in crate::emulator) attached: bool,
    /// When the search for a network is over, since the emulator's origin of time.
    pub(in crate::emulator) registers_at: Duration,
    /// When the SIM has been read.
    pub(in crate::emulator) sim_read_at: Duration,
    /// `AT+CFUN`: 1 full functionality.
    pub(in crate::emulator) functionality: u8,
    /// How `AT+COPS?` names the operator: 0 long, 1 short, 2 by its code.
    pub(in crate::emulator) operator_format: usize,
    /// The TCP/IP stack was opened (`AT+NETOPEN`).
    pub(in crate::emulator) net_open: bool,
    /// [`Knobs::chatter`] was switched off.
    pub(in crate::emulator) hushed: bool,
    /// Values that are only read back, by command name, as printed.
    pub(in crate::emulator) stored: BTreeMap<&'static str, String>,
}

impl Settings {
    /// As after power-up.
    pub(in crate::emulator) fn new(knobs: &Knobs) -> Self {
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

/// A file or certificate the host is typing in.
#[derive(Debug)]
pub(in crate::emulator) struct Receipt {
    /// What is to be done with it.
    pub(in crate::emulator) kind: ReceiptKind,
    /// What has come.
    pub(in crate::emulator) content: BytesMut,
}

/// Where typed content goes.
#[derive(Debug)]
pub(in crate::emulator) enum ReceiptKind {
    /// A module file, by full path.
    File(String),
    /// A certificate, by name.
    Certificate(String),
}
