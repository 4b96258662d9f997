//! The module in virtual time, on a network in memory.

mod documents;
mod failures;
mod firmware;
mod fragments;
mod hosts;
mod module_files;
mod states;

use std::time::Duration;

use super::uplink::memory::{Memory, Server, Settled};
use super::{Effect, Emulator, Family, Fault, Knobs, Model, Phase, Trigger};

const LOGIN: &str = "AT+CFTPSLOGIN=\"ftp.example\",21,\"user\",\"pass\",0";

/// An emulator with a network, typed at.
struct Bench {
    emulator: Emulator,
    network: Memory,
    now: Duration,
}

impl Bench {
    fn new(family: Family, knobs: Knobs) -> Self {
        let mut network = Memory::new();
        network.insert("ftp.example", 21, Server::with_user("user", "pass"));
        let emulator = Emulator::new(Model::of(family), knobs);
        Self {
            emulator,
            network,
            now: Duration::ZERO,
        }
    }

    /// Echo off.
    fn quiet(family: Family) -> Self {
        Self::new(family, quiet())
    }

    /// Echo off, started and logged in.
    fn logged_in(family: Family) -> Self {
        Self::logged_in_with(family, quiet())
    }

    fn logged_in_with(family: Family, knobs: Knobs) -> Self {
        let mut bench = Self::new(family, knobs);
        bench.command("AT+CFTPSSTART");
        bench.command(LOGIN);
        bench.wait(Duration::from_secs(3600));
        assert_eq!(bench.network.take_seen(), ["LOGIN user"]);
        bench
    }

    fn with_file(mut self, path: &str, content: &[u8]) -> Self {
        self.server().files.insert(path.into(), content.to_vec());
        self
    }

    fn server(&mut self) -> &mut Server {
        self.network.server_mut("ftp.example", 21).unwrap()
    }

    fn file(&mut self, path: &str) -> Vec<u8> {
        self.server().files[path.as_bytes()].clone()
    }

    fn type_bytes(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.emulator.handle_bytes(self.now, bytes);
        self.settle().sent
    }

    /// Types a line; everything that comes back.
    fn command(&mut self, line: &str) -> String {
        let sent = self.type_bytes(format!("{line}\r").as_bytes());
        String::from_utf8_lossy(&sent).into_owned()
    }

    fn settle(&mut self) -> Settled {
        self.network.settle(&mut self.emulator, self.now)
    }

    fn wait(&mut self, time: Duration) -> Settled {
        self.now += time;
        self.emulator.handle_deadline(self.now);
        self.settle()
    }

    /// Arms a fault in the first execution of a command.
    fn fault(&mut self, command: &str, phase: Phase, effect: Effect) {
        let trigger = Trigger::Command {
            command: command.into(),
            nth: 1,
            phase,
        };
        self.emulator.arm(Fault { trigger, effect });
    }
}

fn quiet() -> Knobs {
    Knobs {
        echo: false,
        ..Knobs::default()
    }
}

/// Runs a script of (typed line, whole answer).
fn transcript(bench: &mut Bench, script: &[(&str, &str)]) {
    for (line, answer) in script {
        assert_eq!(bench.command(line), *answer, "after {line}");
    }
}
