//! Who may use a server profile, and for what.

use std::fmt;
use std::str::FromStr;

use super::caller::Principal;

/// What a profile may be used for, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Principals that may look at the profile's server and read files.
    pub read: Vec<Who>,
    /// Principals that may also write, create and delete.
    pub write: Vec<Who>,
}

impl Default for Access {
    /// Everybody may do everything.
    fn default() -> Self {
        Self {
            read: Vec::new(),
            write: vec![Who::everybody()],
        }
    }
}

/// What a principal may do with a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    /// Look at its server and read files.
    Read,
    /// Everything.
    Write,
}

impl Access {
    /// What a principal may do; `None`: nothing.
    #[must_use]
    pub fn of(&self, principal: &Principal) -> Option<Rights> {
        let named = |list: &[Who]| list.iter().any(|who| who.means(principal));
        if named(&self.write) {
            Some(Rights::Write)
        } else {
            named(&self.read).then_some(Rights::Read)
        }
    }

    /// Whether a principal may call a method.
    #[must_use]
    pub fn allows(&self, principal: &Principal, method: &str) -> bool {
        match self.of(principal) {
            Some(Rights::Write) => true,
            Some(Rights::Read) => only_reads(method),
            None => false,
        }
    }
}

/// Whether a method leaves the server unchanged. An unknown method counts as one that changes it.
fn only_reads(method: &str) -> bool {
    matches!(
        method,
        "OpenSession"
            | "ChangeDirectory"
            | "List"
            | "GetSize"
            | "Get"
            | "GetFiles"
            | "StatFiles"
            | "Stat"
            | "Walk"
            | "FetchToModule"
            | "CreateDownload"
    )
}

/// Names principals in a list: one of them, `uid:*`, `cert:*` or `outbox:*` for all of a kind, or `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who(String);

/// Why a text names no principals.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` names nobody; allowed: `*` for all, `uid:*` and `uid:NUMBER` for users of this machine, \
     `cert:*` and `cert:NAME` for certificates, `tcp` for the TCP port without TLS, `outbox:*` and \
     `outbox:NAME` for outboxes"
)]
pub struct WhoError(String);

impl Who {
    /// Every principal.
    #[must_use]
    pub fn everybody() -> Self {
        Self("*".into())
    }

    /// All users of this machine.
    #[must_use]
    pub fn users() -> Self {
        Self("uid:*".into())
    }

    /// The TCP port without TLS.
    #[must_use]
    pub fn tcp() -> Self {
        Self("tcp".into())
    }

    /// Whether the list entry names a principal.
    #[must_use]
    pub fn means(&self, principal: &Principal) -> bool {
        let name = principal.as_str();
        match self.0.as_str() {
            "*" => true,
            "uid:*" => name.starts_with("uid:"),
            "cert:*" => name.starts_with("cert:"),
            "outbox:*" => name.starts_with("outbox:"),
            exact => name == exact,
        }
    }
}

impl FromStr for Who {
    type Err = WhoError;

    fn from_str(text: &str) -> Result<Self, WhoError> {
        let known = match text.split_once(':') {
            Some(("uid", user)) => user == "*" || user.parse::<u32>().is_ok(),
            Some(("cert" | "outbox", name)) => !name.is_empty(),
            Some(_) => false,
            None => matches!(text, "*" | "tcp"),
        };
        if known {
            Ok(Self(text.into()))
        } else {
            Err(WhoError(text.into()))
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_read_may_not_write() {
        let access = Access {
            read: vec!["cert:*".parse().unwrap()],
            write: vec!["uid:7".parse().unwrap()],
        };
        let may = |who: &str, method: &str| access.allows(&Principal::new(who), method);
        let reads = [
            "Get",
            "GetFiles",
            "List",
            "GetSize",
            "Stat",
            "StatFiles",
            "Walk",
            "OpenSession",
            "ChangeDirectory",
            "FetchToModule",
            "CreateDownload",
        ];
        for method in reads {
            assert!(
                may("cert:meter", method) && may("uid:7", method),
                "{method}"
            );
            assert!(!may("uid:8", method), "{method}");
        }
        let writes = [
            "Put",
            "PutFiles",
            "DeleteFile",
            "DeleteFiles",
            "MakeDirectory",
            "RemoveDirectory",
            "RemoveTree",
            "CreateUpload",
            "SendFromModule",
            "New",
        ];
        for method in writes {
            assert!(
                may("uid:7", method) && !may("cert:meter", method),
                "{method}"
            );
        }
        assert!(Access::default().allows(&Principal::new("tcp"), "Put"));
    }

    #[test]
    fn what_names_nobody_is_refused() {
        for text in [
            "", "root", "uid:", "uid:root", "uid:-1", "cert:", "tcp:*", "user:*",
        ] {
            let error = text.parse::<Who>().unwrap_err().to_string();
            assert!(error.contains(&format!("`{text}` names nobody")), "{error}");
        }
    }
}
