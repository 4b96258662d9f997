//! Counts served over HTTP, in the text format of Prometheus.

use std::io;
use std::net::SocketAddr;

use metrics_exporter_prometheus::{BuildError, PrometheusBuilder};
use tokio::task::JoinHandle;

use crate::broker;
use crate::rpc;

/// Why no counts are served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is taken, or the system refuses it.
    #[error("cannot serve metrics on {at}")]
    Bind {
        /// The address.
        at: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The exporter could not be set up.
    #[error("metrics cannot be served")]
    Exporter(#[from] BuildError),
    /// Somebody else counts in this process.
    #[error("metrics are counted already")]
    Counted,
}

/// Counts from now on, and serves the counts at an address until the task is aborted.
///
/// # Errors
/// The address cannot be had.
pub(super) fn serve(at: SocketAddr) -> Result<JoinHandle<()>, Error> {
    let bind = |source| Error::Bind { at, source };
    // The exporter says of a taken address only that it is; the system says why.
    drop(std::net::TcpListener::bind(at).map_err(bind)?);
    let (recorder, exporter) = PrometheusBuilder::new()
        .with_http_listener(at)
        .set_buckets(&broker::metrics::SECONDS)?
        .build()?;
    ::metrics::set_global_recorder(recorder).map_err(|_| Error::Counted)?;
    broker::metrics::describe();
    rpc::metrics::describe();
    tracing::info!("metrics at http://{at}/metrics");
    Ok(tokio::spawn(async move {
        if let Err(error) = exporter.await {
            tracing::warn!(?error, "metrics are no longer served");
        }
    }))
}
