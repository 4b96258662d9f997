//! Transfers that survive a line that is cut again and again, and servers on bad days. Whole files
//! arrive, failures say so and leave nothing, and afterwards the daemon is as before.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::content::{assert_holds, traps};
use crate::support::failure::{Failure, failed};
use crate::support::servers::{Options, Security, Server, ServerKind};
use crate::support::site::{Family, Site};
use crate::support::{tools, wait};

const CONTENT: usize = 5 * 1024 * 1024;

/// In how many tries the line is cut.
const CUTS: usize = 20;

/// How long the line may take to be whole again, with bytes moving. On a busy machine the cut may come
/// late, in the middle of a block. A module without abort then pushes what it has begun, and the daemon
/// waits half a minute for it, more than once.
const ON: Duration = Duration::from_secs(180);

/// The beginning of the content of a try. The test form of a command has no name.
const GET: &str = "AT+CFTPSGET=\"";
const PUT: &str = "AT+CFTPSPUT=\"";

/// How a transfer goes over the line.
#[derive(Clone, Copy)]
enum Form {
    Whole,
    Pieces,
}

macro_rules! cut {
    ($($test:ident: $family:ident, $form:ident, $direction:ident;)*) => {$(
        #[test]
        fn $test() {
            if tools::wanted(stringify!($test)) {
                $direction(Family::$family, Form::$form);
            }
        }
    )*};
}

cut! {
    a_download_survives_twenty_cuts_of_the_line: Sim7600, Whole, down;
    a_pulled_download_survives_twenty_cuts_of_the_line: Sim7600, Pieces, down;
    a_download_of_an_a7670_survives_twenty_cuts_of_the_line: A7670, Whole, down;
    an_upload_survives_twenty_cuts_of_the_line: Sim7600, Whole, up;
    an_upload_in_blocks_survives_twenty_cuts_of_the_line: A7670, Pieces, up;
}

fn down(family: Family, form: Form) {
    let (server, mut site) = installation(family, form, 3_000_000);
    server.place("file", &traps(CONTENT));
    let before = at_rest(&site, &server);
    let local = site.scratch("down");
    let transfer = ["get", "--profile", "server", &server.remote("file")];
    let answer = while_cut(&mut site, &transfer, &local, GET, &stretches());
    assert_eq!(answer["resumes"], CUTS, "{answer:#}");
    assert_holds(&local, &traps(CONTENT));
    is_back(&site, &server, before);
}

fn up(family: Family, form: Form) {
    let (server, mut site) = installation(family, form, 3_000_000);
    server.place("file", &[b'x'; 1000]);
    let before = at_rest(&site, &server);
    let local = site.scratch("up");
    std::fs::write(&local, traps(CONTENT)).expect("a scratch directory is writable");
    let transfer = ["put", "--profile", "server", &server.remote("up")];
    let answer = while_cut(&mut site, &transfer, &local, PUT, &stretches());
    assert_eq!(answer["state"], "PUT_STATE_VERIFIED_SIZE", "{answer:#}");
    assert_eq!(answer["resumes"], CUTS, "{answer:#}");
    assert_holds(&server.local("up"), &traps(CONTENT));
    is_back(&site, &server, before);
}

/// Runs a transfer. Cuts the line in one try after the other, this many bytes after its `command`.
fn while_cut(
    site: &mut Site,
    transfer: &[&str],
    local: &Path,
    command: &'static str,
    stretches: &[usize],
) -> Value {
    let mut arguments: Vec<String> = transfer.iter().map(|&word| word.to_owned()).collect();
    arguments.push(local.to_string_lossy().into_owned());
    let mut python = site.python();
    let mut stretches = stretches.iter().copied();
    site.tap().cut_after(command, stretches.next());
    let running = std::thread::spawn(move || {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        python.call(&arguments)
    });
    loop {
        wait::until("cut, or the end", ON, || {
            (site.tap().is_cut() || running.is_finished()).then_some(())
        });
        if !site.tap().is_cut() {
            break;
        }
        site.tap().unplug();
        site.tap().cut_after(command, stretches.next());
        site.tap().plug();
    }
    let answer = running.join().expect("the thread ends");
    answer.unwrap_or_else(|failure| panic!("{failure:#?}"))
}

/// Bytes from one cut to the next: random places in the first nine tenths, the same in every run.
fn stretches() -> Vec<usize> {
    let mut random = fastrand::Rng::with_seed(1);
    let mut places: Vec<usize> = (0..CUTS)
        .map(|_| random.usize(..CONTENT / 10 * 9))
        .collect();
    places.sort_unstable();
    let before = std::iter::once(0).chain(places.iter().copied());
    let stretches = before.zip(&places).map(|(before, place)| place - before);
    stretches.collect()
}

#[test]
fn a_server_that_cuts_every_data_connection_is_outlived() {
    if !tools::wanted("a_server_that_cuts_every_data_connection_is_outlived") {
        return;
    }
    for family in Family::ALL {
        let options = Options {
            cut_data_every: Some(300 * 1024),
            ..Options::default()
        };
        let (server, site) = with_options(family, &options);
        server.place("file", &traps(CONTENT));
        let before = at_rest(&site, &server);
        let local = site.scratch("local");
        let got = get(&site, &server, &local).unwrap_or_else(|failure| panic!("{failure:#?}"));
        assert_holds(&local, &traps(CONTENT));
        // The last try is not cut: 17 cuts for 5 MiB, minus what is asked for twice.
        assert!(got["resumes"].as_u64() >= Some(17), "{got:#}");
        let put = put(&site, &server, &local).unwrap_or_else(|failure| panic!("{failure:#?}"));
        assert_eq!(put["state"], "PUT_STATE_VERIFIED_SIZE", "{put:#}");
        assert_eq!(put["resumes"], 1, "blocks are not cut: {put:#}");
        assert_holds(&server.local("up"), &traps(CONTENT));
        is_back(&site, &server, before);
    }
}

#[test]
fn a_server_that_refuses_rest_is_given_the_file_again() {
    if !tools::wanted("a_server_that_refuses_rest_is_given_the_file_again") {
        return;
    }
    let options = Options {
        refuse_rest: true,
        // pyftpdlib pauses when it has sent this many bytes the second time, in the middle of this
        // file.
        bytes_per_second: Some(200_000),
        ..Options::default()
    };
    let server = Server::start_with(ServerKind::Pyftpdlib, Security::None, &options);
    // Small enough that all of it is kept while it is sent.
    let content = traps(700_000);
    server.place("file", &content);
    let mut site = Site::start_tapped(Family::Sim7600, &[("server", &server)]);
    let before = at_rest(&site, &server);
    let local = site.scratch("local");
    let get = ["get", "--profile", "server", &server.remote("file")];
    let got = while_cut(&mut site, &get, &local, GET, &[200_000, 500_000]);
    assert_eq!(got["resumes"], 2, "{got:#}");
    assert_holds(&local, &content);
    let put = ["put", "--profile", "server", &server.remote("up")];
    let put = while_cut(&mut site, &put, &local, PUT, &[300_000]);
    assert_eq!(put["state"], "PUT_STATE_VERIFIED_SIZE", "{put:#}");
    assert_holds(&server.local("up"), &content);
    is_back(&site, &server, before);
}

#[test]
fn a_full_disk_is_said_and_so_is_what_is_left() {
    if !tools::wanted("a_full_disk_is_said_and_so_is_what_is_left") {
        return;
    }
    for family in Family::ALL {
        let options = Options {
            space: Some(1_500_000),
            ..Options::default()
        };
        let (server, site) = with_options(family, &options);
        server.place("file", &traps(1000));
        let before = at_rest(&site, &server);
        let local = site.scratch("local");
        std::fs::write(&local, traps(CONTENT)).expect("a scratch directory is writable");
        let failure = failed(put(&site, &server, &local));
        assert!(
            matches!(
                failure.reason.as_str(),
                "SERVER_REFUSED" | "TRANSFER_FAILED"
            ),
            "{failure:#?}"
        );
        failure.tells_what_is_left(server.local("up").exists());
        std::fs::write(&local, traps(400_000)).expect("a scratch directory is writable");
        put(&site, &server, &local).unwrap_or_else(|failure| panic!("{failure:#?}"));
        assert_holds(&server.local("up"), &traps(400_000));
        is_back(&site, &server, before);
    }
}

fn installation(family: Family, form: Form, bytes_per_second: u64) -> (Server, Site) {
    let options = Options {
        bytes_per_second: Some(bytes_per_second),
        ..Options::default()
    };
    let server = Server::start_with(ServerKind::Pyftpdlib, Security::None, &options);
    let pieces = [
        ("CELLFTPD_TRANSFERS__DOWNLOAD", "pull"),
        ("CELLFTPD_TRANSFERS__UPLOAD", "blocks"),
    ];
    let environment: &[_] = match form {
        Form::Whole => &[],
        Form::Pieces => &pieces,
    };
    let site = Site::start_tapped_with(family, &[("server", &server)], environment);
    (server, site)
}

fn with_options(family: Family, options: &Options) -> (Server, Site) {
    let server = Server::start_with(ServerKind::Pyftpdlib, Security::None, options);
    let site = Site::start(family, &[("server", &server)]);
    (server, site)
}

fn get(site: &Site, server: &Server, local: &Path) -> Result<Value, Failure> {
    let (remote, local) = (server.remote("file"), local.to_string_lossy());
    site.python()
        .call(&["get", "--profile", "server", &remote, &local])
}

fn put(site: &Site, server: &Server, local: &Path) -> Result<Value, Failure> {
    let (remote, local) = (server.remote("up"), local.to_string_lossy());
    site.python()
        .call(&["put", "--profile", "server", &remote, &local])
}

/// What the daemon uses after one task of each kind, when it rests.
fn at_rest(site: &Site, server: &Server) -> (usize, u64) {
    assert!(size(site, server).is_ok());
    site.usage()
}

/// The next job works, and the daemon uses no more than before.
fn is_back(site: &Site, server: &Server, (descriptors, memory): (usize, u64)) {
    assert!(size(site, server).is_ok());
    wait::until("rest", ON, || (site.usage().0 <= descriptors).then_some(()));
    // What a transfer used is given back. Allocators keep some of it.
    let spared = 8 << 20;
    let (now, kept) = site.usage();
    assert!(
        kept <= memory + spared,
        "{memory} bytes before, {kept} after"
    );
    eprintln!("{descriptors} descriptors before, {now} after; {memory} bytes before, {kept} after");
}

fn size(site: &Site, server: &Server) -> Result<Value, Failure> {
    let path = server.remote("file");
    let request = json!({"target": {"profile": "server"}, "path": path});
    site.ftps("GetSize", &request)
}
