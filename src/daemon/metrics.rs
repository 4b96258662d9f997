//! Counts served over HTTP, in the text format of Prometheus.

mod condition;
mod process;

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinHandle, JoinSet};
use tokio::time::{interval, sleep, timeout};

use crate::{broker, modem, rpc, transfers};
pub(super) use condition::follow;
use process::Process;

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
    /// Another recorder is installed in this process.
    #[error("metrics are counted already")]
    Counted,
}

/// Connections at once. A monitoring system needs one. Beyond the bound the oldest is closed.
const AT_ONCE: usize = 16;

/// How long a request and its answer may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// Longest request that is accepted, in bytes. Only its end is looked for.
const QUESTION: usize = 8 * 1024;

/// The interval at which the exporter's buffers are emptied: the exporter's own default.
const UPKEEP: Duration = Duration::from_secs(5);

/// Pause after a connection could not be accepted, mostly for want of descriptors.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Counts from now on, and serves the counts at an address until the task is aborted.
///
/// Any program of this machine may connect, without a principal. Connections are few and short, so that they
/// take no descriptors from the daemon's own work.
///
/// # Errors
/// [`Error::Bind`] where the address cannot be had, [`Error::Exporter`] where the exporter cannot be set
/// up, [`Error::Counted`] where this process counts already.
pub(super) fn serve(at: SocketAddr) -> Result<JoinHandle<()>, Error> {
    let bind = |source| Error::Bind { at, source };
    let listener = std::net::TcpListener::bind(at).map_err(bind)?;
    listener.set_nonblocking(true).map_err(bind)?;
    let listener = TcpListener::from_std(listener).map_err(bind)?;
    let recorder = PrometheusBuilder::new()
        .set_buckets(&broker::watch::metrics::SECONDS)?
        .build_recorder();
    let counts = recorder.handle();
    ::metrics::set_global_recorder(recorder).map_err(|_| Error::Counted)?;
    modem::metrics::describe();
    broker::watch::metrics::describe();
    transfers::metrics::describe();
    rpc::metrics::describe();
    condition::describe();
    let process = Arc::new(Process::describe());
    tracing::info!("metrics at http://{at}/metrics");
    Ok(tokio::spawn(run(listener, counts, process)))
}

async fn run(listener: TcpListener, counts: PrometheusHandle, process: Arc<Process>) {
    // The connections end when this task is dropped.
    let mut answers = JoinSet::new();
    let mut by_age: VecDeque<AbortHandle> = VecDeque::new();
    let mut upkeep = interval(UPKEEP);
    loop {
        tokio::select! {
            _ = upkeep.tick() => counts.run_upkeep(),
            Some(_) = answers.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    by_age.retain(|answer| !answer.is_finished());
                    if by_age.len() >= AT_ONCE && let Some(oldest) = by_age.pop_front() {
                        oldest.abort();
                    }
                    let answer = timeout(DEADLINE, answer(stream, counts.clone(), Arc::clone(&process)));
                    by_age.push_back(answers.spawn(answer));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection for metrics could not be accepted");
                    sleep(ACCEPT_AGAIN).await;
                }
            }
        }
    }
}

/// Answers any request with the counts (RFC 9112).
async fn answer(
    mut stream: TcpStream,
    counts: PrometheusHandle,
    process: Arc<Process>,
) -> io::Result<()> {
    let mut question = Vec::new();
    while !question.ends_with(b"\r\n\r\n") {
        if question.len() >= QUESTION || stream.read_buf(&mut question).await? == 0 {
            return Ok(());
        }
    }
    process.sample();
    let body = counts.render();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4; charset=utf-8\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_bounds_tells_what_is_in_force() {
        let seconds = DEADLINE.as_secs();
        let row = format!("| connections for metrics | | {AT_ONCE}, of {seconds} s |");
        assert!(
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).contains(&row),
            "{row}"
        );
    }
}
