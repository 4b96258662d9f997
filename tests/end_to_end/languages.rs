//! The first steps of a client in each language: code is generated with the compiler of a distribution (protoc
//! 3.21), built, and run against the daemon.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::support::python;
use crate::support::servers::{Security, Server, ServerKind};
use crate::support::site::{Family, Site};
use crate::support::tools;

/// More than a chunk, so that a file is several messages.
const SIZE: usize = 100_000;

/// Seconds that a client has, so that one that hangs fails: ten times what it took on a machine that was busy
/// otherwise.
const PATIENCE: &str = "600";

/// Debian's jars that a client in Java is built with.
const JARS: [&str; 24] = [
    "geronimo-annotation-1.3-spec",
    "grpc-api",
    "grpc-context",
    "grpc-core",
    "grpc-netty",
    "grpc-protobuf",
    "grpc-protobuf-lite",
    "grpc-stub",
    "guava",
    "netty-all",
    "netty-buffer",
    "netty-codec",
    "netty-codec-http",
    "netty-codec-http2",
    "netty-codec-socks",
    "netty-common",
    "netty-handler",
    "netty-handler-proxy",
    "netty-resolver",
    "netty-transport",
    "netty-transport-native-unix-common",
    "perfmark-api",
    "perfmark-impl",
    "protobuf",
];

#[test]
fn a_client_in_python() {
    if !tools::wanted("a_client_in_python") {
        return;
    }
    let mut command = client(tools::path("venv/bin/python"));
    command.env("PYTHONPATH", python::stubs());
    command.arg(tools::source("tests/clients/first.py"));
    takes_its_first_steps(command, "ALREADY_EXISTS");
}

#[test]
fn a_client_in_node() {
    if !tools::wanted("a_client_in_node") {
        return;
    }
    let build = scratch();
    let descriptors = build.path().join("api.binpb");
    let mut protoc = protoc();
    protoc
        .arg("--include_imports")
        .arg(format!("--descriptor_set_out={}", descriptors.display()))
        .args(google());
    done(&mut protoc);
    let mut command = client("node");
    command
        .env("NODE_PATH", tools::path("node/node_modules"))
        .arg(tools::source("tests/clients/first.js"))
        .arg(descriptors);
    takes_its_first_steps(command, "ALREADY_EXISTS");
}

#[test]
fn a_client_in_go() {
    if !tools::wanted("a_client_in_go") {
        return;
    }
    let build = scratch();
    let sources = build.path().join("src");
    let first = sources.join("first");
    std::fs::create_dir_all(&first).expect("a scratch directory is writable");
    std::fs::copy(
        tools::source("tests/clients/first.go"),
        first.join("first.go"),
    )
    .expect("a file of this repository");
    let mut protoc = protoc();
    protoc
        .arg(plugin("protoc-gen-go"))
        .arg(plugin("protoc-gen-go-grpc"))
        .arg(format!("--go_out={}", sources.display()))
        .arg(format!("--go-grpc_out={}", sources.display()));
    done(&mut protoc);
    let root = tools::path("servers/usr/lib/go-1.19");
    let libraries = tools::path("servers/usr/share/gocode");
    let program = build.path().join("program");
    let mut go = Command::new(root.join("bin/go"));
    go.env("GOROOT", &root)
        .env(
            "GOPATH",
            format!("{}:{}", build.path().display(), libraries.display()),
        )
        .env("GO111MODULE", "off")
        .env("GOFLAGS", "")
        .env("CGO_ENABLED", "0")
        // Kept from run to run: unchanged code is built once.
        .env("GOCACHE", cache())
        .args(["build", "-o"])
        .arg(&program)
        .arg("first");
    done(&mut go);
    takes_its_first_steps(client(program), "AlreadyExists");
}

#[test]
fn a_client_in_java() {
    if !tools::wanted("a_client_in_java") {
        return;
    }
    let build = scratch();
    let out = build.path().display();
    let mut protoc = protoc();
    let java = tools::path("servers/usr/bin/grpc_java_plugin");
    protoc
        .arg(format!("--plugin=protoc-gen-grpc-java={}", java.display()))
        .arg(format!("--java_out={out}"))
        .arg(format!("--grpc-java_out={out}"))
        .args(google());
    done(&mut protoc);
    let jars = tools::path("servers/usr/share/java");
    let jars = JARS.map(|jar| jars.join(format!("{jar}.jar")));
    let classes = std::iter::once(build.path().to_owned()).chain(jars);
    let classes = std::env::join_paths(classes).expect("no colon in a path of this repository");
    let mut javac = Command::new("javac");
    javac.args(["-nowarn", "-implicit:class", "-d"]);
    javac
        .arg(build.path())
        .arg("-sourcepath")
        .arg(build.path())
        .arg("-cp")
        .arg(&classes)
        .arg(tools::source("tests/clients/First.java"));
    done(&mut javac);
    let mut command = client("java");
    command.arg("-cp").arg(classes).arg("First");
    takes_its_first_steps(command, "ALREADY_EXISTS");
}

/// It is made only from `proto/cellftp-v1.binpb`, like a client that was built when that was published.
#[test]
fn a_client_of_the_image_that_was_published() {
    if !tools::wanted("a_client_of_the_image_that_was_published") {
        return;
    }
    let server = Server::start(ServerKind::Vsftpd, Security::None);
    let site = Site::start(Family::Sim7600, &[("server", &server)]);
    let content = content();
    server.place("file", &content);
    let file = server.remote("file");
    let directory = file.strip_suffix("/file").expect("a path from the root on");
    let mut older = client(tools::path("venv/bin/python"));
    older
        .arg(tools::source("tests/clients/older.py"))
        .arg(tools::source("proto/cellftp-v1.binpb"))
        .arg(site.tcp_address())
        .args(["server", directory]);
    let hash = hash(&content);
    let listed = ["file", "file.copy", "file.kept"]
        .map(|name| format!("list {name} ENTRY_KIND_FILE {SIZE}\n"))
        .concat();
    // The transfer asks for the size of the name before it writes: there is none.
    let expected = format!(
        "get {SIZE} {hash}\nput {SIZE} PUT_STATE_VERIFIED_SIZE\n\
         transfer TRANSFER_STATE_DONE {hash}\n{listed}\
         watch Get OUTCOME_SUCCEEDED\nwatch Put OUTCOME_SUCCEEDED\n\
         watch GetSize OUTCOME_FAILED\nwatch Put OUTCOME_SUCCEEDED\nwatch List OUTCOME_SUCCEEDED\n"
    );
    assert_eq!(done(&mut older), expected);
    for name in ["file.copy", "file.kept"] {
        let there = std::fs::read(server.local(name)).expect(name);
        assert!(there == content, "{name} has other bytes");
    }
}

/// A client's program, which is ended if it takes too long.
fn client(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("timeout");
    command.arg(PATIENCE).arg(program);
    command
}

/// Runs a client. It reads a file, writes a copy, is refused when it writes it again, and watches all that.
fn takes_its_first_steps(mut client: Command, code: &str) {
    let server = Server::start(ServerKind::Vsftpd, Security::None);
    let site = Site::start(Family::Sim7600, &[("server", &server)]);
    let content = content();
    server.place("file", &content);
    client
        .arg(site.tcp_address())
        .args(["server", &server.remote("file")]);
    let hash = hash(&content);
    let expected = format!(
        "get {SIZE} {hash}\nput PUT_STATE_VERIFIED_SIZE\nput {code} ALREADY_EXISTS\n\
         watch Get OUTCOME_SUCCEEDED\nwatch Put OUTCOME_SUCCEEDED\nwatch Put OUTCOME_FAILED\n"
    );
    assert_eq!(done(&mut client), expected);
    let copy = std::fs::read(server.local("file.copy")).expect("the copy");
    assert!(copy == content, "the copy has other bytes");
}

fn content() -> Vec<u8> {
    (0..=250).cycle().take(SIZE).collect()
}

/// In hexadecimal.
fn hash(content: &[u8]) -> String {
    let mut hash = String::new();
    for byte in Sha256::digest(content) {
        let _ = write!(hash, "{byte:02x}");
    }
    hash
}

/// Debian's compiler, with every file of the contract.
fn protoc() -> Command {
    let mut command = tools::unpacked("usr/bin/protoc");
    command
        .arg("-I")
        .arg(tools::source("proto"))
        .arg("-I")
        .arg(packages())
        .args(python::protos());
    command
}

/// The files that describe an error, from the Python packages.
fn google() -> [PathBuf; 2] {
    ["status", "error_details"].map(|name| packages().join(format!("google/rpc/{name}.proto")))
}

fn packages() -> PathBuf {
    let mut versions = tools::path("venv/lib")
        .read_dir()
        .expect("a folder of packages");
    let version = versions.next().expect("one Python").expect("readable");
    version.path().join("site-packages")
}

fn plugin(name: &str) -> String {
    let program = tools::path("servers/usr/bin").join(name);
    format!("--plugin={}", program.display())
}

fn scratch() -> TempDir {
    TempDir::with_prefix("cellftpd-").expect("a scratch directory")
}

fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("go")
}

/// The output of a program that must succeed.
fn done(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {printed}{errors}");
    printed
}
