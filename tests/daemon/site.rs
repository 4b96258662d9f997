//! An FTP server in the test's own process, and a daemon that has it as its profile `here`.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use libunftp::ServerBuilder;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use unftp_sbe_fs::Filesystem;

use crate::{CELLFTP, Service, text};

/// A daemon with an emulated module, and a server that lets anybody in.
pub(crate) struct Site {
    pub(crate) service: Service,
    /// Local files.
    pub(crate) scratch: TempDir,
    /// The server's port.
    pub(crate) port: u16,
    root: TempDir,
    _serving: Runtime,
}

impl Site {
    pub(crate) fn start() -> Self {
        Self::with("", &[])
    }

    /// The same with more configuration, and with variables of the daemon's environment.
    pub(crate) fn with(more: &str, environment: &[(&str, &str)]) -> Self {
        let root = tempfile::tempdir().unwrap();
        let serving = Runtime::new().unwrap();
        let listener = serving.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let port = listener.local_addr().unwrap().port();
        let files = root.path().to_owned();
        serving.spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let files = files.clone();
                let open = Box::new(move || Filesystem::new(files.clone()).unwrap());
                let server = ServerBuilder::new(open).build().unwrap();
                tokio::spawn(server.service(connection));
            }
        });
        let profile = |name: &str, port| {
            format!(
                "[servers.{name}]\nhost = \"127.0.0.1\"\nport = {port}\nsecurity = \"none\"\n\
                 username = \"u\"\npassword = \"p\"\n"
            )
        };
        // Nobody listens at port 1.
        let config = format!("{more}\n{}{}", profile("here", port), profile("gone", 1));
        let service = Service::set(&config, environment);
        service.hear("STATUS=ready");
        Self {
            service,
            scratch: tempfile::tempdir().unwrap(),
            port,
            root,
            _serving: serving,
        }
    }

    /// A file on the server.
    pub(crate) fn remote(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Gives the server a file.
    pub(crate) fn serve(&self, name: &str, content: &[u8]) {
        fs::write(self.remote(name), content).unwrap();
    }

    /// A file here.
    pub(crate) fn local(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// A command line with these words at its end.
    fn line(&self, words: &[&str]) -> Vec<String> {
        let door = self.service.door().display().to_string();
        let mut line = vec!["-p", "here", "--socket", &door];
        if !words.contains(&"--timeout") {
            line.extend(["--timeout", "60s"]);
        }
        line.extend(words);
        line.into_iter().map(str::to_owned).collect()
    }

    /// `cellftp` in the directory of the files here.
    pub(crate) fn cellftp(&self, words: &[&str]) -> Command {
        let mut command = Command::new(CELLFTP);
        command.args(self.line(words));
        command.current_dir(self.scratch.path());
        command
    }

    /// The same by a script of a shell, in which `"$@"` is `cellftp` with these words.
    pub(crate) fn by(&self, shell: &str, script: &str, words: &[&str]) -> Command {
        let mut command = Command::new(shell);
        command.args(["-c", script, shell, CELLFTP]);
        command.args(self.line(words));
        command.current_dir(self.scratch.path());
        command
    }

    pub(crate) fn run(&self, words: &[&str]) -> Output {
        self.cellftp(words).output().unwrap()
    }

    /// Runs a command that must succeed.
    pub(crate) fn done(&self, words: &[&str]) -> Output {
        succeeded(self.run(words))
    }

    /// Runs a command that must fail with this code. Returns its message.
    pub(crate) fn refused(&self, code: i32, words: &[&str]) -> String {
        failed(code, self.run(words))
    }
}

pub(crate) fn succeeded(output: Output) -> Output {
    assert!(output.status.success(), "{}", text(&output.stderr));
    output
}

pub(crate) fn failed(code: i32, output: Output) -> String {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(!said.is_empty(), "it says nothing");
    said
}
