//! Requests that have a name (`request_id`) are carried out once. Their answers are kept, and sent again.

use bytes::Bytes;
use prost::Message;
use tonic::{Code, Response, Status};
use tonic_types::StatusExt;

use super::call::{given_up, within};
use super::options::{Validated, begun};
use super::status;
use crate::broker::Broker;
use crate::broker::operation::requests::{Begin, Ticket};
use crate::broker::terms::{Caller, Cause, Error};
use crate::modem::JobId;
use crate::proto::OperationProgress;

/// Answers a request that has one answer. A request that has a name goes on without its caller.
pub(super) async fn answer<T, F>(
    broker: &Broker,
    caller: Caller,
    work: impl FnOnce(Caller) -> F,
) -> Result<Response<T>, Status>
where
    T: Validated,
    F: Future<Output = Result<T, Error>> + Send + 'static,
{
    let ticket = match &caller.options.request {
        Some(named) if !caller.options.validate_only => loop {
            match broker.begin_once(&caller, named) {
                Ok(Begin::Anew(ticket)) => break ticket,
                Ok(Begin::Answered(answer)) => return answer_of(&answer).map(Response::new),
                Ok(Begin::Running(mut running)) => tokio::select! {
                    biased;
                    () = running.over() => {}
                    () = given_up(&caller) => return Err(status::of(&Cause::Expired.into())),
                },
                Err(error) => return Err(status::of(&error)),
            }
        },
        _ => {
            return plain(&caller, work(caller.clone()))
                .await
                .map(Response::new);
        }
    };
    let work = work(caller.clone());
    let done = tokio::spawn(async move {
        let done = plain(&caller, work).await;
        let (result, failed) = (done.as_ref().ok(), done.as_ref().err());
        Keep(Some(ticket)).answer(None, result, failed);
        done
    });
    let done = done.await;
    let done = done.unwrap_or_else(|_| Err(status::of(&Cause::WrongAnswer.into())));
    done.map(Response::new)
}

/// Keeps the end of a stream whose request has a name.
#[derive(Debug, Default)]
pub(super) struct Keep(Option<Ticket>);

/// How a stream begins.
pub(super) enum Opening<R> {
    /// The request is carried out.
    Go(Keep),
    /// The request was carried out before: these were its last answers.
    Answered(Vec<Result<R, Status>>),
}

/// Begins a stream that changes something.
pub(super) fn open<R>(broker: &Broker, caller: &Caller) -> Result<Opening<R>, Status>
where
    R: Validated + From<OperationProgress>,
{
    let Some(named) = &caller.options.request else {
        return Ok(Opening::Go(Keep::default()));
    };
    if caller.options.validate_only {
        return Ok(Opening::Go(Keep::default()));
    }
    match broker.begin_once(caller, named) {
        Ok(Begin::Anew(ticket)) => Ok(Opening::Go(Keep(Some(ticket)))),
        Ok(Begin::Answered(answer)) => Ok(Opening::Answered(answers(&answer)?)),
        Ok(Begin::Running(running)) => Err(status::of(&Error {
            operation: running.operation,
            ..Cause::RequestRunning.into()
        })),
        Err(error) => Err(status::of(&error)),
    }
}

impl Keep {
    /// Whether the request has a name, and so goes on without its caller.
    pub(super) const fn is_named(&self) -> bool {
        self.0.is_some()
    }

    /// Keeps the end. An end after which the same request may be tried again is not kept.
    pub(super) fn answer<R: Message>(
        self,
        operation: Option<&JobId>,
        result: Option<&R>,
        failed: Option<&Status>,
    ) {
        let Some(ticket) = self.0 else { return };
        if failed.is_some_and(may_be_repeated) {
            return;
        }
        let kept = Kept {
            operation: operation.map_or_else(String::new, |id| id.as_str().into()),
            result: result.map(|result| result.encode_to_vec().into()),
            code: failed.map_or(0, |failed| failed.code().into()),
            message: failed.map_or_else(String::new, |failed| failed.message().into()),
            details: failed.map_or_else(Bytes::new, |failed| {
                Bytes::copy_from_slice(failed.details())
            }),
        };
        ticket.answer(kept.encode_to_vec().into());
    }
}

/// The answer of a request. Only this process reads it.
#[derive(Clone, PartialEq, Message)]
struct Kept {
    /// Empty where the request has one answer.
    #[prost(string, tag = "1")]
    operation: String,
    /// The message with the result.
    #[prost(bytes = "bytes", optional, tag = "2")]
    result: Option<Bytes>,
    /// The status code; 0: OK.
    #[prost(int32, tag = "3")]
    code: i32,
    #[prost(string, tag = "4")]
    message: String,
    #[prost(bytes = "bytes", tag = "5")]
    details: Bytes,
}

impl Kept {
    fn read(answer: &Bytes) -> Result<Self, Status> {
        Self::decode(answer.clone()).map_err(|_| status::of(&Cause::WrongAnswer.into()))
    }

    fn failed(&self) -> Option<Status> {
        let code = Code::from_i32(self.code);
        let failed = Status::with_details(code, self.message.clone(), self.details.clone());
        (code != Code::Ok).then_some(failed)
    }

    fn message<R: Message + Default>(&self) -> Result<Option<R>, Status> {
        let result = self.result.clone().map(R::decode).transpose();
        result.map_err(|_| status::of(&Cause::WrongAnswer.into()))
    }
}

fn answer_of<T: Message + Default>(answer: &Bytes) -> Result<T, Status> {
    let kept = Kept::read(answer)?;
    match kept.failed() {
        Some(failed) => Err(failed),
        None => Ok(kept.message()?.unwrap_or_default()),
    }
}

fn answers<R>(answer: &Bytes) -> Result<Vec<Result<R, Status>>, Status>
where
    R: Message + Default + From<OperationProgress>,
{
    let kept = Kept::read(answer)?;
    let first = R::from(OperationProgress {
        operation_id: kept.operation.clone(),
        ..OperationProgress::default()
    });
    let rest = kept.message()?.map(Ok).into_iter();
    Ok(std::iter::once(Ok(first))
        .chain(rest)
        .chain(kept.failed().map(Err))
        .collect())
}

/// Whether the same request may be carried out again: it may succeed later, or it never arrived as a whole.
fn may_be_repeated(failed: &Status) -> bool {
    failed.get_details_retry_info().is_some() || status::is_unfinished(failed)
}

/// Does the work until the caller's deadline. Where the request was only checked, the answer says so.
async fn plain<T: Validated>(
    caller: &Caller,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Status> {
    let outcome = within(caller, async { Ok(work.await) }).await?;
    Ok(begun(outcome)?.unwrap_or_else(T::validated))
}
