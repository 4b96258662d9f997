//! Files on the module, by `cellftp module`, which the module itself moves to and from real
//! servers.

use std::process::Command;

use serde_json::Value;

use crate::content::{assert_holds, traps};
use crate::support::servers::Server;
use crate::support::site::{Family, Site};

/// Every command of `cellftp module`.
pub(crate) fn module_files(family: Family, site: &Site, server: &Server) {
    let drive = match family {
        Family::Sim7600 => "F:",
        Family::A7670 => "C:",
    };
    let on_module = format!("{drive}/file.bin");
    let remote = server.remote("file.bin");
    let content = traps(300_000);
    server.place("file.bin", &content);

    let fetched = cellftp(site, &["fetch", &remote, drive]).expect("fetched");
    assert_eq!(fetched["size"], 300_000, "{fetched:#}");
    assert_eq!(fetched["state"], "PUT_STATE_VERIFIED_SIZE", "{fetched:#}");
    assert_eq!(fetched["path"], on_module.as_str(), "{fetched:#}");
    let listing = cellftp(site, &["ls", drive]).expect("a listing");
    assert_eq!(listing[0]["name"], "file.bin", "{listing:#}");
    assert_eq!(listing[0]["size"], 300_000, "{listing:#}");
    let room = cellftp(site, &["df"]).expect("the drives");
    let used = room
        .as_array()
        .and_then(|drives| drives.iter().find(|row| row["drive"] == drive))
        .map(|row| row["used"].clone());
    assert_eq!(used, Some(300_000.into()), "{room:#}");

    let local = site.scratch("back");
    let path = local.to_str().expect("UTF-8");
    cellftp(site, &["get", &on_module, path]).expect("read");
    assert_holds(&local, &content);

    // The other way, over what is there, and to a name that the server does not have yet.
    let other = traps(150_001);
    std::fs::write(&local, &other).expect("a scratch directory is writable");
    cellftp(site, &["put", path, &format!("{drive}/new.bin")]).expect("written");
    let sent = cellftp(site, &["send", &server.remote("new.bin"), drive]).expect("sent");
    assert_eq!(sent["size"], 150_001, "{sent:#}");
    assert_eq!(sent["state"], "PUT_STATE_VERIFIED_SIZE", "{sent:#}");
    assert_holds(&server.local("new.bin"), &other);

    cellftp(site, &["rm", &on_module]).expect("deleted");
    assert_eq!(cellftp(site, &["rm", &on_module]), Err(3));
    let none = server.remote("none");
    assert_eq!(cellftp(site, &["fetch", &none, drive]), Err(3));
    assert_eq!(cellftp(site, &["send", &none, drive]), Err(3));
    outside_ascii(family, site, server, drive);
}

/// A file whose name is outside ASCII, which only the SIM7600 takes.
fn outside_ascii(family: Family, site: &Site, server: &Server, drive: &str) {
    let (name, content) = ("\u{fc}ber \u{6d4b}.bin", traps(3000));
    server.place(name, &content);
    let remote = server.remote(name);
    let on_module = format!("{drive}/{name}");
    if family == Family::A7670 {
        assert_eq!(cellftp(site, &["fetch", &remote, drive]), Err(2));
        assert_eq!(cellftp(site, &["rm", &on_module]), Err(2));
        return;
    }
    let fetched = cellftp(site, &["fetch", &remote, drive]).expect("fetched");
    assert_eq!(fetched["path"], on_module.as_str(), "{fetched:#}");
    assert_eq!(fetched["state"], "PUT_STATE_VERIFIED_SIZE", "{fetched:#}");
    let listing = cellftp(site, &["ls", drive]).expect("a listing");
    let listed = listing.as_array().expect("entries").iter();
    let sizes: Vec<_> = listed.filter(|entry| entry["name"] == name).collect();
    assert_eq!(sizes.len(), 1, "{listing:#}");
    assert_eq!(sizes[0]["size"], 3000, "{listing:#}");
    std::fs::remove_file(server.local(name)).expect("the served directory is writable");
    cellftp(site, &["send", &remote, drive]).expect("sent");
    assert_holds(&server.local(name), &content);
    cellftp(site, &["rm", &on_module]).expect("deleted");
}

/// `cellftp module ...`: the document that it prints, or its exit code.
pub(crate) fn cellftp(site: &Site, words: &[&str]) -> Result<Value, i32> {
    let output = Command::new(env!("CARGO_BIN_EXE_cellftp"))
        .args([
            "--json",
            "--profile",
            "server",
            "--timeout",
            "120s",
            "--socket",
        ])
        .arg(site.scratch("cellftpd.sock"))
        .arg("module")
        .args(words)
        .output()
        .expect("cellftp starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        eprintln!("cellftp module {words:?}: {errors}");
        return Err(output.status.code().expect("an exit code"));
    }
    Ok(serde_json::from_slice(&output.stdout).expect("one JSON document"))
}
