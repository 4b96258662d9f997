//! The Python client, kept running for as many calls as a test makes.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ChildStdout};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::failure::Failure;
use super::grpcurl::Address;
use super::process::Process;
use super::tools;

/// Longer than the deadline that the client itself sets on each call.
const ANSWER: Duration = Duration::from_secs(330);

/// A running `tests/clients/cellftp_client.py`.
pub(crate) struct PythonClient {
    input: ChildStdin,
    answers: Receiver<String>,
    _process: Process,
}

impl PythonClient {
    /// Starts one; it connects anew for each call.
    pub(crate) fn start(address: &Address, scratch: &Path) -> Self {
        let name = match address {
            Address::Unix(path) => format!("unix:{path}"),
            Address::Tcp(address) | Address::Tls(address, _) => address.clone(),
        };
        let mut command = tools::python();
        command
            .arg(tools::source("tests/clients/cellftp_client.py"))
            .arg("--stubs")
            .arg(stubs())
            .args(["--address", &name]);
        if let Address::Tls(_, tls) = address {
            command.arg("--ca").arg(&tls.ca);
            if let Some(own) = &tls.own {
                command.arg("--certificate").arg(&own.certificate);
                command.arg("--key").arg(&own.key);
            }
        }
        command.arg("batch");
        let mut process = Process::start_piped(&mut command, &scratch.join("python.log"));
        let (input, output) = process.pipes();
        Self {
            input,
            answers: lines(output),
            _process: process,
        }
    }

    /// Carries out one command of the client, for example `["get", "--profile", ...]`.
    pub(crate) fn call(&mut self, arguments: &[&str]) -> Result<Value, Failure> {
        outcome(self.exchange(&serde_json::json!(arguments)))
    }

    /// Carries out commands at once.
    pub(crate) fn together(&mut self, commands: &[Vec<String>]) -> Vec<Result<Value, Failure>> {
        let mut line = vec![serde_json::json!("together")];
        line.extend(commands.iter().map(|command| serde_json::json!(command)));
        let answer = outcome(self.exchange(&Value::Array(line))).expect("the client itself works");
        answer
            .as_array()
            .cloned()
            .unwrap_or_default()
            .into_iter()
            .map(outcome)
            .collect()
    }

    fn exchange(&mut self, line: &Value) -> Value {
        writeln!(self.input, "{line}").expect("the Python client reads");
        let answer = self
            .answers
            .recv_timeout(ANSWER)
            .expect("the Python client answers");
        serde_json::from_str(&answer).expect("the Python client answers in JSON")
    }
}

fn outcome(mut answer: Value) -> Result<Value, Failure> {
    match answer.get_mut("result") {
        Some(result) => Ok(result.take()),
        None => Err(serde_json::from_value(answer["error"].take()).expect("a failure")),
    }
}

/// The lines of a pipe, by a thread that ends with it.
fn lines(output: ChildStdout) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

/// The modules that grpcio-tools makes from the .proto files. They are made again when these
/// change.
pub(crate) fn stubs() -> PathBuf {
    let protos = protos();
    let mut digest = Sha256::new();
    for proto in &protos {
        digest.update(std::fs::read(proto).expect("a file of this repository"));
    }
    let name = digest
        .finalize()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect::<String>();
    let build = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let ready = build.join(format!("stubs-{name}"));
    if ready.exists() {
        return ready;
    }
    let fresh = tempfile::TempDir::new_in(build).expect("cargo's folder is writable");
    let status = tools::python()
        .args(["-m", "grpc_tools.protoc", "-I"])
        .arg(tools::source("proto"))
        .arg(format!("--python_out={}", fresh.path().display()))
        .arg(format!("--grpc_python_out={}", fresh.path().display()))
        .args(&protos)
        .status()
        .expect("Python starts");
    assert!(status.success(), "grpc_tools.protoc: {status}");
    // Another test may have been faster, with the same result.
    if std::fs::rename(fresh.path(), &ready).is_ok() {
        let _ = fresh.keep();
    }
    ready
}

/// The files of the contract.
pub(crate) fn protos() -> Vec<PathBuf> {
    let folder = tools::source("proto/cellftp/v1");
    let entries = folder.read_dir().expect("a folder of this repository");
    let mut protos: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    protos.sort();
    protos
}
