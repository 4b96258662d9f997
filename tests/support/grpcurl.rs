//! grpcurl, the Go client that knows the services only by reflection.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::{Deserializer, Value};

use super::authority::Files;
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
    Tls(String, Tls),
}

/// What the two sides of a connection with TLS prove their identity with.
#[derive(Clone)]
pub(crate) struct Tls {
    /// The daemon's authority.
    pub(crate) ca: PathBuf,
    /// The client's own certificate, if it shows one.
    pub(crate) own: Option<Files>,
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
        match self.stream_of_whatever(method, requests) {
            (answers, None) => Ok(answers),
            (_, Some(failure)) => Err(failure),
        }
    }

    /// The same. Returns the answers, and the failure at their end, if there is one.
    pub(crate) fn stream_of_whatever(
        &self,
        method: &str,
        requests: &[Value],
    ) -> (Vec<Value>, Option<Failure>) {
        let request: String = requests.iter().map(Value::to_string).collect();
        // The deadline is the test's. Every wait of the daemon is shorter.
        let flags = [
            "-format-error",
            "-emit-defaults",
            "-max-time",
            "150",
            "-d",
            "@",
        ];
        let output = self.run(&flags, &[method], &request);
        let answers = documents(&output.stdout);
        if output.status.success() {
            return (answers, None);
        }
        let errors = String::from_utf8_lossy(&output.stderr);
        let status = errors
            .find('{')
            .and_then(|at| documents(errors.get(at..)?.as_bytes()).into_iter().next())
            .unwrap_or_else(|| panic!("grpcurl {method}: {errors}"));
        (answers, Some(Failure::from_status(&status)))
    }

    /// What reflection says: `list`, `list SERVICE`, `describe SYMBOL`.
    pub(crate) fn reflect(&self, words: &[&str]) -> String {
        let output = self.run(&[], words, "");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "grpcurl {words:?}: {errors}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Its message where it cannot even connect.
    pub(crate) fn turned_away(&self) -> String {
        let output = self.run(&["-max-time", "20"], &["list"], "");
        assert!(!output.status.success(), "grpcurl came in");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// Runs it, with what it is to read.
    fn run(&self, flags: &[&str], words: &[&str], input: &str) -> Output {
        let mut command = Command::new(tools::path("venv/bin/grpcurl"));
        match &self.address {
            Address::Unix(_) | Address::Tcp(_) => {
                command.arg("-plaintext");
            }
            Address::Tls(_, tls) => {
                command.arg("-cacert").arg(&tls.ca);
                if let Some(own) = &tls.own {
                    command.arg("-cert").arg(&own.certificate);
                    command.arg("-key").arg(&own.key);
                }
            }
        }
        command.args(flags);
        match &self.address {
            // The path is no host name, and would be sent as one.
            Address::Unix(path) => command.args(["-unix", "-authority", "localhost", path]),
            Address::Tcp(address) | Address::Tls(address, _) => command.arg(address),
        };
        command.args(words).stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut grpcurl = command.spawn().expect("grpcurl starts");
        let mut stdin = grpcurl.stdin.take().expect("it is piped");
        // It may end before it has read everything, and says why.
        std::thread::scope(|scope| {
            scope.spawn(move || drop(stdin.write_all(input.as_bytes())));
            grpcurl.wait_with_output().expect("grpcurl ends")
        })
    }
}

/// JSON documents that follow each other.
fn documents(text: &[u8]) -> Vec<Value> {
    Deserializer::from_slice(text)
        .into_iter()
        .map_while(Result::ok)
        .collect()
}
