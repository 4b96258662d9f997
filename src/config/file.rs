//! Files that the configuration names.

use std::fs;
use std::path::{Path, PathBuf};

/// Where systemd puts the credentials of a service (systemd.exec(5)).
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// The path of a file, and its content.
pub(super) fn contents(file: &Path) -> Result<(PathBuf, Vec<u8>), String> {
    let path = locate(file)?;
    let text = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok((path, text))
}

/// The path of a file. A relative path is one of systemd's credentials.
pub(super) fn locate(file: &Path) -> Result<PathBuf, String> {
    if file.is_absolute() {
        return Ok(file.to_owned());
    }
    let directory = std::env::var_os(CREDENTIALS).ok_or_else(|| {
        format!(
            "is a relative path, so one of systemd's credentials, and there are none \
             (${CREDENTIALS} is not set); allowed: an absolute path, or the name of a \
             credential (LoadCredential= in the unit)"
        )
    })?;
    Ok(PathBuf::from(directory).join(file))
}
