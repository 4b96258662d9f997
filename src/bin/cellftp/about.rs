//! `cellftp profiles` and `cellftp version`: what the daemon is, and which servers it offers.

use serde_json::json;

use crate::args::Args;
use crate::failure::Failure;
use crate::output::{Plain, print, seconds, words};
use crate::table::table;
use cellftp::client::{Client, Profile};

pub(crate) async fn profiles(args: &Args, client: &Client) -> Result<(), Failure> {
    let profiles = client.profiles().await?;
    let head = [
        "PROFILE", "SERVER", "SECURITY", "VERIFIED", "ACCESS", "PRIORITY",
    ];
    let rows: Vec<_> = profiles.iter().map(row).collect();
    print(args.json, table(&head, &rows), || {
        profiles.iter().map(value).collect()
    })
}

fn row(profile: &Profile) -> Vec<String> {
    vec![
        Plain(&profile.name).to_string(),
        server(profile),
        security(profile),
        words(profile.verification().as_str_name(), "SERVER_VERIFICATION_")
            .replace("unspecified", "-"),
        words(profile.access().as_str_name(), "PROFILE_ACCESS_"),
        words(profile.priority().as_str_name(), "PRIORITY_"),
    ]
}

/// Host and port; a daemon that is older does not tell them.
fn server(profile: &Profile) -> String {
    if profile.host.is_empty() {
        return "-".into();
    }
    format!("{}:{}", Plain(&profile.host), profile.port)
}

/// As the configuration has it.
fn security(profile: &Profile) -> String {
    words(profile.security().as_str_name(), "SECURITY_").replace(' ', "-")
}

fn value(profile: &Profile) -> serde_json::Value {
    json!({
        "name": profile.name,
        "host": profile.host,
        "port": profile.port,
        "security": security(profile),
        "verification": profile.verification().as_str_name(),
        "access": words(profile.access().as_str_name(), "PROFILE_ACCESS_"),
        "priority": words(profile.priority().as_str_name(), "PRIORITY_"),
        "yields": words(profile.yield_policy().as_str_name(), "YIELD_POLICY_"),
        "name_encoding": profile.name_encoding,
    })
}

pub(crate) async fn version(args: &Args, client: &Client) -> Result<(), Failure> {
    let daemon = client.server_info().await?;
    let own = env!("CARGO_PKG_VERSION");
    let build = match daemon.build.as_str() {
        "" => String::new(),
        build => format!(" ({})", Plain(build)),
    };
    let up = seconds(daemon.uptime.as_ref()).unwrap_or_default();
    let text = format!(
        "cellftp   {own}\ncellftpd  {}{build}, up {up:.0} s\nyou are   {}, with the roles {}\n",
        Plain(&daemon.version),
        Plain(&daemon.principal),
        daemon.roles.join(", "),
    );
    print(args.json, text, || {
        json!({
            "client": own,
            "daemon": daemon.version,
            "build": daemon.build,
            "uptime_seconds": up,
            "principal": daemon.principal,
            "roles": daemon.roles,
            "features": daemon.features,
        })
    })
}
