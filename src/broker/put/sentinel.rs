//! The small file beside another that tells readers that the other is whole.

use bytes::Bytes;

use crate::broker::error::{Cause, Error};
use crate::broker::operation::{Feed, Operation};
use crate::modem::source::AtHand;
use simcom_talk::dialogue::operation::{Output, Standing, Task, Upload};
use simcom_talk::ftps::value::{RemotePath, TransferType};

/// The sentinel of a file that is on the server, whole.
#[derive(Debug, Clone)]
pub(in crate::broker) struct Sentinel {
    /// Of the sentinel.
    pub(in crate::broker) path: RemotePath,
    /// Of the file that it tells of.
    pub(in crate::broker) of: RemotePath,
    pub(in crate::broker) size: u64,
    pub(in crate::broker) sha256: [u8; 32],
}

impl Sentinel {
    /// Writes it, as a part of an operation. `may` is asked with the link: whether what the sentinel
    /// tells is still true.
    ///
    /// # Errors
    /// It is not there, or nobody knows. [`Cause::NameTaken`]: `may` said no.
    pub(in crate::broker) async fn write(
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
