//! The port: who holds it, which port it is, its settings, and what arrives from it.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;

use super::heard::{End, Heard};
use super::report::Report;
use super::usb::Usb;
use crate::config::{Device, FlowControl, Module};
use crate::modem::Error;
use crate::modem::health::LinkState;
use simcom_talk::dialogue::failure::{Cause, Failure, Stage};

/// The fastest rate at which a UART without flow control is not expected to lose bytes of a download while the
/// machine is busy: its buffer of 16 bytes is full after 1.4 ms.
const UNGUARDED: u32 = 115_200;

/// Reports the state of the port. Answers whether the module behind it answers.
pub(super) fn look(
    report: &mut Report,
    config: &Module,
    usb: Option<&Usb>,
    link: &LinkState,
    heard: &Heard,
) -> bool {
    let Device::Serial(device) = &config.device else {
        report.ok(
            "port",
            "The configured device is the emulated module inside this program.",
        );
        spoken(report, heard);
        return link.takes_jobs();
    };
    if let LinkState::Absent(error) = link {
        closed(report, &device.to_string_lossy(), error);
        kind(report, usb);
        return false;
    }
    report.ok("port", "The port is there, and no other program holds it.");
    kind(report, usb);
    settings(report, config, usb);
    let silent = match link {
        LinkState::Fault(Error::NotReady(failure)) => {
            failure.stage == Stage::Device && is_silence(failure)
        }
        LinkState::BringingUp => !answers(heard),
        LinkState::Absent(_)
        | LinkState::Fault(_)
        | LinkState::Repairing(_)
        | LinkState::Searching
        | LinkState::Ready => false,
    };
    if silent {
        dumb(report, usb, heard);
        return false;
    }
    spoken(report, heard);
    link.takes_jobs()
}

fn is_silence(failure: &Failure) -> bool {
    matches!(failure.cause, Cause::Timeout(_) | Cause::Garbled)
}

fn answers(heard: &Heard) -> bool {
    heard.exchanges.iter().any(|said| said.end.is_some())
}

/// The port could not be opened.
fn closed(report: &mut Report, device: &str, error: &Error) {
    match error {
        Error::PortHeld { holder, .. } => {
            let by = holder.as_deref().unwrap_or("a program that this user may not see");
            let finding = format!("Another program holds the port: {by}.");
            let advice = match holder {
                Some(name) if name.starts_with("cellftpd ") => {
                    "The daemon is at work: ask it with `cellftp status`, or stop its unit with `systemctl \
                     stop` for as long as the doctor looks."
                        .to_owned()
                }
                Some(name) if name.starts_with("ModemManager ") => {
                    "Keep ModemManager away from this port: the rules for udev of cellftpd do so \
                     (ID_MM_PORT_IGNORE); or stop it."
                        .to_owned()
                }
                Some(_) => "End that program, or give it another port of the module.".to_owned(),
                None => format!("Find it as root: `sudo fuser -v {device}`, or run the doctor as root."),
            };
            report.problem("port", &finding, &advice);
        }
        Error::DeviceAbsent { .. } => report.problem(
            "port",
            &format!("There is no device {device} (module.device)."),
            "Look whether the module has power and is on the bus (`lsusb -d 1e0e:`, `ls /dev/ttyUSB*`), and \
             whether the rules for udev of cellftpd are installed, which make /dev/simcom-at.",
        ),
        Error::Io(source) if source.kind() == io::ErrorKind::PermissionDenied => report.problem(
            "port",
            &format!("This user may not open {device}: {source}."),
            "Run the doctor as the user of the service (`sudo -u cellftpd cellftpd doctor`), who is in the \
             group of the device, or as root.",
        ),
        error => report.problem(
            "port",
            &format!("The port {device} cannot be used: {}.", crate::modem::chain(error)),
            "Look whether it is a serial port, and whether the module is still there (`dmesg`).",
        ),
    }
}

/// The device of the port, and its other ports.
fn kind(report: &mut Report, usb: Option<&Usb>) {
    let Some(usb) = usb else {
        report.ok(
            "device",
            "It is no port of a USB device: a UART, or a pseudo-terminal.",
        );
        return;
    };
    let ports: Vec<String> = usb
        .interfaces
        .iter()
        .map(|interface| {
            let tty = interface.tty.as_deref().unwrap_or("no serial port");
            let role = interface.role.as_deref().unwrap_or("role unknown");
            format!("{} {tty} ({role})", interface.number)
        })
        .collect();
    let finding = format!(
        "USB device {}, interface {}. Its interfaces: {}.",
        usb.id,
        usb.own,
        ports.join(", ")
    );
    match (usb.role(), usb.at_port()) {
        (Some(role), Some(at)) if role.contains("GNSS") || role.contains("diagnostics") => {
            report.problem(
                "device",
                &format!("{finding} This one is for {role}."),
                &format!("Set module.device to the AT port, {at}."),
            );
        }
        _ => report.ok("device", &finding),
    }
}

/// Rate and flow control.
fn settings(report: &mut Report, config: &Module, usb: Option<&Usb>) {
    let flow = match config.flow_control {
        FlowControl::None => "without flow control",
        FlowControl::Hardware => "with RTS/CTS",
    };
    let finding = format!("Opened at {} bit/s, {flow}.", config.baud);
    if usb.is_some() {
        report.ok(
            "line",
            &format!("{finding} USB has a flow control of its own, and any rate."),
        );
    } else if config.flow_control == FlowControl::None && config.baud > UNGUARDED {
        report.warning(
            "line",
            &format!("{finding} A UART at this rate loses bytes while the machine is busy."),
            "Wire RTS and CTS and set module.flow_control = \"hardware\", or lower module.baud.",
        );
    } else {
        report.ok("line", &finding);
    }
}

/// The module sends nothing that is an answer.
fn dumb(report: &mut Report, usb: Option<&Usb>, heard: &Heard) {
    let at = usb.and_then(Usb::at_port).map_or_else(
        || "Set module.device to the AT port of the module".to_owned(),
        |port| format!("Set module.device to the AT port of the module, {port}"),
    );
    if heard.received == 0 {
        report.problem(
            "at",
            "Nothing answers AT, and not a byte comes out of the port.",
            &format!(
                "{at}, see whether the module has power and has started, and on a UART whether module.baud is \
                 its rate (`AT+IPR?`), TX and RX are crossed, and flow control is wired where it is set."
            ),
        );
    } else if heard.has_sentences() {
        let finding = format!(
            "The port does not answer AT, and sentences of a satellite receiver come out of it ({}): this is \
             the GNSS (NMEA) port.",
            names(&heard.sentences)
        );
        report.problem("at", &finding, &format!("{at}."));
    } else if heard.garbled * 2 > heard.lines || heard.lines == 0 {
        report.problem(
            "at",
            "Bytes come out of the port that no module prints.",
            "On a UART, set module.baud to the rate of the module (`AT+IPR?`). On USB, this is another port \
             than the AT port.",
        );
    } else {
        report.problem(
            "at",
            "Lines come out of the port, and none of them answers AT.",
            &format!("{at}. Something else may be connected to this one."),
        );
    }
}

/// How the module answered at first.
fn spoken(report: &mut Report, heard: &Heard) {
    let Some(first) = heard.exchanges.iter().find(|said| said.end.is_some()) else {
        return;
    };
    let echo = if first.echoed {
        "with echo (E1)"
    } else {
        "without echo (E0)"
    };
    let form = match first.end {
        Some(End::Number) => "in numbers (V0)",
        Some(End::Ok | End::Refused) | None => "in words (V1)",
    };
    report.ok(
        "at",
        &format!(
            "The port answers AT: it was found {echo}, result codes {form}. Both are set as needed."
        ),
    );
}

/// What arrived unsolicited.
pub(super) fn unasked(report: &mut Report, heard: &Heard) {
    let ours = "They cost time on the line, and are told from answers by their checksum.";
    if heard.has_sentences() {
        let before: BTreeMap<_, _> = heard.sentences.clone();
        let all = if before.is_empty() {
            &heard.since_told
        } else {
            &before
        };
        let finding = format!(
            "Sentences of a satellite receiver (NMEA) come out of the AT port: {}.",
            names(all)
        );
        let hushed = heard.hushed_by();
        if heard.since_told.is_empty() && !hushed.is_empty() {
            report.warning(
                "gnss",
                &format!("{finding} None came any more after {}.", hushed.join(" and ")),
                "The daemon says this by itself. Whoever switches the receiver on should send its sentences to \
                 a port of its own (AT+CGNSSPORTSWITCH=0,0).",
            );
        } else {
            let tried = "AT+CGNSSTST=0, AT+CGNSSPORTSWITCH=0,0 and AT+CGPSINFOCFG=0";
            report.warning(
                "gnss",
                &format!("{finding} They could not be switched off: {tried} did not end them. {ours}"),
                "Switch the receiver off, or its output, in the program that switched it on (AT+CGPS=0, \
                 AT+CGNSSPWR=0).",
            );
        }
    } else {
        report.ok(
            "gnss",
            "No sentences of a satellite receiver come out of the AT port.",
        );
    }
    if heard.unsolicited.is_empty() {
        report.ok("unsolicited", "No other lines came that nobody asked for.");
    } else {
        let finding = format!(
            "Lines that nobody asked for: {}.",
            names(&heard.unsolicited)
        );
        report.ok("unsolicited", &finding);
    }
}

/// Names, and how often each came.
fn names(table: &BTreeMap<String, u64>) -> String {
    let names: Vec<_> = table
        .iter()
        .map(|(name, count)| format!("{name} ({count} times)"))
        .collect();
    names.join(", ")
}
