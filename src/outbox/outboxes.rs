//! All outboxes of a daemon.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::pending;

use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use super::Outbox;
use super::courier::Courier;
use crate::transfers::Transfers;

/// Works for the outboxes of the configuration in force.
#[derive(Debug)]
pub struct Outboxes {
    wanted: watch::Receiver<Vec<Outbox>>,
    transfers: Transfers,
}

impl Outboxes {
    /// The outboxes that `wanted` names, now and at every change.
    #[must_use]
    pub const fn new(wanted: watch::Receiver<Vec<Outbox>>, transfers: Transfers) -> Self {
        Self { wanted, transfers }
    }

    /// Works until it is dropped. What changes begins anew; the others go on.
    pub async fn run(mut self) -> Infallible {
        let mut couriers = JoinSet::new();
        let mut running: HashMap<String, (Outbox, AbortHandle)> = HashMap::new();
        loop {
            let wanted = self.wanted.borrow_and_update().clone();
            running.retain(|_, (outbox, courier)| {
                let stays = wanted.contains(outbox);
                if !stays {
                    courier.abort();
                }
                stays
            });
            for outbox in wanted {
                let name = outbox.name.clone();
                running.entry(name).or_insert_with(|| {
                    tracing::info!(
                        outbox = outbox.name,
                        directory = %outbox.directory.display(),
                        profile = outbox.profile,
                        "files of this directory are sent"
                    );
                    let courier = Courier::new(outbox.clone(), self.transfers.clone());
                    (outbox, couriers.spawn(courier.run()))
                });
            }
            if self.wanted.changed().await.is_err() {
                // Nobody can want others any more.
                pending::<()>().await;
            }
            // Those that were ended are out of the set.
            while couriers.try_join_next().is_some() {}
        }
    }
}
