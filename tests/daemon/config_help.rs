//! A configuration that helps whoever writes it: each error with its place and what was meant, all of them at once.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use cellftp::config::{Config, Loaded, load, parse};

use super::{CELLFTPD, text};

fn told(text: &str) -> Vec<String> {
    match parse("x.toml", text, []) {
        Ok(_) => Vec::new(),
        Err(error) => lines(&error.to_string()),
    }
}

/// The problems of an error, one a line.
fn lines(error: &str) -> Vec<String> {
    let problems = error.lines().skip(1);
    problems.map(|line| line.trim().to_owned()).collect()
}

fn warnings(loaded: &Loaded) -> Vec<String> {
    loaded.warnings.iter().map(ToString::to_string).collect()
}

/// `check-config` of a file, without systemd.
fn check(config: &Path, more: &[&str]) -> Output {
    let mut check = Command::new(CELLFTPD);
    check.arg("--config").arg(config).arg("check-config");
    check.args(more).env_remove("CREDENTIALS_DIRECTORY");
    check.output().unwrap()
}

#[test]
fn an_error_has_line_column_key_and_the_nearest_known_key() {
    for (text, line) in [
        (
            "\n[listen]\n  unx = \"/x\"\n",
            "x.toml:3:3: listen.unx: there is no key `unx`; did you mean `unix`?",
        ),
        (
            "[servers.a]\nhost = \"h\"\nsecurity = \"none\"\npassword-file = \"/x\"\n",
            "x.toml:4:1: servers.a.password-file: there is no key `password-file`; did you mean \
             `password_file`?",
        ),
        (
            "[server.a]\n",
            "x.toml:1:2: server: there is no key `server`; did you mean `servers`?",
        ),
        (
            "[listen]\nlevel = \"debug\"\n",
            "x.toml:2:1: listen.level: there is no key `level` here; it belongs in [log]",
        ),
        (
            "[module]\nbaud = \"fast\"\n",
            "x.toml:2:1: module.baud: is \"fast\"; allowed: a whole number from 0 to 4294967295",
        ),
        (
            "[module]\nflow_control = \"hardwar\"\n",
            "x.toml:2:1: module.flow_control: is `hardwar`; allowed: `none` or `hardware`; did you \
             mean `hardware`?",
        ),
        (
            "[queue]\ncapacity = -1\n",
            "x.toml:2:1: queue.capacity: is -1; allowed: a whole number, 0 or more",
        ),
        (
            "[transfers]\nmemory = \"lots\"\n",
            "x.toml:2:1: transfers.memory: is \"lots\"; allowed: a number of bytes, 0 or more, or a \
             size in quotes, as \"64KiB\" (65536) or \"10MB\" (10000000)",
        ),
        (
            "[roles]\ntransfer = [\"*\",\n  7]\n",
            "x.toml:3:3: roles.transfer.1: is 7; allowed: a text in quotes",
        ),
        (
            "[module]\nquirks = 2026-11-28\n",
            "x.toml:2:1: module.quirks: is a date; allowed: a text in quotes",
        ),
        (
            "[queue]\ncapacity = 99999999999999999999\n",
            "x.toml:2:1: queue.capacity: is a number beyond all bounds; allowed: a whole number, 0 or \
             more",
        ),
        (
            "[log]\nlevel = \"verbose\"\n",
            "x.toml:2:1: log.level: has `verbose`; allowed: off, error, warn, info, debug, trace, or a \
             list as `info,cellftp::modem=trace`",
        ),
        (
            "[servers.\"a.\\u001b\"]\nhost = \"ftp://h:21/x\"\nsecurity = \"none\"\n",
            "x.toml:2:1: servers.\"a.\\U0000001B\".host: is a URL; write host = \"h\", port = 21 and \
             security = \"none\", or \"auth-tls\" for TLS",
        ),
        (
            "[queue]\ncapacity = 9\ncapacity = 9\n",
            "x.toml:3:1: `capacity` is given twice",
        ),
        (
            "[servers.office]\nhost = \"h\"\nsecurity = \"none\"\n[access.ofice]\nread = [\"*\"]\n",
            "x.toml:4:9: access.ofice: there is no server profile of this name; did you mean `office`?",
        ),
    ] {
        assert_eq!(told(text), [line], "{text}");
    }
}

/// A number was taken for the place of a word in the list of words: 0 for `none`.
#[test]
fn a_number_is_no_choice() {
    assert_eq!(
        told("[servers.a]\nhost = \"h\"\nsecurity = 0\n"),
        [
            "x.toml:3:1: servers.a.security: is 0; allowed: one of \"none\", \"auth-ssl\", \
             \"auth-tls\", \"implicit\""
        ]
    );
}

#[test]
fn all_errors_are_told_at_once_and_none_that_only_follows() {
    let text = "[queue]\ncapacity = \"many\"\nper_client = 4000\n\
        [sessions]\nlease = 5\n\
        [servers.a]\nhots = \"h\"\nport = 70000\nusername = \"\"\nsecurity = \"none\"\n\
        [servers.b]\nhost = \"h:21\"\nsecurity = \"none\"\n\
        [lissten]\n[access]\na = 5\n";
    let told = told(text);
    let keys: Vec<&str> = told
        .iter()
        .filter_map(|line| line.split(": ").nth(1))
        .collect();
    let mut want = [
        "queue.capacity",
        "sessions.lease",
        "servers.a.hots",
        "servers.a.port",
        "servers.a.username",
        "servers.b.host",
        "lissten",
        "access.a",
    ];
    let mut keys = keys;
    keys.sort_unstable();
    want.sort_unstable();
    assert_eq!(keys, want, "{told:#?}");
}

#[test]
fn a_thousand_errors_are_told_within_bounds() {
    let wrong: String = (0..1000)
        .map(|n| format!("[servers.p{n}]\nhots = \"{}\"\n", "x".repeat(5000)))
        .collect();
    let told = told(&wrong);
    assert_eq!(told.len(), 51);
    assert!(told[50].contains("the first 50"), "{}", told[50]);
    assert!(told.iter().all(|line| line.len() < 5000));
}

#[test]
fn sizes_have_units() {
    let loaded = parse(
        "x.toml",
        "[transfers]\nmemory = \"2MiB\"\ndisk = 100000000\n[budget]\nper_day = \"10MB\"\n",
        [("CELLFTPD_BUDGET__PER_MONTH".to_owned(), "1.5 GB".to_owned())],
    );
    let config = loaded.unwrap().config;
    assert_eq!(config.transfers.memory, 2 << 20);
    assert_eq!(config.transfers.disk, 100_000_000);
    assert_eq!(config.budget.per_day, 10_000_000);
    assert_eq!(config.budget.per_month, 1_500_000_000);
}

#[test]
fn drop_ins_go_over_the_file_in_the_order_of_their_names() {
    let scratch = tempfile::tempdir().unwrap();
    let at = |name: &str| scratch.path().join(name);
    let profile = "[servers.a]\nhost = \"h\"\nsecurity = \"none\"\n";
    fs::write(
        at("main.toml"),
        format!("[queue]\ncapacity = 1500\n{profile}"),
    )
    .unwrap();
    fs::create_dir(at("conf.d")).unwrap();
    for (name, text) in [
        ("10-a.toml", "[servers.a]\nport = 1\nusername = \"u\"\n"),
        ("20-b.toml", "\u{feff}[servers.a]\r\nport = 2\r\n"),
        ("20-b.toml~", "no TOML"),
        (".30-c.toml", "no TOML"),
        ("README", "no TOML"),
    ] {
        fs::write(at("conf.d").join(name), text).unwrap();
    }
    std::os::unix::fs::symlink("/dev/null", at("conf.d").join("40-masked.toml")).unwrap();
    let loaded = load(Some(&at("main.toml"))).unwrap();
    let profile = &loaded.config.servers["a"];
    assert_eq!(
        (
            profile.host.as_str(),
            profile.port,
            profile.username.as_str()
        ),
        ("h", 2, "u")
    );
    assert_eq!(loaded.config.queue.capacity, 1500);
    let printed = loaded.to_annotated_toml().unwrap();
    for (line, file) in [
        ("capacity = 1500", "main.toml:2:1"),
        ("port = 2", "conf.d/20-b.toml:2:1"),
        ("username = \"u\"", "conf.d/10-a.toml:3:1"),
        ("per_client = 1024", "default"),
    ] {
        let line = printed.lines().find(|printed| printed.starts_with(line));
        assert!(line.unwrap().ends_with(file), "{file}: {printed}");
    }

    // Each file is named by its own errors, and all are told.
    fs::write(at("conf.d").join("50-d.toml"), "[servers\n").unwrap();
    fs::write(at("conf.d").join("60-e.toml"), b"a = \"\xE9\"\n").unwrap();
    fs::create_dir(at("conf.d").join("70-f.toml")).unwrap();
    let error = load(Some(&at("main.toml"))).unwrap_err().to_string();
    for part in [
        "50-d.toml:1:",
        "60-e.toml:1:6: is no UTF-8",
        "70-f.toml: is a directory",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
}

#[test]
fn what_is_printed_is_the_same_configuration_and_has_an_emulator_only_where_one_is_used() {
    let text = "[servers.\"a b\\n\"]\nhost = \"h\"\nsecurity = \"none\"\n[listen]\nunix_mode = \"0600\"\n\
                tcp = \"127.0.0.1:1\"\n[access.\"a b\\n\"]\nread = [\"*\", \"uid:7\"]\n";
    let loaded = parse("x.toml", text, []).unwrap();
    let printed = loaded.to_annotated_toml().unwrap();
    assert!(!printed.contains("emulator"), "{printed}");
    let again = parse("printed.toml", &printed, []).unwrap();
    assert_eq!(again.config, loaded.config);

    let used = parse("x.toml", "[module]\ndevice = \"emulator\"\n", []).unwrap();
    let printed = used.to_annotated_toml().unwrap();
    assert!(printed.contains("[module.emulator.knobs]"), "{printed}");
    assert_eq!(parse("y", &printed, []).unwrap().config, used.config);
}

#[test]
fn a_variable_is_named_where_its_value_is_in_force() {
    let variable = ("CELLFTPD_QUEUE__CAPACITY".to_owned(), "2000".to_owned());
    let loaded = parse("x.toml", "[queue]\ncapacity = 1500\n", [variable]).unwrap();
    let printed = loaded.to_annotated_toml().unwrap();
    assert!(
        printed.contains("capacity = 2000 # CELLFTPD_QUEUE__CAPACITY\n"),
        "{printed}"
    );
    let wrong = ("CELLFTPD_QUEUE__CAPACITY".to_owned(), "x".to_owned());
    let error = parse("x.toml", "", [wrong]).unwrap_err().to_string();
    assert!(
        error.contains("environment variable CELLFTPD_QUEUE__CAPACITY: queue.capacity: is \"x\""),
        "{error}"
    );
    let unknown = ("CELLFTPD_LISTEN_TCP".to_owned(), "x".to_owned());
    let loaded = parse("x.toml", "", [unknown]).unwrap();
    assert_eq!(
        warnings(&loaded),
        [
            "warning: environment variable CELLFTPD_LISTEN_TCP: sets no key; did you mean \
             CELLFTPD_LISTEN__TCP?"
        ]
    );
}

/// So that `check-config` can gate a deployment, where the credentials are not at hand.
#[test]
fn a_credential_that_only_systemd_has_is_a_warning_elsewhere_and_stops_the_daemon() {
    let scratch = tempfile::tempdir().unwrap();
    let config = scratch.path().join("x.toml");
    let door = scratch.path().join("s");
    let text_of = format!(
        "[module]\ndevice = \"emulator\"\n[durable]\ndirectory = \"\"\n[listen]\nunix = {door:?}\n\
         [servers.a]\nhost = \"h\"\nsecurity = \"none\"\npassword_file = \"office\"\n"
    );
    fs::write(&config, text_of).unwrap();
    let checked = check(&config, &[]);
    let said = text(&checked.stderr);
    assert_eq!(checked.status.code(), Some(0), "{said}");
    let place = format!(
        "cellftpd: warning: {}:10:1: servers.a.password_file: is `office`",
        config.display()
    );
    assert!(said.starts_with(&place), "{said}");
    assert_eq!(check(&config, &["--strict"]).status.code(), Some(2));

    let served = Command::new(CELLFTPD)
        .arg("--config")
        .arg(&config)
        .env_remove("CREDENTIALS_DIRECTORY")
        .output()
        .unwrap();
    let said = text(&served.stderr);
    assert_eq!(served.status.code(), Some(2), "{said}");
    assert!(said.contains("servers.a.password_file"), "{said}");
}

#[test]
fn odd_files_are_told_and_neither_waited_for_nor_read_without_end() {
    let scratch = tempfile::tempdir().unwrap();
    let at = |name: &str| scratch.path().join(name);
    fs::create_dir(at("directory")).unwrap();
    fs::write(at("utf-16"), b"\xFF\xFEa\0=\0").unwrap();
    fs::write(at("nul"), b"[queue]\n\0\n").unwrap();
    fs::write(at("deep"), "a.".repeat(100_000) + "a = 1\n").unwrap();
    fs::write(at("nested"), "a = ".to_owned() + &"[".repeat(100_000)).unwrap();
    for (name, part) in [
        ("directory", "is a directory"),
        ("utf-16", "1:1: is no UTF-8"),
        ("nul", "2:1"),
        ("deep", "is no TOML"),
        ("nested", "is no TOML"),
        ("absent", "cannot be read: No such file"),
    ] {
        let checked = check(&at(name), &[]);
        let said = text(&checked.stderr);
        assert_eq!(checked.status.code(), Some(2), "{name}: {said}");
        assert!(said.contains(at(name).to_str().unwrap()), "{name}: {said}");
        assert!(said.contains(part), "{name}: {said}");
        assert!(said.len() < 20_000, "{name}: {} bytes", said.len());
    }
    let checked = check(Path::new("/dev/zero"), &[]);
    assert_eq!(checked.status.code(), Some(2));
    assert!(text(&checked.stderr).contains("larger than 16 MiB"));
}

#[test]
fn ten_thousand_profiles_are_read() {
    let profiles: String = (0..10_000)
        .map(|n| format!("[servers.p{n}]\nhost = \"h{n}\"\nsecurity = \"none\"\n"))
        .collect();
    let loaded = parse("x.toml", &profiles, []).unwrap();
    assert_eq!(loaded.config.servers.len(), 10_000);
    assert_ne!(loaded.config, Config::default());
}
