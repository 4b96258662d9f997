//! A file of the daemon's disk on its way to the server.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::DropGuard;

use super::content::{Content, OnDisk};
use super::drive::Driver;
use super::{PutHeader, PutProgress};
use crate::broker::Broker;
use crate::broker::terms::{Caller, Error, Key, PutResult, Verify};
use crate::modem::JobId;
use simcom_talk::dialogue::operation::BegunUpload;

/// A running upload whose bytes are all on the disk. Dropping it cancels the operation.
#[derive(Debug)]
pub(crate) struct Sending {
    operation: JobId,
    progress: watch::Receiver<PutProgress>,
    driver: JoinHandle<Result<PutResult, Error>>,
    _cancel: DropGuard,
}

impl Broker {
    /// Admits the writing of a file on the disk for the transfer `own`, or of the rest of it if an
    /// earlier operation has begun. Returns at once.
    ///
    /// # Errors
    /// The target and admission causes of [`Broker`]; `Cause::InvalidPath`, `Cause::OwnSentinel` or
    /// `Cause::NoVerifyInAscii` for the header. Nothing has reached the module.
    pub(crate) fn send(
        &self,
        caller: &Caller,
        header: &PutHeader,
        file: OnDisk,
        begun: Option<BegunUpload>,
        own: Key,
    ) -> Result<Sending, Error> {
        let (location, session) = self.locate(caller, &header.target)?;
        let there = location.clone().about(&location.locate(&header.path)?.1);
        let operation = self.admit(caller, "Put", there, session)?;
        if let Some(allowance) = &operation.allowance {
            let at = begun.as_ref().map_or(0, |begun| begun.at);
            let rest = file.size.saturating_sub(at);
            allowance.upload(rest, header.verify == Some(Verify::ReadBack))?;
        }
        let (report, progress) = watch::channel(PutProgress::default());
        let patience = self.patience();
        let content = Content::OnDisk(file);
        let (id, teller) = (operation.id.clone(), operation.teller());
        let cancel = operation.cancel.clone().drop_guard();
        let mut driver = Driver::new(
            Arc::clone(&operation),
            &location,
            header,
            content,
            report,
            patience,
        )?;
        driver.begun = begun;
        driver.own = Some(own);
        Ok(Sending {
            operation: id,
            progress,
            driver: tokio::spawn(teller.tells(driver.run())),
            _cancel: cancel,
        })
    }
}

impl Sending {
    /// Identifies the operation.
    pub(crate) const fn operation(&self) -> &JobId {
        &self.operation
    }

    /// How far it is, now and at every change.
    pub(crate) fn progress(&self) -> watch::Receiver<PutProgress> {
        self.progress.clone()
    }

    /// Waits for the result.
    ///
    /// # Errors
    /// As with [`super::Writing::finish`].
    pub(crate) async fn finish(mut self) -> Result<PutResult, Error> {
        let finished = (&mut self.driver).await;
        finished.unwrap_or_else(|how| Err(Error::lost(&self.operation, &how)))
    }
}
