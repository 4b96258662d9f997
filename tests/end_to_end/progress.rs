//! The progress of `cellftp` as a terminal and a pipe get it.

use std::fs::File;
use std::io::Read as _;
use std::process::{Command, Stdio};
use std::thread;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::support::servers::{Security, Server, ServerKind};
use crate::support::site::{Family, Site};
use crate::support::tools;

fn command(site: &Site, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cellftp"));
    command
        .args(["--profile", "server", "--socket"])
        .arg(site.socket())
        .args(words);
    command
}

/// What a command draws on a terminal of so many columns, line by line.
fn drawn(site: &Site, columns: u16, words: &[&str]) -> Vec<String> {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&terminal).expect("a terminal");
    unlockpt(&terminal).expect("a terminal");
    let size = Winsize {
        ws_row: 24,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&terminal, size).expect("a terminal");
    let name = ptsname(&terminal, Vec::new()).expect("a terminal");
    let name = name.to_str().expect("UTF-8").to_owned();
    let end = File::options()
        .read(true)
        .write(true)
        .open(name)
        .expect("a terminal");
    let mut command = command(site, words);
    let mut child = command
        .stdout(Stdio::null())
        .stderr(end)
        .spawn()
        .expect("cellftp starts");
    drop(command);
    let reading = thread::spawn(move || {
        let (mut text, mut terminal) = (Vec::new(), File::from(terminal));
        // The terminal fails to be read when nobody has it open any more.
        let _ = terminal.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    });
    assert!(
        child.wait().expect("it ends").success(),
        "cellftp {words:?}"
    );
    let text = reading.join().expect("it ends");
    let lines = text.split(['\r', '\n', '\u{1b}']);
    // What is left of the sequences that move the cursor.
    lines
        .map(|line| {
            line.trim_start_matches("[2K")
                .trim_start_matches("[1A")
                .to_owned()
        })
        .collect()
}

#[test]
fn a_bar_fits_its_terminal_and_a_pipe_gets_lines_only_when_asked() {
    if !tools::wanted("a_bar_fits_its_terminal_and_a_pipe_gets_lines_only_when_asked") {
        return;
    }
    let server = Server::start(ServerKind::Pyftpdlib, Security::None);
    // A line of 11,520 bytes a second: slow enough for a bar that moves, and for a line of every 10 s.
    let site = Site::start_slow(Family::Sim7600, &[("server", &server)], false);
    server.place("file", &vec![b'x'; 20_000]);
    let remote = server.remote("file");
    let here = site.scratch("here");
    std::fs::create_dir(&here).expect("writable");
    for n in 0..6 {
        std::fs::write(here.join(format!("{n}")), vec![b'x'; 10_000]).expect("writable");
    }
    let tree = server.remote("tree");
    let here = here.to_str().expect("UTF-8");
    for columns in [80, 40] {
        let lines = drawn(&site, columns, &["get", &remote, "/dev/null"]);
        let wanted = if columns == 80 { "KiB/19.53 KiB" } else { "%" };
        assert!(
            lines
                .iter()
                .any(|line| line.starts_with("receiving") && line.contains(wanted)),
            "{lines:?}"
        );
        let more = drawn(&site, columns, &["put", "-r", here, &tree]);
        // The count moves while the files do, and not at the end alone.
        let sending = |n: usize| {
            more.iter()
                .any(|line| line.starts_with(&format!("{n}/6 sending ")))
        };
        assert!((1..6).any(sending), "{more:?}");
        for line in lines.iter().chain(&more) {
            assert!(
                line.chars().count() <= usize::from(columns),
                "{columns}: {line:?}"
            );
        }
    }
    let long = site.scratch("long");
    // Somewhat more than 10 s.
    std::fs::write(&long, vec![b'x'; 140_000]).expect("writable");
    let said = |words: &[&str]| {
        let output = command(&site, words).output().expect("cellftp starts");
        assert!(output.status.success(), "{output:?}");
        [output.stdout, output.stderr].map(|text| String::from_utf8(text).expect("UTF-8"))
    };
    server.place("long", &std::fs::read(&long).expect("it is there"));
    let [told, lines] = said(&[
        "-v",
        "get",
        &server.remote("long"),
        site.scratch("back").to_str().expect("UTF-8"),
    ]);
    assert!(told.contains(": 140000 bytes"), "{told}");
    assert!(
        lines.starts_with("cellftp: receiving, ") && lines.contains(" of 136.72 KiB\n"),
        "{lines}"
    );
    let silent = ["get", &remote, "/dev/null"];
    assert_eq!(said(&[&["-q"], &silent[..]].concat()), ["", ""]);
    assert_eq!(said(&silent)[1], "");
}
