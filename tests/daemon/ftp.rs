//! A small FTP server (RFC 959) that tells which commands it got and who is still logged in.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A server with one user and a flat directory.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) port: u16,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    files: HashMap<String, Vec<u8>>,
    said: Vec<String>,
    sessions: usize,
}

impl Server {
    /// Starts a server. It ends with the test.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let server = Self {
            port: listener.local_addr().unwrap().port(),
            state: Arc::default(),
        };
        let here = server.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = here.clone();
                thread::spawn(move || {
                    server.state.lock().unwrap().sessions += 1;
                    // A client that leaves in the middle ends its session as well.
                    let _ = server.serve(&stream);
                    server.state.lock().unwrap().sessions -= 1;
                });
            }
        });
        server
    }

    pub(crate) fn with_file(self, name: &str, content: Vec<u8>) -> Self {
        let file = (name.to_owned(), content);
        self.state.lock().unwrap().files.extend([file]);
        self
    }

    /// Its section in the daemon's configuration.
    pub(crate) fn profile(&self) -> String {
        let port = self.port;
        format!(
            "[servers.s]\nhost = \"127.0.0.1\"\nport = {port}\nsecurity = \"none\"\n\
             username = \"u\"\npassword = \"p\"\n"
        )
    }

    /// Bytes of a file; `None` where there is none.
    pub(crate) fn size(&self, name: &str) -> Option<usize> {
        self.state.lock().unwrap().files.get(name).map(Vec::len)
    }

    /// All files with their content.
    pub(crate) fn files(&self) -> HashMap<String, Vec<u8>> {
        self.state.lock().unwrap().files.clone()
    }

    /// Whether a command came.
    pub(crate) fn heard(&self, verb: &str) -> bool {
        let state = self.state.lock().unwrap();
        state.said.iter().any(|said| said == verb)
    }

    /// Open connections.
    pub(crate) fn sessions(&self) -> usize {
        self.state.lock().unwrap().sessions
    }

    fn serve(&self, stream: &TcpStream) -> std::io::Result<()> {
        let mut answers = stream;
        answers.write_all(b"220 here\r\n")?;
        let mut lines = BufReader::new(stream).lines();
        let (mut data, mut start) = (None, 0);
        while let Some(line) = lines.next().transpose()? {
            let (verb, argument) = line.split_once(' ').unwrap_or((&line, ""));
            let name = argument.rsplit('/').next().unwrap_or_default().to_owned();
            self.state.lock().unwrap().said.push(verb.to_owned());
            let answer = match verb {
                "USER" => "331 password".into(),
                "PASS" => "230 in".into(),
                "TYPE" | "NOOP" | "CWD" => "200 yes".into(),
                "PWD" => "257 \"/\"".into(),
                "REST" => {
                    start = argument.parse().unwrap_or(0);
                    "350 there".into()
                }
                "SIZE" => match self.size(&name) {
                    Some(size) => format!("213 {size}"),
                    None => "550 no".into(),
                },
                "DELE" => {
                    self.state.lock().unwrap().files.remove(&name);
                    "250 gone".into()
                }
                "EPSV" | "PASV" => {
                    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
                    let port = listener.local_addr()?.port();
                    data = Some(listener);
                    match verb {
                        "EPSV" => format!("229 here (|||{port}|)"),
                        _ => format!("227 here (127,0,0,1,{},{})", port / 256, port % 256),
                    }
                }
                "RETR" | "LIST" | "STOR" => {
                    let Some(listener) = data.take() else {
                        continue;
                    };
                    answers.write_all(b"150 goes\r\n")?;
                    let (data, _) = listener.accept()?;
                    self.transfer(verb, &name, std::mem::take(&mut start), data)?;
                    "226 went".into()
                }
                "QUIT" => {
                    answers.write_all(b"221 bye\r\n")?;
                    return Ok(());
                }
                _ => "502 what".into(),
            };
            answers.write_all(format!("{answer}\r\n").as_bytes())?;
        }
        Ok(())
    }

    fn transfer(
        &self,
        verb: &str,
        name: &str,
        start: usize,
        mut data: TcpStream,
    ) -> std::io::Result<()> {
        if verb == "STOR" {
            let mut buffer = [0; 4096];
            self.state
                .lock()
                .unwrap()
                .files
                .insert(name.into(), Vec::new());
            loop {
                let read = data.read(&mut buffer)?;
                let mut state = self.state.lock().unwrap();
                let file = state.files.entry(name.into()).or_default();
                file.extend_from_slice(buffer.get(..read).unwrap());
                if read == 0 {
                    return Ok(());
                }
            }
        }
        let content = self.state.lock().unwrap().files.get(name).cloned();
        let content = content.unwrap_or_default();
        data.write_all(content.get(start..).unwrap_or_default())
    }
}
