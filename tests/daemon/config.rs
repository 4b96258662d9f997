//! The configuration: the shipped file has the defaults, and errors say what to do.
//!
//! Above 400 lines because each test is one mistake in a configuration and what is said of it.

use std::fs;
use std::time::Duration;

use cellftp::config::{
    Access, Config, Device, Error, FlowControl, Outbox, ServerProfile, load, parse,
};
use simcom_talk::ftps::tls::{TlsFloor, TlsPolicy};
use simcom_talk::ftps::value::ServerType;

const SHIPPED: &str = include_str!("../../config/cellftpd.toml");
const DEMO: &str = include_str!("../../config/demo.toml");

/// The file with every commented key in force. Prose has a blank after its `#`.
fn uncommented() -> String {
    let line = |line: &str| match line.strip_prefix('#') {
        Some(key) if key.starts_with(|c: char| c.is_ascii_lowercase() || c == '[') => key.into(),
        _ => line.to_string(),
    };
    SHIPPED.lines().map(|text| line(text) + "\n").collect()
}

fn read(text: &str) -> Result<Config, Error> {
    parse("test.toml", text, []).map(|loaded| loaded.config)
}

fn refusal(text: &str) -> String {
    read(text)
        .expect_err("this configuration is not usable")
        .to_string()
}

/// Every key of a table, with its sections.
fn keys(prefix: &str, table: &toml::Table) -> Vec<String> {
    let mut all = Vec::new();
    for (name, value) in table {
        let key = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}.{name}")
        };
        match value.as_table().filter(|table| !table.is_empty()) {
            Some(table) => all.extend(keys(&key, table)),
            None => all.push(key),
        }
    }
    all.sort();
    all
}

#[test]
fn the_shipped_file_changes_nothing() {
    assert_eq!(read(SHIPPED).unwrap(), Config::default());
}

/// A daemon of a package knows no emulated module, and has this file as its configuration.
#[test]
fn the_shipped_file_is_usable_without_the_emulated_module() {
    let shipped: toml::Table = toml::from_str(SHIPPED).unwrap();
    assert!(
        !shipped["module"]
            .as_table()
            .unwrap()
            .contains_key("emulator")
    );
}

/// A file with a certificate.
fn certificate() -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().expect("a scratch directory");
    let path = directory.path().join("ca.pem");
    let made = rcgen::generate_simple_self_signed(["ftp.example.com".to_owned()])
        .expect("a key signs its own certificate");
    fs::write(&path, made.cert.pem()).expect("a scratch directory is writable");
    let path = path.display().to_string();
    (directory, path)
}

#[test]
fn what_the_shipped_file_comments_out_is_the_default() {
    let (_directory, ca) = certificate();
    let text = uncommented().replace("/etc/cellftpd/ca.pem", &ca);
    // Nobody may use it, so that the outbox may not either.
    let text = text.replace("write = []", "write = [\"outbox:example\"]");
    let mut config = read(&text).unwrap();
    let example = config
        .servers
        .remove("example")
        .expect("an example of a server");
    let access = config.access.remove("example");
    let allowed = Access {
        write: vec!["outbox:example".into()],
        ..Access::default()
    };
    assert_eq!(access, Some(allowed));
    let outbox = config.outbox.remove("example");
    assert_eq!(
        outbox,
        Some(Outbox {
            directory: "/var/spool/example".into(),
            profile: "example".into(),
            ..Outbox::default()
        })
    );
    assert_eq!(config, Config::default());
    let host = "ftp.example.com".into();
    assert_eq!(
        example,
        ServerProfile {
            host,
            ca_file: ca.into(),
            ..ServerProfile::default()
        }
    );
}

#[test]
fn the_shipped_file_has_every_key() {
    let mut all = Config::default();
    all.servers
        .insert("example".into(), ServerProfile::default());
    all.access.insert("example".into(), Access::default());
    all.outbox.insert("example".into(), Outbox::default());
    let want = keys("", &toml::Table::try_from(all).unwrap());
    let have = keys("", &uncommented().parse().unwrap());
    assert_eq!(have, want);
}

#[test]
fn the_demo_file_is_usable() {
    let config = read(DEMO).unwrap();
    assert_eq!(config.module.device, Device::Emulator);
    config.servers().unwrap();
}

#[test]
fn a_small_file_is_enough() {
    let config = read(
        "[module]\ndevice = \"/dev/ttyUSB2\"\nflow_control = \"hardware\"\n\
         [listen]\nunix = \"\"\ntcp = \"127.0.0.1:50051\"\n\
         [servers.office]\nhost = \"ftp.example\"\nsecurity = \"implicit\"\npassword = \"p\"\n\
         verify = \"none\"\n",
    )
    .unwrap();
    assert_eq!(config.module.device, Device::Serial("/dev/ttyUSB2".into()));
    assert_eq!(config.module.flow_control, FlowControl::Hardware);
    assert_eq!(config.listen.unix(), None);
    let server = config.servers["office"].resolve("office").unwrap();
    assert_eq!(server.server_type, ServerType::Implicit);
    assert_eq!(server.port.get(), 990);
    assert_eq!(server.password.expose(), "p");
}

#[test]
fn the_environment_goes_before_the_file() {
    let environment = [
        ("CELLFTPD_QUEUE__CAPACITY", "2000"),
        ("CELLFTPD_SESSIONS__LEASE", "1m 30s"),
        ("CELLFTPD_SERVERS__OFFICE__PASSWORD", "0123"),
        (
            "CELLFTPD_MODULE__EMULATOR__KNOBS__REFUSE",
            "[\"+CFTPSSIZE\"]",
        ),
        ("CELLFTPD_CONFIG", "/nowhere"),
        ("HOME", "/root"),
    ];
    let environment = environment.map(|(name, value)| (name.to_string(), value.to_string()));
    let text = "[queue]\ncapacity = 1500\n[servers.office]\nhost = \"ftp.example\"\n\
        security = \"none\"\n";
    let config = parse("test.toml", text, environment).unwrap().config;
    assert_eq!(config.queue.capacity, 2000);
    assert_eq!(config.sessions.lease, Duration::from_secs(90));
    assert_eq!(config.module.emulator.knobs.refuse, ["+CFTPSSIZE"]);
    let server = config.servers["office"].resolve("office").unwrap();
    assert_eq!(server.password.expose(), "0123");
}

#[test]
fn errors_name_place_key_and_what_is_allowed() {
    let cases: &[(&str, &[&str])] = &[
        (
            "[listen]\nunx = \"/x\"\n",
            &["test.toml", "listen", "`unx`", "`unix`"],
        ),
        ("[lissten]\n", &["test.toml", "`lissten`", "`listen`"]),
        (
            "[module]\nbaud = \"fast\"\n",
            &["test.toml", "module.baud", "fast"],
        ),
        (
            "[module]\nbaud = 299\n",
            &["test.toml", "module.baud", "300 to 4000000"],
        ),
        (
            "[module]\ndevice = \"ttyUSB2\"\n",
            &["module.device", "`emulator`", "absolute path"],
        ),
        (
            "[module]\nflow_control = \"xon\"\n",
            &["module.flow_control", "`none` or `hardware`"],
        ),
        (
            "[module.network]\napn = \"a b\"\n",
            &["module.network.apn", "letters"],
        ),
        (
            "[listen]\ntcp = \"0.0.0.0:1\"\n",
            &["test.toml", "listen.tcp", "without TLS"],
        ),
        (
            "[listen]\ntcp = \"here:1\"\n",
            &["test.toml", "listen.tcp", "no address"],
        ),
        (
            "[listen.tls]\nkey_file = \"/x\"\n",
            &["listen.tls.cert_file", "is empty", "client_ca_file"],
        ),
        (
            "[roles]\nadminister = [\"uid:0\", \"root\"]\n",
            &[
                "test.toml",
                "roles.administer",
                "`root` names nobody",
                "cert:NAME",
            ],
        ),
        (
            "[listen]\nconnections_per_client = 9999\n",
            &["listen.connections_per_client", "listen.connections"],
        ),
        (
            "[listen.tls]\nclient_crl_file = \"/x\"\n",
            &["listen.tls.client_crl_file", "without"],
        ),
        (
            "[access.nobody]\nread = [\"*\"]\n",
            &["access.nobody", "no server profile"],
        ),
        (
            "[servers.a]\nhost = \"h\"\nsecurity = \"none\"\n[access.a]\nwrite = [\"root\"]\n",
            &["access.a.write", "`root` names nobody"],
        ),
        (
            "[listen]\nunix_mode = \"rw\"\n",
            &["listen.unix_mode", "octal"],
        ),
        ("[listen]\nunix = \"\"\n", &["listen", "`unix` or `tcp`"]),
        (
            "[queue]\nper_client = 9999\n",
            &["test.toml", "queue.per_client", "queue.capacity"],
        ),
        ("[sessions]\nlease = \"soon\"\n", &["sessions.lease"]),
        (
            "[sessions]\nlease = \"2days\"\n",
            &["sessions.lease", "max_lease"],
        ),
        ("[log]\nlevel = \"cellftp=loud\"\n", &["log.level", "trace"]),
        ("[servers.a]\n", &["servers.a.host", "is empty"]),
        (
            "[servers.a]\nhost = \"h\"\nusername = 'a\"b'\n",
            &["servers.a.username", "quotation"],
        ),
        (
            "[servers.a]\nhost = \"h\"\nport = 70000\n",
            &["servers.a.port", "70000"],
        ),
        (
            "[servers.a]\nhost = \"h\"\nsecurity = \"tls\"\n",
            &["servers.a.security", "auth-tls"],
        ),
        (
            "[servers.a]\nhost = \"h\"\n",
            &["servers.a.ca_file", "is empty", "verify = \"none\""],
        ),
        (
            "[servers.a]\nhost = \"h\"\nca_file = \"/no/x\"\n",
            &["servers.a.ca_file", "/no/x"],
        ),
        (
            "[servers.a]\nhost = \"h\"\nca_file = \"/dev/null\"\n",
            &["servers.a.ca_file", "no certificate"],
        ),
        (
            "[servers.a]\nhost = \"h\"\nca_file = \"/x\"\nverify = \"none\"\n",
            &["servers.a.ca_file", "verify"],
        ),
        (
            "[servers.a]\nhost = \"h\"\nca_file = \"/x\"\nsecurity = \"none\"\n",
            &["servers.a.ca_file", "security"],
        ),
        (
            "[servers.a]\nhost = \"h\"\ntls_floor = \"1.3\"\n",
            &["servers.a.tls_floor", "1.2", "any"],
        ),
        (
            "[servers.a]\nhost = \"h\"\npassword_file = \"/no/x\"\n",
            &["password_file", "/no/x"],
        ),
        ("[module\n", &["test.toml:1", "no TOML"]),
    ];
    for (text, parts) in cases {
        let error = refusal(text);
        for part in *parts {
            assert!(
                error.contains(part),
                "{part:?} is missing for {text:?}:\n{error}"
            );
        }
    }
}

#[test]
fn all_problems_are_told_at_once() {
    let error = refusal("[module]\nbaud = 1\n[servers.a]\nhost = \"\"\nusername = \"\"\n");
    for key in ["module.baud", "servers.a.host", "servers.a.username"] {
        assert!(error.contains(key), "{key} is missing:\n{error}");
    }
}

/// No request can name a longer one.
#[test]
fn a_profile_has_a_name_of_128_bytes_at_most() {
    let named = |bytes: usize| {
        let name = "x".repeat(bytes);
        format!("[servers.{name}]\nhost = \"h\"\nsecurity = \"none\"\n")
    };
    read(&named(128)).unwrap();
    assert!(refusal(&named(129)).contains("at most 128 are allowed"));
}

#[test]
fn a_password_shows_nowhere() {
    let secret = "hunter2";
    let text = format!("[servers.a]\nhost = \"h\"\nsecurity = \"none\"\npassword = \"{secret}\"\n");
    let loaded = parse("test.toml", &text, []).unwrap();
    let printed = loaded.to_annotated_toml().unwrap();
    assert!(
        printed.contains("password = \"***\" # test.toml:4:1\n"),
        "{printed}"
    );
    let config = loaded.config;
    assert!(!printed.contains(secret) && !format!("{config:?}").contains(secret));

    let number = "20261122";
    for text in [
        format!("[servers.a]\nhost = \"h\"\npassword = {number}\n"),
        format!("[servers.a]\nhost = \"h\"\npassword = {number}x\n"),
        format!("[servers.a]\nhost = \"h\"\npassword = \"\\n{number}\"\n"),
        // A value in place of a table.
        format!("servers = \"{number}\"\n"),
        format!("[servers]\na = \"{number}\"\n"),
        format!("[servers]\na = {number}\n"),
        format!("[servers]\na = [\"{number}\"]\n"),
    ] {
        let error = refusal(&text);
        assert!(
            error.contains("test.toml") && !error.contains(number),
            "{error}"
        );
    }
}

#[test]
fn a_password_comes_from_a_file_without_its_line_end() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("password");
    fs::write(&file, "s3cret \r\n").unwrap();
    let text = format!(
        "[servers.a]\nhost = \"h\"\nsecurity = \"none\"\npassword_file = {:?}\n",
        file.display().to_string()
    );
    let config = read(&text).unwrap();
    assert_eq!(
        config.servers["a"].resolve("a").unwrap().password.expose(),
        "s3cret "
    );

    let both = format!("{text}password = \"p\"\n");
    assert!(refusal(&both).contains("one of them is enough"));
}

#[test]
fn a_server_is_verified_unless_that_is_given_up_in_so_many_words() {
    let (_directory, ca) = certificate();
    let resolve = |more: &str| {
        let config = read(&format!("[servers.a]\nhost = \"ftp.example\"\n{more}")).unwrap();
        config.servers["a"].resolve("a").unwrap()
    };
    let verified = resolve(&format!("ca_file = {ca:?}\n"));
    assert!(!verified.is_unverified() && verified.tls.sni);
    assert_eq!(verified.tls.floor, TlsFloor::Tls12);
    assert!(verified.tls.ca().is_some());
    let open = resolve("verify = \"none\"\ntls_floor = \"any\"\nsni = false\n");
    assert!(open.is_unverified());
    assert_eq!(open.tls, TlsPolicy::unverified());
    assert!(!resolve("security = \"none\"\n").is_unverified());
}

#[test]
fn a_module_shows_the_certificate_of_its_profile() {
    let directory = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["logger".to_owned()]).unwrap();
    let file = directory.path().join("own.pem");
    fs::write(&file, made.signing_key.serialize_pem() + &made.cert.pem()).unwrap();
    let with = |more: &str| format!("[servers.a]\nhost = \"h\"\nverify = \"none\"\n{more}");
    let both = format!("client_cert_file = {file:?}\nclient_key_file = {file:?}\n");
    let config = read(&with(&both)).unwrap();
    let server = config.servers["a"].resolve("a").unwrap();
    assert!(server.tls.identity.is_some() && server.is_unverified());

    let (_directory, ca) = certificate();
    for (more, key) in [
        (format!("client_cert_file = {file:?}\n"), "client_key_file"),
        (format!("client_key_file = {file:?}\n"), "client_cert_file"),
        (
            format!("client_cert_file = {ca:?}\nclient_key_file = {file:?}\n"),
            "client_key_file",
        ),
        (
            format!("client_cert_file = {ca:?}\nclient_key_file = {ca:?}\n"),
            "client_key_file",
        ),
        (
            format!("client_cert_file = {file:?}\nclient_key_file = \"/no/x\"\n"),
            "client_key_file",
        ),
    ] {
        let refusal = refusal(&with(&more));
        assert!(refusal.contains(&format!("servers.a.{key}")), "{refusal}");
    }
    let plain = format!("[servers.a]\nhost = \"h\"\nsecurity = \"none\"\n{both}");
    assert!(refusal(&plain).contains("servers.a.client_cert_file"));
}

#[test]
fn with_tls_any_address_will_do_and_each_file_is_looked_at() {
    let directory = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["gateway.lan".to_owned()]).unwrap();
    let file = directory.path().join("own.pem");
    fs::write(&file, made.signing_key.serialize_pem() + &made.cert.pem()).unwrap();
    let (_directory, other) = certificate();
    let with = |tcp: &str, cert: &str, key: &str, ca: &str| {
        format!(
            "[listen]\ntcp = {tcp:?}\n[listen.tls]\ncert_file = {cert:?}\nkey_file = {key:?}\n\
             client_ca_file = {ca:?}\n"
        )
    };
    let own = file.display().to_string();
    let any = "0.0.0.0:50051";
    let config = read(&with(any, &own, &own, &other)).unwrap();
    assert!(config.listen.tls.resolve().unwrap().is_some());
    assert_eq!(config.listen.tcp.unwrap().get(), any.parse().unwrap());

    for (text, key) in [
        (with(any, &other, &own, &other), "listen.tls.key_file"),
        (with(any, &own, &other, &other), "listen.tls.key_file"),
        (with(any, "/no/x", &own, &other), "listen.tls.cert_file"),
        (
            with(any, &own, &own, "/dev/null"),
            "listen.tls.client_ca_file",
        ),
        (with("", &own, &own, &other), "listen.tls"),
    ] {
        let error = refusal(&text);
        assert!(error.contains(&format!("{key}: ")), "{key}: {error}");
    }
}

#[test]
fn a_file_that_is_named_must_be_there() {
    let error = load(Some("/no/such/file.toml".as_ref())).unwrap_err();
    assert!(error.to_string().contains("/no/such/file.toml"));
}

const QUIRKS: &str = include_str!("../../config/quirks.toml");

#[test]
fn the_shipped_quirks_are_an_example_that_can_be_read() {
    use simcom_talk::ftps::{ModuleProfile, Quirks};
    assert_eq!(Quirks::parse(QUIRKS).unwrap(), Quirks::default());
    let line = |line: &str| match line.strip_prefix('#') {
        Some(key) if key.starts_with(|c: char| c.is_ascii_lowercase() || c == '[') => key.into(),
        _ => line.to_string(),
    };
    let text: String = QUIRKS.lines().map(|text| line(text) + "\n").collect();
    let quirks = Quirks::parse(&text).unwrap();
    let mut profile = ModuleProfile::sim7600();
    let names = quirks.apply("SIMCOM_SIM7600E", "LE11B08SIM7600M22", &mut profile);
    assert_eq!(names, ["the cache of early firmware loses bytes"]);
    // The example changes what it is about, and nothing else.
    let without_cache = ModuleProfile {
        cache: false,
        ..ModuleProfile::sim7600()
    };
    assert_eq!(profile, without_cache);
}

#[test]
fn quirks_that_cannot_be_read_are_a_problem_of_their_key() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("quirks.toml");
    let named = |path: &str| format!("[module]\nquirks = {path:?}\n");
    let text = named(&file.display().to_string());
    assert!(refusal(&text).contains("module.quirks"));
    fs::write(&file, "[[quirk]]\nname = \"a\"\nchache = true\n").unwrap();
    let error = refusal(&text);
    assert!(
        error.contains("module.quirks") && error.contains("chache"),
        "{error}"
    );
    fs::write(&file, "[[quirk]]\nname = \"a\"\ncache = true\n").unwrap();
    assert!(read(&text).unwrap().module.quirks().is_ok());
}

#[test]
fn a_bad_time_says_how_times_are_written() {
    for value in ["\"soon\"", "10", "\"10 parsecs\""] {
        let refused = refusal(&format!("[module]\nidle_logout = {value}\n"));
        assert!(
            refused.contains("module.idle_logout") && refused.contains("\"1h 30m\""),
            "{value}: {refused}"
        );
    }
}
