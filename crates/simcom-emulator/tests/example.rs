//! The example of the talk, run against an emulated module and a server in memory, in virtual time.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::rc::Rc;
use std::time::Duration;

use simcom_emulator::uplink::memory::{Memory, Server};
use simcom_emulator::{Emulator, Family, Knobs, Model};
use simcom_talk::dialogue::operation::Delivered;
use simcom_talk::dialogue::{Moment, Output};

#[path = "../../simcom-talk/examples/get.rs"]
#[expect(dead_code, reason = "`main` opens a real port")]
mod get;

/// A serial port with an emulated module behind it. Its clock moves while a read waits.
struct Line {
    emulator: Emulator,
    network: Memory,
    now: Duration,
    to_host: VecDeque<u8>,
}

impl Line {
    fn settle(&mut self) {
        let settled = self.network.settle(&mut self.emulator, self.now);
        self.to_host.extend(settled.sent);
    }
}

#[derive(Clone)]
struct Port(Rc<RefCell<Line>>);

impl Read for Port {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut line = self.0.borrow_mut();
        if line.to_host.is_empty() {
            line.now += Duration::from_millis(50);
            let now = line.now;
            line.emulator.handle_deadline(now);
            line.settle();
        }
        if line.to_host.is_empty() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        line.to_host.read(buffer)
    }
}

impl Write for Port {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut line = self.0.borrow_mut();
        let now = line.now;
        line.emulator.handle_bytes(now, bytes);
        line.settle();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_example_prints_a_file_through_every_family() {
    for family in [Family::Sim7600, Family::A7670] {
        let content: Vec<u8> = (0..=255).cycle().take(100_000).collect();
        let mut server = Server::with_user("user", "password");
        server.directories.insert(b"/d".to_vec());
        server.files.insert(b"/d/f".to_vec(), content.clone());
        let mut network = Memory::new();
        network.insert("ftp.example", 21, server);
        let port = Port(Rc::new(RefCell::new(Line {
            emulator: Emulator::new(Model::of(family), Knobs::default()),
            network,
            now: Duration::ZERO,
            to_host: VecDeque::new(),
        })));
        let clock = || Moment::after(port.0.borrow().now);
        let operation = get::download(["ftp.example", "user", "password", "/d/f"]).unwrap();
        let mut out = Vec::new();
        let output = get::run(&mut port.clone(), clock, operation, &mut out).unwrap();
        let delivered = Delivered {
            bytes: 100_000,
            resumes: 0,
        };
        assert_eq!(output, Output::Delivered(delivered));
        assert_eq!(out, content, "{family:?}");
        // A missing file is an error in words.
        let operation = get::download(["ftp.example", "user", "password", "/d/none"]).unwrap();
        let error = get::run(&mut port.clone(), clock, operation, &mut out).unwrap_err();
        assert!(error.to_string().contains("AT+CFTPS"), "{error}");
    }
}
