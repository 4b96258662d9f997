//! Who else has a device open.

use std::fs;
use std::path::Path;

/// Name and process id of a program other than this one that has the device open, where the
/// system lets us see it (`/proc/<pid>/fd`, proc(5)).
pub(super) fn of(device: &Path) -> Option<String> {
    let device = fs::canonicalize(device).ok()?;
    let own = std::process::id().to_string();
    for process in fs::read_dir("/proc").ok()?.flatten() {
        let pid = process.file_name();
        let Some(pid) = pid
            .to_str()
            .filter(|pid| pid.bytes().all(|b| b.is_ascii_digit()))
        else {
            continue;
        };
        if pid == own || !has_open(&process.path(), &device) {
            continue;
        }
        let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
        return Some(format!("{} (pid {pid})", name.trim()));
    }
    None
}

fn has_open(process: &Path, device: &Path) -> bool {
    let Ok(descriptors) = fs::read_dir(process.join("fd")) else {
        return false;
    };
    descriptors
        .flatten()
        .any(|entry| fs::read_link(entry.path()).is_ok_and(|target| target == device))
}
