//! What calls and transfers are asked for beside what they do.

use std::collections::HashMap;
use std::time::Duration;

use super::value::time;
use cellftp::client::{CallOptions, TransferOptions};

/// How a call is made that changes something.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Asking {
    /// Name of the request: the same request under the same name is carried out once, and the answer
    /// of the first is told again, for ten minutes
    #[arg(long, value_name = "ID")]
    pub(crate) request_id: Option<String>,

    /// Have the daemon check the request, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

impl Asking {
    pub(crate) fn options(&self, labels: &[(String, String)]) -> CallOptions {
        CallOptions {
            request_id: self.request_id.clone().unwrap_or_default(),
            validate_only: self.dry_run,
            labels: labels.iter().cloned().collect(),
        }
    }
}

/// When a transfer may be delivered. Both are counted while the daemon runs.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Terms {
    /// Wait so long before the first try, for example 2h
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) start_delay: Option<Duration>,

    /// Give the transfer up after so long, for example 1d
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) lifetime: Option<Duration>,
}

impl Terms {
    pub(crate) fn options(&self, labels: &[(String, String)]) -> TransferOptions {
        let span = |span: Option<Duration>| span.and_then(|span| span.try_into().ok());
        TransferOptions {
            start_delay: span(self.start_delay),
            lifetime: span(self.lifetime),
            labels: labels.iter().cloned().collect::<HashMap<_, _>>(),
        }
    }
}

/// Whose things a command is about.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Whose {
    /// Of another principal, for example cert:meter, which needs the role `administer`; - for all,
    /// where all can be meant
    #[arg(long, value_name = "PRINCIPAL", allow_hyphen_values = true)]
    pub(crate) principal: Option<String>,
}
