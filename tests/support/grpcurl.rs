//! grpcurl, the Go client that knows the services by reflection alone.

use std::process::{Command, Output};

use serde_json::{Deserializer, Value};

use super::failure::Failure;
use super::tools;

/// Calls on one address.
pub(crate) struct Grpcurl {
    address: Address,
}

/// Where the daemon listens.
#[derive(Clone)]
pub(crate) enum Address {
    Unix(String),
    Tcp(String),
}

impl Grpcurl {
    pub(crate) fn new(address: Address) -> Self {
        Self { address }
    }

    /// A call with one answer.
    pub(crate) fn call(&self, method: &str, request: &Value) -> Result<Value, Failure> {
        let mut answers = self.stream(method, request)?;
        assert_eq!(answers.len(), 1, "{method}: {answers:?}");
        Ok(answers.remove(0))
    }

    /// A call with any number of answers. Numbers of 64 bits come as text, as protobuf's
    /// JSON has them, and fields that are not set come as their defaults.
    pub(crate) fn stream(&self, method: &str, request: &Value) -> Result<Vec<Value>, Failure> {
        self.stream_of(method, std::slice::from_ref(request))
    }

    /// The same, with any number of requests.
    pub(crate) fn stream_of(
        &self,
        method: &str,
        requests: &[Value],
    ) -> Result<Vec<Value>, Failure> {
        let request: String = requests.iter().map(Value::to_string).collect();
        // The deadline is the test's; every wait of the daemon is shorter.
        let flags = [
            "-format-error",
            "-emit-defaults",
            "-max-time",
            "150",
            "-d",
            &request,
        ];
        let output = self.run(&flags, &[method]);
        if output.status.success() {
            return Ok(documents(&output.stdout));
        }
        let errors = String::from_utf8_lossy(&output.stderr);
        let status = errors
            .find('{')
            .and_then(|at| documents(errors.get(at..)?.as_bytes()).into_iter().next())
            .unwrap_or_else(|| panic!("grpcurl {method}: {errors}"));
        Err(Failure::from_status(&status))
    }

    /// What reflection says: `list`, `list SERVICE`, `describe SYMBOL`.
    pub(crate) fn reflect(&self, words: &[&str]) -> String {
        let output = self.run(&[], words);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "grpcurl {words:?}: {errors}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn run(&self, flags: &[&str], words: &[&str]) -> Output {
        let mut command = Command::new(tools::path("venv/bin/grpcurl"));
        command.arg("-plaintext").args(flags);
        match &self.address {
            // The path is no host name, and would be sent as one.
            Address::Unix(path) => command.args(["-unix", "-authority", "localhost", path]),
            Address::Tcp(address) => command.arg(address),
        };
        command.args(words).output().expect("grpcurl starts")
    }
}

/// JSON documents that follow each other.
fn documents(text: &[u8]) -> Vec<Value> {
    Deserializer::from_slice(text)
        .into_iter()
        .map_while(Result::ok)
        .collect()
}
