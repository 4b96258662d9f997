//! The module: who made it, its SIM, its radio, its network and its clock.

#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime};

use super::answers::{Answers, Clock};
use super::heard::Heard;
use super::report::Report;
use crate::modem::Error;
use crate::modem::health::{Health, LinkState};
use simcom_talk::dialogue::facts::Sim;
use simcom_talk::dialogue::failure::{Cause, Stage};

/// Below this, a transfer over LTE is slow and often breaks: the last of five bars that telephones show.
const WEAK_DBM: i32 = -105;

/// A clock that differs by more than this was not set by the network.
const WRONG_CLOCK: Duration = Duration::from_secs(300);

/// Manufacturer, model and firmware.
pub(super) fn identity(report: &mut Report, health: &Health) {
    let identity = &health.identity;
    if identity.model.is_empty() {
        return;
    }
    let family = health.capabilities.profile.name;
    let finding = format!(
        "{} {}, firmware {}, family {family}.",
        identity.manufacturer, identity.model, identity.firmware
    );
    if family == "unknown" {
        report.warning(
            "identity",
            &finding,
            "cellftpd knows the SIM7500, SIM7600 and A76xx families: only what all of them have is used.",
        );
    } else {
        report.ok("identity", &finding);
    }
}

/// The state of the radio.
pub(super) fn radio(report: &mut Report, heard: &Heard, answers: &Answers) {
    let was_off = heard.said("AT+CFUN").any(|said| {
        let mut lines = said.answer.iter();
        lines.any(|line| matches!(level(line), Some("0" | "4")))
    });
    if was_off {
        report.warning(
            "radio",
            "The radio was switched off (AT+CFUN), and has been switched on, as the daemon does.",
            "Find what switches it off: a program, or a setting that the module keeps.",
        );
        return;
    }
    match answers.number("+CFUN") {
        Some(1) => report.ok("radio", "The radio is on (AT+CFUN: 1)."),
        Some(level) => report.problem(
            "radio",
            &format!("The radio is not on (AT+CFUN: {level})."),
            "Switch it on: AT+CFUN=1.",
        ),
        None => {}
    }
}

fn level(line: &str) -> Option<&str> {
    Some(line.strip_prefix("+CFUN:")?.split(',').next()?.trim())
}

/// The SIM, in the words of the module.
pub(super) fn sim(report: &mut Report, health: &Health, answers: &Answers) {
    let failed = match &health.link {
        LinkState::Fault(Error::NotReady(failure)) if failure.stage == Stage::Sim => Some(failure),
        _ => None,
    };
    match (
        health.registration.sim,
        failed.map(|failure| &failure.cause),
    ) {
        (Sim::Missing, _) | (_, Some(Cause::SimMissing)) => report.problem(
            "sim",
            "The module says that there is no SIM.",
            "Put a SIM in, or see to its contacts. Some boards have a switch at the tray.",
        ),
        (Sim::Locked, _) | (_, Some(Cause::SimLocked)) => report.problem(
            "sim",
            "The SIM asks for a PIN or a PUK, or is locked to another device or network.",
            "Switch the PIN off in a telephone. The doctor never enters one.",
        ),
        (_, Some(cause)) => report.problem(
            "sim",
            &format!("The module says of the SIM: {cause}."),
            "See to the SIM and its contacts; try it in a telephone.",
        ),
        (Sim::Ready, None) => report.ok("sim", "The SIM is ready (AT+CPIN: READY)."),
        (Sim::Unknown, None) => {
            if let Some(said) = answers.of("+CPIN") {
                report.warning(
                    "sim",
                    &format!("The module says of the SIM: {said}."),
                    "It may still be read: run the doctor again in half a minute.",
                );
            }
        }
    }
}

/// Registration and signal.
pub(super) fn network(report: &mut Report, health: &Health, answers: &Answers) {
    let registration = &health.registration;
    let operator = if registration.operator.is_empty() {
        "an operator without a name".to_owned()
    } else {
        format!("\"{}\"", registration.operator)
    };
    match answers.registration() {
        Some(1) => report.ok("network", &format!("Registered at home with {operator}.")),
        Some(5) => report.warning(
            "network",
            &format!("Registered in a foreign network (roaming) with {operator}."),
            "Data may cost more than at home, or be barred by the contract.",
        ),
        Some(2) => report.problem(
            "network",
            "Not registered: the module searches for a network.",
            "See to the antenna. After a start this takes a minute; where it goes on, try another place, or \
             another operator's SIM.",
        ),
        Some(3) => report.problem(
            "network",
            "The network has denied registration.",
            "See whether the SIM is activated and its contract allows this network and this kind of device.",
        ),
        Some(_) => report.problem(
            "network",
            "Not registered, and the module does not search for a network.",
            "See to the antenna, and whether the choice of operator is automatic (AT+COPS?).",
        ),
        None => {}
    }
    match registration.rssi_dbm {
        Some(dbm) if dbm < WEAK_DBM => report.warning(
            "signal",
            &format!("The signal is weak: {dbm} dBm."),
            "See to the antenna and its plug, or to the place of the device.",
        ),
        Some(dbm) => report.ok("signal", &format!("The signal has {dbm} dBm.")),
        None => report.warning(
            "signal",
            "The module does not know the strength of the signal (AT+CSQ: 99).",
            "See to the antenna, where the module is not registered either.",
        ),
    }
}

/// The module's own settings of its line.
pub(super) fn line(report: &mut Report, answers: &Answers) {
    let flow = answers.of("+IFC").unwrap_or("unknown");
    let rate = match answers.number("+IPR") {
        Some(0) => "found out by itself (0)".to_owned(),
        Some(rate) => format!("{rate} bit/s"),
        None => "unknown".to_owned(),
    };
    report.ok(
        "settings",
        &format!(
            "The module's own settings: flow control AT+IFC {flow}, rate of its UART AT+IPR {rate}."
        ),
    );
}

/// The definition of the PDP context.
pub(super) fn context(report: &mut Report, answers: &Answers) {
    match answers.context() {
        Some(true) => report.ok(
            "context",
            "PDP context 1 has an access point name (not shown).",
        ),
        Some(false) => report.ok(
            "context",
            "PDP context 1 has no access point name: the network chooses one.",
        ),
        None => report.warning(
            "context",
            "PDP context 1 is not defined.",
            "Set module.network.apn to the access point name of the contract.",
        ),
    }
}

/// Whether the module has an address in the network, after its FTPS service was started.
pub(super) fn address(report: &mut Report, answers: &Answers) {
    match answers.has_address() {
        Some(true) => report.ok("data", "The data connection is up, with an IP address (not shown)."),
        Some(false) => report.warning(
            "data",
            "The FTPS service is started, and PDP context 1 has no IP address.",
            "The network may have dropped the context: where logins fail, switch the radio off and on.",
        ),
        None => report.ok("data", "The FTPS service is started. The module does not tell its IP address."),
    }
}

/// A module that answers and is not ready, for a reason that no other finding has.
pub(super) fn unserved(report: &mut Report, health: &Health) {
    match &health.link {
        LinkState::Fault(Error::NotReady(failure))
            if !matches!(failure.stage, Stage::Sim | Stage::Device) =>
        {
            report.problem(
                "module",
                &format!("The module cannot serve: {failure}."),
                "Run the doctor again in a minute: the module may be starting.",
            );
        }
        LinkState::BringingUp => report.problem(
            "module",
            "The module was not brought up in time.",
            "Run the doctor again in a minute. Where that goes on, cut the module's power.",
        ),
        LinkState::Absent(_)
        | LinkState::Fault(_)
        | LinkState::Repairing(_)
        | LinkState::Searching
        | LinkState::Ready => {}
    }
}

/// The clock of the module, compared with this machine's.
pub(super) fn clock(report: &mut Report, answers: &Answers, ours: SystemTime) {
    let advice = "The dates of certificates are not checked by it. It is set by the network where that sends the \
                  time (AT+CTZU=1).";
    match answers.clock() {
        Some(Clock::Unset) => {
            report.warning("clock", "The clock of the module was never set.", advice)
        }
        Some(Clock::At(theirs)) => {
            let ahead = theirs.duration_since(ours);
            let apart = ahead.unwrap_or_else(|behind| behind.duration());
            let finding = format!(
                "The clock of the module and ours are {} s apart.",
                apart.as_secs()
            );
            if apart > WRONG_CLOCK {
                report.warning("clock", &finding, advice);
            } else {
                report.ok("clock", &finding);
            }
        }
        None => report.ok("clock", "The module does not tell its time."),
    }
}
