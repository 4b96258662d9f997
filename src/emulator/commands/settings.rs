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
    /// `AT+CFUN`: 1 full functionality.
    pub(in crate::emulator) functionality: u8,
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
            pdn_active: true,
            attached: true,
            registers_at: Duration::ZERO,
            functionality: 1,
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
