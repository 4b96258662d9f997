//! Many small files in one call, on a real server.

use std::thread;
use std::time::Instant;

use serde_json::{Value, json};

use crate::support::servers::{Options, Security, Server, ServerKind};
use crate::support::site::{Family, Site};
use crate::support::{tools, wait};

/// Files of a call.
const FILES: usize = 500;

/// Those commands of a call of files that the module carries out on the network.
const NETWORK: [&str; 6] = [
    "CFTPSPUT",
    "CFTPSGET",
    "CFTPSSIZE",
    "CFTPSLIST",
    "CFTPSCWD",
    "CFTPSPWD",
];

fn content(n: usize) -> Vec<u8> {
    let line = format!("{n}: \x1a\x03 line of a small file\r\nOK\r\n");
    line.bytes().cycle().take(200 + n * 7).collect()
}

fn name(n: usize) -> String {
    format!("many/file-{n:03}")
}

fn requests(server: &Server) -> Vec<Value> {
    use base64_of as base64;
    let header = json!({"header": {"target": {"profile": "server"}}});
    let files = (0..FILES).map(|n| {
        let path = server.remote(&name(n));
        json!({"file": {"path": path, "content": base64(&content(n))}})
    });
    std::iter::once(header).chain(files).collect()
}

/// Bytes in JSON (RFC 4648 §4).
fn base64_of(bytes: &[u8]) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for part in bytes.chunks(3) {
        let mut three = [0; 3];
        three[..part.len()].copy_from_slice(part);
        let bits = u32::from_be_bytes([0, three[0], three[1], three[2]]);
        for at in 0..4 {
            text.push(if at > part.len() {
                '='
            } else {
                LETTERS[(bits >> (18 - 6 * at) & 63) as usize] as char
            });
        }
    }
    text
}

/// Network commands that the daemon has said, by its log.
fn said(log: &str) -> usize {
    log.lines()
        .filter_map(|line| line.split_once("line=AT+"))
        .filter(|(_, line)| {
            let verb = line.split(['=', ' ', '"']).next().unwrap_or_default();
            NETWORK.contains(&verb) && !line.contains("=?")
        })
        .count()
}

fn results(answers: &[Value]) -> Vec<&Value> {
    answers
        .iter()
        .filter_map(|answer| answer.get("result"))
        .filter(|result| result.is_object())
        .collect()
}

#[test]
fn five_hundred_small_files_cost_one_command_each() {
    if !tools::wanted("five_hundred_small_files_cost_one_command_each") {
        return;
    }
    let kind = if ServerKind::Vsftpd.runs_here() {
        ServerKind::Vsftpd
    } else {
        ServerKind::Pyftpdlib
    };
    let server = Server::start(kind, Security::None);
    let site = Site::start(Family::Sim7600, &[("server", &server)]);
    let directory = json!({"target": {"profile": "server"}, "path": server.remote("many")});
    site.ftps("MakeDirectory", &directory).expect("a directory");
    let before = said(&site.log());
    let grpcurl = site.grpcurl();
    let began = Instant::now();
    let answers = grpcurl
        .stream_of("cellftp.v1.FtpsService/PutFiles", &requests(&server))
        .expect("all are seen to");
    let took = began.elapsed();
    let commands = said(&site.log()) - before;
    let a_file = commands as f64 / FILES as f64;
    println!(
        "{kind:?}: {commands} network commands for {FILES} files: {a_file:.3} a file, {took:?}"
    );
    assert!(answers[0]["progress"].is_object(), "progress is first");
    let results = results(&answers);
    assert_eq!(results.len(), FILES);
    for result in results {
        assert_eq!(result["state"], "PUT_STATE_VERIFIED_SIZE", "{result:#}");
    }
    for n in 0..FILES {
        let there = std::fs::read(server.local(&name(n))).expect("a file");
        assert!(there == content(n), "{}", name(n));
    }
    let last = &answers[answers.len() - 1]["summary"];
    assert_eq!(last["succeededCount"], FILES);
    assert!(a_file <= 1.05, "{a_file}");
}

/// The line is pulled in the middle, and plugged in again. The result of each file is true.
#[test]
fn a_line_that_is_pulled_in_the_middle_of_many_files_leaves_true_results() {
    if !tools::wanted("a_line_that_is_pulled_in_the_middle_of_many_files_leaves_true_results") {
        return;
    }
    let options = Options::default();
    let server = Server::start_with(ServerKind::Pyftpdlib, Security::None, &options);
    let mut site = Site::start_tapped(Family::Sim7600, &[("server", &server)]);
    let directory = json!({"target": {"profile": "server"}, "path": server.remote("many")});
    site.ftps("MakeDirectory", &directory).expect("a directory");
    let (grpcurl, messages) = (site.grpcurl(), requests(&server));
    let putting = thread::spawn(move || {
        grpcurl.stream_of_whatever("cellftp.v1.FtpsService/PutFiles", &messages)
    });
    let middle = server.local(&name(FILES / 4));
    wait::until("a quarter of the files", wait::START, || {
        middle.exists().then_some(())
    });
    site.tap().unplug();
    wait::until("the daemon that sees it", wait::START, || {
        (site.status()["state"] != "LINK_STATE_READY").then_some(())
    });
    site.tap().plug();
    let (answers, failure) = putting.join().expect("the thread ends");
    let results = results(&answers);
    let (mut verified, mut failed) = (0, 0);
    for result in &results {
        let n = result["index"].as_u64().unwrap_or_default() as usize;
        let state = &result["state"];
        if result["failure"].is_null() {
            verified += 1;
            assert_eq!(state, "PUT_STATE_VERIFIED_SIZE", "{result:#}");
        } else if state == "PUT_STATE_UNVERIFIED" {
            // The module had reported success, and nobody could ask the server any more.
            assert_eq!(result["failure"]["reason"], "UNVERIFIED", "{result:#}");
            verified += 1;
        } else {
            failed += 1;
            continue;
        }
        let there = std::fs::read(server.local(&name(n))).expect("a file");
        assert!(there == content(n), "{}: {result:#}", name(n));
    }
    println!("{verified} there, {failed} failed, then {failure:?}");
    assert!(verified >= FILES / 8, "those before the break are there");
    if failure.is_none() {
        assert_eq!(results.len(), FILES, "one result for each file");
    }
}
