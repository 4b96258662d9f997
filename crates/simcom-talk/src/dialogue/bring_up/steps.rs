//! What the bring-up sets and asks once the module answers, in order.

use crate::at::CommandLine;
use crate::at::args::CommandLineBuilder;
use crate::dialogue::exchange::Information;
use crate::dialogue::setup::Setup;
use crate::ftps::CommandName;
use crate::ftps::profile::Probe;

/// A command of the bring-up.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) name: CommandName,
    pub(super) line: CommandLine,
    pub(super) information: Information,
    pub(super) fact: Fact,
}

/// Which fact an answer gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fact {
    None,
    Manufacturer,
    Model,
    Firmware,
    Sim,
    Signal,
    Registration,
    Operator,
    /// Whether the radio is on.
    Radio,
    /// The radio is being switched on.
    RadioOn,
    /// What the module can do.
    Ability(Probe),
}

/// Whether the radio is on.
pub(super) fn radio() -> Step {
    Step {
        name: "AT+CFUN".into(),
        line: CommandLine::read("AT+CFUN"),
        information: Information::Prefix("+CFUN:"),
        fact: Fact::Radio,
    }
}

/// Switches the radio on.
pub(super) fn radio_on() -> Step {
    Step {
        name: "AT+CFUN".into(),
        line: CommandLine::write("AT+CFUN").number(1).finish(),
        information: Information::Nothing,
        fact: Fact::RadioOn,
    }
}

/// Asks for the state of the SIM.
pub(super) fn sim() -> Step {
    Step {
        name: "AT+CPIN".into(),
        line: CommandLine::read("AT+CPIN"),
        information: Information::Prefix("+CPIN:"),
        fact: Fact::Sim,
    }
}

/// Whether this is the last of the questions about the registration.
pub(super) fn is_last_registration(prefix: &str) -> bool {
    prefix == "+CREG:"
}

/// All steps that do not depend on answers.
pub(super) fn all(setup: &Setup) -> Vec<Step> {
    let set = |name: &'static str, build: fn(CommandLineBuilder) -> CommandLineBuilder| Step {
        name: CommandName::from(name),
        line: build(CommandLine::write(name)).finish(),
        information: Information::Nothing,
        fact: Fact::None,
    };
    let bare = |name: &'static str| Step {
        name: CommandName::from(name),
        line: CommandLine::bare(name),
        information: Information::Nothing,
        fact: Fact::None,
    };
    let mut steps = vec![
        bare("ATE0"),
        bare("ATV1"),
        // Reasons as text, for people. Numbers are understood as well.
        set("AT+CMEE", |line| line.number(2)),
        ask("AT+CGMI", "+CGMI:", Fact::Manufacturer),
        ask("AT+CGMM", "+CGMM:", Fact::Model),
        ask("AT+CGMR", "+CGMR:", Fact::Firmware),
        // Unsolicited lines are kept away from content as far as the module allows.
        set("AT+CREG", |line| line.number(0)),
        set("AT+CGREG", |line| line.number(0)),
        set("AT+CEREG", |line| line.number(0)),
        set("AT+CGEREP", |line| line.number(0).number(0)),
        set("AT+CNMI", |line| {
            line.number(2).number(0).number(0).number(0).number(0)
        }),
    ];
    steps.extend(Probe::ALL.map(|probe| Step {
        name: probe.command().into(),
        line: CommandLine::test(probe.command()),
        information: Information::Prefix(probe.prefix()),
        fact: Fact::Ability(probe),
    }));
    if setup.hardware_flow_control {
        steps.push(set("AT+IFC", |line| line.number(2).number(2)));
    }
    steps.push(sim());
    if let Some(apn) = &setup.apn {
        steps.push(Step {
            name: "AT+CGDCONT".into(),
            line: CommandLine::write("AT+CGDCONT")
                .number(1)
                .quoted("IP")
                .quoted(apn.as_str())
                .finish(),
            information: Information::Nothing,
            fact: Fact::None,
        });
    }
    steps.extend(network());
    steps
}

/// The questions about signal and network.
pub(super) fn network() -> Vec<Step> {
    vec![
        ask("AT+CSQ", "+CSQ:", Fact::Signal),
        read("AT+CEREG", "+CEREG:", Fact::Registration),
        read("AT+CGREG", "+CGREG:", Fact::Registration),
        read("AT+CREG", "+CREG:", Fact::Registration),
        read("AT+COPS", "+COPS:", Fact::Operator),
    ]
}

fn ask(name: &'static str, prefix: &'static str, fact: Fact) -> Step {
    Step {
        name: CommandName::from(name),
        line: CommandLine::bare(name),
        information: Information::Bare(prefix),
        fact,
    }
}

fn read(name: &'static str, prefix: &'static str, fact: Fact) -> Step {
    Step {
        name: CommandName::from(name),
        line: CommandLine::read(name),
        information: Information::Prefix(prefix),
        fact,
    }
}
