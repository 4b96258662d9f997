//! What is told about the metrics, and what is built upon them, names what the daemon serves.

use std::collections::{BTreeMap, BTreeSet};

use crate::wait::free_port;
use crate::{CELLFTP, Service, run, scrape, text};

/// Each metric that a running daemon serves, and its kind.
fn served() -> BTreeMap<String, String> {
    let port = free_port();
    let service = Service::with(&format!(
        "[metrics]\nlisten = \"127.0.0.1:{port}\"\n[budget]\nper_day = 1000000000\n"
    ));
    service.hear("STATUS=ready");
    let door = service.door().display().to_string();
    let df = run(CELLFTP, &["--socket", &door, "module", "df"]);
    assert!(df.status.success(), "{}", text(&df.stderr));
    // Some are sampled every second.
    let mut kinds = BTreeMap::new();
    crate::wait::until("limit of the data", crate::PATIENCE, || {
        let metrics = scrape(port).unwrap();
        let types = metrics
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE "));
        let types = types.filter_map(|line| line.split_once(' '));
        kinds = types
            .map(|(name, kind)| (name.into(), kind.into()))
            .collect();
        let described = metrics
            .lines()
            .filter_map(|line| line.strip_prefix("# HELP "));
        let described = described.filter_map(|line| line.split_once(' '));
        let described: BTreeSet<_> = described.map(|(name, _)| name.to_owned()).collect();
        let undescribed: Vec<_> = kinds
            .keys()
            .filter(|name| !described.contains(*name))
            .collect();
        assert!(
            undescribed.is_empty(),
            "without a description: {undescribed:?}"
        );
        kinds
            .contains_key("cellftpd_data_limit_bytes")
            .then_some(())
    });
    kinds
}

/// The rows of the table in `docs/METRICS.md`.
fn told() -> BTreeMap<String, String> {
    let lines = include_str!("../../docs/METRICS.md").lines();
    let rows = lines.filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split('|').map(str::trim);
        Some((
            cells.next()?.strip_suffix('`')?.to_owned(),
            cells.next()?.to_owned(),
        ))
    });
    rows.collect()
}

/// Everything in a text that looks like the name of a metric of the daemon.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|char: char| !char.is_ascii_alphanumeric() && char != '_');
    let ours = words.filter(|word| {
        let begins = ["cellftpd_", "grpc_server_", "process_"];
        begins.iter().any(|begin| word.starts_with(begin))
    });
    let parts = ["_bucket", "_sum", "_count"];
    let whole = ours.map(|word| {
        let part = parts.iter().find_map(|part| word.strip_suffix(part));
        part.unwrap_or(word).to_owned()
    });
    whole.collect()
}

#[test]
fn the_table_of_metrics_has_what_the_daemon_serves_and_nothing_else() {
    assert_eq!(told(), served());
}

#[test]
fn alerts_and_dashboard_name_metrics_that_there_are() {
    let told = told();
    let rules = include_str!("../../deploy/prometheus/cellftpd.rules.yml");
    let dashboard = include_str!("../../deploy/grafana/cellftpd.json");
    serde_json::from_str::<serde_json::Value>(dashboard).unwrap();
    for (what, text) in [("rules", rules), ("dashboard", dashboard)] {
        let named = named(text);
        assert!(named.len() > 10, "{what}: {named:?}");
        let unknown: Vec<_> = named
            .iter()
            .filter(|name| !told.contains_key(*name))
            .collect();
        assert!(unknown.is_empty(), "{what}: {unknown:?}");
    }
    // Each alert is shown to fire.
    let tests = include_str!("../../deploy/prometheus/cellftpd.rules.test.yml");
    let alerts = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "));
    for alert in alerts {
        let fires = format!("ALERTS{{alertname=\"{alert}\", alertstate=\"firing\"}}");
        let silent = format!("{{alertname: {alert}, eval_time: ");
        assert!(tests.contains(&fires) && tests.contains(&silent), "{alert}");
    }
}

#[test]
fn health_and_a_checked_status_have_exit_codes() {
    let service = Service::start();
    service.hear("STATUS=ready");
    let door = service.door().display().to_string();
    let cellftp = |words: &[&str]| run(CELLFTP, &[&["--socket", &door], words].concat());
    for words in [
        &["health"][..],
        &["health", "FtpsService"],
        &["health", "cellftp.v1.ModemService"],
        &["status", "--check"],
    ] {
        let asked = cellftp(words);
        assert_eq!(
            asked.status.code(),
            Some(0),
            "{words:?} {}",
            text(&asked.stderr)
        );
    }
    // This daemon keeps no transfers.
    let asked = cellftp(&["health", "TransferService"]);
    assert_eq!(asked.status.code(), Some(5), "{}", text(&asked.stderr));
    let asked = cellftp(&["health", "Nobody"]);
    assert_eq!(asked.status.code(), Some(3), "{}", text(&asked.stderr));
    let shown = text(&cellftp(&["status"]).stdout);
    let version = format!("cellftpd {}, runs for", env!("CARGO_PKG_VERSION"));
    assert!(shown.contains(&version), "{shown}");

    let locked = Service::with("[module.emulator.knobs]\nsim = \"pin\"\n");
    locked.hear("READY=1");
    let door = locked.door().display().to_string();
    let asked = run(CELLFTP, &["--socket", &door, "health", "FtpsService"]);
    assert_eq!(asked.status.code(), Some(5), "{}", text(&asked.stderr));
    crate::wait::until("SIM that is locked", crate::PATIENCE, || {
        let asked = run(CELLFTP, &["--socket", &door, "status", "--check"]);
        assert_eq!(asked.status.code(), Some(5));
        text(&asked.stderr)
            .contains("the SIM is locked")
            .then_some(())
    });
}
