//! The small file beside another that tells readers that the other is complete.

use bytes::Bytes;

use crate::broker::operation::{Feed, Operation};
use crate::broker::terms::{Cause, Error};
use crate::modem::source::AtHand;
use simcom_talk::dialogue::operation::{Output, Standing, Task, Upload};
use simcom_talk::ftps::value::{RemotePath, TransferType};

/// The sentinel of a complete file on the server.
#[derive(Debug, Clone)]
pub(crate) struct Sentinel {
    /// Path of the sentinel.
    pub(crate) path: RemotePath,
    /// Path of the file that it describes.
    pub(crate) of: RemotePath,
    pub(crate) size: u64,
    pub(crate) sha256: [u8; 32],
}

impl Sentinel {
    /// Writes it as a part of an operation. `may` is asked while the operation has the link:
    /// whether the sentinel would still be true.
    ///
    /// # Errors
    /// [`Cause::NameTaken`]: `may` said no. [`Cause::SizeMismatch`]: the server has another size.
    /// [`Cause::SentinelUnknown`]: nobody knows whether it is there. Else the link causes of
    /// [`Broker`](crate::broker::Broker).
    pub(crate) async fn write(
        &self,
        operation: &Operation,
        standing: &Standing,
        may: impl FnOnce() -> bool,
    ) -> Result<(), Error> {
        let content = self.content();
        let size = content.len() as u64;
        let mut standing = standing.clone();
        if let Standing::LoggedIn(place) = &mut standing {
            place.transfer_type = TransferType::Binary;
        }
        let upload = Upload {
            path: self.path.clone(),
            must_be_new: false,
            verify_size: true,
            delete_on_failure: true,
            begun: None,
            at_hand: Some(size),
        };
        let feed = Feed {
            source: Some(Box::new(AtHand(Bytes::from(content)))),
            ..Feed::default()
        };
        let answer = operation.run_if(may, standing, Task::Upload(upload), feed);
        let error = match answer.await? {
            Some(Output::Stored(stored)) => match stored.confirmed {
                Some(found) if found != size => operation.error(Cause::SizeMismatch {
                    expected: size,
                    found,
                }),
                None if !stored.acknowledged => operation.error(Cause::SentinelUnknown),
                _ => return Ok(()),
            },
            Some(_) => operation.error(Cause::WrongAnswer),
            None => operation.error(Cause::NameTaken(self.of.to_string())),
        };
        Err(error)
    }

    fn content(&self) -> String {
        let digits = self.sha256.iter().map(|byte| format!("{byte:02x}"));
        format!(
            "size={}\nsha256={}\n",
            self.size,
            digits.collect::<String>()
        )
    }
}
