//! `[metrics]`: counts for a monitoring system.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::optional;
use crate::rpc::listen::Loopback;

/// Counts for a monitoring system, in the text format of Prometheus.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Metrics {
    /// Loopback address and port for HTTP; empty: none.
    #[serde(with = "optional")]
    #[cfg_attr(test, schemars(with = "String"))]
    pub listen: Option<Loopback>,
}

impl Metrics {
    /// The address; `None` where there are no metrics.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.listen.map(Loopback::get)
    }
}
