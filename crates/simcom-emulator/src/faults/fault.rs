//! A fault: what goes wrong, when and how.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One thing that goes wrong once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// When.
    pub trigger: Trigger,
    /// What.
    pub effect: Effect,
}

/// The moment a fault strikes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// This long after the emulator's origin of time.
    #[serde(with = "humantime_serde")]
    After(Duration),
    /// When this many bytes have gone to the host.
    ToHost(u64),
    /// When this many bytes have come from the host.
    FromHost(u64),
    /// In the nth (from 1) execution of a command.
    Command {
        /// As on the wire, without `AT`: `+CFTPSGET`.
        command: String,
        /// Which execution.
        nth: u32,
        /// Where in it.
        phase: Phase,
    },
}

/// A place in the exchange of one command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Before its final code (`OK` or `ERROR`).
    BeforeOk,
    /// Before its result line.
    BeforeResult,
    /// In the middle of the first `DATA` header.
    InHeader,
    /// After this many bytes of downloaded content. It is inside a frame, unless a frame ends
    /// exactly there.
    InBlock(u64),
    /// Right after the prompt.
    AtPrompt,
    /// After this many bytes typed at the prompt.
    InData(u64),
    /// After the last byte of an upload, before the server has confirmed it.
    AfterData,
}

/// What a fault does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The module hangs: it swallows everything and sends nothing until power is cut.
    Silence,
    /// The module reboots: it forgets everything, and a banner follows.
    Reboot,
    /// The port vanishes.
    Hangup,
    /// These bytes appear, as they are.
    Text(String),
    /// The next bytes are lost: those to the host, or those from it where the trigger is in that
    /// direction.
    Lose(u32),
    /// The next bytes come twice.
    Duplicate(u32),
    /// This many random bytes are inserted.
    Garbage(u32),
    /// The server closes the control connection.
    PeerClosed,
    /// The network takes the PDN connection away.
    PdnDeactivated,
    /// The SIM loses contact.
    SimRemoved,
    /// The running command fails with this result code.
    Fail(u16),
    /// Something between the module and its network gets stuck, until a command frees it.
    Stuck(Stuck),
}

/// What is stuck. The running command fails with code 10, and every START fails, until one of the
/// commands that cure it. A reset and a power cycle cure everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stuck {
    /// The network has dropped the PDP context and the module has not noticed (a "ghost context";
    /// `AT+CGPADDR` prints 0.0.0.0). START fails with code 10. Deactivating and activating the
    /// context cures it (`AT+CGACT`, 3GPP TS 27.007 §10.1.10), and so does the radio on its way.
    Context,
    /// The radio searches for ever (`AT+CREG?` and the like print 2). START fails with code 10.
    /// Switching the radio off and on cures it (`AT+CFUN`, 3GPP TS 27.007 §8.2).
    Radio,
    /// The module's own TCP/IP stack has no sockets left: START fails with code 13, whatever the
    /// network does.
    Stack,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_written_in_toml() {
        #[derive(Deserialize)]
        struct File {
            fault: Vec<Fault>,
        }
        let text = r#"
            [[fault]]
            trigger = { command = { command = "+CFTPSGET", nth = 1, phase = { in_block = 1480 } } }
            effect = "reboot"
            [[fault]]
            trigger = { after = "5s" }
            effect = { text = "RING" }
        "#;
        let file: File = toml::from_str(text).unwrap();
        let phase = Phase::InBlock(1480);
        let trigger = Trigger::Command {
            command: "+CFTPSGET".into(),
            nth: 1,
            phase,
        };
        let expected = [
            Fault {
                trigger,
                effect: Effect::Reboot,
            },
            Fault {
                trigger: Trigger::After(Duration::from_secs(5)),
                effect: Effect::Text("RING".into()),
            },
        ];
        assert_eq!(file.fault, expected);
    }
}
